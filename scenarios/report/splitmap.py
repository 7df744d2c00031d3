"""Picture 4: the split map. SIM -> APN/RG -> split -> plan -> payer -> bill, as bands in octets and in money.

A Sankey picture: every band is drawn at its true width. A label stands above its place and has room of its own there,
so that labels of a column never overlap, however thin the bands are.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from scenarios.report.style import HATCH, PARTY_NAMES, WIDTH_INCHES, Theme, drawing, footnote, heading, megabytes

COLUMNS = ("SIMs", "APN / RG", "split", "plan", "payer", "bill")
_LINE_INCHES = 0.135
_LETTERS = 23
"""Letters of a label's line that fit between two columns."""
_GAP_INCHES = 0.1
_HEAD_INCHES = 0.25
_NODE_WIDTH = 0.05


@dataclass(frozen=True)
class Flow:
    """One way from SIMs to a bill: a name per column, the party, octets and micros of money (net)."""

    names: tuple[str, str, str, str, str, str]
    party: str
    octets: int
    micros: int


@dataclass(frozen=True)
class SplitMapData:
    """All flows of a run, enterprise first."""

    flows: list[Flow]
    currency: str

    def rows(self) -> list[dict[str, object]]:
        """The data as rows of `figures/splitmap.csv`."""
        names = ("sims", "apn_rg", "split", "plan", "payer", "bill")
        return [
            {
                **dict(zip(names, flow.names, strict=True)),
                "party": flow.party,
                "octets": flow.octets,
                "micros": flow.micros,
            }
            for flow in self.flows
        ]


def draw(data: SplitMapData, theme: Theme, note: str) -> Figure:
    """The picture: the map in octets above the map in money."""
    most = max(len({flow.names[column] for flow in data.flows}) for column in range(len(COLUMNS)))
    panel = max(2.4, most * (3 * _LINE_INCHES + _GAP_INCHES) + 1.3)
    with drawing(theme):
        figure = Figure(figsize=(WIDTH_INCHES, 2 * panel + 1.75))
        height = figure.get_size_inches()[1]
        for number, (title, weight, text) in enumerate(
            (
                ("in octets", lambda flow: flow.octets, megabytes),
                (f"in money ({data.currency}, net)", lambda flow: flow.micros, lambda micros: f"{micros / 1e6:,.2f}"),
            )
        ):
            bottom = 0.35 + (1 - number) * (panel + 0.35)
            axes = figure.add_axes((0.012, bottom / height, 0.976, panel / height))
            _panel(axes, data.flows, weight, text, panel, theme)
            figure.text(0.012, (bottom + panel + 0.02) / height, title, fontweight="bold", fontsize=10, va="bottom")
        handles = [
            Rectangle((0, 0), 1, 1, facecolor=theme.party(party), hatch=HATCH[party], edgecolor=theme.paper, alpha=0.75)
            for party in ("b2b", "b2c")
        ]
        figure.legend(handles, [PARTY_NAMES["b2b"], PARTY_NAMES["b2c"]], loc="upper right", ncols=2, fontsize=9,
                      bbox_to_anchor=(0.99, 1 - 0.62 / height))  # fmt: skip
        heading(figure, _finding(data), "Where the octets and the money go; bands are drawn to scale, and none "
                "changes party on its way", theme)  # fmt: skip
        footnote(figure, note, theme)
    return figure


def _finding(data: SplitMapData) -> str:
    def share(weigh: Callable[[Flow], int]) -> float:
        return 100 * sum(weigh(flow) for flow in data.flows if flow.party == "b2c") / (sum(map(weigh, data.flows)) or 1)

    octets, money = share(lambda flow: flow.octets), share(lambda flow: flow.micros)
    return f"Drivers move {octets:.0f} % of the octets and pay {money:.0f} % of the money, on bills of their own"


@dataclass
class _Node:
    name: str
    weight: int
    label: list[str] = field(default_factory=list)
    top: float = 0.0
    """Upper edge of the node, inches from the panel's top."""
    left_used: float = 0.0
    right_used: float = 0.0

    @property
    def room(self) -> float:
        """Inches above the node that its label takes."""
        return len(self.label) * _LINE_INCHES + 0.06


def _panel(
    axes: Axes, flows: list[Flow], weigh: Callable[[Flow], int], text: Callable[[int], str], panel: float, theme: Theme
) -> None:
    axes.set_xlim(-0.02, len(COLUMNS) - 1 + 0.98)
    axes.set_ylim(panel, 0)
    axes.axis("off")
    columns = [_column(flows, column, weigh, text) for column in range(len(COLUMNS))]
    scale = min(_scale(list(nodes.values()), panel - _HEAD_INCHES) for nodes in columns)
    halo = [withStroke(linewidth=2.6, foreground=theme.paper)]
    for place, nodes in enumerate(columns):
        axes.text(place, 0.1, COLUMNS[place], color=theme.quiet, fontsize=8.5, va="center")
        _lay_out(list(nodes.values()), scale, panel)
        for node in nodes.values():
            axes.add_patch(Rectangle((place, node.top), _NODE_WIDTH, node.weight * scale, facecolor=theme.ink,
                                     edgecolor=theme.ink, linewidth=0.6, zorder=3))  # fmt: skip
            axes.text(place, node.top - 0.04, "\n".join(node.label), fontsize=7.8, va="bottom", linespacing=1.15,
                      zorder=4, path_effects=halo)  # fmt: skip
    for place in range(len(COLUMNS) - 1):
        bands: Counter[tuple[str, str, str]] = Counter()
        for flow in flows:
            bands[flow.names[place], flow.names[place + 1], flow.party] += weigh(flow)
        for (source, target, party), weight in bands.items():
            if weight:
                _band(axes, columns[place][source], columns[place + 1][target], place, weight * scale, party, theme)


def _column(
    flows: list[Flow], column: int, weigh: Callable[[Flow], int], text: Callable[[int], str]
) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for flow in flows:
        node = nodes.setdefault(flow.names[column], _Node(flow.names[column], 0))
        node.weight += weigh(flow)
    for node in nodes.values():
        node.label = [*textwrap.wrap(node.name, _LETTERS, max_lines=2, placeholder="..."), text(node.weight)]
    return nodes


def _scale(nodes: list[_Node], room: float) -> float:
    """Inches per unit of weight, such that the column and its labels fit into `room`."""
    free = room - sum(node.room + _GAP_INCHES for node in nodes)
    return max(free, 0.1) / (sum(node.weight for node in nodes) or 1)


def _lay_out(nodes: list[_Node], scale: float, panel: float) -> None:
    """Nodes of a column one under another, what is spare shared out between them."""
    taken = sum(node.room + node.weight * scale for node in nodes)
    gap = (panel - _HEAD_INCHES - taken) / (len(nodes) + 1)
    cursor = _HEAD_INCHES + gap / 2
    for node in nodes:
        node.top = cursor + node.room
        cursor = node.top + node.weight * scale + gap


def _band(axes: Axes, source: _Node, target: _Node, place: int, width: float, party: str, theme: Theme) -> None:
    start, end = source.top + source.right_used, target.top + target.left_used
    source.right_used += width
    target.left_used += width
    left, right = place + _NODE_WIDTH, place + 1
    middle = (left + right) / 2
    vertices = [
        (left, start), (middle, start), (middle, end), (right, end),
        (right, end + width), (middle, end + width), (middle, start + width), (left, start + width), (left, start),
    ]  # fmt: skip
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4,
             Path.CLOSEPOLY]  # fmt: skip
    axes.add_patch(PathPatch(Path(vertices, codes), facecolor=theme.party(party), hatch=HATCH[party], alpha=0.55,
                             edgecolor=theme.paper, linewidth=0))  # fmt: skip
