"""What a cycle earns the operator: revenue without VAT less the operator's own costs, by payer, split and plan.

Of what a reseller's customers buy, the operator earns the wholesale price. A physical SIM costs its owner's row `sim`,
for the days on which it is billed; traffic costs whoever pays for it, by zone. Amounts are exact to the micro.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from ocs.billing.close import CycleClose
from ocs.billing.money import half_up
from ocs.billing.settle import Member

_MB = 1_000_000
_PLACES = 6


class Earned(NamedTuple):
    """Who pays for what, by which plan."""

    account_id: str
    split: str
    plan_id: str


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """Revenue and cost of one payer, split and plan in one cycle, in units of the currency."""

    account_id: str
    split: str
    plan_id: str
    revenue: Decimal
    cost: Decimal
    margin: Decimal


def margins(close: CycleClose) -> list[Margin]:
    """A row for each payer, split and plan with revenue or cost, in their order."""
    revenue, cost = _revenue(close), _costs(close)
    rows = []
    for key in sorted(revenue.keys() | cost.keys()):
        earned, spent = half_up(revenue[key], _PLACES), half_up(cost[key], _PLACES)
        rows.append(Margin(**key._asdict(), revenue=earned, cost=spent, margin=earned - spent))
    return rows


def _revenue(close: CycleClose) -> defaultdict[Earned, Fraction]:
    found: defaultdict[Earned, Fraction] = defaultdict(Fraction)
    for document in close.documents:
        if document.type == "ConsumerStatement" and close.register.reseller_of(document.customer.id) is not None:
            continue
        vat = Fraction(document.tax_item[0].tax_rate) / 100
        for line in document.applied_customer_billing_rate:
            amount = Fraction(line.amount)
            net = amount / (1 + vat) if line.tax_included_amount is not None else amount
            if net:
                found[Earned(document.customer.id, line.split.id, line.product.id)] += net
    return found


def _costs(close: CycleClose) -> defaultdict[Earned, Fraction]:
    costs, cycle = close.register.operator.costs, close.cycle
    found: defaultdict[Earned, Fraction] = defaultdict(Fraction)
    traffic = {zone: Fraction(price) for zone, price in costs.traffic.items()}
    anywhere = traffic.get("*", Fraction(0))
    for edr in close.edrs:
        spent = edr.octets_total * traffic.get(edr.zone, anywhere) / _MB
        if spent:
            split = f"{edr.profile_id}/{edr.split_id}" if edr.profile_id is not None else edr.split_id or ""
            found[Earned(edr.account_id, split, edr.plan_id or "")] += spent
    for member in _one_for_each_sim(close).values():
        owner, begin = Earned(member.tenure.last.customer_id, "sim", ""), member.tenure.billed_from
        spent = Fraction(costs.sim) * member.days / cycle.days
        if begin is not None and cycle.start <= begin < cycle.end:
            spent += Fraction(costs.activation)
        if spent:
            found[owner] += spent
    return found


def _one_for_each_sim(close: CycleClose) -> dict[str, Member]:
    """Of each physical SIM the subscription that is billed longest: the SIM's own days."""
    found: dict[str, Member] = {}
    for settlement in close.settlements:
        for member in settlement.members:
            known = found.get(member.tenure.last.imsi)
            if known is None or member.days > known.days:
                found[member.tenure.last.imsi] = member
    return found
