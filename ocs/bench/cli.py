"""`splitsim bench`: what things cost, as ratios to baselines measured in the same run."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer
from rich.console import Console

from ocs.bench.rows import show

bench_commands = typer.Typer(no_args_is_help=True, help="CPU time per unit, as a ratio to a baseline in the same run.")


def add_commands(app: typer.Typer) -> None:
    """Put `bench` into the front door."""
    app.add_typer(bench_commands, name="bench")


@bench_commands.command("gy")
def gy(
    requests: Annotated[int, typer.Option(min=1_000, help="CCRs measured for each row.")] = 50_000,
    sessions: Annotated[int, typer.Option(min=1_000, help="Open sessions of gy_100k_sessions.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
) -> None:
    """CPU time per CCR of the served OCS with durable append, and of a python-diameter node that only answers."""
    if find_spec("diameter") is None:
        typer.echo("the baseline needs python-diameter: pip install 'splitsim[conformance]'", err=True)
        raise typer.Exit(2)
    from ocs.bench.gy import measure

    console = Console(stderr=True, quiet=as_json)
    rows = []
    with console.status("measuring python_diameter_node"):
        for row in measure(requests, many=sessions):
            rows.append(row)
            console.print(f"{row.name}: {row.value:,.1f} {row.unit}", highlight=False)
    show(rows, as_json)


@bench_commands.command("provision")
def provision(
    sims: Annotated[
        list[int] | None, typer.Option(min=1_000, help="SIMs in the file; given several times, a row for each.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
) -> None:
    """CPU seconds of `splitsim provision` and of the OCS that it speaks to: 1 k, 10 k and 100 k SIMs, and again."""
    from ocs.bench.provisioning import measure

    with Console(stderr=True, quiet=as_json).status("provisioning"):
        rows = list(measure(tuple(sims or (1_000, 10_000, 100_000))))
    show(rows, as_json, of="client and OCS together")


@bench_commands.command("peers")
def peers(
    requests: Annotated[
        int, typer.Option(min=1_000, help="CCR-U of the good peer, alone and under the flood.")
    ] = 4_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
) -> None:
    """The good peer's p99 alone, and beside a thousand silent peers, garbage, and one that sends all it can."""
    from ocs.bench.peers import measure

    with Console(stderr=True, quiet=as_json).status("measuring the good peer"):
        rows = list(measure(requests))
    show(rows, as_json)


@bench_commands.command("takeover")
def takeover(
    sessions: Annotated[int, typer.Option(min=1, help="Open when the first process is killed.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
) -> None:
    """Seconds from SIGKILL to the standby's first answer, with SQLite and with PostgreSQL."""
    from ocs.bench.takeover import measure

    with Console(stderr=True, quiet=as_json).status("opening sessions"):
        rows = list(measure(sessions))
    show(rows, as_json)


@bench_commands.command("bill")
def bill(
    sims: Annotated[int, typer.Option(min=100, help="SIMs of the largest month.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
) -> None:
    """CPU seconds and memory of closing a month of 1 k, 10 k and 100 k SIMs with a hundred EDRs each, documents too."""
    if find_spec("duckdb") is None:
        typer.echo("bills from files need DuckDB: pip install 'splitsim[report]'", err=True)
        raise typer.Exit(2)
    from ocs.bench.bill import measure

    with Console(stderr=True, quiet=as_json).status("closing months"):
        rows = list(measure(sims))
    show(rows, as_json, of="the process that bills")
