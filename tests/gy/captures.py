"""The captured Open5GS messages (tests/gy/open5gs) as values."""

from __future__ import annotations

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
