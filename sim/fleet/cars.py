"""One vehicle: its class, its SIM, and what its applications do on which connection."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, takewhile, tee
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sim.fleet.classes import CLASSES, VehicleClass
from sim.fleet.drivers import Habits, Taste
from sim.fleet.places import Network, Place
from sim.fleet.signals import Breakdowns, Signal, WakeUps
from sim.fleet.streams import stream
from sim.fleet.traffic import LINGER, Flow, Journey, Model
from sim.fleet.trips import Trip, trips

M = TypeVar("M", bound=tuple[int, ...])
"""A flow or a window: its first number is when it begins."""


class Window(NamedTuple):
    """From attach to detach, microseconds UTC."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Use:
    """One application of a car: what it does, and who pays for it."""

    name: str
    key: str
    """Name the random stream: no two uses of a car share both."""
    model: Model
    split_id: str
    apn: str
    rating_group: int
    driver: Habits | Taste | None = None
    """Whoever buys when it ends; None: the car itself wants the octets."""
    share: float = 1.0
    """Of the cars that have it at all; a car has all or none that a split pays with the same share."""


@dataclass(frozen=True, slots=True)
class Car:
    """One vehicle with its SIM."""

    vehicle: str
    imsi: str
    msisdn: str | None
    uses: tuple[Use, ...]
    kind: VehicleClass = CLASSES["commuter"]
    trips: tuple[Trip, ...] | None = None
    """Made elsewhere, in order of time; None: those of its class are drawn."""
    signals: tuple[WakeUps | Breakdowns, ...] = ()
    """Messages and calls of its physical SIM; of each kind one."""
    network: Network | None = None
    """What it meets on the way; None: it is always served by the same node."""
    sales: tuple[int, ...] = ()
    """When it is sold, rising instants: others drive from then on, with habits and chances of their own."""

    def owner_at(self, at: int) -> int:
        """How many owners it has had before the one at an instant."""
        return bisect(self.sales, at) if self.sales else 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a car does on one APN."""

    apn: str
    uses: list[tuple[Use, Iterator[Flow]]]
    windows: Iterator[Window]
    places: Iterator[Place]
    """Changes of what serves it."""


Stays = Callable[[Use, int], bool]
"""Whether an owner of a car, by number from 0, still uses what a use is about."""


def attachments(
    car: Car, seed: int, begins: int, ends: int, zone: ZoneInfo, stays: Stays = lambda use, owner: True
) -> Iterator[Attachment]:
    """What the applications of a car do between two instants, APN by APN; all of it is drawn as it is asked for."""
    sharing: dict[str, list[Use]] = {}
    for use in car.uses:
        if use.share >= 1.0 or stream(seed, car.vehicle, "has", use.split_id).random() < use.share:
            sharing.setdefault(use.apn, []).append(use)
    if not sharing:
        return
    plan = driven(car, seed, begins, ends - LINGER, zone)
    views = iter(tee(plan, 2 * len(sharing) + sum(map(len, sharing.values()))))
    for apn, uses in sharing.items():
        windows = _driving(next(views))
        if any(use.driver is None for use in uses):
            windows = _always(windows, begins, ends)
        else:
            windows = _by_owner(car, windows, stays, uses)
        flows = [_flows(car, use, seed, Journey(next(views), car.kind, begins, ends, zone), stays) for use in uses]
        yield Attachment(apn, list(zip(uses, flows, strict=True)), windows, _places(car, seed, next(views)))


def _flows(car: Car, use: Use, seed: int, journey: Journey, stays: Stays) -> Iterator[Flow]:
    """Of one use; each owner draws from a stream of their own, and is heard of no more when they stop."""
    if use.driver is None or not car.sales:
        flows = use.model.flows(stream(seed, car.vehicle, use.name, use.key), journey)
        return flows if use.driver is None else _by_owner(car, flows, stays, [use])
    return chain.from_iterable(
        _while_wanted(
            use.model.flows(
                stream(seed, car.vehicle, use.name, use.key, *key_of_owner(owner)), journey._replace(trips=theirs)
            ),
            stays,
            [use],
            owner,
        )
        for owner, theirs in groupby(journey.trips, key=lambda trip: car.owner_at(trip.start))
    )


def key_of_owner(owner: int) -> tuple[str, ...]:
    """What an owner's random streams have in their key beside their purpose."""
    return (f"owner {owner + 1}",) if owner else ()


def _by_owner(car: Car, items: Iterator[M], stays: Stays, uses: list[Use]) -> Iterator[M]:
    """Of flows or windows, those in which whoever owns the car then still uses Wi-Fi."""
    if not car.sales:
        return _while_wanted(items, stays, uses, 0)
    return chain.from_iterable(
        _while_wanted(theirs, stays, uses, owner)
        for owner, theirs in groupby(items, key=lambda item: car.owner_at(item[0]))
    )


def _while_wanted(items: Iterator[M], stays: Stays, uses: list[Use], owner: int) -> Iterator[M]:
    return takewhile(lambda _: any(stays(use, owner) for use in uses), items)


def signals(car: Car, seed: int, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Iterator[Signal]]:
    """The messages and calls of a car between two instants, of each kind in order of time."""
    for kind in car.signals:
        random = stream(seed, car.vehicle, type(kind).__name__)
        yield kind.signals(
            random, Journey(driven(car, seed, begins, ends - LINGER, zone), car.kind, begins, ends, zone)
        )


def driven(car: Car, seed: int, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Trip]:
    """Its trips between two instants."""
    if car.trips is None:
        return trips(stream(seed, car.vehicle, "trips"), car.kind, begins, ends, zone)
    return (trip for trip in car.trips if begins <= trip.start and trip.end < ends)


def _places(car: Car, seed: int, plan: Iterator[Trip]) -> Iterator[Place]:
    """The same on every connection of the car."""
    return iter(()) if car.network is None else car.network.places(stream(seed, car.vehicle, "places"), plan)


def _driving(plan: Iterator[Trip]) -> Iterator[Window]:
    """One attachment for each trip, and a while after: until the next one at most."""
    before: Trip | None = None
    for trip in plan:
        if before is not None:
            yield Window(before.start, min(before.end + LINGER, trip.start))
        before = trip
    if before is not None:
        yield Window(before.start, before.end + LINGER)


def _always(driving: Iterator[Window], begins: int, ends: int) -> Iterator[Window]:
    """Attached all the time: a session while parked, and one for each trip."""
    free_from = begins
    for window in chain(driving, (Window(ends, ends),)):
        if free_from < window.start:
            yield Window(free_from, window.start)
        if window.start < window.end:
            yield window
        free_from = window.end
