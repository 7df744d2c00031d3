"""`splitsim load`: exit status 0 every request was answered in time, 1 one was not, 2 bad input, 3 no OCS there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from sim.load.run import Load, Target, run
from sim.load.tally import Figures, Result
from sim.options import (
    HostOption,
    ImsiOption,
    JsonOption,
    Mistakes,
    RealmOption,
    ReconnectOption,
    duration,
    imsi,
    nobody_there,
    numbered_imsi,
    ocs_address,
    on_interrupt,
    refused,
    some,
    whole,
)
from sim.pgw.telling import code_in_words

DEMO: Final = ("b2b:fleet.acme/100", "b2c:internet/200")
"""What a car of the demo catalogue uses."""


def load_command(
    ocs: Annotated[str | None, typer.Option("--ocs", metavar="HOST:PORT", help="Gy address of the OCS (TCP).")] = None,
    rate: Annotated[str | None, typer.Option(metavar="N", help="Requests a second.")] = None,
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="How long, such as 30s or 10m.")] = "10s",
    first_imsi: ImsiOption = "001010000000001",
    sims: Annotated[str, typer.Option(metavar="N", help="SIMs, one after the other from --imsi.")] = "1",
    services: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="PARTY:APN/RG",
            help="What sessions use, in turn, and a name for who pays: b2c:internet/200. May come again.",
        ),
    ] = None,
    apn: Annotated[str | None, typer.Option(help="With --rg, instead of --service: one APN for all sessions.")] = None,
    rating_group: Annotated[str | None, typer.Option("--rg", metavar="N", help="Rating group.")] = None,
    connections: Annotated[
        str, typer.Option(metavar="N", help="Connections, each with an Origin-Host of its own.")
    ] = "1",
    updates: Annotated[str, typer.Option(metavar="N", help="CCR-U in each session.")] = "2",
    tx: Annotated[str, typer.Option(metavar="TIME", help="Tx: an answer that takes longer is a timeout.")] = "10s",
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One line of JSON for each answer, as soon as it is here.")
    ] = None,
    host: HostOption = "load.example",
    realm: RealmOption = "example",
    reconnect: ReconnectOption = "1s",
    as_json: JsonOption = False,
) -> None:
    """Put a load on an OCS."""
    mistakes = Mistakes()
    where = mistakes.need("--ocs", ocs, ocs_address, ("", 0))
    requests = mistakes.need("--rate", rate, whole(1_000_000), 1)
    seconds = mistakes.read("--for", lasting, some(duration), 1)
    mistakes.read("--imsi", first_imsi, imsi, "0")
    many = mistakes.read("--sims", sims, whole(10_000_000), 1)
    if first_imsi.isdecimal() and len(numbered_imsi(first_imsi, many - 1)) > len(first_imsi):
        mistakes.add("--sims", f"expected no more than IMSIs of {len(first_imsi)} digits from {first_imsi}", sims)
    targets = _targets(services, apn, rating_group, mistakes)
    load = Load(
        address=where,
        rate=requests,
        seconds=seconds,
        imsi=first_imsi,
        sims=many,
        targets=targets,
        connections=mistakes.read("--connections", connections, whole(256), 1),
        updates=mistakes.read("--updates", updates, whole(1_000_000, 0), 1),
        host=host,
        realm=realm,
        reconnect_seconds=mistakes.read("--reconnect", reconnect, some(duration), 1),
        tx_seconds=mistakes.read("--tx", tx, some(duration), 1),
    )
    with contextlib.ExitStack() as stack:
        opened = None if log is None or mistakes.lines else stack.enter_context(_opened(log))
        mistakes.check()
        console = Console(quiet=as_json, highlight=False, soft_wrap=True)
        console.print(f"{requests:,} requests a second at {ocs}, for {seconds:,} s (Ctrl-C ends it)", markup=False)
        began = datetime.now(UTC)
        try:
            result = asyncio.run(_until_interrupted(load, opened))
        except OSError as error:
            raise nobody_there(str(ocs), error) from None
    if as_json:
        typer.echo(json.dumps(_as_data(requests, result), indent=2))
    else:
        _tell(console, str(ocs), load, began, result)
    raise typer.Exit(1 if result.whole.timeouts or not result.whole.answered else 0)


async def _until_interrupted(load: Load, log: TextIO | None) -> Result:
    stop = asyncio.Event()
    on_interrupt(stop.set)
    return await run(load, stop, log)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise refused(f"--log {path}: cannot be written: {error.strerror}") from None


def _targets(
    services: list[str] | None, apn: str | None, rating_group: str | None, mistakes: Mistakes
) -> tuple[Target, ...]:
    """What sessions use."""
    group = None if rating_group is None else mistakes.read("--rg", rating_group, whole(2**32 - 1, 0), 0)
    if (apn is None) != (group is None):
        mistakes.add("--apn", "expected with --rg, and --rg with --apn", apn or "")
    if apn is not None and group is not None:
        if services:
            mistakes.add("--apn", "expected either --service, or --apn and --rg", apn)
        return (Target("all", apn, group),)
    found = [mistakes.read("--service", text, _target, Target("", "", 0)) for text in services or DEMO]
    if len({(target.apn, target.rating_group) for target in found}) < len(found) and not mistakes.lines:
        mistakes.add("--service", "expected every APN and rating group once", " ".join(services or ()))
    return tuple(found)


def _target(text: str) -> Target:
    """ValueError if it is none."""
    match = re.fullmatch(r"([A-Za-z0-9_-]+):([A-Za-z0-9._-]+)/([0-9]{1,10})", text, re.ASCII)
    if match is None or int(match[3]) >= 2**32:
        raise ValueError("expected PARTY:APN/RG, such as b2c:internet/200")
    return Target(match[1], match[2], int(match[3]))


def _as_data(asked: int, result: Result) -> dict[str, Any]:
    return {
        "asked_rate": asked,
        "rate": round(result.rate, 1),
        "seconds": round(result.seconds, 3),
        "connections_lost": result.connections_lost,
        **result.whole.as_data(),
        "services": [
            {**target._asdict(), **figures.as_data()}
            for target, figures in result.parts.items()
            if isinstance(target, Target)
        ],
    }


def _tell(console: Console, ocs: str, load: Load, began: datetime, result: Result) -> None:
    """A table that can be pasted into a report (Markdown)."""
    done = result.whole
    console.print()
    console.print(
        f"Gy load on {ocs}, {began:%Y-%m-%d %H:%M} UTC: {load.rate:,} requests a second asked for, "
        f"{result.rate:,.1f} achieved over {result.seconds:,.1f} s; SIMs: {load.sims:,}, sessions: {done.sessions:,}, "
        f"connections: {load.connections:,}",
        markup=False,
    )
    console.print()
    table = Table(box=box.MARKDOWN)
    for name in (
        "party",
        "APN / RG",
        "answered",
        "p50 ms",
        "p99 ms",
        "max ms",
        "timeouts",
        "Result-Codes",
        "of the RG",
    ):
        number = name in ("answered", "timeouts") or name.endswith("ms")
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for target, figures in sorted(result.parts.items(), key=str):
        assert isinstance(target, Target)
        table.add_row(target.party, f"{target.apn} / {target.rating_group}", *_cells(figures))
    table.add_row("all", "", *_cells(done))
    wide = Console(file=console.file, width=250, quiet=console.quiet, highlight=False)
    wide.print(table)
    console.print()
    requests = ", ".join(f"{count:,} CCR-{letter}" for letter, count in done.requests.items())
    codes = ", ".join(code_in_words(code) for code in sorted({*done.result_codes, *done.service_codes}))
    for name, what in (
        ("requests", f"{requests or 'none'}; {done.octets:,} octets told"),
        ("unanswered", f"{done.unanswered:,}"),
        ("connections lost", f"{result.connections_lost:,}; {done.repeated:,} requests repeated"),
        ("Result-Codes", codes or "none"),
    ):
        console.print(f"{name:<21}{what}", markup=False)


def _cells(figures: Figures) -> tuple[str, ...]:
    times = (figures.p50_us, figures.p99_us, figures.most_us)
    return (
        f"{figures.answered:,}",
        *(f"{microseconds / 1000:,.2f}" for microseconds in times),
        f"{figures.timeouts:,}",
        _codes(figures.result_codes),
        _codes(figures.service_codes),
    )


def _codes(codes: dict[int, int]) -> str:
    return ", ".join(f"{count:,} x {code}" for code, count in codes.items()) or "none"
