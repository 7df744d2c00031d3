"""The operator's commands, and what clients answer to RAR and ASR."""

from __future__ import annotations

from ocs.charging.commands import ChangePlan, ChangeProfile, Outcome, PushAnswered, SetStatus, TopUp
from ocs.gy.messages import Cca
from tests.charging.audit.books import SECOND
from tests.charging.audit.ground import Ground
from tests.charging.audit.model import TX, Account
from tests.charging.audit.world import PLANS, SPLITS, Plan


class Desk(Ground):
    """Judges receipts, and works out whom a change concerns."""

    def _done(self, request_id: str, outcome: Outcome, possible: bool) -> bool:
        """Whether an operator's command does something: once, and only if it can."""
        assert outcome.answer is not None
        assert not isinstance(outcome.answer, Cca)
        if request_id in self.requests:
            assert outcome.answer.error is None
            return False
        assert (outcome.answer.error is None) == possible, outcome.answer
        if possible:
            self.requests.add(request_id)
        return possible

    def _top_up(self, command: TopUp, outcome: Outcome) -> None:
        account = self.accounts[command.imsi, command.split_id]
        possible = account.plan.prepaid and command.bundle_id in account.plan.bundles and not account.terminated
        if self._done(command.request_id, outcome, possible):
            self._buy(account, *account.plan.bundles[command.bundle_id])
            self._replenished(account)

    def _set_status(self, command: SetStatus, outcome: Outcome) -> None:
        imsi, split_id = command.imsi, command.split_id
        account = self.accounts[imsi, split_id] if split_id is not None else None
        gone = account.terminated if account is not None else imsi in self.dead
        if not self._done(command.request_id, outcome, not gone):
            return
        if account is not None:
            account.suspended, account.terminated = command.status == "suspended", command.status == "terminated"
        else:
            self.blocked.discard(imsi)
            if command.status == "suspended":
                self.blocked.add(imsi)
            elif command.status == "terminated":
                self.dead.add(imsi)
        concerned = [account] if account is not None else [a for (i, _), a in self.accounts.items() if i == imsi]
        for each in concerned:
            for service in self._served_by(each):
                session = service.session
                if session.peer.asr and all(self._barred(other) for other in self._payable(session)):
                    session.aborting = True
                    self.expected.pushes["asr", session.id, None] = 1
                elif service.grant is not None or (command.status == "active" and service.refused):
                    self._ask(service, changed=True)

    def _change_plan(self, command: ChangePlan, outcome: Outcome) -> None:
        account = self.accounts[command.imsi, command.split_id]
        plan = PLANS[command.plan_id]
        possible = plan.prepaid and account.plan.prepaid and not account.terminated
        if not self._done(command.request_id, outcome, possible) or plan is account.plan:
            return
        self._adopt(account, plan)

    def _adopt(self, account: Account, plan: Plan) -> None:
        """A driver's new plan rules the next grant."""
        account.plan = plan
        assert account.purse is not None
        account.purse.queue = plan.queue
        if not plan.queue:
            for bucket in account.purse.buckets:
                if bucket.ends_at is None:
                    bucket.ends_at = self.now + bucket.valid_seconds * SECOND
        for service in self._served_by(account):
            if service in account.waiting:
                if self._has_units(account):
                    self._ask(service, changed=True)
            elif service.grant is not None and not service.grant.lapsed:
                self._ask(service, changed=True)

    def _change_payers(self, command: ChangeProfile, outcome: Outcome) -> None:
        """The car is sold: others pay from now on. A split that stays with its payer has the profile's plan again."""
        if not self._done(command.request_id, outcome, True):
            return
        imsi, moved = command.imsi, []
        for split in SPLITS.values():
            old = self.accounts[imsi, split.id]
            payer = split.payer or command.payers[split.id]
            if old.payer != payer or old.terminated:
                old.terminated = True
                self.former.append(old)
                number = 1 + sum(a.imsi == imsi and a.split is split for a in self.former)
                moved.append((old, self._open_account(imsi, split, payer, number)))
            elif old.plan is not PLANS[split.plan]:
                self._adopt(old, PLANS[split.plan])
        for old, new in moved:
            for service in self._served_by(old):
                service.account = new
                if service in old.waiting:
                    old.waiting.remove(service)
                if service.refused or (service.grant is not None and not service.grant.lapsed):
                    self._ask(service, changed=True)

    def _push_answered(self, command: PushAnswered) -> None:
        session = self.sessions.get(command.session_id)
        if session is None or session.closed_at is not None:
            return
        if command.result_code == 5002:
            session.doubted.append(self.now + TX)
        elif session.aborting and command.rating_group is None:
            session.aborting = False
            if command.result_code != 2001:
                for service in session.services.values():
                    if service.grant is not None and not service.grant.lapsed:
                        self._ask(service, changed=True)
