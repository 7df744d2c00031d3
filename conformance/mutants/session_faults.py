"""Mutants that mistake one request or session for another."""

from __future__ import annotations

from msgspec.structs import replace

from conformance.mutants.charging import (
    Apply,
    answered,
    on_bearer_of,
    refusal,
)
from conformance.mutants.registering import (
    Treat,
    on_cca,
    per_ccr,
)
from ocs.charging.commands import Charge, Outcome
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    ResultCode,
)

# --- the same request again -------------------------------------------------------------------------------------------


@per_ccr
def double_debit() -> Treat:
    """A repeated request is charged again."""
    seen: set[tuple[str, int]] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        key = ccr.session_id, ccr.cc_request_number
        if key not in seen or ccr.cc_request_type is CcRequestType.INITIAL:
            seen.add(key)
            return apply(command, now)
        fresh = replace(ccr, cc_request_number=1_000_000 + len(seen))
        if ccr.cc_request_type is CcRequestType.EVENT:
            fresh = replace(fresh, session_id=f"{ccr.session_id};{len(seen)}")
        seen.add((ccr.session_id, fresh.cc_request_number))
        outcome = apply(replace(command, ccr=fresh), now)
        outcome.answer = replace(answered(outcome), cc_request_number=ccr.cc_request_number, session_id=ccr.session_id)
        return outcome

    return treat


@per_ccr
def duplicate_refused() -> Treat:
    """A repeated request is refused with 5012."""
    seen: set[tuple[str, int, int]] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        key = ccr.session_id, ccr.cc_request_number, int(ccr.cc_request_type)
        if key in seen:
            return refusal(ccr, ResultCode.UNABLE_TO_COMPLY)
        seen.add(key)
        return apply(command, now)

    return treat


@per_ccr
def t_bit_believed() -> Treat:
    """A request with the T bit is taken for a repetition, even if its original never came."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        if command.retransmitted and command.ccr.cc_request_type is CcRequestType.UPDATE:
            return refusal(command.ccr, ResultCode.SUCCESS)
        return apply(command, now)

    return treat


@per_ccr
def numbers_must_rise() -> Treat:
    """CC-Request-Numbers must rise by one, from 0."""
    last: dict[str, int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        number, known = ccr.cc_request_number, last.get(ccr.session_id)
        if known is None and ccr.cc_request_type is CcRequestType.INITIAL and number != 0:
            return refusal(ccr, ResultCode.INVALID_AVP_VALUE)
        if known is not None and number > known + 1:
            return refusal(ccr, ResultCode.INVALID_AVP_VALUE)
        last[ccr.session_id] = max(number, known or 0)
        return apply(command, now)

    return treat


@per_ccr
def second_initial_leaks() -> Treat:
    """A second CCR-I makes a new session and forgets the reservations of the old one."""
    now_called: dict[str, str] = {}
    numbers: dict[str, int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.INITIAL:
            if ccr.session_id in now_called and numbers.get(ccr.session_id) != ccr.cc_request_number:
                now_called[ccr.session_id] += ";again"
            now_called.setdefault(ccr.session_id, ccr.session_id)
            numbers[ccr.session_id] = ccr.cc_request_number
        name = now_called.get(ccr.session_id, ccr.session_id)
        if name != ccr.session_id:
            ccr = on_bearer_of(ccr, name)
        outcome = apply(replace(command, ccr=replace(ccr, session_id=name)), now)
        outcome.answer = replace(answered(outcome), session_id=ccr.session_id)
        return outcome

    return treat


# --- sessions that are not there --------------------------------------------------------------------------------------


@on_cca
def unknown_session_2001(_: Ccr, answer: Cca) -> Cca:
    """Requests for unknown sessions are answered 2001."""
    return replace(answer, result_code=ResultCode.SUCCESS) if answer.result_code == 5002 else answer


@per_ccr
def unknown_session_opened() -> Treat:
    """A CCR-U for an unknown session opens one."""
    opened: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.UPDATE and ccr.session_id not in opened:
            first = replace(ccr, cc_request_type=CcRequestType.INITIAL)
            outcome = apply(replace(command, ccr=first), now)
            outcome.answer = replace(answered(outcome), cc_request_type=CcRequestType.UPDATE)
            opened.add(ccr.session_id)
            return outcome
        opened.add(ccr.session_id)
        return apply(command, now)

    return treat


@per_ccr
def ended_session_lives_on() -> Treat:
    """A CCR-U after CCR-T is answered as if the session were there, and its usage is lost."""
    ended: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.session_id in ended and ccr.cc_request_type is CcRequestType.UPDATE:
            return refusal(ccr, ResultCode.SUCCESS)
        if ccr.cc_request_type is CcRequestType.TERMINATION:
            ended.add(ccr.session_id)
        return apply(command, now)

    return treat


@per_ccr
def event_leaves_session() -> Treat:
    """An event leaves a session behind."""
    events: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.EVENT:
            events.add(ccr.session_id)
        elif ccr.session_id in events:
            return refusal(ccr, ResultCode.SUCCESS)
        return apply(command, now)

    return treat


# --- result codes -----------------------------------------------------------------------------------------------------


@on_cca
def shared_result_code(_: Ccr, answer: Cca) -> Cca:
    """One Result-Code for all rating groups: the first failure is the command's."""
    for service in answer.multiple_services_credit_control:
        if service.result_code is not None and service.result_code != ResultCode.SUCCESS:
            return replace(answer, result_code=service.result_code, multiple_services_credit_control=())
    return answer


def _recoded(answer: Cca, old: int, new: int) -> Cca:
    services = tuple(
        replace(m, result_code=new) if m.result_code == old else m for m in answer.multiple_services_credit_control
    )
    code = new if answer.result_code == old else answer.result_code
    return replace(answer, result_code=code, multiple_services_credit_control=services)


@on_cca
def denied_for_exhausted(_: Ccr, answer: Cca) -> Cca:
    """4010 where the credit is used up."""
    return _recoded(answer, ResultCode.CREDIT_LIMIT_REACHED, ResultCode.END_USER_SERVICE_DENIED)


@on_cca
def unknown_subscriber_5012(_: Ccr, answer: Cca) -> Cca:
    """5012 for an unknown subscriber."""
    return _recoded(answer, ResultCode.USER_UNKNOWN, ResultCode.UNABLE_TO_COMPLY)


@on_cca
def unknown_group_4010(_: Ccr, answer: Cca) -> Cca:
    """4010 for a rating group that no tariff knows."""
    return _recoded(answer, ResultCode.RATING_FAILED, ResultCode.END_USER_SERVICE_DENIED)
