"""The AVP tree: any Diameter payload as values that lose nothing, with names for people.

This is the slow, complete view of a message: for Failed-AVP, traces and captures. `codec` does not go through it.
Nothing here raises on bad input; what could not be read is a `Failure` beside what could.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

import msgspec

from ocs.gy.dictionary import BY_CODE, BY_NAME, AvpDefinition
from ocs.units import NTP_EPOCH_SECONDS

FLAG_VENDOR: Final = 0x80
FLAG_MANDATORY: Final = 0x40
FLAG_PROTECTED: Final = 0x20

DEPTH_MAX: Final = 16
"""Groups nested deeper are left as octets: a message can nest Failed-AVP in Failed-AVP thousands of times."""

LEAST_OCTETS: Final = {
    "Unsigned32": 4,
    "Integer32": 4,
    "Enumerated": 4,
    "Time": 4,
    "Unsigned64": 8,
    "Integer64": 8,
    "Address": 6,
    "DiameterIdentity": 1,
}
"""Least payload of a format, where it is not 0."""

_ERA_SECONDS: Final = 2**32


class Failure(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with a message: the Result-Code to answer with, and the content of Failed-AVP (may be empty)."""

    result_code: int
    failed_avp: bytes
    text: str


class Avp(msgspec.Struct, frozen=True, gc=False):
    """One AVP as it stood on the wire.

    `vendor` is None without the V bit. `children` is None for anything but a known group that could be read; `data` is
    the payload in either case. `padding` holds the octets after it as received, so that `encode` gives back what came.
    """

    code: int
    flags: int
    vendor: int | None
    data: bytes
    padding: bytes
    children: tuple[Avp, ...] | None = None

    @property
    def definition(self) -> AvpDefinition | None:
        """Its line in the dictionary."""
        return BY_CODE.get((self.code, self.vendor or 0))

    @property
    def name(self) -> str:
        """Its name in the dictionary, else `Unknown`."""
        return self.definition.name if self.definition else "Unknown"

    def encode(self) -> bytes:
        """The octets that it was read from, padding included."""
        data = self.data if self.children is None else b"".join(child.encode() for child in self.children)
        return header(self.code, self.flags, self.vendor, len(data)) + data + self.padding


def header(code: int, flags: int, vendor: int | None, payload_octets: int) -> bytes:
    """An AVP header (RFC 6733 4.1)."""
    if vendor is None:
        return struct.pack(">II", code, flags << 24 | 8 + payload_octets)
    return struct.pack(">III", code, flags << 24 | 12 + payload_octets, vendor)


def pad(octets: bytes) -> bytes:
    """`octets` filled with zeros to a multiple of four (RFC 6733 4.1)."""
    return octets + bytes(-len(octets) % 4)


def wrap(definition: AvpDefinition, data: bytes) -> bytes:
    """The AVP of that definition around a payload, padded."""
    flags = FLAG_VENDOR * bool(definition.vendor) | FLAG_MANDATORY * definition.mandatory
    return pad(header(definition.code, flags, definition.vendor or None, len(data)) + data)


def example(name: str) -> bytes:
    """The AVP of that name with a zero payload of the least length its format allows (RFC 6733 7.1.5, 5005)."""
    definition = BY_NAME[name]
    return wrap(definition, bytes(LEAST_OCTETS.get(definition.format, 0)))


def header_example(octets: bytes) -> bytes:
    """An AVP whose length cannot be right, made whole for a Failed-AVP (RFC 6733 7.1.5, 5014).

    `octets` start at the AVP. Code, flags and vendor are kept as far as they are there, else filled with zeros; the
    payload is zeros of the least length its format allows.
    """
    whole = octets[:12].ljust(12, b"\0")
    code, word, vendor = struct.unpack(">III", whole)
    flags = word >> 24
    definition = BY_CODE.get((code, vendor if flags & FLAG_VENDOR else 0))
    payload = bytes(LEAST_OCTETS.get(definition.format, 0) if definition else 0)
    return pad(header(code, flags, vendor if flags & FLAG_VENDOR else None, len(payload)) + payload)


def walk(octets: bytes, depth: int = 0) -> tuple[tuple[Avp, ...], Failure | None]:
    """The AVPs of a payload (a message without its header, or a group), up to the first length that cannot be right.

    The failure (5014) names that AVP; the AVPs before it are still returned.
    """
    avps: list[Avp] = []
    position, end = 0, len(octets)
    while position < end:
        if end - position < 8:
            return tuple(avps), _bad_length(octets[position:])
        code, word = struct.unpack_from(">II", octets, position)
        flags, length = word >> 24, word & 0xFFFFFF
        start = 12 if flags & FLAG_VENDOR else 8
        stop = position + length
        if length < start or stop > end:
            return tuple(avps), _bad_length(octets[position:])
        vendor = int.from_bytes(octets[position + 8 : position + 12]) if start == 12 else None
        data = octets[position + start : stop]
        following = min(stop + -length % 4, end)
        avps.append(Avp(code, flags, vendor, data, octets[stop:following], _children(code, vendor, data, depth)))
        position = following
    return tuple(avps), None


def _children(code: int, vendor: int | None, data: bytes, depth: int) -> tuple[Avp, ...] | None:
    definition = BY_CODE.get((code, vendor or 0))
    if definition is None or definition.format != "Grouped" or depth >= DEPTH_MAX:
        return None
    children, failure = walk(data, depth + 1)
    return None if failure else children


def _bad_length(octets: bytes) -> Failure:
    return Failure(5014, header_example(octets), "AVP length beyond its message or group, or below its header")


def unix_seconds(wire: int) -> int:
    """A Time AVP as Unix seconds: below 2^31 it counts from the era that starts in 2036 (RFC 6733 4.3.1)."""
    return wire - NTP_EPOCH_SECONDS + (_ERA_SECONDS if wire < _ERA_SECONDS // 2 else 0)


def wire_seconds(unix: int) -> int:
    """Unix seconds as a Time AVP; 1968-01-20 to 2104-02-26, else ValueError."""
    wire = (unix + NTP_EPOCH_SECONDS) % _ERA_SECONDS
    if unix_seconds(wire) != unix:
        raise ValueError(f"{unix} s is outside what a Time AVP can hold")
    return wire


def address_text(data: bytes) -> str | None:
    """An Address payload as dotted or colon text; None if it is neither IPv4 nor IPv6 (RFC 6733 4.3.1)."""
    family, address = data[:2], data[2:]
    if family == b"\0\1" and len(address) == 4:
        return inet_ntop(AF_INET, address)
    if family == b"\0\2" and len(address) == 16:
        return inet_ntop(AF_INET6, address)
    return None


@lru_cache(maxsize=4_096)
def read_address(data: bytes) -> str:
    """An Address payload as text; ValueError if it is neither IPv4 nor IPv6. Those met last are remembered."""
    text = address_text(data)
    if text is None:
        raise ValueError("neither IPv4 nor IPv6")
    return text


def address_octets(text: str) -> bytes:
    """The payload of an Address; OSError if `text` is no IP address."""
    if ":" in text:
        return b"\0\2" + inet_pton(AF_INET6, text)
    return b"\0\1" + inet_pton(AF_INET, text)


def render(avps: tuple[Avp, ...], indent: int = 0) -> Iterator[str]:
    """One line for each AVP: `Name(code/vendor)[VM-] = value`, groups in braces."""
    space = "  " * indent
    for avp in avps:
        key = f"{avp.code}/{avp.vendor}" if avp.vendor is not None else f"{avp.code}"
        bits = "".join(
            letter if avp.flags & bit else "-"
            for letter, bit in (("V", FLAG_VENDOR), ("M", FLAG_MANDATORY), ("P", FLAG_PROTECTED))
        )
        head = f"{space}{avp.name}({key})[{bits}]"
        if avp.children is None:
            yield f"{head} = {value_text(avp)}"
        else:
            yield f"{head} {{"
            yield from render(avp.children, indent + 1)
            yield f"{space}}}"


def value_text(avp: Avp) -> str:
    """The payload as its format reads: a number, quoted text, an address; else, or where it does not fit, hex."""
    form = avp.definition.format if avp.definition else "OctetString"
    if form in {"Unsigned32", "Unsigned64", "Time"} and len(avp.data) == LEAST_OCTETS[form]:
        return str(int.from_bytes(avp.data))
    if form in {"Integer32", "Integer64", "Enumerated"} and len(avp.data) == LEAST_OCTETS[form]:
        return str(int.from_bytes(avp.data, signed=True))
    if form == "Address" and (text := address_text(avp.data)) is not None:
        return text
    if form in {"UTF8String", "DiameterIdentity", "DiameterURI", "IPFilterRule"}:
        try:
            return repr(avp.data.decode())
        except UnicodeDecodeError:
            pass
    return "0x" + avp.data.hex()
