"""What a generated fleet does in four weeks, beside what was published."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ocs.units import DAY, HOUR, MINUTE, instant
from sim.fidelity import published
from sim.fidelity.published import QUANTILES, SHAPES, HourShape, Lognormal
from sim.fleet.applications import Campaign, Telematics, Wifi
from sim.fleet.classes import CLASSES
from sim.fleet.streams import stream
from sim.fleet.traffic import MONTH_DAYS, Journey, Model
from sim.fleet.trips import Trip, trips

ZONE: Final = ZoneInfo("Europe/Berlin")
BEGINS: Final = instant(datetime(2026, 6, 1, tzinfo=ZONE))
"""A Monday; no clock changes in the four weeks from here."""
DAYS: Final = 28
_ENDS: Final = BEGINS + DAYS * DAY
_PRIVATE: Final = ("commuter", "leisure")


class Figure(NamedTuple):
    """One figure of the fleet, and what was published."""

    name: str
    value: float
    unit: str
    """`h` is an hour of the day, `of the day` a share that lies in other hours than it should."""
    published: float
    source: str
    chance: float | None = None
    """Half-width of the 95 % interval of `value`, in its unit: what another seed might move it by."""

    @property
    def relative_error(self) -> float | None:
        """Of figures that have one: shapes and hours of the day do not."""
        return (self.value - self.published) / self.published if self.unit not in ("h", "of the day") else None


@dataclass
class Shape:
    """What each hour has of a day, per cent."""

    what: HourShape
    measured: list[float]
    published: list[float]

    @property
    def misplaced(self) -> float:
        """Share of the day that would have to move to other hours for the two to agree."""
        return sum(abs(ours - theirs) for ours, theirs in zip(self.measured, self.published, strict=True)) / 200


@dataclass
class Measured:
    """All of it."""

    vehicles: int
    seed: int
    figures: list[Figure] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    lengths: list[tuple[str, float, float]] = field(default_factory=list)
    """Bins of trip lengths: minutes, share published, share measured."""
    volumes: dict[str, tuple[Lognormal, list[int]]] = field(default_factory=dict)
    """Octets of each vehicle in a month, rising, beside the distribution that was asked for."""


def measure(vehicles: int, seed: int, progress: Callable[[float], None] = lambda share: None) -> Measured:
    """Generate so many vehicles of each class and look at them.

    Args:
        vehicles: of each class, at least 2.
        seed: of all chance.
        progress: told the share that is done.
    """
    found = Measured(vehicles, seed)
    plans = {}
    for place, kind in enumerate(CLASSES):
        plans[kind] = [_plan(seed, kind, number) for number in range(vehicles)]
        progress((place + 1) / (len(CLASSES) + 8))
    _look_at_days(found, plans)
    for shape in SHAPES:
        measured = _percent(_hours(plans[shape.kind], shape))
        found.shapes.append(Shape(shape, measured, _percent(shape.published)))
    for each in found.shapes:
        what = "at the wheel" if each.what.driving else "departures"
        name = f"{what} in other hours, {each.what.name}"
        found.figures.append(Figure(name, each.misplaced, "of the day", 0.0, each.what.source))
    models: tuple[tuple[str, Model, Lognormal], ...] = (
        ("hotspot", Wifi(published.HOTSPOT.mean_octets, published.HOTSPOT.sigma), published.HOTSPOT),
        ("telematics", Telematics(published.TELEMATICS.mean_octets, published.TELEMATICS.sigma), published.TELEMATICS),
    )
    for place, (name, model, wanted) in enumerate(models):
        octets = sorted(_octets(seed, number, name, model, plan) for number, plan in enumerate(plans["commuter"]))
        _look_at_volumes(found, name, wanted, octets)
        progress((len(CLASSES) + 4 * (place + 1)) / (len(CLASSES) + 8))
    found.figures.append(_downloads(seed, plans))
    return found


def _plan(seed: int, kind: str, number: int) -> list[Trip]:
    return list(trips(stream(seed, f"{kind}-{number}", "trips"), CLASSES[kind], BEGINS, _ENDS, ZONE))


def _look_at_days(found: Measured, plans: dict[str, list[list[Trip]]]) -> None:
    private = [plan for kind in _PRIVATE for plan in plans[kind]]
    number = [len(plan) / DAYS for plan in private]
    minutes = [sum(end - start for start, end in plan) / MINUTE / DAYS for plan in private]
    lengths = [(end - start) / MINUTE for plan in private for start, end in plan]
    figures, aaa = found.figures, published.AAA
    figures.append(_mean("trips a day, private cars", number, "", published.TRIPS_A_DAY, aaa))
    figures.append(_mean("minutes at the wheel a day, private cars", minutes, "min", published.MINUTES_A_DAY, aaa))
    figures.append(_mean("minutes a trip, private cars", lengths, "min", published.MINUTES_A_TRIP, aaa))
    idle = [_weekdays_without_a_trip(plan) for plan in private]
    figures.append(_mean("weekdays without a trip", idle, "", published.DAYS_WITHOUT_A_TRIP, published.EMOBPY))
    for kind, (wanted, source) in published.WEEKDAY_MINUTES.items():
        driven = [sum(e - s for s, e in plan if _weekday(s) < 5) / MINUTE / (DAYS * 5 / 7) for plan in plans[kind]]
        figures.append(_mean(f"minutes at the wheel on a weekday, {kind}s", driven, "min", wanted, source))
    edges = [0, *(edge for edge, _ in published.LENGTHS)]
    counted = [0] * len(published.LENGTHS)
    for length in lengths:
        counted[bisect_left(edges, length) - 1] += 1
    for place, (edge, share) in enumerate(published.LENGTHS):
        found.lengths.append((f"{edges[place]}-{edge}", share, counted[place] / len(lengths)))


def _weekday(at: int) -> int:
    return (at - BEGINS) // DAY % 7


def _weekdays_without_a_trip(plan: Sequence[Trip]) -> float:
    driven = {(start - BEGINS) // DAY for start, _ in plan}
    return sum(day not in driven for day in range(DAYS) if day % 7 < 5) / (DAYS * 5 / 7)


def _hours(plans: Iterable[Sequence[Trip]], shape: HourShape) -> list[float]:
    hours = [0.0] * 24
    for plan in plans:
        for trip in plan:
            for at, weight in _spread(trip) if shape.driving else ((trip.start, 1.0),):
                if _weekday(at) in shape.days:
                    hours[(at - BEGINS) // HOUR % 24] += weight
    return hours


def _spread(trip: Trip) -> Iterator[tuple[int, float]]:
    """The hours of a trip, with the time in each."""
    at = trip.start
    while at < trip.end:
        until = min(trip.end, (at // HOUR + 1) * HOUR)
        yield at, until - at
        at = until


def _octets(seed: int, number: int, name: str, model: Model, plan: Sequence[Trip]) -> int:
    """What one vehicle moves in a month, from its four weeks."""
    journey = Journey(iter(plan), CLASSES["commuter"], BEGINS, _ENDS, ZONE)
    flows = model.flows(stream(seed, f"commuter-{number}", name), journey)
    return sum(flow.octets for flow in flows) * MONTH_DAYS // DAYS


def _look_at_volumes(found: Measured, name: str, wanted: Lognormal, octets: list[int]) -> None:
    found.volumes[name] = wanted, octets
    in_mb = [number / 1e6 for number in octets]
    what = f"{name} octets a vehicle-month"
    found.figures.append(_mean(f"{what}, mean", in_mb, "MB", wanted.mean_octets / 1e6, wanted.mean_source))
    for quantile, deviations in QUANTILES.items():
        value = in_mb[min(len(in_mb) - 1, int(int(quantile[1:]) / 100 * len(in_mb)))]
        expected = wanted.quantile(deviations) / 1e6
        found.figures.append(Figure(f"{what}, {quantile}", value, "MB", expected, published.DEFAULT))


def _downloads(seed: int, plans: dict[str, list[list[Trip]]]) -> Figure:
    """The hour of a weekday in which most vehicles begin a download that nobody has scheduled.

    The release is at midnight before a Tuesday; each vehicle begins on its first trip.
    """
    opens = BEGINS + DAY
    model = Campaign(opens, opens + 3 * DAY, 100_000_000, 100_000_000)
    hours = [0] * 24
    for kind in (*_PRIVATE, "business"):
        for number, plan in enumerate(plans[kind]):
            journey = Journey(iter(plan), CLASSES[kind], BEGINS, _ENDS, ZONE)
            first = next(model.flows(stream(seed, f"{kind}-{number}", "campaign"), journey), None)
            if first is not None:
                hours[(first.at - BEGINS) // HOUR % 24] += 1
    peak = hours.index(max(hours))
    return Figure("unscheduled downloads peak at", peak, "h", published.DOWNLOAD_PEAK_HOUR, published.CARSYS)


def _mean(name: str, values: Sequence[float], unit: str, wanted: float, source: str) -> Figure:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    return Figure(name, mean, unit, wanted, source, 1.96 * sqrt(variance / len(values)))


def _percent(hours: Sequence[float]) -> list[float]:
    whole = sum(hours) or 1.0
    return [100 * hour / whole for hour in hours]
