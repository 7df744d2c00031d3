"""The columns of a record, read from its type hints, and the order in which records are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from ocs.inventory.history import Change
from ocs.records.edr import BucketPart, Edr, Transfer

R = TypeVar("R", bound=msgspec.Struct)

_INSTANTS = frozenset(
    {"event_time", "usage_start", "usage_end", "at", "opened_at", "closed_at", "begins_at", "ends_at"}
)
_IDENTITIES = frozenset({"edr_id", "session_id", "transfer_id", "pending_id", "bucket_id", "cause", "change_id"})


class Kind(Enum):
    """What a column holds."""

    LABEL = "label"
    """Text of which there are few different values."""
    IDENTITY = "identity"
    """Text that differs from row to row."""
    COUNT = "count"
    """A whole number: octets, seconds, micros, codes. A refund makes it negative."""
    INSTANT = "instant"
    """Microseconds UTC."""
    PARTS = "parts"
    """What each bucket paid."""


class Column(NamedTuple):
    """One column: `optional` ones hold None for what is not known or does not apply."""

    name: str
    kind: Kind
    optional: bool


@cache
def columns(record: type[msgspec.Struct]) -> tuple[Column, ...]:
    """The columns of a record type, in the order of its fields."""
    hints = get_type_hints(record)
    return tuple(_column(name, hints[name]) for name in record.__struct_fields__)


def in_order(records: Iterable[R]) -> list[R]:
    """Records as files hold them: EDRs by (event_time, edr_id), ledger lines and changes by (at, id), others as is.

    Neither depends on the order in which vehicles were simulated.
    """
    rows = list(records)
    key = _ORDER.get(type(rows[0])) if rows else None
    return sorted(rows, key=key) if key else rows


_ORDER: dict[type[msgspec.Struct], Callable[[Any], Any]] = {
    Edr: attrgetter("event_time", "edr_id"),
    Transfer: attrgetter("at", "transfer_id"),
    Change: attrgetter("at", "change_id"),
}


def _column(name: str, hint: Any) -> Column:
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    optional = type(None) in members
    (kind_of_value,) = {_value_type(member) for member in members if member is not type(None)}
    if kind_of_value is int:
        kind = Kind.INSTANT if name in _INSTANTS else Kind.COUNT
    elif kind_of_value is str:
        kind = Kind.IDENTITY if name in _IDENTITIES else Kind.LABEL
    elif hint == tuple[BucketPart, ...]:
        kind = Kind.PARTS
    else:
        raise TypeError(f"no column kind for {name}: {hint}")
    return Column(name, kind, optional)


def _value_type(hint: Any) -> Any:
    if get_origin(hint) is Literal:
        (value_type,) = {type(value) for value in get_args(hint)}
        return value_type
    return hint
