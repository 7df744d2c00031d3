"""The report as one HTML page that needs nothing else: verdict, findings with money first, the matrix by clause."""

from __future__ import annotations

from html import escape
from pathlib import Path

from conformance.report.findings import folder_name
from conformance.report.model import ReportModel, RowModel, failing
from conformance.requirements import SEVERITIES

STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem }
h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600 }
code { font-size: .92em }
pre { overflow-x: auto; font-size: .85em }
details { margin: .3rem 0 }
summary { cursor: pointer }
.dim { color: var(--dim) }
.v { font-weight: 700; white-space: nowrap }
.PASS { color: #188038 }
.FAIL, .ERROR { color: #c5221f }
.NON-STRICT { color: #b06000 }
.INCONC, .N-A { color: var(--dim) }
.INFO { color: #1967d2 }
.grid { display: flex; flex-wrap: wrap; gap: 3px }
.cell { width: 13px; height: 13px; border-radius: 2px; background: #8883 }
.cell.PASS { background: #34a853 }
.cell.FAIL, .cell.ERROR { background: #d93025 }
.cell.NON-STRICT { background: #f9ab00 }
.cell.INFO { background: #4285f4 }
"""


def write_html(report: ReportModel, path: Path, ladders: dict[str, list[str]]) -> None:
    """Writes the page; `ladders`: by case id, for cases with findings."""
    verdict = "pass" if report.passed else "fail"
    totals = ", ".join(f"{count} {name}" for name, count in sorted(report.totals.items(), key=lambda item: -item[1]))
    body = [
        f"<h1>Conformance of {escape(report.sut)}: <span class='{verdict.upper()}'>{verdict}</span></h1>",
        f"<p class='dim'>{escape(report.address)}, {escape(report.started_at)}, {report.seconds:g} s, "
        f"seed {report.seed}; requirements: {totals or 'none put to the proof'}.</p>",
    ]
    if report.trouble:
        body.append(f"<p class='FAIL'>{escape(report.trouble)}</p>")
    body += ["<h2>Findings, what costs money first</h2>", *_findings(report, ladders)]
    if report.unexpected_passes:
        names = ", ".join(report.unexpected_passes)
        body.append(f"<p>Known deviations that are gone: {escape(names)}. Take them out of the file.</p>")
    body += ["<h2>Matrix by clause</h2>", *_matrix(report), "<h2>All requirements</h2>", *_rows(report)]
    title = f"Conformance of {escape(report.sut)}"
    path.write_text(
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n",
        encoding="utf-8",
    )


def _findings(report: ReportModel, ladders: dict[str, list[str]]) -> list[str]:
    rows = failing(report)
    if not rows:
        return ["<p>None.</p>"]
    out = []
    for row in rows:
        known = f" <span class='dim'>(known: {escape(row.known)})</span>" if row.known else ""
        seen = "".join(f"<li>{escape(text)}</li>" for text in row.seen[:8])
        links = []
        pictures = []
        for text in row.seen:
            case_id = text.split(": ", 1)[0]
            if case_id in ladders and case_id not in links:
                links.append(case_id)
        for case_id in links[:2]:
            lines = escape("\n".join(ladders[case_id][:60]))
            pictures.append(
                f"<p><a href='findings/{escape(folder_name(case_id))}/ticket.md'>{escape(case_id)}</a></p>"
                f"<pre>{lines}</pre>"
            )
        out.append(
            f"<details><summary><span class='v {row.verdict}'>{row.verdict}</span> <b>{escape(row.id)}</b> "
            f"<span class='dim'>{row.severity}, {row.level}, {escape(row.clause)}</span>{known}<br>"
            f"{escape(row.then)}</summary><p class='dim'>When: {escape(row.when)}</p><ul>{seen}</ul>"
            f"{''.join(pictures)}</details>"
        )
    return out


def _matrix(report: ReportModel) -> list[str]:
    out = ["<table><tr><th>area</th>", *(f"<th>{severity}</th>" for severity in SEVERITIES), "</tr>"]
    for area in dict.fromkeys(sorted(row.area for row in report.rows)):
        out.append(f"<tr><td>{area}</td>")
        for severity in SEVERITIES:
            cells = "".join(_cell(row) for row in report.rows if row.area == area and row.severity == severity)
            out.append(f"<td><div class='grid'>{cells}</div></td>")
        out.append("</tr>")
    return [*out, "</table>"]


def _cell(row: RowModel) -> str:
    words = f"{row.id} {row.verdict or row.status}: {row.then}"
    return f"<a class='cell {row.verdict}' href='#{escape(row.id)}' title='{escape(words, quote=True)}'></a>"


def _rows(report: ReportModel) -> list[str]:
    out = ["<table><tr><th>requirement</th><th>clause</th><th>level</th><th>verdict</th><th>what is asked</th></tr>"]
    for row in sorted(report.rows, key=lambda row: (row.area, row.id)):
        verdict = row.verdict or row.status
        reason = f"<br><span class='dim'>{escape(row.reason)}</span>" if row.reason else ""
        out.append(
            f"<tr id='{escape(row.id)}'><td><code>{escape(row.id)}</code></td><td>{escape(row.clause)}</td>"
            f"<td>{row.level}</td><td class='v {row.verdict}'>{escape(verdict)}</td>"
            f"<td>{escape(row.when)} &rarr; {escape(row.then)}{reason}</td></tr>"
        )
    return [*out, "</table>"]
