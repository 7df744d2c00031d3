"""When a car drives: trips by weekday and hour, in local time.

Shapes: number of trips, duration and departure hours of commuters and free time from the tables of emobpy 0.6.2
(Mobilitaet in Tabellen). They give 1.86 trips a day; the number is scaled to the 2.44 trips a driver-day of the AAA
American Driving Survey 2022, which with the same durations makes its 60 minutes a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ocs.units import MINUTE, SECOND, instant, utc

_SCALE: Final = 2.44 / 1.86
_WEEKDAY_TRIPS: Final = (0.354, 0.299, 0.083, 0.125, 0.139)
"""Probability of 0, 2, 3, 4, 5 trips on a weekday."""
_WEEKEND_TRIPS: Final = (0.507, 0.288, 0.041, 0.096, 0.069)
_TRIPS: Final = (0, 2, 3, 4, 5)
_MINUTES: Final = ((2, 10), (10, 15), (15, 20), (20, 45), (45, 60), (60, 185))
_MINUTES_WEIGHTS: Final = (0.161, 0.284, 0.273, 0.169, 0.050, 0.063)
_COMMUTE: Final = (0.5,) * 6 + (4.8,) * 3 + (5.2,) * 5 + (6.9,) * 3 + (8.5,) * 3 + (3.3,) * 3 + (0.5,)
"""Departures by hour of a weekday, per cent."""
_SATURDAY: Final = (0.3,) * 6 + (1.2,) * 3 + (6.7,) * 2 + (9.0,) * 3 + (7.4,) * 3 + (7.0,) * 3 + (3.0,) * 3 + (0.3,)
_SUNDAY: Final = (0.3,) * 6 + (1.2,) * 3 + (5.3,) * 2 + (8.0,) * 3 + (9.2,) * 3 + (7.9,) * 3 + (3.2,) * 3 + (0.3,)
_HALT: Final = 10 * MINUTE
"""Shortest stop between two trips."""

TRIPS_A_DAY: Final = 2.44
MINUTES_A_TRIP: Final = 24.7


class Trip(NamedTuple):
    """From departure to arrival, microseconds UTC, whole seconds."""

    start: int
    end: int


def trips(random: Random, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Trip]:
    """The trips of one car that begin and end between two instants, in order of time."""
    day = utc(begins).astimezone(zone).date()
    free_from = begins
    while (midnight := instant(datetime.combine(day, datetime.min.time(), zone))) < ends:
        for departure in _departures(random, day, zone):
            minutes = random.choices(_MINUTES, _MINUTES_WEIGHTS)[0]
            length = random.randint(minutes[0] * 60, minutes[1] * 60) * SECOND
            start = max(departure, free_from)
            if start + length < ends and start - midnight < 30 * 60 * MINUTE:
                yield Trip(start, start + length)
                free_from = start + length + _HALT
        day += timedelta(days=1)


def _departures(random: Random, day: date, zone: ZoneInfo) -> list[int]:
    weekday = day.weekday()
    weights = _WEEKDAY_TRIPS if weekday < 5 else _WEEKEND_TRIPS
    shape = _COMMUTE if weekday < 5 else _SATURDAY if weekday == 5 else _SUNDAY
    wanted = random.choices(_TRIPS, weights)[0] * _SCALE
    number = int(wanted) + (random.random() < wanted % 1)
    hours = random.choices(range(24), shape, k=number)
    # Local clock time; an hour that the clocks skip is read as the same moment after the change.
    moments = [datetime(day.year, day.month, day.day, hour, tzinfo=zone) for hour in hours]
    return sorted(instant(moment.astimezone(UTC)) + random.randrange(3600) * SECOND for moment in moments)
