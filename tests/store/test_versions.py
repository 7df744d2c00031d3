"""A store's version stands for its columns, and an older store is brought up to it."""

import sqlite3
from pathlib import Path
from zlib import crc32

import pytest

from ocs.inventory.history import Change
from ocs.records.columns import columns
from ocs.records.edr import Edr, Transfer
from ocs.store.journal import StoreError
from ocs.store.rows import VERSION
from ocs.store.schema import METADATA, STEPS, migration
from ocs.store.sqlite import SqliteJournal

COLUMNS = {4: 2930609981}
"""What each version has, as a checksum. Where it differs: raise `VERSION`, add a step, add a line here."""


def test_a_version_stands_for_its_columns() -> None:
    records = [[column.name for column in columns(record)] for record in (Edr, Transfer, Change)]
    tables = [[column.name for column in table.columns] for table in METADATA.sorted_tables]
    assert COLUMNS[VERSION] == crc32(repr((records, tables)).encode())
    assert max(STEPS) == VERSION


def test_an_older_store_is_brought_up_and_a_newer_one_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ocs.db"
    SqliteJournal(path).close()
    _run(path, "DROP VIEW balance", f"PRAGMA user_version = {min(STEPS) - 1}")
    SqliteJournal(path).close()
    assert _run(path, "SELECT count(*) FROM balance", "PRAGMA user_version") == [(0,), (VERSION,)]
    for other in (VERSION + 1, min(STEPS) - 2):
        _run(path, f"PRAGMA user_version = {other}")
        with pytest.raises(StoreError, match=rf"another version \(schema {other}, here {VERSION}\)"):
            SqliteJournal(path)
        assert _run(path, "PRAGMA user_version") == [(other,)]


def test_there_is_no_way_over_a_missing_step() -> None:
    assert migration(min(STEPS) - 2) is None
    assert migration(VERSION + 1) is None


def _run(path: Path, *statements: str) -> list[tuple[int, ...]]:
    db = sqlite3.connect(path)
    found = [row for statement in statements for row in db.execute(statement).fetchall()]
    db.close()
    return found
