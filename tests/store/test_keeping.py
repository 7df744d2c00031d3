"""When checkpoints are made."""

import asyncio
from pathlib import Path

import pytest

from ocs.bench.loads import FLEET, ccr, provisioning
from ocs.charging.commands import Charge, Provision
from ocs.charging.engine import Engine
from ocs.gy.messages import CcRequestType
from ocs.store.checkpoint import Checkpoint
from ocs.store.journal import MemoryJournal, StoreError
from ocs.store.keeping import Keeper
from ocs.store.rows import Row
from ocs.store.sqlite import SqliteJournal


class Kept:
    """A journal of rows that say nothing, and the keeper of its engine."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder / "ocs.db")
        self.told: list[str] = []
        self.sound = True
        self.engine = Engine("ocs.example", "example")
        self.keeper = Keeper(self.journal, self.present, self.told.append)

    def present(self) -> Checkpoint | None:
        return Checkpoint(self.journal.last, self.journal.last, self.engine.state) if self.sound else None

    def more(self, rows: int) -> None:
        self.journal.append([Row(1, "Expire", b"", b"")] * rows)


def test_one_is_begun_when_enough_has_happened_since_the_last(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    checkpoints = kept.journal.checkpoints
    for rows, begun in ((49_999, False), (1, True), (49_999, False), (1, True)):
        kept.more(rows)
        checkpoints._began = 0.0  # long ago
        kept.keeper.in_time()
        assert checkpoints.writing == begun
        if begun:
            assert checkpoints.finish(wait=True)
            assert checkpoints.written == kept.journal.last
    kept.more(50_000)
    kept.sound = False
    kept.keeper.in_time()
    assert not checkpoints.writing
    assert kept.told == []
    kept.journal.close()


def test_the_more_sessions_the_seldomer(tmp_path: Path) -> None:
    """To read 60,000 sessions takes as long as to fold as many rows: before there are so many, nobody is held up."""
    kept = Kept(tmp_path)
    checkpoints = kept.journal.checkpoints
    kept.engine.apply(Provision(provisioning(1), "start"), 0)
    kept.engine.apply(Charge(ccr(CcRequestType.INITIAL, 0, 0, 0, (FLEET,))), 0)
    (session,) = kept.engine.state.sessions.values()
    kept.engine.state.sessions.update(dict.fromkeys(map(str, range(59_999)), session))
    for rows, begun in ((50_000, True), (59_999, False), (1, True)):
        kept.more(rows)
        checkpoints._began = 0.0  # long ago
        kept.keeper.in_time()
        assert checkpoints.writing == begun
        if begun:
            assert checkpoints.finish(wait=True)
    kept.journal.close()


def test_one_is_made_at_the_end_if_anything_has_happened(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keeper.at_the_end()
    assert not (tmp_path / "ocs.db.checkpoint").exists()
    kept.more(3)
    kept.keeper.at_the_end()
    assert kept.journal.checkpoints.written == 3
    before = (tmp_path / "ocs.db.checkpoint").stat().st_mtime_ns
    kept.keeper.at_the_end()
    assert (tmp_path / "ocs.db.checkpoint").stat().st_mtime_ns == before
    kept.journal.close()


def test_what_cannot_be_written_is_told_and_serving_goes_on(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.more(50_000)
    (tmp_path / "ocs.db.checkpoint").mkdir()
    kept.keeper.in_time()
    while kept.journal.checkpoints.writing:
        kept.keeper.in_time()
    assert kept.told == ["a checkpoint could not be written: the next restart takes longer"]
    with pytest.raises(StoreError, match="could not be written"):
        asyncio.run(kept.keeper.at_once())
    kept.keeper.at_the_end()
    assert kept.told[1].startswith("a checkpoint could not be written: ")
    kept.sound = False
    with pytest.raises(StoreError, match="behind"):
        asyncio.run(kept.keeper.at_once())
    kept.journal.close()


def test_memory_needs_none() -> None:
    keeper = Keeper(MemoryJournal(), lambda: None, lambda _: None)
    keeper.in_time()
    keeper.at_the_end()
    with pytest.raises(StoreError, match="beside a SQLite store"):
        asyncio.run(keeper.at_once())
