"""The journal in a PostgreSQL database, with the tables behind it: those of `ocs.store.schema`, as in a SQLite file.

One process owns them, by an advisory lock of its session: it ends with the connection, and so does what we know of the
journal. A lost connection is made again where a fold begins (`filled`) or where it is asked for (`probe`), and nowhere
else: nothing is ever written on the ground of what was read before somebody else may have written.

A commit that the connection was lost in may have been done or not. The backend that knows still holds the lock; once we
have it again, the journal says.

A database that accepts and never answers is a lost one: no statement is waited for longer than `_PATIENCE_SECONDS`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ocs.address import Database
from ocs.store.checkpoint import Checkpoints
from ocs.store.journal import StoreError, StoreInUseError
from ocs.store.rows import VERSION, Filling, Row

try:
    import psycopg
except ImportError as missing:
    raise StoreError("postgresql://...: needs psycopg; pip install 'splitsim[postgres]'") from missing

if TYPE_CHECKING:
    from psycopg.abc import RV, PQGen, QueryNoTemplate

_KEY: Final = int.from_bytes(b"splits")
"""Of the advisory lock, in each database."""
_CONNECT_SECONDS: Final = 2
_PATIENCE_SECONDS: Final = 3.0
"""For a statement; nobody is answered meanwhile, so it is half of the shortest watchdog (RFC 3539 3.4.1)."""
_READING_SECONDS: Final = 20.0
"""For a page of rows, which are read when nobody can be answered anyway."""
_MAKING_SECONDS: Final = 600.0
"""For what a new store needs, or an old one, before it serves."""
_SESSION: Final = (
    "-c synchronous_commit=on -c lock_timeout=2s -c statement_timeout=600s -c client_min_messages=warning"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
)
"""Durable when it returns; and a database that lost sight of its owner's machine gives the lock up in 11 s."""
_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
_PAUSE: Final = 4
"""After an attempt to connect that failed: so many times what it took, since nothing can be answered meanwhile."""
_LEAST_PAUSE_SECONDS: Final = 0.2
_PAGE: Final = 5_000
"""Rows read at once."""
# One prepared statement is one round trip and one transaction, whatever the number of rows: as cheap for us as COPY.
_APPEND: Final = (
    "INSERT INTO journal SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::bytea[], %b::bytea[])"
)
_FILL: Final = (
    "WITH e AS (INSERT INTO edr_record (record) SELECT unnest(%b::text[])::json),"
    " t AS (INSERT INTO transfer_record (record) SELECT unnest(%b::text[])::json),"
    " c AS (INSERT INTO change_record (record) SELECT unnest(%b::text[])::json)"
    " UPDATE position SET filled = filled + %b"
)
_OWNER: Final = (
    "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    f" AND l.classid::bigint = {_KEY >> 32} AND l.objid::bigint = {_KEY & 0xFFFFFFFF}"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class _Impatient(psycopg.Connection[Any]):
    """A connection that waits so long for each statement and no longer: then it is broken."""

    patience = _PATIENCE_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg has it.

        Raises:
            psycopg.OperationalError: no answer came in time.
        """
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from None


def connect(store: Database, **options: Any) -> psycopg.Connection[Any]:
    """A connection to it, for those who have time.

    Raises:
        psycopg.Error: there is none.
    """
    return psycopg.connect(store.url, connect_timeout=_CONNECT_SECONDS, **_KEEPALIVE, **options)


class PostgresJournal:
    """The store in the database `store`, made if it is not there.

    Raises:
        StoreInUseError: another process owns it.
        StoreError: it cannot be opened, or is no store of ours.
    """

    has_tables = True

    def __init__(self, store: Database) -> None:
        self._store = store
        self.checkpoints: Checkpoints | None = Checkpoints(_state_folder() / f"{store.key}.checkpoint")
        self._db: _Impatient | None = None
        self._not_before = 0.0
        self.last = 0
        self._connect()

    def append(self, rows: Sequence[Row]) -> None:
        """See `Journal`."""
        last = self.last
        self._run(
            _APPEND,
            list(range(last + 1, last + len(rows) + 1)),
            [row.now for row in rows],
            [row.kind for row in rows],
            [row.request for row in rows],
            [row.answer for row in rows],
        )
        self.last = last + len(rows)

    def probe(self) -> bool:
        """See `Journal`."""
        same = self._connected()
        self._run("UPDATE position SET probes = probes + 1")
        return same

    def fill(self, filling: Filling) -> None:
        """See `Journal`."""
        self._run(_FILL, filling.edrs, filling.transfers, filling.changes, filling.rows)

    def rows(self, kind: str | None = None, after: int = 0) -> Iterator[tuple[int, Row]]:
        """See `Journal`."""
        condition = "" if kind is None else f"kind = '{kind}' AND"
        query = f"SELECT * FROM journal WHERE {condition} sequence > %b ORDER BY sequence LIMIT {_PAGE}"
        last = after
        while page := self._run(query, last, patience=_READING_SECONDS):
            for last, *cells in page:
                yield last, Row(*cells)

    def filled(self) -> int:
        """See `Journal`."""
        self._connected()
        return int(self._run("SELECT filled FROM position")[0][0])

    def close(self) -> None:
        """See `Journal`."""
        if self._db is not None:
            self._db.close()

    # --- the connection -----------------------------------------------------------------------------------------------

    def _run(self, query: str, *values: object, patience: float = _PATIENCE_SECONDS) -> list[tuple[Any, ...]]:
        """One statement in a transaction of its own, which is durable when this returns."""
        if self._db is None:
            raise StoreError(f"{self._store}: the connection is lost")
        self._db.patience = patience
        try:
            return _result(self._db, query, values)
        except psycopg.Error as error:
            if self._db.broken:
                self._lose()
            raise self._failed(error) from None

    def _connected(self) -> bool:
        """Make a connection if there is none; whether it is still the same one.

        A connection may be lost without our knowing, so it is tried.
        """
        if self._db is not None:
            with contextlib.suppress(StoreError):
                self._run("SELECT")
                return True
        if self._db is None:
            self._connect()
            return False
        return True

    def _lose(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    def _connect(self) -> None:
        """Connect, own the store, and see that it is one."""
        began = time.monotonic()
        if began < self._not_before:
            raise StoreError(f"{self._store}: the connection is lost")
        name = f"splitsim on {socket.gethostname()[:40]}, pid {os.getpid()}"
        try:
            self._db = _Impatient.connect(
                self._store.url,
                connect_timeout=_CONNECT_SECONDS,
                application_name=name,
                options=_SESSION,
                autocommit=True,
                **_KEEPALIVE,
            )
            self._own(self._db)
            self._make(self._db)
            self.last = int(_result(self._db, "SELECT coalesce(max(sequence), 0) FROM journal", ())[0][0])
        except (psycopg.Error, StoreError) as error:
            self._lose()
            ended = time.monotonic()
            self._not_before = ended + max(_LEAST_PAUSE_SECONDS, _PAUSE * (ended - began))
            raise error if isinstance(error, StoreError) else self._failed(error) from None

    def _own(self, db: psycopg.Connection[Any]) -> None:
        if not _result(db, f"SELECT pg_try_advisory_lock({_KEY})", ())[0][0]:
            owners = _result(db, _OWNER, ())
            who = f" ({owners[0][0] or 'unknown'}; backend {owners[0][1]})" if owners else ""
            raise StoreInUseError(f"{self._store}: in use by another process{who}")

    def _make(self, db: _Impatient) -> None:
        """What a new store needs, or one of an older version. All of it or nothing."""
        there = _result(db, "SELECT to_regclass('journal') IS NOT NULL, to_regclass('schema_version') IS NOT NULL", ())
        version = 0
        match there[0]:
            case (_, True):
                version = int(_result(db, "SELECT version FROM schema_version", ())[0][0])
            case (True, False):
                raise StoreError(f"{self._store}: has a table `journal`, but is no store of splitsim's")
        if version == VERSION:
            return
        from sqlalchemy.dialects import postgresql  # takes longer to import than most commands take to run

        from ocs.store import schema

        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        if version:
            made = schema.migration(version, dialect)
            if made is None:
                raise StoreError(f"{self._store}: written by another version (schema {version}, here {VERSION})")
            made.append(f"UPDATE schema_version SET version = {VERSION}")
        else:
            made = [
                *schema.statements(dialect),
                f"CREATE TABLE schema_version AS SELECT {VERSION} AS version",
            ]
        db.patience = _MAKING_SECONDS
        with db.transaction():
            for statement in made:
                _result(db, statement, ())

    def _failed(self, error: psycopg.Error) -> StoreError:
        """In one line, as the log has it."""
        return StoreError(f"{self._store}: {' '.join(str(error).split())}")


def _state_folder() -> Path:
    """Of this user on this machine: a standby elsewhere has checkpoints of its own once it serves."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "splitsim"
    with contextlib.suppress(OSError):  # no checkpoint can be written then, which is told when it is tried
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _result(db: psycopg.Connection[Any], query: QueryNoTemplate | str, values: Sequence[object]) -> list[Any]:
    cursor = db.cursor(binary=True)
    cursor.execute(query, values or None, prepare=bool(values))
    return cursor.fetchall() if cursor.description else []
