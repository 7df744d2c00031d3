"""Picture 4: the split map. SIM -> APN/RG -> split -> plan -> payer -> bill, as bands in octets and in money.

A Sankey picture: every band is drawn at its true width. Places that are narrower than their label get the room of the
label, so that labels never overlap; the bands do not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from scenarios.report.style import HATCH, PARTY_NAMES, WIDTH_INCHES, Theme, drawing, footnote, heading, megabytes

COLUMNS = ("SIMs", "APN / RG", "split", "plan", "payer", "bill")
_LABEL_INCHES = 0.33
_GAP_INCHES = 0.1
_NODE_WIDTH = 0.055


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
    panel = max(2.4, most * (_LABEL_INCHES + _GAP_INCHES) + 1.2)
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
        heading(figure, _finding(data), "Where the octets and the money of one SIM go; bands are drawn to scale, "
                "no band changes party on its way", theme)  # fmt: skip
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
    party: str
    top: float = 0.0
    """Upper edge of the node, inches from the panel's top."""
    room: float = 0.0
    left_used: float = 0.0
    right_used: float = 0.0


def _panel(
    axes: Axes, flows: list[Flow], weigh: Callable[[Flow], int], text: Callable[[int], str], panel: float, theme: Theme
) -> None:
    axes.set_xlim(-0.02, len(COLUMNS) - 1 + 0.98)
    axes.set_ylim(panel, 0)
    axes.axis("off")
    columns = [_column(flows, column, weigh) for column in range(len(COLUMNS))]
    scale = min(_scale(list(nodes.values()), panel - 0.4) for nodes in columns)
    for place, nodes in enumerate(columns):
        axes.text(place, 0.1, COLUMNS[place], color=theme.quiet, fontsize=8.5, va="center")
        _lay_out(list(nodes.values()), scale, panel)
        for node in nodes.values():
            thickness = node.weight * scale
            axes.add_patch(Rectangle((place, node.top), _NODE_WIDTH, thickness, facecolor=theme.ink, linewidth=0.6,
                                     edgecolor=theme.ink, zorder=3))  # fmt: skip
            behind = {"boxstyle": "round,pad=0.15", "facecolor": theme.paper, "alpha": 0.72, "linewidth": 0}
            axes.text(place + _NODE_WIDTH + 0.025, node.top + thickness / 2, f"{node.name}\n{text(node.weight)}",
                      fontsize=7.8, va="center", linespacing=1.15, zorder=4, bbox=behind)  # fmt: skip
    for flow in flows:
        width = weigh(flow) * scale
        if width:
            for place in range(len(COLUMNS) - 1):
                _band(axes, columns[place][flow.names[place]], columns[place + 1][flow.names[place + 1]], place, width,
                      flow.party, theme)  # fmt: skip


def _column(flows: list[Flow], column: int, weigh: Callable[[Flow], int]) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for flow in flows:
        node = nodes.setdefault(flow.names[column], _Node(flow.names[column], 0, flow.party))
        node.weight += weigh(flow)
    return nodes


def _scale(nodes: list[_Node], room: float) -> float:
    """Inches per unit of weight, such that the column and its labels fit into `room`."""
    low, high = 0.0, room / (sum(node.weight for node in nodes) or 1)
    for _ in range(50):
        middle = (low + high) / 2
        needed = sum(max(node.weight * middle, _LABEL_INCHES) + _GAP_INCHES for node in nodes)
        low, high = (middle, high) if needed <= room else (low, middle)
    return low


def _lay_out(nodes: list[_Node], scale: float, panel: float) -> None:
    rooms = [max(node.weight * scale, _LABEL_INCHES) for node in nodes]
    spare = panel - 0.4 - sum(rooms) - _GAP_INCHES * len(nodes)
    gap = _GAP_INCHES + spare / (len(nodes) + 1)
    cursor = 0.3 + gap - _GAP_INCHES / 2
    for node, room in zip(nodes, rooms, strict=True):
        node.top = cursor + (room - node.weight * scale) / 2
        cursor += room + gap


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
