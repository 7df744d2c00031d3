"""Any order of commands, with the process dying in between: what goes on is an engine folded from the store.

The same machine as `tests.charging.test_any_order`, and the same auditor, who does not know that the engine which
answers him now has been folded from octets.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from ocs import overview
from ocs.charging.engine import Engine
from ocs.records.columns import in_order
from ocs.store.reading import read_changes, read_edrs, read_transfers
from ocs.store.recovery import fold
from ocs.store.rows import Filling, Row, request_octets
from ocs.store.sqlite import SqliteJournal
from tests.charging.test_any_order import AnyOrder, rarely


class FromTheStore(AnyOrder):
    """See above."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "ocs.db"
        self.journal = SqliteJournal(self.path)
        self.written = self.filled = 0

    def _write(self, fills: bool) -> None:
        """All commands since the last time; the tables take them in, or are left behind."""
        new = self.commands[self.written :]
        self.journal.append([Row(now, type(command).__name__, request_octets(command), b"") for command, now, _ in new])
        self.written = len(self.commands)
        if fills:
            self.journal.fill(Filling.of(outcome for *_, outcome in self.commands[self.filled :]))
            self.filled = len(self.commands)

    @rarely
    @rule(fills=st.booleans())
    def the_process_dies(self, fills: bool) -> None:
        self._write(fills)
        self.journal.close()
        self.journal = SqliteJournal(self.path)
        before, self.engine = self.engine, Engine("ocs", "home")
        assert fold(self.engine, self.journal) == (self.commands[-1][1], Filling())
        self.filled = self.written
        for view in (overview.sims, overview.usage):
            assert list(view(self.engine.state)) == list(view(before.state))
        assert self.engine.next_deadline() == before.next_deadline()
        assert list(self.engine.state.sessions) == list(before.state.sessions)

    def teardown(self) -> None:
        try:
            super().teardown()
            if self.sound:
                self._write(fills=True)
                outcomes = [outcome for *_, outcome in self.commands]
                assert read_edrs(self.path) == in_order(edr for outcome in outcomes for edr in outcome.edrs)
                assert read_transfers(self.path) == in_order(line for outcome in outcomes for line in outcome.transfers)
                assert read_changes(self.path) == in_order(change for outcome in outcomes for change in outcome.changes)
        finally:
            self.journal.close()
            self.folder.cleanup()


TestFromTheStore = FromTheStore.TestCase
TestFromTheStore.settings = settings(
    max_examples=30,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    report_multiple_bugs=False,
)
