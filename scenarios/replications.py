"""The same scenario under several seeds: what it comes to on average, and how sure that is."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from io import StringIO
from math import sqrt
from statistics import fmean, stdev
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from ocs.units import MICROS
from scenarios.evidence import Evidence

_T: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t, 97.5 %, by degrees of freedom from 1 on."""
_T_BEYOND: Final = ((40, 2.042), (60, 2.021), (120, 2.000))
"""Above 30: up to so many degrees, the value of the last row of the table below them, which is on the safe side."""
_T_MANY: Final = 1.980


_WIDTH: Final = 110
"""Of the table, also where nobody knows how wide a line may be."""


class Summary(NamedTuple):
    """One measure over all replications; `low` to `high` is the 95 % interval of its mean."""

    measure: str
    mean: float
    low: float
    high: float
    least: float
    most: float


def measures(evidence: Evidence, requests: int) -> dict[str, float]:
    """What is told of one run. `requests`: credit-control requests."""
    octets = {"b2b": 0, "b2c": 0}
    for (vehicle, split_id), steps in evidence.steps_by_share.items():
        octets[evidence.shares[vehicle, split_id].party] += sum(step.octets for step in steps)
    bought = [item for item in evidence.purchases if item.price_micros]
    net = {
        kind: sum((item.tax_excluded_amount.value for item in evidence.documents if item.type == kind), Decimal(0))
        for kind in ("EnterpriseInvoice", "ConsumerStatement")
    }
    return {
        "credit-control requests": requests,
        "enterprise octets": octets["b2b"],
        "consumer octets": octets["b2c"],
        "overage octets": sum(record.octets_overage for record in evidence.rated),
        "bundles bought": len(bought),
        "paid for bundles": sum(item.price_micros for item in bought) / MICROS,
        "invoices, net": float(net["EnterpriseInvoice"]),
        "statements, net": float(net["ConsumerStatement"]),
    }


def summarise(runs: Sequence[dict[str, float]]) -> list[Summary]:
    """Mean and 95 % interval (Student's t) of every measure. At least two runs."""
    found = []
    for measure in runs[0]:
        values = [run[measure] for run in runs]
        mean, half = fmean(values), _t(len(values) - 1) * stdev(values) / sqrt(len(values))
        found.append(Summary(measure, mean, mean - half, mean + half, min(values), max(values)))
    return found


def _t(degrees: int) -> float:
    if degrees <= len(_T):
        return _T[degrees - 1]
    return next((value for most, value in _T_BEYOND if degrees <= most), _T_MANY)


def as_csv(summaries: Iterable[Summary]) -> str:
    """The content of `replications.csv`."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Summary._fields)
    writer.writerows(summaries)
    return text.getvalue()


def show(summaries: Iterable[Summary], runs: int, console: Console) -> None:
    """The table that people read."""
    table = Table(title=f"{runs} replications", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("measure", "mean", "95 % from", "to", "least", "most"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for measure, *values in summaries:
        table.add_row(measure, *(f"{value:,.2f}" if abs(value) < 10_000 else f"{value:,.0f}" for value in values))
    console.print(table, width=max(console.width, _WIDTH), crop=False)
