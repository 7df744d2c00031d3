"""From the classes of `messages` and the dictionary to tables: what the codec runs on is compiled here, once.

The annotation of a field gives how often its AVP may occur and what Python holds; the dictionary gives code, vendor,
M bit and format. A field is matched to its AVP by name (see `messages`), with the one exception below.
"""

from __future__ import annotations

import types
import typing
from enum import IntEnum
from typing import Any, Final

import msgspec

from ocs.gy import messages
from ocs.gy.dictionary import AVPS, BY_NAME, AvpDefinition

# 29.212 has a RAT-Type of its own (1032), which Gy does not use.
_AVP_OF_FIELD: Final = {("PsInformation", "rat_type"): "3GPP-RAT-Type"}

# `1* { AVP }` in the grammars: at least one, which a tuple alone does not say (RFC 6733 5.3.1, 5.3.2).
_AT_LEAST_ONE: Final = {("Cer", "host_ip_address"), ("Cea", "host_ip_address")}


_OTHERWISE: Final[dict[type[IntEnum], IntEnum]] = {messages.FinalUnitAction: messages.FinalUnitAction.TERMINATE}
"""What a value means that is not listed, where the standard says so (RFC 8506 8.35). Elsewhere it is an error."""


class Kind(IntEnum):
    """How a value stands on the wire; ordered by how often a CCR holds it."""

    UNSIGNED32 = 0
    GROUPED = 1
    TEXT = 2
    UNSIGNED64 = 3
    ENUMERATED = 4
    """Four octets, of which only the listed values are valid (but see `_OTHERWISE`)."""
    OCTETS = 5
    IDENTITY = 6
    """Text of which few different values occur: its AVPs are kept, encoded."""
    ADDRESS = 7
    TIME = 8
    INTEGER32 = 9
    INTEGER64 = 10
    OPAQUE = 11
    """A group taken as octets: Failed-AVP, which may hold anything."""


_KIND_OF_FORMAT: Final = {
    "Unsigned32": Kind.UNSIGNED32,
    "Unsigned64": Kind.UNSIGNED64,
    "Integer32": Kind.INTEGER32,
    "Integer64": Kind.INTEGER64,
    "Enumerated": Kind.INTEGER32,
    "UTF8String": Kind.TEXT,
    "IPFilterRule": Kind.TEXT,
    "DiameterURI": Kind.TEXT,
    "DiameterIdentity": Kind.IDENTITY,
    "OctetString": Kind.OCTETS,
    "Address": Kind.ADDRESS,
    "Time": Kind.TIME,
    "Grouped": Kind.GROUPED,
}

_PYTHON_OF_KIND: Final = {
    Kind.UNSIGNED32: int,
    Kind.UNSIGNED64: int,
    Kind.INTEGER32: int,
    Kind.INTEGER64: int,
    Kind.TIME: int,
    Kind.TEXT: str,
    Kind.IDENTITY: str,
    Kind.ADDRESS: str,
    Kind.OCTETS: bytes,
}

FIXED_OCTETS: Final = {
    Kind.UNSIGNED32: 4,
    Kind.INTEGER32: 4,
    Kind.ENUMERATED: 4,
    Kind.TIME: 4,
    Kind.UNSIGNED64: 8,
    Kind.INTEGER64: 8,
}
"""Payload of the formats that have one length only (RFC 6733 4.2)."""


class Field(msgspec.Struct, eq=False):
    """One AVP of a record. `members`: the valid payloads of an enumerated one; `layout`: what a group holds."""

    name: str
    avp: AvpDefinition
    kind: Kind
    required: bool
    repeated: bool
    members: dict[bytes, Any]
    layout: Layout | None


class _Open(dict[bytes, Any]):
    """Members of an enumeration in which every value means something."""

    def __init__(self, members: dict[bytes, Any], otherwise: Any) -> None:
        super().__init__(members)
        self._otherwise = otherwise

    def __missing__(self, payload: bytes) -> Any:
        return self._otherwise


class Layout:
    """The compiled form of one class: its fields in wire order, and the same by (code, vendor)."""

    def __init__(self, record: type[msgspec.Struct]) -> None:
        self.record = record
        self.fields = _fields(record)
        self.by_code = {(field.avp.code, field.avp.vendor): field for field in self.fields}
        self.required = frozenset(field.name for field in self.fields if field.required)
        self.is_message = record in typing.get_args(messages.Message)


def _avp_by_field_name() -> dict[str, AvpDefinition]:
    names = {avp.name.lower().replace("-", "_").removeprefix("3gpp_"): avp for avp in AVPS}
    return names | {avp.name.lower().replace("-", "_"): avp for avp in AVPS}


_BY_FIELD_NAME: Final = _avp_by_field_name()
_LAYOUTS: Final[dict[type[msgspec.Struct], Layout]] = {}


def layout_of(record: type[msgspec.Struct]) -> Layout:
    """The layout of a class of `messages`; compiled once."""
    if record not in _LAYOUTS:
        _LAYOUTS[record] = Layout(record)
    return _LAYOUTS[record]


def _fields(record: type[msgspec.Struct]) -> list[Field]:
    hints = typing.get_type_hints(record, vars(messages))
    return [_field(record, info, hints[info.name]) for info in msgspec.structs.fields(record)]


def _field(record: type[msgspec.Struct], info: msgspec.structs.FieldInfo, hint: Any) -> Field:
    place = (record.__name__, info.name)
    avp = BY_NAME[_AVP_OF_FIELD[place]] if place in _AVP_OF_FIELD else _BY_FIELD_NAME[info.name]
    base, repeated = _base(hint)
    kind = _KIND_OF_FORMAT[avp.format]
    members: dict[bytes, Any] = {}
    layout = None
    if base is messages.FailedAvp:
        kind = Kind.OPAQUE
    elif kind is Kind.GROUPED:
        layout = layout_of(base)
    elif issubclass(base, IntEnum):
        kind, members = Kind.ENUMERATED, {member.to_bytes(4): member for member in base}
        if base in _OTHERWISE:
            members = _Open(members, _OTHERWISE[base])
    elif info.default == messages.APPLICATION_ID:
        # The Auth-Application-Id of a message can only be that of its header (RFC 6733 6.8).
        kind, members = Kind.ENUMERATED, {messages.APPLICATION_ID.to_bytes(4): messages.APPLICATION_ID}
    elif _PYTHON_OF_KIND[kind] is not base:
        raise TypeError(f"{place}: {avp.format} does not fit {base}")
    return Field(
        name=info.name,
        avp=avp,
        kind=kind,
        required=place in _AT_LEAST_ONE or not (repeated or type(None) in typing.get_args(hint)),
        repeated=repeated,
        members=members,
        layout=layout,
    )


def _base(hint: Any) -> tuple[type, bool]:
    """`X`, `X | None` or `tuple[X, ...]` -> X and whether it repeats."""
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None)), False
    return hint, False
