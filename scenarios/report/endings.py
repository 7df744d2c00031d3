"""Picture 2: how sessions ended, by cause and party."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scenarios.report.style import HATCH, PARTY_NAMES, WIDTH_INCHES, Theme, drawing, footnote, heading, plain_axis


@dataclass(frozen=True)
class EndingsData:
    """Endings counted by (cause, party); the causes in the order in which they are drawn."""

    counts: dict[tuple[str, str], int]
    forced: frozenset[str]
    """The causes that are the network's doing, not the driver's or the car's."""

    def rows(self) -> list[dict[str, object]]:
        """The data as rows of `figures/endings.csv`."""
        return [{"cause": cause, "party": party, "count": count} for (cause, party), count in self.counts.items()]


def draw(data: EndingsData, theme: Theme, note: str) -> Figure:
    """The picture."""
    causes = list(dict.fromkeys(cause for cause, _ in data.counts))
    with drawing(theme):
        figure = Figure(figsize=(WIDTH_INCHES, 1.75 + 0.55 * len(causes)))
        height = figure.get_size_inches()[1]
        axes = figure.subplots()
        figure.subplots_adjust(left=0.29, right=0.94, top=1 - 0.95 / height, bottom=0.7 / height)
        for offset, party in ((-0.2, "b2b"), (0.2, "b2c")):
            values = [data.counts.get((cause, party), 0) for cause in causes]
            bars = axes.barh([place + offset for place in range(len(causes))], values, height=0.36,
                             color=theme.party(party), hatch=HATCH[party], edgecolor=theme.paper, linewidth=0,
                             label=PARTY_NAMES[party])  # fmt: skip
            axes.bar_label(bars, [f"{value:,}" for value in values], padding=4, fontsize=8.5)
        axes.set_yticks(range(len(causes)), causes)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("endings of service, count")
        axes.legend(loc="lower right", fontsize=9)
        plain_axis(axes, "x")
        axes.margins(x=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        heading(figure, _finding(data), "Ends of a session, or of one rating group in a session that stays open, "
                "by cause and by who pays", theme)  # fmt: skip
        footnote(figure, note, theme)
    return figure


def _finding(data: EndingsData) -> str:
    b2c = sum(count for (cause, party), count in data.counts.items() if party == "b2c" and cause in data.forced)
    b2b = sum(count for (cause, party), count in data.counts.items() if party == "b2b" and cause in data.forced)
    who = "not one enterprise session" if b2b == 0 else f"{b2b:,} enterprise sessions"
    times = "once" if b2c == 1 else f"{b2c:,} times"
    return f"Used-up allowances ended Wi-Fi {times}, and {who}"
