"""`splitsim conformance`: exit status 0 pass, 1 fail, 2 bad input, 3 the system under test cannot be reached."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conformance.cases import cases
from conformance.check import CheckResult, check_capture
from conformance.cli_run import run
from conformance.doctor import examine
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
from conformance.pcap import CaptureError, read_capture, write_pcap
from conformance.report.findings import folder_name
from conformance.report.model import ReportModel
from conformance.requirements import requirements
from conformance.sut.given import Options, provision_rows, subscriber_mistakes, template
from conformance.sut.ics import IcsError, Subscriber, load_ics
from conformance.sut.traced import Traced, traced
from conformance.watch.watcher import watched_rows

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Test any OCS (or read any Gy capture) against standards and rules.",
)

commands.command("run")(run)


def add_commands(app: typer.Typer) -> None:
    """Put `conformance` into the front door."""
    app.add_typer(commands, name="conformance")


@commands.command("doctor")
def doctor(
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
    pcap: Annotated[Path | None, typer.Option(help="Write what was said as a capture.")] = None,
) -> None:
    """First aid: TCP, CER, watchdog and one session with an OCS, with a hint wherever it stops."""
    if file is None and ocs is None:
        raise bad("--ocs HOST:PORT is needed (or a PIXIT file)")
    groups = tuple(rg or ())
    ics = given(Options(file, ocs, imsi, msisdn, apn, groups, tls, tls_ca, tls_cert, tls_key, tls_name))
    if not ics.subscribers.rich:
        raise bad("a subscriber of role rich is needed: --imsi and --apn, or in the PIXIT")
    screen, status = console(), 0
    for step in examine(ics, pcap):
        word = {"ok": "[green]ok  [/]", "failed": "[bold red]FAIL[/]", "unreachable": "[bold red]FAIL[/]"}[step.outcome]
        screen.print(f"{word} {escape(step.name)}: {escape(step.seen)}")
        if step.hint:
            screen.print(f"     [yellow]{escape(step.hint)}[/]")
        status = max(status, {"ok": 0, "failed": 1, "unreachable": 3}[step.outcome])
    if status == 0:
        screen.print("next: splitsim conformance run with the same options, or init for a PIXIT file")
    raise typer.Exit(status)


@commands.command("init")
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("pixit.yaml"),
    ocs: OcsOption = None,
    imsi: ImsiOption = None,
    msisdn: MsisdnOption = None,
    apn: ApnOption = None,
    rg: GroupOption = None,
    from_pcap: Annotated[Path | None, typer.Option(help="Fill it from a capture of your own PGW.")] = None,
    provision: Annotated[bool, typer.Option(help="Only write provision.csv anew, for a PIXIT that is there.")] = False,
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented PIXIT file (addresses, subscribers, claims, timers, hooks), and what the SUT must hold."""
    if provision:
        _write_provision(path)
        return
    if path.exists() and not force:
        raise bad(f"{path} is there already (--force writes over it)")
    found = Traced((), None, None, ())
    if from_pcap is not None:
        try:
            found = traced(read_capture(from_pcap))
        except CaptureError as error:
            raise bad(str(error)) from None
    first = found.subscribers[0] if found.subscribers else Subscriber(imsi="001010000000001", apn="internet")
    said: dict[str, object] = {"imsi": imsi, "msisdn": msisdn, "apn": apn, "rating_groups": tuple(rg) if rg else None}
    said = {name: value for name, value in said.items() if value is not None}
    try:
        rich = Subscriber.model_validate({**first.model_dump(), **said})
    except ValidationError as error:
        raise bad(*subscriber_mistakes(error)) from None
    ccrs = found.ccrs
    shape = path.with_name(f"{path.stem}-ccr.pcap")
    text = template(
        ocs or "127.0.0.1:3868",
        [rich] if said else [*found.subscribers] or [rich],
        found.context or "32251@3gpp.org",
        ccr_template=shape.name if ccrs else None,
        realm=found.realm,
    )
    try:
        if ccrs:
            write_pcap(shape, ccrs)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise bad(f"{path}: {error.strerror}") from None
    _write_provision(path)
    if ccrs:
        titles = ", ".join(record.message.title.split(" [")[0] for record in ccrs)
        typer.echo(f"{shape} written: {titles}; the CCRs of all cases are built like these")
    typer.echo(f"{path} written; next: edit it, then splitsim conformance doctor {path}")


def _write_provision(pixit: Path) -> None:
    """Writes provision.csv beside a PIXIT."""
    try:
        rows = provision_rows(load_ics(pixit))
    except IcsError as error:
        raise bad(*error.mistakes) from None
    path = pixit.with_name("provision.csv")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["role"])
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise bad(f"{path}: {error.strerror}") from None
    typer.echo(f"{path} written: {len(rows)} rows that the SUT must hold")


@commands.command("list")
def list_cases(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID-PREFIX...]")] = None,
    area: Annotated[list[str] | None, typer.Option(help="PEER, HDR, AVP, SEQ ...")] = None,
    level: Annotated[list[str] | None, typer.Option(help="MUST, SHOULD ...")] = None,
    severity: Annotated[list[str] | None, typer.Option(help="money, security, interop, parsing")] = None,
    status: Annotated[str | None, typer.Option(help="tested, 'not testable', 'out of scope', 'not yet'")] = None,
    side: Annotated[str, typer.Option(help="ocs or pgw")] = "ocs",
) -> None:
    """The requirements, whether a case decides each, and if not, why."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("requirement", "level", "severity", "status", "needs", "what is asked"):
        table.add_column(name, overflow="fold")
    count = 0
    for row in requirements().values():
        if (
            row.concerns(side)
            and (not ids or any(row.id.startswith(prefix) for prefix in ids))
            and (not area or row.area in area)
            and (not level or row.level in level)
            and (not severity or row.severity in severity)
            and (not status or row.status == status)
        ):
            count += 1
            what = row.reason or f"{row.when} -> {row.then}"
            table.add_row(row.id, row.level, row.severity, row.status, " ".join(row.needs) or "Gy", escape(what))
    screen = console()
    screen.print(table)
    screen.print(f"{count} requirements")


@commands.command("explain")
def explain(name: Annotated[str, typer.Argument(metavar="ID", help="A requirement or a case.")]) -> None:
    """What a requirement asks, on which clause it stands, and which cases decide it."""
    row_ids = [name] if name in requirements() else list(cases()[name].rows) if name in cases() else []
    if not row_ids:
        near = [known for known in (*requirements(), *cases()) if known.startswith(name)]
        raise bad(f"no requirement or case {name!r}", *(f"  {known}" for known in near[:20]))
    for row_id in row_ids:
        row = requirements()[row_id]
        typer.echo(f"{row.id}  ({row.level}, {row.severity}, {row.side}; {row.clause or 'no clause'})")
        typer.echo(f"  when  {row.when}\n  then  {row.then}")
        if row.from_memory:
            typer.echo("  the clause was not at hand when this was written: check it before quoting it")
        if row.needs:
            typer.echo(f"  needs hook {', '.join(row.needs)}")
        for case in cases().values():
            if row_id in case.rows:
                typer.echo(f"  case  {case.id}: {case.stimulus}")
        if row_id in watched_rows():
            typer.echo("  a rule for every message decides it, too")
        if row.reason:
            typer.echo(f"  {row.status}: {row.reason}")


@commands.command("check")
def check(
    capture: Annotated[Path, typer.Argument(metavar="FILE.pcap", help="pcap or pcapng with Gy over TCP.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
) -> None:
    """Put a capture to the rules for every message, and audit its units: which side breaks which clause."""
    try:
        result = check_capture(capture)
    except CaptureError as error:
        raise bad(str(error)) from None
    if as_json:
        typer.echo(json.dumps(_check_data(result), indent=2))
    else:
        _tell_check(console(), result)
    raise typer.Exit(0 if result.passed else 1)


def _check_data(result: CheckResult) -> dict[str, object]:
    return {
        "messages": result.watched.messages,
        "passed": result.passed,
        "deviations": [
            {"row": d.requirement.id, "clause": d.requirement.clause, "level": d.requirement.level, "side": d.sender,
             "seen": d.seen}
            for d in result.deviations
        ],
        "sessions": [
            {"session_id": s.session_id, "granted_octets": s.granted_octets, "used_octets": s.used_octets,
             "remarks": s.remarks}
            for s in result.sessions
        ],
    }  # fmt: skip


def _tell_check(screen: Console, result: CheckResult) -> None:
    for deviation in result.deviations:
        row = deviation.requirement
        at_fault = "OCS" if deviation.sender == "ocs" else "gateway"
        screen.print(f"[bold red]{at_fault}[/] breaks {row.id} ({row.level}, {escape(row.clause)}): {escape(row.then)}")
        for text in deviation.seen[:3]:
            screen.print(f"    {escape(text)}")
        if len(deviation.seen) > 3:
            screen.print(f"    and {len(deviation.seen) - 3} more")
    for session in result.sessions:
        screen.print(
            f"session {escape(session.session_id)}: {session.granted_octets:,} octets granted, "
            f"{session.used_octets:,} used"
        )
        for remark in session.remarks:
            screen.print(f"    [yellow]{escape(remark)}[/]")
    screen.print(f"{result.watched.messages} messages; verdict: {'pass' if result.passed else 'fail'}")


@commands.command("replay")
def replay(
    case_id: Annotated[str, typer.Argument(metavar="ID", help="A case with a finding in the last run.")],
    out: Annotated[Path, typer.Option(help="Folder of that run.")] = Path("out/conformance"),
    ocs: OcsOption = None,
) -> None:
    """Send the octets of a case with a finding again."""
    script = out / "findings" / folder_name(case_id) / "replay.py"
    if not script.exists():
        there = sorted(path.parent.name for path in out.glob("findings/*/replay.py"))
        raise bad(f"no {script}", *(f"  {name}" for name in there))
    raise typer.Exit(subprocess.run([sys.executable, str(script), *([ocs] if ocs else [])], check=False).returncode)


@commands.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="report.json of a run, or its folder.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The same of another.")],
) -> None:
    """Two runs side by side: the requirements on which they differ. Exit status 1 if B fails where A does not."""
    one, other = _load(first), _load(second)
    verdicts = {row.id: row for row in other.rows}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("requirement", "severity", "level", f"A: {one.sut}", f"B: {other.sut}"):
        table.add_column(name)
    worse = same = 0
    for row in one.rows:
        there = verdicts.get(row.id)
        if there is None or there.verdict == row.verdict:
            same += 1
            continue
        worse += there.verdict == "FAIL"
        table.add_row(row.id, row.severity, row.level, row.verdict or "-", there.verdict or "-")
    screen = console()
    screen.print(table)
    screen.print(f"{same} the same, {len(one.rows) - same} different, {worse} of them fail in B only")
    raise typer.Exit(1 if worse else 0)


def _load(path: Path) -> ReportModel:
    file = path / "report.json" if path.is_dir() else path
    try:
        return ReportModel.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise bad(f"{file}: {str(error).splitlines()[0]}") from None


@commands.command("mutants", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def mutants(context: typer.Context) -> None:
    """Run the suite against OCSs that are broken on purpose, and print which case finds which."""
    command = [sys.executable, "-m", "conformance.mutants", *context.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)
