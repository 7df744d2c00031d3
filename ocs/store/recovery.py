"""An engine as it was, folded from its journal; tables that were left behind catch up on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ocs.charging.commands import Outcome
from ocs.charging.engine import Engine
from ocs.store.journal import Journal, StoreError
from ocs.store.rows import Row, command_of

CHUNK = 2_000
"""Outcomes written to the tables at once."""


class Folded(NamedTuple):
    """What a fold tells beside the engine."""

    now: int
    """The instant of the last row; 0 for an empty journal."""
    unfilled: list[Outcome]
    """What the tables still lack: empty, unless they could not be written."""


def fold_rows(engine: Engine, rows: Iterable[tuple[int, Row]]) -> None:
    """Apply rows to a new `engine`, for those who only want to look."""
    for _, row in rows:
        engine.apply(command_of(row), row.now)


def fold(engine: Engine, journal: Journal) -> Folded:
    """Apply every row of `journal` to a new `engine`.

    Raises:
        StoreError: the journal cannot be read; `engine` is worth nothing.
    """
    filled, now = journal.filled(), 0
    behind: list[Outcome] = []
    full = CHUNK
    for sequence, row in journal.rows():
        now = row.now
        outcome = engine.apply(command_of(row), now)
        if sequence > filled:
            behind.append(outcome)
            if len(behind) == full:
                behind = _filled(journal, behind)
                full = len(behind) + CHUNK
    return Folded(now, _filled(journal, behind))


def _filled(journal: Journal, behind: list[Outcome]) -> list[Outcome]:
    """Tables that cannot be written stay behind: the journal has it all, and the engine is what matters."""
    try:
        if behind:
            journal.fill(behind)
    except StoreError:
        return behind
    return []
