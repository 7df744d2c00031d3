"""Settling what a service used, and the record of it.

Usage settles under the credit in force when its grant was given (split, plan, payer); without a grant, under the one in
force now. Nothing reported is dropped: what no bucket covers is overrun, what nobody can be charged for is
unattributed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocs.balances.purse import Settlement
from ocs.charging.commands import Outcome
from ocs.charging.state import Credit, Service, Session, State
from ocs.gy.messages import Ccr, CcRequestType, MultipleServicesCreditControl, ReportingReason, UsedServiceUnit
from ocs.inventory.subscribers import Status
from ocs.records.edr import Edr
from ocs.units import SECOND

RECORD_TYPES = {
    CcRequestType.INITIAL: "start",
    CcRequestType.UPDATE: "interim",
    CcRequestType.TERMINATION: "stop",
    CcRequestType.EVENT: "event",
}
_NOTHING = Settlement((), 0)


@dataclass(slots=True)
class Exchange:
    """One CCR on its way through the engine."""

    state: State
    session: Session
    ccr: Ccr
    now: int
    event_time: int
    time_from_receipt: bool
    revision: int
    """0, or how often another request came under the same number: keeps record ids apart."""
    out: Outcome


@dataclass(slots=True)
class Report:
    """One MSCC's used units after settling, waiting for its record."""

    mscc: MultipleServicesCreditControl
    credit: Credit | None
    octets_up: int
    octets_down: int
    octets: int
    settlement: Settlement
    late: bool
    usage_start: int
    balance_before: int | None
    balance_after: int | None


def volume(used: tuple[UsedServiceUnit, ...]) -> tuple[int, int, int]:
    """Octets (up, down, total) of the used units of one service.

    RFC 8506 8.23 leaves open what a total beside input and output means: the units that state a total are added, and
    only if none does, input + output are. So no octet counts twice.
    """
    up = down = total = 0
    stated = False
    for unit in used:
        up += unit.cc_input_octets or 0
        down += unit.cc_output_octets or 0
        if unit.cc_total_octets is not None:
            stated = True
            total += unit.cc_total_octets
    return up, down, total if stated else up + down


def settle(exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl) -> Report:
    """Post what `mscc` reports against the service's grant and release the rest of the grant.

    A report without used units releases the grant as well: the client asks anew (RFC 8506 5.6.2) or has given up.
    """
    up, down, octets = volume(mscc.used_service_unit)
    grant = service.grant
    service.grant = None
    credit = grant.credit if grant is not None else service.credit
    late = octets > 0 and (grant.ended if grant is not None else exchange.session.closed_at is not None)
    start = grant.given_at if grant is not None else exchange.session.opened_at
    purse = credit.purse
    credit.used_octets += octets
    if purse is None:
        return Report(mscc, credit, up, down, octets, _NOTHING, late, start, None, None)
    before = purse.balance
    parts = grant.parts if grant is not None else ()
    settlement = _NOTHING
    if octets or parts:
        cause = record_id(exchange, mscc)
        settlement = purse.settle(parts, octets, exchange.now, cause, exchange.out.transfers)
        note_balance(credit)
    return Report(mscc, credit, up, down, octets, settlement, late, start, before, purse.balance)


def unattributed(exchange: Exchange, mscc: MultipleServicesCreditControl) -> Report:
    """A report that nobody can be charged for."""
    up, down, octets = volume(mscc.used_service_unit)
    return Report(mscc, None, up, down, octets, _NOTHING, False, exchange.session.opened_at, None, None)


def note_balance(credit: Credit) -> None:
    """A virtual SIM is Exhausted while nothing remains and nothing is reserved; credit makes it Active again."""
    if credit.purse is not None and credit.subscription.status in (Status.ACTIVE, Status.EXHAUSTED):
        credit.subscription.status = Status.ACTIVE if credit.purse.balance else Status.EXHAUSTED


def record_id(exchange: Exchange, mscc: MultipleServicesCreditControl) -> str:
    """Session-Id / CC-Request-Number / rating group / part: depends on the report alone."""
    ccr = exchange.ccr
    part = 1 + exchange.revision
    service = "" if mscc.rating_group is None else str(mscc.rating_group)
    if mscc.service_identifier:
        service += "." + ".".join(map(str, mscc.service_identifier))
    return f"{ccr.session_id}/{ccr.cc_request_number}/{service}/{part}"


def reporting_reason(mscc: MultipleServicesCreditControl) -> str | None:
    """Why the client reports; tolerated at either of the two places where clients put it (TS 32.299 7.2.175)."""
    for unit in mscc.used_service_unit:
        if unit.reporting_reason is not None:
            return ReportingReason(unit.reporting_reason).name
    return ReportingReason(mscc.reporting_reason[0]).name if mscc.reporting_reason else None


def record(exchange: Exchange, report: Report, granted: int | None, result_code: int) -> Edr:
    """The EDR of one settled report."""
    ccr, session, mscc = exchange.ccr, exchange.session, report.mscc
    information = ccr.service_information.ps_information if ccr.service_information is not None else None
    credit = report.credit
    subscription = credit.subscription if credit is not None else None
    subscriber = session.subscriber
    flags = []
    if report.late:
        flags.append("late")
    if exchange.time_from_receipt:
        flags.append("time_from_receipt")
    if subscription is None:
        flags.append("unattributed")
    prepaid = credit is not None and credit.purse is not None
    overrun = report.settlement.overrun
    split = subscription.split if subscription is not None else None
    return Edr(
        record_id(exchange, mscc),
        ccr.session_id,
        ccr.cc_request_number,
        RECORD_TYPES[ccr.cc_request_type],  # type: ignore[arg-type]
        " ".join(flags),
        exchange.event_time,
        report.usage_start,
        exchange.event_time,
        subscriber.imsi if subscriber is not None else "",
        subscriber.iccid if subscriber is not None else "",
        subscriber.msisdn if subscriber is not None else None,
        _imei(ccr),
        subscription.mpc_imsi if subscription is not None else None,
        subscription.mpc_iccid if subscription is not None else None,
        subscription.rating_imsi if subscription is not None else "",
        subscription.account_id if subscription is not None else "",
        subscriber.account_id if subscriber is not None else "",
        subscription.profile.id if subscription is not None else None,
        subscription.profile.version if subscription is not None else None,
        split.id if split is not None else None,
        split.party if split is not None else None,
        session.route.apn if session.route is not None else "",
        mscc.rating_group,
        mscc.service_identifier[0] if mscc.service_identifier else None,
        ccr.service_context_id,
        "octets",
        report.octets,
        report.octets_up,
        report.octets_down,
        report.octets,
        None,
        None,
        report.octets - overrun if prepaid else 0,
        overrun,
        report.settlement.paid,
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
        mscc.used_service_unit[0].tariff_change_usage if mscc.used_service_unit else None,
        None,
        0 if prepaid else None,
        exchange.state.inventory.operator.currency,
        result_code,
        ccr.termination_cause,
        exchange.state.cycle_id(exchange.event_time),
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
