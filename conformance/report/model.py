"""The report as data; its JSON Schema is that of these models."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict

from conformance.requirements import SEVERITIES, requirements
from conformance.runner import RunResult
from conformance.sut.ics import Ics, Subscribers
from conformance.verdicts import Verdict


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FindingModel(_Model):
    """One thing seen."""

    row: str
    verdict: str
    expected: str
    seen: str


class CaseModel(_Model):
    """One case."""

    id: str
    rows: list[str]
    stimulus: str
    verdict: str
    connection: str
    reason: str = ""
    seconds: float
    findings: list[FindingModel] = []


class RowModel(_Model):
    """One requirement: its verdict over all cases and rules."""

    id: str
    clause: str
    area: str
    level: str
    severity: str
    side: str
    status: str
    verdict: str
    reason: str = ""
    when: str
    then: str
    cases: list[str] = []
    seen: list[str] = []
    """What was seen against it."""
    known: str = ""
    """The reason, if the deviation was expected."""


class ReportModel(_Model):
    """A run."""

    schema_version: int = 1
    sut: str
    address: str
    origin_host: str | None = None
    seed: int
    started_at: str
    seconds: float
    trouble: str = ""
    strict: bool = False
    passed: bool
    totals: dict[str, int]
    pics: dict[str, str] = {}
    """What is claimed of the SUT, as the file names it."""
    pixit: dict[str, str] = {}
    """What the tester was told: timers, subscribers by role, hooks."""
    rows: list[RowModel]
    cases: list[CaseModel]
    left_out: list[str] = []
    unexpected_passes: list[str] = []


def build(
    result: RunResult, *, strict: bool = False, known: dict[str, str] | None = None, stimuli: dict[str, str]
) -> ReportModel:
    """The report of a run. `known`: reasons of expected deviations by requirement; `stimuli`: by case id."""
    known = known or {}
    verdicts = result.row_verdicts()
    failed = {row.id for row in result.failed_rows(strict=strict)}
    by_row: dict[str, list[str]] = {}
    for case in result.results:
        for row_id in case.rows:
            by_row.setdefault(row_id, []).append(case.case_id)
    rows = []
    for row in requirements().values():
        if not row.concerns(result.ics.sut.side):
            continue
        verdict = verdicts.get(row.id)
        seen = [
            f"{case.case_id}: {finding.seen} (expected {finding.expected})"
            for case in result.results
            for finding in case.findings
            if finding.row == row.id and finding.verdict is not Verdict.PASS
        ]
        seen += [f"{case_id}: {text}" for case_id, text in result.complaints(row.id)]
        reasons = [case.reason for case in result.results if row.id in case.rows and case.reason]
        rows.append(
            RowModel(
                **row.model_dump(include={"id", "clause", "area", "level", "severity", "side", "when", "then"}),
                status=row.status,
                verdict=verdict.value if verdict is not None else "",
                reason=row.reason or "; ".join(dict.fromkeys(reasons)),
                cases=by_row.get(row.id, []),
                seen=seen[:20],
                known=known.get(row.id, ""),
            )
        )
    rows.sort(key=lambda row: (_rank(row.severity), row.area, row.id))
    return ReportModel(
        sut=result.ics.sut.name,
        address=result.ics.sut.address,
        origin_host=result.sut_host,
        seed=result.seed,
        started_at=result.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(result.seconds, 1),
        trouble=result.trouble,
        strict=strict,
        passed=result.reachable and not result.trouble and not failed - set(known),
        pics={name: _said(value) for name, value in result.ics.claims.model_dump(mode="json").items()},
        pixit=_pixit(result.ics),
        totals=dict(Counter(verdict.value for verdict in verdicts.values())),
        rows=rows,
        cases=[
            CaseModel(
                id=case.case_id,
                rows=list(case.rows),
                stimulus=stimuli.get(case.case_id, ""),
                verdict=case.verdict.value,
                connection=case.connection,
                reason=case.reason,
                seconds=round(case.seconds, 3),
                findings=[
                    FindingModel(row=f.row, verdict=f.verdict.value, expected=f.expected, seen=f.seen)
                    for f in case.findings
                ],
            )
            for case in result.results
        ],
        left_out=result.left_out,
        unexpected_passes=sorted(row_id for row_id in known if verdicts.get(row_id) is Verdict.PASS),
    )


def _pixit(ics: Ics) -> dict[str, str]:
    """What the file says to the tester, but for the subscribers' names."""
    said = {f"tester.{name}": value for name, value in ics.tester.model_dump(mode="json").items()}
    said |= {f"timers.{name}": value for name, value in ics.timers.model_dump(mode="json").items()}
    roles = {role: len(getattr(ics.subscribers, role)) for role in Subscribers.model_fields}
    said["subscribers"] = ", ".join(f"{count} {role}" for role, count in roles.items() if count)
    said["hooks"] = ", ".join(sorted(ics.hooks)) or "none"
    said["transport"] = "TCP" if ics.tls is None else "TLS over TCP"
    return {name: _said(value) for name, value in said.items() if value is not None}


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def failing(report: ReportModel) -> list[RowModel]:
    """Rows with findings, money first: FAIL before NON-STRICT."""
    order = {"FAIL": 0, "ERROR": 1, "NON-STRICT": 2}
    rows = [row for row in report.rows if row.verdict in order]
    return sorted(rows, key=lambda row: (order[row.verdict], _rank(row.severity), row.id))


def _rank(severity: str) -> int:
    return [str(known) for known in SEVERITIES].index(severity)
