"""Settling what a service used.

Usage settles under the credit and the terms in force when its grant was given (split, plan, payer); without a grant,
under those in force now. Nothing reported is dropped: what no bucket covers is overrun, what nobody can be charged for
is unattributed.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ocs.balances.purse import Part, Settlement
from ocs.charging.commands import Outcome
from ocs.charging.state import Conditions, Credit, Grant, Service, Session, State
from ocs.charging.wallet import Tally, counted, in_octets, price_of, tally
from ocs.gy.messages import Ccr, MultipleServicesCreditControl, TariffChangeUsage, UsedServiceUnit
from ocs.inventory.lifecycle import SimState
from ocs.inventory.subscribers import Terms
from ocs.rating.tariff import Unit, price
from ocs.units import SECOND

NOTHING = Settlement((), 0)
_IN_BILLING = SimState.IN_BILLING

Amounts = tuple[int, int, int]
"""Octets up, octets down, and all, in the unit of the service."""


class Exchange(msgspec.Struct, eq=False, gc=False):
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
    serial: int
    """How many requests of the session had its number before."""
    parts: dict[str, int]
    """How many records there are of each service, so that every record has an id of its own."""
    credits: dict[Credit, None]
    """Those that it has moved."""


class Report(msgspec.Struct, eq=False, gc=False):
    """One service's used units after settling, waiting for its record."""

    record_id: str
    credit: Credit | None
    terms: Terms | None
    conditions: Conditions
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


def amounts(used: tuple[UsedServiceUnit, ...], unit: Unit) -> Amounts:
    """What used units of one Tariff-Change-Usage value come to.

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


def _added(used: tuple[UsedServiceUnit, ...], unit: Unit) -> Amounts:
    """Used units of any Tariff-Change-Usage values, each value for itself."""
    values = dict.fromkeys(entry.tariff_change_usage for entry in used)
    each = [amounts(tuple([u for u in used if u.tariff_change_usage is value]), unit) for value in values]
    return sum(a[0] for a in each), sum(a[1] for a in each), sum(a[2] for a in each)


def _earlier(entry: UsedServiceUnit) -> bool:
    """Whether used units are from before the tariff change. What cannot be told belongs to the earlier period*.

    Without Tariff-Change-Usage no change occurred while they were used (RFC 8506 8.27): they are of the report's time.
    """
    usage = entry.tariff_change_usage
    return usage is not None and usage is not TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE


def settle(exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl, name: str) -> list[Report]:
    """Post what `mscc` reports against the service's grant and release the rest of the grant.

    A report without used units releases the grant as well: the client asks anew (RFC 8506 5.6.2) or has given up.
    Units from before and after a tariff change make a report each (RFC 8506 8.27).
    """
    used, grant = mscc.used_service_unit, service.grant
    if grant is None:
        if not used:
            return []
        grant = _as_if_granted(exchange, service)
    service.grant = None
    credit, purse = grant.credit, grant.purse
    exchange.credits[credit] = None
    if not used:
        if purse is not None and grant.parts:
            purse.settle(grant.parts, 0, exchange.now, f"{name}/unused", exchange.out.transfers)
            exchange.state.moved(credit)
        return []
    unit, at = service.session.unit, exchange.event_time
    traffic(exchange, credit, used)
    tariff_change = used[0].tariff_change_usage is not None or (
        len(used) > 1 and any(entry.tariff_change_usage is not None for entry in used)
    )
    if tariff_change:
        periods = _periods(grant, used, unit, at)
    else:
        periods = [_Period(used, amounts(used, unit), grant.given_at, at)]
    if purse is None:
        return [
            _report(next_record_id(exchange, name), service, grant, period, None, NOTHING, None) for period in periods
        ]
    reports, parts = [], grant.parts
    for number, period in enumerate(periods, 1):
        record_id, balance, due = next_record_id(exchange, name), purse.balance, _due(service, grant, period)
        units = period.amount[2] if due is None else due.micros
        now, rest = (parts, []) if number == len(periods) else _portion(parts, units)
        paid = purse.settle(now, units, exchange.now, record_id, exchange.out.transfers)
        reports.append(_report(record_id, service, grant, period, due, paid, balance))
        parts = rest
    exchange.state.moved(credit)
    return reports


class _Period(msgspec.Struct, gc=False):
    """Used units of one side of a tariff change, or of a report without one."""

    used: tuple[UsedServiceUnit, ...]
    amount: Amounts
    started_at: int
    event_time: int


def _periods(grant: Grant, used: tuple[UsedServiceUnit, ...], unit: Unit, at: int) -> list[_Period]:
    before = tuple([entry for entry in used if _earlier(entry)])
    after = tuple([entry for entry in used if not _earlier(entry)])
    if not after and grant.switches_at is not None:
        at = min(at, grant.switches_at - 1)
    if not before or not after:
        return [_Period(used, _added(used, unit), grant.given_at, at)]
    switch = at if grant.switches_at is None else grant.switches_at
    return [
        _Period(before, _added(before, unit), grant.given_at, switch - 1),
        _Period(after, _added(after, unit), switch, at),
    ]


def _due(service: Service, grant: Grant, period: _Period) -> Tally | None:
    """What a period costs out of a wallet; None where the purse holds the octets themselves."""
    if not grant.terms.rules.wallet:
        return None
    due = tally(service, price_of(grant.terms.plan, grant.conditions, period.event_time), period.amount[2])
    counted(service, due)
    return due


def traffic(exchange: Exchange, credit: Credit, used: tuple[UsedServiceUnit, ...]) -> None:
    """The first B2B traffic of a SIM starts its billing."""
    subscription = credit.subscription
    if subscription.sim.state is not _IN_BILLING and subscription.split.party == "b2b":
        octets = _added(used, "octets")[2]
        if octets:
            exchange.state.inventory.traffic(subscription, octets, exchange.event_time)


def _as_if_granted(exchange: Exchange, service: Service) -> Grant:
    """What a report without a grant settles under: nothing was reserved, and what is in force now counts."""
    session, credit = service.session, service.credit
    purse = credit.purse if session.unit == "octets" else None
    return Grant(
        "", credit, credit.subscription.terms, session.conditions, purse, [], 0, session.opened_at, exchange.now,
        exchange.ccr.cc_request_number, False, None, session.closed_at is not None,
    )  # fmt: skip


def _report(
    record_id: str,
    service: Service,
    grant: Grant,
    period: _Period,
    due: Tally | None,
    paid: Settlement,
    balance: int | None,
) -> Report:
    up, down, total = period.amount
    plan = grant.terms.plan
    if due is not None:
        money: int | None
        paid, money = in_octets(paid, due)
    else:
        if service.rated is not plan:
            service.rated, service.used = plan, 0
        money = price(plan, service.session.unit, service.used, total)
        service.used += total
    left = balance
    if balance is not None:
        left = balance - sum([part.amount for part in paid.paid])
    return Report(
        record_id, grant.credit, grant.terms, grant.conditions, up, down, total, paid, grant.ended and total > 0,
        period.started_at, period.event_time, balance, left, money, period.used[0].tariff_change_usage,
    )  # fmt: skip


def _portion(parts: Sequence[Part], units: int) -> tuple[list[Part], list[Part]]:
    """A reservation as what pays the first `units`, and the rest."""
    first, rest = [], []
    for part in parts:
        early = min(units, part.pending)
        units -= early
        if early:
            first.append(Part(part.bucket, early, part.pending_id))
        if part.pending > early:
            rest.append(Part(part.bucket, part.pending - early, part.pending_id))
    return first, rest


def unattributed(exchange: Exchange, mscc: MultipleServicesCreditControl, name: str) -> list[Report]:
    """A report that nobody can be charged for."""
    if not mscc.used_service_unit:
        return []
    session = exchange.session
    up, down, total = _added(mscc.used_service_unit, session.unit)
    return [
        Report(
            next_record_id(exchange, name), None, None, session.conditions, up, down, total, NOTHING, False,
            session.opened_at, exchange.event_time, None, None, None, None,
        )
    ]  # fmt: skip


def name_of(exchange: Exchange, mscc: MultipleServicesCreditControl) -> str:
    """Session-Id / CC-Request-Number / service: what records and reservations are named after."""
    ccr, service = exchange.ccr, mscc.rating_group
    if mscc.service_identifier:
        numbers = ".".join(map(str, mscc.service_identifier))
        return f"{ccr.session_id}/{ccr.cc_request_number}/{'' if service is None else service}.{numbers}"
    return f"{ccr.session_id}/{ccr.cc_request_number}/{'' if service is None else service}"


def next_record_id(exchange: Exchange, name: str) -> str:
    """The name and a part; a request that comes after others with its number says so."""
    part = exchange.parts[name] = exchange.parts.get(name, 0) + 1
    return f"{name}/{part}~{exchange.serial}" if exchange.serial else f"{name}/{part}"


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
