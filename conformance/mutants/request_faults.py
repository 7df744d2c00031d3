"""Mutants that read a request wrong: what they skip, what they refuse, what they take for something else."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from conformance.mutants.charging import Apply, answered, apn_of, refusal, services
from conformance.mutants.front import in_services, replaced
from conformance.mutants.registering import Treat, on_ccr, per_ccr
from conformance.mutants.wire_faults import on_requests
from conformance.wire.avp import Avp, avp
from conformance.wire.message import CCR, Message
from ocs.charging.commands import Charge, Outcome
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    ReportingReason,
    RequestedServiceUnit,
    ResultCode,
    SubscriptionIdType,
)


def _dropping(name: str, fault: str, odd: Callable[[Message], bool]) -> None:
    """A mutant that never answers some CCRs: its decoder stumbles over them."""

    def requests(request: Message) -> list[bytes]:
        return [] if request.command == CCR and odd(request) else [request.octets]

    requests.__name__ = name
    requests.__doc__ = fault
    on_requests(requests)


_INFORMATION = ("Service-Information", "PS-Information")

_dropping(
    "location_of_eight_octets",
    "Requests whose location is not as long as it should be are dropped",
    lambda request: any(
        len(one.data) not in (8, 13) for one in request.tree.all(*_INFORMATION, "3GPP-User-Location-Info")
    ),
)
_dropping(
    "equipment_in_digits",
    "Requests whose equipment is not told in digits are dropped",
    lambda request: any(
        not one.data.isdigit()
        for path in (("User-Equipment-Info",), (*_INFORMATION, "User-Equipment-Info"))
        for one in request.tree.all(*path, "User-Equipment-Info-Value")
    ),
)
_dropping(
    "overload_control_unknown",
    "Requests that speak of overload control are dropped",
    lambda request: request.tree.first("OC-Supported-Features") is not None,
)
_dropping(
    "information_needed",
    "Requests without PS-Information are dropped",
    lambda request: request.tree.first(*_INFORMATION) is None and request.tree.number("CC-Request-Type") != 4,
)
_dropping(
    "proxied_requests_need_a_proxy",
    "Requests without the P bit are dropped",
    lambda request: not request.flags & 0x40,
)


@on_requests
def quality_of_service_unknown(request: Message) -> list[bytes]:
    """3GPP AVPs of quality of service are not in the dictionary."""

    def unknown(item: Avp) -> bytes | None:
        return (9_999_997).to_bytes(4, "big") + item.octets[4:] if item.name == "QoS-Information" else None

    return [in_services(request, unknown)] if request.tree.fault is None else [request.octets]


@on_requests
def stray_identity_first(request: Message) -> list[bytes]:
    """The last Subscription-Id decides, of whatever type it is: it is taken for the IMSI."""
    identities = request.tree.all("Subscription-Id")
    if request.tree.fault is not None or len(identities) < 3:
        return [request.octets]
    data = [one.octets for one in identities[-1].tree if one.name == "Subscription-Id-Data"]
    last = avp("Subscription-Id", [avp("Subscription-Id-Type", 1), *data])
    seen = iter([b""] * (len(identities) - 1) + [last])
    return [replaced(request, lambda item: next(seen) if item.name == "Subscription-Id" else None)]


# --- charging ---------------------------------------------------------------------------------------------------------


@per_ccr
def imsi_needed() -> Treat:
    """Subscribers are found by IMSI alone."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        kinds = {one.subscription_id_type for one in command.ccr.subscription_id}
        if kinds and SubscriptionIdType.END_USER_IMSI not in kinds:
            return refusal(command.ccr, ResultCode.USER_UNKNOWN)
        return apply(command, now)

    return treat


@per_ccr
def profile_needed() -> Treat:
    """A SIM without splits has nobody who pays."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        if apn_of(command.ccr) == "internet":
            return refusal(command.ccr, ResultCode.END_USER_SERVICE_DENIED)
        return apply(command, now)

    return treat


@per_ccr
def events_need_a_session() -> Treat:
    """An event is refused where no session is open."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        if command.ccr.cc_request_type is CcRequestType.EVENT:
            return refusal(command.ccr, ResultCode.UNKNOWN_SESSION_ID)
        return apply(command, now)

    return treat


@on_ccr
def money_taken_for_octets(ccr: Ccr) -> Ccr:
    """A Requested-Service-Unit of money is granted octets."""

    def plain(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
        wish = service.requested_service_unit
        money = wish is not None and wish.cc_money is not None
        return replace(service, requested_service_unit=RequestedServiceUnit()) if money else service

    return services(ccr, plain)


@per_ccr
def every_service_reserves() -> Treat:
    """Of two MSCCs with one rating group each is granted, and reserves, for itself."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        groups = [m.rating_group for m in command.ccr.multiple_services_credit_control]
        if len(groups) != 2 or groups[0] != groups[1] or groups[0] != 200:
            return apply(command, now)
        first, second = command.ccr.multiple_services_credit_control
        outcome = apply(
            replace(
                command,
                ccr=replace(command.ccr, multiple_services_credit_control=(first, replace(second, rating_group=201))),
            ),
            now,
        )
        answer = answered(outcome)
        outcome.answer = replace(
            answer,
            multiple_services_credit_control=tuple(
                replace(m, rating_group=200) for m in answer.multiple_services_credit_control
            ),
        )
        return outcome

    return treat


def _unread(name: str, fault: str, reason: ReportingReason) -> None:
    """A mutant that does not debit reports with one Reporting-Reason."""

    def change(ccr: Ccr) -> Ccr:
        def quiet(service: MultipleServicesCreditControl) -> MultipleServicesCreditControl:
            told = {*service.reporting_reason, *(one.reporting_reason for one in service.used_service_unit)}
            return replace(service, used_service_unit=()) if reason in told else service

        return services(ccr, quiet)

    change.__name__ = name
    change.__doc__ = fault
    on_ccr(change)


_unread(
    "validity_reports_unread", "When Validity-Time is over, its units count as unused", ReportingReason.VALIDITY_TIME
)
_unread("threshold_reports_unread", "A report for a threshold is a wish for more, and debits nothing",
        ReportingReason.THRESHOLD)  # fmt: skip
_unread("holding_reports_unread", "A report for the holding time debits nothing", ReportingReason.QHT)
_unread("changed_conditions_unread", "What was used until a condition changed is not debited",
        ReportingReason.RATING_CONDITION_CHANGE)  # fmt: skip
_unread("forced_reports_unread", "What a client reports after a RAR is not debited",
        ReportingReason.FORCED_REAUTHORISATION)  # fmt: skip


@on_ccr
def first_service_only(ccr: Ccr) -> Ccr:
    """The first MSCC of a request is read."""
    return replace(ccr, multiple_services_credit_control=ccr.multiple_services_credit_control[:1])


# --- the same request again -------------------------------------------------------------------------------------------


@per_ccr
def repeats_by_t_bit() -> Treat:
    """A repeated CCR-U without the T bit is a new one."""
    seen: set[tuple[str, int]] = set()

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        key = ccr.session_id, ccr.cc_request_number
        again = key in seen and not command.retransmitted and ccr.cc_request_type is CcRequestType.UPDATE
        seen.add(key)
        if not again:
            return apply(command, now)
        fresh = replace(ccr, cc_request_number=3_000_000 + len(seen))
        outcome = apply(replace(command, ccr=fresh), now)
        outcome.answer = replace(answered(outcome), cc_request_number=ccr.cc_request_number)
        return outcome

    return treat


@per_ccr
def sessions_of_a_fixed_length() -> Treat:
    """A session is closed two seconds after its CCR-I, whatever comes in between."""
    began: dict[str, int] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        start = began.setdefault(ccr.session_id, now)
        if ccr.cc_request_type is CcRequestType.UPDATE and now - start > 2_000_000:
            return refusal(ccr, ResultCode.UNKNOWN_SESSION_ID)
        return apply(command, now)

    return treat
