"""CCR-I, CCR-U and CCR-T (RFC 8506 5.2 to 5.4 and table 6): the session, its services, its result.

Each MSCC is decided on its own and has its own Result-Code. The command level takes one over only where no other payer
can be concerned: see `_command_level`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ocs.charging import quota, usage
from ocs.charging.answers import UNHEARD, Recalled, digest_of, recall, remember
from ocs.charging.commands import Charge, Decision, Outcome
from ocs.charging.events import charge_event
from ocs.charging.final_units import after_final_units, graceful
from ocs.charging.identification import Identified, Unidentified, identify
from ocs.charging.reauthorisation import reauthorise_waiting
from ocs.charging.records import record
from ocs.charging.sessions import close, keep_tombstone, note_conditions, note_origin_state, open_session, stray
from ocs.charging.standing import Refusal, barred, exhausted
from ocs.charging.state import (
    EVENT_TIME_TOLERANCE,
    IDLE_LIMIT,
    Answered,
    Service,
    Session,
    State,
    key_of,
)
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

# Members of enumerations that every request is held against: looked up once.
_INITIAL, _TERMINATION, _EVENT = CcRequestType.INITIAL, CcRequestType.TERMINATION, CcRequestType.EVENT
_SUCCESS = ResultCode.SUCCESS
_FAILOVER_SUPPORTED = 1


class _Line(msgspec.Struct, eq=False, gc=False):
    """One MSCC of the request and what became of it."""

    mscc: MultipleServicesCreditControl
    name: str
    """Of what it reports and of what it is granted."""
    service: Service | None
    reports: list[Report]
    final_units_over: bool
    answer: MultipleServicesCreditControl | None = None
    refusal: Refusal | None = None


def interrogate(state: State, command: Charge, now: int, out: Outcome) -> Cca:
    """Answer one CCR, exactly once: a repeat gets the stored answer (RFC 8506 5.7)."""
    ccr = command.ccr
    kind, number = ccr.cc_request_type, ccr.cc_request_number
    session = state.sessions.get(ccr.session_id)
    services = ccr.multiple_services_credit_control or _command_level_units(ccr)
    digest = digest_of(kind, services)
    recalled = UNHEARD if session is None else recall(session, number, digest)
    if session is not None and recalled.answered is not None:
        return _again(state, session, recalled.answered, recalled.serial, ccr, services, now, out)
    if recalled.forgotten:
        return _refusal(state, ccr, ResultCode.UNABLE_TO_COMPLY, "a repeat of a request answered long ago", out)
    if recalled.serial:
        out.alarms.append(f"{ccr.session_id}: CC-Request-Number {number} came with other content")
    if services and ccr.multiple_services_credit_control and ccr.used_service_unit:
        out.alarms.append(f"{ccr.session_id}: units at command level, beside MSCCs, are not counted")
    if ccr.origin_state_id is not None:
        note_origin_state(state, ccr.origin_host, ccr.origin_state_id, now, out)
    refusal = None
    if kind is _INITIAL or kind is _EVENT:
        found = _welcome(state, ccr, session, recalled, out.alarms)
        if isinstance(found, Unidentified):
            refusal = _refusal(state, ccr, found.result_code, found.reason, out, found.failed)
            if session is None and kind is _INITIAL:
                # A client whose own setting is CONTINUE would serve on for free after a 5xxx (RFC 8506 7).
                refusal.credit_control_failure_handling = CreditControlFailureHandling.TERMINATE
            services = tuple([mscc for mscc in services if mscc.used_service_unit])
            if not services:
                return refusal
        elif isinstance(found, Identified):
            session = open_session(state, ccr, found, session, now, out)
    if session is None:
        session = stray(state, ccr, now)
    event_time, from_receipt = usage.event_time_of(ccr, now, command.retransmitted, EVENT_TIME_TOLERANCE)
    exchange = Exchange(
        state, session, ccr, services, now, event_time, from_receipt, out, recalled.serial, {}, {}
    )  # fmt: skip
    session.last_request_at = now
    note_conditions(session, ccr)
    if refusal is not None:
        answer = _late(exchange, refusal)
    elif kind is _EVENT:
        answer = charge_event(exchange)
        keep_tombstone(state, session, now)
    elif kind is _TERMINATION:
        answer = _terminate(exchange)
    elif session.closed_at is None:
        answer = _authorise_all(exchange)
    else:
        answer = _late(exchange, _answer(state, ccr, ResultCode.UNKNOWN_SESSION_ID))
    if not ccr.multiple_services_credit_control and services:
        _to_command_level(answer)
    if session.session_id in state.sessions:
        remember(session, Answered(number, digest, recalled.serial, answer))
        if session.look_at == 0:
            state.watch(session, now + IDLE_LIMIT)
    return answer


def _welcome(
    state: State, ccr: Ccr, session: Session | None, recalled: Recalled, alarms: list[str]
) -> Identified | Unidentified | None:
    """Whose a CCR-I or CCR-E is; None for a CCR-I that begins its session anew.

    A session has one CCR-I; a second one with the number of the first and other content is processed all the same, on
    the session that is there, so that nothing reserved leaks. Event follows event under one Session-Id.
    """
    if session is not None and session.subscriber is not None:
        event = ccr.cc_request_type is _EVENT
        if recalled.serial and not event and session.closed_at is None:
            return None
        if not (event and session.unknown_to_updates):
            return Unidentified(ResultCode.UNABLE_TO_COMPLY, "the session is there already")
    return identify(state, ccr, alarms)


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


def _to_command_level(answer: Cca) -> None:
    """Move the answer to such units to where the client has put them."""
    for mscc in answer.multiple_services_credit_control:
        answer.granted_service_unit = mscc.granted_service_unit
        answer.validity_time = mscc.validity_time
        answer.final_unit_indication = mscc.final_unit_indication
    answer.multiple_services_credit_control = ()


def _again(
    state: State,
    session: Session,
    stored: Answered,
    serial: int,
    ccr: Ccr,
    services: tuple[MultipleServicesCreditControl, ...],
    now: int,
    out: Outcome,
) -> Cca:
    """The stored answer; but units whose reservation has ended meanwhile are reserved anew, or refused."""
    answer = stored.answer
    session.last_request_at = now
    granted = answer.result_code == _SUCCESS
    lapsed = [mscc for mscc in services if granted and _lapsed(session, mscc, ccr.cc_request_number)]
    if lapsed and session.closed_at is not None:
        return _refusal(state, ccr, ResultCode.UNKNOWN_SESSION_ID, "what was granted has ended with the session", out)
    if lapsed:
        stored.serial = serial
        exchange = Exchange(state, session, ccr, services, now, now, False, out, stored.serial, {}, {})
        if not ccr.multiple_services_credit_control:
            answer = _from_command_level(answer, services[0])
        renewed = {key_of(mscc): _renewed(exchange, mscc) for mscc in lapsed}
        answer = msgspec.structs.replace(
            answer,
            multiple_services_credit_control=tuple(
                [renewed.get(key_of(mscc), mscc) for mscc in answer.multiple_services_credit_control]
            ),
        )
        if not ccr.multiple_services_credit_control:
            code = answer.multiple_services_credit_control[0].result_code
            answer.result_code = _SUCCESS if code is None else code
            _to_command_level(answer)
        stored.answer = answer
    if state.explaining:
        out.decisions.append(_overall(answer.result_code, "a repeat: the answer given before"))
    return answer


def _lapsed(session: Session, mscc: MultipleServicesCreditControl, number: int) -> bool:
    """Whether the units that this MSCC was granted under `number` are neither reserved nor reported any more."""
    service = session.services.get(key_of(mscc))
    grant = service.grant if service is not None and mscc.requested_service_unit is not None else None
    return grant is not None and grant.ended and grant.request_number == number


def _renewed(exchange: Exchange, mscc: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
    service, requested = exchange.session.services[key_of(mscc)], mscc.requested_service_unit
    assert requested is not None
    service.grant = None
    name = usage.name_of(exchange, mscc)
    line = _Line(mscc, name, service, [], False)
    decided = quota.authorise(exchange, service, mscc, requested, name)
    if isinstance(decided, Refusal):
        line.refusal = decided
    else:
        line.answer = decided
    if exchange.state.explaining:
        exchange.out.decisions.append(_decision(line))
    return _mscc_answer(line)


def _from_command_level(answer: Cca, mscc: MultipleServicesCreditControl) -> Cca:
    return msgspec.structs.replace(
        answer, multiple_services_credit_control=(msgspec.structs.replace(mscc, result_code=answer.result_code),)
    )


def _authorise_all(exchange: Exchange) -> Cca:
    """Settle every report of a CCR-I or CCR-U, then grant what is asked for."""
    state, session, out = exchange.state, exchange.session, exchange.out
    initial = exchange.ccr.cc_request_type is _INITIAL
    lines = _settle_all(exchange)
    failed: list[FailedAvp] = []
    for line in lines:
        _decide(exchange, line, failed)
    refusal = _command_level(exchange, lines)
    _record_all(exchange, lines)
    handling = _failure_handling(session) if initial else None
    if refusal is None:
        services = tuple([line.answer or _mscc_answer(line) for line in lines])
        answer = _answer(state, exchange.ccr, _SUCCESS, failed, services, handling)
        if initial and state.inventory.operator.session_failover:
            answer.cc_session_failover = _FAILOVER_SUPPORTED
    else:
        answer = _answer(state, exchange.ccr, refusal.result_code, failed, (), handling)
        if state.explaining:
            out.decisions.append(_overall(refusal.result_code, f"for the whole session: {refusal.rule}"))
        close(state, session, exchange.now, out, keep=not initial or bool(session.answered) or bool(out.edrs))
    _offer(exchange)
    return answer


def _decide(exchange: Exchange, line: _Line, failed: list[FailedAvp]) -> None:
    """One MSCC: its grant, or its refusal."""
    mscc, service, requested = line.mscc, line.service, line.mscc.requested_service_unit
    if service is None:
        _refuse_unknown(line, failed)
    elif requested is None:
        line.refusal = barred(service.credit)
        if line.refusal is None and line.final_units_over:
            line.answer = after_final_units(exchange, service, mscc)
    elif requested.cc_money is not None:
        line.refusal = Refusal(ResultCode.RATING_FAILED, "money is not granted, only units of the service")
        failed.append(failed_avp("CC-Money", ""))
    elif service.grant is not None and service.grant.given_at == exchange.now and _asked_before(exchange, mscc):
        line.refusal = Refusal(ResultCode.RATING_FAILED, "the rating group is asked for twice in one request")
        failed.append(failed_avp("Rating-Group", mscc.rating_group or 0))
    else:
        decided = quota.authorise(exchange, service, mscc, requested, line.name)
        if isinstance(decided, Refusal):
            line.refusal = decided
        else:
            line.answer = decided


def _refuse_unknown(line: _Line, failed: list[FailedAvp]) -> None:
    line.refusal = Refusal(ResultCode.RATING_FAILED, "the rating group is in no split of this APN")
    failed.append(failed_avp("Rating-Group", line.mscc.rating_group or 0))


def _asked_before(exchange: Exchange, mscc: MultipleServicesCreditControl) -> bool:
    """Whether an MSCC before this one, in the same request, asks for the same service."""
    key = key_of(mscc)
    for other in exchange.services:
        if other is mscc:
            return False
        if key_of(other) == key and other.requested_service_unit is not None:
            return True
    return False


def _command_level(exchange: Exchange, lines: list[_Line]) -> Refusal | None:
    """What the command as a whole is refused for, if anything; the session is over then (RFC 8506 7, table 6).

    4012 goes up only where the plan ends the session with an exhausted allowance; any other code only where the CCR has
    one MSCC and the APN one payer, so that it can concern nobody else. Units at command level have no other place.
    """
    for line in lines:
        if line.refusal is not None:
            break
    else:
        if lines:
            return None
    session = exchange.session
    route = session.route
    if route is None:
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, "no split holds this APN any more")
    if not lines and route.sole is not None:
        # A CCR that asks for nothing yet: whoever could not be served at all is told so at once.
        credit = exchange.state.credits[route.sole.subscription_id]
        refusal = barred(credit)
        if refusal is not None:
            return refusal
        if route.sole.status is Status.EXHAUSTED and graceful(credit, session.peer) is None:
            refusal = exhausted(credit, session)
            return refusal if refusal.ends_session else None
    bare = not exchange.ccr.multiple_services_credit_control
    alone = len(lines) == 1 and len(route.payers) == 1
    for line in lines:
        refusal = line.refusal
        if refusal is None:
            continue
        if bare or refusal.ends_session or (alone and refusal.result_code is not ResultCode.CREDIT_LIMIT_REACHED):
            return refusal
    return None


def _terminate(exchange: Exchange) -> Cca:
    """CCR-T: settle, release everything, answer 2001 (RFC 8506 5.4); 5002 only for a session never seen."""
    state, session = exchange.state, exchange.session
    if session.subscriber is None or session.unknown_to_updates:
        return _late(exchange, _answer(state, exchange.ccr, ResultCode.UNKNOWN_SESSION_ID))
    if session.closed_at is not None:
        return _late(exchange, _answer(state, exchange.ccr, _SUCCESS))
    lines = _settle_all(exchange)
    failed: list[FailedAvp] = []
    for line in lines:
        if line.service is None:
            _refuse_unknown(line, failed)
    _record_all(exchange, lines)
    close(state, session, exchange.now, exchange.out)
    _offer(exchange)
    return _answer(state, exchange.ccr, _SUCCESS, failed, tuple([_mscc_answer(line) for line in lines]))


def _late(exchange: Exchange, answer: Cca) -> Cca:
    """A report that comes with a request that cannot be served: nothing is granted, nothing reported is lost."""
    exchange.services = tuple([mscc for mscc in exchange.services if mscc.used_service_unit])
    lines = _settle_all(exchange)
    for line in lines:
        line.reports = [report for report in line.reports if report.amount]
    _record_all(exchange, lines)
    _offer(exchange)
    if exchange.state.explaining:
        exchange.out.decisions.append(_overall(answer.result_code, "the session has ended, or was never opened here"))
    return answer


def _settle_all(exchange: Exchange) -> list[_Line]:
    lines = []
    session = exchange.session
    for mscc in exchange.services:
        name = usage.name_of(exchange, mscc)
        key = key_of(mscc) if mscc.service_identifier else mscc.rating_group
        service = session.services.get(key) or _open_service(exchange, mscc)
        if service is None:
            lines.append(_Line(mscc, name, None, usage.unattributed(exchange, mscc, name), False))
            continue
        if session.asked:
            session.asked.pop(mscc.rating_group, None)
        grant = service.grant
        reports = usage.settle(exchange, service, mscc, name)
        # A client that gives some of its final units back has only fallen silent.
        over = grant is not None and grant.final and sum([report.amount for report in reports]) >= grant.amount
        lines.append(_Line(mscc, name, service, reports, over))
    return lines


def _open_service(exchange: Exchange, mscc: MultipleServicesCreditControl) -> Service | None:
    """The service that an MSCC mentions for the first time; None where nobody would pay for it."""
    session = exchange.session
    route = session.route
    subscription = route.subscription(mscc.rating_group) if route is not None else None
    if subscription is None:
        return None
    credit = exchange.state.credits[subscription.subscription_id]
    service = session.services[key_of(mscc)] = Service(session, mscc.rating_group, credit)
    if session.closed_at is None:
        credit.services[service] = None
    return service


def _record_all(exchange: Exchange, lines: list[_Line]) -> None:
    """An EDR for every report, and, where somebody wants to know, why each service got its answer."""
    for line in lines:
        code = _SUCCESS if line.refusal is None else line.refusal.result_code
        grant = None if line.answer is None or line.service is None else line.service.grant
        granted = None if grant is None else grant.amount
        for report in line.reports:
            exchange.out.edrs.append(record(exchange, report, line.mscc, line.service, granted, code))
        if exchange.state.explaining:
            exchange.out.decisions.append(_decision(line))


def _decision(line: _Line) -> Decision:
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
        _SUCCESS if line.refusal is None else line.refusal.result_code,
        rule,
    )


def _overall(result_code: int, rule: str) -> Decision:
    return Decision(None, None, None, None, result_code, rule)


def _offer(exchange: Exchange) -> None:
    """Whatever this exchange gave back goes to those who wait for it."""
    for credit in exchange.credits:
        if credit.waiting:
            reauthorise_waiting(exchange.state, credit, exchange.now, exchange.out)


def _mscc_answer(line: _Line) -> MultipleServicesCreditControl:
    if line.answer is not None:
        return line.answer
    return MultipleServicesCreditControl(
        service_identifier=line.mscc.service_identifier,
        rating_group=line.mscc.rating_group,
        result_code=line.refusal.result_code if line.refusal is not None else _SUCCESS,
    )


def _failure_handling(session: Session) -> CreditControlFailureHandling | None:
    """Once per session: where a driver may pay, a client that cannot reach us must not serve on (RFC 8506 8.14)."""
    route = session.route
    if route is None:
        return None
    if route.any_consumer:
        return CreditControlFailureHandling.RETRY_AND_TERMINATE
    return CreditControlFailureHandling.CONTINUE


def _refusal(
    state: State, ccr: Ccr, code: ResultCode, reason: str, out: Outcome, failed: Sequence[FailedAvp] = ()
) -> Cca:
    """A request that is refused before any of its services is looked at."""
    if state.explaining:
        out.decisions.append(_overall(code, reason))
    return _answer(state, ccr, code, failed, error=reason)


def _answer(
    state: State,
    ccr: Ccr,
    code: ResultCode,
    failed: Sequence[FailedAvp] = (),
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
        failed_avp=tuple(failed),
    )
