"""The enterprise invoice: what a B2B payer owes for a cycle, over all its SIMs.

SIMs under the same split and plan share a line, as many as joined on the same day for the recurring charge; each line
is rounded once. What each SIM contributed stands in the memo beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from functools import partial
from itertools import groupby

from ocs.billing.documents import Line, LineType, Money, Reference, SimUse
from ocs.billing.money import half_up, quantity, rate
from ocs.billing.rated import OnlineCharges, Settlement
from ocs.billing.wording import day_in_words, duration_in_words, volume_in_words, volume_unit
from ocs.inventory.subscribers import Subscription
from ocs.rating.cycle import Cycle
from ocs.units import MICROS


def invoice_lines(
    settlements: Iterable[Settlement], charges: Iterable[OnlineCharges], cycle: Cycle, currency: str
) -> Iterator[Line]:
    """The lines of one payer, for each split and plan: recurring, usage in bundle, overage; then messages and calls."""
    for _, group in groupby(sorted(settlements, key=_by_product), _by_product):
        yield from _bundle_lines(list(group), cycle, currency)
    for _, charged in groupby(sorted(charges, key=_by_service), _by_service):
        yield _service_line(list(charged), currency)


def sim_use(settlements: Iterable[Settlement], currency: str) -> Iterator[SimUse]:
    """The memo: one row for each SIM and plan, in the order of the lines."""
    for item in sorted(settlements, key=lambda item: (_by_product(item), item.subscription.subscription_id)):
        yield SimUse(
            imsi=item.subscription.sim.imsi,
            iccid=item.subscription.sim.iccid,
            split=split_of(item.subscription),
            product=product_of(item.subscription),
            octets=item.octets,
            octets_included=item.octets_included,
            octets_in_bundle=item.octets_in_bundle,
            octets_overage=item.octets_overage,
            overage=Money(unit=currency, value=rate(Fraction(item.micros, MICROS))),
        )


def split_of(subscription: Subscription) -> Reference:
    """The split, named with its profile since split ids are unique only within it; `sim` is a SIM without profile."""
    profile, split_id = subscription.profile, subscription.split.id
    return Reference(id=f"{profile.id}/{split_id}", version=profile.version) if profile else Reference(id=split_id)


def product_of(subscription: Subscription) -> Reference:
    """The price plan."""
    plan = subscription.plan
    return Reference(id=plan.id, name=plan.name or plan.id, version=plan.version)


def _by_product(item: Settlement | OnlineCharges) -> tuple[str, str]:
    return split_of(item.subscription).id, item.plan.id


def _by_service(item: OnlineCharges) -> tuple[str, str, str]:
    return *_by_product(item), item.unit_type


def _bundle_lines(items: Sequence[Settlement], cycle: Cycle, currency: str) -> Iterator[Line]:
    plan = items[0].plan
    line = partial(_line, items[0].subscription, currency)
    title = plan.name or plan.id
    recurring = Fraction(plan.recurring)
    for days, group in groupby(sorted(items, key=lambda item: -item.days), lambda item: item.days):
        sims = sum(1 for _ in group)
        share = Fraction(days, cycle.days)
        detail = ""
        if days < cycle.days:
            joined = cycle.next_day - timedelta(days)
            detail = f"joined on {day_in_words(joined)}: {days} of {cycle.days} days at {rate(recurring)}"
        price = recurring * share
        yield line("recurring", f"{title}: monthly charge", detail, 0, Fraction(sims), "SIM", price, sims * price)

    per, unit = plan.overage.per, volume_unit(plan.overage.per)
    in_bundle = sum(item.octets_in_bundle for item in items)
    included = sum(item.octets_included for item in items)
    detail = f"{volume_in_words(included)} included"
    amount = Fraction(in_bundle, per)
    yield line("usage_in_bundle", f"{title}: data in bundle", detail, in_bundle, amount, unit, Fraction(0), Fraction(0))

    if overage := sum(item.octets_overage for item in items):
        amount = Fraction(sum(item.blocks for item in items) * plan.overage.block, per)
        exact = Fraction(sum(item.micros for item in items), MICROS)
        price = Fraction(plan.overage.price)
        detail = f"in blocks of {volume_in_words(plan.overage.block)}"
        yield line("overage", f"{title}: data over bundle", detail, overage, amount, unit, price, exact)


def _service_line(items: Sequence[OnlineCharges], currency: str) -> Line:
    """Messages by the piece; calls by what the plan's price is for, as they were charged: in whole blocks."""
    plan = items[0].plan
    line = partial(_line, items[0].subscription, currency)
    title = plan.name or plan.id
    amount, micros = sum(item.amount for item in items), sum(item.micros for item in items)
    exact = Fraction(micros, MICROS)
    if items[0].unit_type == "units":
        price = Fraction(plan.sms or 0)
        return line("messages", f"{title}: messages", "", 0, Fraction(amount), "message", price, exact)
    assert plan.voice is not None  # nothing else is counted in seconds
    voice, per = plan.voice, plan.voice.per
    charged = Fraction(micros, voice.micros_per_block) * voice.block if voice.micros_per_block else Fraction(amount)
    detail = f"{amount:,} seconds, in blocks of {duration_in_words(voice.block)}"
    unit = duration_in_words(per).removeprefix("1 ")
    return line("calls", f"{title}: calls", detail, 0, charged / per, unit, Fraction(voice.price), exact)


def _line(
    subscription: Subscription,
    currency: str,
    type_: LineType,
    name: str,
    detail: str,
    octets: int,
    count: Fraction,
    unit: str,
    price: Fraction,
    exact: Fraction,
) -> Line:
    return Line(
        id="",
        type=type_,
        name=name,
        description=detail,
        split=split_of(subscription),
        product=product_of(subscription),
        octets=octets,
        quantity=quantity(count),
        unit=unit,
        unit_price=Money(unit=currency, value=rate(price)),
        exact_amount=Money(unit=currency, value=rate(exact)),
        tax_excluded_amount=Money(unit=currency, value=half_up(exact)),
    )
