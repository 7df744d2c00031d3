"""`splitsim serve` without its command line: store, engine, Gy server, control socket, from start to orderly end.

Two processes: this one, and where --http is wanted a web process (`ocs.web`) that this one starts and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ocs import logs, metrics
from ocs.address import Address, Store
from ocs.changeset import changed_sims
from ocs.charging.commands import Command, Outcome, Provision, Receipt
from ocs.charging.engine import Engine
from ocs.control import beside, listen
from ocs.gy.events import Event
from ocs.gy.messages import Ccr
from ocs.gy.node import Identity
from ocs.gy.server import GyServer
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.logs import tell
from ocs.service import Service, spare_the_collector
from ocs.store.checkpoint import Checkpoint
from ocs.store.journal import Journal, MemoryJournal, StoreError, StoreInUseError
from ocs.store.rows import Row, command_of
from ocs.store.stores import open_journal
from ocs.web import keeping as web

if TYPE_CHECKING:
    from ocs.store.following import Follower

_STANDBY_SECONDS: Final = 0.25
"""Between two looks of a standby at the store that it waits for."""


class ServeError(Exception):
    """The OCS cannot be started: one line for each reason."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class Settings:
    """What to serve. `store` None: in memory only."""

    provisioning: Provisioning
    gy: Address
    store: Store | None
    control: Path | None
    """None: beside the store, or `splitsim-PORT.control` in the folder for temporary files."""
    identity: Identity
    known_peers: bool = False
    """Only the peers of the provisioning may connect; others get 3010."""
    tls: ssl.SSLContext | None = None
    """Every connection begins with a TLS handshake (see `ocs.gy.tls`)."""
    standby: bool = False
    """Wait until nobody owns the store any more."""
    http: Address | None = None
    """Where the web process listens; None: there is none."""


class Started(NamedTuple):
    """Where a served OCS can be reached, and its engine."""

    gy: Address
    control: Path
    http: Address | None
    engine: Engine


def now() -> int:
    """Microseconds UTC."""
    return time.time_ns() // 1000


async def serve(settings: Settings, started: Callable[[Started], None]) -> None:
    """Serve until SIGTERM, SIGINT or `shutdown` on the control socket; `started` is told where it listens.

    Raises:
        ServeError: store, provisioning, addresses or control socket will not do.
    """
    gc.collect()  # what reading files has left: once the engine is there, it takes long
    reasons: list[str] = []
    journal: Journal = MemoryJournal()
    stopping = asyncio.Event()
    begun: tuple[Checkpoint, Row] | None = None
    try:
        if settings.store is not None:
            journal, begun = await _owned(settings, stopping)
    except StoreError as error:
        reasons.append(f"--db {error}")
    if stopping.is_set():
        return
    engine = Engine(settings.identity.host, settings.identity.realm)

    def tolerance(host: str) -> frozenset[int]:
        peer = service.engine.state.inventory.peer(host)
        return frozenset(peer.tolerate_vendors) if peer is not None else frozenset()

    def allows(host: str) -> bool:
        return not settings.known_peers or service.engine.state.inventory.peer(host) is not None

    counted = metrics.Metrics(now)
    teller = logs.Teller(lambda: service.engine.state)
    serving: asyncio.Task[None] | None = None

    def on_outcome(command: Command, at: int, outcome: Outcome) -> None:
        counted.count(command, at, outcome)
        if serving is not None:  # whether what is done before that stands is not known yet
            teller.on_outcome(command, at, outcome)

    def on_refusal(ccr: Ccr, result: int) -> None:
        counted.refused(ccr, result)
        teller.refused(ccr, result)

    def observe(host: str | None, event: Event) -> None:
        counted.observe(host, event)
        teller.observe(host, event)

    server = GyServer(settings.identity, tolerance=tolerance, allows=allows, observe=observe)
    service = Service(
        engine, journal, server, now, on_outcome=on_outcome, on_refusal=on_refusal, on_trouble=_on_trouble
    )
    try:
        service.recover(begun)
        begun = None
        reasons += await _provision(service, journal, settings.provisioning)
    except StoreError as error:
        reasons.append(f"--db {error}")
    try:
        await server.start(*settings.gy, settings.tls)
    except OSError as error:
        reasons.append(f"--gy {settings.gy}: {error.strerror or error}")
    path = settings.control or (None if reasons else _control_path(settings.store, server.port))
    control: asyncio.Server | None = None
    if path is not None:
        try:
            control = await listen(path, service, stopping.set, lambda: counted.text(service, server))
        except OSError as error:
            reasons.append(f"--control {path}: {error.strerror or error}")
    http: socket.socket | None = None
    if settings.http is not None:
        try:
            http = web.opened(settings.http)
        except OSError as error:
            reasons.append(f"--http {settings.http}: {error.strerror or error}")
    keeping: asyncio.Task[None] | None = None
    if not reasons:
        assert path is not None
        _on_signals(stopping)
        spare_the_collector()
        serving = asyncio.create_task(service.run())
        if http is not None:
            keeping = asyncio.create_task(web.keep(http, path, _on_trouble))
        at_http = Address(*http.getsockname()[:2]) if http is not None else None
        started(Started(Address(settings.gy.host, server.port), path, at_http, service.engine))
        await _first(stopping, serving)
        tell(logging.INFO, "stopping")
    if keeping is not None:
        keeping.cancel()
    if control is not None and path is not None:
        control.close()
        path.unlink(missing_ok=True)
    if http is not None:
        http.close()
    await service.stop()
    if serving is not None:
        await serving
    if keeping is not None:
        await asyncio.wait({keeping})
    if reasons:
        raise ServeError(*reasons)


async def _owned(settings: Settings, stopping: asyncio.Event) -> tuple[Journal, tuple[Checkpoint, Row] | None]:
    """The journal of the store, and how far it has been folded while somebody else owned it.

    A standby waits until it has it or shall stop, also while a database is away.

    Raises:
        StoreError: there is nothing to wait for.
    """
    assert settings.store is not None
    following: Follower | None = None
    while not stopping.is_set():
        try:
            journal = open_journal(settings.store)
            if following is None:
                return journal, None
            tell(logging.INFO, "taking over", folded_rows=following.rows, rows=journal.last)
            return journal, following.come_to()
        except StoreError as error:
            if not settings.standby or not (following or isinstance(error, StoreInUseError)):
                raise
            if following is None:
                from ocs.store.following import Follower  # reading needs what takes long to import

                tell(logging.WARNING, "standing by", reason=error)
                _on_signals(stopping)
                following = Follower(settings.store, Engine(settings.identity.host, settings.identity.realm))
        before = following.rows
        more = following.follow()
        if following.rows > before:
            tell(logging.DEBUG, "folded along", rows=following.rows)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0 if more else _STANDBY_SECONDS)
    return MemoryJournal(), None


async def _provision(service: Service, journal: Journal, wanted: Provisioning) -> list[str]:
    """Take in what is new of `wanted`; what is there already has to be the same, or a higher version.

    Gives what speaks against it. Then nothing was taken in.
    """
    request_id = f"provision/{sha256(wanted.model_dump_json().encode()).hexdigest()[:16]}"
    if request_id in service.state.requests:
        return []  # as it was at the last start: a standby that takes over has no time to compare every SIM
    known: dict[str, Sim] = {}
    for _, row in journal.rows(Provision.__name__):
        command = command_of(row)
        assert isinstance(command, Provision)
        if msgspec.json.decode(row.answer, type=Receipt).error is None:
            known |= {sim.imsi: sim for sim in command.provisioning.sims}
    changed = [sim.imsi for sim in wanted.sims if known.get(sim.imsi, sim) != sim]
    if changed:  # it may have been made so by command meanwhile
        unlike = changed_sims(service.state, wanted)
        changed = [imsi for imsi in changed if imsi in unlike]
    if changed:
        how = "change it by command (`splitsim provision`, `plan`, `profile`), or leave it as it was"
        return [f"--provision: SIM {imsi} is there with other content: {how}" for imsi in changed]
    new = wanted.model_copy(update={"sims": tuple(sim for sim in wanted.sims if sim.imsi not in known)})
    receipt = await service.execute(Provision(new, request_id, by="serve"))
    assert receipt is not None
    return [f"--provision: {reason}" for reason in receipt.error.split("; ")] if receipt.error else []


async def _first(stopping: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait until somebody wants an end, or serving has come to one by a fault of ours."""
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


def _control_path(store: Store | None, port: int) -> Path:
    if store is not None:
        return beside(store)
    return Path(tempfile.gettempdir()) / f"splitsim-{port}.control"


def _on_signals(stopping: asyncio.Event) -> None:
    """The first signal ends in order, the second at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _on_trouble(text: str) -> None:
    tell(logging.ERROR, "trouble", text=text)
