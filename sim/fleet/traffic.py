"""Flows of octets, and what the applications of a vehicle know of it when they make them."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from random import Random
from typing import ClassVar, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from ocs.units import MINUTE
from sim.fleet.classes import VehicleClass
from sim.fleet.trips import Trip

MONTH_DAYS: Final = 30
"""The month that volumes are stated for."""
LINGER: Final = 5 * MINUTE
"""How long after a trip the hotspot is still used."""


class Flow(NamedTuple):
    """Octets that want to pass from `at` (microseconds UTC) on, at `rate` octets a second."""

    at: int
    octets: int
    rate: int


class Journey(NamedTuple):
    """What a vehicle does in a run. `trips` are there once, in order of time, and begin and end within it."""

    trips: Iterator[Trip]
    kind: VehicleClass
    begins: int
    ends: int
    zone: ZoneInfo

    @property
    def trips_a_month(self) -> float:
        """That are to be expected of the class."""
        return MONTH_DAYS * self.kind.trips_a_day

    @property
    def seconds_a_month(self) -> float:
        """At the wheel, that are to be expected of the class."""
        return self.trips_a_month * self.kind.minutes_a_trip * 60


class Model(Protocol):
    """One application's traffic."""

    uplink_percent: ClassVar[int]
    on_demand: ClassVar[bool]
    """Its units are asked for when its octets come, not when the connection begins."""

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """What one vehicle moves, in order of time; drawn from `random` alone, as it is asked for."""


def volume(random: Random, mean_octets: int, sigma: float) -> int:
    """Octets, lognormal with this mean: the tail is heavy, the mean of many is the mean that was asked for."""
    return int(mean_octets * exp(random.gauss(-sigma * sigma / 2, sigma)))
