"""Flows of octets: telematics of the car, Wi-Fi of those who ride in it.

Volumes are lognormal over the cars around a mean that the scenario gives (30 MB telematics a month with sigma 0.8,
2.3 GB hotspot with sigma 1.3 are usual): the tails are heavy, the fleet's mean is the mean that was asked for.
Of the telematics, heartbeats are traffic of the parked car, every 15 to 60 minutes; the rest streams while it drives.
Wi-Fi is used while driving and for five minutes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp
from random import Random
from typing import Final, NamedTuple

from ocs.units import MINUTE, SECOND
from sim.fleet.trips import Trip

TRIPS_A_DAY: Final = 2.44
MINUTES_A_TRIP: Final = 24.7
MONTH_DAYS: Final = 30
"""The month that volumes are stated for."""
LINGER: Final = 5 * MINUTE
"""How long after a trip the hotspot is still used."""

_HEARTBEAT_SHARE: Final = 0.4
_HEARTBEAT_WAIT: Final = (15 * 60, 60 * 60)
"""Seconds between heartbeats, uniform."""
_HEARTBEATS_A_MONTH: Final = MONTH_DAYS * 86_400 / ((15 + 60) / 2 * 60)
_HEARTBEAT_RATE: Final = 50_000
_TRIP_SIGMA: Final = 1.5
"""Spread of Wi-Fi use over the trips of one driver."""
_BURST: Final = 10 * MINUTE
"""A trip holds about one burst of Wi-Fi use in so long a time."""
_BUSY: Final = 0.6
"""Share of its time in which a burst moves octets."""

TELEMATICS_UPLINK_PERCENT: Final = 70
WIFI_UPLINK_PERCENT: Final = 12


class Flow(NamedTuple):
    """Octets that want to pass from `at` (microseconds UTC) on, at `rate` octets a second."""

    at: int
    octets: int
    rate: int


def volume(random: Random, mean_octets: int, sigma: float) -> int:
    """One car's octets a month: lognormal with this mean."""
    return int(mean_octets * exp(random.gauss(-sigma * sigma / 2, sigma)))


def telematics(random: Random, trips: Sequence[Trip], begins: int, ends: int, month_octets: int) -> Iterator[Flow]:
    """Heartbeats of the parked car and a stream in each trip, in order of time."""
    beat = int(_HEARTBEAT_SHARE * month_octets / _HEARTBEATS_A_MONTH)
    streamed_a_second = (1 - _HEARTBEAT_SHARE) * month_octets / (MONTH_DAYS * TRIPS_A_DAY * MINUTES_A_TRIP * 60)
    at = begins + random.randrange(_HEARTBEAT_WAIT[1]) * SECOND
    for start, end in (*trips, Trip(ends, ends)):
        while at < start:
            yield Flow(at, random.randint(beat // 2, beat + beat // 2) or 1, _HEARTBEAT_RATE)
            at += random.randint(*_HEARTBEAT_WAIT) * SECOND
        if start < ends:
            seconds = (end - start) // SECOND
            rate = max(1, int(streamed_a_second * random.uniform(0.5, 1.5)))
            yield Flow(start, rate * seconds, rate)
            at = end + random.randint(*_HEARTBEAT_WAIT) * SECOND


def wifi(random: Random, trips: Sequence[Trip], month_octets: int) -> Iterator[Flow]:
    """Bursts of use in each trip and shortly after, in order of time."""
    a_trip = month_octets / (MONTH_DAYS * TRIPS_A_DAY)
    for start, end in trips:
        octets = volume(random, int(a_trip), _TRIP_SIGMA)
        until = end + LINGER
        bursts = 1 + (end - start) // _BURST
        length = (until - start) // bursts
        weights = [random.expovariate(1) for _ in range(bursts)]
        for number, weight in enumerate(weights):
            part = int(octets * weight / sum(weights))
            if part:
                rate = max(1, int(part / (_BUSY * length / SECOND)))
                yield Flow(start + number * length, part, rate)
