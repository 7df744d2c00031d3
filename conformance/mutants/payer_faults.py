"""Mutants that let the wrong one pay, or recognise nobody."""

from __future__ import annotations

from msgspec.structs import replace

from conformance.mutants.charging import (
    Apply,
    answered,
    apn_of,
    at_apn,
    refusal,
    refused,
    services,
)
from conformance.mutants.registering import (
    ENTERPRISE_APN,
    Treat,
    around,
    on_ccr,
    per_ccr,
)
from ocs.charging.commands import Charge, Command, Outcome, SetStatus
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    ResultCode,
    SubscriptionId,
    SubscriptionIdType,
)

# --- who pays ---------------------------------------------------------------------------------------------------------


@on_ccr
def consumer_on_enterprise(ccr: Ccr) -> Ccr:
    """The driver's traffic is charged to the car maker: the APN is not looked at."""
    return at_apn(ccr, ENTERPRISE_APN) if apn_of(ccr) == "wifi" else ccr


@per_ccr
def shared_apn_to_enterprise() -> Treat:
    """On a shared APN every rating group is charged to the car maker."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        if apn_of(ccr) != "car":
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


@on_ccr
def unknown_apn_falls_back(ccr: Ccr) -> Ccr:
    """An unknown APN falls back to the car maker's."""
    known = ("wifi", "car", "internet", ENTERPRISE_APN)
    apn = apn_of(ccr)
    plain = apn is not None and apn.lower().split(".mnc")[0] in known
    return ccr if apn is None or plain else at_apn(ccr, ENTERPRISE_APN)


@per_ccr
def apn_case_matters() -> Treat:
    """APNs are compared letter by letter."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        apn = apn_of(command.ccr)
        if apn is not None and apn != apn.lower():
            return refusal(command.ccr, ResultCode.END_USER_SERVICE_DENIED)
        return apply(command, now)

    return treat


@per_ccr
def apn_read_in_updates() -> Treat:
    """The APN of every CCR-U decides anew, and an unknown one ends the session without its report."""
    apns: dict[str, str | None] = {}

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        ccr = command.ccr
        first = apns.setdefault(ccr.session_id, apn_of(ccr))
        if first != apn_of(ccr):
            changed = services(ccr, lambda m: replace(m, used_service_unit=()))
            return apply(replace(command, ccr=changed), now)
        return apply(command, now)

    return treat


@per_ccr
def context_prefix_unmatched() -> Treat:
    """Service-Context-Id must be 32251@3gpp.org to the letter."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        context = command.ccr.service_context_id
        if context.endswith("32251@3gpp.org") and context != "32251@3gpp.org":
            return refusal(command.ccr, ResultCode.RATING_FAILED)
        return apply(command, now)

    return treat


@on_ccr
def context_ignored(ccr: Ccr) -> Ccr:
    """The service context is not looked at."""
    known = ccr.service_context_id.endswith("3gpp.org")
    return ccr if known else replace(ccr, service_context_id="32251@3gpp.org")


@per_ccr
def enterprise_cut_with_consumer() -> Treat:
    """When the driver has used up everything, the whole SIM is cut off."""
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


@around
def suspension_ignored(apply: Apply) -> Apply:
    """Suspensions of the driver's service do not reach charging."""

    def charge(command: Command, now: int) -> Outcome:
        if isinstance(command, SetStatus):
            command = replace(command, status="active")
        return apply(command, now)

    return charge


@around
def suspension_of_the_sim(apply: Apply) -> Apply:
    """Suspending the driver's service suspends the SIM."""

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


@on_ccr
def default_account(ccr: Ccr) -> Ccr:
    """An unknown subscriber is charged on a default account."""
    known = any(one.subscription_id_data.startswith(("00101000", "4917")) for one in ccr.subscription_id)
    return ccr if known else _identified(ccr, "001010000000001")


@on_ccr
def internal_identity_accepted(ccr: Ccr) -> Ccr:
    """The internal identity of a virtual SIM is accepted on Gy."""
    internal = any(one.subscription_id_data.startswith("999") for one in ccr.subscription_id)
    return _identified(ccr, "001010000000001") if internal else ccr


@per_ccr
def both_identities_charged() -> Treat:
    """IMSI and E.164 number are looked up each for itself, and both subscribers are charged."""

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


@per_ccr
def identity_needed_in_updates() -> Treat:
    """A CCR-U must name its subscriber."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        if command.ccr.cc_request_type is CcRequestType.UPDATE and not command.ccr.subscription_id:
            return refusal(command.ccr, ResultCode.USER_UNKNOWN)
        return apply(command, now)

    return treat


@per_ccr
def first_identity_only() -> Treat:
    """Only the first Subscription-Id is read, whatever its type."""

    def treat(apply: Apply, command: Charge, now: int) -> Outcome:
        first = command.ccr.subscription_id[:1]
        if first and first[0].subscription_id_type is SubscriptionIdType.END_USER_E164:
            return refusal(command.ccr, ResultCode.USER_UNKNOWN)
        return apply(command, now)

    return treat
