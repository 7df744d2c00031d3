"""CCRs: how each ought to be answered, and what it ought to leave behind."""

from __future__ import annotations

from ocs.gy.messages import Cca, Ccr, CcRequestType, FinalUnitAction, RequestedAction
from tests.charging.audit.books import SECOND, Parts
from tests.charging.audit.ledger import Ledger
from tests.charging.audit.model import ANSWERS_KEPT, TX, Account, Grant, Mscc, Service, Session, cycle_end, turn
from tests.charging.audit.world import IMSIS, PEERS, Peer, Plan


class Requests(Ledger):
    """Judges answers."""

    def _charge(self, ccr: Ccr, answer: Cca) -> None:
        for field_name in ("session_id", "cc_request_type", "cc_request_number"):
            assert getattr(answer, field_name) == getattr(ccr, field_name), f"{field_name} is not echoed"
        services = ccr.multiple_services_credit_control
        session = self.sessions.get(ccr.session_id)
        kind, number = ccr.cc_request_type, ccr.cc_request_number
        if session is not None:
            for place, (n, k, units, given) in enumerate(reversed(session.answered)):
                if (n, k, units) == (number, kind, services):
                    self._repeat(session, ccr, answer, given, place)
                    return
        used_number = session is not None and any(n == number for n, *_ in session.answered)
        assert bool(self.alarms) == used_number, self.alarms
        if kind is CcRequestType.INITIAL or kind is CcRequestType.EVENT:
            code = self._welcome(session, ccr, used_number)
            if code is not None:
                assert answer.result_code == code, f"{answer.result_code}, where {code} ought to be"
                if any(mscc.used_service_unit for mscc in services):
                    session = session or self._stray(ccr)
                    session.last_heard = self.now
                    self._late(session, ccr)
                    self._remember(session, ccr, answer)
                return
            if session is None or session.imsi is None or kind is CcRequestType.EVENT:
                session = self._open(ccr, session)
        session = session or self._stray(ccr)
        session.last_heard = self.now
        if kind is CcRequestType.EVENT:
            self._event(session, ccr, answer)
            session.closed_at, session.is_event = self.now, True
            self.sessions[session.id] = session
        elif session.imsi is None or session.is_event:
            assert answer.result_code == 5002
            self._late(session, ccr)
        elif session.closed_at is not None:
            assert answer.result_code == (2001 if kind is CcRequestType.TERMINATION else 5002)
            self._late(session, ccr)
        elif kind is CcRequestType.TERMINATION:
            assert answer.result_code == 2001
            self._settle_all(session, ccr)
            self._close(session)
        else:
            self._authorise(session, ccr, answer)
        if session.id in self.sessions:
            self._remember(session, ccr, answer)

    def _remember(self, session: Session, ccr: Ccr, answer: Cca) -> None:
        services = ccr.multiple_services_credit_control
        session.answered.append((ccr.cc_request_number, ccr.cc_request_type, services, answer))

    def _repeat(self, session: Session, ccr: Ccr, answer: Cca, given: Cca, place: int) -> None:
        """A repeat: the answer given before; units that are reserved no more are reserved anew, or refused."""
        if place >= ANSWERS_KEPT and answer.result_code == 5012:
            return
        session.last_heard = self.now
        lapsed = [
            mscc
            for mscc in ccr.multiple_services_credit_control
            if given.result_code == 2001
            and mscc.requested_service_unit is not None
            and (service := session.services.get(mscc.rating_group)) is not None
            and (grant := service.grant) is not None
            and grant.lapsed
            and grant.number == ccr.cc_request_number
        ]
        if lapsed and session.closed_at is not None:
            assert answer.result_code == 5002
            return
        answers = {mscc.rating_group: mscc for mscc in answer.multiple_services_credit_control}
        for mscc in lapsed:
            service = session.services[mscc.rating_group]
            service.grant = None
            self._decide(service, mscc, answers[mscc.rating_group], ccr)
        again = {mscc.rating_group for mscc in lapsed}
        untouched = [m for m in answer.multiple_services_credit_control if m.rating_group not in again]
        before = [m for m in given.multiple_services_credit_control if m.rating_group not in again]
        assert (answer.result_code, untouched) == (given.result_code, before), "a repeat got another answer"
        if lapsed:
            place = len(session.answered) - 1 - place
            session.answered[place] = (*session.answered[place][:3], answer)

    def _welcome(self, session: Session | None, ccr: Ccr, used_number: bool) -> int | None:
        """The code that a CCR-I or CCR-E is refused with; None if it is welcome."""
        event = ccr.cc_request_type is CcRequestType.EVENT
        if session is not None and session.imsi is not None:
            if used_number and not event and session.closed_at is None:
                return None
            if not (event and session.is_event):
                return 5012
        imsi, apn = _identity(ccr)
        if imsi not in IMSIS:
            return 5030
        if imsi in self.blocked or imsi in self.dead:
            return 4010
        return None if any(i == imsi and a.split.apn == apn for (i, _), a in self.accounts.items()) else 4010

    def _open(self, ccr: Ccr, earlier: Session | None) -> Session:
        imsi, apn = _identity(ccr)
        session = Session(ccr.session_id, imsi, apn, PEERS[ccr.origin_host], self.now, self.now)
        session.answered = earlier.answered if earlier is not None else []
        if ccr.cc_request_type is CcRequestType.INITIAL:
            information = ccr.service_information.ps_information if ccr.service_information else None
            if information is not None and information.nsapi is not None:
                session.bearer = (ccr.origin_host, imsi, apn, information.nsapi)
                for ghost in list(self.sessions.values()):
                    if ghost.bearer == session.bearer and ghost.closed_at is None:
                        self._close(ghost)
            self.sessions[session.id] = session
        return session

    def _stray(self, ccr: Ccr) -> Session:
        session = Session(ccr.session_id, None, "", PEERS[ccr.origin_host], self.now, self.now, closed_at=self.now)
        self.sessions[session.id] = session
        return session

    def _late(self, session: Session, ccr: Ccr) -> None:
        """Nothing is granted; what is reported is settled all the same."""
        for mscc in ccr.multiple_services_credit_control:
            if mscc.used_service_unit:
                self._settle(session, mscc, ccr, blank=False)

    def _settle_all(self, session: Session, ccr: Ccr) -> list[tuple[Mscc, Service | None, bool]]:
        return [(mscc, *self._settle(session, mscc, ccr)) for mscc in ccr.multiple_services_credit_control]

    def _settle(self, session: Session, mscc: Mscc, ccr: Ccr, blank: bool = True) -> tuple[Service | None, bool]:
        """Debit what an MSCC reports, release the rest; returns its service, and whether its final units are over."""
        used = sum(unit.cc_total_octets or 0 for unit in mscc.used_service_unit)
        service = session.services.get(mscc.rating_group)
        if service is None:
            account = self._payer(session, mscc.rating_group)
            if account is None:
                if mscc.used_service_unit and (used or blank):
                    self._record(ccr, mscc, used, None, 0, [], False)
                return None, False
            service = session.services[mscc.rating_group] = Service(session, mscc.rating_group, account)
        session.asked.pop(mscc.rating_group, None)
        grant = service.grant
        service.grant = None
        account = service.account if grant is None else grant.account
        parts = grant.parts if grant is not None else []
        overrun, paid = 0, Parts()
        if account.purse is not None and (mscc.used_service_unit or grant is not None):
            paid, overrun = account.purse.post(parts, used, self.now)
        late = grant.lapsed if grant is not None else session.closed_at is not None
        if mscc.used_service_unit and (used or blank):
            self._record(ccr, mscc, used, account, overrun, paid, late and used > 0)
        if mscc.used_service_unit or grant is not None:
            self.moved.append(account)
        final_over = grant is not None and grant.final and used >= grant.amount
        return service, final_over

    def _authorise(self, session: Session, ccr: Ccr, answer: Cca) -> None:
        lines = self._settle_all(session, ccr)
        answers = list(answer.multiple_services_credit_control)
        accounts = self._payable(session)
        sole = accounts[0] if len(accounts) == 1 else None
        whole: int | None = None
        if not lines and sole is not None:
            if self._barred(sole):
                whole = 4010
            elif sole.exhausted and sole.plan.end_session and not self._graceful(sole, session.peer):
                whole = 4012
        asked: set[int | None] = set()
        for place, (mscc, service, final_over) in enumerate(lines):
            given = answers[place] if place < len(answers) else None
            if service is None:
                code, ends = 5031, False
            elif mscc.requested_service_unit is None:
                code, ends = self._answer_report(service, given, final_over), False
            elif mscc.rating_group in asked and service.grant is not None:
                code, ends = 5031, False
            else:
                code, ends = self._decide(service, mscc, given, ccr)
                asked.add(mscc.rating_group)
            alone = len(lines) == 1 and len({account.payer for account in accounts}) == 1
            if code != 2001 and whole is None and (ends or (alone and code != 4012)):
                whole = code
            if given is not None:
                assert given.result_code == code, f"RG {mscc.rating_group}: {given.result_code}, {code} ought to be"
                assert given.rating_group == mscc.rating_group
                if code != 2001:
                    assert given.granted_service_unit is None
        assert answer.result_code == (whole or 2001), f"{answer.result_code}, {whole or 2001} ought to be"
        if whole is None:
            assert len(answers) == len(lines)
        else:
            assert not answers
            initial = ccr.cc_request_type is CcRequestType.INITIAL
            self._close(session, keep=not initial or bool(session.answered) or bool(self.expected.edrs))

    def _answer_report(self, service: Service, given: Mscc | None, final_over: bool) -> int:
        """A report without a request for units: nothing is granted."""
        assert given is None or given.granted_service_unit is None, "units for who did not ask"
        account, session = service.account, service.session
        if self._barred(account):
            return 4010
        if final_over and self._final_action(account.plan, session.peer) is not None:
            self._wait(service)
            if self._graceful(account, session.peer):
                service.graceful_until = self.now + account.plan.validity * SECOND
                assert given is None or given.validity_time == account.plan.validity
        return 2001

    def _wait(self, service: Service) -> None:
        if service not in service.account.waiting:
            service.account.waiting.append(service)

    def _graceful(self, account: Account, peer: Peer) -> bool:
        return self._final_action(account.plan, peer) is FinalUnitAction.REDIRECT

    def _final_action(self, plan: Plan, peer: Peer) -> FinalUnitAction | None:
        if plan.final_unit is None:
            return None
        graceful = plan.final_unit == "redirect" and peer.graceful
        return FinalUnitAction.REDIRECT if graceful else FinalUnitAction.TERMINATE

    def _decide(self, service: Service, mscc: Mscc, given: Mscc | None, ccr: Ccr) -> tuple[int, bool]:
        """A request for units: the code that it ought to get, and whether that ends the session."""
        account, session = service.account, service.session
        if service in account.waiting:
            account.waiting.remove(service)
        service.refused = True
        if self._barred(account):
            return 4010, False
        if account.purse is not None and account.purse.free == 0:
            self._wait(service)
            if account.exhausted:
                if self._graceful(account, session.peer):
                    if service.graceful_until is None:
                        service.graceful_until = self.now + account.plan.validity * SECOND
                    left = (service.graceful_until - self.now) // SECOND
                    if left > 0:
                        assert given is not None
                        assert given.granted_service_unit is None
                        assert given.final_unit_indication is not None
                        assert given.final_unit_indication.final_unit_action is FinalUnitAction.REDIRECT
                        assert given.validity_time == left
                        service.refused = False
                        return 2001, False
                only_payer = len(self._payable(session)) == 1
                return 4012, account.plan.prepaid and account.plan.end_session and only_payer
            for other in self._served_by(account):
                if other is not service and other.grant is not None and not other.grant.lapsed:
                    self._ask(other)
            return 4012, False
        service.refused, service.graceful_until = False, None
        self._grant(service, mscc, given, ccr)
        return 2001, False

    def _grant(self, service: Service, mscc: Mscc, given: Mscc | None, ccr: Ccr) -> None:
        account, session = service.account, service.session
        plan, purse = account.plan, account.purse
        assert mscc.requested_service_unit is not None
        amount = min(mscc.requested_service_unit.cc_total_octets or plan.slice, plan.slice)
        parts: Parts = []
        final = False
        latest = self.now + plan.validity * SECOND
        report_by = None
        month_end = cycle_end(self.now)
        if latest > month_end:
            latest = min(latest, month_end + turn(session))
        if purse is not None:
            if account.waiting:
                amount = min(amount, max(plan.least_slice, purse.free // (1 + len(account.waiting))))
            amount = min(amount, purse.free)
            parts = purse.reserve(amount, self.now)
            final = purse.free == 0 and purse.reserved == amount
            latest = min([latest, *(bucket.ends_at for bucket, _ in parts if bucket.ends_at is not None)])
        if latest > month_end:
            report_by = month_end + turn(session) + TX
        validity = max(1, (latest - self.now) // SECOND)
        ends_at = self.now + (validity + plan.grace) * SECOND
        service.grant = Grant(
            account, plan, parts, amount, ends_at, ccr.cc_request_number, self.now, final, report_by
        )  # fmt: skip
        if given is None:
            return
        assert given.granted_service_unit is not None, "no units, though there are some"
        assert given.granted_service_unit.cc_total_octets == amount, (
            f"{given.granted_service_unit.cc_total_octets} octets granted, {amount} ought to be"
        )
        assert given.validity_time == validity
        action = self._final_action(plan, session.peer) if final else None
        indicated = given.final_unit_indication and given.final_unit_indication.final_unit_action
        assert indicated == action, f"final units: {indicated}, {action} ought to be"

    def _event(self, session: Session, ccr: Ccr, answer: Cca) -> None:
        """One service, one amount: debit, refund, or a question."""
        (mscc,) = ccr.multiple_services_credit_control
        assert mscc.requested_service_unit is not None
        amount, action = mscc.requested_service_unit.cc_total_octets or 0, ccr.requested_action
        account = self._payer(session, mscc.rating_group)
        purse = account.purse if account is not None else None
        if account is None:
            code = 5031
        elif self._barred(account):
            code = 4010
        elif action is not RequestedAction.REFUND_ACCOUNT and purse is not None and purse.free < amount:
            code = 4012
        else:
            code = 2001
        if action is RequestedAction.CHECK_BALANCE and code in (2001, 4012):
            assert answer.result_code == 2001
            assert answer.check_balance_result == (0 if code == 2001 else 1)
            return
        assert answer.result_code == code
        assert answer.check_balance_result is None
        if code != 2001 or account is None or action is RequestedAction.CHECK_BALANCE:
            return
        if action is RequestedAction.REFUND_ACCOUNT:
            self._record(ccr, mscc, -amount, account, 0, [], False)
            if purse is not None:
                ends_at = None if account.plan.prepaid else cycle_end(self.now)
                self._buy(account, amount, 28 * 86_400, ends_at)
            self._replenished(account)
        else:
            paid, overrun = purse.post([], amount, self.now) if purse is not None else ([], 0)
            assert overrun == 0
            self._record(ccr, mscc, amount, account, 0, paid, False)


def _identity(ccr: Ccr) -> tuple[str, str]:
    information = ccr.service_information.ps_information if ccr.service_information is not None else None
    assert information is not None
    return ccr.subscription_id[0].subscription_id_data, information.called_station_id or ""
