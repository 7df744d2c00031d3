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
    """Apply every row of `journal` to a new `engine`: those that its checkpoint does not hold already.

    Raises:
        StoreError: the journal cannot be read; `engine` is worth nothing.
    """
    filled = journal.filled()
    after, now = _from_checkpoint(engine, journal, filled)
    behind: list[Outcome] = []
    full = CHUNK
    for sequence, row in journal.rows(after=after):
        now = row.now
        outcome = engine.apply(command_of(row), now)
        if sequence > filled:
            behind.append(outcome)
            if len(behind) == full:
                behind = _filled(journal, behind)
                full = len(behind) + CHUNK
    return Folded(now, _filled(journal, behind))


def _from_checkpoint(engine: Engine, journal: Journal, filled: int) -> tuple[int, int]:
    """The row that the engine has come to by a checkpoint, if there is one of use, and its instant."""
    state = engine.state
    if journal.checkpoints is None:
        return 0, 0
    found = journal.checkpoints.read(state.origin_host, state.origin_realm, lambda sequence: row_at(journal, sequence))
    if found is None or found.sequence > filled:  # what the tables lack has to come again
        return 0, 0
    found.state.explaining = state.explaining
    engine.state = found.state
    return found.sequence, found.now


def row_at(journal: Journal, sequence: int) -> Row | None:
    """The row with that number; None if there is none."""
    found, row = next(journal.rows(after=sequence - 1), (0, None))
    return row if found == sequence else None


def _filled(journal: Journal, behind: list[Outcome]) -> list[Outcome]:
    """Tables that cannot be written stay behind: the journal has it all, and the engine is what matters."""
    try:
        if behind:
            journal.fill(behind)
    except StoreError:
        return behind
    return []
