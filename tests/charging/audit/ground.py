"""What holds whatever is asked: who pays, what time brings, whom the OCS has to ask to report, when sessions end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ocs.records.edr import Transfer
from tests.charging.audit.books import Bucket, Purse
from tests.charging.audit.model import (
    GUARD,
    IDLE,
    TOMBSTONE,
    TX,
    Account,
    Expected,
    Service,
    Session,
    cycle_end,
    turn,
)
from tests.charging.audit.world import PLANS, Split


class Ground:
    """The auditor's memory, and how it moves by itself."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[str, str], Account] = {}
        self.former: list[Account] = []
        self.blocked: set[str] = set()
        """Suspended SIMs."""
        self.dead: set[str] = set()
        """Terminated SIMs."""
        self.sessions: dict[str, Session] = {}
        self.requests: set[str] = set()
        self.now = 0
        self.reported = Counter[str]()
        self.recorded = Counter[str]()
        self.edr_ids: set[str] = set()
        self.forgotten: set[str] = set()
        self.lines: dict[str, Transfer] = {}
        self.by_bucket: dict[str, Counter[str]] = {}
        self.names: dict[str, Bucket] = {}
        self.owner: dict[str, Account] = {}
        self.offers: list[tuple[int, Service]] = []
        self.expected = Expected()
        self.alarms: list[str] = []
        self.moved: list[Account] = []
        """Whose units the command has moved: what came back is offered to those who wait, once all is decided."""

    # --- time ---------------------------------------------------------------------------------------------------------

    def _pass_time(self, now: int) -> None:
        while True:
            due = min(self._deadlines(), key=lambda item: item[0], default=None)
            if due is None or due[0] > now:
                break
            self.now = due[0]
            due[1](*due[2:])
        self.now = now

    def _deadlines(self) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for account in [*self.accounts.values(), *self.former]:
            if account.purse is not None:
                found += [(at, self._bucket_ends, account, bucket) for at, bucket in account.purse.ends()]
        for at, service in self.offers:
            found.append((at, self._offer_late, at, service))
        for session in self.sessions.values():
            if session.closed_at is not None:
                found.append((session.closed_at + TOMBSTONE, self._forget, session))
                continue
            held = [s.grant.ends_at for s in session.services.values() if s.grant and not s.grant.lapsed]
            found.append((max([session.last_heard + IDLE, *held]), self._close, session))
            for service in session.services.values():
                grant = service.grant
                if grant is not None and not grant.lapsed:
                    found.append((grant.ends_at, self._lapse, service))
                    if grant.report_by is not None:
                        found.append((grant.report_by, self._report_missing, service))
            for rating_group, (times, at) in session.asked.items():
                if times == 1:
                    found.append((at, self._ask_again, session, rating_group))
            for at in session.doubted:
                found.append((at, self._doubt, session, at))
        return found

    def _bucket_ends(self, account: Account, bucket: Bucket) -> None:
        assert account.purse is not None
        account.purse.expire(bucket, self.now)
        ended = all(other.over for other in account.purse.buckets)
        if account.plan.limit is not None and not account.terminated and ended:
            self._buy(account, account.plan.limit, 0, cycle_end(self.now))
            self.offers += [(self.now + turn(service.session), service) for service in account.waiting]

    def _offer_late(self, at: int, service: Service) -> None:
        self.offers.remove((at, service))
        if service in service.account.waiting and self._has_units(service.account):
            self._ask(service, changed=True)

    def _forget(self, session: Session) -> None:
        """What was named after it may be named so again, by a client that uses its Session-Id again."""
        del self.sessions[session.id]
        self.forgotten.add(session.id)

    def _lapse(self, service: Service) -> None:
        self._release(service)
        assert service.grant is not None
        self._offer(service.grant.account)

    def _report_missing(self, service: Service) -> None:
        assert service.grant is not None
        service.grant.report_by = None
        self._ask(service)

    def _ask_again(self, session: Session, rating_group: int | None) -> None:
        session.asked[rating_group] = [2, self.now + GUARD]
        self.expected.pushes["rar", session.id, rating_group] += 1

    def _doubt(self, session: Session, at: int) -> None:
        session.doubted.remove(at)
        if session.last_heard <= at - TX:
            self._close(session)

    # --- who pays -----------------------------------------------------------------------------------------------------

    def _open_account(self, imsi: str, split: Split, payer: str, number: int) -> Account:
        plan = PLANS[split.plan]
        account = Account(imsi, split, payer, plan, f"{imsi}/{split.id}/{number}")
        self.accounts[imsi, split.id] = account
        if plan.prepaid:
            account.purse = Purse(plan.queue)
            if plan.free_quota is not None:
                self._buy(account, *plan.free_quota)
        elif plan.limit is not None:
            account.purse = Purse(queue=True)
            self._buy(account, plan.limit, 0, cycle_end(self.now))
        return account

    def _buy(self, account: Account, volume: int, valid: int, ends_at: int | None = None) -> None:
        assert account.purse is not None
        self.expected.credits.append((account, account.purse.buy(volume, valid, self.now, ends_at)))

    def _payable(self, session: Session) -> list[Account]:
        """Everybody who can pay on a session's APN."""
        return [a for (imsi, _), a in self.accounts.items() if imsi == session.imsi and a.split.apn == session.apn]

    def _payer(self, session: Session, rating_group: int | None) -> Account | None:
        candidates = self._payable(session)
        for account in candidates:
            if rating_group is not None and rating_group in account.split.rating_groups:
                return account
        catch_all = [account for account in candidates if not account.split.rating_groups]
        if rating_group is None and len({account.payer for account in candidates}) > 1:
            return None
        return catch_all[0] if catch_all else None

    def _barred(self, account: Account) -> bool:
        sim_off = account.imsi in self.blocked or account.imsi in self.dead
        return account.suspended or account.terminated or sim_off

    def _has_units(self, account: Account) -> bool:
        return not self._barred(account) and (account.purse is None or account.purse.free > 0)

    # --- asking clients to report -------------------------------------------------------------------------------------

    def _ask(self, service: Service, changed: bool = False) -> None:
        session, rating_group = service.session, service.rating_group
        if session.closed_at is not None or not session.peer.rar:
            return
        pending = session.asked.get(rating_group)
        if pending is None or (changed and pending[0] == 2 and pending[1] <= self.now):
            session.asked[rating_group] = [1, self.now + GUARD]
            self.expected.pushes["rar", session.id, rating_group] += 1

    def _offer(self, account: Account) -> None:
        """Credit may have come back to those who wait."""
        if self._has_units(account):
            for service in account.waiting:
                self._ask(service)

    def _replenished(self, account: Account) -> None:
        if self._barred(account):
            return
        for service in self._served_by(account):
            grant = service.grant
            if service in account.waiting or (grant is not None and grant.final and not grant.lapsed):
                self._ask(service, changed=True)

    def _served_by(self, account: Account) -> list[Service]:
        return [
            service
            for session in self.sessions.values()
            if session.closed_at is None
            for service in session.services.values()
            if service.account is account
        ]

    # --- sessions -----------------------------------------------------------------------------------------------------

    def _release(self, service: Service) -> None:
        grant = service.grant
        if grant is None or grant.lapsed:
            return
        grant.lapsed = True
        if grant.account.purse is not None:
            grant.account.purse.post(grant.parts, 0, self.now)
        grant.parts = []

    def _close(self, session: Session, keep: bool = True) -> None:
        session.closed_at = self.now
        concerned = []
        for service in session.services.values():
            concerned.append(service.account)
            if service.grant is not None:
                concerned.append(service.grant.account)
            self._release(service)
            if service in service.account.waiting:
                service.account.waiting.remove(service)
        if not keep:
            del self.sessions[session.id]
        for account in concerned:
            self._offer(account)
