"""The operator's commands: `serve`, and what is said to a served OCS or read from its store.

Exit status 0; 1 the OCS refused; 2 bad input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import uuid
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from ocs import control, overview
from ocs.address import Address, address, store_path
from ocs.charging.engine import Engine
from ocs.explain import Explained, explain
from ocs.files import FileError
from ocs.gy.node import Identity
from ocs.gy.pcap import write_pcap
from ocs.gy.tls import server_context
from ocs.inventory.provisioning import Provisioning, load_provisioning
from ocs.serving import ServeError, Settings, serve
from ocs.store.journal import StoreError
from ocs.store.recovery import fold_rows
from ocs.store.rows import Row

DEMO: Final = Path(__file__).parent / "demo.yaml"
_WHOLE: Final = frozenset({"imsi", "number", "type", "at", "answer"})
"""Columns that are not broken over lines."""
_errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


class LogLevel(Enum):
    """How much `serve` tells on standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Db = Annotated[str | None, typer.Option(metavar="URL", help="The store, as sqlite:///FILE.")]
ControlPath = Annotated[
    Path | None,
    typer.Option("--control", metavar="PATH", help="Control socket of the running OCS; beside the store if --db."),
]
RequestId = Annotated[
    str | None, typer.Option(help="Said again, the same id changes nothing; made up and printed when not given.")
]
By = Annotated[str, typer.Option(help="Who wants it; kept in the history.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def add_commands(app: typer.Typer) -> None:
    """Put the operator's commands into the front door."""
    app.command("serve", help="A running OCS on Gy, for real clients.")(serve_command)
    app.command("topup", help="Sell a bundle to the driver of a SIM.")(top_up)
    for name, status, what in (
        ("suspend", "suspended", "Suspend a SIM, or one split of it."),
        ("resume", "active", "Resume a SIM, or one split of it."),
        ("terminate", "terminated", "End a SIM, or one split of it, for good."),
    ):
        app.command(name, help=what)(_status_command(status))
    app.command("provision", help="Add accounts, plans, profiles and SIMs to a running OCS.")(provision)
    app.command("shutdown", help="End a running OCS in order.")(shutdown)
    app.command("sims", help="SIMs and their subscriptions.")(sims)
    app.command("usage", help="What is left of every subscription's credit.")(usage)
    app.command("explain", help="Why a session got its answers: split, plan, bucket and rule.")(explain_command)


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
    try:
        store = store_path(db) if db is not None else None
    except ValueError as error:
        mistakes.append(f"--db: {error}")
    try:
        tls = _tls(tls_cert, tls_key, tls_clients)
    except ValueError as error:
        mistakes.append(str(error))
    if mistakes:
        raise _bad(*mistakes)
    logging.basicConfig(
        level=log_level.value.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    identity = Identity(host=origin_host, realm=origin_realm)
    settings = Settings(provisioning, gy_address, store, control_path, identity, known_peers, tls)

    def started(where: Address, path: Path, engine: Engine) -> None:
        _tell(where, path, engine, db, demo=provision is None)

    try:
        asyncio.run(serve(settings, started))
    except ServeError as error:
        raise _bad(*error.reasons) from None
    except StoreError as error:
        raise _bad(f"--db {error}") from None


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


def _tell(where: Address, path: Path, engine: Engine, db: str | None, *, demo: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    state = engine.state
    console.print(f"Gy on {where} as {state.origin_host} (realm {state.origin_realm})", markup=False)
    console.print(f"store: {db}" if db else "store: memory only; everything is gone when this ends (--db keeps it)")
    console.print(f"control socket: {path}", markup=False)
    own = {imsi for imsi, sim in state.inventory.by_imsi.items() if not sim.has_profile}
    rows = [row for row in overview.sims(state) if row.split != "sim" or row.imsi in own]
    shown = rows[:20]
    console.print(_table(shown, ("imsi", "apn", "rating_groups", "split", "payer", "plan")))
    if len(rows) > len(shown):
        console.print(f"... and {len(rows) - len(shown):,} more: splitsim sims --control {path}", markup=False)
    if demo:
        console.print("try, in another terminal:")
        console.print(f"  splitsim pgw --ocs {where} --imsi 001010000000003 --apn car.acme --rg 100 --rg 200", markup=False)
        console.print(f"  splitsim topup 001010000000003 1gb --split wifi --control {path}", markup=False)
        console.print(f"  splitsim usage --control {path}", markup=False)
        console.print(
            f"  splitsim conformance doctor --ocs {where} --imsi 001010000000001 --apn internet", markup=False
        )
    console.print("ready")
    with contextlib.suppress(OSError):
        console.file.flush()


# --- commands to a running OCS ----------------------------------------------------------------------------------------


def top_up(
    imsi: str,
    bundle: Annotated[str, typer.Argument(help="A bundle that the split's plan sells.")],
    split: Annotated[str, typer.Option(help="The B2C split.")] = "wifi",
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Sell a bundle."""
    body = {"imsi": imsi, "split_id": split, "bundle_id": bundle, "by": by, "reason": reason}
    _order("TopUp", body, db, control_path, request_id)


def _status_command(status: str) -> Any:
    def command(
        imsi: str,
        split: Annotated[str | None, typer.Option(help="One split; the SIM as a whole if not given.")] = None,
        reason: Reason = "by the operator",
        db: Db = None,
        control_path: ControlPath = None,
        request_id: RequestId = None,
        by: By = "",
    ) -> None:
        body = {"imsi": imsi, "split_id": split, "status": status, "reason": reason, "by": by}
        _order("SetStatus", body, db, control_path, request_id)

    return command


def provision(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Provision a file."""
    try:
        content = json.loads(load_provisioning(file).model_dump_json())
    except FileError as error:
        raise _bad(*map(str, error.mistakes)) from None
    _order("Provision", {"provisioning": content, "by": by, "reason": reason}, db, control_path, request_id)


def shutdown(db: Db = None, control_path: ControlPath = None) -> None:
    """End the OCS."""
    typer.echo(_asked(_socket(db, control_path), "shutdown")["reference"])


def _order(do: str, body: dict[str, Any], db: str | None, path: Path | None, request_id: str | None) -> None:
    """Send one command, and print what it made; exit status 1 if it was refused."""
    request_id = request_id or str(uuid.uuid4())
    receipt = _asked(_socket(db, path), do, {**body, "request_id": request_id})
    if receipt["error"]:
        _errors.print(receipt["error"])
        raise typer.Exit(1)
    typer.echo(f"{receipt['reference']} (request id {request_id})")


def _socket(db: str | None, path: Path | None) -> Path:
    if path is not None:
        return path
    if db is None:
        raise _bad("expected --control PATH or --db URL: which OCS?")
    store = _store(db)
    return store.with_name(f"{store.name}.control")


def _asked(path: Path, do: str, body: dict[str, Any] | None = None) -> Any:
    try:
        return control.ask(path, do, body)
    except control.ControlError as error:
        raise _bad(str(error)) from None


# --- reading ----------------------------------------------------------------------------------------------------------


def sims(db: Db = None, control_path: ControlPath = None, as_json: AsJson = False) -> None:
    """Subscriptions."""
    _show("sims", db, control_path, as_json, overview.SimRow.__struct_fields__)


def usage(db: Db = None, control_path: ControlPath = None, as_json: AsJson = False) -> None:
    """Credit."""
    _show("usage", db, control_path, as_json, overview.UsageRow.__struct_fields__)


def _show(view: str, db: str | None, path: Path | None, as_json: bool, columns: Sequence[str]) -> None:
    """A view of a running OCS through its control socket, or of a store, whoever owns it."""
    if db is not None:
        engine = Engine("ocs", "ocs")
        fold_rows(engine, _rows(db))
        rows = msgspec.to_builtins(list(getattr(overview, view)(engine.state)))
    else:
        rows = _asked(_socket(db, path), view)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        Console(highlight=False).print(_table(rows, columns))


def explain_command(
    session_id: Annotated[str, typer.Argument(metavar="SESSION", help="A Session-Id.")],
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="One CC-Request-Number; all if not given.")
    ] = None,
    db: Db = None,
    as_json: AsJson = False,
    pcap: Annotated[Path | None, typer.Option(help="Write the session as a capture file for Wireshark too.")] = None,
) -> None:
    """Explain a session."""
    if db is None:
        raise _bad("expected --db URL: the journal that the session is in")
    found = explain(_rows(db), session_id)
    if number is not None:
        found = [item for item in found if item.request_number == number]
    if not found:
        what = f"no session {session_id!r}" if number is None else f"no request {number} of session {session_id!r}"
        raise _bad(f"{what} in {db}")
    if pcap is not None:
        _write_pcap(pcap, _rows(db), {item.sequence for item in found})
    if as_json:
        typer.echo(json.dumps([_plain(item) for item in found], indent=2))
    else:
        rows = [
            {"number": item.request_number, "type": item.request_type, "at": item.at[:19], "answer": item.result_code}
            | {name: getattr(decision, name) for name in decision.__struct_fields__}
            for item in found
            for decision in item.decisions
        ]
        columns = (
            "number",
            "type",
            "at",
            "answer",
            "rating_group",
            "split_id",
            "plan_id",
            "bucket_id",
            "result_code",
            "rule",
        )
        Console(highlight=False).print(_table(rows, columns))


def _plain(item: Explained) -> dict[str, Any]:
    return {**msgspec.to_builtins(item), "request": item.request.hex(), "answer": item.answer.hex()}


def _write_pcap(path: Path, rows: list[tuple[int, Row]], wanted: set[int]) -> None:
    messages = [
        (row.now, from_client, octets)
        for sequence, row in rows
        if sequence in wanted
        for from_client, octets in ((True, row.request), (False, row.answer))
    ]
    try:
        write_pcap(path, messages)
    except OSError as error:
        raise _bad(f"--pcap {path}: {error.strerror or error}") from None


def _store(db: str) -> Path:
    try:
        return store_path(db)
    except ValueError as error:
        raise _bad(f"--db: {error}") from None


def _rows(db: str) -> list[tuple[int, Row]]:
    from ocs.store.reading import read_rows  # takes longer to import than most commands take to run

    try:
        return read_rows(_store(db))
    except StoreError as error:
        raise _bad(f"--db {error}") from None


def _table(rows: Sequence[Any], columns: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name.replace("_", " "), no_wrap=name in _WHOLE, overflow="fold")
    for row in rows:
        get = row.get if isinstance(row, dict) else lambda name, row=row: getattr(row, name)
        table.add_row(*("all" if name == "rating_groups" and not get(name) else _cell(get(name)) for name in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if value >= 10_000 else str(value)
    return "" if value is None else str(value)


def _bad(*lines: str) -> typer.Exit:
    for line in lines:
        _errors.print(line)
    return typer.Exit(2)
