"""The applications of a vehicle, as declared traffic models: each a few numbers, and the flows that follow from them.

Means are octets a vehicle moves in a month of 30 days; over the vehicles they are lognormal (`sigma`), so that tails
are heavy. Every model draws from a stream of its own: adding one moves none of the others. M is measured and
published, D is our default, which nobody publishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from random import Random
from typing import ClassVar, Final

from ocs.units import MINUTE, SECOND, instant, utc
from sim.fleet.streams import whole
from sim.fleet.traffic import LINGER, MONTH_DAYS, Flow, Journey, volume
from sim.fleet.trips import Trip

_BURST: Final = 10 * MINUTE
"""D: a trip holds about one burst of Wi-Fi use in so long a time."""
_BUSY: Final = 0.6
"""D: share of its time in which a burst moves octets."""
_HEARTBEAT_RATE: Final = 50_000
"""Octets a second. D"""


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """What a parked vehicle sends in the session that it keeps. D"""

    share: float = 0.4
    """Of the octets of telematics."""
    least_seconds: int = 900
    most_seconds: int = 3_600
    """From one to the next, uniform between the two."""
    synchronised: bool = False
    """All vehicles at the same instants, as a bad release has them: whole multiples of the mean wait since 1970."""

    @property
    def a_month(self) -> float:
        """How many there are, of a vehicle that is always parked."""
        return MONTH_DAYS * 86_400 / ((self.least_seconds + self.most_seconds) / 2)

    def following(self, random: Random) -> Callable[[int], int]:
        """Tells for an instant when the first one after it is; drawn every time."""
        wait = whole(random, self.least_seconds, self.most_seconds)
        every = (self.least_seconds + self.most_seconds) // 2 * SECOND
        if self.synchronised:
            return lambda at: at // every * every + every
        return lambda at: at + wait() * SECOND


@dataclass(frozen=True, slots=True)
class Telematics:
    """Heartbeats of the parked vehicle, and a stream while it drives.

    Machines send more than they get (M: Shafiq et al.; how much is D). A mean of 30 MB with sigma 0.8 is usual (D:
    p50 22, p90 61, p99 140 MB).
    """

    month_octets: int
    sigma: float = 0.8
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    uplink_percent: ClassVar[int] = 70
    on_demand: ClassVar[bool] = False

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """See `Model`."""
        beats, month_octets = self.heartbeats, volume(random, self.month_octets, self.sigma)
        beat = int(beats.share * month_octets / beats.a_month)
        streamed_a_second = (1 - beats.share) * month_octets / journey.seconds_a_month
        following, size = beats.following(random), whole(random, beat // 2, beat + beat // 2)
        at = journey.begins + random.randrange(beats.most_seconds) * SECOND
        for start, end in chain(journey.trips, (Trip(journey.ends, journey.ends),)):
            while at < start:
                yield Flow(at, size() or 1, _HEARTBEAT_RATE)
                at = following(at)
            if start < end:
                seconds = (end - start) // SECOND
                rate = max(1, int(streamed_a_second * random.uniform(0.5, 1.5)))
                yield Flow(start, rate * seconds, rate)
                at = following(end)


@dataclass(frozen=True, slots=True)
class Wifi:
    """The hotspot: bursts of use in each trip and for five minutes after.

    M: 2.3 GB a paying subscriber-month (AT&T 2017-18: 45 M GB over 1 M subscribers, a low estimate). D: sigma 1.3 over
    drivers (p50 0.99, p90 5.2, p99 20 GB), 1.5 over a driver's trips.
    """

    month_octets: int
    sigma: float = 1.3
    trip_sigma: float = 1.5
    uplink_percent: ClassVar[int] = 12
    on_demand: ClassVar[bool] = True

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """See `Model`."""
        a_trip = volume(random, self.month_octets, self.sigma) / journey.trips_a_month
        for start, end in journey.trips:
            octets = volume(random, int(a_trip), self.trip_sigma)
            until = end + LINGER
            bursts = 1 + (end - start) // _BURST
            length = (until - start) // bursts
            weights = [random.expovariate(1) for _ in range(bursts)]
            together = sum(weights)
            for number, weight in enumerate(weights):
                part = int(octets * weight / together)
                if part:
                    rate = max(1, int(part / (_BUSY * length / SECOND)))
                    yield Flow(start + number * length, part, rate)


@dataclass(frozen=True, slots=True)
class Streaming:
    """Music and films: on some trips, for as long as they last, at a steady rate. D"""

    month_octets: int
    sigma: float = 1.0
    share_of_trips: float = 0.3
    rate_sigma: float = 0.8
    """Spread of the rate over a driver's trips: speech and music to films."""
    uplink_percent: ClassVar[int] = 2
    on_demand: ClassVar[bool] = True

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """See `Model`."""
        month_octets = volume(random, self.month_octets, self.sigma)
        a_second = int(month_octets / (journey.seconds_a_month * self.share_of_trips))
        for start, end in journey.trips:
            # Both are drawn for every trip: what one trip does, another one does not change.
            plays, rate = random.random() < self.share_of_trips, max(1, volume(random, a_second, self.rate_sigma))
            if plays:
                yield Flow(start, rate * ((end - start) // SECOND), rate)


@dataclass(frozen=True, slots=True)
class Navigation:
    """The route and its map tiles, when a trip begins: short, and mostly down. D"""

    month_octets: int
    sigma: float = 0.8
    trip_sigma: float = 1.0
    rate: int = 250_000
    uplink_percent: ClassVar[int] = 10
    on_demand: ClassVar[bool] = True

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """See `Model`."""
        a_trip = int(volume(random, self.month_octets, self.sigma) / journey.trips_a_month)
        for start, _ in journey.trips:
            yield Flow(start, max(1, volume(random, a_trip, self.trip_sigma)), self.rate)


@dataclass(frozen=True, slots=True)
class CallTest:
    """Self-test of the emergency call: its data set goes up when the first trip begins after the test is due. D"""

    every_seconds: int = 28 * 86_400
    octets: int = 5_000
    """The 140 octets of the minimum set of data (EN 15722) in a signed report, with what carries it."""
    uplink_percent: ClassVar[int] = 80
    on_demand: ClassVar[bool] = True

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """See `Model`."""
        due = journey.begins + random.randrange(self.every_seconds) * SECOND
        for start, _ in journey.trips:
            if start >= due:
                yield Flow(start, self.octets, self.octets)
                due += (1 + (start - due) // (self.every_seconds * SECOND)) * self.every_seconds * SECOND


@dataclass(frozen=True, slots=True)
class Campaign:
    """A firmware campaign: a download that begins once and goes on, trip by trip or night by night, until it is done.

    Without a window it goes on whenever the vehicle drives: such downloads peak at 07 h (M: AT&T CarSys 2017). In a
    window, minutes of the wall clock, it goes on in parked vehicles, at a moment of their own in its first half.
    Usual sizes (D): maps 200 to 800 MB, control units 20 to 150 MB, full infotainment 1 to 4 GB.
    """

    opens: int
    closes: int
    """Instants, microseconds UTC; what is not done by the end is given up."""
    least_octets: int
    most_octets: int
    """The same for all vehicles, or uniform on a logarithmic scale between the two."""
    share: float = 1.0
    """Of the vehicles that the campaign concerns."""
    rate: int = 1_000_000
    window: tuple[int, int] | None = None
    uplink_percent: ClassVar[int] = 1
    on_demand: ClassVar[bool] = True

    def flows(self, random: Random, journey: Journey) -> Iterator[Flow]:
        """See `Model`."""
        concerned = random.random() < self.share
        left = int(self.least_octets * (self.most_octets / self.least_octets) ** random.random())
        if not concerned:
            return
        spans = journey.trips if self.window is None else self._nights(random, journey, self.window)
        for start, end in spans:
            start, end = max(start, self.opens), min(end, self.closes, journey.ends)
            if start >= self.closes or not left:
                return
            octets = min(left, (end - start) // SECOND * self.rate)
            if octets > 0:
                left -= octets
                yield Flow(start, octets, self.rate)

    def _nights(self, random: Random, journey: Journey, window: tuple[int, int]) -> Iterator[Trip]:
        """The window of each day from the day before the campaign on, each begun late by a moment of the vehicle's."""
        day = utc(self.opens).astimezone(journey.zone).date() - timedelta(days=1)
        late = random.random() / 2
        opens, closes = window[0], window[1] + (1440 if window[1] <= window[0] else 0)
        while True:
            midnight = datetime(day.year, day.month, day.day, tzinfo=journey.zone)
            begin, end = (instant(midnight + timedelta(minutes=minute)) for minute in (opens, closes))
            if end > self.opens:
                yield Trip(begin + int((end - begin) // SECOND * late) * SECOND, end)
            if begin >= min(self.closes, journey.ends):
                return
            day += timedelta(days=1)
