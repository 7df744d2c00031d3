"""A store as its readers see it, whoever owns it: the journal as it is, the tables as of when they were filled last."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from ocs.inventory.history import Change
from ocs.records.columns import columns, in_order
from ocs.records.edr import BucketPart, Edr, Transfer
from ocs.store.journal import StoreError
from ocs.store.rows import Row
from ocs.store.schema import CHANGE_RECORD, EDR_RECORD, JOURNAL, TRANSFER_RECORD

_PARTS: Final = [column.name for column in columns(Edr)].index("bucket_parts")


def read(path: Path, query: sa.Select[Any]) -> list[Any]:
    """The rows of any query of `ocs.store.schema` in the store at `path`.

    Raises:
        StoreError: it cannot be read.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return list(connection.execute(query))
    except sa.exc.DBAPIError as error:
        raise StoreError(f"{path}: {error.orig}") from None


def read_edrs(path: Path) -> list[Edr]:
    """Every EDR in the store at `path`, in order of files."""
    edrs = []
    for (text,) in read(path, sa.select(EDR_RECORD.c.record)):
        cells = msgspec.json.decode(text)
        cells[_PARTS] = tuple(BucketPart(**part) for part in cells[_PARTS])
        edrs.append(Edr(*cells))
    return in_order(edrs)


def read_transfers(path: Path) -> list[Transfer]:
    """Every ledger line in the store at `path`, like `read_edrs`."""
    rows = read(path, sa.select(TRANSFER_RECORD.c.record))
    return in_order(Transfer(*msgspec.json.decode(text)) for (text,) in rows)


def read_changes(path: Path) -> list[Change]:
    """The history of SIMs and subscriptions in the store at `path`, like `read_edrs`."""
    rows = read(path, sa.select(CHANGE_RECORD.c.record))
    return in_order(Change(*msgspec.json.decode(text)) for (text,) in rows)


def read_rows(path: Path) -> list[tuple[int, Row]]:
    """Every row of the journal in the store at `path`, with its sequence number."""
    return [(sequence, Row(*cells)) for sequence, *cells in read(path, sa.select(JOURNAL).order_by(JOURNAL.c.sequence))]
