"""`splitsim run` and `splitsim scenario`: exit status 0 all expectations hold, 1 one does not, 2 bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ocs.files import FileError
from scenarios.bench.cli import add_commands as add_bench_commands
from scenarios.checks import REGISTRY
from scenarios.fleet import assumption
from scenarios.foreign_cli import Abroad, run_on_foreign
from scenarios.loading import library, load
from scenarios.outputs import missing_report_extra, write
from scenarios.replications import as_csv, measures, show, summarise
from scenarios.runner import Link, Run, run
from scenarios.schema import Scenario
from scenarios.sharded.command import Fleet, run_in_shards
from scenarios.sharded.desk import add_commands as add_desk_commands
from scenarios.verdict import FIRST_OFFENDERS, Verdict, sentence
from sim.shards import ShardLostError

scenario_commands = typer.Typer(no_args_is_help=True, help="Scenario files: list them, check one, print their schema.")

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def add_commands(app: typer.Typer) -> None:
    """Put `run` and `scenario` into the front door."""
    app.command("run", help="Run a scenario by name or file, judge it, and write a report.")(run_command)
    app.add_typer(scenario_commands, name="scenario")
    add_desk_commands(app)
    add_bench_commands()


def run_command(
    scenario: Annotated[str, typer.Argument(metavar="NAME-or-FILE", help="A scenario's name, or a YAML file.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all chance; the file's own when not given.")] = None,
    link: Annotated[Link, typer.Option(help="How PGW and OCS talk: in memory, or real Gy over TCP.")] = Link.MEMORY,
    gy_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="TCP port of the OCS with --link wire, for those who want to watch it."),
    ] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; out/NAME when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html, pictures, PDF bills and Parquet.")] = True,
    vehicles: Annotated[
        int | None, typer.Option(min=1, help="Cars in all, the groups of the file in proportion.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes of this machine that work on a fleet in shards.")
    ] = None,
    shards: Annotated[
        int | None, typer.Option(min=1, help="Parts of the fleet that are worked apart; of 250 cars at most unasked.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Scheduler of a Dask cluster that sees the same --out.")
    ] = None,
    csv: Annotated[
        bool | None, typer.Option("--csv/--no-csv", help="EDRs of a fleet in shards as one edrs.csv, too.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(min=2, max=10_000, help="So many runs, each with the next seed; means and intervals.")
    ] = None,
    ocs: Annotated[
        str | None,
        typer.Option("--ocs", metavar="HOST:PORT", help="Drive this OCS instead, over TCP; what Gy shows is judged."),
    ] = None,
    speed: Annotated[
        str, typer.Option(metavar="N", help="With --ocs: seconds of the scenario in one second of real time.")
    ] = "1",
    host: Annotated[str, typer.Option(help="With --ocs: Origin-Host of the gateway.")] = "pgw.example",
    realm: Annotated[str, typer.Option(help="With --ocs: Origin-Realm, and Destination-Realm.")] = "example",
    provisioning: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what an OCS has to know for this scenario; alone, do nothing else."),
    ] = None,
) -> None:
    """Run a scenario. A large fleet is run in shards; where that broke off, the same command goes on with it."""
    path = _find(scenario)
    try:
        loaded = load(path)
    except FileError as error:
        raise _bad(*map(str, error.mistakes)) from None
    folder = out if out is not None else Path("out") / path.stem
    fleet = Fleet(workers, shards, cluster, csv)
    abroad = Abroad(ocs, speed, host, realm, provisioning)
    mistakes = [*fleet.mistakes(), *abroad.mistakes()]
    if ocs is not None and (workers or shards or cluster or replications or gy_port or link is Link.WIRE):
        mistakes.append(
            "--ocs: drives that OCS alone, without --workers, --shards, --cluster, --replications, --link wire or "
            "--gy-port"
        )
    if folder.exists() and not folder.is_dir():
        mistakes.append(f"--out {folder}: expected a folder, this is a file")
    if vehicles is not None:
        try:
            loaded = loaded.of_size(vehicles)
        except ValueError as error:
            mistakes.append(f"--vehicles {vehicles}: {error}")
        mistakes += [f"--vehicles {vehicles}: {'.'.join(map(str, at))}: {what}" for at, what in loaded.problems()]
    if loaded.sells and fleet.wanted(loaded):
        # The virtual SIMs of later owners are numbered in the order of sales, over all cars.
        mistakes.append("a scenario that sells cars is one world: it cannot run in shards or be as large as those")
    if mistakes:
        raise _bad(*mistakes)
    console = Console(quiet=as_json, highlight=False, soft_wrap=True)
    if report and (missing := missing_report_extra()):
        console.print(f"no report, PDF or Parquet: {missing} is not installed (pip install 'splitsim\\[report]')")
        report = False
    chosen_seed = loaded.seed if seed is None else seed
    if abroad.wanted:
        raise run_on_foreign(loaded, path.stem, chosen_seed, abroad, folder, console, as_json=as_json)
    if replications is not None:
        again = f"splitsim run {scenario}" + (f" --vehicles {vehicles}" if vehicles is not None else "")
        seeds = range(chosen_seed, chosen_seed + replications)
        _replicate(loaded, path.stem, seeds, link, folder, fleet, console, again)
    if fleet.wanted(loaded):
        _run_fleet(loaded, path.stem, chosen_seed, link, folder, fleet, console, as_json=as_json, report=report)
    with Progress(
        TextColumn("{task.description:<34}"), BarColumn(), TimeElapsedColumn(), console=console, disable=as_json
    ) as bar:
        task = bar.add_task("", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        try:
            result = run(loaded, path.stem, chosen_seed, link, port=gy_port, progress=progress)
        except OSError as error:
            raise _bad(f"--gy-port {gy_port}: {error.strerror or error}") from None
        try:
            write(result, folder, report=report, progress=progress)
        except OSError as error:
            raise _bad(f"--out {folder}: {error.strerror or error}") from None
    if as_json:
        typer.echo(json.dumps(result.verdict.as_data(), indent=2))
    else:
        _tell(console, result, folder, report)
    raise typer.Exit(0 if result.verdict.passed else 1)


def _replicate(
    scenario: Scenario, name: str, seeds: range, link: Link, folder: Path, fleet: Fleet, console: Console, again: str
) -> NoReturn:
    """The scenario under each seed, in a folder of its own; then what they come to together. No reports are drawn.

    `again`: the command that runs it once.
    """
    if fleet.wanted(scenario) and (missing := missing_report_extra()):
        raise _bad(f"a fleet in shards is kept in Parquet: {missing} is not installed (pip install 'splitsim[report]')")
    told, failed = [], []
    try:
        for seed in seeds:
            into = folder / f"seed-{seed}"
            if fleet.wanted(scenario):
                fleet_run = run_in_shards(scenario, name, seed, link, into, fleet, console, pdf=False)
                verdict, evidence, requests = fleet_run.verdict, fleet_run.evidence, fleet_run.requests
            else:
                result = run(scenario, name, seed, link)
                write(result, into, report=False, progress=lambda what, share: None)
                verdict, evidence, requests = result.verdict, result.evidence, len(result.evidence.exchanges)
            console.print(f"seed {seed}: {verdict.word}, {into}", markup=False)
            told.append(measures(evidence, requests))
            failed += [] if verdict.passed else [seed]
        summaries = summarise(told)
        (folder / "replications.csv").write_text(as_csv(summaries), encoding="utf-8")
    except ShardLostError as error:
        raise _bad(f"{error}; the shards that are done are kept: the same command goes on from there") from None
    except OSError as error:
        raise _bad(f"--out {folder}: {error.strerror}" if error.strerror else f"--cluster: {error}") from None
    if console.quiet:
        typer.echo(json.dumps([summary._asdict() for summary in summaries], indent=2))
    show(summaries, len(seeds), console)
    console.print(f"as a table       {folder / 'replications.csv'}", markup=False)
    for seed in failed:
        console.print(f"again alone:     {again} --seed {seed}", style="red", markup=False)
    console.print(f"verdict: {'fail' if failed else 'pass'}", style="bold red" if failed else "bold green")
    raise typer.Exit(1 if failed else 0)


def _run_fleet(
    scenario: Scenario,
    name: str,
    seed: int,
    link: Link,
    folder: Path,
    fleet: Fleet,
    console: Console,
    *,
    as_json: bool,
    report: bool,
) -> NoReturn:
    if missing := missing_report_extra():
        raise _bad(f"a fleet in shards is kept in Parquet: {missing} is not installed (pip install 'splitsim[report]')")
    try:
        result = run_in_shards(scenario, name, seed, link, folder, fleet, console, pdf=report)
    except KeyboardInterrupt:
        _errors.print("broken off; the shards that are done are kept: the same command goes on from there")
        raise typer.Exit(130) from None
    except ShardLostError as error:
        raise _bad(f"{error}; the shards that are done are kept: the same command goes on from there") from None
    except OSError as error:
        raise _bad(f"--out {folder}: {error.strerror}" if error.strerror else f"--cluster: {error}") from None
    if as_json:
        typer.echo(json.dumps(result.verdict.as_data(), indent=2))
    else:
        _tell_verdict(console, result.verdict)
        console.print(f"bills            {folder / 'documents'}, {folder / 'reconciliation'}", markup=False)
        console.print(f"records          splitsim query 'SELECT * FROM edrs LIMIT 10' --run {folder}", markup=False)
        _tell_word(console, result.verdict)
    raise typer.Exit(0 if result.verdict.passed else 1)


def _find(scenario: str) -> Path:
    """The file meant by a name or a path."""
    known = library()
    if scenario in known:
        return known[scenario]
    path = Path(scenario)
    if path.suffix in (".yaml", ".yml") or path.exists() or "/" in scenario:
        return path
    raise _bad(f"unknown scenario {scenario!r}; known: {', '.join(known)}; or give a YAML file")


def _bad(*lines: str) -> typer.Exit:
    for line in lines:
        _errors.print(line, markup=False)
    return typer.Exit(2)


def _tell_verdict(console: Console, verdict: Verdict) -> None:
    console.print(_table(verdict))
    for item in verdict.judged:
        for finding in item.judgement.findings[:FIRST_OFFENDERS]:
            console.print(f"  {item.check.name()}: {finding.message}", style="red", markup=False)
        if (more := len(item.judgement.findings) - FIRST_OFFENDERS) > 0:
            console.print(f"  {item.check.name()}: and {more} more", style="red", markup=False)
    console.print()


def _tell_word(console: Console, verdict: Verdict) -> None:
    console.print(f"verdict: {verdict.word}", style="bold green" if verdict.passed else "bold red")


def _tell(console: Console, result: Run, folder: Path, report: bool) -> None:
    _tell_verdict(console, result.verdict)
    if report:
        console.print(f"report           {folder / 'report.html'}", markup=False)
    if faults := {what: number for what, number in result.evidence.faults.items() if number}:
        told = ", ".join(f"{number:,} {what}" for what, number in faults.items())
        console.print(f"what went wrong  {told}", markup=False)
    if assumed := assumption(result.scenario.fleet):
        console.print(f"assumed          {assumed}", markup=False)
    console.print(f"bills, records   {folder / 'documents'}, {folder / 'edrs.csv'}", markup=False)
    console.print("next, for a QA engineer:      splitsim serve, and your gateway pointed at it", markup=False)
    console.print(
        "next, for a tariff designer:  splitsim scenario list, copy a file, change a plan, run it", markup=False
    )
    console.print("next, for a sales engineer:   open the report, then the invoice and a statement", markup=False)
    _tell_word(console, result.verdict)


def _table(verdict: Verdict) -> Table:
    table = Table(title=f"{verdict.title} (seed {verdict.seed})", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("verdict")
    table.add_column("expectation", overflow="fold")
    table.add_column("seen", overflow="fold", style="dim")
    for item in verdict.judged:
        word = "[green]pass[/]" if item.passed else "[bold red]FAIL[/]"
        seen = ", ".join(f"{number:,} {what}" for what, number in item.judgement.seen.items())
        table.add_row(word, item.check.name(), seen)
    return table


@scenario_commands.command("list")
def list_scenarios() -> None:
    """The scenarios that come with splitsim, and the expectations that a file can name."""
    console = Console(highlight=False)
    scenarios = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("scenario", "what it shows"):
        scenarios.add_column(name, overflow="fold")
    for name, path in library().items():
        scenarios.add_row(name, load(path).title)
    console.print(scenarios)
    checks = Table(box=None, padding=(1, 2, 0, 0))
    for name in ("expectation", "what it says"):
        checks.add_column(name, overflow="fold")
    for name, check in REGISTRY.items():
        checks.add_row(name, sentence(check))
    console.print(checks)


@scenario_commands.command("schema")
def print_schema() -> None:
    """The JSON Schema of scenario files, for editors."""
    schema = Scenario.model_json_schema()
    schema["properties"]["include"] = {
        "type": "string",
        "description": "A provisioning file, instead of `provisioning`.",
    }
    schema["required"].remove("provisioning")
    schema["oneOf"] = [{"required": ["provisioning"]}, {"required": ["include"]}]
    typer.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))


@scenario_commands.command("check")
def check_file(
    scenario: Annotated[str, typer.Argument(metavar="NAME-or-FILE", help="A scenario's name, or a YAML file.")],
) -> None:
    """Read a scenario file and tell every mistake in it."""
    path = _find(scenario)
    try:
        loaded = load(path)
    except FileError as error:
        raise _bad(*map(str, error.mistakes)) from None
    cars = sum(group.vehicles for group in loaded.fleet)
    typer.echo(f"{path}: good: {cars} cars, {loaded.duration // 86_400} days, {len(loaded.expect)} expectations")
