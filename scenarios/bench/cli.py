"""`splitsim bench fleet`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ocs.bench.cli import bench_commands
from ocs.bench.rows import show
from scenarios.outputs import missing_report_extra


def add_commands() -> None:
    """Put `fleet` beside the other benchmarks."""
    bench_commands.command("fleet")(fleet)


def fleet(
    vehicles: Annotated[int, typer.Option(min=10, max=100_000, help="Cars of fleet_1k.")] = 1_000,
    days: Annotated[int, typer.Option(min=1, max=31, help="Days that are simulated.")] = 2,
    many: Annotated[
        int, typer.Option(min=10, max=100_000, help="Cars of fleet_100k that are really run, spread over it.")
    ] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else.")] = False,
) -> None:
    """CPU time per CCR of a fleet, all in; what SimPy alone costs; the speed-up of two workers."""
    if missing := missing_report_extra():
        typer.echo(
            f"records are written as Parquet: {missing} is not installed (pip install 'splitsim[report]')", err=True
        )
        raise typer.Exit(2)
    from scenarios.bench.fleet import measure

    console = Console(stderr=True, quiet=as_json)
    rows = []
    with console.status("measuring"):
        for row in measure(vehicles, days, many):
            rows.append(row)
            console.print(f"{row.name}: {row.value:,.2f} {row.unit}", highlight=False)
    show(rows, as_json, of="the simulator; fleet_2_workers by the clock")
