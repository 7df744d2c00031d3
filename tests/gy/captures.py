"""The captured Open5GS messages (tests/gy/open5gs) as values."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "open5gs"


class Capture(NamedTuple):
    """One message: where it comes from, its title (`CCR-U #1 ...`), the lines of its dump, its octets."""

    file: str
    title: str
    dump: list[str]
    octets: bytes

    @property
    def command(self) -> str:
        return self.title.split()[0].split("-")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.title}"


def load(path: Path) -> list[Capture]:
    captures = []
    lines: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            lines.append(line.removeprefix("#").removeprefix(" "))
        elif line:
            captures.append(Capture(path.stem, lines[1], [text[2:] for text in lines[2:]], bytes.fromhex(line)))
            lines = []
    return captures


ALL = [capture for path in sorted(FOLDER.glob("*.txt")) for capture in load(path)]
CLIENT = {"CER", "CCR", "DPR", "RAA"}
"""What the gateway sends."""


def first(command: str, file: str = "open5gs-grant") -> Capture:
    return next(capture for capture in ALL if capture.file == file and capture.title.startswith(command))


def spoilt(source: random.Random, sound: bytes) -> bytes:
    """A message with some octets changed, cut out or doubled; mostly with a message length that fits."""
    octets = bytearray(sound)
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(octets))
        match source.randrange(4):
            case 0 | 1:
                octets[place] = source.choice((0, 1, 0x40, 0x80, 0xC0, 0xFF, source.randrange(256)))
            case 2:
                del octets[place : place + source.choice((1, 4, 12))]
            case 3:
                octets[place:place] = octets[place : place + source.choice((4, 12, 24))]
        if not octets:
            return b""
    if source.random() < 0.9:
        octets = octets[: len(octets) // 4 * 4]
        octets[1:4] = len(octets).to_bytes(3)
    return bytes(octets)
