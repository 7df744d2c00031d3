"""The enterprise invoice: what a B2B payer owes for a cycle, over all its SIMs.

SIMs under the same split and plan share a line, as many as are billed for the same days for the recurring charge; a
pool has lines of its own. Each line is rounded once. What each SIM contributed stands in the memo beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from functools import partial
from itertools import groupby

from ocs.billing.documents import Line, LineType, Money, SimUse
from ocs.billing.money import quantity, rate, rounded
from ocs.billing.online import OnlineCharges
from ocs.billing.settle import Adjustment, Member, Settlement, money, peak
from ocs.billing.tenure import Tenure
from ocs.billing.wording import (
    cycle_in_words,
    day_in_words,
    duration_in_words,
    price_in_words,
    volume_in_words,
    volume_unit,
)
from ocs.catalogue.plans import Postpaid, PostpaidFixedPool, PostpaidFlexPool
from ocs.rating.cycle import Cycle


def invoice_lines(
    settlements: Iterable[Settlement],
    charges: Iterable[OnlineCharges],
    adjustments: Iterable[Adjustment],
    cycle: Cycle,
    currency: str,
) -> Iterator[Line]:
    """The lines of one payer: for each split and plan what the cycle costs; messages and calls; what came late."""
    for _, group in groupby(sorted(settlements, key=_by_product), _by_product):
        yield from _Bundle(list(group), cycle, currency).lines()
    for _, charged in groupby(sorted(charges, key=_by_service), _by_service):
        yield _service_line(list(charged), currency)
    for adjustment in sorted(adjustments, key=lambda item: (item.cycle.id, _by_product(item))):
        yield from _late_lines(adjustment, currency)


def sim_use(settlements: Iterable[Settlement], adjustments: Iterable[Adjustment], currency: str) -> Iterator[SimUse]:
    """The memo: one row for each SIM and plan, in the order of the lines; and for each SIM with late use in a cycle."""
    for settlement in sorted(settlements, key=lambda item: (_by_product(item), item.tenure.subscription_id)):
        for item in settlement.members:
            yield SimUse(
                imsi=item.tenure.last.imsi,
                iccid=item.tenure.last.iccid,
                split=item.tenure.split,
                product=item.tenure.product,
                octets=item.octets,
                octets_included=item.octets_included,
                octets_in_bundle=item.octets_in_bundle + item.octets_tested,
                octets_overage=item.octets_overage,
                overage=Money(unit=currency, value=rate(money(item.micros), currency)),
            )
    for adjustment in sorted(adjustments, key=lambda item: (item.cycle.id, _by_product(item))):
        for tenure in adjustment.tenures:
            parts = [part for member, _, part in adjustment.uses if member is tenure]
            if parts:
                octets, over = sum(part.octets for part in parts), sum(part.over for part in parts)
                yield SimUse(
                    imsi=tenure.last.imsi,
                    iccid=tenure.last.iccid,
                    split=tenure.split,
                    product=tenure.product,
                    octets=octets,
                    octets_included=0,
                    octets_in_bundle=octets - over,
                    octets_overage=over,
                    overage=Money(unit=currency, value=rate(money(sum(part.micros for part in parts)), currency)),
                    late_of=adjustment.cycle.id,
                )


def _by_product(item: Settlement | OnlineCharges | Adjustment) -> tuple[str, str, int]:
    return item.tenure.split.id, item.plan.id, item.plan.version


def _by_service(item: OnlineCharges) -> tuple[str, tuple[str, str, int], str]:
    return item.late_of.id if item.late_of is not None else "", _by_product(item), item.unit_type


class _Bundle:
    """The lines of one product: settlements of SIMs alone, or one pool."""

    def __init__(self, items: Sequence[Settlement], cycle: Cycle, currency: str) -> None:
        self._items = items
        self._cycle = cycle
        self._currency = currency
        self._plan = items[0].plan
        self._line = partial(_line, items[0].tenure, currency)
        self._title = self._plan.name or self._plan.id
        self._members = [member for item in items for member in item.members]

    def lines(self) -> Iterator[Line]:
        """In the order in which they are printed."""
        plan = self._plan
        yield from self._activations()
        if isinstance(plan, PostpaidFixedPool):
            yield from self._fixed(plan)
        elif isinstance(plan, PostpaidFlexPool) and plan.leaving == "peak":
            sims = peak([member.tenure for member in self._members], self._cycle)
            price, detail = Fraction(plan.recurring), "the most SIMs at once"
            yield self._line("recurring", f"{self._title}: monthly charge", detail, 0, Fraction(sims), "SIM", price)
        else:
            yield from self._recurring()
        yield from self._use()
        yield from self._suspended()
        yield from self._split_fees()

    def _activations(self) -> Iterator[Line]:
        """Once for each SIM whose billing starts in this cycle."""
        price, cycle = Fraction(self._plan.activation), self._cycle
        begins = [member.tenure.billed_from for member in self._members if member.tenure.has_bundle]
        sims = sum(begin is not None and cycle.start <= begin < cycle.end for begin in begins)
        if price and sims:
            yield self._line("activation", f"{self._title}: activation", "", 0, Fraction(sims), "SIM", price)

    def _recurring(self) -> Iterator[Line]:
        """Per SIM, for the days charged in full."""
        recurring = Fraction(self._plan.recurring)
        days = sorted((self._charged(member) for member in self._members), reverse=True)
        for (active, joined), group in groupby(days):
            if not active:
                continue
            sims, share = sum(1 for _ in group), Fraction(active, self._cycle.days)
            detail = self._part_of_cycle(active, joined, recurring)
            yield self._line(
                "recurring", f"{self._title}: monthly charge", detail, 0, Fraction(sims), "SIM", recurring * share
            )  # fmt: skip

    def _suspended(self) -> Iterator[Line]:
        """Per SIM, for whole days suspended, where they have a price of their own."""
        suspended = self._plan.suspended
        if suspended is None:
            return
        paused = sorted((member.days_suspended for member in self._members if member.days_suspended), reverse=True)
        for number, group_of in groupby(paused):
            sims, price = sum(1 for _ in group_of), Fraction(suspended)
            detail = f"{number} of {self._cycle.days} days at {rate(price, self._currency)}"
            price = price * number / self._cycle.days
            yield self._line("suspended", f"{self._title}: suspended", detail, 0, Fraction(sims), "SIM", price)

    def _split_fees(self) -> Iterator[Line]:
        """Per SIM, for being one of several payers on it, prorated like the recurring charge."""
        charged = [
            (split.fee, member.days, member.tenure)
            for member in self._members
            if member.days and (split := member.tenure.sold_split) is not None and split.fee
        ]
        charged.sort(key=lambda item: (item[2].split.id, item[0], -item[1]))
        for (split_id, fee, days), group in groupby(charged, lambda item: (item[2].split.id, item[0], item[1])):
            sims, price = sum(1 for _ in group), Fraction(fee) * days / self._cycle.days
            detail = self._part_of_cycle(days, 0, Fraction(fee))
            yield self._line("split_fee", f"Split {split_id}: monthly fee", detail, 0, Fraction(sims), "SIM", price)

    def _charged(self, member: Member) -> tuple[int, int]:
        """Days charged in full, and days from joining to the end of the cycle."""
        return member.days - member.days_suspended, member.tenure.days(self._cycle)

    def _part_of_cycle(self, active: int, joined: int, recurring: Fraction) -> str:
        if active == self._cycle.days:
            return ""
        days = f"{active} of {self._cycle.days} days at {rate(recurring, self._currency)}"
        if active == joined:
            return f"joined on {day_in_words(self._cycle.next_day - timedelta(joined))}: {days}"
        return days

    def _fixed(self, plan: PostpaidFixedPool) -> Iterator[Line]:
        """The pool as a whole, from the day of its first SIM; and the blocks that it needed beyond."""
        (pool,) = self._items
        sims = [member.days for member in pool.members if member.days]
        days, recurring = max(sims, default=0), Fraction(plan.recurring)
        price = recurring * days / self._cycle.days
        detail = f"{len(sims)} SIM{'' if len(sims) == 1 else 's'}"
        if days < self._cycle.days:
            detail = f"{detail}, {self._part_of_cycle(days, days, recurring)}"
        if days:
            yield self._line("pool_recurring", f"{self._title}: monthly charge", detail, 0, Fraction(1), "pool", price)
        if plan.stack is not None and pool.stacked:
            price, count = Fraction(plan.stack.recurring), Fraction(pool.stacked)
            detail = f"{volume_in_words(plan.stack.volume, plan.megabyte)} each"
            yield self._line("pool_stack", f"{self._title}: more data", detail, 0, count, "block", price)

    def _use(self) -> Iterator[Line]:
        plan, items = self._plan, self._items
        per = plan.overage.per if plan.overage is not None else plan.megabyte
        unit, nothing = volume_unit(per, plan.megabyte), Fraction(0)
        tested = sum(member.octets_tested for member in self._members)
        if tested:
            amount = Fraction(tested, per)
            yield self._line("usage_in_test", f"{self._title}: data in testing", "", tested, amount, unit, nothing)
        in_bundle = sum(item.octets_in_bundle for item in items)
        included = sum(item.octets_included for item in items)
        detail = f"{volume_in_words(included, plan.megabyte)} included"
        amount = Fraction(in_bundle, per)
        yield self._line(
            "usage_in_bundle", f"{self._title}: data in bundle", detail, in_bundle, amount, unit, nothing
        )  # fmt: skip
        if plan.overage is None:
            return
        over = sorted((over for item in items for over in item.over), key=lambda over: (over.price, over.tier))
        for (number, tier), group in groupby(over, key=lambda over: (over.price, over.tier)):
            parts = list(group)
            name, price, detail = price_in_words(plan, number, tier)
            detail = f"in blocks of {volume_in_words(plan.overage.block, plan.megabyte)}{detail}"
            yield self._line(
                "overage",
                f"{self._title}: data over bundle{name}",
                detail,
                sum(part.octets for part in parts),
                Fraction(sum(part.blocks for part in parts) * plan.overage.block, per),
                unit,
                price,
                money(sum(part.micros for part in parts)),
            )


def _service_line(items: Sequence[OnlineCharges], currency: str) -> Line:
    """Messages by the piece; calls by what the plan's price is for, as they were charged: in whole blocks."""
    plan: Postpaid = items[0].plan
    line = partial(_line, items[0].tenure, currency)
    title, late = plan.name or plan.id, _late_of(items[0].late_of)
    amount, micros = sum(item.amount for item in items), sum(item.micros for item in items)
    exact = money(micros)
    if items[0].unit_type == "units":
        return line(
            "messages", f"{title}: messages{late}", "", 0, Fraction(amount), "message", Fraction(plan.sms or 0), exact
        )
    assert plan.voice is not None  # nothing else is counted in seconds
    voice, per = plan.voice, plan.voice.per
    charged = Fraction(micros, voice.micros_per_block) * voice.block if voice.micros_per_block else Fraction(amount)
    detail = f"{amount:,} seconds, in blocks of {duration_in_words(voice.block)}"
    unit = duration_in_words(per).removeprefix("1 ")
    return line("calls", f"{title}: calls{late}", detail, 0, charged / per, unit, Fraction(voice.price), exact)


def _late_of(cycle: Cycle | None) -> str:
    return f", late, of {cycle_in_words(cycle)}" if cycle is not None else ""


def _late_lines(item: Adjustment, currency: str) -> Iterator[Line]:
    """What came when its cycle was closed, and what it adds to what was billed then."""
    plan, line = item.plan, partial(_line, item.tenure, currency)
    title, late = plan.name or plan.id, _late_of(item.cycle)
    detail = f"{volume_in_words(item.octets, plan.megabyte)}"
    if item.octets_overage:
        detail = f"{detail}, of which {volume_in_words(item.octets_overage, plan.megabyte)} over bundle"
    exact = money(item.micros)
    yield line("adjustment", f"{title}: data{late}", detail, item.octets, Fraction(1), "adjustment", exact, exact)
    if item.stacked and isinstance(plan, PostpaidFixedPool) and plan.stack is not None:
        count, price = Fraction(item.stacked), Fraction(plan.stack.recurring)
        detail = f"{volume_in_words(plan.stack.volume, plan.megabyte)} each"
        yield line("pool_stack", f"{title}: more data{late}", detail, 0, count, "block", price)


def _line(
    tenure: Tenure,
    currency: str,
    type_: LineType,
    name: str,
    detail: str,
    octets: int,
    count: Fraction,
    unit: str,
    price: Fraction,
    exact: Fraction | None = None,
) -> Line:
    """A line of `count` at `price`; `exact`: what it comes to, where that is not their product."""
    amount = count * price if exact is None else exact
    return Line(
        id="",
        type=type_,
        name=name,
        description=detail,
        split=tenure.split,
        product=tenure.product,
        octets=octets,
        quantity=quantity(count),
        unit=unit,
        unit_price=Money(unit=currency, value=rate(price, currency)),
        exact_amount=Money(unit=currency, value=rate(amount, currency)),
        tax_excluded_amount=Money(unit=currency, value=rounded(amount, currency)),
    )
