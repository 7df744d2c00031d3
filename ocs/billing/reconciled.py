"""A reconciliation as files: `reconciliation.csv`, `buckets.csv`, `differences.csv`, and one page for readers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from html import escape
from io import StringIO
from pathlib import Path

import msgspec

from ocs.billing.crosscheck import Difference
from ocs.billing.reconcile import BucketRow, Reconciliation, Row

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; margin: 3rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2.5rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid #d5dce3 }
th { font-weight: 600; color: #66727f } .text { text-align: left }
.good { color: #1d6b3f } .bad { color: #a3271f }
"""
_NOTE = (
    "Octets. Truth less what was never reported = USU received = EDRs = in bundle + overage + debited + overrun + "
    "unattributed; rounding stands apart: octets charged though not used, and micros by which lines differ from what "
    "they come to exactly."
)


def to_csv(rows: Iterable[msgspec.Struct], columns: Sequence[str]) -> str:
    """Rows as CSV with a header; what nobody has counted is empty."""
    text = StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    write(columns)
    for row in rows:
        cells = msgspec.structs.asdict(row)
        write([" ".join(cell) if isinstance(cell := cells[name], tuple) else cell for name in columns])
    return text.getvalue()


def write_reconciliation(folder: Path, found: Reconciliation) -> list[Path]:
    """Write all files of a reconciliation into `folder`; returns their paths. Equal ones give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "reconciliation.csv": to_csv(found.rows, Row.__struct_fields__),
        "buckets.csv": to_csv(found.buckets, BucketRow.__struct_fields__),
        "differences.csv": to_csv(found.differences, Difference.__struct_fields__),
        "reconciliation.html": to_html(found),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def to_html(found: Reconciliation) -> str:
    """One page: the verdict, the rows by payer, split and plan, the buckets, the differences."""
    verdict = (
        f'<p class="bad"><strong>{len(found.differences)} differences</strong></p>'
        if found.differences
        else '<p class="good"><strong>Everything agrees: no difference.</strong></p>'
    )
    parts = [
        f"<h1>Reconciliation of {escape(found.cycle_id)}</h1>",
        verdict,
        "<h2>By payer, split and plan</h2>",
        _table(found.rows, Row.__struct_fields__),
        f"<p>{_NOTE}</p>",
        "<h2>Prepaid: opening + top-ups − used − expired = closing</h2>",
        _table(found.buckets, BucketRow.__struct_fields__),
    ]
    if found.differences:
        parts += ["<h2>Differences</h2>", _table(found.differences, Difference.__struct_fields__)]
    title = f"Reconciliation {escape(found.cycle_id)}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _table(rows: Iterable[msgspec.Struct], columns: Sequence[str]) -> str:
    body = [[_cell(value) for value in msgspec.structs.astuple(row)] for row in rows]
    if not body:
        return "<p>None.</p>"
    heads = "".join(f"<th{_class(name)}>{escape(name.replace('_', ' '))}</th>" for name in columns)
    lines = [
        "<tr>" + "".join(f"<td{_class(name)}>{cell}</td>" for name, cell in zip(columns, row, strict=True)) + "</tr>"
        for row in body
    ]
    return f"<table><thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody></table>"


def _class(column: str) -> str:
    words = {"account_id", "split", "plan_id", "bucket_id", "unit", "what", "where", "edr_ids", "expected", "found"}
    return ' class="text"' if column in words else ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "<br>".join(escape(str(item)) for item in value)
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
