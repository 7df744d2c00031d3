"""An engine as it was, folded from its journal; tables that were left behind catch up on the way."""

from __future__ import annotations

from collections.abc import Iterable

from ocs.charging.commands import Outcome
from ocs.charging.engine import Engine
from ocs.store.journal import Journal
from ocs.store.rows import Row, command_of

CHUNK = 2_000
"""Outcomes written to the tables at once."""


def fold_rows(engine: Engine, rows: Iterable[tuple[int, Row]]) -> None:
    """Apply rows to a new `engine`, for those who only want to look."""
    for _, row in rows:
        engine.apply(command_of(row), row.now)


def fold(engine: Engine, journal: Journal) -> int:
    """Apply every row of `journal` to a new `engine`; returns the instant of the last one (0 for an empty journal)."""
    filled, now = journal.filled(), 0
    behind: list[Outcome] = []
    for sequence, row in journal.rows():
        now = row.now
        outcome = engine.apply(command_of(row), now)
        if sequence > filled:
            behind.append(outcome)
            if len(behind) == CHUNK:
                journal.fill(behind)
                behind = []
    if behind:
        journal.fill(behind)
    return now
