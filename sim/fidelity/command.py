"""`splitsim fleet`: exit status 0, or 2 for bad input."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sim.fidelity.measure import DAYS, Figure, Measured, measure
from sim.options import JsonOption

fleet_commands = typer.Typer(no_args_is_help=True, callback=lambda: None, help="What generated fleets are like.")

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


@fleet_commands.command("fidelity")
def fidelity_command(
    vehicles: Annotated[int, typer.Option(min=2, max=1_000_000, help="Vehicles of each class.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all chance.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for the table (fidelity.md) and the pictures.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Trips, hours and volumes of a generated fleet beside published figures, with the error of each."""
    if out is not None and out.exists() and not out.is_dir():
        raise _bad(f"--out {out}: expected a folder, this is a file")
    console = Console(quiet=as_json, highlight=False, soft_wrap=True)
    with Progress(console=console, disable=as_json, transient=True) as bar:
        task = bar.add_task("cars on the road", total=1.0)
        measured = measure(vehicles, seed, lambda share: bar.update(task, completed=share))
    drawn: list[Path] = []
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / "fidelity.md").write_text(_markdown(measured), encoding="utf-8")
            if find_spec("matplotlib") is None:
                console.print("no pictures: matplotlib is not installed (pip install 'splitsim\\[report]')")
            else:
                from sim.fidelity.pictures import draw

                drawn = draw(measured, out)
        except OSError as error:
            raise _bad(f"--out {out}: {error.strerror or error}") from None
    if as_json:
        typer.echo(json.dumps([_row(figure) for figure in measured.figures], indent=2))
        return
    console.print(_table(measured))
    for path in (out / "fidelity.md", *drawn) if out is not None else ():
        console.print(str(path), markup=False)


def _bad(line: str) -> typer.Exit:
    _errors.print(line, markup=False)
    return typer.Exit(2)


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    """Name, value, published, how far off, source."""
    if figure.unit == "of the day":
        return figure.name, f"{figure.value:.1%}", "0 %", f"{figure.value:.1%} of the day", figure.source
    chance = f" ± {_number(figure.chance)}" if figure.chance is not None else ""
    if figure.unit == "h":
        off = f"{figure.value - figure.published:+.0f} h"
        return figure.name, f"{figure.value:.0f} h", f"{figure.published:.0f} h", off, figure.source
    value = f"{_number(figure.value)}{chance} {figure.unit}".rstrip()
    wanted = f"{_number(figure.published)} {figure.unit}".rstrip()
    return figure.name, value, wanted, f"{figure.relative_error:+.1%}", figure.source


def _number(value: float) -> str:
    return f"{value:,.{3 if value < 1 else 2 if value < 10 else 1 if value < 1_000 else 0}f}"


_HEADS = ("figure", "fleet", "published", "off by", "source")


def _table(measured: Measured) -> Table:
    title = f"{measured.vehicles:,} vehicles of each class, {DAYS} days, seed {measured.seed}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for place, head in enumerate(_HEADS):
        table.add_column(head, overflow="fold", justify="right" if 0 < place < 4 else "left")
    for figure in measured.figures:
        table.add_row(*_cells(figure))
    return table


def _markdown(measured: Measured) -> str:
    lines = [
        f"{measured.vehicles:,} vehicles of each class, {DAYS} days, seed {measured.seed}. "
        "After ±: half of the 95 % interval, what another seed may move the figure by.",
        "",
        f"| {' | '.join(_HEADS)} |",
        "|---|--:|--:|--:|---|",
        *(f"| {' | '.join(_cells(figure))} |" for figure in measured.figures),
    ]
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "value": round(figure.value, 6),
        "unit": figure.unit,
        "published": round(figure.published, 6),
        "relative_error": None if figure.relative_error is None else round(figure.relative_error, 6),
        "chance": None if figure.chance is None else round(figure.chance, 6),
        "source": figure.source,
    }
