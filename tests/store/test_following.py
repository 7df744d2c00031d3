"""A standby folds the owner's journal along: what it has come to is as good as a fold of its own."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ocs.address import Store
from ocs.charging.engine import Engine
from ocs.store.following import Follower
from ocs.store.journal import Journal, MemoryJournal
from ocs.store.recovery import fold
from ocs.store.stores import open_journal
from tests.store.test_recovery import NOW, SECOND, some_commands, some_rows


def engine() -> Engine:
    return Engine("ocs.example", "example")


def appended(journal: Journal, count: int, seed: int) -> None:
    """So many rows of a life, with the tables brought up to them by a fold."""
    journal.append(some_rows(seed)[journal.last : count])
    fold(engine(), journal)


def test_it_folds_along_and_the_takeover_folds_the_rest(store: Store) -> None:
    rows, owner, follower = some_rows(1), open_journal(store), Follower(store, engine())
    assert not follower.follow()
    assert follower.come_to() is None
    for count in (40, 70):
        appended(owner, count, 1)
        assert not follower.follow()
    owner.append(rows[70:])  # not in the tables any more: the owner is killed
    assert not follower.follow()
    begun = follower.come_to()
    assert begun is not None
    assert begun[0].sequence == 70
    owner.close()
    taken = open_journal(store)
    quick, slow, whole = engine(), engine(), MemoryJournal()
    whole.append(rows)
    assert fold(quick, taken, begun) == fold(slow, whole)
    assert quick.state is begun[0].state
    assert taken.filled() == len(rows)
    taken.close()
    for command in some_commands(101, 40)[1:]:
        assert quick.apply(command, NOW + 10**6 * SECOND) == slow.apply(command, NOW + 10**6 * SECOND)


def another_journal(owner: Journal) -> int:
    appended(owner, 70, 3)
    return 3


def tables_set_back(owner: Journal) -> int:
    appended(owner, 70, 2)
    return 2


@pytest.mark.parametrize("ground", [another_journal, tables_set_back])
def test_what_it_has_come_to_in_other_rows_or_ahead_of_the_tables_is_not_used(
    tmp_path: Path, ground: Callable[[Journal], int]
) -> None:
    path = tmp_path / "ocs.db"
    owner, follower = open_journal(path), Follower(path, engine())
    appended(owner, 60, 2)
    follower.follow()
    begun = follower.come_to()
    owner.close()
    for file in tmp_path.iterdir():
        file.unlink()
    owner = open_journal(path)
    seed = ground(owner)
    if ground is tables_set_back:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE position SET filled = 50")
        db.close()
    found, expected, whole = engine(), engine(), MemoryJournal()
    whole.append(some_rows(seed)[:70])
    fold(found, owner, begun)
    fold(expected, whole)
    assert begun is not None
    assert found.state is not begun[0].state
    for command in some_commands(102, 40)[1:]:
        assert found.apply(command, NOW + 10**6 * SECOND) == expected.apply(command, NOW + 10**6 * SECOND)
    owner.close()
