"""What went over the wire, in order: the evidence of every verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from conformance.wire.message import Message

Party = Literal["ocs", "pgw"]


@dataclass(frozen=True)
class Record:
    """One message, or one run of octets that is none. `at`: microseconds UTC; `line`: number of the connection."""

    at: int
    line: int
    sender: Party
    octets: bytes

    @property
    def message(self) -> Message:
        """The octets, read."""
        return Message(self.octets)


@dataclass(frozen=True)
class Event:
    """Something that happened to a connection: opened, closed by us, closed by the other side."""

    at: int
    line: int
    text: str


class Trace:
    """Records and events of one case; several threads may write."""

    def __init__(self) -> None:
        self.entries: list[Record | Event] = []
        self._lock = threading.Lock()

    def record(self, line: int, sender: Party, octets: bytes) -> None:
        """A message."""
        with self._lock:
            self.entries.append(Record(time.time_ns() // 1000, line, sender, octets))

    def event(self, line: int, text: str) -> None:
        """Something else."""
        with self._lock:
            self.entries.append(Event(time.time_ns() // 1000, line, text))

    @property
    def records(self) -> list[Record]:
        """The messages alone."""
        return [entry for entry in self.entries if isinstance(entry, Record)]

    def ladder(self) -> list[str]:
        """The trace as arrows: tester's side left, the OCS right."""
        return list(_ladder(self.entries))


def _ladder(entries: list[Record | Event]) -> Iterator[str]:
    start = entries[0].at if entries else 0
    for entry in entries:
        clock = f"{(entry.at - start) / 1_000_000:9.3f} s  [{entry.line}]"
        if isinstance(entry, Event):
            yield f"{clock}      {entry.text}"
        else:
            arrow = "---->" if entry.sender == "pgw" else "<----"
            yield f"{clock} {arrow} {entry.message.title}"
