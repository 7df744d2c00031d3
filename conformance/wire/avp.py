"""AVPs, built and read (RFC 6733 4). The builder builds whatever it is asked for; the walker never raises."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from conformance.wire.dictionary import BY_CODE, BY_NAME, Definition

V_FLAG: Final = 0x80
M_FLAG: Final = 0x40
P_FLAG: Final = 0x20
RESERVED_FLAGS: Final = 0x1F

NTP_EPOCH_SECONDS: Final = 2_208_988_800
"""From 1900, where Time begins (RFC 6733 4.3.1), to 1970."""

Value = int | str | bytes | list[bytes] | tuple[bytes, ...]

_NUMBERS: Final = {"u32": ">I", "u64": ">Q", "i32": ">i", "i64": ">q", "enum": ">i", "time": ">I"}


def avp(name: str, value: Value, *, flags: int | None = None) -> bytes:
    """An AVP of the dictionary. `value`: a number, text, the octets of its data, or the AVPs of a group.

    Text of an address is an IP address. A Time is in seconds since 1970. `flags` replaces those of the dictionary.
    """
    definition = BY_NAME[name]
    if flags is None:
        flags = (V_FLAG if definition.vendor else 0) | (M_FLAG if definition.mandatory else 0)
    return raw_avp(definition.code, encode(definition, value), flags=flags, vendor=definition.vendor)


def encode(definition: Definition, value: Value) -> bytes:
    """The data of an AVP, without its header."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list | tuple):
        return b"".join(value)
    if isinstance(value, str):
        if definition.format != "address":
            return value.encode()
        address = ipaddress.ip_address(value)
        return struct.pack(">H", 1 if address.version == 4 else 2) + address.packed
    if definition.format == "time":
        value = (value + NTP_EPOCH_SECONDS) & 0xFFFFFFFF
    return struct.pack(_NUMBERS[definition.format], value)


def raw_avp(
    code: int, data: bytes, *, flags: int = M_FLAG, vendor: int = 0, length: int | None = None, padded: bool = True
) -> bytes:
    """Any AVP. `length` lies about the AVP Length; the Vendor-Id is there when the V flag is."""
    header = 12 if flags & V_FLAG else 8
    size = header + len(data) if length is None else length
    octets = struct.pack(">II", code, flags << 24 | size & 0xFFFFFF)
    if flags & V_FLAG:
        octets += struct.pack(">I", vendor)
    return octets + data + (bytes(-len(data) % 4) if padded else b"")


@dataclass(frozen=True)
class Avp:
    """One AVP as it was found. `octets`: all of it, padding too."""

    code: int
    vendor: int
    flags: int
    length: int
    data: bytes
    octets: bytes
    offset: int

    @cached_property
    def definition(self) -> Definition | None:
        """What the dictionary says of it; None if it is unknown."""
        return BY_CODE.get((self.code, self.vendor))

    @property
    def name(self) -> str:
        """Its name, or its code and vendor."""
        if self.definition is not None:
            return self.definition.name
        return f"{self.code}" + (f"/{self.vendor}" if self.vendor else "")

    @property
    def mandatory(self) -> bool:
        """The M bit."""
        return bool(self.flags & M_FLAG)

    @property
    def padding(self) -> bytes:
        """The octets after its data, which should be zero."""
        return self.octets[self.length :] if self.length <= len(self.octets) else b""

    @cached_property
    def number(self) -> int | None:
        """Its value, if it is a number of the right size."""
        form = _NUMBERS.get(self.definition.format if self.definition else "")
        if form is None or len(self.data) != struct.calcsize(form):
            return None
        return int(struct.unpack(form, self.data)[0])

    @property
    def text(self) -> str:
        """Its data as text, whatever it holds."""
        return self.data.decode("utf-8", "replace")

    @cached_property
    def tree(self) -> Tree:
        """What it holds, read as a group."""
        return Tree(self.data)


class Tree:
    """A run of AVPs: all that can be read, and why reading stopped if it did."""

    def __init__(self, octets: bytes) -> None:
        self.avps: list[Avp] = []
        self.fault: str | None = None
        offset = 0
        while offset < len(octets):
            found = _read(octets, offset)
            if isinstance(found, str):
                self.fault = found
                break
            self.avps.append(found)
            offset += len(found.octets)

    def __iter__(self) -> Iterator[Avp]:
        return iter(self.avps)

    def all(self, *path: str) -> list[Avp]:
        """Every AVP at a path of names through groups."""
        found = [item for item in self.avps if item.name == path[0]]
        for name in path[1:]:
            found = [inner for item in found for inner in item.tree.avps if inner.name == name]
        return found

    def first(self, *path: str) -> Avp | None:
        """The first AVP at a path of names; None if there is none."""
        return next(iter(self.all(*path)), None)

    def number(self, *path: str) -> int | None:
        """The number at a path; None where there is none, or it is no number."""
        found = self.first(*path)
        return found.number if found is not None else None

    def text(self, *path: str) -> str | None:
        """The text at a path; None where there is none."""
        found = self.first(*path)
        return found.text if found is not None else None


def _read(octets: bytes, offset: int) -> Avp | str:
    if len(octets) - offset < 8:
        return f"{len(octets) - offset} octets left where an AVP header needs 8"
    code, packed = struct.unpack_from(">II", octets, offset)
    flags, length = packed >> 24, packed & 0xFFFFFF
    header = 12 if flags & V_FLAG else 8
    if length < header:
        return f"AVP {code}: length {length} is below its header"
    if offset + length > len(octets):
        return f"AVP {code}: length {length} runs {offset + length - len(octets)} octets past the end"
    vendor = struct.unpack_from(">I", octets, offset + 8)[0] if flags & V_FLAG else 0
    end = min(offset + length + -length % 4, len(octets))
    return Avp(code, vendor, flags, length, octets[offset + header : offset + length], octets[offset:end], offset)
