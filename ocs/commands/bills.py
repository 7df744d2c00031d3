"""Bills from a store: close a cycle, reconcile it, explain a line, give something back.

`--out DIR` holds a folder for each cycle: documents, feed, rated records, reconciliation, and `run.json`, which says
what was known when the cycle was closed. Exit status 0; 1 a difference; 2 bad input.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, TypeVar

import msgspec
import typer

from ocs.billing.close import CycleClose, close_cycle, closes
from ocs.billing.credit import CreditOrder, credit_note, mistakes
from ocs.billing.crosscheck import Difference
from ocs.billing.documents import NUMBER_RANGES, Document, from_json
from ocs.billing.feed import read_rejects, rejected, write_feed
from ocs.billing.margin import Earnings, Margin
from ocs.billing.received import Received, heard, received
from ocs.billing.reconcile import joined, reconcile
from ocs.billing.reconciled import to_csv, write_reconciliation
from ocs.billing.runs import Extent, Run, Written, books_of, records_of, run_of, runs_in
from ocs.billing.tracing import behind, find_line
from ocs.billing.view import View
from ocs.billing.writing import write_rated
from ocs.commands.options import By, Reason, bad, each, errors, paper, store_of, table
from ocs.files import FileError
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle, cycle_named
from ocs.records.edr import Edr, Transfer
from ocs.store.journal import StoreError
from ocs.units import instant, iso

Db = Annotated[str, typer.Option(metavar="URL", help="The store: sqlite:///FILE or postgresql://USER@HOST/DATABASE.")]
CycleId = Annotated[str, typer.Option("--cycle", metavar="YYYY-MM", help="The billing cycle, by its first month.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where the bills of all cycles are.")]
T = TypeVar("T")


def bill(
    cycle_id: CycleId,
    db: Db,
    out: Out,
    pdf: Annotated[bool, typer.Option(help="Documents as PDF too.")] = False,
    early: Annotated[bool, typer.Option(help="Close a cycle that is not over; it stays closed.")] = False,
) -> None:
    """Close a billing cycle. A cycle that has been closed closes the same again: nothing changes."""
    _, (sold, changes), runs = each(lambda: _named(cycle_id), lambda: _sold(db), lambda: _runs(out))
    cycle = _cycle(cycle_id, sold)
    if not early and cycle_id not in runs and cycle.end > instant(datetime.now(UTC)):
        raise bad(
            f"cycle {cycle_id} ends {iso(cycle.end)[:19]}Z and is not over: expected --early to close it all the same"
        )
    folder = out / cycle_id
    with _closing(cycle, sold, changes, runs, db) as (run, register, ranges):
        found = _put(folder, lambda into: _write(into, run, ranges, partial(_credited, cycle, register, out), pdf))
    typer.echo(f"{found.documents} documents of {cycle_id} in {folder}")
    for alert in found.alerts:
        typer.echo(alert)
    if found.differences:
        for difference in found.differences:
            errors.print(str(difference))
        raise typer.Exit(1)


def reconcile_command(
    cycle_id: CycleId,
    db: Db,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the bills are, to see what is late.")] = None,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Write CSV and HTML there.")] = None,
) -> None:
    """Compare what Gy reported, EDRs, ledger and documents of a cycle: exit status 1 on any difference."""
    _, written, runs = each(
        lambda: _named(cycle_id), lambda: _written(db), lambda: _runs(out) if out is not None else {}
    )
    cycle = _cycle(cycle_id, written.sold)
    extent = written.extent
    run = runs.get(cycle_id) or Run(
        cycle_id=cycle_id, edrs=extent.edrs, transfers=extent.transfers, changes=extent.changes, sold=extent.sold
    )
    close = close_cycle(cycle, books_of(cycle, run, runs, written))
    usu = _usu(db, close, written)
    found = reconcile(close, usu=usu.by_service, usu_by_payer=usu.by_payer)
    if to is not None:
        write_reconciliation(to, found)
    names = (
        "account_id",
        "split",
        "plan_id",
        "usu",
        "edr",
        "in_bundle",
        "overage",
        "debited",
        "overrun",
        "unattributed",
    )
    paper().print(table(found.rows, (*names, "rounding_octets", "rounding_micros")))
    for difference in found.differences:
        errors.print(str(difference))
    if found.differences:
        raise typer.Exit(1)
    typer.echo(f"{cycle_id}: no difference")


def explain_line(
    line_id: Annotated[str, typer.Argument(metavar="LINE", help="Such as INV-2026-04-00001-2.")], db: Db, out: Out
) -> None:
    """Show a line of a document with the records behind it; `splitsim explain` shows their requests."""
    cycle_id = "-".join(line_id.split("-")[1:3])
    (sold, changes), runs = each(lambda: _sold(db), lambda: _runs(out))
    if cycle_id not in runs:
        raise bad(f"no line {line_id!r}: expected one of a cycle that has been closed in {out}")
    with _closing(_cycle(cycle_id, sold), sold, changes, runs, db) as (_, _, ranges):
        for close in ranges:
            found = find_line(close, line_id)
            if found is not None:
                document, line = found
                items = behind(close, document, line)
                break
        else:
            raise bad(f"no line {line_id!r} in {cycle_id}")
    typer.echo(f"{document.bill_no} to {document.customer.id}: {line.name}")
    price = f"{line.unit_price.value:f} {document.amount_due.unit}"
    typer.echo(
        f"{line.quantity:f} {line.unit} at {price}: {line.exact_amount.value:f}, on the document {line.amount:f}"
    )
    if line.description:
        typer.echo(line.description)
    requests = _requests(db, {item.session_id for item in items if item.session_id})
    rows = [
        {
            **msgspec.structs.asdict(item),
            "at": iso(item.at)[:19],
            "request": requests.get((item.session_id, item.cc_request_number), ""),
        }
        for item in items
    ]
    if rows:
        names = ("at", "imsi", "record_id", "request", "octets", "micros")
        paper().print(table(rows, names))
    if requests:
        typer.echo("why a request got its answer: splitsim explain SESSION NUMBER --db URL")


def _requests(db: str, sessions: set[str]) -> dict[tuple[str, int | None], str]:
    """The CCRs of some sessions in words, by Session-Id and CC-Request-Number."""
    from ocs.store.reading import exchanges

    if not sessions:
        return {}
    return {
        (ccr.session_id, ccr.cc_request_number): (
            f"{ccr.session_id} {ccr.cc_request_number}: {ccr.cc_request_type.name} "
            f"answered {cca.result_code if cca is not None else 'not'}, journal row {sequence}"
        )
        for sequence, _, ccr, cca in exchanges(store_of(db))
        if ccr.session_id in sessions
    }


def credit(
    bill_no: Annotated[str, typer.Argument(metavar="INVOICE", help="Such as INV-2026-04-00001.")],
    cycle_id: CycleId,
    out: Out,
    request_id: Annotated[str, typer.Option(help="The same again changes nothing.")],
    by: By,
    reason: Reason,
    line: Annotated[str | None, typer.Option(help="One line of it; all if not given.")] = None,
    amount: Annotated[str | None, typer.Option(help="Without VAT; all if not given.")] = None,
) -> None:
    """Order a credit note for an invoice: it goes out with the cycle that is closed next."""
    order = CreditOrder(request_id, bill_no, line, amount, by, reason)
    runs, ordered = each(lambda: _runs(out), lambda: _orders(out, cycle_id))
    if any(known.request_id == request_id for known in ordered):
        typer.echo(f"{request_id} is known: nothing changes")
        return
    closed = max(runs, default="")
    wrong = [f"cycle {closed} has been closed: expected a later one (got {cycle_id})"] if cycle_id <= closed else []
    wrong += mistakes(order, *_issued(out), ordered)
    each(lambda: _named(cycle_id), lambda: _sound(wrong))
    path = out / f"{cycle_id}.credits.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode([*ordered, order]), indent=2) + b"\n")
    typer.echo(f"ordered for {cycle_id}: {bill_no} {line or ''} {amount or ''}".rstrip())


def feed_again(
    cycle_id: CycleId,
    out: Out,
    rejects: Annotated[Path, typer.Argument(metavar="FILE", help="The reject file of the accounting system.")],
) -> None:
    """Feed the documents again that an accounting system has rejected, in a file with the next sequence number."""
    folder = out / cycle_id
    _, documents = each(lambda: _named(cycle_id), lambda: _issued_in(folder))
    try:
        found = read_rejects(rejects, documents)
    except FileError as error:
        raise bad(*map(str, error.mistakes)) from None
    for reject in found:
        typer.echo(f"{reject.number}: {reject.bill_no} {reject.line_id} {reject.code} {reject.text}")
    again = rejected(documents, found)
    sequence = 1 + len(list((folder / "feed").glob("feed-*.csv.done")))
    typer.echo(str(write_feed(folder / "feed", again, cycle_id, sequence)))


@contextmanager
def _closing(
    cycle: Cycle, sold: list[Provisioning], changes: list[Change], runs: dict[str, Run], db: str
) -> Iterator[tuple[Run, Register, Iterator[CycleClose]]]:
    """A cycle of a store to be closed, range after range of payers, from what its run knew."""
    with _view(db) as view:
        try:
            run = run_of(cycle.id, runs, Extent.of(view, len(changes), len(sold)))
        except ValueError as error:
            raise bad(str(error)) from None
        register = Register.of(sold[: run.sold])
        yield run, register, closes(cycle, register, changes[: run.changes], records_of(cycle, run, runs, view))


def _credited(cycle: Cycle, register: Register, out: Path) -> list[Document]:
    """The credit notes that were ordered for a cycle."""
    invoices, notes = _issued(out, before=cycle.id)
    documents = []
    for numbered, order in enumerate(_orders(out, cycle.id), 1):
        wrong = mistakes(order, invoices, notes)
        if wrong:
            raise bad(*(f"credit {order.request_id}: {what}" for what in wrong))
        invoice = invoices[order.bill_no]
        account, operator = register.accounts[invoice.customer.id], register.operator
        note = credit_note(order, numbered, cycle, operator, account, invoice, notes)
        notes.append(note)
        documents.append(note)
    return documents


@dataclass(frozen=True)
class _Found:
    """What closing a cycle has to tell."""

    documents: int
    alerts: list[str]
    differences: Sequence[Difference]


def _write(
    into: Path, run: Run, ranges: Iterable[CycleClose], credited: Callable[[], list[Document]], pdf: bool
) -> _Found:
    """All files of a cycle, one range of payers after another."""
    from ocs.billing.printing import write_documents  # who gives everybody a name needs no faker

    (into / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    count, alerts, parts, earnings = 0, [], [], Earnings()
    write_rated(into / "rated.csv", ())
    for close in ranges:
        count += len(write_documents(into / "documents", close.documents, pdf=pdf))
        alerts += [
            f"pool {settlement.pool_id} was used beyond its limit: {settlement.octets:,} octets"
            for settlement in close.settlements
            if settlement.alerts
        ]
        write_rated(into / "rated.csv", [close])
        earnings.add(close)
        parts.append(reconcile(close))
    notes = credited()
    write_documents(into / "documents", notes, pdf=pdf)
    write_feed(into / "feed", _documents(into), run.cycle_id, 1)
    (into / "margin.csv").write_text(to_csv(earnings.rows(), Margin.__struct_fields__), encoding="utf-8")
    found = joined(parts)
    write_reconciliation(into, found)
    return _Found(count + len(notes), alerts, found.differences)


def _put(folder: Path, write: Callable[[Path], T]) -> T:
    """Write a folder as a whole, or find that what is there already says the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        found = write(fresh)
        if not folder.exists():
            fresh.rename(folder)
            return found
        for path in sorted(item for item in fresh.rglob("*") if item.is_file()):
            there = folder / path.relative_to(fresh)
            if there.exists() and there.read_bytes() != path.read_bytes():
                raise bad(f"{there} is there with other content: the cycle was closed from other records")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, there)
        return found
    except ModuleNotFoundError as error:
        raise bad(f"{error.name} is not installed: bills need the extra report") from None
    except KeyError as error:
        raise bad(str(error)) from None
    except OSError as error:
        raise bad(f"{folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _orders(out: Path, cycle_id: str) -> list[CreditOrder]:
    path = out / f"{cycle_id}.credits.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[CreditOrder]) if path.exists() else []
    except msgspec.MsgspecError as error:
        raise bad(f"{path}: {error}") from None


def _issued(out: Path, before: str = "9999-99") -> tuple[dict[str, Document], list[Document]]:
    """All invoices of the cycles closed so far, by number, and all credit notes, in order."""
    invoices: dict[str, Document] = {}
    notes: list[Document] = []
    for run in sorted(_runs(out)):
        if run < before:
            invoices |= {document.bill_no: document for document in _documents(out / run, "INV")}
            notes += _documents(out / run, "CRN")
    return invoices, notes


def _documents(folder: Path, *kinds: str) -> Iterator[Document]:
    """The documents of a cycle, by kind and number; all kinds if none is named."""
    for kind in kinds or NUMBER_RANGES.values():
        paths = (folder / "documents").glob(f"{kind}-*.json")
        for path in sorted(paths, key=lambda path: (len(path.name), path.name)):
            yield from_json(path.read_bytes())


def _issued_in(folder: Path) -> list[Document]:
    documents = list(_documents(folder))
    if not documents:
        raise bad(f"no documents in {folder}")
    return documents


def _sound(wrong: list[str]) -> None:
    if wrong:
        raise bad(*wrong)


def _runs(out: Path) -> dict[str, Run]:
    if out.exists() and not out.is_dir():
        raise bad(f"--out {out}: expected a folder, this is a file")
    try:
        return runs_in(out)
    except ValueError as error:
        raise bad(str(error)) from None


def _named(cycle_id: str) -> str:
    """The name of a cycle, if it is one."""
    try:
        name = cycle_named(cycle_id, "UTC", 1).id
    except ValueError as error:
        raise bad(f"--cycle: {error}") from None
    if name != cycle_id:
        raise bad(f"--cycle: expected {name} (got {cycle_id!r})")
    return name


def _cycle(cycle_id: str, sold: Sequence[Provisioning]) -> Cycle:
    operator = Register.of(sold).operator
    return cycle_named(cycle_id, operator.time_zone, operator.cycle_day)


def _usu(db: str, close: CycleClose, written: Written) -> Received:
    """What the journal's requests have reported in a cycle."""
    from ocs.store.reading import exchanges

    imsi_of = {change.msisdn: change.imsi for change in written.changes if change.msisdn is not None}
    billed = {edr.edr_id for edr in close.edrs}
    try:
        reports = list(heard(((at, ccr, cca) for _, at, ccr, cca in exchanges(store_of(db))), imsi_of))
    except StoreError as error:
        raise bad(f"--db {error}") from None
    others = (edr for edr in written.edrs if edr.edr_id not in billed)
    return received(close.cycle, reports, close.edrs, others, Register.of(written.sold).apn_aliases())


def _sold(db: str) -> tuple[list[Provisioning], list[Change]]:
    """What was sold to whom, and the history of it."""
    from ocs.store.reading import changes_as_written, provisionings  # see below

    where = store_of(db)
    try:
        return provisionings(where), changes_as_written(where)
    except StoreError as error:
        raise bad(f"--db {error}") from None


def _view(db: str) -> View:
    """EDRs and ledger of a store, for SQL."""
    from ocs.store.reading import last_numbers, rows_as_written

    where = store_of(db)
    try:
        edr, transfer = last_numbers(where)
        return View.of_texts(rows_as_written(where, Edr, edr), rows_as_written(where, Transfer, transfer))
    except StoreError as error:
        raise bad(f"--db {error}") from None
    except ModuleNotFoundError as error:
        raise bad(f"{error.name} is not installed: bills need the extra report") from None


def _written(db: str) -> Written:
    from ocs.store.reading import (  # takes longer to import than most commands take to run
        changes_as_written,
        edrs_as_written,
        provisionings,
        transfers_as_written,
    )

    where = store_of(db)
    try:
        return Written(
            sold=provisionings(where),
            edrs=edrs_as_written(where),
            transfers=transfers_as_written(where),
            changes=changes_as_written(where),
        )
    except StoreError as error:
        raise bad(f"--db {error}") from None
