"""`splitsim load`: exit status 0 every request was answered, 1 one was not, 2 bad input or no OCS there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from sim.load.run import Load, run
from sim.load.tally import Result
from sim.options import (
    ForOption,
    HostOption,
    ImsiOption,
    JsonOption,
    Mistakes,
    OcsOption,
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
)
from sim.pgw.telling import code_in_words


def load_command(
    ocs: OcsOption,
    rate: Annotated[int, typer.Option(min=1, max=1_000_000, help="Requests a second.")],
    lasting: ForOption = "10s",
    first_imsi: ImsiOption = "001010000000001",
    sims: Annotated[int, typer.Option(min=1, max=10_000_000, help="SIMs, one after the other from --imsi.")] = 1,
    apn: Annotated[str, typer.Option(help="APN of every session.")] = "internet",
    rating_group: Annotated[int, typer.Option("--rg", min=0, max=2**32 - 1, help="Rating group.")] = 200,
    connections: Annotated[
        int, typer.Option(min=1, max=256, help="Connections, each with an Origin-Host of its own.")
    ] = 1,
    updates: Annotated[int, typer.Option(min=0, max=1_000_000, help="CCR-U in each session.")] = 2,
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
    where = mistakes.read("--ocs", ocs, ocs_address, ("", 0))
    mistakes.read("--imsi", first_imsi, imsi, "0")
    seconds = mistakes.read("--for", lasting, some(duration), 1)
    reconnect_seconds = mistakes.read("--reconnect", reconnect, some(duration), 1)
    if first_imsi.isdecimal() and len(numbered_imsi(first_imsi, sims - 1)) > len(first_imsi):
        mistakes.add("--sims", f"expected no more than IMSIs of {len(first_imsi)} digits from {first_imsi}", sims)
    mistakes.check()
    console = Console(quiet=as_json, highlight=False, soft_wrap=True)
    console.print(f"{rate:,} requests a second at {ocs}, for {seconds:,} s (Ctrl-C ends it)", markup=False)
    with contextlib.ExitStack() as stack:
        load = Load(
            address=where,
            rate=rate,
            seconds=seconds,
            imsi=first_imsi,
            sims=sims,
            apn=apn,
            rating_group=rating_group,
            connections=connections,
            updates=updates,
            host=host,
            realm=realm,
            reconnect_seconds=reconnect_seconds,
            log=None if log is None else stack.enter_context(_opened(log)),
        )
        try:
            result = asyncio.run(_until_interrupted(load))
        except OSError as error:
            raise nobody_there(ocs, error) from None
    if as_json:
        typer.echo(json.dumps({"asked_rate": rate, **result.as_data()}, indent=2))
    else:
        _tell(console, rate, result)
    raise typer.Exit(1 if result.unanswered or not result.answered else 0)


async def _until_interrupted(load: Load) -> Result:
    stop = asyncio.Event()
    on_interrupt(stop.set)
    return await run(load, stop)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise refused(f"--log {path}: cannot be written: {error.strerror}") from None


def _tell(console: Console, asked: int, result: Result) -> None:
    requests = ", ".join(f"{count:,} CCR-{letter}" for letter, count in result.requests.items())
    rows = (
        ("rate", f"{result.rate:,.0f} a second of {asked:,} asked for, over {result.seconds:.1f} s"),
        ("answered", f"{result.answered:,} ({requests}) in {result.sessions:,} sessions"),
        ("unanswered", f"{result.unanswered:,}"),
        ("latency", f"p50 {_ms(result.p50_us)}, p99 {_ms(result.p99_us)}, most {_ms(result.most_us)}"),
        ("Result-Codes", _codes(result.result_codes)),
        ("of the rating group", _codes(result.service_codes)),
        ("octets told", f"{result.octets:,}"),
        ("connections lost", f"{result.connections_lost:,}; {result.repeated:,} requests repeated"),
    )
    for name, what in rows:
        console.print(f"{name:<21}{what}", markup=False)


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1000:,.2f} ms"


def _codes(codes: dict[int, int]) -> str:
    return ", ".join(f"{count:,} x {code_in_words(code)}" for code, count in codes.items()) or "none"
