"""A folder for every case with a finding: ticket text, ladder, octets, capture, and a script that does it again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from conformance.pcap import write_pcap
from conformance.report.model import ReportModel, failing
from conformance.requirements import requirements
from conformance.runner import RunResult
from conformance.sut.ics import Tls
from conformance.tester.trace import Event, Trace
from conformance.verdicts import CaseResult

TEMPLATE = Path(__file__).parent / "replay_template.py"


def folder_name(case_id: str) -> str:
    """The name of a case's folder."""
    return case_id.replace("/", "_")


def write_findings(result: RunResult, report: ReportModel, folder: Path) -> list[str]:
    """Writes a folder for each case that has something against the SUT; gives the cases."""
    guilty = {case_id for row in failing(report) for case_id, _ in result.complaints(row.id)}
    cases = [
        case
        for case in result.results
        if case.verdict.value in ("FAIL", "ERROR", "NON-STRICT") or case.case_id in guilty
    ]
    for case in cases:
        place = folder / folder_name(case.case_id)
        place.mkdir(parents=True, exist_ok=True)
        (place / "ticket.md").write_text(_ticket(result, report, case), encoding="utf-8")
        (place / "ladder.txt").write_text("\n".join(case.trace.ladder()) + "\n", encoding="utf-8")
        (place / "octets.txt").write_text("\n".join(_octets(case.trace)) + "\n", encoding="utf-8")
        write_pcap(place / "trace.pcap", case.trace.records, int(report.address.rpartition(":")[2]))
        (place / "replay.py").write_text(replay_script(case, report.address, result.ics.tls), encoding="utf-8")
    return [case.case_id for case in cases]


def _ticket(result: RunResult, report: ReportModel, case: CaseResult) -> str:
    stimulus = next(model.stimulus for model in report.cases if model.id == case.case_id)
    lines = [f"# {case.case_id}: {case.verdict.value}", "", f"System: {report.sut} at {report.address}", ""]
    lines += [f"Stimulus: {stimulus}.", ""]
    for finding in case.findings:
        row = requirements()[finding.row]
        lines += [
            f"## {finding.row} ({row.level}, {row.clause or 'no clause'}): {finding.verdict.value}",
            "",
            f"Asked: when {row.when}, then {row.then}",
            "",
            f"- expected: {finding.expected}",
            f"- seen: {finding.seen}",
            "",
        ]
    for complaint in result.watched[case.case_id].complaints:
        if complaint.sender == "ocs":
            row = requirements()[complaint.row]
            lines += [
                f"## {complaint.row} ({row.level}, {row.clause})",
                "",
                f"- seen: {complaint.title}: {complaint.text}",
                "",
            ]
    lines += [f"Connection afterwards: {case.connection}.", "", "```", *case.trace.ladder(), "```", ""]
    lines += ["`octets.txt` has every AVP, `trace.pcap` is for Wireshark, `python3 replay.py` sends it all again.", ""]
    return "\n".join(lines)


def _octets(trace: Trace) -> Iterable[str]:
    for entry in trace.entries:
        if isinstance(entry, Event):
            yield f"--- [{entry.line}] {entry.text}"
        else:
            yield f"--- [{entry.line}] {'tester' if entry.sender == 'pgw' else 'SUT'}"
            yield from entry.message.dump()
            yield entry.octets.hex()
        yield ""


def replay_script(case: CaseResult, address: str, tls: Tls | None = None) -> str:
    """A script of the standard library alone that sends the same octets and compares the answers."""
    steps: list[list[object]] = []
    for entry in case.trace.entries:
        if isinstance(entry, Event):
            if "opened" in entry.text:
                steps.append([entry.line, "open", ""])
            elif "by the tester" in entry.text:
                steps.append([entry.line, "close", ""])
        else:
            steps.append([entry.line, "send" if entry.sender == "pgw" else "expect", entry.octets.hex()])
    data = "[\n" + "".join(f"    {json.dumps(step)},\n" for step in steps) + "]"
    secured = None if tls is None else tls.beside(Path.cwd()).model_dump(mode="json", exclude_none=True)
    text = TEMPLATE.read_text(encoding="utf-8")
    return (
        text.replace('"CASE"', json.dumps(case.case_id))
        .replace('"ADDRESS"', json.dumps(address))
        .replace('TLS: "dict[str, str] | None" = None', f"TLS = {secured}")
        .replace("STEPS: list[list[object]] = []", f"STEPS = {data}")
    )
