"""One vehicle: its class, its SIM, and what its applications do on which connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, tee
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sim.fleet.classes import CLASSES, VehicleClass
from sim.fleet.drivers import Habits, Taste
from sim.fleet.places import Network, Place
from sim.fleet.signals import Breakdowns, Signal, WakeUps
from sim.fleet.streams import stream
from sim.fleet.traffic import LINGER, Flow, Journey, Model
from sim.fleet.trips import Trip, trips


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


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a car does on one APN."""

    apn: str
    uses: list[tuple[Use, Iterator[Flow]]]
    windows: Iterator[Window]
    places: Iterator[Place]
    """Changes of what serves it."""


def attachments(car: Car, seed: int, begins: int, ends: int, zone: ZoneInfo) -> Iterator[Attachment]:
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
        flows = [
            use.model.flows(
                stream(seed, car.vehicle, use.name, use.key), Journey(next(views), car.kind, begins, ends, zone)
            )
            for use in uses
        ]
        yield Attachment(apn, list(zip(uses, flows, strict=True)), windows, _places(car, seed, next(views)))


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
