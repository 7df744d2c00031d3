"""Pictures of a generated fleet beside published figures: what was published is a line, the fleet is filled."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from math import log
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.fidelity.measure import Measured
from sim.fidelity.published import QUANTILES, Lognormal

_FLEET: Final = "#1f5f8b"
_PUBLISHED: Final = "#d9822b"
_QUIET: Final = "#5d6870"
_STYLE: Final[Any] = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.edgecolor": _QUIET,
    "xtick.color": _QUIET, "ytick.color": _QUIET, "legend.frameon": False, "grid.color": "#d9dee2",
}  # fmt: skip


def draw(measured: Measured, folder: Path) -> list[Path]:
    """Write every picture into `folder`.

    Raises:
        OSError: it cannot be written.
    """
    drawn = []
    with mpl.rc_context(_STYLE):
        pictures: dict[str, Callable[[Measured], Figure]] = {
            "fleet-days": _days,
            "fleet-hours": _hours,
            "fleet-hotspot": lambda found: _volumes(found, "hotspot"),
            "fleet-telematics": lambda found: _volumes(found, "telematics"),
        }
        for name, picture in pictures.items():
            path = folder / f"{name}.png"
            picture(measured).savefig(path, dpi=130, metadata={"Software": None})
            drawn.append(path)
    return drawn


def _days(measured: Measured) -> Figure:
    figure, (left, right) = _figure(2, 3.6, "A day of a private car", measured)
    figures = {figure.name: figure for figure in measured.figures}
    rows = [(name, figures[f"{key}, private cars"]) for name, key in (
        ("trips a day", "trips a day"), ("minutes a trip", "minutes a trip"),
        ("minutes a day", "minutes at the wheel a day"),
    )]  # fmt: skip
    for place, (_, one) in enumerate(rows):
        left.barh(place, one.value / one.published, color=_FLEET, height=0.55)
        label = f"{one.value:.3g} (published {one.published:.3g})"
        left.text(0.03, place, label, color="white", va="center", fontweight="bold")
    left.axvline(1, color=_PUBLISHED, linewidth=2)
    left.set_yticks(range(len(rows)), [name for name, _ in rows])
    left.invert_yaxis()
    left.set_xlabel("fleet / published (AAA 2022)")
    left.set_xlim(0, 1.2)
    left.set_title("how often, how long")
    names = [name for name, _, _ in measured.lengths]
    right.bar(names, [100 * ours for _, _, ours in measured.lengths], color=_FLEET, width=0.7)
    theirs = [100 * share for _, share, _ in measured.lengths]
    right.scatter(names, theirs, color=_PUBLISHED, marker="_", s=700, linewidth=2.5, zorder=3)
    right.set_xlabel("minutes a trip")
    right.set_ylabel("% of trips")
    right.set_title("how long a trip is")
    return figure


def _hours(measured: Measured) -> Figure:
    figure, axes = _figure(len(measured.shapes), 7.4, "When vehicles drive", measured, columns=2)
    for axis, shape in zip(axes, measured.shapes, strict=True):
        axis.bar(range(24), shape.measured, color=_FLEET, width=0.85)
        edges = [hour - 0.5 for hour in range(25)]
        axis.step(edges, [*shape.published, shape.published[-1]], color=_PUBLISHED, where="post", linewidth=2)
        what = "at the wheel" if shape.what.driving else "departures"
        axis.set_title(f"{shape.what.name}: {what}, {shape.misplaced:.1%} in other hours")
        axis.set_xticks(range(0, 24, 3))
        axis.set_ylabel("% of the day")
    axes[-1].set_xlabel("hour, local time")
    return figure


def _volumes(measured: Measured, name: str) -> Figure:
    wanted, octets = measured.volumes[name]
    figure, (left, right) = _figure(2, 3.6, f"Octets of {name} in a month", measured)
    megabytes = [number / 1e6 for number in octets if number]
    low, high = min(megabytes), max(megabytes)
    points = [low * (high / low) ** (step / 200) for step in range(201)]
    left.fill_between(points, [100 * bisect_right(megabytes, at) / len(octets) for at in points], color=_FLEET)
    left.plot(points, [100 * _below(wanted, at * 1e6) for at in points], color=_PUBLISHED, linewidth=2)
    left.set_xscale("log")
    left.set_xlabel("MB a vehicle-month")
    left.set_ylabel("% of vehicles below")
    left.set_title(f"over the vehicles: mean {sum(megabytes) / len(octets):,.0f} MB "
                   f"({wanted.mean_octets / 1e6:,.0f} wanted)")  # fmt: skip
    left.grid(visible=True)
    _pareto(right, megabytes, wanted)
    for quantile, deviations in QUANTILES.items():
        at = wanted.quantile(deviations) / 1e6
        left.axvline(at, color=_QUIET, linewidth=0.8, linestyle=":")
        left.text(at, 101, quantile, color=_QUIET, ha="center", va="bottom", fontsize=7.5)
    left.title.set_position((0, 1.08))
    return figure


def _pareto(axis: Axes, megabytes: list[float], wanted: Lognormal) -> None:
    """What share of all octets the heaviest users move."""
    falling = list(accumulate(sorted(megabytes, reverse=True)))
    users = [100 * (place + 1) / len(falling) for place in range(len(falling))]
    axis.fill_between(users, [100 * octets / falling[-1] for octets in falling], color=_FLEET)
    normal = NormalDist()
    shares = [step / 500 for step in range(1, 500)]
    theirs = [100 * (1 - normal.cdf(normal.inv_cdf(1 - share) - wanted.sigma)) for share in shares]
    axis.plot([100 * share for share in shares], theirs, color=_PUBLISHED, linewidth=2)
    axis.set_xlabel("% of vehicles, heaviest first")
    axis.set_ylabel("% of all octets")
    axis.set_title("who moves them")
    axis.grid(visible=True)


def _below(wanted: Lognormal, octets: float) -> float:
    return NormalDist().cdf(log(octets / wanted.quantile(0)) / wanted.sigma)


def _figure(number: int, height: float, title: str, measured: Measured, columns: int = 2) -> tuple[Figure, list[Axes]]:
    rows = -(-number // columns)
    figure = Figure(figsize=(10, height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[number:]:
        spare.remove()
    figure.suptitle(title, fontsize=13, fontweight="bold", ha="left", x=0.01)
    note = f"filled: {measured.vehicles:,} vehicles a class, 28 days, seed {measured.seed}; orange: published or wanted"
    figure.text(0.99, 0.995, note, fontsize=7.5, color=_QUIET, ha="right", va="top")
    return figure, axes[:number]
