"""Recovery at the store's door: a fold that goes on from a checkpoint comes to what a fold of every row comes to."""

from pathlib import Path

import pytest

from ocs import overview
from ocs.charging.engine import Engine
from ocs.store.checkpoint import Checkpoint
from ocs.store.journal import MemoryJournal
from ocs.store.recovery import fold, row_at
from ocs.store.rows import Row, request_octets
from ocs.store.sqlite import SqliteJournal
from ocs.units import SECOND
from tests.store.test_sqlite import NOW, some_commands

AT = 71
"""The row of the checkpoint."""


def some_rows(seed: int) -> list[Row]:
    return [
        Row(NOW + place * 97 * SECOND, type(command).__name__, request_octets(command), b"")
        for place, command in enumerate(some_commands(seed, 140))
    ]


def store_with_checkpoint(path: Path, rows: list[Row], filled: bool = True) -> None:
    """The first rows in a checkpoint, all of them in the journal; `filled`: the tables had come to the checkpoint."""
    journal, engine = SqliteJournal(path), Engine("ocs.example", "example")
    journal.append(rows[:AT])
    if filled:
        fold(engine, journal)
    else:
        first = MemoryJournal()
        first.append(rows[:AT])
        fold(engine, first)
    row = row_at(journal, AT)
    assert row == rows[AT - 1]
    journal.checkpoints.write(Checkpoint(AT, row.now, engine.state), row)
    journal.append(rows[AT:])
    journal.close()


@pytest.mark.parametrize("seed", range(4))
def test_from_a_checkpoint_as_from_the_start(tmp_path: Path, seed: int) -> None:
    rows = some_rows(seed)
    store_with_checkpoint(tmp_path / "ocs.db", rows)
    journal, whole = SqliteJournal(tmp_path / "ocs.db"), MemoryJournal()
    whole.append(rows)
    quick, slow = Engine("ocs.example", "example"), Engine("ocs.example", "example")
    assert fold(quick, journal) == fold(slow, whole)
    assert journal.checkpoints.written == AT
    assert journal.filled() == len(rows)
    journal.close()
    assert list(overview.sims(quick.state)) == list(overview.sims(slow.state))
    assert list(overview.usage(quick.state)) == list(overview.usage(slow.state))
    after = NOW + len(rows) * 97 * SECOND
    for command in some_commands(seed + 100, 40)[1:]:
        assert quick.apply(command, after) == slow.apply(command, after)


def test_what_the_tables_lack_is_folded_whatever_a_checkpoint_holds(tmp_path: Path) -> None:
    rows = some_rows(5)
    store_with_checkpoint(tmp_path / "ocs.db", rows, filled=False)
    journal = SqliteJournal(tmp_path / "ocs.db")
    assert journal.filled() == 0
    fold(Engine("ocs.example", "example"), journal)
    assert journal.filled() == len(rows)
    journal.close()


def test_a_checkpoint_of_another_journal_is_not_used(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.db", tmp_path / "other.db"
    store_with_checkpoint(mine, some_rows(6))
    store_with_checkpoint(other, some_rows(7))
    (tmp_path / "other.db.checkpoint").replace(tmp_path / "mine.db.checkpoint")
    journal, whole = SqliteJournal(mine), MemoryJournal()
    whole.append(some_rows(6))
    engine, expected = Engine("ocs.example", "example"), Engine("ocs.example", "example")
    fold(engine, journal)
    fold(expected, whole)
    assert journal.checkpoints.written == 0
    journal.close()
    assert list(overview.usage(engine.state)) == list(overview.usage(expected.state))


def test_rows_after_a_number(tmp_path: Path) -> None:
    rows = [Row(number, "Expire" if number % 2 else "Charge", b"", b"") for number in range(1, 12_001)]
    for journal in (SqliteJournal(tmp_path / "ocs.db"), MemoryJournal()):
        journal.append(rows)
        assert journal.last == 12_000
        assert [number for number, _ in journal.rows(after=4_990)] == list(range(4_991, 12_001))
        assert [row.now for _, row in journal.rows("Expire", after=11_990)] == [11_991, 11_993, 11_995, 11_997, 11_999]
        assert list(journal.rows(after=12_000)) == []
        assert row_at(journal, 12_001) is None
        assert row_at(journal, 7_000) == rows[6_999]
        journal.close()
