"""Picture of a fleet's run: what the OCS was asked hour by hour, over the octets that the cars moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import nan
from zoneinfo import ZoneInfo

from matplotlib import dates as mdates
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ocs.units import utc
from scenarios.report.style import (
    LIGHT,
    PARTY_NAMES,
    WIDTH_INCHES,
    Theme,
    drawing,
    footnote,
    heading,
    megabytes,
    plain_axis,
    png,
)
from scenarios.sharded.records import SeriesRow


def draw_load(hours: Sequence[SeriesRow], cars: int, zone: ZoneInfo, note: str, theme: Theme = LIGHT) -> bytes:
    """The picture as PNG."""
    times = [_local(row.at, zone) for row in hours]
    busiest = max(hours, key=lambda row: row.requests)
    with drawing(theme):
        figure = Figure(figsize=(WIDTH_INCHES, 5.6))
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        figure.subplots_adjust(left=0.085, right=0.985, top=0.845, bottom=0.115, hspace=0.16)
        upper.fill_between(times, [row.requests for row in hours], step="post", facecolor=theme.quiet, alpha=0.45)
        upper.plot(times, [row.refusals for row in hours], color=theme.b2c, linewidth=1.2, label="refusals")
        upper.plot([], [], color=theme.quiet, linewidth=6, alpha=0.45, label="credit-control requests")
        upper.set_ylabel("an hour")
        for party, column in (("b2b", "octets_b2b"), ("b2c", "octets_b2c")):
            octets = [getattr(row, column) or nan for row in hours]  # nothing moved: a gap
            lower.plot(times, octets, color=theme.party(party), linewidth=1.1, label=PARTY_NAMES[party])
        lower.set_yscale("log")
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: megabytes(value)))
        lower.set_ylabel("octets an hour")
        for axes in (upper, lower):
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=8.5, borderaxespad=0.2)
            plain_axis(axes, "y")
            axes.margins(x=0.005)
        days = mdates.AutoDateLocator(tz=zone, minticks=6, maxticks=12)  # type: ignore[no-untyped-call]
        lower.xaxis.set_major_locator(days)
        lower.xaxis.set_major_formatter(mdates.DateFormatter("%-d %b", tz=zone))  # type: ignore[no-untyped-call]
        lower.set_xlabel(f"local time ({zone})")
        finding = f"{sum(row.requests for row in hours):,} requests; the busiest hour has {busiest.requests:,}"
        detail = f"{cars:,} cars; the busiest hour begins {_local(busiest.at, zone):%d %b %H:%M}"
        heading(figure, finding, detail, theme)
        footnote(figure, note, theme)
        return png(figure)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return utc(at).astimezone(zone)
