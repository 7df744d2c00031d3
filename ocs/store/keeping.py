"""When checkpoints are made: while an OCS serves, at its orderly end, and when an operator asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ocs.store.checkpoint import Checkpoint, Checkpoints
from ocs.store.journal import Journal, StoreError
from ocs.store.recovery import row_at
from ocs.store.rows import Row

_POLL_SECONDS: Final = 0.05


class Keeper:
    """Keeps checkpoints of one engine, if its journal has a place for them.

    `present` gives what stands now; None while that is no ground to start from: the engine is not what the journal
    says, or the tables lack something that can only be folded.
    """

    def __init__(
        self, journal: Journal, present: Callable[[], Checkpoint | None], on_trouble: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._present = present
        self._on_trouble = on_trouble

    def in_time(self) -> None:
        """Begin one if enough has happened since the last, and tell if that has failed. To be called now and then."""
        checkpoints = self._journal.checkpoints
        if checkpoints is None:
            return
        if checkpoints.finish() is False:
            self._on_trouble("a checkpoint could not be written: the next restart takes longer")
        if checkpoints.is_due(self._journal.last):
            try:
                if (now := self._now()) is not None:
                    checkpoints.begin(*now)
            except (StoreError, OSError) as error:
                self._on_trouble(f"a checkpoint could not be begun: {error}")

    async def at_once(self) -> int:
        """Make one of what stands now; the number of its last row, as soon as it is written.

        Raises:
            StoreError: it could not be.
        """
        checkpoints = self._journal.checkpoints
        if checkpoints is None:
            raise StoreError("checkpoints are kept beside a SQLite store, and this OCS has none")
        await self._finished(checkpoints)
        now = self._now()
        if now is None:
            raise StoreError("no checkpoint now: the store is behind")
        try:
            checkpoints.begin(*now)
        except OSError as error:
            raise StoreError(f"a checkpoint could not be begun: {error}") from None
        await self._finished(checkpoints)
        if checkpoints.written < now[0].sequence:
            raise StoreError("a checkpoint could not be written")
        return now[0].sequence

    def at_the_end(self) -> None:
        """Make one before the process ends, if anything has happened since the last."""
        checkpoints = self._journal.checkpoints
        if checkpoints is None:
            return
        checkpoints.give_up()
        try:
            now = self._now()
            if now is not None and now[0].sequence > checkpoints.written:
                checkpoints.write(*now)
        except (StoreError, OSError) as error:
            self._on_trouble(f"a checkpoint could not be written: {error}")

    def _now(self) -> tuple[Checkpoint, Row] | None:
        present = self._present()
        row = None if present is None else row_at(self._journal, present.sequence)
        return None if present is None or row is None else (present, row)

    async def _finished(self, checkpoints: Checkpoints) -> None:
        while checkpoints.finish() is None and checkpoints.writing:
            await asyncio.sleep(_POLL_SECONDS)
