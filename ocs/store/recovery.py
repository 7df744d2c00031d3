"""An engine as it was, folded from its journal; tables that were left behind catch up on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ocs.charging.engine import Engine
from ocs.store.checkpoint import Checkpoint
from ocs.store.journal import Journal, StoreError
from ocs.store.rows import Filling, Row, command_of

CHUNK = 2_000
"""Outcomes written to the tables at once."""
_NEAR = 50_000
"""Rows that are folded sooner than a checkpoint is read."""


class Folded(NamedTuple):
    """What a fold tells beside the engine."""

    now: int
    """The instant of the last row; 0 for an empty journal."""
    unfilled: Filling
    """What the tables still lack: empty, unless they could not be written."""


def fold_rows(engine: Engine, rows: Iterable[tuple[int, Row]]) -> None:
    """Apply rows to a new `engine`, for those who only want to look."""
    for _, row in rows:
        engine.apply(command_of(row), row.now)


def fold(engine: Engine, journal: Journal, begun: tuple[Checkpoint, Row] | None = None) -> Folded:
    """Apply every row of `journal` to a new `engine`: those that its checkpoint does not hold already.

    `begun`: somebody has folded the journal up to that row. It is used if it is of this journal and has come about as
    far as a checkpoint would.

    Raises:
        StoreError: the journal cannot be read; `engine` is worth nothing.
    """
    filled = journal.filled()
    start = _usable(begun, journal, filled) or _from_checkpoint(engine, journal, filled)
    after, now = 0, 0
    if start is not None:
        start.state.explaining = engine.state.explaining
        engine.state = start.state
        after, now = start.sequence, start.now
    behind = Filling()
    full = CHUNK
    for sequence, row in journal.rows(after=after):
        now = row.now
        outcome = engine.apply(command_of(row), now)
        if sequence > filled:
            behind.add(outcome)
            if behind.rows == full:
                behind = _filled(journal, behind)
                full = behind.rows + CHUNK
    return Folded(now, _filled(journal, behind))


def _usable(begun: tuple[Checkpoint, Row] | None, journal: Journal, filled: int) -> Checkpoint | None:
    if begun is None:
        return None
    found, row = begun
    near = filled - _NEAR <= found.sequence <= filled  # what the tables lack has to come again
    return found if near and row_at(journal, found.sequence) == row else None


def _from_checkpoint(engine: Engine, journal: Journal, filled: int) -> Checkpoint | None:
    """The journal's checkpoint, if there is one of use."""
    state = engine.state
    if journal.checkpoints is None:
        return None
    found = journal.checkpoints.read(state.origin_host, state.origin_realm, lambda sequence: row_at(journal, sequence))
    return found if found is not None and found.sequence <= filled else None


def row_at(journal: Journal, sequence: int) -> Row | None:
    """The row with that number; None if there is none."""
    found, row = next(journal.rows(after=sequence - 1), (0, None))
    return row if found == sequence else None


def _filled(journal: Journal, behind: Filling) -> Filling:
    """Tables that cannot be written stay behind: the journal has it all, and the engine is what matters."""
    try:
        if behind.rows:
            journal.fill(behind)
    except StoreError:
        return behind
    return Filling()
