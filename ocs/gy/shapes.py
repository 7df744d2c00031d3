"""Messages that differ only in values: the fast way to read what comes again and again.

A gateway sends the same few arrangements of AVPs all day. The *shape* of a message is the sequence of its AVP headers
with their places. All that `codec` checks about headers, order, presence and number holds for every message of a shape
once it has held for one. So for a shape that has proved common a reader is compiled: one mask tells whether a message
has the shape, one `struct` takes all values out of it, and one expression builds the record.

Only messages that `codec` has read without a failure give shapes, and a value that is not valid (an unknown member of
an enumeration, bad UTF-8) sends the message back to `codec`, which says what is wrong. A test holds that both ways
read the same.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from ocs.gy.avp import address_text, pad, unix_seconds
from ocs.gy.framing import HEADER_OCTETS
from ocs.gy.grammar import STRICT, FaultError, Place, judge
from ocs.gy.layout import Field, Kind, Layout
from ocs.gy.messages import FailedAvp, Message

Read = tuple[Message, tuple[bytes, ...]]
"""A message and its Proxy-Info AVPs."""

_SIGHTINGS: Final = 8
"""Messages of one length read the slow way before, and between, the compiling of shapes (some milliseconds each)."""
_SHAPES_OF_A_LENGTH_MAX: Final = 8
_SHAPES_MAX: Final = 512
_SHAPE_OCTETS_MAX: Final = 8_192
"""Longer messages are read the slow way: compiling their readers would hold up everybody else."""


class _Shape(msgspec.Struct, frozen=True):
    """`mask` covers the octets of all AVP headers, `headers` is what stands there."""

    mask: int
    headers: int
    read: Callable[[bytes], Read]


class Shapes:
    """The shapes known for one class of messages."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._by_length: dict[int, list[_Shape]] = defaultdict(list)
        self._sightings: dict[int, int] = defaultdict(int)
        self._count = 0

    def read(self, octets: bytes) -> Read | None:
        """The message if it has a known shape and valid values, else None."""
        shapes = self._by_length.get(len(octets))
        if shapes:
            number = int.from_bytes(octets)
            for shape in shapes:
                if number & shape.mask == shape.headers:
                    try:
                        return shape.read(octets)
                    except (KeyError, ValueError):
                        return None
        return None

    def learn(self, octets: bytes) -> None:
        """Takes note of a message that has been read the slow way."""
        size = len(octets)
        if size > _SHAPE_OCTETS_MAX:
            return
        if self._count >= _SHAPES_MAX or (len(self._sightings) >= _SHAPES_MAX and size not in self._sightings):
            return
        self._sightings[size] += 1
        shapes = self._by_length[size]
        if self._sightings[size] % _SIGHTINGS == 0 and len(shapes) < _SHAPES_OF_A_LENGTH_MAX:
            shape = _Writer(octets).shape(self.layout)
            if shape is not None:
                shapes.append(shape)
                self._count += 1


class _Writer:
    """Writes the source of a shape's reader while walking one message of it."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._mask = bytearray(len(octets))
        self._format = [">"]
        self._cursor = 0
        self._names: list[str] = []
        self._proxy_info: list[str] = []
        self._scope: dict[str, Any] = dict(_SCOPE)

    def shape(self, layout: Layout) -> _Shape | None:
        octets = self._octets
        try:
            message = self._record(HEADER_OCTETS, len(octets), layout)
        except FaultError:
            return None
        source = (
            f"def read(octets):\n"
            f"    {_tuple(self._names)} = unpack(octets)\n"
            f"    return {message}, {_tuple(self._proxy_info)}\n"
        )
        self._scope["unpack"] = struct.Struct("".join(self._format)).unpack_from
        exec(source, self._scope)
        mask = int.from_bytes(self._mask)
        return _Shape(mask, int.from_bytes(octets) & mask, self._scope["read"])

    def _record(self, position: int, end: int, layout: Layout) -> str:
        arguments: dict[Field, list[str]] = {}
        while position < end:
            place = judge(self._octets, position, end, layout, STRICT)
            self._mask[position : place.start] = b"\xff" * (place.start - position)
            if place.field is not None:
                arguments.setdefault(place.field, []).append(self._expression(place, place.field))
            elif place.proxy_info:
                self._proxy_info.append(self._value(position, f"{place.following - position}s"))
            position = place.following
        self._scope[layout.record.__name__] = layout.record
        fields = (
            f"{field.name}=({' '.join(value + ',' for value in values)})"
            if field.repeated
            else f"{field.name}={values[0]}"
            for field, values in arguments.items()
        )
        return f"{layout.record.__name__}({', '.join(fields)})"

    def _expression(self, place: Place, field: Field) -> str:
        if field.layout is not None:
            return self._record(place.start, place.stop, field.layout)
        if field.kind is Kind.ENUMERATED:
            members = f"members_of_{field.name}"
            self._scope[members] = field.members
            return f"{members}[{self._value(place.start, '4s')}]"
        code, expression = _EXPRESSIONS[field.kind]
        return expression.format(self._value(place.start, code or f"{place.stop - place.start}s"))

    def _value(self, start: int, code: str) -> str:
        """Takes a value at that place into the `struct`; gives the name of its variable."""
        name = f"v{len(self._names)}"
        self._names.append(name)
        self._format.append(f"{start - self._cursor}x{code}")
        self._cursor = start + struct.calcsize(">" + code)
        return name


def _tuple(expressions: list[str]) -> str:
    return f"({' '.join(expression + ',' for expression in expressions)})"


# Format code (none: as many octets as there are) and expression by kind.
_EXPRESSIONS: Final = {
    Kind.UNSIGNED32: ("I", "{}"),
    Kind.UNSIGNED64: ("Q", "{}"),
    Kind.INTEGER32: ("i", "{}"),
    Kind.INTEGER64: ("q", "{}"),
    Kind.TIME: ("I", "unix_seconds({})"),
    Kind.TEXT: ("", "{}.decode()"),
    Kind.IDENTITY: ("", "{}.decode()"),
    Kind.OCTETS: ("", "{}"),
    Kind.ADDRESS: ("", "address({})"),
    Kind.OPAQUE: ("", "FailedAvp(octets=pad({}))"),
}


@lru_cache(maxsize=4_096)
def _address(data: bytes) -> str:
    text = address_text(data)
    if text is None:
        raise ValueError("neither IPv4 nor IPv6")
    return text


_SCOPE: Final[dict[str, Any]] = {
    "unix_seconds": unix_seconds,
    "address": _address,
    "FailedAvp": FailedAvp,
    "pad": pad,
}
