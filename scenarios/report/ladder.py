"""The ladder of a trace: car, gateway and OCS as three lines, what goes between them as arrows, time downwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from ocs.units import utc
from scenarios.report.style import LIGHT, WIDTH_INCHES, Theme, drawing, footnote, heading, png
from scenarios.sharded.trace import Line

RUNGS: Final = 40
"""What one picture holds."""
_CAR, _PGW, _OCS, _LEDGER = 0.0, 1.0, 2.0, 2.35
_PLACES: Final = (("car", _CAR), ("gateway", _PGW), ("OCS", _OCS))


class _Rung(NamedTuple):
    start: float
    end: float
    colour: str


def draw_ladder(lines: Sequence[Line], vehicle: str, zone: ZoneInfo, note: str, theme: Theme = LIGHT) -> bytes:
    """The picture of at most `RUNGS` lines as PNG: around the first refusal or final units, or else the first ones."""
    shown = _telling(lines)
    height = 1.7 + 0.24 * len(shown)
    with drawing(theme):
        figure = Figure(figsize=(WIDTH_INCHES + 2, height))
        axes = figure.add_axes((0.13, 0.35 / height, 0.86, 1 - 1.25 / height))
        axes.set_xlim(-0.05, 4.6)
        axes.set_ylim(len(shown) + 0.5, -1.2)
        axes.axis("off")
        for name, place in _PLACES:
            axes.plot([place, place], [-0.5, len(shown)], color=theme.rule, linewidth=2, zorder=1)
            axes.text(place, -0.7, name, ha="center", va="bottom", fontweight="bold")
        before = ""
        for row, line in enumerate(shown):
            moment = f"{utc(line.at).astimezone(zone):%d %b %H:%M:%S}"
            if moment != before:
                axes.text(-0.12, row, moment, ha="right", va="center", fontsize=8, color=theme.quiet)
            before = moment
            rung = _rung(line, theme)
            if rung is not None:
                arrow = {"arrowstyle": "-|>", "color": rung.colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
                axes.annotate("", (rung.end, row), (rung.start, row), arrowprops=arrow)
                middle = (rung.start + rung.end) / 2
                axes.text(middle, row - 0.08, line.what, ha="center", va="bottom", fontsize=7.5, color=rung.colour)
            words = " · ".join(filter(None, (line.session, line.detail) if rung else (line.what, line.detail)))
            axes.text(_LEDGER, row, words[:92], ha="left", va="center", fontsize=8, color=theme.ink)
        heading(figure, f"{vehicle}: what was moved, said and written", f"{len(shown)} of {len(lines):,} lines", theme)
        footnote(figure, note, theme)
        return png(figure)


def _telling(lines: Sequence[Line]) -> Sequence[Line]:
    turns = (
        n for n, line in enumerate(lines) if line.what == "CCA" and ("4012" in line.detail or "last" in line.detail)
    )
    first = max(0, next(turns, 0) - RUNGS // 2)
    return lines[first : first + RUNGS]


def _rung(line: Line, theme: Theme) -> _Rung | None:
    """From where to where, if anything goes."""
    refused = "4012" in line.detail
    match line.what.partition(" ")[0]:
        case "octets":
            return _Rung(_CAR, _PGW, theme.b2c if "driver" in line.detail else theme.b2b)
        case "CCR-I" | "CCR-U" | "CCR-T" | "CCR-E":
            return _Rung(_PGW, _OCS, theme.ink)
        case "CCA":
            return _Rung(_OCS, _PGW, "#a3271f" if refused else theme.ink)
        case "RAR" | "ASR":
            return _Rung(_OCS, _PGW, theme.b2c)
        case _:
            return None
