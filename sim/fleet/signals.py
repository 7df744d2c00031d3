"""Short messages that wake a parked car, and calls of drivers who have broken down: business of the physical SIM.

D: how many there are, and how long a call takes. A message is one unit; a call is so many seconds, unless it is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from ocs.units import DAY, SECOND, utc
from sim.fleet.traffic import MONTH_DAYS, Journey, volume

_WAKE_UPS: Final = (1, 1, 1, 1, 2, 5, 10, 10, 7, 5, 5, 6, 6, 5, 5, 6, 8, 10, 9, 7, 5, 4, 3, 2)
"""D: how often parked cars are woken, by hour of the wall clock: before people drive to work, and home."""


class Signal(NamedTuple):
    """A message (no seconds), or a call that would take so long."""

    at: int
    seconds: int


@dataclass(frozen=True, slots=True)
class WakeUps:
    """Messages that make a parked car attach: to unlock it, to warm it, to start a download."""

    a_month: float

    def signals(self, random: Random, journey: Journey) -> Iterator[Signal]:
        """In order of time. A car that drives is not asleep."""
        most = max(_WAKE_UPS)
        wait = sum(_WAKE_UPS) / 24 / most * MONTH_DAYS * DAY / self.a_month
        trip = next(journey.trips, None)
        at = journey.begins
        while (at := at + (1 + int(random.expovariate(1 / wait)) // SECOND) * SECOND) < journey.ends:
            wanted = random.random() * most < _WAKE_UPS[utc(at).astimezone(journey.zone).hour]
            while trip is not None and trip.end <= at:
                trip = next(journey.trips, None)
            if wanted and (trip is None or at < trip.start):
                yield Signal(at, 0)


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """Calls for help, from the road."""

    a_month: float
    mean_seconds: int = 420
    sigma: float = 0.7

    def signals(self, random: Random, journey: Journey) -> Iterator[Signal]:
        """In order of time: on a trip at most one."""
        chance = self.a_month / journey.trips_a_month
        for start, end in journey.trips:
            # All are drawn for every trip, so that a higher chance adds calls and moves none.
            happens, moment = random.random() < chance, random.random()
            seconds = max(5, volume(random, self.mean_seconds, self.sigma))
            if happens:
                yield Signal(start + int((end - start) // SECOND * moment) * SECOND, seconds)
