"""How much a service is granted, for how long, and when it is the last (RFC 8506 5.1 and 5.6; TS 32.299 6.5).

A grant is a slice of the plan's size, cut to what the client wishes, to what is left, and to an equal share where
others wait for the same credit. Postpaid grants are refused only above a per-SIM limit.
"""

from __future__ import annotations

from ocs.balances.purse import Part, Purse
from ocs.catalogue.base import HOME
from ocs.catalogue.plans import Postpaid
from ocs.charging.final_units import graceful_answer, indication
from ocs.charging.reauthorisation import reauthorise
from ocs.charging.standing import Refusal, barred, exhausted
from ocs.charging.state import TX, Due, Grant, Service, jitter
from ocs.charging.usage import Exchange
from ocs.charging.wallet import payable, price_of, tally
from ocs.gy.messages import (
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    RequestedServiceUnit,
    ResultCode,
    Trigger,
)
from ocs.inventory.provisioning import Peer
from ocs.inventory.subscribers import Status, Terms
from ocs.rating.rates import next_switch
from ocs.rating.tariff import Unit, sells
from ocs.units import SECOND

_SUCCESS = ResultCode.SUCCESS
# TS 32.299 7.2.236.
_TRIGGER_TYPES = {
    "CHANGE_IN_SGSN_IP_ADDRESS": 1,
    "CHANGE_IN_QOS": 2,
    "CHANGE_IN_LOCATION": 3,
    "CHANGE_IN_RAT": 4,
    "CHANGE_IN_UE_TIMEZONE": 5,
}


def authorise(
    exchange: Exchange,
    service: Service,
    mscc: MultipleServicesCreditControl,
    requested: RequestedServiceUnit,
    name: str,
) -> MultipleServicesCreditControl | Refusal:
    """Grant what `mscc` asks for, or say why not. `name`: of the reservation."""
    credit = service.credit
    if credit.waiting:
        credit.waiting.pop(service, None)
    unit, terms, purse = service.session.unit, credit.subscription.terms, credit.purse
    refusal = barred(credit)
    if refusal is not None:
        pass
    elif unit != "octets":
        if not sells(terms.plan, unit):
            refusal = Refusal(ResultCode.END_USER_SERVICE_DENIED, f"the plan has no price for {unit}")
    elif terms.rules.zones and _zone(service) is None:
        refusal = Refusal(ResultCode.END_USER_SERVICE_DENIED, "the plan does not cover the serving network")
    elif purse is not None and not _pays(service, purse, exchange.now):
        decided = _without_credit(exchange, service, mscc)
        if not isinstance(decided, Refusal):
            service.refused = None
            return decided
        refusal = decided
    if refusal is not None:
        service.refused = refusal.result_code
        return refusal
    service.refused = None
    service.graceful_until = None
    return _grant(exchange, service, mscc, requested, name)


def _pays(service: Service, purse: Purse, now: int) -> bool:
    """Whether the purse gives anything at the price of the zone and the hour."""
    terms = service.credit.subscription.terms
    if not terms.rules.wallet or not purse.gives:
        return purse.gives
    return payable(service, price_of(terms.plan, service.session.conditions, now), purse.free) > 0


def _zone(service: Service) -> str | None:
    """The zone of the network that serves it now; None where its plan does not cover that."""
    return service.credit.subscription.terms.plan.zone_of(service.session.conditions.serving_plmn)


def _without_credit(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl
) -> MultipleServicesCreditControl | Refusal:
    """Nothing free. Whoever else holds a reservation is asked to report; the service waits for what comes back."""
    credit = service.credit
    credit.waiting[service] = None
    if credit.subscription.status is Status.EXHAUSTED or (credit.purse is not None and not credit.purse.reserved):
        return graceful_answer(exchange, service, mscc) or exhausted(credit, exchange.session)
    for holder in credit.services:
        if holder is not service and holder.grant is not None and not holder.grant.ended:
            reauthorise(exchange.state, holder, exchange.now, exchange.out)
    return Refusal(ResultCode.CREDIT_LIMIT_REACHED, "all credit is reserved by other services: holders re-authorised")


def _wish(requested: RequestedServiceUnit, unit: Unit) -> int | None:
    """Units that the client asks for; None leaves the choice to us (TS 32.299 6.5.2)."""
    if unit == "octets":
        if requested.cc_total_octets is not None:
            return requested.cc_total_octets or None
        return ((requested.cc_input_octets or 0) + (requested.cc_output_octets or 0)) or None
    return (requested.cc_time if unit == "seconds" else requested.cc_service_specific_units) or None


def _slice(terms: Terms, unit: Unit, wish: int | None) -> int:
    if unit == "octets":
        most = terms.rules.slice
    elif unit == "units":
        return wish or 1
    else:
        assert isinstance(terms.plan, Postpaid)
        assert terms.plan.voice is not None
        most = terms.plan.voice.slice
    return most if wish is None or wish > most else wish


def _grant(
    exchange: Exchange,
    service: Service,
    mscc: MultipleServicesCreditControl,
    requested: RequestedServiceUnit,
    name: str,
) -> MultipleServicesCreditControl:
    """Reserve a slice of the service's credit, and say so."""
    state, session, now, credit = exchange.state, exchange.session, exchange.now, service.credit
    terms, unit = credit.subscription.terms, session.unit
    rules = terms.rules
    purse = credit.purse if unit == "octets" else None
    amount = _slice(terms, unit, _wish(requested, unit))
    valid_until, switches_at = now + rules.validity * SECOND, None
    switch = cycle_end = state.cycle_at(now).end
    if rules.rates:
        switch = _switch_after(exchange, service, now)
    if valid_until > switch:
        valid_until, switches_at = _over_switch(exchange, service, switch, valid_until)
    if exchange.serial:
        name = f"{name}~{exchange.serial}"
    parts: list[Part] = []
    final = False
    if purse is not None:
        amount, units, last = _share(service, purse, amount, now)
        parts = purse.reserve(units, name, now, exchange.out.transfers)
        state.moved(credit)
        for part in parts:
            ends_at = part.bucket.ends_at
            if ends_at is not None and ends_at < valid_until:
                valid_until = ends_at
        final = last and purse.reserved == units
    # Validity never passes the bucket's end; but a Validity-Time has whole seconds and at least one.
    validity_seconds = max(1, (valid_until - now) // SECOND)
    ends_at = now + (validity_seconds + rules.grace) * SECOND
    credit.in_use = True
    service.grant = grant = Grant(
        name, credit, terms, session.conditions, purse, parts, amount, now, ends_at,
        exchange.ccr.cc_request_number, final, switches_at,
    )  # fmt: skip
    if session.look_at == 0 or ends_at < session.look_at:
        state.watch(session, ends_at)
    if valid_until > cycle_end and switches_at is None:
        state.schedule(cycle_end + jitter(session.session_id) + TX, Due.REPORT_MISSING, (service, grant))
    return _answer(exchange, mscc, grant, validity_seconds)


def _share(service: Service, purse: Purse, octets: int, now: int) -> tuple[int, int, bool]:
    """What a service gets of a purse: octets, the units of the purse that they take, and whether nothing is left then.

    Where others wait for the same credit they get as much, but never less than the plan's least slice.
    """
    credit, free = service.credit, purse.free
    terms, takers = credit.subscription.terms, 1 + len(credit.waiting)
    if not terms.rules.wallet:
        if takers > 1:
            octets = min(octets, max(terms.rules.least_slice, free // takers))
        octets = min(octets, free)
        return octets, octets, octets == free
    price = price_of(terms.plan, service.session.conditions, now)
    if takers > 1:
        octets = min(octets, max(terms.rules.least_slice, payable(service, price, free // takers)))
    most = payable(service, price, free)
    octets = min(octets, most)
    return octets, tally(service, price, octets).micros, octets == most


def _switch_after(exchange: Exchange, service: Service, at: int) -> int:
    """The next tariff switch: the end of the billing cycle, or before it another price by time of day."""
    cycle_end, plan = exchange.state.cycle_at(at).end, service.credit.subscription.terms.plan
    if not plan.rates or service.session.unit != "octets":
        return cycle_end
    return min(cycle_end, next_switch(plan, _zone(service) or HOME, at) or cycle_end)


def _over_switch(exchange: Exchange, service: Service, switch: int, valid_until: int) -> tuple[int, int | None]:
    """Until when a grant may run that would outrun a tariff switch, and the switch that the client is told.

    A client that splits its report there is told, and reports before the switch after that; any other reports just
    after it, not all clients at once (RFC 8506 5.1.1), and at the cycle's end is sent a RAR if it does not. Continuous
    time-based service gets no Tariff-Time-Change.
    """
    session = exchange.session
    if session.peer.tariff_time_change and session.unit == "octets":
        return min(valid_until, _switch_after(exchange, service, switch)), switch
    return min(valid_until, switch + jitter(session.session_id)), None


def _answer(
    exchange: Exchange, mscc: MultipleServicesCreditControl, grant: Grant, validity_seconds: int
) -> MultipleServicesCreditControl:
    terms, unit, amount, peer = grant.terms, exchange.session.unit, grant.amount, exchange.session.peer
    rules = terms.rules
    answer = MultipleServicesCreditControl(
        service_identifier=mscc.service_identifier,
        rating_group=mscc.rating_group,
        validity_time=validity_seconds,
        result_code=_SUCCESS,
        quota_holding_time=rules.holding_time,
    )
    if grant.final:
        answer.final_unit_indication = indication(terms.plan, peer)
    if unit == "octets":
        answer.granted_service_unit = granted = GrantedServiceUnit(cc_total_octets=amount)
        if grant.switches_at is not None:
            granted.tariff_time_change = grant.switches_at // SECOND
        if rules.threshold is not None and rules.threshold < amount and _thresholds(answer, peer):
            answer.volume_quota_threshold = rules.threshold
        triggers = rules.triggers
        if not triggers and rules.zones:
            triggers = ("CHANGE_IN_SGSN_IP_ADDRESS",)  # of another network, so of another zone perhaps
        if triggers:
            answer.trigger = Trigger(trigger_type=tuple([_TRIGGER_TYPES[name] for name in triggers]))
    elif unit == "seconds":
        answer.granted_service_unit = GrantedServiceUnit(cc_time=amount)
        plan = terms.plan
        voice = plan.voice if isinstance(plan, Postpaid) else None
        if voice is not None:
            answer.quota_consumption_time = voice.consumption_time
            if voice.threshold is not None and voice.threshold < amount and _thresholds(answer, peer):
                answer.time_quota_threshold = voice.threshold
    else:
        answer.granted_service_unit = GrantedServiceUnit(cc_service_specific_units=amount)
    return answer


def _thresholds(answer: MultipleServicesCreditControl, peer: Peer) -> bool:
    """Whether a threshold may be set: by who understands it, and never beside a final unit."""
    return peer.thresholds and answer.final_unit_indication is None
