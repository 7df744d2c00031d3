"""`splitsim run NAME --ocs HOST:PORT`: exit status 0 Gy shows no fault, 1 it shows one, 2 bad input, 3 no OCS there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ocs.inventory.provisioning import Provisioning
from scenarios.foreign import ForeignRun, PartyFigures, needed, run_abroad
from scenarios.schema import Scenario
from sim.options import Mistakes, nobody_there, ocs_address, refused, whole
from sim.pgw.bearer import Settings
from sim.pgw.telling import code_in_words

MOST_SPEED = 10**6


@dataclass(frozen=True)
class Abroad:
    """What the command line says of a foreign OCS, as it stands there."""

    ocs: str | None
    speed: str
    host: str
    realm: str
    provisioning: Path | None

    @property
    def wanted(self) -> bool:
        """The scenario is to be run elsewhere, or got ready for that."""
        return self.ocs is not None or self.provisioning is not None

    def mistakes(self) -> list[str]:
        """What is wrong with it, one line each."""
        return self._read()[2].lines

    @property
    def address(self) -> tuple[str, int]:
        """Of the OCS."""
        return self._read()[0]

    @property
    def times(self) -> int:
        """Seconds of the scenario in one second of real time."""
        return self._read()[1]

    def _read(self) -> tuple[tuple[str, int], int, Mistakes]:
        mistakes = Mistakes()
        address = ("", 0) if self.ocs is None else mistakes.read("--ocs", self.ocs, ocs_address, ("", 0))
        return address, mistakes.read("--speed", self.speed, whole(MOST_SPEED), 1), mistakes


def run_on_foreign(
    scenario: Scenario, name: str, seed: int, abroad: Abroad, folder: Path, console: Console, *, as_json: bool
) -> typer.Exit:
    """Run it, tell what came of it, and how the command ends."""
    address, speed = abroad.address, abroad.times
    path = abroad.provisioning or folder / "provisioning.yaml"
    _write(path, lambda: _as_file(needed(scenario)))
    console.print(f"what the OCS has to know: {path} (for ours: splitsim serve --provision {path})", markup=False)
    if abroad.ocs is None:
        return typer.Exit(0)
    seconds = (scenario.ends - scenario.begins) / 10**6 / speed
    console.print(
        f"{scenario.duration // 86_400} days at speed {speed:,} against {abroad.ocs}: {_long(seconds)} "
        "(Ctrl-C ends it in order)",
        markup=False,
    )
    gateway = Settings(
        origin_host=abroad.host,
        origin_realm=abroad.realm,
        destination_realm=abroad.realm,
        origin_state_id=int(time.time()),
    )
    with Progress(
        TextColumn("{task.description:<34}"), BarColumn(), TimeElapsedColumn(), console=console, disable=as_json
    ) as bar:
        task = bar.add_task("cars on the road", total=1.0)
        try:
            done = run_abroad(
                scenario, name, seed, address, gateway, speed, lambda share: bar.update(task, completed=share)
            )
        except OSError as error:
            raise nobody_there(abroad.ocs, error) from None
    data = json.dumps(done.as_data(), indent=2)
    _write(folder / "foreign.json", lambda: data + "\n")
    if as_json:
        typer.echo(data)
    else:
        _tell(console, done, abroad.ocs, speed, folder)
    return typer.Exit(0 if done.verdict.passed else 1)


def _as_file(provisioning: Provisioning) -> str:
    """JSON, which is YAML too, one item a line."""
    lines = []
    for field, value in provisioning.model_dump(mode="json", by_alias=True, exclude_defaults=True).items():
        if isinstance(value, list):
            items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            lines.append(f'  "{field}": [\n    {items}\n  ]')
        else:
            lines.append(f'  "{field}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _write(path: Path, content: Callable[[], str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content(), encoding="utf-8")
    except OSError as error:
        raise refused(f"{path}: cannot be written: {error.strerror}") from None


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7_200 else f"{seconds / 3_600:,.1f} h"


def _tell(console: Console, done: ForeignRun, ocs: str, speed: int, folder: Path) -> None:
    console.print()
    console.print(
        f"{done.verdict.title} (seed {done.verdict.seed}) against {ocs}: "
        f"{done.rate:,.1f} requests a second over {done.seconds:,.1f} s, at speed {speed:,}",
        markup=False,
    )
    if done.behind_seconds > 1:
        console.print(f"the OCS was too slow for that: the fleet was up to {done.behind_seconds:,.1f} s behind")
    console.print()
    wide = Console(file=console.file, width=250, quiet=console.quiet, highlight=False)
    wide.print(_figures(done.parties))
    console.print()
    wide.print(_verdicts(done))
    for item in done.verdict.judged:
        for finding in item.judgement.findings[:5]:
            console.print(f"  {item.check.name()}: {finding.message}", style="red", markup=False)
        if (more := len(item.judgement.findings) - 5) > 0:
            console.print(f"  {item.check.name()}: and {more} more", style="red", markup=False)
    console.print()
    if done.unsold:
        console.print(f"{done.unsold:,} purchases that drivers wanted were not made: Gy has no top-up", markup=False)
    if done.pushes:
        console.print(f"{done.pushes:,} RAR and ASR came for sessions of the fleet", markup=False)
    codes = {code for figures in done.parties.values() for code in (*figures.result_codes, *figures.service_codes)}
    console.print(f"Result-Codes: {', '.join(code_in_words(code) for code in sorted(codes)) or 'none'}", markup=False)
    console.print(f"as data: {folder / 'foreign.json'}", markup=False)
    passed = done.verdict.passed
    console.print(f"verdict: {done.verdict.word}", style="bold green" if passed else "bold red")


def _figures(parties: dict[str, PartyFigures]) -> Table:
    table = Table(box=box.MARKDOWN)
    for name in ("party", "requests", "p50 ms", "p99 ms", "unanswered", "Result-Codes", "of the RGs"):
        table.add_column(name, justify="left" if name in ("party", "Result-Codes", "of the RGs") else "right")
    for party, figures in parties.items():
        table.add_row(
            party,
            f"{figures.requests:,}",
            f"{figures.percentile_us(50) / 1000:,.2f}",
            f"{figures.percentile_us(99) / 1000:,.2f}",
            f"{figures.unanswered:,}",
            *(
                ", ".join(f"{count:,} x {code}" for code, count in sorted(codes.items())) or "none"
                for codes in (figures.result_codes, figures.service_codes)
            ),
        )
    return table


def _verdicts(done: ForeignRun) -> Table:
    table = Table(box=box.MARKDOWN)
    for name in ("verdict", "expectation", "seen"):
        table.add_column(name)
    for item in done.verdict.judged:
        seen = ", ".join(f"{number:,} {what}" for what, number in item.judgement.seen.items())
        table.add_row("pass" if item.passed else "FAIL", item.check.name(), seen)
    for check in done.not_applicable:
        table.add_row("N-A", check, "needs the OCS's own books, or somebody who tops up")
    return table
