"""One look for every picture: two party colours that differ in lightness and hatch, so grey prints keep them apart."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Theme:
    """The colours of a page and of what is drawn on it."""

    name: str
    paper: str
    ink: str
    quiet: str
    rule: str
    b2b: str
    b2c: str

    def party(self, party: str) -> str:
        """The colour of a party."""
        return self.b2b if party == "b2b" else self.b2c


LIGHT = Theme("light", paper="#ffffff", ink="#1d2429", quiet="#5d6870", rule="#d9dee2", b2b="#1f5f8b", b2c="#d9822b")
DARK = Theme("dark", paper="#171b1f", ink="#e6eaed", quiet="#9aa5ad", rule="#343c43", b2b="#4a94c4", b2c="#f0b070")

HATCH = {"b2b": "", "b2c": "////"}
PARTY_NAMES = {"b2b": "B2B (enterprise)", "b2c": "B2C (driver)"}
WIDTH_INCHES = 10.0


@contextmanager
def drawing(theme: Theme) -> Iterator[None]:
    """matplotlib's settings for the theme, inside the block only."""
    with mpl.rc_context(
        {
            "font.family": "DejaVu Sans", "font.size": 9.5, "axes.titlesize": 12, "axes.titleweight": "bold",
            "axes.titlelocation": "left", "axes.titlepad": 12, "axes.labelsize": 9.5, "axes.spines.top": False,
            "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True, "grid.linewidth": 0.6,
            "hatch.linewidth": 0.7, "legend.frameon": False, "lines.solid_capstyle": "round",
            "figure.facecolor": theme.paper, "axes.facecolor": theme.paper, "savefig.facecolor": theme.paper,
            "text.color": theme.ink, "axes.labelcolor": theme.ink, "axes.edgecolor": theme.quiet,
            "xtick.color": theme.quiet, "ytick.color": theme.quiet, "xtick.labelcolor": theme.ink,
            "ytick.labelcolor": theme.ink, "grid.color": theme.rule,
        }
    ):  # fmt: skip
        yield


def footnote(figure: Figure, text: str, theme: Theme) -> None:
    """Scenario, seed and version under the picture."""
    figure.text(0.012, 0.012, text, fontsize=7.5, color=theme.quiet, ha="left", va="bottom")


def heading(figure: Figure, finding: str, detail: str, theme: Theme) -> None:
    """The finding as the title, and one quieter line that says what is drawn."""
    height = figure.get_size_inches()[1]
    figure.text(0.012, 1 - 0.12 / height, finding, fontsize=13, fontweight="bold", va="top", ha="left")
    figure.text(0.012, 1 - 0.42 / height, detail, fontsize=9.5, color=theme.quiet, va="top", ha="left")


def png(figure: Figure) -> bytes:
    """The picture as PNG octets, without anything that varies between runs."""
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=160, metadata={"Software": None})
    return target.getvalue()


def plain_axis(axes: Axes, axis: str) -> None:
    """Grid lines across one axis only."""
    axes.grid(visible=True, axis="y" if axis == "y" else "x")
    axes.grid(visible=False, axis="x" if axis == "y" else "y")


def megabytes(octets: float) -> str:
    """A volume for a label: `4.2 GB`, `310 MB`, `25 kB`."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if octets >= size:
            number = octets / size
            return f"{number:.1f} {unit}" if number < 100 else f"{number:.0f} {unit}"
    return f"{octets:.0f} B"
