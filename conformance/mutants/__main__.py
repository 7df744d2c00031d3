"""`splitsim conformance mutants`: the kill matrix. Exit status 1 if a mutant survives or a sound system fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from conformance.mutants.gateway_faults import MUTANTS as OF_A_GATEWAY
from conformance.mutants.matrix import (
    BY_NAME,
    MUTANTS,
    Killed,
    failed_rows,
    matrix,
    never_killed,
    quick_cases,
)
from conformance.mutants.started import started_gateway, started_node
from conformance.runner import run_cases, run_gateway_cases

_CASES_SHOWN = 4


def main(
    name: Annotated[list[str] | None, typer.Option("--mutant", help="Only these; may be given again.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="Every Nth of them.")] = 1,
    at_a_time: Annotated[int, typer.Option("-n", min=1, max=16, help="Systems at a time.")] = 2,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the whole matrix there too, as JSON.")] = None,
) -> None:
    """Run the suite against OCSs and gateways that are broken on purpose; print which case finds which."""
    console = Console(highlight=False, soft_wrap=True)
    unknown = [one for one in name or () if one not in BY_NAME]
    if unknown:
        Console(stderr=True).print(f"no mutant {', '.join(unknown)}; known: {', '.join(BY_NAME)}", markup=False)
        raise typer.Exit(2)
    chosen = [BY_NAME[one] for one in name] if name else list(MUTANTS[::sample])
    if out is not None:
        try:
            out.touch()
        except OSError as error:
            Console(stderr=True).print(f"--out {out}: {error.strerror}", markup=False)
            raise typer.Exit(2) from None
    suite = quick_cases() + quick_cases("pgw")
    false_alarms = []
    if any(mutant not in OF_A_GATEWAY for mutant in chosen):
        with started_node() as ics:
            false_alarms += failed_rows(run_cases(ics, quick_cases(), workers=8))
    if any(mutant in OF_A_GATEWAY for mutant in chosen):
        with started_gateway() as (ics, station):
            false_alarms += failed_rows(run_gateway_cases(ics, station, quick_cases("pgw")))
    for row in false_alarms:
        console.print(f"[bold red]false alarm[/] on a sound system: {row}")

    def tell(killed: Killed) -> None:
        word = "[bold red]survives[/]" if killed.survived else "killed"
        console.print(f"{word} {killed.mutant.name}: {len(killed.cases)} killers")

    found = matrix(chosen, suite, at_a_time=at_a_time, progress=tell)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("mutant", "fault", "rows", "found by"):
        table.add_column(column, overflow="fold")
    for killed in found:
        shown = ", ".join(killed.cases[:_CASES_SHOWN]) + (" ..." if len(killed.cases) > _CASES_SHOWN else "")
        table.add_row(killed.mutant.name, killed.mutant.fault, str(len(killed.rows)), killed.trouble or shown or "-")
    console.print(table)
    if out is not None:
        told = {killed.mutant.name: {"rows": killed.rows, "cases": killed.cases} for killed in found}
        out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    left = never_killed(found)
    console.print(f"{len(left)} tested rows that no mutant here has made fail: {', '.join(left)}")
    survivors = [killed.mutant.name for killed in found if killed.survived]
    console.print(f"{len(found) - len(survivors)} of {len(found)} mutants killed; survivors: {survivors or 'none'}")
    raise typer.Exit(1 if survivors or false_alarms else 0)


if __name__ == "__main__":
    typer.run(main)
