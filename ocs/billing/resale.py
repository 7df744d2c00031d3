"""The settlement of a reseller: what its customers bought, at the operator's wholesale price and at its own.

The reseller collects the retail price from its customers and owes the operator the wholesale price. Who the customers
are is the reseller's business: the document only counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ocs.billing.documents import Line, Money, Resale
from ocs.billing.ledger import BucketMovements
from ocs.billing.money import rate, rounded
from ocs.billing.statement import name_of
from ocs.billing.tenure import Tenure
from ocs.catalogue.plans import PrepaidIndividual
from ocs.inventory.accounts import Operator
from ocs.inventory.register import Register
from ocs.units import MICROS

Sale = tuple[Tenure, BucketMovements]


@dataclass(frozen=True, slots=True)
class _Sold:
    """Equal purchases: the same bundle of the same product at the same two prices."""

    tenure: Tenure
    name: str
    count: int
    wholesale: Fraction
    """Of one, without VAT."""
    retail: Fraction
    """Of one, as the customer pays it."""


def sales_of(reseller: str, sales: Iterable[Sale], register: Register) -> list[Sale]:
    """The purchases of the cycle among `sales` that customers of a reseller made."""
    return [
        (tenure, bucket)
        for tenure, bucket in sales
        if bucket.added and bucket.kind == "purchase" and register.accounts[tenure.account_id].parent == reseller
    ]


def settlement_lines(sales: Iterable[Sale], operator: Operator) -> Iterator[Line]:
    """What the reseller owes, without VAT: a line for each bundle and price."""
    currency = operator.currency
    for item in _sold(sales, operator):
        amount = item.count * item.wholesale
        yield Line(
            id="",
            type="wholesale",
            name=item.name,
            split=item.tenure.split,
            product=item.tenure.product,
            octets=0,
            quantity=Decimal(item.count),
            unit="bundle",
            unit_price=Money(unit=currency, value=rate(item.wholesale, currency)),
            exact_amount=Money(unit=currency, value=rate(amount, currency)),
            tax_excluded_amount=Money(unit=currency, value=rounded(amount, currency)),
        )


def resale(sales: Iterable[Sale], operator: Operator) -> Iterator[Resale]:
    """What the reseller has taken, with and without VAT, and what is left of it when the operator is paid."""
    currency, vat = operator.currency, Fraction(operator.vat_percent) / 100
    for item in _sold(sales, operator):
        taken = item.count * item.retail
        net = taken / (1 + vat) if operator.consumer_prices_include_vat else taken
        retail, wholesale = rounded(net, currency), rounded(item.count * item.wholesale, currency)
        yield Resale(
            product=item.tenure.product,
            name=item.name,
            count=item.count,
            retail_price=Money(unit=currency, value=rate(item.retail, currency)),
            retail=Money(unit=currency, value=rounded(taken, currency)),
            retail_net=Money(unit=currency, value=retail),
            wholesale=Money(unit=currency, value=wholesale),
            margin=Money(unit=currency, value=retail - wholesale),
        )


def _sold(sales: Iterable[Sale], operator: Operator) -> list[_Sold]:
    groups: dict[tuple[str, int, str, int], list[Sale]] = defaultdict(list)
    for tenure, bucket in sales:
        key = tenure.plan.id, tenure.plan.version, bucket.bundle_id, bucket.credit.price_micros
        groups[key].append((tenure, bucket))
    return [
        _Sold(
            sold[0][0],
            name_of(*sold[0], operator.currency),
            len(sold),
            _wholesale(*sold[0]),
            Fraction(sold[0][1].credit.price_micros, MICROS),
        )
        for _, sold in sorted(groups.items(), key=lambda item: item[0])
    ]


def _wholesale(tenure: Tenure, bucket: BucketMovements) -> Fraction:
    """The wholesale price; where the plan sells the bundle no more, what the customer paid."""
    plan = tenure.plan
    bundle = plan.bundle(bucket.bundle_id) if isinstance(plan, PrepaidIndividual) else None
    return Fraction(bundle.wholesale_price) if bundle is not None else Fraction(bucket.credit.price_micros, MICROS)
