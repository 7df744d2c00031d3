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
from typing import Any, Final

from ocs.gy.avp import pad, read_address, unix_seconds
from ocs.gy.fast import fast
from ocs.gy.layout import Kind, Layout
from ocs.gy.messages import FailedAvp
from ocs.gy.plans import Group, Plan, Read, Reader, Value, plan_of

_SIGHTINGS: Final = 8
"""Messages of one length read the slow way before, and between, the compiling of shapes (some milliseconds each)."""
_SHAPES_OF_A_LENGTH_MAX: Final = 8
_SHAPES_MAX: Final = 512
_SHAPE_OCTETS_MAX: Final = 8_192
"""Longer messages are read the slow way: compiling their readers would hold up everybody else."""


class Shapes:
    """The shapes known for one class of messages. `make`: what makes a reader of a plan; in C if that is built."""

    def __init__(self, layout: Layout, make: Callable[[Plan], Reader] | None = None) -> None:
        self.layout = layout
        self._make = make or (CompiledReader if fast is None else fast.FastReader)
        self._by_length: dict[int, list[Reader]] = defaultdict(list)
        self._sightings: dict[int, int] = defaultdict(int)
        self._count = 0

    def read(self, octets: bytes) -> Read | None:
        """The message if it has a known shape and valid values, else None."""
        for shape in self._by_length.get(len(octets), ()):
            try:
                read = shape.read(octets)
            except (KeyError, ValueError):
                return None
            if read is not None:
                return read
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
            plan = plan_of(octets, self.layout)
            if plan is not None:
                shapes.append(self._make(plan))
                self._count += 1


class CompiledReader:
    """A plan as Python: one mask tells whether a message has the shape, one `struct` takes all values out of it, and
    one expression builds the record.
    """

    def __init__(self, plan: Plan) -> None:
        mask = bytearray(len(plan.octets))
        for start, stop in plan.headers:
            mask[start:stop] = b"\xff" * (stop - start)
        self._mask = int.from_bytes(mask)
        self._headers = int.from_bytes(plan.octets) & self._mask
        self._read: Callable[[bytes], Read] = _Writer().function(plan)

    def read(self, octets: bytes) -> Read | None:
        """See `Reader`."""
        return self._read(octets) if int.from_bytes(octets) & self._mask == self._headers else None


class _Writer:
    """Writes the source of a plan's reader."""

    def __init__(self) -> None:
        self._values: list[tuple[int, str, str]] = []
        """Start, format code and name of each."""
        self._scope: dict[str, Any] = dict(_SCOPE)

    def function(self, plan: Plan) -> Callable[[bytes], Read]:
        message = self._record(plan.message)
        proxy_info = _tuple([self._value(start, f"{stop - start}s") for start, stop in plan.proxy_info])
        form, cursor = [">"], 0
        for start, code, _ in sorted(self._values):
            form.append(f"{start - cursor}x{code}")
            cursor = start + struct.calcsize(">" + code)
        names = _tuple([name for _, _, name in sorted(self._values)])
        source = f"def read(octets):\n    {names} = unpack(octets)\n    return {message}, {proxy_info}\n"
        self._scope["unpack"] = struct.Struct("".join(form)).unpack_from
        exec(source, self._scope)
        read: Callable[[bytes], Read] = self._scope["read"]
        return read

    def _record(self, group: Group) -> str:
        name = group.record.__name__
        self._scope[name] = group.record
        fields = (
            f"{field}={_tuple(values) if repeated else values[0]}"
            for field, repeated, values in (
                (field, repeated, [self._expression(part, field) for part in parts])
                for field, repeated, parts in group.fields
            )
        )
        return f"{name}({', '.join(fields)})"

    def _expression(self, part: Value | Group, field: str) -> str:
        if isinstance(part, Group):
            return self._record(part)
        if part.kind is Kind.ENUMERATED:
            members = f"members_of_{field}"
            self._scope[members] = part.members
            return f"{members}[{self._value(part.start, '4s')}]"
        code, expression = _EXPRESSIONS[part.kind]
        return expression.format(self._value(part.start, code or f"{part.stop - part.start}s"))

    def _value(self, start: int, code: str) -> str:
        """Has a value at that place taken out; gives the name of its variable."""
        name = f"v{len(self._values)}"
        self._values.append((start, code, name))
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


_SCOPE: Final[dict[str, Any]] = {
    "unix_seconds": unix_seconds,
    "address": read_address,
    "FailedAvp": FailedAvp,
    "pad": pad,
}
