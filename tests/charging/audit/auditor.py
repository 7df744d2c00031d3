"""An auditor of the online charging system, who judges every answer, record, ledger line and push by the rules alone.

It hears every command and what came of it, keeps its own books (`books`), and works out what ought to have come. It
shares no code with the engine: it knows messages, records and commands, and the rules of split billing, said here in
the shortest form that is slow and plain. What it cannot know (the name of a bucket, how a session's turn is drawn at a
cycle's end) it reads from the outcome, and holds the rest against that.
"""

from __future__ import annotations

from ocs.charging.commands import ChangePlan, ChangeProfile, Charge, Command, Outcome, PushAnswered, SetStatus, TopUp
from ocs.gy.messages import Cca
from tests.charging.audit.desk import Desk
from tests.charging.audit.model import Expected
from tests.charging.audit.requests import Requests
from tests.charging.audit.world import IMSIS, SPLITS


class Auditor(Requests, Desk):
    """Judges one engine's life. `judge` raises AssertionError where an outcome is not what the rules ask for."""

    def provisioned(self, outcome: Outcome, now: int) -> None:
        self.now, self.expected = now, Expected()
        for number, imsi in enumerate(IMSIS):
            for split in SPLITS.values():
                self._open_account(imsi, split, split.payer or f"driver{number}", 1)
        self._check_credits(outcome)
        self._check_ledger(outcome)

    def judge(self, command: Command, now: int, outcome: Outcome) -> None:
        """Hear a command, and hold its outcome against the rules."""
        self.expected = Expected()
        self.moved, self.alarms = [], outcome.alarms
        self._pass_time(now)
        match command:
            case Charge():
                assert isinstance(outcome.answer, Cca)
                self._charge(command.ccr, outcome.answer)
            case TopUp():
                self._top_up(command, outcome)
            case SetStatus():
                self._set_status(command, outcome)
            case ChangePlan():
                self._change_plan(command, outcome)
            case ChangeProfile():
                self._change_payers(command, outcome)
            case PushAnswered():
                self._push_answered(command)
            case _:
                assert outcome.answer is None
        for account in self.moved:
            self._offer(account)
        self._check_pushes(outcome)
        self._check_credits(outcome)
        self._check_edrs(outcome)
        self._check_ledger(outcome)
