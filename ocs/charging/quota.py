"""How much a service is granted, for how long, and when it is the last (RFC 8506 5.1 and 5.6; TS 32.299 6.5).

A grant is a slice of the plan's size, cut to what the client wishes, to what is left, and to an equal share where
others wait for the same credit. Postpaid grants are never refused for lack of money.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocs.catalogue.plans import PrepaidIndividual
from ocs.charging.reauthorisation import reauthorise
from ocs.charging.state import Credit, Due, Grant, Service
from ocs.charging.usage import Exchange, record_id
from ocs.gy.messages import (
    FinalUnitAction,
    FinalUnitIndication,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    ResultCode,
)
from ocs.inventory.subscribers import Status
from ocs.units import SECOND


@dataclass(slots=True)
class Refusal:
    """No units: the Result-Code, the rule behind it, and whether it ends the whole session."""

    result_code: ResultCode
    rule: str
    ends_session: bool = False


def authorise(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl
) -> MultipleServicesCreditControl | Refusal:
    """Grant what `mscc` asks for, or say why not."""
    credit = service.credit
    credit.waiting.pop(service, None)
    refusal = barred(credit)
    if refusal is None and credit.purse is not None and credit.purse.free == 0:
        refusal = _without_credit(exchange, service)
    if refusal is not None:
        service.refused = refusal.result_code
        return refusal
    service.refused = None
    assert mscc.requested_service_unit is not None
    grant = _grant(exchange, service, mscc, mscc.requested_service_unit)
    service.grant = grant
    return _answer(exchange, mscc, grant)


def barred(credit: Credit) -> Refusal | None:
    """Whether life cycle alone forbids service: SIM or virtual SIM suspended or terminated."""
    subscription = credit.subscription
    if subscription.sim.status is not Status.ACTIVE:
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, f"SIM is {subscription.sim.status.value}")
    if subscription.status in (Status.SUSPENDED, Status.TERMINATED):
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, f"split is {subscription.status.value}")
    return None


def exhausted(exchange: Exchange, credit: Credit) -> Refusal:
    """Nothing remains and nothing is reserved: 4012, at command level where the plan ends the session with it.

    Only where nobody else can pay on the APN: another payer's rating groups must not notice.
    """
    plan, route = credit.subscription.plan, exchange.session.route
    ends_session = (
        isinstance(plan, PrepaidIndividual)
        and plan.on_exhaustion == "end_session"
        and route is not None
        and route.sole is credit.subscription
    )
    return Refusal(ResultCode.CREDIT_LIMIT_REACHED, "allowance exhausted: nothing remains or is reserved", ends_session)


def _without_credit(exchange: Exchange, service: Service) -> Refusal:
    """Nothing free. Whoever else holds a reservation is asked to report; the service waits for what comes back."""
    credit = service.credit
    credit.waiting[service] = None
    if credit.subscription.status is Status.EXHAUSTED:
        return exhausted(exchange, credit)
    for holder in credit.services:
        if holder is not service and holder.grant is not None and not holder.grant.ended:
            reauthorise(exchange.state, holder, exchange.now, exchange.out)
    return Refusal(ResultCode.CREDIT_LIMIT_REACHED, "all credit is reserved by other services: holders re-authorised")


def _wish(requested: RequestedServiceUnit) -> int | None:
    """Octets that the client asks for; None leaves the choice to us (TS 32.299 6.5.2)."""
    if requested.cc_total_octets is not None:
        return requested.cc_total_octets or None
    return ((requested.cc_input_octets or 0) + (requested.cc_output_octets or 0)) or None


def _grant(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl, requested: RequestedServiceUnit
) -> Grant:
    credit, now = service.credit, exchange.now
    plan, purse = credit.subscription.plan, credit.purse
    quota = plan.quota
    octets = min(quota.slice, _wish(requested) or quota.slice)
    reservation_id = record_id(exchange, mscc)
    ends_at = now + quota.validity * SECOND
    final = False
    parts = []
    if purse is not None:
        free = purse.free
        if credit.waiting:
            octets = min(octets, max(quota.least_slice, free // (1 + len(credit.waiting))))
        octets = min(octets, free)
        parts = purse.reserve(octets, reservation_id, now, exchange.out.transfers)
        exchange.state.watch_started(credit)
        # Validity never passes the bucket's end; a Validity-Time has whole seconds and at least one.
        ends_at = max(now + SECOND, min(ends_at, *[part.bucket.ends_at or ends_at for part in parts]))
        final = octets == free and purse.reserved == octets
    grant = Grant(reservation_id, credit, octets, now, ends_at + quota.grace * SECOND, parts, final)
    exchange.state.schedule(grant.ends_at, Due.RESERVATION_END, (service, grant))
    return grant


def _answer(exchange: Exchange, mscc: MultipleServicesCreditControl, grant: Grant) -> MultipleServicesCreditControl:
    plan = grant.credit.subscription.plan
    quota = plan.quota
    indication = None
    if grant.final and isinstance(plan, PrepaidIndividual) and plan.end_signal == "final_unit":
        indication = FinalUnitIndication(final_unit_action=FinalUnitAction.TERMINATE)
    threshold = quota.threshold
    if threshold is not None and (indication is not None or threshold >= grant.octets):
        threshold = None
    return MultipleServicesCreditControl(
        granted_service_unit=GrantedServiceUnit(cc_total_octets=grant.octets),
        service_identifier=mscc.service_identifier,
        rating_group=mscc.rating_group,
        validity_time=(grant.ends_at - grant.given_at) // SECOND - quota.grace,
        result_code=ResultCode.SUCCESS,
        final_unit_indication=indication,
        volume_quota_threshold=threshold,
        quota_holding_time=quota.holding_time,
    )
