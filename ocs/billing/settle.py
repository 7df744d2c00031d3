"""Settling postpaid use when the cycle closes: what was in bundle, what was over, what that costs.

Online EDRs leave this open, because it depends on the cycle's total. Here the use of a bundle - that of one SIM, or the
pool of many - is taken in the order of events: first use is in bundle. What is over is priced by zone and time of day,
each price in blocks of its own. In a pool, where order is chance, what is over and what it costs is divided among the
SIMs by use, by largest remainder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from ocs.billing.apportion import apportion
from ocs.billing.tenure import Tenure
from ocs.billing.usage import NOTHING, Usage, Use
from ocs.catalogue.plans import Postpaid, PostpaidFixedPool, PostpaidFlexPool
from ocs.rating.cycle import Cycle
from ocs.rating.price import blocks, tiered_charge, tiers
from ocs.rating.rates import rate_at
from ocs.units import MICROS


class Part(NamedTuple):
    """A member's octets at one price (its place among the plan's), those of them over the bundle, and their cost."""

    price: int
    octets: int
    over: int
    micros: int


@dataclass(frozen=True, slots=True)
class Member:
    """One subscription's part of a settlement."""

    tenure: Tenure
    days: int
    """Days of the cycle on which it is billed, those suspended included."""
    days_suspended: int
    """Of them, days charged as suspended."""
    octets_included: int
    """What it brings."""
    octets_tested: int
    """Used free, before its billing started."""
    parts: tuple[Part, ...]

    @property
    def octets(self) -> int:
        """All octets used."""
        return self.octets_tested + sum(part.octets for part in self.parts)

    @property
    def octets_overage(self) -> int:
        """Octets at a price."""
        return sum(part.over for part in self.parts)

    @property
    def octets_in_bundle(self) -> int:
        """Octets that cost nothing beside what is included."""
        return sum(part.octets - part.over for part in self.parts)

    @property
    def micros(self) -> int:
        """Its part of the overage charge, exact."""
        return sum(part.micros for part in self.parts)


class Over(NamedTuple):
    """What is over the bundle at one price: the place of that price among the plan's, and its tier."""

    price: int
    tier: int
    octets: int
    blocks: int
    micros: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """One bundle in one cycle: that of a SIM alone, or of a pool."""

    plan: Postpaid
    pool_id: str | None
    members: tuple[Member, ...]
    octets_included: int
    """Without the blocks of a stack."""
    stacked: int
    """Blocks of the stack."""
    over: tuple[Over, ...]

    @property
    def tenure(self) -> Tenure:
        """Of its first member, for the split and product that its lines name."""
        return self.members[0].tenure

    @property
    def account_id(self) -> str:
        """Who pays."""
        return self.tenure.account_id

    @property
    def octets(self) -> int:
        """All octets used."""
        return sum(member.octets for member in self.members)

    @property
    def octets_in_bundle(self) -> int:
        """Octets that cost nothing beside what is included."""
        return sum(member.octets_in_bundle for member in self.members)

    @property
    def octets_overage(self) -> int:
        """Octets at a price."""
        return sum(over.octets for over in self.over)

    @property
    def micros(self) -> int:
        """The overage charge, exact."""
        return sum(over.micros for over in self.over)

    @property
    def rounding_octets(self) -> int:
        """Octets charged though not used: blocks are charged whole."""
        return _rounding(self.plan, self.over)

    @property
    def alerts(self) -> bool:
        """Whether a pool has seen more use than its limit. Nothing was refused for it."""
        if not isinstance(self.plan, PostpaidFlexPool | PostpaidFixedPool):
            return False
        limit = self.plan.alert if self.plan.alert is not None else self.octets_included
        return self.octets > limit


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Use of one bundle in an earlier cycle that came when that cycle was closed: what it adds to what was billed."""

    cycle: Cycle
    """The earlier one."""
    plan: Postpaid
    pool_id: str | None
    tenures: tuple[Tenure, ...]
    uses: tuple[tuple[Tenure, Use, Part], ...]
    """Each use that came late; its part is one that no other has."""
    stacked: int
    """Blocks of the stack that it takes."""
    rounding_octets: int
    """Octets charged though not used."""

    @property
    def tenure(self) -> Tenure:
        """Of its first member, for the split and product that its lines name."""
        return self.tenures[0]

    @property
    def account_id(self) -> str:
        """Who pays."""
        return self.tenure.account_id

    @property
    def octets(self) -> int:
        """All octets that came late."""
        return sum(part.octets for _, _, part in self.uses)

    @property
    def octets_overage(self) -> int:
        """Of them, octets at a price."""
        return sum(part.over for _, _, part in self.uses)

    @property
    def micros(self) -> int:
        """What they cost, exact."""
        return sum(part.micros for _, _, part in self.uses)


def prorated(octets: int, cycle: Cycle, days: int) -> int:
    """A volume for `days` of the cycle's days, floored to whole octets."""
    return octets * days // cycle.days


def money(micros: int) -> Fraction:
    """Micros as an exact amount of the currency."""
    return Fraction(micros, MICROS)


def settlements(tenures: Iterable[Tenure], usage: Mapping[str, Usage], cycle: Cycle) -> Iterator[Settlement]:
    """Settle every postpaid bundle of a cycle. `usage`: by subscription."""
    for plan, pool_id, members in bundles(tenures, _users(usage), cycle):
        yield settle(plan, pool_id, members, usage, cycle)


def adjustments(
    tenures: Iterable[Tenure], usage: Mapping[str, Usage], late: Mapping[str, Usage], cycle: Cycle
) -> Iterator[Adjustment]:
    """What use that came late adds to an earlier `cycle`. `usage`: what was billed in it."""
    for plan, pool_id, members in bundles(tenures, _users(usage) | _users(late), cycle):
        if any(late.get(member.subscription_id, NOTHING).octets for member in members):
            yield _adjust(plan, pool_id, members, usage, late, cycle)


def _users(usage: Mapping[str, Usage]) -> set[str]:
    return {subscription_id for subscription_id, used in usage.items() if used.octets}


def bundles(
    tenures: Iterable[Tenure], users: Container[str], cycle: Cycle
) -> Iterator[tuple[Postpaid, str | None, list[Tenure]]]:
    """Plan, pool and members of what there is to settle, in the order of their first subscriptions.

    `users`: subscriptions that have used octets. A pool is one, and in one version of its plan, until the cycle ends:
    the oldest that any of its SIMs is under. SIMs that came when there was a newer one are under that from then on.
    """
    found: dict[str, list[Tenure]] = defaultdict(list)
    for tenure in tenures:
        plan = tenure.plan
        in_force = tenure.has_bundle and tenure.days(cycle) > 0
        if isinstance(plan, Postpaid) and (in_force or tenure.subscription_id in users):
            found[plan.pool_id(tenure.account_id) or tenure.subscription_id].append(tenure)
    for members in found.values():
        plan = min((member.plan for member in members), key=lambda plan: plan.version)
        assert isinstance(plan, Postpaid)
        yield plan, plan.pool_id(members[0].account_id), sorted(members, key=lambda member: member.subscription_id)


def settle(
    plan: Postpaid, pool_id: str | None, tenures: Sequence[Tenure], usage: Mapping[str, Usage], cycle: Cycle
) -> Settlement:
    """Settle one bundle, shared by `tenures` (one, if there is no pool)."""
    shares, meter = _metered(plan, tenures, usage, cycle)
    stacked = meter.stacked
    if pool_id is not None:
        _share_by_use(shares, meter)
    members = tuple([share.member() for share in shares])
    return Settlement(plan, pool_id, members, meter.included, stacked, tuple(meter.totals()))


def _adjust(
    plan: Postpaid,
    pool_id: str | None,
    tenures: Sequence[Tenure],
    usage: Mapping[str, Usage],
    late: Mapping[str, Usage],
    cycle: Cycle,
) -> Adjustment:
    """Late use is taken after everything that was billed, whenever it happened: so it adds exactly its own part."""
    _, meter = _metered(plan, tenures, usage, cycle)
    before, rounded_before = meter.stacked, meter.rounding_octets
    uses = []
    for use, tenure in _in_order(tenures, late):
        free = tenure.billed_from is None or use.at < tenure.billed_from
        uses.append((tenure, use, Part(FREE, use.octets, 0, 0) if free else meter.count(use)))
    rounded = meter.rounding_octets - rounded_before
    return Adjustment(cycle, plan, pool_id, tuple(tenures), tuple(uses), meter.stacked - before, rounded)


FREE = -1
"""The place of the price of what is used in testing: it has none."""


def _metered(
    plan: Postpaid, tenures: Sequence[Tenure], usage: Mapping[str, Usage], cycle: Cycle
) -> tuple[list[_Share], Meter]:
    shares = [_Share(tenure, plan, cycle) for tenure in tenures]
    by_subscription = {share.tenure.subscription_id: share for share in shares}
    meter = Meter(plan, _included(plan, shares, cycle))
    for use, tenure in _in_order(tenures, usage):
        by_subscription[tenure.subscription_id].take(use, meter)
    return shares, meter


def _in_order(tenures: Sequence[Tenure], usage: Mapping[str, Usage]) -> list[tuple[Use, Tenure]]:
    """The use of all, in the order of events."""
    uses = [(use, tenure) for tenure in tenures for use in usage.get(tenure.subscription_id, NOTHING).octets]
    return sorted(uses, key=lambda item: item[0])


def included(plan: Postpaid, tenures: Sequence[Tenure], cycle: Cycle) -> int:
    """Octets of the bundle that `tenures` share, without the blocks of a stack."""
    return _included(plan, [_Share(tenure, plan, cycle) for tenure in tenures], cycle)


def _included(plan: Postpaid, shares: Sequence[_Share], cycle: Cycle) -> int:
    """Octets of the bundle: what its SIMs bring, or what a fixed pool has from the day of its first SIM."""
    if isinstance(plan, PostpaidFixedPool):
        return prorated(plan.included, cycle, max(share.days for share in shares))
    if isinstance(plan, PostpaidFlexPool) and plan.leaving == "peak":
        return plan.included * peak([share.tenure for share in shares], cycle)
    return sum(share.octets_included for share in shares)


def peak(tenures: Sequence[Tenure], cycle: Cycle) -> int:
    """How many SIMs a pool had at once, at most, on any day of the cycle."""
    moves: dict[int, int] = defaultdict(int)
    for tenure in tenures:
        days = tenure.days(cycle, until_the_end=False)
        if days:
            assert tenure.billed_from is not None
            first = cycle.days - cycle.days_left(tenure.billed_from)
            moves[first] += 1
            moves[first + days] -= 1
    most = now = 0
    for day in sorted(moves):
        now += moves[day]
        most = max(most, now)
    return most


class Meter:
    """The octets of one bundle as they come."""

    def __init__(self, plan: Postpaid, included: int) -> None:
        self.included = included
        self._plan = plan
        self._prices = [(price.steps, price.block) for price in plan.prices]
        self._counters: dict[tuple[int, str], int] = defaultdict(int)
        self._drawn = 0
        """Octets that what is included is for."""
        self._drawn_over = 0

    def count(self, use: Use) -> Part:
        """Take in some use: the place of its price, its octets over the bundle, and what they cost."""
        plan, octets = self._plan, use.octets
        if plan.included_zones is not None and use.zone not in plan.included_zones:
            over = octets
        else:
            self._drawn += octets
            over = max(0, self._drawn - self.included) - self._drawn_over
            self._drawn_over += over
        if not self._prices:
            return Part(0, octets, 0, 0)
        price = rate_at(plan, use.zone, use.at)
        if not over:
            return Part(price, octets, 0, 0)
        scope = use.session_id if plan.rounding == "session" else ""
        before = self._counters[price, scope]
        self._counters[price, scope] = after = before + over
        steps, block = self._prices[price]
        micros = tiered_charge(steps, block, after) - tiered_charge(steps, block, before)
        return Part(price, octets, over, micros)

    @property
    def stacked(self) -> int:
        """Blocks of the stack that are needed so far."""
        stack = self._plan.stack if isinstance(self._plan, PostpaidFixedPool) else None
        return blocks(max(0, self._drawn - self.included), stack.volume) if stack is not None else 0

    @property
    def rounding_octets(self) -> int:
        """Octets charged so far though not used."""
        return _rounding(self._plan, self.totals())

    def totals(self) -> Iterator[Over]:
        """What was over, by price and tier."""
        for price, (steps, block) in enumerate(self._prices):
            octets, charged = [0] * len(steps), [0] * len(steps)
            for (of, _), counted in self._counters.items():
                if of == price:
                    for tier, part in enumerate(tiers(steps, counted)):
                        octets[tier] += part
                        charged[tier] += blocks(part, block)
            for tier, (_, micros) in enumerate(steps):
                if octets[tier]:
                    yield Over(price, tier, octets[tier], charged[tier], charged[tier] * micros)


def _rounding(plan: Postpaid, over: Iterable[Over]) -> int:
    block = plan.overage.block if plan.overage is not None else 0
    return sum(item.blocks * block - item.octets for item in over)


@dataclass(slots=True)
class _Share:
    """One subscription while its bundle is being settled."""

    tenure: Tenure
    plan: Postpaid
    cycle: Cycle
    tested: int = 0
    parts: dict[int, Part] = field(default_factory=dict)
    """By price."""
    days: int = field(init=False)
    days_suspended: int = field(init=False)
    octets_included: int = field(init=False)

    def __post_init__(self) -> None:
        plan, tenure, cycle = self.plan, self.tenure, self.cycle
        flexible = plan if isinstance(plan, PostpaidFlexPool) else None
        keeps = flexible is None or flexible.leaving == "keeps"
        self.days = tenure.days(cycle, until_the_end=keeps) if tenure.has_bundle else 0
        self.days_suspended = min(self.days, tenure.days_suspended(cycle)) if plan.suspended is not None else 0
        brings = not isinstance(plan, PostpaidFixedPool) and not (flexible is not None and flexible.leaving == "peak")
        self.octets_included = prorated(plan.included, cycle, self.days - self.days_suspended) if brings else 0

    def take(self, use: Use, meter: Meter) -> None:
        """Count some of its use, which is free before its billing starts."""
        if self.tenure.billed_from is None or use.at < self.tenure.billed_from:
            self.tested += use.octets
            return
        price, octets, over, micros = meter.count(use)
        known = self.parts.get(price, Part(price, 0, 0, 0))
        self.parts[price] = Part(price, known.octets + octets, known.over + over, known.micros + micros)

    def member(self) -> Member:
        parts = tuple([self.parts[price] for price in sorted(self.parts)])
        return Member(self.tenure, self.days, self.days_suspended, self.octets_included, self.tested, parts)


def _share_by_use(shares: Sequence[_Share], meter: Meter) -> None:
    """Divide what is over at each price, and what it costs, among the SIMs of a pool by their use at that price."""
    totals: dict[int, tuple[int, int]] = {}
    for over in meter.totals():
        octets, micros = totals.get(over.price, (0, 0))
        totals[over.price] = (octets + over.octets, micros + over.micros)
    for price, (octets, micros) in totals.items():
        users = [share for share in shares if price in share.parts]
        used = [share.parts[price].octets for share in users]
        for share, over_octets, cost in zip(users, apportion(octets, used), apportion(micros, used), strict=True):
            share.parts[price] = Part(price, share.parts[price].octets, over_octets, cost)
