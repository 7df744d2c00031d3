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
from ocs.billing.rated import Member, OnlineCharges, Settlement, money, peak
from ocs.billing.tenure import Tenure
from ocs.billing.wording import day_in_words, duration_in_words, price_in_words, volume_in_words, volume_unit
from ocs.catalogue.plans import Postpaid, PostpaidFixedPool, PostpaidFlexPool
from ocs.rating.cycle import Cycle


def invoice_lines(
    settlements: Iterable[Settlement], charges: Iterable[OnlineCharges], cycle: Cycle, currency: str
) -> Iterator[Line]:
    """The lines of one payer, for each split and plan: recurring, usage in bundle, overage; then messages and calls."""
    for _, group in groupby(sorted(settlements, key=_by_product), _by_product):
        yield from _Bundle(list(group), cycle, currency).lines()
    for _, charged in groupby(sorted(charges, key=_by_service), _by_service):
        yield _service_line(list(charged), currency)


def sim_use(settlements: Iterable[Settlement], currency: str) -> Iterator[SimUse]:
    """The memo: one row for each SIM and plan, in the order of the lines."""
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


def _by_product(item: Settlement | OnlineCharges) -> tuple[str, str, int]:
    return item.tenure.split.id, item.plan.id, item.plan.version


def _by_service(item: OnlineCharges) -> tuple[str, str, int, str]:
    return *_by_product(item), item.unit_type


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
        if isinstance(plan, PostpaidFixedPool):
            yield from self._fixed(plan)
        elif isinstance(plan, PostpaidFlexPool) and plan.leaving == "peak":
            sims = peak([member.tenure for member in self._members], self._cycle)
            price, detail = Fraction(plan.recurring), "the most SIMs at once"
            yield self._line("recurring", f"{self._title}: monthly charge", detail, 0, Fraction(sims), "SIM", price)
        else:
            yield from self._recurring()
        yield from self._use()

    def _recurring(self) -> Iterator[Line]:
        """Per SIM: days charged in full, and days suspended at their own price."""
        recurring, suspended = Fraction(self._plan.recurring), self._plan.suspended
        days = sorted((self._charged(member) for member in self._members), reverse=True)
        for (active, joined), group in groupby(days):
            if not active:
                continue
            sims, share = sum(1 for _ in group), Fraction(active, self._cycle.days)
            detail = self._part_of_cycle(active, joined, recurring)
            yield self._line(
                "recurring", f"{self._title}: monthly charge", detail, 0, Fraction(sims), "SIM", recurring * share
            )  # fmt: skip
        if suspended is None:
            return
        paused = sorted((member.days_suspended for member in self._members if member.days_suspended), reverse=True)
        for number, group_of in groupby(paused):
            sims, price = sum(1 for _ in group_of), Fraction(suspended)
            detail = f"{number} of {self._cycle.days} days at {rate(price, self._currency)}"
            price = price * number / self._cycle.days
            yield self._line("suspended", f"{self._title}: suspended", detail, 0, Fraction(sims), "SIM", price)

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
        days, recurring = max(member.days for member in pool.members), Fraction(plan.recurring)
        price = recurring * days / self._cycle.days
        detail = f"{len(pool.members)} SIMs"
        if days < self._cycle.days:
            detail = f"{detail}, {self._part_of_cycle(days, days, recurring)}"
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
    title = plan.name or plan.id
    amount, micros = sum(item.amount for item in items), sum(item.micros for item in items)
    exact = money(micros)
    if items[0].unit_type == "units":
        return line(
            "messages", f"{title}: messages", "", 0, Fraction(amount), "message", Fraction(plan.sms or 0), exact
        )
    assert plan.voice is not None  # nothing else is counted in seconds
    voice, per = plan.voice, plan.voice.per
    charged = Fraction(micros, voice.micros_per_block) * voice.block if voice.micros_per_block else Fraction(amount)
    detail = f"{amount:,} seconds, in blocks of {duration_in_words(voice.block)}"
    unit = duration_in_words(per).removeprefix("1 ")
    return line("calls", f"{title}: calls", detail, 0, charged / per, unit, Fraction(voice.price), exact)


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
