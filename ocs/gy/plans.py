"""The shape of a message as a plan: where its AVP headers stand, and how its record is made of what is between them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from ocs.gy.framing import HEADER_OCTETS
from ocs.gy.grammar import STRICT, FaultError, Place, judge
from ocs.gy.layout import Field, Kind, Layout
from ocs.gy.messages import Message

_IDENTIFIERS_AT = 12
"""Where the Hop-by-Hop id begins, behind which follows the End-to-End id."""

Read = tuple[Message, tuple[bytes, ...]]
"""A message and its Proxy-Info AVPs."""


class Value(NamedTuple):
    """One AVP of a shape whose payload is a value. `members`: the valid payloads of an enumerated one."""

    kind: Kind
    start: int
    stop: int
    members: dict[bytes, Any]


class Group(NamedTuple):
    """A record of a shape: its fields in the order of their first AVP, with all AVPs of each."""

    record: type[msgspec.Struct]
    fields: list[tuple[str, bool, list[Value | Group]]]
    """Name, whether it is a tuple, and what it holds."""


class Plan(NamedTuple):
    """A shape: where its AVP headers stand, and how its message is made of what stands between them."""

    octets: bytes
    """A message of it."""
    headers: list[tuple[int, int]]
    """Start and end of the message's header without its identifiers, and of each AVP header."""
    message: Group
    proxy_info: list[tuple[int, int]]
    """Start and end of each Proxy-Info AVP."""


class Reader(Protocol):
    """What is made of a plan."""

    def read(self, octets: bytes) -> Read | None:
        """The message; None if it has another shape.

        Raises:
            KeyError, ValueError: a value is not valid.
        """


def plan_of(octets: bytes, layout: Layout) -> Plan | None:
    """The shape of a message; None if the message is not valid."""
    plan = Plan(octets, [(0, _IDENTIFIERS_AT)], Group(layout.record, []), [])
    try:
        _walk(plan, plan.message, HEADER_OCTETS, len(octets), layout)
    except FaultError:
        return None
    return plan


def _walk(plan: Plan, group: Group, position: int, end: int, layout: Layout) -> None:
    fields: dict[str, list[Value | Group]] = {}
    while position < end:
        place = judge(plan.octets, position, end, layout, STRICT)
        plan.headers.append((position, place.start))
        field = place.field
        if field is not None:
            if field.name not in fields:
                fields[field.name] = []
                group.fields.append((field.name, field.repeated, fields[field.name]))
            fields[field.name].append(_part(plan, place, field))
        elif place.proxy_info:
            plan.proxy_info.append((position, place.following))
        position = place.following


def _part(plan: Plan, place: Place, field: Field) -> Value | Group:
    if field.layout is None:
        return Value(field.kind, place.start, place.stop, field.members)
    inner = Group(field.layout.record, [])
    _walk(plan, inner, place.start, place.stop, field.layout)
    return inner
