"""`splitsim conformance run`."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.cases import cases
from conformance.options import (
    ApnOption,
    FileArgument,
    GroupOption,
    ImsiOption,
    MsisdnOption,
    OcsOption,
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    TlsNameOption,
    TlsOption,
    bad,
    console,
    given,
)
from conformance.report.findings import write_findings
from conformance.report.html import write_html
from conformance.report.junit import write_junit
from conformance.report.model import ReportModel, build, failing
from conformance.runner import Progress, RunResult, run_cases, run_gateway_cases
from conformance.selection import Expected, Selection, expected_seconds, fitting, load_expected
from conformance.sut.given import Options
from conformance.sut.ics import Ics, IcsError, split_address
from conformance.sut.own import started_pgw, started_serve
from conformance.tester.request import Node
from conformance.tester.station import Station
from conformance.verdicts import CaseResult, Verdict

WORKERS = min(64, 2 * (os.cpu_count() or 1))
_COLOURS = {"PASS": "green", "FAIL": "bold red", "ERROR": "bold red", "NON-STRICT": "yellow", "INFO": "blue"}


class Side(Enum):
    """Of our own."""

    OCS = "ocs"
    PGW = "pgw"


def run(
    file: FileArgument = None,
    ocs: OcsOption = None,
    imsi: ImsiOption = None,
    msisdn: MsisdnOption = None,
    apn: ApnOption = None,
    rg: GroupOption = None,
    tls: TlsOption = False,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
    tls_name: TlsNameOption = None,
    only: Annotated[list[str] | None, typer.Option("--id", help="Prefix of case or requirement ids.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="PEER, HDR, AVP, SEQ ...")] = None,
    level: Annotated[list[str] | None, typer.Option(help="MUST, SHOULD ...")] = None,
    severity: Annotated[list[str] | None, typer.Option(help="money, security, interop, parsing")] = None,
    side: Annotated[
        Side | None, typer.Option(help="Which of our own is tested where no other is given; our OCS if this is not.")
    ] = None,
    strict: Annotated[bool, typer.Option(help="NON-STRICT is a failure, and every level binds.")] = False,
    expected: Annotated[Path | None, typer.Option(help="Known deviations: a list of {id, reason, until}.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 1,
    workers: Annotated[
        int, typer.Option("-n", min=1, max=64, help="Cases at a time; most of their time they wait.")
    ] = WORKERS,
    budget: Annotated[str | None, typer.Option(help="Time for the run, such as 90s or 10m: worst rows first.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("out/conformance"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Run cases against an OCS, or a gateway (sut.side in the PIXIT); with nothing given, against our own OCS."""
    groups = tuple(rg or ())
    options = Options(file, ocs, imsi, msisdn, apn, groups, tls, tls_ca, tls_cert, tls_key, tls_name)
    selection = Selection(tuple(only or ()), tuple(area or ()), tuple(level or ()), tuple(severity or ()))
    mistakes = selection.mistakes()
    if mistakes:
        raise bad(*mistakes)
    seconds = _seconds(budget) if budget is not None else None
    try:
        known = load_expected(expected, datetime.now(UTC).date()) if expected is not None else Expected()
    except IcsError as error:
        raise bad(*error.mistakes) from None
    if out.exists() and not out.is_dir():
        raise bad(f"--out {out}: expected a folder, this is a file")
    own = file is None and ocs is None
    if side is not None and not own:
        raise bad("--side is for our own: of another system it stands in the PIXIT (sut.side)")
    screen = console(quiet=as_json)
    with ExitStack() as stack:
        station: Station | None = None
        if own:
            screen.print(f"nothing given: our own {'gateway' if side is Side.PGW else 'OCS'} is started and tested")
        if own and side is Side.PGW:
            ics, station = stack.enter_context(started_pgw())
        else:
            ics = stack.enter_context(started_serve()) if own else given(options)
        if not ics.subscribers.rich:
            raise bad("a subscriber of role rich is needed: --imsi and --apn, or in the PIXIT")
        chosen = replace(selection, side=ics.sut.side).chosen()
        left: list[str] = []
        at_a_time = workers if ics.sut.side == "ocs" else 1
        if seconds is not None:
            chosen, out_of_time = fitting(chosen, ics, seconds, at_a_time)
            left = [case.id for case in out_of_time]
        about = expected_seconds(chosen, ics, at_a_time)
        screen.print(f"{len(chosen)} cases, {ics.sut.name} at {ics.sut.address}, about {about:.0f} s")
        if ics.sut.side == "ocs":
            result = run_cases(ics, chosen, seed=seed, workers=workers, progress=_teller(screen))
        else:
            if station is None:
                station = stack.enter_context(closing(_station(ics)))
                screen.print(f"waiting for the gateway to dial {ics.sut.address} (realm {ics.tester.origin_realm})")
            result = run_gateway_cases(ics, station, chosen, seed=seed, progress=_teller(screen))
        result.left_out = left
    report = build(
        result, strict=strict, known=known.reasons, stimuli={case.id: case.stimulus for case in cases().values()}
    )
    try:
        _write(result, report, out)
    except OSError as error:
        raise bad(f"--out {out}: {error.strerror or error}") from None
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _tell(screen, report, known, out)
    raise typer.Exit(3 if not result.reachable else 0 if report.passed else 1)


def _station(ics: Ics) -> Station:
    """The tester as an OCS: it listens where `sut.address` says, and perhaps at `sut.alternate` as a second one."""
    try:
        station = Station(Node(ics.tester.ocs_host, ics.tester.origin_realm), split_address(ics.sut.address))
    except OSError as error:
        raise bad(f"sut.address {ics.sut.address}: cannot listen there: {error.strerror}") from None
    if ics.sut.alternate is not None:
        try:
            station.add_alternate(split_address(ics.sut.alternate))
        except OSError as error:
            raise bad(f"sut.alternate {ics.sut.alternate}: cannot listen there: {error.strerror}") from None
    return station


def _seconds(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    factor = {"s": 1, "m": 60, "h": 3600}.get(unit)
    if factor is None or not number.isdigit():
        raise bad(f"--budget {text}: expected a time such as 90s, 10m or 1h")
    return float(int(number) * factor)


def _teller(screen: Console) -> Progress:
    def tell(case: CaseResult, done: int, total: int) -> None:
        if case.verdict in (Verdict.FAIL, Verdict.ERROR):
            text = case.findings[-1].seen if case.findings else case.reason
            screen.print(f"[{done}/{total}] [bold red]{case.verdict.value}[/] {case.case_id}: {escape(text)}")

    return tell


def _write(result: RunResult, report: ReportModel, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    guilty = write_findings(result, report, folder / "findings")
    ladders = {case.case_id: case.trace.ladder() for case in result.results if case.case_id in guilty}
    (folder / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    schema = ReportModel.model_json_schema()
    (folder / "report.schema.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
    write_junit(report, folder / "junit.xml")
    write_html(report, folder / "report.html", ladders)


def _tell(screen: Console, report: ReportModel, known: Expected, out: Path) -> None:
    rows = failing(report)
    if rows:
        table = Table(box=None, padding=(0, 2, 0, 0), title="findings, what costs money first", title_justify="left")
        for name in ("verdict", "requirement", "severity", "level", "seen"):
            table.add_column(name, overflow="fold")
        for row in rows:
            colour = _COLOURS.get(row.verdict, "white")
            seen = f"known: {row.known}" if row.known else row.seen[0] if row.seen else row.reason
            table.add_row(f"[{colour}]{row.verdict}[/]", row.id, row.severity, row.level, escape(seen))
        screen.print(table)
    for row_id in report.unexpected_passes:
        screen.print(f"[yellow]{row_id} passes, though a deviation is expected: take it out of the file[/]")
    for row_id in known.expired:
        screen.print(f"[yellow]{row_id}: the known deviation has expired[/]")
    if report.left_out:
        screen.print(f"{len(report.left_out)} cases did not fit into the budget")
    totals = ", ".join(f"{count} {name}" for name, count in sorted(report.totals.items(), key=lambda item: -item[1]))
    screen.print(f"requirements: {totals or 'none'}; report: {out / 'report.html'}")
    screen.print(f"{len(report.cases)} cases in {report.seconds:.0f} s")
    if report.trouble:
        screen.print(f"[bold red]{escape(report.trouble)}[/]")
        if not report.cases:
            screen.print("nothing was tested; splitsim conformance doctor, with the same options, says where it stops")
    screen.print(f"verdict: {'pass' if report.passed else 'fail'}", style="bold green" if report.passed else "bold red")
