"""CCR-E: one-time events (RFC 8506 6): direct debit, refund, balance check, price enquiry. They leave no session."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ocs.catalogue.currency import NUMERIC
from ocs.catalogue.grants import is_wallet
from ocs.catalogue.plans import Bundle, Plan, PrepaidIndividual
from ocs.charging import usage
from ocs.charging.commands import Decision
from ocs.charging.reauthorisation import replenished
from ocs.charging.records import record
from ocs.charging.standing import barred
from ocs.charging.state import Credit
from ocs.charging.usage import NOTHING, Exchange, Report
from ocs.charging.wallet import charge_of, price_of
from ocs.gy.failed import failed_avp
from ocs.gy.messages import (
    Cca,
    CheckBalanceResult,
    CostInformation,
    FailedAvp,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    RequestedAction,
    RequestedServiceUnit,
    ResultCode,
    UnitValue,
)
from ocs.rating.tariff import Unit, price, sells
from ocs.units import MICROS

REFUND_VALID_SECONDS = 28 * 86_400
"""How long refunded octets can be used."""


class _Event(msgspec.Struct, eq=False, gc=False):
    """One service of the event and its fate."""

    mscc: MultipleServicesCreditControl
    credit: Credit | None
    code: ResultCode
    rule: str
    granted: int | None = None
    micros: int = 0


def charge_event(exchange: Exchange) -> Cca:
    """Do what Requested-Action says, service by service; each succeeds or fails alone."""
    ccr, unit = exchange.ccr, exchange.session.unit
    action = ccr.requested_action
    if action is None:
        return _answer(exchange, ResultCode.MISSING_AVP, failed=(failed_avp("Requested-Action", 0),))
    services = exchange.services or (MultipleServicesCreditControl(),)
    events = [_one(exchange, mscc, action) for mscc in services]
    if exchange.state.explaining:
        exchange.out.decisions += [_decision(event) for event in events]
    failed = tuple(
        failed_avp("Rating-Group", event.mscc.rating_group or 0)
        for event in events
        if event.code is ResultCode.RATING_FAILED
    )
    code = events[0].code if len(events) == 1 else ResultCode.SUCCESS
    answer = _answer(exchange, code, failed=failed)
    if action is RequestedAction.CHECK_BALANCE:
        # Not an error: the answer to the question (RFC 8506 8.6).
        enough = all(event.code is ResultCode.SUCCESS for event in events)
        if code in (ResultCode.SUCCESS, ResultCode.CREDIT_LIMIT_REACHED):
            answer.result_code = ResultCode.SUCCESS
            answer.check_balance_result = CheckBalanceResult.ENOUGH_CREDIT if enough else CheckBalanceResult.NO_CREDIT
        return answer
    if action is RequestedAction.PRICE_ENQUIRY:
        if code is ResultCode.SUCCESS:
            answer.cost_information = _cost(exchange, sum(event.micros for event in events))
        return answer
    if len(events) == 1 and not exchange.services:
        answer.granted_service_unit = _units(unit, events[0].granted)
    elif exchange.services:
        answer.multiple_services_credit_control = tuple(
            MultipleServicesCreditControl(
                granted_service_unit=_units(unit, event.granted),
                service_identifier=event.mscc.service_identifier,
                rating_group=event.mscc.rating_group,
                result_code=event.code,
            )
            for event in events
        )
    return answer


def _one(exchange: Exchange, mscc: MultipleServicesCreditControl, action: RequestedAction) -> _Event:
    unit, route = exchange.session.unit, exchange.session.route
    assert route is not None
    subscription = route.subscription(mscc.rating_group)
    if subscription is None:
        return _Event(mscc, None, ResultCode.RATING_FAILED, "the rating group is in no split of this APN")
    credit, plan = exchange.state.credits[subscription.subscription_id], subscription.terms.plan
    amount = _amount(mscc.requested_service_unit, unit)
    if amount is None:
        return _Event(mscc, credit, ResultCode.RATING_FAILED, f"no amount of {unit} is asked for")
    refusal = barred(credit)
    if refusal is not None:
        return _Event(mscc, credit, refusal.result_code, refusal.rule)
    if not sells(plan, unit):
        return _Event(mscc, credit, ResultCode.END_USER_SERVICE_DENIED, f"the plan has no price for {unit}")
    if unit == "octets" and plan.zones and plan.zone_of(exchange.session.conditions.serving_plmn) is None:
        return _Event(mscc, credit, ResultCode.END_USER_SERVICE_DENIED, "the plan does not cover the serving network")
    units, micros = _cost_of(exchange, plan, amount)
    if action is RequestedAction.PRICE_ENQUIRY:
        return _Event(mscc, credit, ResultCode.SUCCESS, "price of the plan", micros=micros or 0)
    purse = credit.purse if unit == "octets" else None
    if action is not RequestedAction.REFUND_ACCOUNT and purse is not None and purse.free < units:
        return _Event(mscc, credit, ResultCode.CREDIT_LIMIT_REACHED, "more than is left and not reserved")
    if action is RequestedAction.CHECK_BALANCE:
        return _Event(mscc, credit, ResultCode.SUCCESS, "enough is left")
    refund = action is RequestedAction.REFUND_ACCOUNT
    report = _move(exchange, mscc, credit, -amount if refund else amount)
    exchange.out.edrs.append(record(exchange, report, mscc, None, None, ResultCode.SUCCESS))
    return _Event(mscc, credit, ResultCode.SUCCESS, "credited" if refund else "debited", granted=amount)


def _cost_of(exchange: Exchange, plan: Plan, amount: int) -> tuple[int, int | None]:
    """What an amount takes from a purse, in its units, and what it costs in micros, where that is known now."""
    session = exchange.session
    if session.unit != "octets" or not is_wallet(plan):
        return amount, price(plan, session.unit, 0, amount)
    micros = charge_of(price_of(plan, session.conditions, exchange.event_time), abs(amount))
    return (micros, micros) if amount > 0 else (-micros, -micros)


def _decision(event: _Event) -> Decision:
    subscription = event.credit.subscription if event.credit is not None else None
    return Decision(
        event.mscc.rating_group,
        subscription.split.id if subscription is not None else None,
        subscription.plan.id if subscription is not None else None,
        None,
        event.code,
        event.rule,
    )


def _amount(requested: RequestedServiceUnit | None, unit: Unit) -> int | None:
    """How many units the event is about; one message where nothing is said; None where that cannot be."""
    wish = requested if requested is not None else RequestedServiceUnit()
    if wish.cc_money is not None:
        return None
    if unit == "units":
        return 1 if wish.cc_service_specific_units is None else wish.cc_service_specific_units or None
    if unit == "seconds":
        return wish.cc_time or None
    return wish.cc_total_octets or ((wish.cc_input_octets or 0) + (wish.cc_output_octets or 0)) or None


def _move(exchange: Exchange, mscc: MultipleServicesCreditControl, credit: Credit, amount: int) -> Report:
    """Debit `amount` units, or credit them where it is negative."""
    session, out, now = exchange.session, exchange.out, exchange.now
    record_id = usage.next_record_id(exchange, usage.name_of(exchange, mscc))
    terms, purse = credit.subscription.terms, credit.purse if session.unit == "octets" else None
    before = purse.balance if purse is not None else None
    settlement = NOTHING
    units, micros = _cost_of(exchange, terms.plan, amount)
    if purse is not None and amount > 0:
        settlement = purse.settle((), units, now, record_id, out.transfers)
    elif purse is not None and units:
        given = {"credit": Decimal(-units) / MICROS} if is_wallet(terms.plan) else {"volume": -units}
        refund = Bundle.model_validate({"id": "refund", "valid": REFUND_VALID_SECONDS, **given})
        # What comes on top of a per-SIM limit ends with it.
        ends_at = None if isinstance(terms.plan, PrepaidIndividual) else exchange.state.cycle_at(now).end
        purse.credit(refund, now, record_id, 0, out.transfers, ends_at)
    exchange.state.moved(credit)
    credit.in_use = True
    if amount < 0:
        replenished(exchange.state, credit, now, out)
    after = purse.balance if purse is not None else None
    at, conditions = exchange.event_time, session.conditions
    return Report(
        record_id, credit, terms, conditions, 0, 0, amount, settlement, False, at, at, before, after, micros, None
    )  # fmt: skip


def _units(unit: Unit, amount: int | None) -> GrantedServiceUnit | None:
    if amount is None:
        return None
    if unit == "octets":
        return GrantedServiceUnit(cc_total_octets=amount)
    return (
        GrantedServiceUnit(cc_time=amount)
        if unit == "seconds"
        else GrantedServiceUnit(cc_service_specific_units=amount)
    )


def _cost(exchange: Exchange, micros: int) -> CostInformation:
    """Micros as Cost-Information: value digits and a power of ten (RFC 8506 8.7, 8.8)."""
    currency = exchange.state.inventory.operator.currency
    return CostInformation(unit_value=UnitValue(value_digits=micros, exponent=-6), currency_code=NUMERIC[currency])


def _answer(exchange: Exchange, code: ResultCode, failed: tuple[FailedAvp, ...] = ()) -> Cca:
    ccr, state = exchange.ccr, exchange.state
    return Cca(
        session_id=ccr.session_id,
        result_code=code,
        origin_host=state.origin_host,
        origin_realm=state.origin_realm,
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
        failed_avp=failed,
    )
