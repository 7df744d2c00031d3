"""`splitsim pgw`: exit status 0 every octet was reported, 1 one was not, 2 bad input, 3 no OCS there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Annotated, Any, cast, get_args

import typer
from rich.console import Console
from rich.table import Table

from ocs.address import Address, address
from ocs.gy.messages import CreditControlFailureHandling
from ocs.gy.node import Timers
from ocs.units import SECOND
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
    microseconds_utc,
    nobody_there,
    numbered_imsi,
    ocs_address,
    on_interrupt,
    refused,
    some,
    volume,
)
from sim.pgw.bearer import Bearer, Personality, Settings
from sim.pgw.door import Door
from sim.pgw.drive import Device, Tally, Traffic
from sim.pgw.gateway import Gateway
from sim.pgw.telling import Teller, code_in_words

FLEET, WIFI = ("fleet.acme", 100), ("internet", 200)
"""What a car of the demo catalogue uses: APN and rating group of the car maker's split and of the driver's."""

_PERSONALITIES: tuple[str, ...] = get_args(Personality)
_HANDLINGS = {handling.name.lower().replace("_", "-"): handling for handling in CreditControlFailureHandling}


def pgw_command(
    ocs: OcsOption,
    alternate: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Another OCS, for when the first is away (failover).")
    ] = None,
    first_imsi: ImsiOption = "001010000000001",
    apns: Annotated[
        list[str] | None, typer.Option("--apn", help="An APN of each car, a session of its own; may come again.")
    ] = None,
    rating_groups: Annotated[
        list[int] | None,
        typer.Option("--rg", min=0, max=2**32 - 1, help="Rating group: one for each --apn, or several for one."),
    ] = None,
    vehicles: Annotated[int, typer.Option(min=1, max=10_000, help="Cars, each with one SIM.")] = 1,
    rate: Annotated[str, typer.Option(metavar="VOLUME", help="Octets a second in each rating group.")] = "1MB",
    octets: Annotated[
        str | None, typer.Option(metavar="VOLUME", help="Stop after so many octets in each rating group.")
    ] = None,
    lasting: ForOption = "30s",
    retry: Annotated[
        str, typer.Option(metavar="TIME", help="After a refusal or a cut: until it is tried again.")
    ] = "5s",
    tx: Annotated[str, typer.Option(metavar="TIME", help="Tx: how long to wait for an answer.")] = "10s",
    ccfh: Annotated[
        str, typer.Option(metavar="|".join(_HANDLINGS), help="Failure handling until the OCS states one.")
    ] = "terminate",
    personality: Annotated[
        str, typer.Option(metavar="|".join(_PERSONALITIES), help="Whose habits the gateway has.")
    ] = "standard",
    host: HostOption = "pgw.example",
    realm: RealmOption = "example",
    reconnect: ReconnectOption = "1s",
    watchdog: Annotated[
        str, typer.Option(metavar="TIME", help="Tw: silence after which the OCS is asked whether it is there.")
    ] = "30s",
    control: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="No cars: bearers are attached, used and detached by orders over HTTP, until Ctrl-C. Port 0: any.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run cars on a gateway."""
    mistakes = Mistakes()
    where = mistakes.read("--ocs", ocs, ocs_address, ("", 0))
    second = None if alternate is None else mistakes.read("--alternate", alternate, ocs_address, ("", 0))
    mistakes.read("--imsi", first_imsi, imsi, "")
    speed = mistakes.read("--rate", rate, some(volume), 1)
    amount = None if octets is None else mistakes.read("--octets", octets, volume, 0)
    seconds = mistakes.read("--for", lasting, some(duration), 1)
    retry_seconds = mistakes.read("--retry", retry, some(duration), 1)
    tx_seconds = mistakes.read("--tx", tx, some(duration), 1)
    reconnect_seconds = mistakes.read("--reconnect", reconnect, some(duration), 1)
    if ccfh not in _HANDLINGS:
        mistakes.add("--ccfh", f"expected {', '.join(_HANDLINGS)}", ccfh)
    if personality not in _PERSONALITIES:
        mistakes.add("--personality", f"expected {', '.join(_PERSONALITIES)}", personality)
    watchdog_seconds = mistakes.read("--watchdog", watchdog, some(duration), 1)
    door_at = None if control is None else mistakes.read("--control", control, address, Address("", 0))
    connections = _connections(apns, rating_groups, mistakes)
    mistakes.check()
    started = int(time.time())
    settings = Settings(
        origin_host=host,
        origin_realm=realm,
        destination_realm=realm,
        origin_state_id=started,
        tx_seconds=tx_seconds,
        failure_handling=_HANDLINGS[ccfh],
        retry_seconds=retry_seconds,
        personality=cast(Personality, personality),
    )
    console = Console(quiet=as_json, highlight=False, soft_wrap=True)
    teller = Teller(_sayer(console))

    async def run() -> Tally:
        timers = Timers(
            capabilities=min(Timers().capabilities, tx_seconds * SECOND),
            watchdog=watchdog_seconds * SECOND,
            reconnect=reconnect_seconds * SECOND,
        )
        gateway = Gateway(settings, where, teller, microseconds_utc, timers, second)
        await gateway.open()
        console.print(f"connected to {ocs}", markup=False)
        if door_at is not None:
            return await obey(
                gateway, door_at, started * 1000, lambda at: console.print(f"orders on {at}", markup=False)
            )
        devices = [
            Device(
                gateway,
                f"car-{car + 1}",
                Bearer(imsi=numbered_imsi(first_imsi, car), apn=apn, nsapi=5 + place, charging_id=car * 16 + place + 1),
                [Traffic(group, speed, amount) for group in groups],
                started * 1000,
                retry_seconds,
            )
            for car in range(vehicles)
            for place, (apn, groups) in enumerate(connections.items())
        ]
        return await drive(gateway, devices, seconds)

    try:
        tally = asyncio.run(run())
    except DoorError as error:
        raise refused(f"--control {control}: {error}") from None
    except OSError as error:
        raise nobody_there(ocs, error) from None
    if as_json:
        typer.echo(json.dumps(_as_data(tally, teller), indent=2))
    else:
        _tell(console, tally, teller)
    raise typer.Exit(1 if tally.unreported or not tally.sessions else 0)


async def drive(gateway: Gateway, devices: list[Device], seconds: int) -> Tally:
    """Let the devices work for so long, or until Ctrl-C, and tell what became of their octets."""

    def stop() -> None:
        for device in devices:
            device.stop()

    on_interrupt(stop)
    until = gateway.clock() + seconds * SECOND
    await asyncio.gather(*(device.run(until) for device in devices))
    await gateway.close()
    tally = Tally()
    for device in devices:
        tally.add(device.tally)
    return tally


class DoorError(Exception):
    """Nobody can listen where orders are to be taken; says why."""


async def obey(gateway: Gateway, at: Address, first_number: int, opened: Callable[[str], None]) -> Tally:
    """Carry out orders until Ctrl-C, and tell what became of the octets. `opened` hears where orders are taken."""
    door = Door(gateway, first_number)
    over = asyncio.Event()
    on_interrupt(over.set)
    try:
        try:
            server = await door.listen(at.host, at.port)
        except OSError as error:
            raise DoorError(error.strerror or str(error)) from None
        host, port = server.sockets[0].getsockname()[:2]
        opened(f"http://{Address(host, port)}")
        await over.wait()
        server.close()
        await door.close()
    finally:
        await gateway.close()
    return door.tally


def _connections(apns: list[str] | None, rating_groups: list[int] | None, mistakes: Mistakes) -> dict[str, list[int]]:
    """The rating groups of each APN."""
    if apns is None and rating_groups is None:
        return {FLEET[0]: [FLEET[1]], WIFI[0]: [WIFI[1]]}
    groups = rating_groups or []
    names = apns or []
    if len(set(names)) < len(names):
        mistakes.add("--apn", "expected every APN once", " ".join(names))
    if not groups or not names:
        mistakes.add("--apn", "expected with --rg, and --rg with --apn", " ".join(names))
        return {}
    if len(names) == 1:
        return {names[0]: groups}
    if len(names) != len(groups):
        mistakes.add("--rg", f"expected one for each of the {len(names)} APNs, in their order", groups)
        return {}
    return {name: [group] for name, group in zip(names, groups, strict=True)}


def _sayer(console: Console) -> Callable[[str, str], None]:
    begun = time.monotonic()

    def say(session_id: str, words: str) -> None:
        _, *names = session_id.split(";")
        console.print(f"{time.monotonic() - begun:9.3f} s  {' '.join(names[:2]):<20} {words}", markup=False)

    return say


def _as_data(tally: Tally, teller: Teller) -> dict[str, Any]:
    return {
        "sessions": tally.sessions,
        "requests": dict(teller.requests),
        "unanswered": teller.unanswered,
        "pushes": teller.pushes,
        "result_codes": {str(code): count for code, count in sorted(teller.codes.items())},
        "rating_groups": {
            str(group): {
                "moved_octets": tally.moved[group],
                "reported_octets": tally.reported[group],
                "unreported_octets": {
                    cause: octets for (other, cause), octets in sorted(tally.unreported.items()) if other == group
                },
                "result_codes": _codes_of(group, teller),
            }
            for group in sorted({*tally.moved, *tally.reported})
        },
    }


def _codes_of(group: int, teller: Teller) -> dict[str, int]:
    return {str(code): count for (other, code), count in sorted(_known(teller)) if other == group}


def _known(teller: Teller) -> list[tuple[tuple[int, int], int]]:
    return [((group, code), count) for (group, code), count in teller.service_codes.items() if group is not None]


def _tell(console: Console, tally: Tally, teller: Teller) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("rating group", "octets moved", "reported", "unreported, by cause", "Result-Codes"):
        table.add_column(name, justify="right" if "octets" in name or name == "reported" else "left", overflow="fold")
    data = _as_data(tally, teller)
    for group, row in data["rating_groups"].items():
        table.add_row(
            group,
            f"{row['moved_octets']:,}",
            f"{row['reported_octets']:,}",
            ", ".join(f"{cause} {octets:,}" for cause, octets in row["unreported_octets"].items()) or "0",
            ", ".join(f"{count:,} x {code}" for code, count in row["result_codes"].items()),
        )
    console.print()
    console.print(table)
    console.print()
    requests = ", ".join(f"{count:,} CCR-{letter}" for letter, count in teller.requests.items())
    codes = ", ".join(f"{count:,} x {code_in_words(code)}" for code, count in sorted(teller.codes.items()))
    console.print(f"{tally.sessions:,} sessions; {requests}; answers: {codes or 'none'}; {teller.pushes:,} pushes")
