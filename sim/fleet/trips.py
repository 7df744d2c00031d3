"""When a vehicle drives: the trips of its class, by weekday and hour of the wall clock.

A night in which clocks go forward loses nothing: an hour that the clocks skip is read as the same moment after the
change. Where they go back, the hour that comes twice has its departures in its first coming.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ocs.units import DAY, HOUR, MINUTE, SECOND, instant, utc
from sim.fleet.classes import HALT, MINUTES, MINUTES_WEIGHTS, TRIPS, ByDay, ByHour, Cumulated, VehicleClass

_KIND: Final = (0, 0, 0, 0, 0, 1, 2)
"""Weekday, Saturday or Sunday, by day of the week."""
_LATEST: Final = 30 * HOUR
"""A trip that others push so far past its day's midnight is not made."""


class Trip(NamedTuple):
    """From departure to arrival, microseconds UTC, whole seconds."""

    start: int
    end: int


def trips(random: Random, kind: VehicleClass, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Trip]:
    """The trips of one vehicle that begin and end between two instants, in order of time; a stop lies between any two.

    They are drawn as they are asked for.
    """
    if isinstance(kind.driving, ByDay):
        return _by_day(random, kind.driving, begins, ends, zone)
    return _by_hour(random, kind.driving, begins, ends, zone)


def _by_day(random: Random, driving: ByDay, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Trip]:
    free_from = begins
    last = len(MINUTES) - 1
    for day in _days(begins, ends, zone):
        midnight = _midnight(day, zone)
        for departure in _departures(random, driving, day, zone):
            minutes = MINUTES[bisect(MINUTES_WEIGHTS, random.random() * MINUTES_WEIGHTS[-1], 0, last)]
            length = random.randint(minutes[0] * 60, minutes[1] * 60) * SECOND
            start = max(departure, free_from)
            if start + length < ends and start - midnight < _LATEST:
                yield Trip(start, start + length)
                free_from = start + length + HALT


def _departures(random: Random, driving: ByDay, day: date, zone: ZoneInfo) -> list[int]:
    kind = _KIND[day.weekday()]
    weights, hours = driving.trips[kind], driving.departures[kind]
    wanted = TRIPS[bisect(weights, random.random() * weights[-1], 0, len(TRIPS) - 1)] * driving.scale
    number = int(wanted) + (random.random() < wanted % 1)
    drawn = [bisect(hours, random.random() * hours[-1], 0, 23) for _ in range(number)]
    return sorted(_hour(day, hour, zone) + random.randrange(3600) * SECOND for hour in drawn)


def _by_hour(random: Random, driving: ByHour, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Trip]:
    arrived = begins
    free_from = begins
    patience = random.expovariate(1.0)
    for day in _days(begins, ends, zone):
        tomorrow = _midnight(day + timedelta(days=1), zone)
        monday = 24 * day.weekday()
        while arrived < tomorrow:
            hour = _wall_hours(day, arrived, zone)
            ahead = _passed(driving.departures, monday + 24) - _passed(driving.departures, monday + hour)
            if patience >= ahead:
                patience -= ahead
                break
            departs = _when(driving.departures, monday + hour, patience) - monday
            start = max(free_from, _hour(day, int(departs), zone) + int(departs % 1 * 3600) * SECOND)
            # Clock time moves with the trip: where clocks change on the way, it lasts as long as it would otherwise.
            lasts = _when(driving.arrivals, monday + departs, random.expovariate(1.0)) - monday - departs
            end = start + max(MINUTE, int(lasts * 3600) * SECOND)
            if end >= ends:
                return
            yield Trip(start, end)
            arrived, free_from = end, end + HALT
            patience = random.expovariate(1.0)


def _passed(hazard: Cumulated, hour: float) -> float:
    """What has come together of a hazard from Monday 0 h to an hour of the week."""
    week, hour = divmod(hour, len(hazard))
    whole = int(hour)
    before = hazard[whole - 1] if whole else 0.0
    return week * hazard[-1] + before + (hazard[whole] - before) * (hour - whole)


def _when(hazard: Cumulated, hour: float, patience: float) -> float:
    """The hour of the week (it may be next week's) at which `patience` more than at `hour` has come together."""
    week, wanted = divmod(_passed(hazard, hour) + patience, hazard[-1])
    whole = bisect(hazard, wanted)
    before = hazard[whole - 1] if whole else 0.0
    return week * len(hazard) + whole + (wanted - before) / (hazard[whole] - before)


def _days(begins: int, ends: int, zone: ZoneInfo) -> Iterator[date]:
    """The calendar days of a time zone that begin before `ends`, from the one that holds `begins` on."""
    day = utc(begins).astimezone(zone).date()
    while _midnight(day, zone) < ends:
        yield day
        day += timedelta(days=1)


@lru_cache(maxsize=1024)
def _midnight(day: date, zone: ZoneInfo) -> int:
    return instant(datetime(day.year, day.month, day.day, tzinfo=zone))


@lru_cache(maxsize=1024)
def _clock_changes(day: date, zone: ZoneInfo) -> bool:
    return _midnight(day + timedelta(days=1), zone) - _midnight(day, zone) != DAY


def _hour(day: date, hour: int, zone: ZoneInfo) -> int:
    """The instant of an hour of the wall clock."""
    if not _clock_changes(day, zone):
        return _midnight(day, zone) + hour * HOUR
    return instant(datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC))


def _wall_hours(day: date, at: int, zone: ZoneInfo) -> float:
    """Hours on the wall clock at an instant of `day`, or 0 for one before it."""
    if at <= _midnight(day, zone):
        return 0.0
    if not _clock_changes(day, zone):
        return (at - _midnight(day, zone)) / HOUR
    local = utc(at).astimezone(zone)
    return local.hour + (local.minute * 60 + local.second) / 3600
