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
    earnings = Earnings()
    earnings.add(close)
    return earnings.rows()


class Earnings:
    """Revenue and costs of a cycle that is closed in ranges of payers."""

    def __init__(self) -> None:
        self._revenue: defaultdict[Earned, Fraction] = defaultdict(Fraction)
        self._cost: defaultdict[Earned, Fraction] = defaultdict(Fraction)
        self._sims: dict[str, tuple[int, str, Fraction]] = {}
        """Days, owner and cost of each physical SIM, by the subscription that is billed longest: the SIM's own days."""

    def add(self, close: CycleClose) -> None:
        """Take in one range."""
        _add_revenue(close, self._revenue)
        _add_traffic(close, self._cost)
        costs, cycle = close.register.operator.costs, close.cycle
        for settlement in close.settlements:
            for member in settlement.members:
                last, begin = member.tenure.last, member.tenure.billed_from
                if member.days > self._sims.get(last.imsi, (-1, "", Fraction(0)))[0]:
                    spent = Fraction(costs.sim) * member.days / cycle.days
                    if begin is not None and cycle.start <= begin < cycle.end:
                        spent += Fraction(costs.activation)
                    self._sims[last.imsi] = member.days, last.customer_id, spent

    def rows(self) -> list[Margin]:
        """A row for each payer, split and plan with revenue or cost, in their order."""
        revenue, cost = self._revenue.copy(), self._cost.copy()
        for _, owner, spent in self._sims.values():
            if spent:
                cost[Earned(owner, "sim", "")] += spent
        rows = []
        for key in sorted(revenue.keys() | cost.keys()):
            earned, due = half_up(revenue[key], _PLACES), half_up(cost[key], _PLACES)
            rows.append(Margin(**key._asdict(), revenue=earned, cost=due, margin=earned - due))
        return rows


def _add_revenue(close: CycleClose, found: defaultdict[Earned, Fraction]) -> None:
    for document in close.documents:
        if document.type == "ConsumerStatement" and close.register.reseller_of(document.customer.id) is not None:
            continue
        vat = Fraction(document.tax_item[0].tax_rate) / 100
        for line in document.applied_customer_billing_rate:
            amount = Fraction(line.amount)
            net = amount / (1 + vat) if line.tax_included_amount is not None else amount
            if net:
                found[Earned(document.customer.id, line.split.id, line.product.id)] += net


def _add_traffic(close: CycleClose, found: defaultdict[Earned, Fraction]) -> None:
    traffic = {zone: Fraction(price) for zone, price in close.register.operator.costs.traffic.items()}
    if not traffic:
        return
    octets: defaultdict[tuple[Earned, str], int] = defaultdict(int)
    for edr in close.edrs:
        split = f"{edr.profile_id}/{edr.split_id}" if edr.profile_id is not None else edr.split_id or ""
        octets[Earned(edr.account_id, split, edr.plan_id or ""), edr.zone] += edr.octets_total
    for (earned, zone), used in octets.items():
        spent = used * traffic.get(zone, traffic.get("*", Fraction(0))) / _MB
        if spent:
            found[earned] += spent
