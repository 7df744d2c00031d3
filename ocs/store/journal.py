"""The journal: every command that was applied, in order. State is its fold (`ocs.store.recovery`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ocs.store.checkpoint import Checkpoints
from ocs.store.rows import Filling, Row


class StoreError(Exception):
    """The store cannot do what it was asked to; says why."""


class StoreInUseError(StoreError):
    """Another process owns the store; says which."""


class Journal(Protocol):
    """Keeps rows. Used by one owner."""

    has_tables: bool
    """Whether there is something to `fill`."""

    @property
    def checkpoints(self) -> Checkpoints | None:
        """Where the engine's state is kept now and then; None if nothing outlives the process anyway."""

    @property
    def last(self) -> int:
        """The sequence number of the last row; 0 if there is none."""

    def append(self, rows: Sequence[Row]) -> None:
        """Make rows durable, all or none.

        Raises:
            StoreError: none of them is.
        """

    def probe(self) -> bool:
        """Find out, after a failure, whether rows can be appended again.

        Gives whether the journal was ours all the time; if not, what was read of it may be out of date.

        Raises:
            StoreError: they cannot.
        """

    def fill(self, filling: Filling) -> None:
        """Bring the tables behind the journal forward, by what the rows next in order did.

        Raises:
            StoreError: nothing was written; the tables stay behind.
        """

    def rows(self, kind: str | None = None, after: int = 0) -> Iterator[tuple[int, Row]]:
        """Rows with their sequence numbers (the first is 1) that follow `after`: all, or those of one kind of command.

        Raises:
            StoreError: they cannot be read.
        """

    def filled(self) -> int:
        """The sequence number that the tables have come to.

        Raises:
            StoreError: it cannot be read.
        """

    def close(self) -> None:
        """Give the store up."""


class MemoryJournal:
    """A journal for simulations: a list."""

    has_tables = False
    checkpoints = None

    def __init__(self) -> None:
        self._rows: list[Row] = []

    @property
    def last(self) -> int:
        """See `Journal`."""
        return len(self._rows)

    def append(self, rows: Sequence[Row]) -> None:
        """See `Journal`."""
        self._rows += rows

    def probe(self) -> bool:
        """It never fails."""
        return True

    def fill(self, filling: Filling) -> None:
        """There are no tables."""

    def rows(self, kind: str | None = None, after: int = 0) -> Iterator[tuple[int, Row]]:
        """See `Journal`."""
        rows = enumerate(self._rows[after:], after + 1)
        return iter([(number, row) for number, row in rows if kind in (None, row.kind)])

    def filled(self) -> int:
        """See `Journal`."""
        return len(self._rows)

    def close(self) -> None:
        """See `Journal`."""
