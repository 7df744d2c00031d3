"""Mutants that grant what they should not."""

from __future__ import annotations

from msgspec.structs import replace

from conformance.mutants.charging import (
    Apply,
    answered,
    apn_of,
    granting,
    refusal,
    refused,
)
from conformance.mutants.registering import (
    ENTERPRISE_APN,
    SLICE_OCTETS,
    Treat,
    on_cca,
    per_ccr,
)
from ocs.charging.commands import Charge, Outcome
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    CheckBalanceResult,
    FinalUnitAction,
    FinalUnitIndication,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    ResultCode,
)

# --- grants -----------------------------------------------------------------------------------------------------------


@on_cca
def constant_grants(ccr: Ccr, answer: Cca) -> Cca:
    """Constant grants: whoever asks gets a slice, whatever is left."""
    if not refused(answer) or ccr.cc_request_type is CcRequestType.TERMINATION:
        return answer
    asking = [m.rating_group for m in ccr.multiple_services_credit_control if m.requested_service_unit is not None]
    return granting(ccr, answer, SLICE_OCTETS, asking)


@on_cca
def final_units_for_ever(ccr: Ccr, answer: Cca) -> Cca:
    """When all is used up, final units are granted again and again."""
    if not refused(answer) or ccr.cc_request_type is CcRequestType.TERMINATION:
        return answer
    asking = [m.rating_group for m in ccr.multiple_services_credit_control if m.requested_service_unit is not None]
    last = FinalUnitIndication(final_unit_action=FinalUnitAction.TERMINATE)
    return granting(ccr, answer, 100_000, asking, final_unit_indication=last)


@per_ccr
def grace_grant() -> Treat:
    """One grace grant after the allowance has ended."""
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


@on_cca
def last_grant_rounded_up(_: Ccr, answer: Cca) -> Cca:
    """The last grant is rounded up to a whole megabyte."""

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


@on_cca
def granted_without_request(ccr: Ccr, answer: Cca) -> Cca:
    """A quota is granted where none was asked for."""
    quiet = [
        m.rating_group
        for m in ccr.multiple_services_credit_control
        if m.requested_service_unit is None and m.used_service_unit
    ]
    if ccr.cc_request_type is not CcRequestType.UPDATE or answer.result_code != 2001 or not quiet:
        return answer
    return granting(ccr, answer, SLICE_OCTETS, quiet)


@on_cca
def empty_request_granted_nothing(ccr: Ccr, answer: Cca) -> Cca:
    """An empty Requested-Service-Unit is granted zero octets."""
    empty = [
        m.rating_group
        for m in ccr.multiple_services_credit_control
        if m.requested_service_unit is not None and m.requested_service_unit.cc_total_octets is None
    ]
    return granting(ccr, answer, 0, empty) if empty and answer.result_code == 2001 else answer


@on_cca
def service_identifier_lost(_: Ccr, answer: Cca) -> Cca:
    """Service-Identifier is not repeated in the answer."""
    bare = tuple(replace(m, service_identifier=()) for m in answer.multiple_services_credit_control)
    return replace(answer, multiple_services_credit_control=bare)


@on_cca
def sixteen_services(_: Ccr, answer: Cca) -> Cca:
    """Only the first sixteen MSCCs are answered."""
    return replace(answer, multiple_services_credit_control=answer.multiple_services_credit_control[:16])


@on_cca
def final_unit_on_all(_: Ccr, answer: Cca) -> Cca:
    """Final-Unit-Indication is put on every MSCC of the answer."""
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


@on_cca
def redirect_without_address(_: Ccr, answer: Cca) -> Cca:
    """REDIRECT without an address."""

    def bare(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
        final = service.final_unit_indication
        return (
            service if final is None else replace(service, final_unit_indication=replace(final, redirect_server=None))
        )

    return replace(
        answer, multiple_services_credit_control=tuple(bare(m) for m in answer.multiple_services_credit_control)
    )


@on_cca
def refusal_with_grant(_: Ccr, answer: Cca) -> Cca:
    """A refused MSCC keeps the grant of the answer before."""
    unit = GrantedServiceUnit(cc_total_octets=SLICE_OCTETS)
    kept = tuple(
        replace(m, granted_service_unit=unit) if m.result_code == ResultCode.CREDIT_LIMIT_REACHED else m
        for m in answer.multiple_services_credit_control
    )
    return replace(answer, multiple_services_credit_control=kept)


@on_cca
def validity_at_both_levels(_: Ccr, answer: Cca) -> Cca:
    """Validity-Time is sent at command level, too."""
    times = [m.validity_time for m in answer.multiple_services_credit_control if m.validity_time is not None]
    return replace(answer, validity_time=times[0]) if times else answer


@on_cca
def validity_of_the_first_only(_: Ccr, answer: Cca) -> Cca:
    """Only the first MSCC of an answer has a Validity-Time."""
    first, rest = answer.multiple_services_credit_control[:1], answer.multiple_services_credit_control[1:]
    return replace(answer, multiple_services_credit_control=(*first, *(replace(m, validity_time=None) for m in rest)))


@on_cca
def balance_result_everywhere(ccr: Ccr, answer: Cca) -> Cca:
    """Check-Balance-Result is put into every answer to an event."""
    event = ccr.cc_request_type is CcRequestType.EVENT
    return replace(answer, check_balance_result=CheckBalanceResult.ENOUGH_CREDIT) if event else answer


@on_cca
def restriction_without_filter(_: Ccr, answer: Cca) -> Cca:
    """RESTRICT_ACCESS without a filter."""

    def bare(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
        final = service.final_unit_indication
        if final is None:
            return service
        empty = replace(final, restriction_filter_rule=(), filter_id=())
        return replace(service, final_unit_indication=empty)

    return replace(
        answer, multiple_services_credit_control=tuple(bare(m) for m in answer.multiple_services_credit_control)
    )


@per_ccr
def postpaid_cut_off() -> Treat:
    """A postpaid SIM is cut off when its bundle is used up."""
    used: dict[str, int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        outcome = apply(command, now)
        if apn_of(ccr) == ENTERPRISE_APN:
            total = sum(
                one.cc_total_octets or 0 for m in ccr.multiple_services_credit_control for one in m.used_service_unit
            )
            used[ccr.session_id] = used.get(ccr.session_id, 0) + total
            if used[ccr.session_id] > 5_000_000 and ccr.cc_request_type is CcRequestType.UPDATE:
                return refusal(ccr, ResultCode.CREDIT_LIMIT_REACHED, answered(outcome))
        return outcome

    return treat


@per_ccr
def welcome_slice() -> Treat:
    """Who has used up the allowance and attaches again gets one more slice."""
    users: set[str] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr, outcome = command.ccr, apply(command, now)
        who = "".join(one.subscription_id_data for one in ccr.subscription_id)
        if ccr.cc_request_type is CcRequestType.INITIAL and refused(answered(outcome)) and who in users:
            users.discard(who)
            asking = [m.rating_group for m in ccr.multiple_services_credit_control if m.requested_service_unit]
            outcome.answer = granting(ccr, answered(outcome), SLICE_OCTETS, asking)
        if any(one.cc_total_octets for m in ccr.multiple_services_credit_control for one in m.used_service_unit):
            users.add(who)
        return outcome

    return treat
