"""CCR-I, CCR-U and CCR-T (RFC 8506 5.2 to 5.4 and table 6): the session, its services, its result.

Each MSCC is decided on its own and has its own Result-Code. The command level takes one over only where no other payer
can be concerned: see `_command_level`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ocs.catalogue.profiles import normal_apn
from ocs.charging import quota, usage
from ocs.charging.commands import Charge, Decision, Outcome
from ocs.charging.quota import Refusal
from ocs.charging.reauthorisation import reauthorise_waiting
from ocs.charging.sessions import close, forget, open_session
from ocs.charging.state import EVENT_TIME_TOLERANCE, Answered, Credit, Service, Session, State
from ocs.charging.usage import Exchange, Report
from ocs.gy.failed import failed_avp
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    CreditControlFailureHandling,
    FailedAvp,
    MultipleServicesCreditControl,
    ResultCode,
    SubscriptionIdType,
)
from ocs.inventory.subscribers import Route, Status, Subscriber

PS_CONTEXT = "32251@3gpp.org"
"""Service-Context-Id of packet-switched charging, behind any operator prefix (TS 32.299 7.1.12)."""

_digest = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class _Line:
    """One MSCC of the request and what became of it."""

    mscc: MultipleServicesCreditControl
    service: Service | None
    report: Report | None
    refusal: Refusal | None = None
    answer: MultipleServicesCreditControl | None = None


def interrogate(state: State, command: Charge, now: int, out: Outcome) -> Cca:
    """Answer one CCR, exactly once: a repeat gets the stored answer (RFC 8506 5.7)."""
    ccr = command.ccr
    session = state.sessions.get(ccr.session_id)
    content = _digest(ccr.multiple_services_credit_control)
    revision = 0
    if session is not None and session.has_seen(ccr.cc_request_number):
        stored = session.answered.get(ccr.cc_request_number)
        if stored is None:
            return _answer(state, ccr, ResultCode.UNABLE_TO_COMPLY, error="a repeat of a request answered long ago")
        if stored.request_type == ccr.cc_request_type and stored.content == content:
            return stored.answer
        revision = stored.revision + 1
    event_time, from_receipt = usage.event_time_of(ccr, now, command.retransmitted, EVENT_TIME_TOLERANCE)
    if ccr.cc_request_type is CcRequestType.INITIAL:
        if session is not None:
            return _answer(state, ccr, ResultCode.UNABLE_TO_COMPLY, error="the session is there already")
        found = _subscriber(state, ccr)
        if isinstance(found, Cca):
            return found
        session = open_session(state, ccr, *found, now, out)
    elif session is None:
        session = Session(ccr.session_id, ccr.origin_host, ccr.origin_realm, None, None, now, now, closed_at=now)
        forget(state, session, now)
    exchange = Exchange(state, session, ccr, now, event_time, from_receipt, revision, out)
    session.last_request_at = now
    match ccr.cc_request_type:
        case CcRequestType.INITIAL | CcRequestType.UPDATE if session.closed_at is None:
            answer = _authorise_all(exchange)
        case CcRequestType.TERMINATION:
            answer = _terminate(exchange)
        case _:
            answer = _late(exchange, ResultCode.UNKNOWN_SESSION_ID)
    if session.session_id in state.sessions:
        session.remember(ccr.cc_request_number, Answered(ccr.cc_request_type, content, answer, revision))
    return answer


def _subscriber(state: State, ccr: Ccr) -> tuple[Subscriber, Route] | Cca:
    """The SIM and its APN, or the answer that refuses them (domain rules "Which split pays" 1, 2 and 4)."""
    if not ccr.service_context_id.endswith(PS_CONTEXT):
        failed = failed_avp("Service-Context-Id", ccr.service_context_id)
        return _answer(state, ccr, ResultCode.RATING_FAILED, failed, error="no such service context")
    identities = {s.subscription_id_type: s.subscription_id_data for s in ccr.subscription_id}
    imsi = identities.get(SubscriptionIdType.END_USER_IMSI)
    msisdn = identities.get(SubscriptionIdType.END_USER_E164)
    inventory = state.inventory
    if imsi is not None:
        subscriber = inventory.by_imsi.get(imsi)
    else:
        subscriber = inventory.by_msisdn.get(msisdn) if msisdn is not None else None
    if subscriber is None:
        return _answer(state, ccr, ResultCode.USER_UNKNOWN, error="no such subscriber")
    if subscriber.status is not Status.ACTIVE:
        return _answer(state, ccr, ResultCode.END_USER_SERVICE_DENIED, error="the SIM is suspended")
    information = ccr.service_information.ps_information if ccr.service_information is not None else None
    if information is None or information.called_station_id is None:
        failed = failed_avp("Called-Station-Id", "")
        return _answer(state, ccr, ResultCode.RATING_FAILED, failed, error="no APN")
    route = subscriber.routes.get(normal_apn(information.called_station_id))
    if route is None:
        return _answer(state, ccr, ResultCode.END_USER_SERVICE_DENIED, error="no split holds this APN")
    return subscriber, route


def _authorise_all(exchange: Exchange) -> Cca:
    """Settle every report of a CCR-I or CCR-U, then grant what is asked for."""
    state, session, out = exchange.state, exchange.session, exchange.out
    lines = _settle_all(exchange)
    asked: set[Service] = set()
    failed: list[FailedAvp] = []
    for line in lines:
        mscc, service = line.mscc, line.service
        if service is None:
            line.refusal = Refusal(ResultCode.RATING_FAILED, "the rating group is in no split of this APN")
            failed.append(failed_avp("Rating-Group", mscc.rating_group or 0))
        elif mscc.requested_service_unit is None:
            line.refusal = quota.barred(service.credit)
        elif service in asked:
            line.refusal = Refusal(ResultCode.RATING_FAILED, "the rating group is asked for twice in one request")
            failed.append(failed_avp("Rating-Group", mscc.rating_group or 0))
        else:
            asked.add(service)
            decided = quota.authorise(exchange, service, mscc)
            if isinstance(decided, Refusal):
                line.refusal = decided
            else:
                line.answer = decided
    code = _command_level(exchange, lines)
    _record_all(exchange, lines)
    if code is ResultCode.SUCCESS:
        answers = tuple([_mscc_answer(line) for line in lines])
    else:
        answers = ()
        if exchange.ccr.cc_request_type is CcRequestType.INITIAL:
            close(state, session, exchange.now, out, keep=False)
        else:
            close(state, session, exchange.now, out)
    _offer(exchange, lines)
    return _answer(state, exchange.ccr, code, *failed, services=answers, handling=_failure_handling(exchange))


def _command_level(exchange: Exchange, lines: list[_Line]) -> ResultCode:
    """The command's own result.

    4012 goes up only where the plan ends the session with an exhausted allowance; any other code only where the CCR has
    one MSCC and the APN one payer, so that it can concern nobody else.
    """
    route = exchange.session.route
    assert route is not None
    if not lines and route.sole is not None:
        # A CCR-I that asks for nothing yet: whoever could not be served at all is told so at once.
        credit = exchange.state.credits[route.sole.subscription_id]
        refusal = quota.barred(credit)
        if refusal is None and credit.subscription.status is Status.EXHAUSTED:
            refusal = quota.exhausted(exchange, credit)
        if refusal is not None and (refusal.ends_session or refusal.result_code != ResultCode.CREDIT_LIMIT_REACHED):
            return refusal.result_code
    for line in lines:
        if line.refusal is None:
            continue
        if line.refusal.result_code is ResultCode.CREDIT_LIMIT_REACHED:
            if line.refusal.ends_session:
                return ResultCode.CREDIT_LIMIT_REACHED
        elif len(lines) == 1 and len(route.payers) == 1:
            return line.refusal.result_code
    return ResultCode.SUCCESS


def _terminate(exchange: Exchange) -> Cca:
    """CCR-T: settle, release everything, answer 2001 (RFC 8506 5.4); 5002 only for a session never seen."""
    session = exchange.session
    if session.subscriber is None:
        return _late(exchange, ResultCode.UNKNOWN_SESSION_ID)
    if session.closed_at is not None:
        return _late(exchange, ResultCode.SUCCESS)
    lines = _settle_all(exchange)
    _record_all(exchange, lines)
    close(exchange.state, session, exchange.now, exchange.out)
    _offer(exchange, lines)
    answers = tuple([_mscc_answer(line) for line in lines])
    return _answer(exchange.state, exchange.ccr, ResultCode.SUCCESS, services=answers)


def _late(exchange: Exchange, code: ResultCode) -> Cca:
    """A report for a session that has ended, or was never opened here: nothing is granted, nothing is lost."""
    lines = [line for line in _settle_all(exchange) if line.report is not None and line.report.octets]
    _record_all(exchange, lines)
    _offer(exchange, lines)
    return _answer(exchange.state, exchange.ccr, code)


def _settle_all(exchange: Exchange) -> list[_Line]:
    lines = []
    for mscc in exchange.ccr.multiple_services_credit_control:
        service = _service(exchange, mscc)
        if service is None:
            report = usage.unattributed(exchange, mscc) if mscc.used_service_unit else None
        else:
            service.reauthorising = 0
            report = usage.settle(exchange, service, mscc)
        lines.append(_Line(mscc, service, report))
    return lines


def _service(exchange: Exchange, mscc: MultipleServicesCreditControl) -> Service | None:
    """The service an MSCC speaks of, opened at its first mention; None where nobody would pay for it."""
    session = exchange.session
    key = (mscc.rating_group, mscc.service_identifier)
    service = session.services.get(key)
    if service is None and session.route is not None:
        subscription = session.route.subscription(mscc.rating_group)
        if subscription is not None:
            credit = exchange.state.credits[subscription.subscription_id]
            service = session.services[key] = Service(session, key, credit)
            if session.closed_at is None:
                credit.services[service] = None
    return service


def _record_all(exchange: Exchange, lines: list[_Line]) -> None:
    for line in lines:
        code = line.refusal.result_code if line.refusal is not None else ResultCode.SUCCESS
        granted = line.answer.granted_service_unit if line.answer is not None else None
        octets = granted.cc_total_octets if granted is not None else None
        if line.report is not None and line.mscc.used_service_unit:
            exchange.out.edrs.append(usage.record(exchange, line.report, octets, code))
        exchange.out.decisions.append(_decision(line, code, octets))


def _decision(line: _Line, code: ResultCode, octets: int | None) -> Decision:
    service = line.service
    subscription = service.credit.subscription if service is not None else None
    grant = service.grant if service is not None else None
    if line.refusal is not None:
        rule = line.refusal.rule
    elif octets is None:
        rule = "report settled; no units asked for"
    elif grant is not None and grant.final:
        rule = "last slice: nothing remains and nothing else is reserved"
    else:
        rule = "slice of the plan, cut to wish, share and what is left"
    return Decision(
        line.mscc.rating_group,
        subscription.split.id if subscription is not None else None,
        subscription.plan.id if subscription is not None else None,
        grant.parts[0].bucket.bucket_id if grant is not None and grant.parts else None,
        code,
        rule,
    )


def _offer(exchange: Exchange, lines: list[_Line]) -> None:
    """Whatever this exchange gave back goes to those who wait for it."""
    credits: dict[Credit, None] = {}
    for line in lines:
        if line.service is not None:
            credits[line.service.credit] = None
    for service in exchange.session.services.values() if exchange.session.closed_at is not None else ():
        credits[service.credit] = None
    for credit in credits:
        exchange.state.watch_started(credit)
        reauthorise_waiting(exchange.state, credit, exchange.now, exchange.out)


def _mscc_answer(line: _Line) -> MultipleServicesCreditControl:
    if line.answer is not None:
        return line.answer
    return MultipleServicesCreditControl(
        service_identifier=line.mscc.service_identifier,
        rating_group=line.mscc.rating_group,
        result_code=line.refusal.result_code if line.refusal is not None else ResultCode.SUCCESS,
    )


def _failure_handling(exchange: Exchange) -> CreditControlFailureHandling | None:
    """Once per session: where a driver may pay, a client that cannot reach us must not serve on (RFC 8506 8.14)."""
    if exchange.ccr.cc_request_type is not CcRequestType.INITIAL or exchange.session.route is None:
        return None
    if exchange.session.route.any_consumer:
        return CreditControlFailureHandling.RETRY_AND_TERMINATE
    return CreditControlFailureHandling.CONTINUE


def _answer(
    state: State,
    ccr: Ccr,
    code: ResultCode,
    *failed: FailedAvp,
    services: tuple[MultipleServicesCreditControl, ...] = (),
    handling: CreditControlFailureHandling | None = None,
    error: str | None = None,
) -> Cca:
    return Cca(
        session_id=ccr.session_id,
        result_code=code,
        origin_host=state.origin_host,
        origin_realm=state.origin_realm,
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
        multiple_services_credit_control=services,
        credit_control_failure_handling=handling,
        error_message=error,
        failed_avp=failed,
    )
