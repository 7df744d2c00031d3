"""The PostgreSQL store at its door, for what it does in its own way."""

import os
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from ocs.address import Database
from ocs.charging.engine import Engine
from ocs.store.journal import StoreError, StoreInUseError
from ocs.store.postgres import PostgresJournal
from ocs.store.recovery import fold
from ocs.store.rows import VERSION, Row
from tests.store.postgres import Postgres

Opened = Callable[[Database], PostgresJournal]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens journals that are closed at the end, however it comes."""
    journals: list[PostgresJournal] = []

    def opened(store: Database) -> PostgresJournal:
        journals.append(PostgresJournal(store))
        return journals[-1]

    yield opened
    for journal in journals:
        journal.close()


@pytest.fixture
def store(postgres: Postgres) -> Database:
    return postgres.database()


def row(now: int) -> Row:
    return Row(now, "Expire", b"\x80", b"")


def ask(store: Database, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(store.url) as db:
        cursor = db.execute(sql.SQL(query))  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


def end_backends(store: Database) -> None:
    """As if every connection had been lost."""
    ask(
        store,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database()",
    )


def reconnected(journal: PostgresJournal) -> bool:
    """`probe` again and again until it can."""
    until = time.monotonic() + 20
    while True:
        try:
            return journal.probe()
        except StoreError:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_store_has_one_owner_and_says_who(opened: Opened, store: Database) -> None:
    first = opened(store)
    with pytest.raises(StoreInUseError, match=rf"in use by another process \(splitsim on .*, pid {os.getpid()}; back"):
        PostgresJournal(store)
    first.close()
    PostgresJournal(store).close()


def test_a_lost_connection_is_a_failed_append_and_comes_back_by_a_probe(opened: Opened, store: Database) -> None:
    journal = opened(store)
    journal.append([row(1)])
    assert journal.probe()
    end_backends(store)
    for _ in range(2):
        with pytest.raises(StoreError):
            journal.append([row(2)])
    assert not reconnected(journal)  # what was known may be out of date
    journal.append([row(3)])
    assert [(number, found.now) for number, found in journal.rows()] == [(1, 1), (2, 3)]


def test_rows_that_another_owner_wrote_meanwhile_are_taken_in_first(opened: Opened, store: Database) -> None:
    journal = opened(store)
    journal.append([row(1)])
    end_backends(store)
    other = opened(store)
    other.append([row(2)])
    with pytest.raises(StoreError):
        journal.append([row(9)])
    with pytest.raises(StoreInUseError):
        journal.probe()
    other.close()
    assert not reconnected(journal)
    assert fold(Engine("ocs.example", "example"), journal).now == 2
    journal.append([row(3)])
    assert [found.now for _, found in journal.rows()] == [1, 2, 3]


def test_a_database_that_is_pulled_is_told_and_found_again(opened: Opened, store: Database, postgres: Postgres) -> None:
    journal = opened(store)
    journal.append([row(1)])
    postgres.pull()
    try:
        for act in (lambda: journal.append([row(2)]), journal.probe, journal.filled, lambda: list(journal.rows())):
            with pytest.raises(StoreError, match=f"127.0.0.1:{postgres.port}/ocs"):
                act()
    finally:
        postgres.start()
    assert not reconnected(journal)
    assert [found.now for _, found in journal.rows()] == [1]


def test_what_is_no_store_is_refused(store: Database, postgres: Postgres) -> None:
    ask(store, "CREATE TABLE journal (mine int)")
    with pytest.raises(StoreError, match="no store of splitsim's"):
        PostgresJournal(store)
    assert ask(store, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]
    missing = Database(store.url + "x")
    with pytest.raises(StoreError, match="does not exist"):
        PostgresJournal(missing)
    with pytest.raises(StoreError, match="refused"):
        PostgresJournal(Database("postgresql://me:secret@127.0.0.1:1/ocs"))


def test_an_older_store_is_brought_up_and_a_newer_one_left_alone(store: Database) -> None:
    PostgresJournal(store).close()
    ask(store, f"DROP VIEW balance; UPDATE schema_version SET version = {VERSION - 1}")
    PostgresJournal(store).close()
    assert ask(store, "SELECT count(*), (SELECT version FROM schema_version) FROM balance") == [(0, VERSION)]
    ask(store, f"UPDATE schema_version SET version = {VERSION + 1}")
    with pytest.raises(StoreError, match=rf"another version \(schema {VERSION + 1}, here {VERSION}\)"):
        PostgresJournal(store)


def test_as_text_it_has_no_password() -> None:
    assert str(Database("postgresql://me:secret@db.example:5433/ocs")) == "postgresql://me@db.example:5433/ocs"
