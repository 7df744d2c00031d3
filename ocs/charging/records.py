"""The event detail record of one settled report: every column said once, in the order of `Edr`."""

from __future__ import annotations

from ocs.catalogue.base import HOME, NOWHERE
from ocs.catalogue.plans import Postpaid
from ocs.charging.state import Columns, Service, Session
from ocs.charging.usage import Exchange, Report
from ocs.gy.messages import CcRequestType, MultipleServicesCreditControl, ReportingReason
from ocs.rating.tariff import unit_price
from ocs.records.edr import BucketPart, Edr

_RECORD_TYPES = {
    CcRequestType.INITIAL: "start",
    CcRequestType.UPDATE: "interim",
    CcRequestType.TERMINATION: "stop",
    CcRequestType.EVENT: "event",
}
_FLAGS = {
    (late, receipt, nobody): " ".join(
        flag for flag, holds in (("late", late), ("time_from_receipt", receipt), ("unattributed", nobody)) if holds
    )
    for late in (False, True)
    for receipt in (False, True)
    for nobody in (False, True)
}
_REASONS = {reason: reason.name for reason in ReportingReason}


def record(
    exchange: Exchange,
    report: Report,
    mscc: MultipleServicesCreditControl,
    service: Service | None,
    granted: int | None,
    result_code: int,
) -> Edr:
    """The EDR of one settled report. `granted`: what the same answer grants, in the service's unit."""
    ccr, session, state, terms = exchange.ccr, exchange.session, exchange.state, report.terms
    octets = report.amount if session.unit == "octets" else 0
    debited = overrun = 0
    paid: tuple[BucketPart, ...] = ()
    unit_micros = None
    # Most columns are those of the report before, as long as its service goes on as before.
    columns = service.columns if service is not None else None
    subscriber = session.subscriber
    customer_id = subscriber.account_id if subscriber is not None else ""
    if (
        columns is None
        or columns.terms is not terms
        or columns.conditions is not report.conditions
        or columns.customer_id != customer_id
    ):
        columns = _columns(session, report, mscc)
        if service is not None:
            service.columns = columns
    flags = _FLAGS[report.late, exchange.time_from_receipt, terms is None]
    if terms is not None:
        unit_micros = columns.unit_micros
        if terms.rules.rates:
            unit_micros = unit_price(terms.plan, session.unit, columns.zone, report.event_time)
        if terms.rules.prepaid:
            overrun, paid = report.settlement.overrun, report.settlement.paid
            debited = octets - overrun
    trigger = mscc.trigger
    return Edr(  # type: ignore[call-arg] # shared columns are tuples of no known length to the checker
        report.record_id,
        ccr.session_id,
        ccr.cc_request_number,
        _RECORD_TYPES[ccr.cc_request_type],  # type: ignore[arg-type]
        flags,
        report.event_time,
        report.started_at,
        report.event_time,
        *columns.who,
        ccr.service_context_id,
        session.unit,
        report.amount,
        report.up,
        report.down,
        octets,
        None,
        None,
        debited,
        overrun,
        paid,
        report.balance_before,
        report.balance_after,
        granted,
        *columns.terms_and_bearer,
        ccr.origin_host,
        reporting_reason(mscc),
        str(trigger.trigger_type[0]) if trigger is not None and trigger.trigger_type else None,
        report.tariff_change_usage,
        unit_micros,
        report.price_micros,
        state.inventory.operator.currency,
        result_code,
        ccr.termination_cause,
        state.cycle_at(report.event_time).id,
    )


def _columns(session: Session, report: Report, mscc: MultipleServicesCreditControl) -> Columns:
    """The columns from `physical_imsi` to `service_identifier`, and those from `plan_id` to `ggsn_address`."""
    credit, terms, conditions, subscriber = report.credit, report.terms, report.conditions, session.subscriber
    customer_id = subscriber.account_id if subscriber is not None else ""
    subscription = profile = split = plan = unit_micros = None
    zone = HOME
    if credit is not None and terms is not None:
        subscription, profile, split, plan = credit.subscription, terms.profile, terms.split, terms.plan
        zone = plan.zone_of(conditions.serving_plmn) or NOWHERE
        unit_micros = unit_price(plan, session.unit, zone, report.event_time)
    who = (
        subscriber.imsi if subscriber is not None else "",
        subscriber.iccid if subscriber is not None else "",
        subscriber.msisdn if subscriber is not None else None,
        conditions.imei,
        subscription.mpc_imsi if subscription is not None else None,
        subscription.mpc_iccid if subscription is not None else None,
        subscription.rating_imsi if subscription is not None else "",
        subscription.account_id if subscription is not None else "",
        customer_id,
        profile.id if profile is not None else None,
        profile.version if profile is not None else None,
        split.id if split is not None else None,
        split.party if split is not None else None,
        session.apn,
        mscc.rating_group,
        mscc.service_identifier[0] if mscc.service_identifier else None,
    )
    terms_and_bearer = (
        plan.id if plan is not None else None,
        plan.version if plan is not None else None,
        subscription.subscription_id if subscription is not None else None,
        plan.pool_id(subscription.account_id) if subscription is not None and isinstance(plan, Postpaid) else None,
        zone,
        conditions.serving_plmn,
        conditions.rat_type,
        conditions.charging_id,
        conditions.ggsn_address,
    )
    return Columns(terms, conditions, customer_id, zone, unit_micros, who, terms_and_bearer)


def reporting_reason(mscc: MultipleServicesCreditControl) -> str | None:
    """Why the client reports; tolerated at either of the two places where clients put it (TS 32.299 7.2.175)."""
    for unit in mscc.used_service_unit:
        if unit.reporting_reason is not None:
            return _REASONS[unit.reporting_reason]
    return _REASONS[mscc.reporting_reason[0]] if mscc.reporting_reason else None
