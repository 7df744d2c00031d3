"""What a standby does while it waits: it folds the owner's journal along, so that little is left at a takeover."""

from __future__ import annotations

import gc
from typing import Final

import sqlalchemy as sa

from ocs.address import Store
from ocs.charging.engine import Engine
from ocs.store.checkpoint import Checkpoint
from ocs.store.journal import StoreError
from ocs.store.reading import read
from ocs.store.rows import Row, command_of
from ocs.store.schema import JOURNAL, POSITION

_PAGE: Final = 2_000
"""Rows folded at once: a standby that shall stop, or can take over, does not wait for more."""


class Follower:
    """Folds the rows of `store` into `engine`, as far as its tables have come: what they lack has to come again."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self.rows = 0
        """Folded so far."""
        self._row: Row | None = None

    def follow(self) -> bool:
        """Fold some of what is new; whether there is more. A store that cannot be read just now has nothing new."""
        try:
            filled = read(self._store, sa.select(POSITION.c.filled))[0][0]
            new = sa.and_(JOURNAL.c.sequence > self.rows, JOURNAL.c.sequence <= filled)
            page = read(self._store, sa.select(JOURNAL).where(new).order_by(JOURNAL.c.sequence).limit(_PAGE))
        except StoreError:
            return False
        gc.disable()  # everything that a fold makes stays
        try:
            for self.rows, *cells in page:
                self._row = row = Row(*cells)
                self._engine.apply(command_of(row), row.now)
        finally:
            gc.enable()
        return len(page) == _PAGE

    def come_to(self) -> tuple[Checkpoint, Row] | None:
        """Where it stands, and the row that it stands at; None if it has seen none."""
        if self._row is None:
            return None
        return Checkpoint(self.rows, self._row.now, self._engine.state), self._row
