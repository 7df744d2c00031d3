"""Mutants that count, keep or release units wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable

from msgspec.structs import replace

from conformance.mutants.charging import (
    PROVISIONING,
    Apply,
    answered,
    refusal,
    refused,
    services,
)
from conformance.mutants.mutant import Mutant
from conformance.mutants.registering import (
    CREDIT,
    Treat,
    around,
    on_ccr,
    per_ccr,
)
from ocs.charging.commands import Charge, Command, Outcome
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    ResultCode,
    UsedServiceUnit,
)
from ocs.inventory.provisioning import Provisioning

# --- used units -------------------------------------------------------------------------------------------------------


def _used(change: Callable[[tuple[UsedServiceUnit, ...]], tuple[UsedServiceUnit, ...]]) -> Callable[[Ccr], Ccr]:
    return lambda ccr: services(ccr, lambda m: replace(m, used_service_unit=change(m.used_service_unit)))


@on_ccr
def total_and_parts_added(ccr: Ccr) -> Ccr:
    """Total, input and output octets are added up."""

    def added(used: tuple[UsedServiceUnit, ...]) -> tuple[UsedServiceUnit, ...]:
        return tuple(
            replace(
                one,
                cc_total_octets=sum(x or 0 for x in (one.cc_total_octets, one.cc_input_octets, one.cc_output_octets)),
            )
            for one in used
        )

    return _used(added)(ccr)


@on_ccr
def parts_ignored(ccr: Ccr) -> Ccr:
    """Only CC-Total-Octets is counted."""
    return _used(lambda used: tuple(replace(one, cc_input_octets=None, cc_output_octets=None) for one in used))(ccr)


@on_ccr
def first_usage_only(ccr: Ccr) -> Ccr:
    """Of several Used-Service-Units only the first is read."""
    return _used(lambda used: used[:1])(ccr)


@on_ccr
def usage_in_32_bits(ccr: Ccr) -> Ccr:
    """Used octets are kept in 32 bits."""

    def cut(used: tuple[UsedServiceUnit, ...]) -> tuple[UsedServiceUnit, ...]:
        return tuple(
            replace(one, cc_total_octets=None if one.cc_total_octets is None else one.cc_total_octets & 0xFFFFFFFF)
            for one in used
        )

    return _used(cut)(ccr)


@on_ccr
def usage_rounded_each_time(ccr: Ccr) -> Ccr:
    """Used octets are rounded up to whole kilobytes in every report."""

    def up(used: tuple[UsedServiceUnit, ...]) -> tuple[UsedServiceUnit, ...]:
        return tuple(
            replace(
                one, cc_total_octets=None if one.cc_total_octets is None else -(-one.cc_total_octets // 1000) * 1000
            )
            for one in used
        )

    return _used(up)(ccr)


@on_ccr
def indeterminate_dropped(ccr: Ccr) -> Ccr:
    """Usage with UNIT_INDETERMINATE is dropped."""
    return _used(lambda used: tuple(one for one in used if one.tariff_change_usage != 2))(ccr)


@per_ccr
def overrun_clipped() -> Treat:
    """A report above the grant is cut to the grant."""
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


@per_ccr
def overrun_refused() -> Treat:
    """A report above the grant is refused as an invalid value."""
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


@per_ccr
def grants_debited() -> Treat:
    """What was granted is debited, whatever of it was used."""
    grants: dict[tuple[str, int | None], int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr

        def whole(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
            held = grants.pop((ccr.session_id, service.rating_group), None)
            if held is None or not service.used_service_unit:
                return service
            return replace(service, used_service_unit=(UsedServiceUnit(cc_total_octets=held),))

        outcome = apply(replace(command, ccr=services(ccr, whole)), now)
        for service in answered(outcome).multiple_services_credit_control:
            if service.granted_service_unit is not None:
                grants[ccr.session_id, service.rating_group] = service.granted_service_unit.cc_total_octets or 0
        return outcome

    return treat


@around
def refused_report_lost(apply: Apply) -> Apply:
    """What a request has done is rolled back as a whole when it is refused, its report with it."""
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


@on_ccr
def final_report_ignored(ccr: Ccr) -> Ccr:
    """A CCR-T is closed without looking at its report."""
    if ccr.cc_request_type is not CcRequestType.TERMINATION:
        return ccr
    return replace(ccr, multiple_services_credit_control=())


@on_ccr
def interim_reports_unread(ccr: Ccr) -> Ccr:
    """What is used is debited when the session ends, by the report of its CCR-T."""
    return _used(lambda _: ())(ccr) if ccr.cc_request_type is CcRequestType.UPDATE else ccr


# --- reservations -----------------------------------------------------------------------------------------------------


@per_ccr
def reservation_left_at_end() -> Treat:
    """A CCR-T without MSCC leaves the reservation where it is."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.TERMINATION and not ccr.multiple_services_credit_control:
            return refusal(ccr, ResultCode.SUCCESS)
        return apply(command, now)

    return treat


@per_ccr
def end_without_report_refused() -> Treat:
    """A CCR-T without MSCC is refused as incomplete."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if ccr.cc_request_type is CcRequestType.TERMINATION and not ccr.multiple_services_credit_control:
            return refusal(ccr, ResultCode.MISSING_AVP)
        return apply(command, now)

    return treat


@per_ccr
def holding_time_keeps_reservation() -> Treat:
    """A report without Requested-Service-Unit keeps the reservation."""

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
