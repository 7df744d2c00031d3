"""Trips from elsewhere: a CSV file with the columns `vehicle`, `start` and `end`, in any order, one trip a line.

- `vehicle`: a car of the group, such as `own-003`. Cars without a line stay parked.
- `start`, `end`: ISO 8601, such as `2026-03-01T07:30` or `2026-03-01 07:30:15`, on the operator's wall clock; or with
  an offset, `2026-03-01T06:30:00Z`. Of an hour that comes twice when clocks go back, the first one is meant.

Lines may stand in any order. Trips of a car must not overlap; they begin and end within the scenario, ten minutes
before its end at the latest. UTF-8; empty lines are skipped.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ocs.files import FileError, Mistake
from ocs.units import MINUTE, SECOND, instant
from sim.fleet.trips import Trip

COLUMNS: Final = ("vehicle", "start", "end")
QUIET: Final = 10 * MINUTE
"""Before the end of a scenario: devices are used for a while after a trip, and late answers want to arrive."""


class Journeys(dict[str, tuple[Trip, ...]]):
    """The trips of each car that has any, in order of time. `digest`: of the file they come from."""

    def __init__(self, trips: dict[str, tuple[Trip, ...]], digest: str) -> None:
        super().__init__(trips)
        self.digest = digest


def read_trips(path: Path, vehicles: Collection[str], begins: int, ends: int, zone: ZoneInfo) -> Journeys:
    """The trips of the file at `path`, for a scenario from `begins` to `ends`, microseconds UTC.

    Raises:
        FileError: every mistake in it, with its line and column.
    """
    try:
        octets = path.read_bytes()
        text = octets.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise FileError([Mistake(str(path), None, "", f"cannot be read: {reason}")]) from None
    reading = _Reading(str(path), set(vehicles), begins, ends, zone)
    try:
        reading.read(csv.reader(text.splitlines(), strict=True))
    except csv.Error as error:
        reading.wrong(None, "", f"not valid CSV: {error}")
    reading.look_for_overlaps()
    if reading.mistakes:
        raise FileError(sorted(reading.mistakes, key=lambda mistake: (mistake.line or 0, mistake.field)))
    trips = {vehicle: tuple(trip for trip, _ in found) for vehicle, found in reading.found.items()}
    return Journeys(trips, blake2b(octets, digest_size=8).hexdigest())


class _Reading:
    """A file being read."""

    def __init__(self, file: str, vehicles: set[str], begins: int, ends: int, zone: ZoneInfo) -> None:
        self.mistakes: list[Mistake] = []
        self.found: dict[str, list[tuple[Trip, int]]] = defaultdict(list)
        """With their lines, by car."""
        self._file, self._vehicles, self._begins, self._ends, self._zone = file, vehicles, begins, ends, zone

    def wrong(self, line: int | None, field: str, message: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self._file, line, field, message))

    def read(self, rows: Any) -> None:
        """Every line of a `csv.reader`."""
        heads = [head.strip() for head in next(rows, [])]
        if sorted(heads) != sorted(COLUMNS):
            self.wrong(1, "", f"expected the columns {', '.join(COLUMNS)} (got {', '.join(heads) or 'nothing'})")
            return
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(heads):
                self.wrong(rows.line_num, "", f"expected {len(heads)} values (got {len(row)})")
                continue
            self._read_trip(rows.line_num, {head: cell.strip() for head, cell in zip(heads, row, strict=True)})

    def _read_trip(self, line: int, cells: dict[str, str]) -> None:
        vehicle = cells["vehicle"]
        if vehicle not in self._vehicles:
            self.wrong(line, "vehicle", f"no car of the group (got {vehicle!r})")
        start, end = (self._moment(line, column, cells[column]) for column in ("start", "end"))
        if start is None or end is None:
            return
        if end <= start:
            self.wrong(line, "end", f"expected a time after the start (got {cells['end']!r})")
        elif start < self._begins or end > self._ends - QUIET:
            column = "start" if start < self._begins or start > self._ends - QUIET else "end"
            limits = "expected a time within the scenario, ten minutes before its end at the latest"
            self.wrong(line, column, f"{limits} (got {cells[column]!r})")
        else:
            self.found[vehicle].append((Trip(start, end), line))

    def _moment(self, line: int, column: str, text: str) -> int | None:
        """The instant that a cell means, in whole seconds."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.wrong(line, column, f"expected a time such as '2026-03-01T07:30' (got {text!r})")
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
            if moment.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
                self.wrong(
                    line, column, f"does not exist in {self._zone.key}: clocks go forward over it (got {text!r})"
                )
                return None
        return instant(moment) // SECOND * SECOND

    def look_for_overlaps(self) -> None:
        """Trips of one car, in order of time."""
        for vehicle, trips in self.found.items():
            trips.sort()
            for (before, first), (after, line) in pairwise(trips):
                if after.start < before.end:
                    self.wrong(line, "start", f"{vehicle} is still on the trip of line {first}")
