"""Mutants whose fault is in charging: who pays, how much is granted, what is debited, and how often."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable

from msgspec.structs import replace

from conformance.mutants.charging import (
    PROVISIONING,
    WRAPS,
    Apply,
    Wrap,
    answered,
    granting,
    refusal,
    refused,
    services,
    with_answer,
    with_ccr,
)
from conformance.mutants.mutant import Mutant
from ocs.charging.commands import Charge, Command, Outcome, PushAnswered, SetStatus
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    CheckBalanceResult,
    FinalUnitAction,
    FinalUnitIndication,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    Rar,
    RequestedAction,
    RequestedServiceUnit,
    ResultCode,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.inventory.provisioning import Provisioning

CREDIT: list[Mutant] = []

SLICE_OCTETS = 1_000_000
ENTERPRISE_APN = "fleet.acme"


def _add(name: str, fault: str, wrap: Wrap) -> None:
    CREDIT.append(Mutant(name, fault, lambda: WRAPS.append(wrap)))


def around(fault: str) -> Callable[[Wrap], Wrap]:
    """Registers a mutant that stands around the engine."""

    def register(wrap: Wrap) -> Wrap:
        _add(wrap.__name__, fault, wrap)
        return wrap

    return register


def on_ccr(fault: str) -> Callable[[Callable[[Ccr], Ccr]], Callable[[Ccr], Ccr]]:
    """Registers a mutant that misreads CCRs."""

    def register(change: Callable[[Ccr], Ccr]) -> Callable[[Ccr], Ccr]:
        _add(change.__name__, fault, with_ccr(change))
        return change

    return register


def on_cca(fault: str) -> Callable[[Callable[[Ccr, Cca], Cca]], Callable[[Ccr, Cca], Cca]]:
    """Registers a mutant that answers wrong."""

    def register(change: Callable[[Ccr, Cca], Cca]) -> Callable[[Ccr, Cca], Cca]:
        _add(change.__name__, fault, with_answer(change))
        return change

    return register


def per_ccr(fault: str) -> Callable[[Callable[[], Callable[[Apply, Charge, int], Outcome]]], object]:
    """Registers a mutant with a memory: a function that makes what treats each CCR."""

    def register(make: Callable[[], Callable[[Apply, Charge, int], Outcome]]) -> object:
        def wrap(apply: Apply) -> Apply:
            treat = make()

            def charge(command: Command, now: int) -> Outcome:
                return treat(apply, command, now) if isinstance(command, Charge) else apply(command, now)

            return charge

        _add(make.__name__, fault, wrap)
        return make

    return register


# --- the same request again -------------------------------------------------------------------------------------------


@per_ccr("a repeated request is charged again")
def double_debit() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
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


@per_ccr("a repeated request is refused with 5012")
def duplicate_refused() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    seen: set[tuple[str, int, int]] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        key = ccr.session_id, ccr.cc_request_number, int(ccr.cc_request_type)
        if key in seen:
            return refusal(ccr, ResultCode.UNABLE_TO_COMPLY)
        seen.add(key)
        return apply(command, now)

    return treat


@per_ccr("a request with the T bit is taken for a repetition, even if its original never came")
def t_bit_believed() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        if command.retransmitted and command.ccr.cc_request_type is CcRequestType.UPDATE:
            return refusal(command.ccr, ResultCode.SUCCESS)
        return apply(command, now)

    return treat


@per_ccr("CC-Request-Numbers must rise by one, from 0")
def numbers_must_rise() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
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


@per_ccr("a second CCR-I makes a new session and forgets the reservations of the old one")
def second_initial_leaks() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
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
            ccr = _on_bearer(ccr, name)
        outcome = apply(replace(command, ccr=replace(ccr, session_id=name)), now)
        outcome.answer = replace(answered(outcome), session_id=ccr.session_id)
        return outcome

    return treat


# --- sessions that are not there --------------------------------------------------------------------------------------


@on_cca("requests for unknown sessions are answered 2001")
def unknown_session_2001(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    return replace(answer, result_code=ResultCode.SUCCESS) if answer.result_code == 5002 else answer


@per_ccr("a CCR-U for an unknown session opens one")
def unknown_session_opened() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
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


@per_ccr("a CCR-U after CCR-T is answered as if the session were there, and its usage is lost")
def ended_session_lives_on() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    ended: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.session_id in ended and ccr.cc_request_type is CcRequestType.UPDATE:
            return refusal(ccr, ResultCode.SUCCESS)
        if ccr.cc_request_type is CcRequestType.TERMINATION:
            ended.add(ccr.session_id)
        return apply(command, now)

    return treat


@per_ccr("an event leaves a session behind")
def event_leaves_session() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
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


@on_cca("one Result-Code for all rating groups: the first failure is the command's")
def shared_result_code(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
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


@on_cca("4010 where the credit is used up")
def denied_for_exhausted(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    return _recoded(answer, ResultCode.CREDIT_LIMIT_REACHED, ResultCode.END_USER_SERVICE_DENIED)


@on_cca("5012 for an unknown subscriber")
def unknown_subscriber_5012(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    return _recoded(answer, ResultCode.USER_UNKNOWN, ResultCode.UNABLE_TO_COMPLY)


@on_cca("4010 for a rating group that no tariff knows")
def unknown_group_4010(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    return _recoded(answer, ResultCode.RATING_FAILED, ResultCode.END_USER_SERVICE_DENIED)


# --- grants -----------------------------------------------------------------------------------------------------------


@on_cca("constant grants: whoever asks gets a slice, whatever is left")
def constant_grants(ccr: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    if not refused(answer) or ccr.cc_request_type is CcRequestType.TERMINATION:
        return answer
    asking = [m.rating_group for m in ccr.multiple_services_credit_control if m.requested_service_unit is not None]
    return granting(ccr, answer, SLICE_OCTETS, asking)


@on_cca("when all is used up, final units are granted again and again")
def final_units_for_ever(ccr: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    if not refused(answer) or ccr.cc_request_type is CcRequestType.TERMINATION:
        return answer
    asking = [m.rating_group for m in ccr.multiple_services_credit_control if m.requested_service_unit is not None]
    last = FinalUnitIndication(final_unit_action=FinalUnitAction.TERMINATE)
    return granting(ccr, answer, 100_000, asking, final_unit_indication=last)


@per_ccr("one grace grant after the allowance has ended")
def grace_grant() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    given: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        outcome, ccr = apply(command, now), command.ccr
        who = "".join(one.subscription_id_data for one in ccr.subscription_id)
        if refused(answered(outcome)) and who not in given and ccr.cc_request_type is not CcRequestType.TERMINATION:
            given.add(who)
            asking = [m.rating_group for m in ccr.multiple_services_credit_control if m.requested_service_unit]
            outcome.answer = granting(ccr, answered(outcome), 100_000, asking)
        return outcome

    return treat


@on_cca("the last grant is rounded up to a whole megabyte")
def last_grant_rounded_up(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""

    def up(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
        unit = service.granted_service_unit
        octets = unit.cc_total_octets if unit is not None else None
        if octets is None:
            return service
        whole = -(-octets // SLICE_OCTETS) * SLICE_OCTETS
        return replace(service, granted_service_unit=GrantedServiceUnit(cc_total_octets=whole))

    return replace(
        answer, multiple_services_credit_control=tuple(up(m) for m in answer.multiple_services_credit_control)
    )


@on_cca("a quota is granted where none was asked for")
def granted_without_request(ccr: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    quiet = [
        m.rating_group
        for m in ccr.multiple_services_credit_control
        if m.requested_service_unit is None and m.used_service_unit
    ]
    if ccr.cc_request_type is not CcRequestType.UPDATE or answer.result_code != 2001 or not quiet:
        return answer
    return granting(ccr, answer, SLICE_OCTETS, quiet)


@on_cca("an empty Requested-Service-Unit is granted zero octets")
def empty_request_granted_nothing(ccr: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    empty = [
        m.rating_group
        for m in ccr.multiple_services_credit_control
        if m.requested_service_unit is not None and m.requested_service_unit.cc_total_octets is None
    ]
    return granting(ccr, answer, 0, empty) if empty and answer.result_code == 2001 else answer


@on_cca("Service-Identifier is not repeated in the answer")
def service_identifier_lost(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    bare = tuple(replace(m, service_identifier=()) for m in answer.multiple_services_credit_control)
    return replace(answer, multiple_services_credit_control=bare)


@on_cca("only the first sixteen MSCCs are answered")
def sixteen_services(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    return replace(answer, multiple_services_credit_control=answer.multiple_services_credit_control[:16])


@on_cca("Final-Unit-Indication is put on every MSCC of the answer")
def final_unit_on_all(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    last = next(
        (m.final_unit_indication for m in answer.multiple_services_credit_control if m.final_unit_indication), None
    )
    low = any(
        m.granted_service_unit is not None and (m.granted_service_unit.cc_total_octets or 0) < 4_000_000
        for m in answer.multiple_services_credit_control
    )
    if last is None and not (low and len(answer.multiple_services_credit_control) > 1):
        return answer
    last = last or FinalUnitIndication(final_unit_action=FinalUnitAction.TERMINATE)
    marked = tuple(replace(m, final_unit_indication=last) for m in answer.multiple_services_credit_control)
    return replace(answer, multiple_services_credit_control=marked)


@on_cca("REDIRECT without an address")
def redirect_without_address(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""

    def bare(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
        final = service.final_unit_indication
        return (
            service if final is None else replace(service, final_unit_indication=replace(final, redirect_server=None))
        )

    return replace(
        answer, multiple_services_credit_control=tuple(bare(m) for m in answer.multiple_services_credit_control)
    )


@on_cca("a refused MSCC keeps the grant of the answer before")
def refusal_with_grant(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    unit = GrantedServiceUnit(cc_total_octets=SLICE_OCTETS)
    kept = tuple(
        replace(m, granted_service_unit=unit) if m.result_code == ResultCode.CREDIT_LIMIT_REACHED else m
        for m in answer.multiple_services_credit_control
    )
    return replace(answer, multiple_services_credit_control=kept)


@on_cca("Validity-Time is sent at command level, too")
def validity_at_both_levels(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    times = [m.validity_time for m in answer.multiple_services_credit_control if m.validity_time is not None]
    return replace(answer, validity_time=times[0]) if times else answer


@on_cca("only the first MSCC of an answer has a Validity-Time")
def validity_of_the_first_only(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    first, rest = answer.multiple_services_credit_control[:1], answer.multiple_services_credit_control[1:]
    return replace(answer, multiple_services_credit_control=(*first, *(replace(m, validity_time=None) for m in rest)))


@on_cca("Check-Balance-Result is put into every answer to an event")
def balance_result_everywhere(ccr: Ccr, answer: Cca) -> Cca:
    """See its fault."""
    event = ccr.cc_request_type is CcRequestType.EVENT
    return replace(answer, check_balance_result=CheckBalanceResult.ENOUGH_CREDIT) if event else answer


@on_cca("RESTRICT_ACCESS without a filter")
def restriction_without_filter(_: Ccr, answer: Cca) -> Cca:
    """See its fault."""

    def bare(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
        final = service.final_unit_indication
        if final is None:
            return service
        empty = replace(final, restriction_filter_rule=(), filter_id=())
        return replace(service, final_unit_indication=empty)

    return replace(
        answer, multiple_services_credit_control=tuple(bare(m) for m in answer.multiple_services_credit_control)
    )


@per_ccr("a postpaid SIM is cut off when its bundle is used up")
def postpaid_cut_off() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    used: dict[str, int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        outcome = apply(command, now)
        if _apn(ccr) == ENTERPRISE_APN:
            total = sum(
                one.cc_total_octets or 0 for m in ccr.multiple_services_credit_control for one in m.used_service_unit
            )
            used[ccr.session_id] = used.get(ccr.session_id, 0) + total
            if used[ccr.session_id] > 5_000_000 and ccr.cc_request_type is CcRequestType.UPDATE:
                return refusal(ccr, ResultCode.CREDIT_LIMIT_REACHED, answered(outcome))
        return outcome

    return treat


# --- used units -------------------------------------------------------------------------------------------------------


def _used(change: Callable[[tuple[UsedServiceUnit, ...]], tuple[UsedServiceUnit, ...]]) -> Callable[[Ccr], Ccr]:
    return lambda ccr: services(ccr, lambda m: replace(m, used_service_unit=change(m.used_service_unit)))


@on_ccr("total, input and output octets are added up")
def total_and_parts_added(ccr: Ccr) -> Ccr:
    """See its fault."""

    def added(used: tuple[UsedServiceUnit, ...]) -> tuple[UsedServiceUnit, ...]:
        return tuple(
            replace(
                one,
                cc_total_octets=sum(x or 0 for x in (one.cc_total_octets, one.cc_input_octets, one.cc_output_octets)),
            )
            for one in used
        )

    return _used(added)(ccr)


@on_ccr("only CC-Total-Octets is counted")
def parts_ignored(ccr: Ccr) -> Ccr:
    """See its fault."""
    return _used(lambda used: tuple(replace(one, cc_input_octets=None, cc_output_octets=None) for one in used))(ccr)


@on_ccr("of several Used-Service-Units only the first is read")
def first_usage_only(ccr: Ccr) -> Ccr:
    """See its fault."""
    return _used(lambda used: used[:1])(ccr)


@on_ccr("used octets are kept in 32 bits")
def usage_in_32_bits(ccr: Ccr) -> Ccr:
    """See its fault."""

    def cut(used: tuple[UsedServiceUnit, ...]) -> tuple[UsedServiceUnit, ...]:
        return tuple(
            replace(one, cc_total_octets=None if one.cc_total_octets is None else one.cc_total_octets & 0xFFFFFFFF)
            for one in used
        )

    return _used(cut)(ccr)


@on_ccr("used octets are rounded up to whole kilobytes in every report")
def usage_rounded_each_time(ccr: Ccr) -> Ccr:
    """See its fault."""

    def up(used: tuple[UsedServiceUnit, ...]) -> tuple[UsedServiceUnit, ...]:
        return tuple(
            replace(
                one, cc_total_octets=None if one.cc_total_octets is None else -(-one.cc_total_octets // 1000) * 1000
            )
            for one in used
        )

    return _used(up)(ccr)


@on_ccr("usage with UNIT_INDETERMINATE is dropped")
def indeterminate_dropped(ccr: Ccr) -> Ccr:
    """See its fault."""
    return _used(lambda used: tuple(one for one in used if one.tariff_change_usage != 2))(ccr)


@per_ccr("a report above the grant is cut to the grant")
def overrun_clipped() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    grants: dict[tuple[str, int | None], int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr

        def clip(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
            held = grants.get((ccr.session_id, service.rating_group))
            if held is None or not service.used_service_unit:
                return service
            used = tuple(
                replace(one, cc_total_octets=None if one.cc_total_octets is None else min(one.cc_total_octets, held))
                for one in service.used_service_unit
            )
            return replace(service, used_service_unit=used)

        outcome = apply(replace(command, ccr=services(ccr, clip)), now)
        for service in answered(outcome).multiple_services_credit_control:
            if service.granted_service_unit is not None:
                grants[ccr.session_id, service.rating_group] = service.granted_service_unit.cc_total_octets or 0
        return outcome

    return treat


@per_ccr("a report above the grant is refused as an invalid value")
def overrun_refused() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    grants: dict[tuple[str, int | None], int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        for service in ccr.multiple_services_credit_control:
            used = sum(one.cc_total_octets or 0 for one in service.used_service_unit)
            if used > grants.get((ccr.session_id, service.rating_group), used):
                return refusal(ccr, ResultCode.INVALID_AVP_VALUE)
        outcome = apply(command, now)
        for service in answered(outcome).multiple_services_credit_control:
            if service.granted_service_unit is not None:
                grants[ccr.session_id, service.rating_group] = service.granted_service_unit.cc_total_octets or 0
        return outcome

    return treat


@around("what a request has done is rolled back as a whole when it is refused, its report with it")
def refused_report_lost(apply: Apply) -> Apply:
    """See its fault."""
    owner = apply.__self__  # type: ignore[attr-defined]

    def charge(command: Command, now: int) -> Outcome:
        if not isinstance(command, Charge) or command.ccr.cc_request_type is not CcRequestType.UPDATE:
            return apply(command, now)
        before = copy.deepcopy(owner.state)
        outcome = apply(command, now)
        if refused(answered(outcome)) or refused(answered(outcome), ResultCode.END_USER_SERVICE_DENIED):
            owner.state = before
        return outcome

    return charge


@on_ccr("a CCR-T is closed without looking at its report")
def final_report_ignored(ccr: Ccr) -> Ccr:
    """See its fault."""
    if ccr.cc_request_type is not CcRequestType.TERMINATION:
        return ccr
    return replace(ccr, multiple_services_credit_control=())


# --- reservations -----------------------------------------------------------------------------------------------------


@per_ccr("a CCR-T without MSCC leaves the reservation where it is")
def reservation_left_at_end() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.TERMINATION and not ccr.multiple_services_credit_control:
            return refusal(ccr, ResultCode.SUCCESS)
        return apply(command, now)

    return treat


@per_ccr("a CCR-T without MSCC is refused as incomplete")
def end_without_report_refused() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.TERMINATION and not ccr.multiple_services_credit_control:
            return refusal(ccr, ResultCode.MISSING_AVP)
        return apply(command, now)

    return treat


@per_ccr("a report without Requested-Service-Unit keeps the reservation")
def holding_time_keeps_reservation() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        outcome = apply(command, now)
        quiet = [m for m in ccr.multiple_services_credit_control if m.requested_service_unit is None]
        if ccr.cc_request_type is CcRequestType.UPDATE and quiet and answered(outcome).result_code == 2001:
            again = tuple(
                replace(m, used_service_unit=(), requested_service_unit=RequestedServiceUnit()) for m in quiet
            )
            number = ccr.cc_request_number + 2_000_000
            hidden = replace(ccr, multiple_services_credit_control=again, cc_request_number=number)
            apply(replace(command, ccr=hidden), now)
        return outcome

    return treat


def _no_end(provisioning: Provisioning) -> Provisioning:
    plans = tuple(
        plan.model_copy(update={"quota": plan.quota.model_copy(update={"grace": 86_400})})
        for plan in provisioning.plans
    )
    return provisioning.model_copy(update={"plans": plans})


CREDIT.append(
    Mutant(
        "reservations_never_end",
        "nobody releases a reservation whose report never comes",
        lambda: PROVISIONING.append(_no_end),
    )
)


# --- who pays ---------------------------------------------------------------------------------------------------------


def _at(ccr: Ccr, apn: str | None) -> Ccr:
    """The CCR with another APN."""
    information = ccr.service_information
    if information is None or information.ps_information is None:
        return ccr
    inner = replace(information.ps_information, called_station_id=apn)
    return replace(ccr, service_information=replace(information, ps_information=inner))


def _on_bearer(ccr: Ccr, name: str) -> Ccr:
    """The CCR with a Charging-Id that no other session has."""
    information = ccr.service_information
    if information is None or information.ps_information is None:
        return ccr
    inner = replace(information.ps_information, charging_id=zlib.crc32(name.encode()))
    return replace(ccr, service_information=replace(information, ps_information=inner))


def _apn(ccr: Ccr) -> str | None:
    information = ccr.service_information
    return information.ps_information.called_station_id if information and information.ps_information else None


@on_ccr("the driver's traffic is charged to the car maker: the APN is not looked at")
def consumer_on_enterprise(ccr: Ccr) -> Ccr:
    """See its fault."""
    return _at(ccr, ENTERPRISE_APN) if _apn(ccr) == "wifi" else ccr


@per_ccr("on a shared APN every rating group is charged to the car maker")
def shared_apn_to_enterprise() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if _apn(ccr) != "car":
            return apply(command, now)
        names = {200: 101, 201: 101}
        changed = services(ccr, lambda m: replace(m, rating_group=names.get(m.rating_group or 0, m.rating_group)))
        outcome = apply(replace(command, ccr=changed), now)
        back = iter([m.rating_group for m in ccr.multiple_services_credit_control])
        answer = answered(outcome)
        outcome.answer = replace(
            answer,
            multiple_services_credit_control=tuple(
                replace(m, rating_group=next(back, m.rating_group)) for m in answer.multiple_services_credit_control
            ),
        )
        return outcome

    return treat


@on_ccr("an unknown APN falls back to the car maker's")
def unknown_apn_falls_back(ccr: Ccr) -> Ccr:
    """See its fault."""
    known = ("wifi", "car", "internet", ENTERPRISE_APN)
    apn = _apn(ccr)
    plain = apn is not None and apn.lower().split(".mnc")[0] in known
    return ccr if apn is None or plain else _at(ccr, ENTERPRISE_APN)


@per_ccr("APNs are compared letter by letter")
def apn_case_matters() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        apn = _apn(command.ccr)
        if apn is not None and apn != apn.lower():
            return refusal(command.ccr, ResultCode.END_USER_SERVICE_DENIED)
        return apply(command, now)

    return treat


@per_ccr("the APN of every CCR-U decides anew, and an unknown one ends the session without its report")
def apn_read_in_updates() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    apns: dict[str, str | None] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        first = apns.setdefault(ccr.session_id, _apn(ccr))
        if first != _apn(ccr):
            changed = services(ccr, lambda m: replace(m, used_service_unit=()))
            return apply(replace(command, ccr=changed), now)
        return apply(command, now)

    return treat


@per_ccr("Service-Context-Id must be 32251@3gpp.org to the letter")
def context_prefix_unmatched() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        context = command.ccr.service_context_id
        if context.endswith("32251@3gpp.org") and context != "32251@3gpp.org":
            return refusal(command.ccr, ResultCode.RATING_FAILED)
        return apply(command, now)

    return treat


@on_ccr("the service context is not looked at")
def context_ignored(ccr: Ccr) -> Ccr:
    """See its fault."""
    known = ccr.service_context_id.endswith("3gpp.org")
    return ccr if known else replace(ccr, service_context_id="32251@3gpp.org")


@per_ccr("when the driver has used up everything, the whole SIM is cut off")
def enterprise_cut_with_consumer() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""
    cut: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        who = next((one.subscription_id_data for one in command.ccr.subscription_id), "")
        outcome = apply(command, now)
        if refused(answered(outcome)):
            cut.add(who)
        elif who in cut and command.ccr.cc_request_type is not CcRequestType.TERMINATION:
            outcome.answer = answered(refusal(command.ccr, ResultCode.CREDIT_LIMIT_REACHED, answered(outcome)))
        return outcome

    return treat


@around("suspensions of the driver's service do not reach charging")
def suspension_ignored(apply: Apply) -> Apply:
    """See its fault."""

    def charge(command: Command, now: int) -> Outcome:
        if isinstance(command, SetStatus):
            command = replace(command, status="active")
        return apply(command, now)

    return charge


@around("suspending the driver's service suspends the SIM")
def suspension_of_the_sim(apply: Apply) -> Apply:
    """See its fault."""

    def charge(command: Command, now: int) -> Outcome:
        if isinstance(command, SetStatus):
            command = replace(command, split_id=None)
        return apply(command, now)

    return charge


def _identified(ccr: Ccr, imsi: str) -> Ccr:
    return replace(
        ccr,
        subscription_id=(
            SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=imsi),
        ),
    )


@on_ccr("an unknown subscriber is charged on a default account")
def default_account(ccr: Ccr) -> Ccr:
    """See its fault."""
    known = any(one.subscription_id_data.startswith(("00101000", "4917")) for one in ccr.subscription_id)
    return ccr if known else _identified(ccr, "001010000000001")


@on_ccr("the internal identity of a virtual SIM is accepted on Gy")
def internal_identity_accepted(ccr: Ccr) -> Ccr:
    """See its fault."""
    internal = any(one.subscription_id_data.startswith("999") for one in ccr.subscription_id)
    return _identified(ccr, "001010000000001") if internal else ccr


@per_ccr("IMSI and E.164 number are looked up each for itself, and both subscribers are charged")
def both_identities_charged() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        outcome = apply(command, now)
        numbers = [one for one in ccr.subscription_id if one.subscription_id_type is SubscriptionIdType.END_USER_E164]
        imsis = [one for one in ccr.subscription_id if one.subscription_id_type is SubscriptionIdType.END_USER_IMSI]
        if numbers and imsis and numbers[0].subscription_id_data[-9:] != imsis[0].subscription_id_data[-9:]:
            shadow = replace(ccr, subscription_id=tuple(numbers), session_id=ccr.session_id + ";msisdn")
            apply(replace(command, ccr=shadow), now)
        return outcome

    return treat


@per_ccr("a CCR-U must name its subscriber")
def identity_needed_in_updates() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        if command.ccr.cc_request_type is CcRequestType.UPDATE and not command.ccr.subscription_id:
            return refusal(command.ccr, ResultCode.USER_UNKNOWN)
        return apply(command, now)

    return treat


@per_ccr("only the first Subscription-Id is read, whatever its type")
def first_identity_only() -> Callable[[Apply, Charge, int], Outcome]:
    """See its fault."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        first = command.ccr.subscription_id[:1]
        if first and first[0].subscription_id_type is SubscriptionIdType.END_USER_E164:
            return refusal(command.ccr, ResultCode.USER_UNKNOWN)
        return apply(command, now)

    return treat


# --- events -----------------------------------------------------------------------------------------------------------


@on_ccr("a balance check debits what it asks about")
def balance_check_debits(ccr: Ccr) -> Ccr:
    """See its fault."""
    if ccr.requested_action is RequestedAction.CHECK_BALANCE and ccr.cc_request_type is CcRequestType.EVENT:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


@on_ccr("a price enquiry debits what it asks about")
def price_enquiry_debits(ccr: Ccr) -> Ccr:
    """See its fault."""
    if ccr.requested_action is RequestedAction.PRICE_ENQUIRY and ccr.cc_request_type is CcRequestType.EVENT:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


@on_ccr("a refund is taken for a debit")
def refund_debits(ccr: Ccr) -> Ccr:
    """See its fault."""
    if ccr.requested_action is RequestedAction.REFUND_ACCOUNT and ccr.cc_request_type is CcRequestType.EVENT:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


@on_ccr("an event without Requested-Action is a debit")
def action_guessed(ccr: Ccr) -> Ccr:
    """See its fault."""
    if ccr.cc_request_type is CcRequestType.EVENT and ccr.requested_action is None:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


# --- re-authorisation -------------------------------------------------------------------------------------------------


@around("a top-up tells nobody: no RAR")
def no_reauthorisation(apply: Apply) -> Apply:
    """See its fault."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.pushes.clear()
        return outcome

    return charge


@around("a RAR is sent again and again until a CCR-U comes")
def reauthorisation_for_ever(apply: Apply) -> Apply:
    """See its fault."""
    last: dict[str, Rar] = {}

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        for push in outcome.pushes:
            if isinstance(push, Rar):
                last[push.session_id] = push
        if isinstance(command, Charge):
            last.pop(command.ccr.session_id, None)
        elif isinstance(command, PushAnswered) and command.session_id in last and command.result_code == 2001:
            outcome.pushes.append(last[command.session_id])
        return outcome

    return charge


@around("a RAR names the car maker's rating group")
def reauthorisation_of_the_other(apply: Apply) -> Apply:
    """See its fault."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.pushes = [replace(p, rating_group=100) if isinstance(p, Rar) else p for p in outcome.pushes]
        return outcome

    return charge


@around("records keep the physical IMSI where the virtual one belongs")
def records_without_virtual_sim(apply: Apply) -> Apply:
    """See its fault."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.edrs = [replace(edr, mpc_imsi=edr.physical_imsi) for edr in outcome.edrs]
        return outcome

    return charge


@around("a record holds all octets of the session so far")
def records_cumulative(apply: Apply) -> Apply:
    """See its fault."""
    totals: dict[tuple[str, int | None], int] = {}

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        for number, edr in enumerate(outcome.edrs):
            key = edr.session_id, edr.rating_group
            totals[key] = totals.get(key, 0) + (edr.octets_total or 0)
            outcome.edrs[number] = replace(edr, octets_total=totals[key])
        return outcome

    return charge


@around("records do not say what exceeded the balance")
def overrun_unrecorded(apply: Apply) -> Apply:
    """See its fault."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.edrs = [
            replace(edr, octets_total=(edr.octets_total or 0) - (edr.octets_overrun or 0), octets_overrun=0)
            for edr in outcome.edrs
        ]
        return outcome

    return charge
