"""Picture 1: one car's consumer balance, slice by slice, above its telematics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from matplotlib import dates as mdates
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ocs.units import DAY, utc
from scenarios.report.style import HATCH, WIDTH_INCHES, Theme, drawing, footnote, heading, megabytes, plain_axis


@dataclass(frozen=True)
class BalanceData:
    """What the picture shows; instants are microseconds UTC, volumes octets."""

    vehicle: str
    zone: tzinfo
    balance: list[tuple[int, int]]
    """Units left in the driver's buckets after each report."""
    cuts: list[int]
    top_ups: list[tuple[int, str]]
    dark: list[tuple[int, int]]
    """From each cut to the moment Wi-Fi was granted again (or the end)."""
    telematics: list[tuple[int, int]]
    """Octets of the enterprise so far, from ground truth."""

    def rows(self) -> list[dict[str, object]]:
        """The data as rows of `figures/balance.csv`."""
        rows: list[dict[str, object]] = []
        rows += [
            {"series": "balance_octets", "time": utc(at).isoformat(), "value": value} for at, value in self.balance
        ]
        rows += [{"series": "cut", "time": utc(at).isoformat(), "value": ""} for at in self.cuts]
        rows += [{"series": "top_up", "time": utc(at).isoformat(), "value": name} for at, name in self.top_ups]
        rows += [
            {"series": "telematics_octets", "time": utc(at).isoformat(), "value": value}
            for at, value in self.telematics
        ]
        return rows


def draw(data: BalanceData, theme: Theme, note: str) -> Figure:
    """The picture."""

    def local(at: int) -> datetime:
        return utc(at).astimezone(data.zone)

    with drawing(theme):
        figure = Figure(figsize=(WIDTH_INCHES, 5.6))
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        figure.subplots_adjust(left=0.085, right=0.985, top=0.845, bottom=0.115, hspace=0.16)

        times, values = [local(at) for at, _ in data.balance], [value / 1e6 for _, value in data.balance]
        upper.fill_between(times, values, step="post", facecolor=theme.b2c, alpha=0.28, hatch=HATCH["b2c"],
                           edgecolor=theme.b2c, linewidth=0)  # fmt: skip
        upper.step(times, values, where="post", color=theme.b2c, linewidth=1.4)
        top = max(values, default=1.0) * 1.22
        upper.set_ylim(0, top)
        upper.set_ylabel("driver's balance, MB")
        for start, end in data.dark:
            for axes in (upper, lower):
                axes.axvspan(local(start), local(end), color=theme.quiet, alpha=0.13, linewidth=0)
        upper.plot([local(at) for at in data.cuts], [0] * len(data.cuts), "X", color=theme.ink, markersize=7,
                   clip_on=False, zorder=5, linestyle="none", label="Wi-Fi cut (allowance used up)")  # fmt: skip
        upper.plot([local(at) for at, _ in data.top_ups], [top * 0.95] * len(data.top_ups), "v", color=theme.b2c,
                   markeredgecolor=theme.ink, markersize=7, linestyle="none", label="driver buys")  # fmt: skip
        for at, _ in data.top_ups:
            upper.axvline(local(at), color=theme.b2c, linewidth=0.8, linestyle=(0, (2, 2)))
        if data.dark:
            upper.fill_between([], [], color=theme.quiet, alpha=0.13, label="no Wi-Fi")
        upper.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=8.5, borderaxespad=0.2)

        times, values = [local(at) for at, _ in data.telematics], [value / 1e6 for _, value in data.telematics]
        lower.fill_between(times, values, step="post", facecolor=theme.b2b, alpha=0.35, linewidth=0)
        lower.step(times, values, where="post", color=theme.b2b, linewidth=1.6)
        lower.set_ylim(0, max(values, default=1.0) * 1.15)
        lower.set_ylabel("telematics so far, MB")
        days = mdates.AutoDateLocator(tz=data.zone, minticks=6, maxticks=12)  # type: ignore[no-untyped-call]
        lower.xaxis.set_major_locator(days)
        few_days = data.balance[-1][0] - data.balance[0][0] < 7 * DAY
        form = "%-d %b %H:%M" if few_days else "%-d %b"
        lower.xaxis.set_major_formatter(mdates.DateFormatter(form, tz=data.zone))  # type: ignore[no-untyped-call]
        lower.set_xlabel(f"local time ({data.zone})")
        for axes in (upper, lower):
            axes.yaxis.set_major_formatter(
                FuncFormatter(lambda value, _: f"{value:,.0f}" if top > 20 else f"{value:g}")
            )
            plain_axis(axes, "y")
            axes.margins(x=0.005)
        heading(figure, _finding(data), f"Balance of the driver of {data.vehicle} after each report, over the octets "
                "that its telematics moved meanwhile", theme)  # fmt: skip
        footnote(figure, note, theme)
    return figure


def _finding(data: BalanceData) -> str:
    during = 0
    for start, end in data.dark:
        before = max((value for at, value in data.telematics if at <= start), default=0)
        during += max((value for at, value in data.telematics if at <= end), default=before) - before
    times = "once" if len(data.cuts) == 1 else f"{len(data.cuts)} times"
    return f"Wi-Fi stopped {times}; telematics went on and moved {megabytes(during)} meanwhile"
