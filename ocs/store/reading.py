"""A store as its readers see it, whoever owns it: the journal as it is, the tables as of when they were filled last."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from ocs.address import Database, Store
from ocs.charging.commands import Charge, Provision, Receipt
from ocs.gy.codec import decode
from ocs.gy.messages import Cca, Ccr
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.records.columns import columns, in_order
from ocs.records.edr import BucketPart, Edr, Transfer
from ocs.store.journal import StoreError
from ocs.store.rows import Row, command_of
from ocs.store.schema import CHANGE_RECORD, EDR, EDR_RECORD, JOURNAL, POSITION, TRANSFER_RECORD

if TYPE_CHECKING:
    import pyarrow as pa

_PARTS: Final = [column.name for column in columns(Edr)].index("bucket_parts")
_PAGE: Final = 5_000
"""Rows read at once."""
_LARGE_PAGE: Final = 50_000
"""The same, for who reads all."""


def read(store: Store, query: sa.Select[Any]) -> list[Any]:
    """The rows of any query of `ocs.store.schema` in `store`.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with _engine(store).connect() as connection:
            return list(connection.execute(query))
    except sa.exc.DBAPIError as error:
        raise _unreadable(store, error) from None


def _unreadable(store: Store, error: sa.exc.DBAPIError) -> StoreError:
    return StoreError(f"{store}: {' '.join(str(error.orig).split())}")


def _engine(store: Store) -> sa.Engine:
    if isinstance(store, Database):
        from ocs.store import postgres  # only who has such a store needs its client

        return sa.create_engine("postgresql+psycopg://", creator=lambda: postgres.connect(store), poolclass=sa.NullPool)
    uri = f"{store.resolve().as_uri()}?mode=ro"
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=sa.NullPool)


def _texts(store: Store, records: sa.Table) -> Iterator[str]:
    query = sa.select(sa.cast(records.c.record, sa.Text)).order_by(records.c.number)
    return (text for (text,) in read(store, query))


def read_edrs(store: Store) -> list[Edr]:
    """Every EDR in `store`, in order of files."""
    return in_order(edrs_as_written(store))


def edrs_as_written(store: Store) -> list[Edr]:
    """Every EDR in `store`, in the order in which it was written: what comes later stands later."""
    edrs = []
    for text in _texts(store, EDR_RECORD):
        cells = msgspec.json.decode(text)
        cells[_PARTS] = tuple(BucketPart(**part) for part in cells[_PARTS])
        edrs.append(Edr(*cells))
    return edrs


def last_numbers(store: Store) -> tuple[int, int]:
    """Numbers of the last EDR and of the last ledger line at one moment: what an OCS that serves writes later is more.

    Raises:
        StoreError: it cannot be read.
    """
    last = (sa.select(sa.func.coalesce(sa.func.max(one.c.number), 0)) for one in (EDR_RECORD, TRANSFER_RECORD))
    ((edr, transfer),) = read(store, sa.select(*(query.scalar_subquery() for query in last)))
    return edr, transfer


def rows_as_written(store: Store, record: type[Edr | Transfer], last: int) -> Iterator[pa.RecordBatch]:
    """The records of a type in `store`, for `ocs.billing.view`: the place from 1 on, and JSON as it stands there.

    `last`: the number of the last that is wanted.

    Raises:
        StoreError: it cannot be read.
    """
    import pyarrow as pa  # of the extra `report`

    table, place = EDR_RECORD if record is Edr else TRANSFER_RECORD, 1
    query = sa.select(sa.cast(table.c.record, sa.Text)).where(table.c.number <= last).order_by(table.c.number)
    try:
        with _engine(store).connect() as connection:
            for page in connection.execution_options(yield_per=_LARGE_PAGE).execute(query).scalars().partitions():
                numbers = pa.array(range(place, place + len(page)), type=pa.int64())
                yield pa.record_batch({"number": numbers, "record": pa.array(page, type=pa.string())})
                place += len(page)
    except sa.exc.DBAPIError as error:
        raise _unreadable(store, error) from None


def read_transfers(store: Store) -> list[Transfer]:
    """Every ledger line in `store`, like `read_edrs`."""
    return in_order(transfers_as_written(store))


def transfers_as_written(store: Store) -> list[Transfer]:
    """Every ledger line in `store`, like `edrs_as_written`."""
    return [Transfer(*msgspec.json.decode(text)) for text in _texts(store, TRANSFER_RECORD)]


def read_changes(store: Store) -> list[Change]:
    """The history of SIMs and subscriptions in `store`, like `read_edrs`."""
    return in_order(changes_as_written(store))


def changes_as_written(store: Store) -> list[Change]:
    """The history of SIMs and subscriptions in `store`, like `edrs_as_written`."""
    return [Change(*msgspec.json.decode(text)) for text in _texts(store, CHANGE_RECORD)]


def provisionings(store: Store) -> list[Provisioning]:
    """All that was provisioned into `store`, in order; what was refused is not among it."""
    query = sa.select(JOURNAL).where(JOURNAL.c.kind == Provision.__name__).order_by(JOURNAL.c.sequence)
    accepted, seen = [], set()
    for _, *cells in read(store, query):
        row = Row(*cells)
        command = command_of(row)
        assert isinstance(command, Provision)
        refused = bool(row.answer) and msgspec.json.decode(row.answer, type=Receipt).error is not None
        if not refused and command.request_id not in seen:
            seen.add(command.request_id)
            accepted.append(command.provisioning)
    return accepted


def octets_used(store: Store, cycle_id: str) -> dict[str, int]:
    """Octets of every subscription that has any in a billing cycle, as its EDRs have them, late ones too."""
    query = (
        sa.select(EDR.c.subscription_id, sa.func.sum(EDR.c.octets_total))
        .where(EDR.c.cycle_id == cycle_id, EDR.c.subscription_id.is_not(None))
        .group_by(EDR.c.subscription_id)
    )
    return {subscription_id: int(octets) for subscription_id, octets in read(store, query)}


class Exchanged(NamedTuple):
    """One request and its answer, as the journal has them."""

    sequence: int
    at: int
    request: Ccr
    answer: Cca | None


def exchanges(store: Store) -> Iterator[Exchanged]:
    """Every request that the tables know of, in order.

    Raises:
        StoreError: it cannot be read.
    """
    last = read(store, sa.select(POSITION.c.filled))[0][0]
    after, page = 0, JOURNAL.c.kind == Charge.__name__
    while True:
        place = sa.and_(page, JOURNAL.c.sequence > after, JOURNAL.c.sequence <= last)
        rows = read(store, sa.select(JOURNAL).where(place).order_by(JOURNAL.c.sequence).limit(_PAGE))
        for sequence, *cells in rows:
            row = Row(*cells)
            command = command_of(row)
            assert isinstance(command, Charge)
            answer = decode(row.answer).message if row.answer else None
            yield Exchanged(sequence, row.now, command.ccr, answer if isinstance(answer, Cca) else None)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def read_rows(store: Store) -> list[tuple[int, Row]]:
    """Every row of the journal in `store`, with its sequence number."""
    return [
        (sequence, Row(*cells)) for sequence, *cells in read(store, sa.select(JOURNAL).order_by(JOURNAL.c.sequence))
    ]
