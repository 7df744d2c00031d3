"""`splitsim serve`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ocs import overview
from ocs.address import Address, Database, address
from ocs.address import store as store_at
from ocs.commands.options import ControlPath, Db, bad, table
from ocs.files import FileError
from ocs.gy.node import Identity
from ocs.gy.tls import server_context
from ocs.inventory.provisioning import Provisioning, load_provisioning
from ocs.serving import ServeError, Settings, Started, serve

DEMO: Final = Path(__file__).parents[1] / "demo.yaml"


class LogLevel(Enum):
    """How much `serve` tells on standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve_command(
    provision: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Accounts, plans, profiles, SIMs; a demo catalogue if not given."),
    ] = None,
    db: Db = None,
    gy: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where Gy clients connect; port 0: any.")
    ] = "127.0.0.1:3868",
    control_path: ControlPath = None,
    origin_host: Annotated[str, typer.Option(help="Our DiameterIdentity.")] = "ocs.example",
    origin_realm: Annotated[str, typer.Option(help="Our realm.")] = "example",
    known_peers: Annotated[
        bool, typer.Option("--known-peers", help="Only the provisioned peers may connect; others get 3010.")
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Our certificate chain (PEM): Gy over TLS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM).")] = None,
    tls_clients: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Authorities (PEM) by which peers have to be certified.")
    ] = None,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait until no other process owns the store, then take over.")
    ] = False,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where /metrics, /health and /ready are asked for over HTTP."),
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="How much is told on standard error.")] = LogLevel.WARNING,
) -> None:
    """A running OCS."""
    mistakes: list[str] = []
    provisioning, gy_address, store = Provisioning(), Address("", 0), None
    try:
        provisioning = load_provisioning(provision or DEMO)
    except FileError as error:
        mistakes += map(str, error.mistakes)
    try:
        gy_address = address(gy)
    except ValueError as error:
        mistakes.append(f"--gy: {error}")
    http_address: Address | None = None
    try:
        http_address = address(http) if http is not None else None
    except ValueError as error:
        mistakes.append(f"--http: {error}")
    try:
        store = store_at(db) if db is not None else None
    except ValueError as error:
        mistakes.append(f"--db: {error}")
    try:
        tls = _tls(tls_cert, tls_key, tls_clients)
    except ValueError as error:
        mistakes.append(str(error))
    if standby and db is None:
        mistakes.append("--standby: needs --db: the store to wait for")
    if mistakes:
        raise bad(*mistakes)
    logging.basicConfig(
        level=log_level.value.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    identity = Identity(host=origin_host, realm=origin_realm)
    settings = Settings(
        provisioning, gy_address, store, control_path, identity, known_peers, tls, standby, http_address
    )

    shown = str(store) if isinstance(store, Database) else db

    def started(at: Started) -> None:
        _tell(at, shown, demo=provision is None)

    try:
        asyncio.run(serve(settings, started))
    except ServeError as error:
        raise bad(*error.reasons) from None


def _tls(certificate: Path | None, key: Path | None, clients: Path | None) -> ssl.SSLContext | None:
    """ValueError says which options or files do not go together."""
    if certificate is None or key is None:
        if certificate or key or clients:
            raise ValueError("--tls-cert and --tls-key go together, and --tls-clients needs both")
        return None
    try:
        return server_context(certificate, key, clients)
    except OSError as error:
        raise ValueError(f"--tls-cert, --tls-key, --tls-clients: {error}") from None


def _tell(at: Started, db: str | None, *, demo: bool) -> None:
    where, path, http, engine = at
    console = Console(highlight=False, soft_wrap=True)
    state = engine.state
    console.print(f"Gy on {where} as {state.origin_host} (realm {state.origin_realm})", markup=False)
    console.print(f"store: {db}" if db else "store: memory only; everything is gone when this ends (--db keeps it)")
    console.print(f"control socket: {path}", markup=False)
    if http is not None:
        console.print(f"metrics on http://{http}/metrics (also /health and /ready)", markup=False)
    own = {imsi for imsi, sim in state.inventory.by_imsi.items() if not sim.has_profile}
    rows = [row for row in overview.sims(state) if row.split != "sim" or row.imsi in own]
    shown = rows[:20]
    console.print(table(shown, ("imsi", "apn", "rating_groups", "split", "payer", "plan")))
    if len(rows) > len(shown):
        console.print(f"... and {len(rows) - len(shown):,} more: splitsim sims --control {path}", markup=False)
    if demo:
        console.print("try, in another terminal:")
        console.print(
            f"  splitsim pgw --ocs {where} --imsi 001010000000003 --apn car.acme --rg 100 --rg 200", markup=False
        )
        console.print(f"  splitsim topup 001010000000003 1gb --split wifi --control {path}", markup=False)
        console.print(f"  splitsim usage --control {path}", markup=False)
        console.print(
            f"  splitsim conformance doctor --ocs {where} --imsi 001010000000001 --apn internet", markup=False
        )
    console.print("ready")
    with contextlib.suppress(OSError):
        console.file.flush()
