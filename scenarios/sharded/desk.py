"""`splitsim query` and `splitsim trace`: what a run has left, and one car of it lived through again."""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ocs.units import instant, iso, utc
from scenarios.evidence import Evidence, local
from scenarios.outputs import read_manifest
from scenarios.schema import Scenario
from scenarios.sharded.query import QueryError, query
from scenarios.sharded.trace import Line, buckets_of, live_again, sessions_of, trace, trips_of

_errors = Console(stderr=True, highlight=False, soft_wrap=True)

RunOption = Annotated[Path, typer.Option("--run", metavar="DIR", help="The folder that `splitsim run` has left.")]
ROWS = 1_000
"""Rows of an answer that are shown on a terminal."""


def add_commands(app: typer.Typer) -> None:
    """Put `query` and `trace` into the front door."""
    app.command("query", help="Ask a run in SQL: views edrs, ledger, sessions, truth, series, purchases, changes.")(
        query_command
    )
    app.command("trace", help="One car of a run: trips, octets, CCRs, answers, ledger lines, and a ladder picture.")(
        trace_command
    )


def query_command(
    sql: Annotated[str, typer.Argument(metavar="'SELECT ...'", help="DuckDB's SQL.")],
    run: RunOption,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV and nothing else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Ask a run."""
    if find_spec("duckdb") is None:
        raise _bad("query needs duckdb: pip install 'splitsim[report]'")
    try:
        columns, rows = query(run, sql)
    except QueryError as error:
        raise _bad(str(error)) from None
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, indent=2))
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        _show(columns, [row for row, _ in zip(rows, range(ROWS), strict=False)])
        if more := sum(1 for _ in rows):
            print(f"and {more:,} more rows: --csv prints them all")


def _show(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    numbers = [all(isinstance(row[place], int | float | None) for row in rows) for place in range(len(columns))]
    for name, number in zip(columns, numbers, strict=True):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, columns, row))
    _console().print(table, markup=False)


def _cell(column: str, cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if type(cell) is int and not column.endswith("_code") else str(cell)


def _console() -> Console:
    """A terminal as wide as it is; a file or pipe as wide as its lines need."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=240)


def trace_command(
    vehicle: Annotated[str, typer.Argument(help="Such as code-003.")],
    run: RunOption,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Local time: 2026-03-14T08:00.")] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Local time; how things stand then.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the ladder of that time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Live through one car's time again. The picture shows the first cut in the time asked for, or how it begins."""
    try:
        scenario, name, seed = read_manifest(run)
    except (OSError, ValueError, KeyError):
        raise _bad(f"--run {run}: expected the folder of a run, with manifest.json in it") from None
    mistakes: list[str] = []
    first = _moment("--from", since, scenario, scenario.begins, mistakes)
    last = _moment("--to", until, scenario, scenario.ends, mistakes)
    if not mistakes and first >= last:
        mistakes.append("--from and --to: expected a time that begins before it ends")
    if picture is not None and find_spec("matplotlib") is None:
        mistakes.append("--picture needs matplotlib: pip install 'splitsim[report]'")
    if mistakes:
        raise _bad(*mistakes)
    try:
        evidence = live_again(scenario, seed, vehicle)
    except ValueError as error:
        raise _bad(str(error)) from None
    told = sorted([*trips_of(scenario, seed, vehicle, evidence), *trace(evidence)], key=lambda line: line.at)
    lines = [line for line in told if first <= line.at < last]
    if picture is not None:
        from scenarios.report.ladder import draw_ladder

        try:
            picture.write_bytes(draw_ladder(lines, vehicle, scenario.zone, f"scenario {name} · seed {seed}"))
        except OSError as error:
            raise _bad(f"--picture {picture}: {error.strerror or error}") from None
    if as_json:
        print(json.dumps([line._asdict() | {"at": iso(line.at)} for line in lines], indent=2))
        return
    _tell(lines, evidence, last)
    if picture is not None:
        print(f"ladder: {picture}")


def _tell(lines: list[Line], evidence: Evidence, last: int) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("time", "what", "session", ""):
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(f"{utc(line.at).astimezone(evidence.zone):%m-%d %H:%M:%S.%f}"[:-3], *line[1:])
    console = _console()
    console.print(table, markup=False)
    console.print(f"\nat {local(last, evidence.zone)}:", markup=False)
    moved = sum(step.octets for step in evidence.steps if step.end < last)
    console.print(f"  {moved:,} octets moved", markup=False)
    for session in sessions_of([exchange for exchange in evidence.exchanges if exchange.at < last]):
        console.print(f"  session {session} is open", markup=False)
    for bucket in buckets_of([line for line in evidence.transfers if line.at < last]):
        console.print(
            f"  bucket {bucket.name}: {bucket.used:,} used, {bucket.reserved:,} reserved, {bucket.expired:,} expired, "
            f"{bucket.left:,} left",
            markup=False,
        )


def _moment(option: str, text: str | None, scenario: Scenario, default: int, mistakes: list[str]) -> int:
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        mistakes.append(f"{option} {text}: expected a time such as 2026-03-14T08:00")
        return default
    return instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=scenario.zone))


def _bad(*lines: str) -> typer.Exit:
    for line in lines:
        _errors.print(line, markup=False)
    return typer.Exit(2)
