"""The journal in a SQLite file, with the tables behind it. One process owns the file: `<file>.lock` says which.

Opened with any SQL tool it shows `journal` (sequence, instant, kind, request and answer as octets), the views
`edr` and `transfer` with the columns of `ocs.records`, and `change`, the history of SIMs and subscriptions. Instants
are microseconds UTC. WAL with synchronous=FULL: a commit is on the disk when it returns.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ocs.charging.commands import Outcome
from ocs.inventory.history import Change
from ocs.records.columns import columns, in_order
from ocs.records.edr import BucketPart, Edr, Transfer
from ocs.store.journal import StoreError
from ocs.store.rows import Row

_SCHEMA_VERSION: Final = 2
_RECORDS: Final[tuple[tuple[str, type[msgspec.Struct]], ...]] = (
    ("edr", Edr),
    ("transfer", Transfer),
    ("change", Change),
)


def _tables(name: str, record: type[msgspec.Struct]) -> tuple[str, str]:
    """Records as JSON arrays, one a row, and a view with their columns.

    A row of 53 columns costs five times as much to insert; those who read by SQL pay for the columns instead.
    """
    cells = ", ".join(
        f"json_extract(record, '$[{place}]') AS {column.name}" for place, column in enumerate(columns(record))
    )
    return (
        f"CREATE TABLE {name}_record (number INTEGER PRIMARY KEY, record TEXT NOT NULL)",
        f"CREATE VIEW {name} AS SELECT {cells} FROM {name}_record",
    )


_SCHEMA: Final = (
    "CREATE TABLE journal (sequence INTEGER PRIMARY KEY, now INTEGER NOT NULL, kind TEXT NOT NULL,"
    " request BLOB NOT NULL, answer BLOB NOT NULL)",
    "CREATE TABLE position (filled INTEGER NOT NULL)",
    "INSERT INTO position VALUES (0)",
    *(statement for name, record in _RECORDS for statement in _tables(name, record)),
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)
_INSERT_JOURNAL: Final = "INSERT INTO journal VALUES (?, ?, ?, ?, ?)"
_INSERT_EDR: Final = "INSERT INTO edr_record (record) VALUES (?)"
_INSERT_TRANSFER: Final = "INSERT INTO transfer_record (record) VALUES (?)"
_INSERT_CHANGE: Final = "INSERT INTO change_record (record) VALUES (?)"
_PARTS: Final = [column.name for column in columns(Edr)].index("bucket_parts")
_encode: Final = msgspec.json.Encoder().encode


class SqliteJournal:
    """The store at `path`, made if it is not there.

    Raises:
        StoreError: it cannot be opened, is no store of ours, or another process owns it.
    """

    has_tables = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = _own(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._make()
            elif version != _SCHEMA_VERSION:
                raise StoreError(f"{path}: written by another version (schema {version}, here {_SCHEMA_VERSION})")
            self._last = self._db.execute("SELECT coalesce(max(sequence), 0) FROM journal").fetchone()[0]
        except sqlite3.Error as error:
            os.close(self._lock)
            raise StoreError(f"{path}: {error}") from None
        except StoreError:
            os.close(self._lock)
            raise

    def append(self, rows: Sequence[Row]) -> None:
        """See `Journal`."""
        last = self._last
        numbered = [(last + n, row.now, row.kind, row.request, row.answer) for n, row in enumerate(rows, 1)]
        self._write((_INSERT_JOURNAL, numbered))
        self._last = last + len(rows)

    def fill(self, outcomes: Sequence[Outcome]) -> None:
        """See `Journal`."""
        edrs = [_text(edr) for outcome in outcomes for edr in outcome.edrs]
        transfers = [_text(line) for outcome in outcomes for line in outcome.transfers]
        position = ("UPDATE position SET filled = ?", [(self._last,)])
        changes = [_text(change) for outcome in outcomes for change in outcome.changes]
        self._write((_INSERT_EDR, edrs), (_INSERT_TRANSFER, transfers), (_INSERT_CHANGE, changes), position)

    def rows(self, kind: str | None = None) -> Iterator[tuple[int, Row]]:
        """See `Journal`."""
        query = "SELECT * FROM journal WHERE ? IS NULL OR kind = ? ORDER BY sequence"
        try:
            for sequence, *cells in self._db.execute(query, (kind, kind)):
                yield sequence, Row(*cells)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None

    def filled(self) -> int:
        """See `Journal`."""
        return int(self._db.execute("SELECT filled FROM position").fetchone()[0])

    def close(self) -> None:
        """See `Journal`."""
        self._db.close()
        os.close(self._lock)

    def _make(self) -> None:
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{self._path}: a SQLite file, but no store of splitsim's")
        with self._db:
            self._db.execute("BEGIN")
            for statement in _SCHEMA:
                self._db.execute(statement)

    def _write(self, *inserts: tuple[str, Sequence[Any]]) -> None:
        """All of it in one transaction, on the disk when this returns."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, rows in inserts:
                self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"{self._path}: {error}") from None


def _text(record: msgspec.Struct) -> tuple[str]:
    return (_encode(msgspec.structs.astuple(record)).decode(),)


def read_edrs(path: Path) -> list[Edr]:
    """Every EDR in the store at `path`, whoever owns it, in order of files; as of the last time its tables were filled.

    Raises:
        StoreError: it cannot be read.
    """
    edrs = []
    for (text,) in _read(path, "SELECT record FROM edr_record"):
        cells = msgspec.json.decode(text)
        cells[_PARTS] = tuple(BucketPart(**part) for part in cells[_PARTS])
        edrs.append(Edr(*cells))
    return in_order(edrs)


def read_transfers(path: Path) -> list[Transfer]:
    """Every ledger line in the store at `path`, like `read_edrs`."""
    return in_order(
        Transfer(*msgspec.json.decode(text)) for (text,) in _read(path, "SELECT record FROM transfer_record")
    )


def read_changes(path: Path) -> list[Change]:
    """The history of SIMs and subscriptions in the store at `path`, like `read_edrs`."""
    return in_order(Change(*msgspec.json.decode(text)) for (text,) in _read(path, "SELECT record FROM change_record"))


def read_rows(path: Path) -> list[tuple[int, Row]]:
    """Every journal row in the store at `path`, whoever owns it, with its sequence number."""
    return [(sequence, Row(*cells)) for sequence, *cells in _read(path, "SELECT * FROM journal ORDER BY sequence")]


def _read(path: Path, query: str) -> list[tuple[Any, ...]]:
    try:
        with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as db:
            rows = db.execute(query).fetchall()
        db.close()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from None
    return rows


def _own(path: Path) -> int:
    """The lock on a store, as a file descriptor; given up when it is closed, or when the process ends."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreError(f"{path}: in use by another process (pid {owner})") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
