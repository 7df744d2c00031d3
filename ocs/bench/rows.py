"""One figure of a benchmark, and how figures are shown."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """`ratio` is `value` to the value of the row or program that `baseline` names, measured in the same run.

    Above 1: this one costs more. Where the baseline is a program that does less than we do, below 1 is the aim.
    """

    name: str
    value: float
    unit: str
    baseline: str
    ratio: float
    more: dict[str, float | str] = field(default_factory=dict)
    """What belongs to the figure: latencies in milliseconds, memory, durability."""


def show(rows: Sequence[Row], as_json: bool, of: str = "the server process alone") -> None:
    """Print rows as a table, or as JSON. `of`: whose CPU time they tell."""
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "value", "unit", "ratio", "to", "more"):
        table.add_column(column, justify="right" if column in ("value", "ratio") else "left")
    for row in rows:
        more = ", ".join(
            f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.more.items()
        )
        table.add_row(row.name, f"{row.value:,.2f}", row.unit, f"{row.ratio:.3f}", row.baseline, more)
    console = Console(width=150)
    console.print(table)
    console.print(f"Python {platform.python_version()}, {platform.machine()}; CPU time of {of}", style="dim")
