"""Settling what a service used, and the record of it.

Usage settles under the credit in force when its grant was given (split, plan, payer); without a grant, under the one in
force now. Nothing reported is dropped: what no bucket covers is overrun, what nobody can be charged for is
unattributed.
"""

from __future__ import annotations

import msgspec

from ocs.balances.purse import Settlement
from ocs.catalogue.plans import PrepaidIndividual
from ocs.charging.commands import Outcome
from ocs.charging.state import Credit, Service, Session, State
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    ReportingReason,
    TariffChangeUsage,
    UsedServiceUnit,
)
from ocs.inventory.subscribers import Status
from ocs.rating.tariff import Unit, price
from ocs.records.edr import BucketPart, Edr
from ocs.units import SECOND

_RECORD_TYPES = {
    CcRequestType.INITIAL: "start",
    CcRequestType.UPDATE: "interim",
    CcRequestType.TERMINATION: "stop",
    CcRequestType.EVENT: "event",
}
NOTHING = Settlement((), 0)


class Exchange(msgspec.Struct, eq=False):
    """One CCR on its way through the engine."""

    state: State
    session: Session
    ccr: Ccr
    services: tuple[MultipleServicesCreditControl, ...]
    """Its MSCCs; units at command level stand here as one without rating group."""
    now: int
    event_time: int
    time_from_receipt: bool
    out: Outcome
    parts: dict[str, int]
    """How many records there are of each service, so that every record has an id of its own."""


class Report(msgspec.Struct, eq=False):
    """One service's used units after settling, waiting for its record."""

    record_id: str
    credit: Credit | None
    up: int
    down: int
    amount: int
    settlement: Settlement
    late: bool
    started_at: int
    event_time: int
    balance_before: int | None
    balance_after: int | None
    price_micros: int | None
    tariff_change_usage: int | None


def amounts(used: tuple[UsedServiceUnit, ...], unit: Unit) -> tuple[int, int, int]:
    """(up, down, all) of the used units of one service, in `unit`; up and down are octets.

    RFC 8506 8.23 leaves open what a total beside input and output means: the units that state a total are added, and
    only if none does, input + output are. So no octet counts twice.
    """
    up = down = total = seconds = specific = 0
    stated = False
    for entry in used:
        if entry.cc_input_octets is not None:
            up += entry.cc_input_octets
        if entry.cc_output_octets is not None:
            down += entry.cc_output_octets
        if entry.cc_total_octets is not None:
            stated = True
            total += entry.cc_total_octets
        if unit != "octets":
            seconds += entry.cc_time or 0
            specific += entry.cc_service_specific_units or 0
    if unit == "octets":
        return up, down, total if stated else up + down
    return up, down, seconds if unit == "seconds" else specific


def settle(exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl) -> list[Report]:
    """Post what `mscc` reports against the service's grant and release the rest of the grant.

    A report without used units releases the grant as well: the client asks anew (RFC 8506 5.6.2) or has given up.
    Units from before and after a tariff change make a report each (RFC 8506 8.27).
    """
    grant = service.grant
    service.grant = None
    credit = service.credit if grant is None else grant.credit
    used = mscc.used_service_unit
    if not used:
        if grant is not None and grant.parts and credit.purse is not None:
            cause = f"{grant.reservation_id}/unused"
            credit.purse.settle(grant.parts, 0, exchange.now, cause, exchange.out.transfers)
        return []
    record_id = next_record_id(exchange, mscc)
    amount = amounts(used, service.unit)
    before: tuple[UsedServiceUnit, ...] = ()
    after = used
    if used[0].tariff_change_usage is not None:
        before, after = _tariff_parts(used)
    late = amount[2] > 0 and (grant.ended if grant is not None else exchange.session.closed_at is not None)
    started_at = exchange.session.opened_at if grant is None else grant.given_at
    balance = settlement = None
    if credit.purse is not None:
        balance = credit.purse.balance
        parts = grant.parts if grant is not None else []
        settlement = credit.purse.settle(parts, amount[2], exchange.now, record_id, exchange.out.transfers)
        note_balance(credit)
    if not before or not after:
        at = exchange.event_time
        if before and grant is not None and grant.switches_at is not None:
            at = min(at, grant.switches_at - 1)
        return [_report(record_id, service, credit, used, amount, settlement, late, started_at, at, balance)]
    # Both sides of a tariff change: the buckets paid in the order of use, so the earlier part comes first.
    switch = exchange.event_time if grant is None or grant.switches_at is None else grant.switches_at
    earlier = amounts(before, service.unit)
    first, second = _divide(settlement, earlier[2])
    middle = balance - sum(part.amount for part in first.paid) if balance is not None and first is not None else None
    later_id = next_record_id(exchange, mscc)
    later = amounts(after, service.unit)
    return [
        _report(record_id, service, credit, before, earlier, first, late, started_at, switch - 1, balance),
        _report(later_id, service, credit, after, later, second, late, switch, exchange.event_time, middle),
    ]


def _tariff_parts(
    used: tuple[UsedServiceUnit, ...],
) -> tuple[tuple[UsedServiceUnit, ...], tuple[UsedServiceUnit, ...]]:
    """Used units from before and from after the change; what cannot be told belongs to the earlier period."""
    after = tuple(u for u in used if u.tariff_change_usage is TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE)
    return tuple(u for u in used if u not in after), after


def _divide(settlement: Settlement | None, amount: int) -> tuple[Settlement | None, Settlement | None]:
    """What was paid, as what paid the first `amount` units and what paid the rest."""
    if settlement is None:
        return None, None
    first, second = [], []
    for part in settlement.paid:
        early = min(amount, part.amount)
        amount -= early
        if early:
            first.append(BucketPart(part.bucket_id, early))
        if part.amount > early:
            second.append(BucketPart(part.bucket_id, part.amount - early))
    return Settlement(tuple(first), amount), Settlement(tuple(second), settlement.overrun - amount)


def _report(
    record_id: str,
    service: Service,
    credit: Credit,
    used: tuple[UsedServiceUnit, ...],
    amount: tuple[int, int, int],
    settlement: Settlement | None,
    late: bool,
    started_at: int,
    event_time: int,
    balance: int | None,
) -> Report:
    up, down, total = amount
    money = price(credit.subscription.plan, service.unit, service.used, total)
    service.used += total
    credit.used += total
    after = balance
    if balance is not None and settlement is not None:
        after = balance - sum([part.amount for part in settlement.paid])
    usage = used[0].tariff_change_usage
    paid = NOTHING if settlement is None else settlement
    return Report(
        record_id, credit, up, down, total, paid, late, started_at, event_time, balance, after, money, usage
    )  # fmt: skip


def unattributed(exchange: Exchange, mscc: MultipleServicesCreditControl) -> list[Report]:
    """A report that nobody can be charged for."""
    if not mscc.used_service_unit:
        return []
    session = exchange.session
    up, down, total = amounts(mscc.used_service_unit, session.unit)
    record_id = next_record_id(exchange, mscc)
    at = exchange.event_time
    return [Report(record_id, None, up, down, total, NOTHING, False, session.opened_at, at, None, None, None, None)]


def note_balance(credit: Credit) -> None:
    """A virtual SIM is Exhausted while nothing remains and nothing is reserved; credit makes it Active again."""
    purse, subscription = credit.purse, credit.subscription
    if purse is not None and (subscription.status is Status.ACTIVE or subscription.status is Status.EXHAUSTED):
        subscription.status = Status.ACTIVE if purse.free or purse.reserved else Status.EXHAUSTED


def next_record_id(exchange: Exchange, mscc: MultipleServicesCreditControl) -> str:
    """Session-Id / CC-Request-Number / rating group / part: depends on the report alone."""
    ccr = exchange.ccr
    service = "" if mscc.rating_group is None else str(mscc.rating_group)
    if mscc.service_identifier:
        service += "." + ".".join(map(str, mscc.service_identifier))
    part = exchange.parts[service] = exchange.parts.get(service, 0) + 1
    return f"{ccr.session_id}/{ccr.cc_request_number}/{service}/{part}"


def reservation_name(exchange: Exchange, mscc: MultipleServicesCreditControl) -> str:
    """What a grant's ledger lines are named after: one for every grant that a service ever gets."""
    service = "" if mscc.rating_group is None else str(mscc.rating_group)
    if mscc.service_identifier:
        service += "." + ".".join(map(str, mscc.service_identifier))
    name = f"{exchange.ccr.session_id}/{exchange.ccr.cc_request_number}/{service}"
    times = exchange.parts[name] = exchange.parts.get(name, 0) + 1
    return name if times == 1 else f"{name}~{times}"


def reporting_reason(mscc: MultipleServicesCreditControl) -> str | None:
    """Why the client reports; tolerated at either of the two places where clients put it (TS 32.299 7.2.175)."""
    for unit in mscc.used_service_unit:
        if unit.reporting_reason is not None:
            return ReportingReason(unit.reporting_reason).name
    return ReportingReason(mscc.reporting_reason[0]).name if mscc.reporting_reason else None


def record(
    exchange: Exchange,
    report: Report,
    mscc: MultipleServicesCreditControl,
    granted: int | None,
    result_code: int,
) -> Edr:
    """The EDR of one settled report. `granted`: what the same answer grants, in the service's unit."""
    ccr, session = exchange.ccr, exchange.session
    information = ccr.service_information.ps_information if ccr.service_information is not None else None
    subscription = report.credit.subscription if report.credit is not None else None
    subscriber = session.subscriber
    flags = ""
    if report.late:
        flags = "late"
    if exchange.time_from_receipt:
        flags += " time_from_receipt"
    if subscription is None:
        flags += " unattributed"
    octets = report.amount if session.unit == "octets" else 0
    prepaid = subscription is not None and isinstance(subscription.plan, PrepaidIndividual)
    overrun = report.settlement.overrun if prepaid else 0
    split = subscription.split if subscription is not None else None
    profile = subscription.profile if subscription is not None else None
    return Edr(
        report.record_id,
        ccr.session_id,
        ccr.cc_request_number,
        _RECORD_TYPES[ccr.cc_request_type],  # type: ignore[arg-type]
        flags.lstrip(),
        report.event_time,
        report.started_at,
        report.event_time,
        subscriber.imsi if subscriber is not None else "",
        subscriber.iccid if subscriber is not None else "",
        subscriber.msisdn if subscriber is not None else None,
        _imei(ccr),
        subscription.mpc_imsi if subscription is not None else None,
        subscription.mpc_iccid if subscription is not None else None,
        subscription.rating_imsi if subscription is not None else "",
        subscription.account_id if subscription is not None else "",
        subscriber.account_id if subscriber is not None else "",
        profile.id if profile is not None else None,
        profile.version if profile is not None else None,
        split.id if split is not None else None,
        split.party if split is not None else None,
        session.apn,
        mscc.rating_group,
        mscc.service_identifier[0] if mscc.service_identifier else None,
        ccr.service_context_id,
        session.unit,
        report.amount,
        report.up,
        report.down,
        octets,
        None,
        None,
        octets - overrun if prepaid else 0,
        overrun,
        report.settlement.paid if prepaid else (),
        report.balance_before,
        report.balance_after,
        granted,
        subscription.plan.id if subscription is not None else None,
        subscription.plan.version if subscription is not None else None,
        subscription.subscription_id if subscription is not None else None,
        None,
        "home",
        information.sgsn_mcc_mnc if information is not None else None,
        information.rat_type[0] if information is not None and information.rat_type else None,
        information.charging_id if information is not None else None,
        information.ggsn_address[0] if information is not None and information.ggsn_address else None,
        ccr.origin_host,
        reporting_reason(mscc),
        str(mscc.trigger.trigger_type[0]) if mscc.trigger is not None and mscc.trigger.trigger_type else None,
        report.tariff_change_usage,
        None,
        report.price_micros,
        exchange.state.inventory.operator.currency,
        result_code,
        ccr.termination_cause,
        exchange.state.cycle_at(report.event_time).id,
    )


def _imei(ccr: Ccr) -> str | None:
    """The equipment's identity as text; gateways send ASCII digits or BCD, in either of two places (RFC 8506 8.49)."""
    equipment = ccr.user_equipment_info
    if equipment is None and ccr.service_information is not None and ccr.service_information.ps_information is not None:
        equipment = ccr.service_information.ps_information.user_equipment_info
    if equipment is None:
        return None
    value = equipment.user_equipment_info_value
    if value.isdigit():
        return value.decode("ascii")
    return "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value).rstrip("f")


def event_time_of(ccr: Ccr, now: int, retransmitted: bool, tolerance: int) -> tuple[int, bool]:
    """When what the CCR tells of happened, and whether that is only the time of receipt.

    Event-Timestamp is believed within `tolerance` microseconds of the receipt, or older where the T bit says that the
    request has been waiting.
    """
    if ccr.event_timestamp is None:
        return now, True
    stated = ccr.event_timestamp * SECOND
    if abs(now - stated) <= tolerance or (retransmitted and stated < now):
        return stated, False
    return now, True
