"""`splitsim serve`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ocs import logs, overview
from ocs.address import Store
from ocs.commands.configuration import ServeOptions, option, options, template
from ocs.commands.options import bad, table
from ocs.files import FileError
from ocs.gy.node import Identity
from ocs.gy.tls import server_context
from ocs.inventory.provisioning import Provisioning, load_provisioning
from ocs.serving import ServeError, Settings, Started, serve

DEMO: Final = Path(__file__).parents[1] / "demo.yaml"


def _print_template(asked: bool) -> None:
    if asked:
        typer.echo(template(), nl=False)
        raise typer.Exit


def serve_command(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with these options (YAML); the command line wins over it."),
    ] = None,
    _: Annotated[
        bool,
        typer.Option(
            "--template", is_eager=True, callback=_print_template, help="Print such a file, with every default."
        ),
    ] = False,
    provision: Annotated[str | None, option("provision", "FILE")] = None,
    db: Annotated[str | None, option("db", "URL")] = None,
    gy: Annotated[str | None, option("gy", "HOST:PORT")] = None,
    control: Annotated[str | None, option("control", "PATH")] = None,
    http: Annotated[str | None, option("http", "HOST:PORT")] = None,
    origin_host: Annotated[str | None, option("origin_host")] = None,
    origin_realm: Annotated[str | None, option("origin_realm")] = None,
    known_peers: Annotated[bool | None, option("known_peers")] = None,
    tls_cert: Annotated[str | None, option("tls_cert", "FILE")] = None,
    tls_key: Annotated[str | None, option("tls_key", "FILE")] = None,
    tls_clients: Annotated[str | None, option("tls_clients", "FILE")] = None,
    standby: Annotated[bool | None, option("standby")] = None,
    log: Annotated[str | None, option("log", "FORM")] = None,
    log_level: Annotated[str | None, option("log_level", "LEVEL")] = None,
) -> None:
    """A running OCS."""
    given = {name: value for name, value in locals().items() if name in ServeOptions.model_fields}
    mistakes: list[str] = []
    wanted = options(config, given, mistakes)
    provisioning, tls = Provisioning(), None
    try:
        provisioning = load_provisioning(wanted.provision or DEMO)
    except FileError as error:
        mistakes += map(str, error.mistakes)
    try:
        tls = _tls(wanted.tls_cert, wanted.tls_key, wanted.tls_clients)
    except ValueError as error:
        mistakes.append(str(error))
    if wanted.standby and wanted.db is None and not mistakes:
        mistakes.append("--standby: needs --db: the store to wait for")
    if mistakes:
        raise bad(*mistakes)
    logs.set_up(wanted.log, wanted.log_level)
    settings = Settings(
        provisioning=provisioning,
        gy=wanted.gy,
        store=wanted.db,
        control=wanted.control,
        identity=Identity(host=wanted.origin_host, realm=wanted.origin_realm),
        known_peers=wanted.known_peers,
        tls=tls,
        standby=wanted.standby,
        http=wanted.http,
    )

    def started(at: Started) -> None:
        _tell(at, wanted.db, demo=wanted.provision is None)

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


def _tell(at: Started, store: Store | None, *, demo: bool) -> None:
    where, path, http, engine = at
    console = Console(highlight=False, soft_wrap=True)
    state = engine.state
    console.print(f"Gy on {where} as {state.origin_host} (realm {state.origin_realm})", markup=False)
    if store is None:
        console.print("store: memory only; everything is gone when this ends (--db keeps it)")
    else:
        console.print(f"store: {f'sqlite:///{store}' if isinstance(store, Path) else store}", markup=False)
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
