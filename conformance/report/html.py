"""The report as one HTML page that needs nothing else: verdict, findings with money first, the matrix by clause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from html import escape
from pathlib import Path

from conformance.report.findings import folder_name
from conformance.report.model import ReportModel, RowModel, failing
from conformance.requirements import SEVERITIES

STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #767676; --card: #8881;
  --pass: #188038; --fail: #c5221f; --loose: #b06000; --info: #1967d2 }
@media (prefers-color-scheme: dark) {
  :root { --dim: #9a9a9a; --pass: #5bb974; --fail: #f28b82; --loose: #fdd663; --info: #8ab4f8 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; text-transform: capitalize }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600; white-space: nowrap }
code { font-size: .92em; white-space: nowrap }
pre { overflow-x: auto; font-size: .85em; background: var(--card); padding: .6rem; border-radius: 4px }
details { margin: .3rem 0; padding: .45rem .7rem; border: 1px solid var(--line); border-radius: 6px }
details[open] { background: var(--card) }
summary { cursor: pointer }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0 0 1.1rem }
dt { color: var(--dim) }
dd { margin: 0; overflow-wrap: anywhere }
.dim { color: var(--dim) }
.v { font-weight: 700; white-space: nowrap }
.PASS { color: var(--pass) }
.FAIL, .ERROR { color: var(--fail) }
.NON-STRICT { color: var(--loose) }
.INCONC, .N-A { color: var(--dim) }
.INFO { color: var(--info) }
.cards { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0 }
.card { background: var(--card); border-radius: 6px; padding: .5rem .9rem; min-width: 5.5rem }
.card b { display: block; font-size: 1.4rem; line-height: 1.2 }
.grid { display: flex; flex-wrap: wrap; gap: 3px }
.cell { width: 13px; height: 13px; border-radius: 2px; background: #8883; display: inline-block }
.cell.PASS { background: #34a853 }
.cell.FAIL, .cell.ERROR { background: #d93025 }
.cell.NON-STRICT { background: #f9ab00 }
.cell.INCONC { background: #9aa0a6 }
.cell.INFO { background: #4285f4 }
@media print { details { break-inside: avoid } }
"""

MEANINGS = {
    "FAIL": "something else was seen than the clause asks",
    "NON-STRICT": "not what the clause says, but harmless and common",
    "ERROR": "the test bed failed, not the system",
    "INCONC": "it could not be decided",
    "INFO": "behaviour is recorded; the clause can be read two ways",
    "PASS": "an accepted observation was made",
    "N-A": "a claim, a subscriber or a hook is missing",
}


def write_html(report: ReportModel, path: Path, ladders: dict[str, list[str]]) -> None:
    """Writes the page; `ladders`: by case id, for cases with findings."""
    verdict = "pass" if report.passed else "fail"
    title = f"Conformance of {escape(report.sut)}"
    host = f", {escape(report.origin_host)}" if report.origin_host else ""
    body = [
        f"<h1>{title}: <span class='{verdict.upper()}'>{verdict}</span></h1>",
        f"<p class='dim'>{escape(report.address)}{host}; {escape(report.started_at)}; {len(report.cases)} cases in "
        f"{report.seconds:.0f} s, seed {report.seed}. The verdict follows "
        f"{'all rows (strict)' if report.strict else 'the MUST rows'}.</p>",
    ]
    if report.trouble:
        body.append(f"<p class='FAIL'>{escape(report.trouble)}</p>")
    body += [*_cards(report), "<h2>Findings, what costs money first</h2>", *_findings(report, ladders)]
    if report.unexpected_passes:
        names = ", ".join(report.unexpected_passes)
        body.append(f"<p>Known deviations that are gone: {escape(names)}. Take them out of the file.</p>")
    body += ["<h2>Matrix by area</h2>", *_legend(), *_matrix(report)]
    body += ["<h2>What was not decided, and what would decide it</h2>", *_undecided(report)]
    body += ["<h2>What was claimed, and what the tester was told (PICS, PIXIT)</h2>", *_told(report)]
    body += ["<h2>All requirements</h2>", *_rows(report)]
    path.write_text(
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n",
        encoding="utf-8",
    )


def _cards(report: ReportModel) -> list[str]:
    cards = [
        f"<div class='card'><b class='{name}'>{report.totals[name]}</b>{name}</div>"
        for name in MEANINGS
        if report.totals.get(name)
    ]
    return ["<div class='cards'>", *cards, "</div>"] if cards else ["<p>Nothing was put to the proof.</p>"]


def _findings(report: ReportModel, ladders: dict[str, list[str]]) -> list[str]:
    rows = failing(report)
    if not rows:
        return ["<p>None.</p>"]
    out = []
    for severity in SEVERITIES:
        group = [row for row in rows if row.severity == severity]
        if group:
            out.append(f"<h3>{severity} ({len(group)})</h3>")
            out += [_finding(row, ladders) for row in group]
    return out


def _finding(row: RowModel, ladders: dict[str, list[str]]) -> str:
    known = f" <span class='dim'>known: {escape(row.known)}</span>" if row.known else ""
    seen = [text.split(": ", 1) for text in row.seen]
    first = seen[0][1] if seen and len(seen[0]) == 2 else row.reason
    shown = "".join(f"<li><code>{escape(text[0])}</code> {escape(text[-1])}</li>" for text in seen[:8])
    more = f"<li>and {len(seen) - 8} more</li>" if len(seen) > 8 else ""
    cases = dict.fromkeys(text[0] for text in seen if text[0] in ladders)
    return (
        f"<details><summary><span class='v {row.verdict}'>{row.verdict}</span> <b>{escape(row.id)}</b> "
        f"<span class='dim'>{row.level}, {escape(row.clause or 'no clause')}</span>{known}"
        f"<dl><dt>when</dt><dd>{escape(row.when)}</dd><dt>asked</dt><dd>{escape(row.then)}</dd>"
        f"<dt>seen</dt><dd>{escape(first)}</dd></dl></summary>"
        f"<ul>{shown}{more}</ul>{''.join(_picture(case_id, ladders[case_id]) for case_id in list(cases)[:2])}</details>"
    )


def _picture(case_id: str, ladder: list[str]) -> str:
    folder = f"findings/{escape(folder_name(case_id))}"
    links = " &middot; ".join(
        f"<a href='{folder}/{file}'>{words}</a>"
        for file, words in (
            ("ticket.md", "ticket"), ("octets.txt", "octets"), ("trace.pcap", "capture"), ("replay.py", "replay"),
        )
    )  # fmt: skip
    cut = [*ladder[:60], f"... {len(ladder) - 60} more lines in ladder.txt"] if len(ladder) > 60 else ladder
    return f"<p><b>{escape(case_id)}</b> {links}</p><pre>{escape(chr(10).join(cut))}</pre>"


def _legend() -> list[str]:
    words = [f"<span class='cell {name}'></span> {name}: {what}" for name, what in MEANINGS.items() if name != "ERROR"]
    return ["<p class='dim'>", "; ".join(words), ". Each square is a requirement.</p>"]


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


def _undecided(report: ReportModel) -> list[str]:
    """Reasons, those first that keep most rows from being decided."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in report.rows:
        if row.verdict in ("N-A", "INCONC", "ERROR"):
            reasons[f"{row.verdict}: {row.reason}"].append(row.id)
    if report.left_out:
        reasons["did not fit into the budget"] = [f"{len(report.left_out)} cases"]
    if not reasons:
        return ["<p>Nothing.</p>"]
    ordered = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    return _table(("rows", "reason", "requirements"), ((len(ids), why, ", ".join(ids)) for why, ids in ordered))


def _told(report: ReportModel) -> list[str]:
    return _table(("field", "value"), [*((f"claims.{n}", v) for n, v in report.pics.items()), *report.pixit.items()])


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    out = ["<table><tr>", *(f"<th>{name}</th>" for name in head), "</tr>"]
    out += ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    return [*out, "</table>"]


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
