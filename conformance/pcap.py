"""Captures: Diameter over TCP out of pcap and pcapng files, and traces written as pcap for Wireshark."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from conformance.tester.trace import Record
from conformance.wire.message import CCR, CER, HEADER, Message

RAW: Final = 101
_SKIPPED: Final = {1: 14, 113: 16, 276: 20, 0: 4, 108: 4}
"""Octets of the link layer before IP: Ethernet, Linux cooked 1 and 2, loopback."""
_MESSAGE_MAX: Final = 1 << 22


class CaptureError(Exception):
    """A file that is no capture, or holds no Diameter."""


# --- writing ----------------------------------------------------------------------------------------------------------


def write_pcap(path: Path, records: Iterable[Record], port: int = 3868) -> None:
    """Writes a trace as a capture: IPv4 and TCP headers made up, one message a packet, each line a connection."""
    sequences: dict[tuple[int, str], int] = {}
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, RAW))
        for record in records:
            ours = 40_000 + record.line
            ports = (ours, port) if record.sender == "pgw" else (port, ours)
            ends = (b"\x0a\0\0\1", b"\x0a\0\0\2") if record.sender == "pgw" else (b"\x0a\0\0\2", b"\x0a\0\0\1")
            payload = record.octets[:65_000]
            key = record.line, record.sender
            sequence = sequences.get(key, 1)
            sequences[key] = sequence + len(payload)
            tcp = struct.pack(">HHIIBBHHH", *ports, sequence, 1, 0x50, 0x18, 65_535, 0, 0)
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + b"".join(ends)
            packet = ip + tcp + payload
            file.write(struct.pack("<IIII", record.at // 1_000_000, record.at % 1_000_000, len(packet), len(packet)))
            file.write(packet)


# --- reading ----------------------------------------------------------------------------------------------------------


class _Packet(NamedTuple):
    at: int
    link: int
    octets: bytes


class _Segment(NamedTuple):
    at: int
    source: tuple[bytes, int]
    target: tuple[bytes, int]
    sequence: int
    flags: int
    payload: bytes


@dataclass
class _Stream:
    """One direction of a TCP connection, put in order."""

    next_sequence: int | None = None
    waiting: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    buffer: bytearray = field(default_factory=bytearray)
    messages: list[tuple[int, bytes]] = field(default_factory=list)

    def take(self, segment: _Segment) -> None:
        if segment.flags & 0x02:  # SYN
            self.next_sequence = (segment.sequence + 1) & 0xFFFFFFFF
            self.buffer.clear()
            self.waiting.clear()
            return
        if not segment.payload:
            return
        if self.next_sequence is None:
            self.next_sequence = segment.sequence
        behind = (self.next_sequence - segment.sequence) & 0xFFFFFFFF
        if behind == 0 or behind >= 1 << 31:
            self.waiting[segment.sequence] = segment.at, segment.payload
        elif behind < len(segment.payload):  # part of it was there before
            self.waiting[self.next_sequence] = segment.at, segment.payload[behind:]
        while self.next_sequence in self.waiting:
            at, payload = self.waiting.pop(self.next_sequence)
            self.next_sequence = (self.next_sequence + len(payload)) & 0xFFFFFFFF
            self.buffer += payload
            self._cut(at)

    def _cut(self, at: int) -> None:
        while len(self.buffer) >= HEADER:
            length = int.from_bytes(self.buffer[1:4], "big")
            if self.buffer[0] != 1 or length < HEADER or length > _MESSAGE_MAX:
                self.buffer.clear()  # no Diameter, or the capture began in the middle of a message
                return
            if len(self.buffer) < length:
                return
            self.messages.append((at, bytes(self.buffer[:length])))
            del self.buffer[:length]


def read_capture(path: Path) -> list[Record]:
    """The Diameter messages of a capture, in order of time. Who sends CCR, or else CER, is the gateway.

    Raises:
        CaptureError: no capture, or no Diameter over TCP in it.
    """
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read: {error.strerror}") from None
    streams: dict[tuple[tuple[bytes, int], tuple[bytes, int]], _Stream] = {}
    for packet in _packets(path, octets):
        segment = _segment(packet)
        if segment is not None:
            streams.setdefault((segment.source, segment.target), _Stream()).take(segment)
    records = list(_records(streams))
    if not records:
        raise CaptureError(f"{path}: no Diameter over TCP in it")
    return sorted(records, key=lambda record: record.at)


def _records(streams: dict[tuple[tuple[bytes, int], tuple[bytes, int]], _Stream]) -> Iterator[Record]:
    lines: dict[frozenset[tuple[bytes, int]], int] = {}
    for (source, target), stream in streams.items():
        if not stream.messages:
            continue
        line = lines.setdefault(frozenset((source, target)), len(lines) + 1)
        other = streams.get((target, source), _Stream())
        gateway = _gateway_score(stream) >= _gateway_score(other)
        for at, octets in stream.messages:
            yield Record(at, line, "pgw" if gateway else "ocs", octets)


def _gateway_score(stream: _Stream) -> int:
    """How much a direction looks like a gateway's: it sends CCRs, or at least the CER."""
    score = 0
    for _, octets in stream.messages:
        message = Message(octets)
        if message.is_request:
            score += {CCR: 100, CER: 1}.get(message.command, 0)
    return score


def _packets(path: Path, octets: bytes) -> Iterator[_Packet]:
    magic = octets[:4]
    if magic in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"):
        order = "<" if magic[0] in (0xD4, 0x4D) else ">"
        nanoseconds = magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
        (link,) = struct.unpack_from(order + "I", octets, 20) if len(octets) >= 24 else (0,)
        offset = 24
        while offset + 16 <= len(octets):
            seconds, part, size, _ = struct.unpack_from(order + "IIII", octets, offset)
            at = seconds * 1_000_000 + (part // 1000 if nanoseconds else part)
            yield _Packet(at, link & 0xFFFF, octets[offset + 16 : offset + 16 + size])
            offset += 16 + size
    elif magic == b"\x0a\x0d\x0d\x0a":
        yield from _pcapng(octets)
    else:
        raise CaptureError(f"{path}: neither pcap nor pcapng")


def _pcapng(octets: bytes) -> Iterator[_Packet]:
    order, offset = "<", 0
    links: list[tuple[int, int]] = []
    while offset + 12 <= len(octets):
        (kind,) = struct.unpack_from(order + "I", octets, offset)
        if octets[offset : offset + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if octets[offset + 8 : offset + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        (size,) = struct.unpack_from(order + "I", octets, offset + 4)
        if size < 12:
            return
        body = octets[offset + 8 : offset + size - 4]
        if kind == 1 and len(body) >= 8:
            links.append((struct.unpack_from(order + "H", body)[0], _resolution(order, body[8:])))
        elif kind == 6 and len(body) >= 20:
            interface, high, low, captured, _ = struct.unpack_from(order + "IIIII", body)
            if interface < len(links):
                link, per_second = links[interface]
                yield _Packet((high << 32 | low) * 1_000_000 // per_second, link, body[20 : 20 + captured])
        offset += size


def _resolution(order: str, options: bytes) -> int:
    """Ticks a second of an interface: option if_tsresol."""
    offset = 0
    while offset + 4 <= len(options):
        code, size = struct.unpack_from(order + "HH", options, offset)
        if code == 9 and size:
            value = options[offset + 4]
            return int(2 ** (value & 0x7F)) if value & 0x80 else int(10**value)
        if code == 0:
            break
        offset += 4 + size + -size % 4
    return 1_000_000


def _segment(packet: _Packet) -> _Segment | None:
    octets = packet.octets
    if packet.link not in (RAW, 12, 14, 228, 229):
        skipped = _SKIPPED.get(packet.link)
        if skipped is None:
            return None
        if packet.link == 1:
            while octets[skipped - 2 : skipped] in (b"\x81\x00", b"\x88\xa8"):  # VLAN tags
                skipped += 4
        octets = octets[skipped:]
    if len(octets) < 40:
        return None
    if octets[0] >> 4 == 4:
        header, protocol = (octets[0] & 15) * 4, octets[9]
        source, target = octets[12:16], octets[16:20]
        end = int.from_bytes(octets[2:4], "big") or len(octets)
    elif octets[0] >> 4 == 6:
        header, protocol = 40, octets[6]
        source, target = octets[8:24], octets[24:40]
        end = 40 + int.from_bytes(octets[4:6], "big")
    else:
        return None
    tcp = octets[header:end]
    if protocol != 6 or len(tcp) < 20:
        return None
    from_port, to_port, sequence = struct.unpack_from(">HHI", tcp)
    payload = tcp[(tcp[12] >> 4) * 4 :]
    return _Segment(packet.at, (source, from_port), (target, to_port), sequence, tcp[13], payload)
