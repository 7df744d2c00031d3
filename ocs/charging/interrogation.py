"""CCR-I, CCR-U and CCR-T (RFC 8506 5.2 to 5.4 and table 6): the session, its services, its result.

Each MSCC is decided on its own and has its own Result-Code. The command level takes one over only where no other payer
can be concerned: see `_command_level`.
"""

from __future__ import annotations

import msgspec

from ocs.charging import quota, usage
from ocs.charging.commands import Charge, Decision, Outcome
from ocs.charging.events import charge_event
from ocs.charging.final_units import after_final_units
from ocs.charging.identification import Unidentified, identify
from ocs.charging.quota import Refusal
from ocs.charging.reauthorisation import reauthorise_waiting
from ocs.charging.sessions import close, keep_tombstone, note_origin_state, open_session, stray
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
)
from ocs.inventory.subscribers import Status

_digest = msgspec.msgpack.Encoder().encode


class _Line(msgspec.Struct, eq=False):
    """One MSCC of the request and what became of it."""

    mscc: MultipleServicesCreditControl
    service: Service | None
    reports: list[Report]
    after_final_units: bool
    answer: MultipleServicesCreditControl | None = None
    refusal: Refusal | None = None


def interrogate(state: State, command: Charge, now: int, out: Outcome) -> Cca:
    """Answer one CCR, exactly once: a repeat gets the stored answer (RFC 8506 5.7)."""
    ccr = command.ccr
    session = state.sessions.get(ccr.session_id)
    services = ccr.multiple_services_credit_control or _command_level_units(ccr)
    content = _digest(services)
    stored = None
    if session is not None and session.has_seen(ccr.cc_request_number):
        stored = session.answered.get(ccr.cc_request_number)
        if stored is None:
            return _answer(state, ccr, ResultCode.UNABLE_TO_COMPLY, error="a repeat of a request answered long ago")
        if stored.request_type == ccr.cc_request_type and stored.content == content:
            return _again(state, session, stored, services, now, out, ccr)
        out.alarms.append(f"{ccr.session_id}: CC-Request-Number {ccr.cc_request_number} came with other content")
    if ccr.origin_state_id is not None:
        note_origin_state(state, ccr.origin_host, ccr.origin_state_id, now, out)
    kind = ccr.cc_request_type
    if kind is CcRequestType.INITIAL or kind is CcRequestType.EVENT:
        if session is not None and stored is None and session.subscriber is not None:
            return _answer(state, ccr, ResultCode.UNABLE_TO_COMPLY, error="the session is there already")
        found = identify(state, ccr, out)
        if isinstance(found, Unidentified):
            return _answer(state, ccr, found.result_code, *found.failed, error=found.reason)
        session = open_session(state, ccr, found, now, out)
    elif session is None:
        session = stray(state, ccr, now)
    event_time, from_receipt = usage.event_time_of(ccr, now, command.retransmitted, EVENT_TIME_TOLERANCE)
    parts = {} if stored is None else stored.parts
    exchange = Exchange(state, session, ccr, services, now, event_time, from_receipt, out, parts)
    session.last_request_at = now
    if kind is CcRequestType.EVENT:
        answer = charge_event(exchange)
        keep_tombstone(state, session, now)
    elif kind is CcRequestType.TERMINATION:
        answer = _terminate(exchange)
    elif session.closed_at is None:
        answer = _authorise_all(exchange)
    else:
        answer = _late(exchange, ResultCode.UNKNOWN_SESSION_ID)
    if not ccr.multiple_services_credit_control and services:
        answer = _at_command_level(answer)
    if session.session_id in state.sessions:
        session.remember(ccr.cc_request_number, Answered(kind, content, answer, exchange.parts))
    return answer


def _command_level_units(ccr: Ccr) -> tuple[MultipleServicesCreditControl, ...]:
    """Units outside of any MSCC, as clients with a single service may send them (RFC 8506 3.1)."""
    if ccr.requested_service_unit is None and not ccr.used_service_unit:
        return ()
    identifiers = (ccr.service_identifier,) if ccr.service_identifier is not None else ()
    return (
        MultipleServicesCreditControl(
            requested_service_unit=ccr.requested_service_unit,
            used_service_unit=ccr.used_service_unit,
            service_identifier=identifiers,
        ),
    )


def _at_command_level(answer: Cca) -> Cca:
    """The answer to such a request: its units stand where the client put them."""
    for mscc in answer.multiple_services_credit_control:
        if answer.result_code == ResultCode.SUCCESS and mscc.result_code is not None:
            answer.result_code = mscc.result_code
        answer.granted_service_unit = mscc.granted_service_unit
        answer.validity_time = mscc.validity_time
    answer.multiple_services_credit_control = ()
    return answer


def _again(
    state: State,
    session: Session,
    stored: Answered,
    services: tuple[MultipleServicesCreditControl, ...],
    now: int,
    out: Outcome,
    ccr: Ccr,
) -> Cca:
    """The stored answer; but units whose reservation has ended meanwhile are reserved anew, or refused."""
    exchange = None
    for mscc in services:
        service = session.services.get((mscc.rating_group, mscc.service_identifier))
        grant = service.grant if service is not None else None
        if service is None or grant is None or not grant.ended or session.closed_at is not None:
            continue
        if grant.request_number != ccr.cc_request_number or mscc.requested_service_unit is None:
            continue
        if exchange is None:
            exchange = Exchange(state, session, ccr, services, now, now, False, out, stored.parts)
        service.grant = None
        decided = quota.authorise(exchange, service, mscc, mscc.requested_service_unit)
        line = _Line(mscc, service, [], False)
        if isinstance(decided, Refusal):
            line.refusal = decided
        else:
            line.answer = decided
        renewed = [
            _mscc_answer(line) if (m.rating_group, m.service_identifier) == service.key else m
            for m in stored.answer.multiple_services_credit_control
        ]
        stored.answer = msgspec.structs.replace(stored.answer, multiple_services_credit_control=tuple(renewed))
    return stored.answer


def _authorise_all(exchange: Exchange) -> Cca:
    """Settle every report of a CCR-I or CCR-U, then grant what is asked for."""
    state, session, out = exchange.state, exchange.session, exchange.out
    lines = _settle_all(exchange)
    failed: list[FailedAvp] = []
    for line in lines:
        _decide(exchange, line, failed)
    code = _command_level(exchange, lines)
    _record_all(exchange, lines)
    if code is ResultCode.SUCCESS:
        answers = tuple([_mscc_answer(line) for line in lines])
    else:
        answers = ()
        close(state, session, exchange.now, out, keep=exchange.ccr.cc_request_type is not CcRequestType.INITIAL)
    _offer(exchange, lines)
    return _answer(state, exchange.ccr, code, *failed, services=answers, handling=_failure_handling(exchange))


def _decide(exchange: Exchange, line: _Line, failed: list[FailedAvp]) -> None:
    """One MSCC: its grant, or its refusal."""
    mscc, service, requested = line.mscc, line.service, line.mscc.requested_service_unit
    if service is None:
        line.refusal = Refusal(ResultCode.RATING_FAILED, "the rating group is in no split of this APN")
        failed.append(failed_avp("Rating-Group", mscc.rating_group or 0))
    elif requested is None:
        if line.after_final_units:
            line.answer = after_final_units(exchange, service, mscc)
        if line.answer is None:
            line.refusal = quota.barred(service.credit)
    elif requested.cc_money is not None:
        line.refusal = Refusal(ResultCode.RATING_FAILED, "money is not granted, only units of the service")
        failed.append(failed_avp("CC-Money", ""))
    elif service.grant is not None and service.grant.given_at == exchange.now and _asked_before(exchange, mscc):
        line.refusal = Refusal(ResultCode.RATING_FAILED, "the rating group is asked for twice in one request")
        failed.append(failed_avp("Rating-Group", mscc.rating_group or 0))
    else:
        decided = quota.authorise(exchange, service, mscc, requested)
        if isinstance(decided, Refusal):
            line.refusal = decided
        else:
            line.answer = decided


def _asked_before(exchange: Exchange, mscc: MultipleServicesCreditControl) -> bool:
    """Whether an MSCC before this one, in the same request, asks for the same service."""
    key = (mscc.rating_group, mscc.service_identifier)
    for other in exchange.services:
        if other is mscc:
            return False
        if (other.rating_group, other.service_identifier) == key and other.requested_service_unit is not None:
            return True
    return False


def _command_level(exchange: Exchange, lines: list[_Line]) -> ResultCode:
    """The command's own result.

    4012 goes up only where the plan ends the session with an exhausted allowance; any other code only where the CCR has
    one MSCC and the APN one payer, so that it can concern nobody else.
    """
    route = exchange.session.route
    assert route is not None
    if not lines and route.sole is not None:
        # A CCR that asks for nothing yet: whoever could not be served at all is told so at once.
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
    if session.subscriber is None or session.unknown_to_updates:
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
    lines = _settle_all(exchange)
    for line in lines:
        line.reports = [report for report in line.reports if report.amount]
    _record_all(exchange, lines)
    _offer(exchange, lines)
    return _answer(exchange.state, exchange.ccr, code)


def _settle_all(exchange: Exchange) -> list[_Line]:
    lines = []
    for mscc in exchange.services:
        service = _service(exchange, mscc)
        if service is None:
            lines.append(_Line(mscc, None, usage.unattributed(exchange, mscc), False))
            continue
        service.reauthorising = 0
        final = service.grant is not None and service.grant.final
        lines.append(_Line(mscc, service, usage.settle(exchange, service, mscc), final))
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
            service = session.services[key] = Service(session, key, credit, session.unit)
            if session.closed_at is None:
                credit.services[service] = None
    return service


def _record_all(exchange: Exchange, lines: list[_Line]) -> None:
    """An EDR for every report, and, where somebody wants to know, why each service got its answer."""
    for line in lines:
        code = ResultCode.SUCCESS if line.refusal is None else line.refusal.result_code
        grant = None if line.answer is None or line.service is None else line.service.grant
        granted = None if grant is None else grant.amount
        for report in line.reports:
            exchange.out.edrs.append(usage.record(exchange, report, line.mscc, granted, code))
        if exchange.state.explaining:
            exchange.out.decisions.append(_decision(line, code))


def _decision(line: _Line, code: ResultCode) -> Decision:
    service = line.service
    subscription = service.credit.subscription if service is not None else None
    grant = service.grant if service is not None and line.answer is not None else None
    if line.refusal is not None:
        rule = line.refusal.rule
    elif line.answer is not None and grant is None:
        rule = "final units are used: no units until somebody pays, and a time to ask again"
    elif grant is None:
        rule = "report settled; no units asked for"
    elif grant.final:
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
    credits: dict[Credit, None] = {line.service.credit: None for line in lines if line.service is not None}
    if exchange.session.closed_at is not None:
        credits |= {service.credit: None for service in exchange.session.services.values()}
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
