"""Gy messages as a capture file that Wireshark opens: raw IP, one message a packet, made-up TCP headers."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_LINKTYPE_RAW: Final = 101
_CLIENT: Final = bytes((192, 0, 2, 1))
_SERVER: Final = bytes((192, 0, 2, 2))
_CLIENT_PORT: Final = 40_000
_SERVER_PORT: Final = 3_868


def write_pcap(path: Path, messages: Iterable[tuple[int, bool, bytes]]) -> None:
    """Write (instant in microseconds UTC, from the client, octets) to a new file at `path`.

    Raises:
        OSError: it cannot be written.
    """
    sent = {True: 1, False: 1}
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, _LINKTYPE_RAW))
        for now, from_client, octets in messages:
            packet = _packet(from_client, sent[from_client], sent[not from_client], octets)
            sent[from_client] += len(octets)
            file.write(struct.pack("<IIII", *divmod(now, 1_000_000), len(packet), len(packet)) + packet)


def _packet(from_client: bool, sequence: int, acknowledged: int, octets: bytes) -> bytes:
    ends = [(_CLIENT, _CLIENT_PORT), (_SERVER, _SERVER_PORT)]
    (source, source_port), (target, target_port) = ends if from_client else ends[::-1]
    tcp = struct.pack(">HHIIBBHHH", source_port, target_port, sequence, acknowledged, 5 << 4, 0x18, 65_535, 0, 0)
    total = 20 + len(tcp) + len(octets)
    if total > 65_535:
        # As in captures of hosts whose network card cuts segments: readers take the length of the packet instead.
        total = 0
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0x4000, 64, 6, 0, source, target)
    return ip + tcp + octets
