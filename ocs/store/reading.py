"""A store as its readers see it, whoever owns it: the journal as it is, the tables as of when they were filled last."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from ocs.address import Database, Store
from ocs.inventory.history import Change
from ocs.records.columns import columns, in_order
from ocs.records.edr import BucketPart, Edr, Transfer
from ocs.store.journal import StoreError
from ocs.store.rows import Row
from ocs.store.schema import CHANGE_RECORD, EDR_RECORD, JOURNAL, TRANSFER_RECORD

_PARTS: Final = [column.name for column in columns(Edr)].index("bucket_parts")


def read(store: Store, query: sa.Select[Any]) -> list[Any]:
    """The rows of any query of `ocs.store.schema` in `store`.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with _engine(store).connect() as connection:
            return list(connection.execute(query))
    except sa.exc.DBAPIError as error:
        raise StoreError(f"{store}: {' '.join(str(error.orig).split())}") from None


def _engine(store: Store) -> sa.Engine:
    if isinstance(store, Database):
        from ocs.store import postgres  # only who has such a store needs its client

        return sa.create_engine("postgresql+psycopg://", creator=lambda: postgres.connect(store), poolclass=sa.NullPool)
    uri = f"{store.resolve().as_uri()}?mode=ro"
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=sa.NullPool)


def _texts(store: Store, records: sa.Table) -> Iterator[str]:
    return (text for (text,) in read(store, sa.select(sa.cast(records.c.record, sa.Text))))


def read_edrs(store: Store) -> list[Edr]:
    """Every EDR in `store`, in order of files."""
    edrs = []
    for text in _texts(store, EDR_RECORD):
        cells = msgspec.json.decode(text)
        cells[_PARTS] = tuple(BucketPart(**part) for part in cells[_PARTS])
        edrs.append(Edr(*cells))
    return in_order(edrs)


def read_transfers(store: Store) -> list[Transfer]:
    """Every ledger line in `store`, like `read_edrs`."""
    return in_order(Transfer(*msgspec.json.decode(text)) for text in _texts(store, TRANSFER_RECORD))


def read_changes(store: Store) -> list[Change]:
    """The history of SIMs and subscriptions in `store`, like `read_edrs`."""
    return in_order(Change(*msgspec.json.decode(text)) for text in _texts(store, CHANGE_RECORD))


def read_rows(store: Store) -> list[tuple[int, Row]]:
    """Every row of the journal in `store`, with its sequence number."""
    return [
        (sequence, Row(*cells)) for sequence, *cells in read(store, sa.select(JOURNAL).order_by(JOURNAL.c.sequence))
    ]
