"""What is read from a running OCS, or from its store: SIMs, credit, and why a session got its answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, cast

import msgspec
import typer

from ocs import control, overview
from ocs.charging.engine import Engine
from ocs.commands.bills import explain_line
from ocs.commands.options import AsJson, ControlPath, Db, asked, bad, paper, store_of, table
from ocs.explain import Explained, explain
from ocs.gy.pcap import write_pcap
from ocs.inventory.history import Change
from ocs.inventory.register import Register
from ocs.rating.cycle import cycle_named, cycle_of
from ocs.records.edr import Edr
from ocs.records.text import to_csv
from ocs.store.journal import StoreError
from ocs.store.recovery import fold_rows
from ocs.store.rows import Row
from ocs.units import instant, iso

_MOST: Final = 200
"""Rows of a table; nobody reads more of them, and drawing a hundred thousand takes minutes."""
OneSim = Annotated[str | None, typer.Option("--imsi", metavar="IMSI", help="One SIM; all if not given.")]


def sims(db: Db = None, control_path: ControlPath = None, as_json: AsJson = False, imsi: OneSim = None) -> None:
    """Subscriptions."""
    columns = ("imsi", "account", "sim_state", "profile", "split", "party", "payer", "apn", "rating_groups", "plan")
    _show(_view("sims", db, control_path, imsi), as_json, (*columns, "status", "mpc_imsi", "open_sessions"))


def usage(
    db: Db = None,
    control_path: ControlPath = None,
    as_json: AsJson = False,
    imsi: OneSim = None,
    cycle: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Octets used in this billing cycle; the current if not given.")
    ] = None,
) -> None:
    """Show credit and, with --db, what was used in the billing cycle: not rated yet, as EDRs have it."""
    rows = _view("usage", db, control_path, imsi)
    columns = [name for name in overview.UsageRow.__struct_fields__ if name != "subscription_id"]
    if db is not None:
        used = _used(db, cycle)
        rows = [{**row, "used": used.get(row["subscription_id"], 0)} for row in rows]
        columns.insert(columns.index("reserved"), "used")
    elif cycle is not None:
        raise bad("--cycle: expected --db as well, the store whose EDRs tell what was used")
    _show(rows, as_json, columns)


def history(
    db: Annotated[
        str, typer.Option(metavar="URL", help="The store: sqlite:///FILE or postgresql://USER@HOST/DATABASE.")
    ],
    imsi: Annotated[str | None, typer.Argument(metavar="[IMSI]", help="One SIM; all if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how SIMs and subscriptions came to be what they are: who changed what, when and why."""
    from ocs.store.reading import changes_as_written  # takes longer to import than most commands take to run

    try:
        found = [change for change in changes_as_written(store_of(db)) if imsi in (None, change.imsi)]
    except StoreError as error:
        raise bad(f"--db {error}") from None
    rows = [{**msgspec.structs.asdict(change), "at": iso(change.at), "subject": _subject(change)} for change in found]
    columns = ("at", "subject", "status", "account_id", "profile_id", "plan_id", "by", "reason", "request_id")
    _show([{**row, "at": row["at"] if as_json else row["at"][:19]} for row in rows], as_json, columns)


def _subject(change: Change) -> str:
    return change.subscription_id or f"SIM {change.imsi}"


def _used(db: str, name: str | None) -> dict[str, int]:
    from ocs.store.reading import octets_used, provisionings  # takes longer to import than most commands take to run

    store = store_of(db)
    try:
        operator = Register.of(provisionings(store)).operator
        if name is None:
            name = cycle_of(instant(datetime.now(UTC)), operator.time_zone, operator.cycle_day).id
        return octets_used(store, cycle_named(name, operator.time_zone, operator.cycle_day).id)
    except StoreError as error:
        raise bad(f"--db {error}") from None
    except ValueError as error:
        raise bad(f"--cycle: {error}") from None


def edrs(
    db: Annotated[
        str, typer.Option(metavar="URL", help="The store: sqlite:///FILE or postgresql://USER@HOST/DATABASE.")
    ],
    imsi: Annotated[str | None, typer.Option(help="Only those of one physical SIM.")] = None,
    session: Annotated[str | None, typer.Option(metavar="SESSION", help="Only those of one Session-Id.")] = None,
) -> None:
    """Print EDRs as CSV. Those of a running OCS are there about a second after its answers."""
    from ocs.store.reading import read_edrs  # takes longer to import than most commands take to run

    try:
        found = read_edrs(store_of(db))
    except StoreError as error:
        raise bad(f"--db {error}") from None
    chosen = (
        edr
        for edr in found
        if (imsi is None or edr.physical_imsi == imsi) and (session is None or edr.session_id == session)
    )
    to_csv(sys.stdout, Edr, chosen)


def _view(view: str, db: str | None, path: Path | None, imsi: str | None) -> list[dict[str, Any]]:
    """A view of a running OCS through its control socket, or of a store that none is running on."""
    if path is None and db is not None and not control.listens(control.beside(store_of(db))):
        engine = Engine("ocs", "ocs")
        fold_rows(engine, _rows(db))
        found = msgspec.to_builtins(list(getattr(overview, view)(engine.state, imsi)))
    else:
        found = asked(db, path, view, {"imsi": imsi})
        if isinstance(found, dict):
            raise bad(found["error"])
    rows = cast(list[dict[str, Any]], found)
    if imsi is not None and not rows:
        raise bad(f"no SIM {imsi}")
    return rows


def _show(rows: list[dict[str, Any]], as_json: bool, columns: Sequence[str]) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        paper().print(table(rows[:_MOST], columns))
        if len(rows) > _MOST:
            typer.echo(f"{len(rows) - _MOST:,} more; one SIM by its IMSI, all with --json")


def explain_command(
    session_id: Annotated[
        str, typer.Argument(metavar="SESSION", help="A Session-Id; or `invoice-line`, for a line of a document.")
    ],
    what: Annotated[
        str | None,
        typer.Argument(metavar="[NUMBER]", help="One CC-Request-Number, all if not given; or the id of the line."),
    ] = None,
    db: Db = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With `invoice-line`: where the bills of all cycles are.")
    ] = None,
    as_json: AsJson = False,
    pcap: Annotated[Path | None, typer.Option(help="Write the session as a capture file for Wireshark too.")] = None,
) -> None:
    """Explain a session."""
    if db is None:
        raise bad("expected --db URL: the journal that the session is in")
    if session_id == "invoice-line":
        if what is None or out is None:
            raise bad(
                "expected `invoice-line ID --out DIR`: the line, such as INV-2026-04-00001-2, and where the bills are"
            )
        explain_line(what, db, out)
        return
    if what is not None and not what.isdigit():
        raise bad(f"NUMBER: expected a CC-Request-Number (got {what!r})")
    number = int(what) if what is not None else None
    found = explain(_rows(db), session_id)
    if number is not None:
        found = [item for item in found if item.request_number == number]
    if not found:
        what = f"no session {session_id!r}" if number is None else f"no request {number} of session {session_id!r}"
        raise bad(f"{what} in {db}")
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
        paper().print(table(rows, columns))


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
        raise bad(f"--pcap {path}: {error.strerror or error}") from None


def _rows(db: str) -> list[tuple[int, Row]]:
    from ocs.store.reading import read_rows  # takes longer to import than most commands take to run

    try:
        return read_rows(store_of(db))
    except StoreError as error:
        raise bad(f"--db {error}") from None
