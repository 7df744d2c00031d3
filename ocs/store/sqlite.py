"""The journal in a SQLite file, with the tables behind it. One process owns the file: `<file>.lock` says which.

Opened with any SQL tool it shows what `ocs.store.schema` names: `journal` (sequence, instant, kind, request and answer
as octets), the views `edr` and `transfer` with the columns of `ocs.records`, `change`, the history of SIMs and
subscriptions, and `balance`, `session`, `subscription`. Instants are microseconds UTC. WAL with synchronous=FULL: a
commit is on the disk when it returns.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ocs.store.checkpoint import Checkpoints
from ocs.store.journal import StoreError, StoreInUseError
from ocs.store.rows import VERSION, Filling, Row

_PATIENCE_SECONDS: Final = 1.0
"""For another process that holds the file, as a SQL tool may: nothing can be answered meanwhile."""
_PAGE_OCTETS: Final = 16_384
"""Of a new file: a batch of requests takes a third of the writes that it takes with 4,096; one alone is as quick."""
_LOG_OCTETS: Final = 4_194_304
"""How long the write-ahead log grows before its pages go to their places."""
_PAGE: Final = 5_000
"""Rows read at once."""
_INSERT_JOURNAL: Final = "INSERT INTO journal VALUES (?, ?, ?, ?, ?)"
_INSERT_EDR: Final = "INSERT INTO edr_record (record) VALUES (?)"
_INSERT_TRANSFER: Final = "INSERT INTO transfer_record (record) VALUES (?)"
_INSERT_CHANGE: Final = "INSERT INTO change_record (record) VALUES (?)"
_MOVE: Final = "UPDATE position SET filled = filled + ?"
_PROBE: Final = "UPDATE position SET probes = probes + ?"


class SqliteJournal:
    """The store at `path`, made if it is not there.

    Raises:
        StoreError: it cannot be opened, is no store of ours, or another process owns it.
    """

    has_tables = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.checkpoints = Checkpoints(path.with_name(f"{path.name}.checkpoint"))
        self._lock = _own(path)
        try:
            self._db = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA page_size = {_PAGE_OCTETS}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_OCTETS // _PAGE_OCTETS}")
            self._db.execute("PRAGMA synchronous = FULL")
            self._make(self._db.execute("PRAGMA user_version").fetchone()[0])
            self.last = self._db.execute("SELECT coalesce(max(sequence), 0) FROM journal").fetchone()[0]
            self._file = _identity(path)
        except (sqlite3.Error, OSError) as error:
            os.close(self._lock)
            raise StoreError(f"{path}: {error}") from None
        except StoreError:
            os.close(self._lock)
            raise

    def append(self, rows: Sequence[Row]) -> None:
        """See `Journal`."""
        last = self.last
        numbered = [(last + n, row.now, row.kind, row.request, row.answer) for n, row in enumerate(rows, 1)]
        self._write((_INSERT_JOURNAL, numbered))
        self.last = last + len(rows)

    def probe(self) -> bool:
        """See `Journal`."""
        self._write((_PROBE, [(1,)]))
        return True

    def fill(self, filling: Filling) -> None:
        """See `Journal`."""
        texts = (filling.edrs, filling.transfers, filling.changes)
        edrs, transfers, changes = ([(text,) for text in column] for column in texts)
        moved = [(filling.rows,)]
        self._write((_INSERT_EDR, edrs), (_INSERT_TRANSFER, transfers), (_INSERT_CHANGE, changes), (_MOVE, moved))

    def rows(self, kind: str | None = None, after: int = 0) -> Iterator[tuple[int, Row]]:
        """See `Journal`."""
        condition = "" if kind is None else f"kind = '{kind}' AND"
        query = f"SELECT * FROM journal WHERE {condition} sequence > ? ORDER BY sequence LIMIT {_PAGE}"
        while page := self._read(query, after):
            for sequence, *cells in page:
                yield sequence, Row(*cells)
            after = page[-1][0]

    def filled(self) -> int:
        """See `Journal`."""
        return int(self._read("SELECT filled FROM position")[0][0])

    def close(self) -> None:
        """See `Journal`."""
        self._db.close()
        os.close(self._lock)

    def _make(self, version: int) -> None:
        """What a new store needs, or one of an older version."""
        if version == VERSION:
            return
        from ocs.store import schema  # takes longer to import than most commands take to run

        if version:
            made = schema.migration(version)
            if made is None:
                raise StoreError(f"{self._path}: written by another version (schema {version}, here {VERSION})")
        elif self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{self._path}: a SQLite file, but no store of splitsim's")
        else:
            made = schema.statements()
        with self._db:
            self._db.execute("BEGIN")
            for statement in (*made, f"PRAGMA user_version = {VERSION}"):
                self._db.execute(statement)

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from None

    def _write(self, *inserts: tuple[str, Sequence[Any]]) -> None:
        """All of it in one transaction, on the disk when this returns."""
        try:
            if _identity(self._path) != self._file:
                # SQLite would go on in the file that nobody finds any more.
                raise StoreError(f"{self._path}: another file has taken its place")
            self._db.execute("BEGIN IMMEDIATE")
            for statement, rows in inserts:
                self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"{self._path}: {error}") from None


def _identity(path: Path) -> tuple[int, int]:
    """OSError if there is no such file."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


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
        raise StoreInUseError(f"{path}: in use by another process (pid {owner})") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
