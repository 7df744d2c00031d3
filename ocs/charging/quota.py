"""How much a service is granted, for how long, and when it is the last (RFC 8506 5.1 and 5.6; TS 32.299 6.5).

A grant is a slice of the plan's size, cut to what the client wishes, to what is left, and to an equal share where
others wait for the same credit. Postpaid grants are refused only above a per-SIM limit.
"""

from __future__ import annotations

import zlib

import msgspec

from ocs.catalogue.plans import PostpaidIndividual, PrepaidIndividual
from ocs.charging.final_units import graceful_answer, indication
from ocs.charging.reauthorisation import reauthorise
from ocs.charging.state import Credit, Due, Grant, Service
from ocs.charging.usage import Exchange, reservation_name
from ocs.gy.messages import (
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    ResultCode,
    Trigger,
)
from ocs.inventory.subscribers import Status
from ocs.rating.tariff import sells
from ocs.units import SECOND

BOUNDARY_JITTER_SECONDS = 60
"""Sessions that have to report at a cycle's end do so spread over this many seconds after it."""

# TS 32.299 7.2.236.
_TRIGGER_TYPES = {
    "CHANGE_IN_SGSN_IP_ADDRESS": 1,
    "CHANGE_IN_QOS": 2,
    "CHANGE_IN_LOCATION": 3,
    "CHANGE_IN_RAT": 4,
    "CHANGE_IN_UE_TIMEZONE": 5,
}


class Refusal(msgspec.Struct, eq=False):
    """No units: the Result-Code, the rule behind it, and whether it ends the whole session."""

    result_code: ResultCode
    rule: str
    ends_session: bool = False


def authorise(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl, requested: RequestedServiceUnit
) -> MultipleServicesCreditControl | Refusal:
    """Grant what `mscc` asks for, or say why not."""
    credit = service.credit
    if credit.waiting:
        credit.waiting.pop(service, None)
    refusal = barred(credit)
    if refusal is None and not sells(credit.subscription.plan, service.unit):
        refusal = Refusal(ResultCode.END_USER_SERVICE_DENIED, f"the plan has no price for {service.unit}")
    if refusal is None and credit.purse is not None and credit.purse.free == 0:
        decided = _without_credit(exchange, service, mscc)
        if not isinstance(decided, Refusal):
            return decided
        refusal = decided
    if refusal is not None:
        service.refused = refusal.result_code
        return refusal
    service.refused = None
    service.graceful_until = None
    grant = _grant(exchange, service, mscc, requested)
    service.grant = grant
    return _answer(exchange, service, mscc, grant)


def barred(credit: Credit) -> Refusal | None:
    """Whether life cycle alone forbids service: SIM or virtual SIM suspended or terminated."""
    subscription = credit.subscription
    if subscription.sim.status is not Status.ACTIVE:
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, f"the SIM is {subscription.sim.status.value}")
    if subscription.status is Status.SUSPENDED or subscription.status is Status.TERMINATED:
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, f"the split is {subscription.status.value}")
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


def _without_credit(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl
) -> MultipleServicesCreditControl | Refusal:
    """Nothing free. Whoever else holds a reservation is asked to report; the service waits for what comes back."""
    credit = service.credit
    credit.waiting[service] = None
    if credit.subscription.status is Status.EXHAUSTED:
        return graceful_answer(exchange, service, mscc) or exhausted(exchange, credit)
    for holder in credit.services:
        if holder is not service and holder.grant is not None and not holder.grant.ended:
            reauthorise(exchange.state, holder, exchange.now, exchange.out)
    return Refusal(ResultCode.CREDIT_LIMIT_REACHED, "all credit is reserved by other services: holders re-authorised")


def _wish(requested: RequestedServiceUnit, service: Service) -> int | None:
    """Units that the client asks for; None leaves the choice to us (TS 32.299 6.5.2)."""
    if service.unit == "seconds":
        return requested.cc_time or None
    if service.unit == "units":
        return requested.cc_service_specific_units or None
    if requested.cc_total_octets is not None:
        return requested.cc_total_octets or None
    return ((requested.cc_input_octets or 0) + (requested.cc_output_octets or 0)) or None


def _slice(service: Service, wish: int | None) -> int:
    plan = service.credit.subscription.plan
    if service.unit == "octets":
        most = plan.quota.slice
    elif service.unit == "units":
        return wish or 1
    else:
        assert isinstance(plan, PostpaidIndividual)
        assert plan.voice is not None
        most = plan.voice.slice
    return most if wish is None or wish > most else wish


def _grant(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl, requested: RequestedServiceUnit
) -> Grant:
    credit, now = service.credit, exchange.now
    quota, purse = credit.subscription.plan.quota, credit.purse
    amount = _slice(service, _wish(requested, service))
    number = exchange.ccr.cc_request_number
    reservation_id = reservation_name(exchange, mscc)
    valid_until, switches_at = _until(exchange, service, now + quota.validity * SECOND)
    final = False
    parts = []
    if purse is not None:
        free = purse.free
        if credit.waiting:
            amount = min(amount, max(quota.least_slice, free // (1 + len(credit.waiting))))
        amount = min(amount, free)
        parts = purse.reserve(amount, reservation_id, now, exchange.out.transfers)
        exchange.state.watch_started(credit)
        for part in parts:
            ends_at = part.bucket.ends_at
            if ends_at is not None and ends_at < valid_until:
                valid_until = ends_at
        final = amount == free and purse.reserved == amount
    # Validity never passes the bucket's end; but a Validity-Time has whole seconds and at least one.
    validity_seconds = max(1, (valid_until - now) // SECOND)
    ends_at = now + (validity_seconds + quota.grace) * SECOND
    grant = Grant(reservation_id, credit, amount, now, ends_at, validity_seconds, number, parts, final, switches_at)
    exchange.state.schedule(ends_at, Due.RESERVATION_END, (service, grant))
    return grant


def _until(exchange: Exchange, service: Service, valid_until: int) -> tuple[int, int | None]:
    """Until when a grant may run, and the tariff switch within that time which the client is told of.

    The end of a billing cycle is a switch. A client that splits its report there is told; any other reports just after
    it, not all clients at once (RFC 8506 5.1.1). Continuous time-based service gets no Tariff-Time-Change.
    """
    cycle = exchange.state.cycle_at(exchange.now)
    if valid_until <= cycle.end:
        return valid_until, None
    if exchange.session.peer.tariff_time_change and service.unit == "octets":
        return min(valid_until, exchange.state.cycle_after(cycle).end), cycle.end
    jitter = zlib.crc32(exchange.session.session_id.encode()) % BOUNDARY_JITTER_SECONDS
    return min(valid_until, cycle.end + jitter * SECOND), None


def _answer(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl, grant: Grant
) -> MultipleServicesCreditControl:
    plan = grant.credit.subscription.plan
    quota, unit, amount = plan.quota, service.unit, grant.amount
    answer = MultipleServicesCreditControl(
        service_identifier=mscc.service_identifier,
        rating_group=mscc.rating_group,
        validity_time=grant.validity_seconds,
        result_code=ResultCode.SUCCESS,
        quota_holding_time=quota.holding_time,
    )
    if grant.final:
        answer.final_unit_indication = indication(plan, exchange.session.peer)
    thresholds = exchange.session.peer.thresholds and answer.final_unit_indication is None
    if unit == "octets":
        change = grant.switches_at // SECOND if grant.switches_at is not None else None
        answer.granted_service_unit = GrantedServiceUnit(cc_total_octets=amount, tariff_time_change=change)
        if thresholds and quota.threshold is not None and quota.threshold < amount:
            answer.volume_quota_threshold = quota.threshold
        if quota.triggers:
            answer.trigger = Trigger(trigger_type=tuple([_TRIGGER_TYPES[name] for name in quota.triggers]))
    elif unit == "seconds":
        answer.granted_service_unit = GrantedServiceUnit(cc_time=amount)
        voice = plan.voice if isinstance(plan, PostpaidIndividual) else None
        if voice is not None:
            answer.quota_consumption_time = voice.consumption_time
            if thresholds and voice.threshold is not None and voice.threshold < amount:
                answer.time_quota_threshold = voice.threshold
    else:
        answer.granted_service_unit = GrantedServiceUnit(cc_service_specific_units=amount)
    return answer
