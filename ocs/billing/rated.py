"""Settling postpaid use when the cycle closes: what was in bundle, what was over, what that costs.

Online EDRs leave these fields empty, because they depend on the cycle's total. Here the EDRs of a bundle - that of one
SIM, or the pool of many - are taken in the order of events: first use is in bundle. What is over is priced by zone and
time of day, each price in blocks of its own. Each EDR gets a rated record with its share:

- of a SIM alone, the charge after the EDR less the charge before it;
- of a pool, where order is chance, its part by use: first that of its SIM, by largest remainder, then its own of that.

Either way the shares of a cycle add up to its settlement, to the octet and to the micro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter
from typing import Final, Literal

import msgspec

from ocs.billing.apportion import apportion
from ocs.billing.tenure import Tenure
from ocs.catalogue.plans import Postpaid, PostpaidFixedPool, PostpaidFlexPool
from ocs.rating.cycle import Cycle
from ocs.rating.price import blocks, tiered_charge, tiers
from ocs.rating.rates import rate_at
from ocs.records.edr import Edr
from ocs.units import MICROS

_PRICED_ONLINE: Final[tuple[Literal["units", "seconds"], ...]] = ("units", "seconds")
_FREE: Final = -1
"""The place of the price of what is used in testing: it has none."""
_in_order = attrgetter("event_time", "edr_id")


class RatedRecord(msgspec.Struct, frozen=True, gc=False):
    """What one EDR came to when its cycle closed. `octets_in_bundle + octets_overage` is the EDR's `octets_total`.

    Octets used in testing are free and count as in bundle.
    """

    edr_id: str
    cycle_id: str
    account_id: str
    subscription_id: str
    plan_id: str
    plan_version: int
    octets_in_bundle: int
    octets_overage: int
    amount_micros: int


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
    octets_in_bundle: int
    octets_overage: int
    micros: int
    """Its part of the overage charge, exact."""

    @property
    def octets(self) -> int:
        """All octets used."""
        return self.octets_tested + self.octets_in_bundle + self.octets_overage


@dataclass(frozen=True, slots=True)
class Over:
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
    records: tuple[RatedRecord, ...]

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
        price = self.plan.overage
        return sum(over.blocks * price.block - over.octets for over in self.over) if price is not None else 0

    @property
    def alerts(self) -> bool:
        """Whether a pool has seen more use than its limit. Nothing was refused for it."""
        if not isinstance(self.plan, PostpaidFlexPool | PostpaidFixedPool):
            return False
        limit = self.plan.alert if self.plan.alert is not None else self.octets_included
        return self.octets > limit


@dataclass(frozen=True, slots=True)
class OnlineCharges:
    """Messages (`units`) or calls (`seconds`) of one postpaid subscription in one cycle, priced when they happened."""

    tenure: Tenure
    plan: Postpaid
    unit_type: Literal["units", "seconds"]
    amount: int
    """How many; refunds taken off."""
    micros: int


def prorated(octets: int, cycle: Cycle, days: int) -> int:
    """A volume for `days` of the cycle's days, floored to whole octets."""
    return octets * days // cycle.days


def settlements(tenures: Iterable[Tenure], edrs: Mapping[str, Sequence[Edr]], cycle: Cycle) -> Iterator[Settlement]:
    """Settle every postpaid bundle. `edrs`: those of the cycle, by subscription."""
    pools: dict[tuple[str, int], list[Tenure]] = defaultdict(list)
    for tenure in tenures:
        plan = tenure.plan
        if not isinstance(plan, Postpaid):
            continue
        if not _concerned(tenure, cycle, edrs.get(tenure.subscription_id, ())):
            continue
        pool_id = plan.pool_id(tenure.account_id)
        if pool_id is None:
            yield settle(plan, None, [tenure], edrs, cycle)
        else:
            pools[pool_id, plan.version].append(tenure)
    for (pool_id, _), members in pools.items():
        plan = members[0].plan
        assert isinstance(plan, Postpaid)
        yield settle(plan, pool_id, members, edrs, cycle)


def _concerned(tenure: Tenure, cycle: Cycle, edrs: Iterable[Edr]) -> bool:
    """Whether the cycle has anything to settle: days that are billed, or octets."""
    if tenure.has_bundle and (tenure.ended is None or tenure.ended > cycle.start):
        return True
    return any(edr.unit_type == "octets" for edr in edrs)


def settle(
    plan: Postpaid, pool_id: str | None, tenures: Sequence[Tenure], edrs: Mapping[str, Sequence[Edr]], cycle: Cycle
) -> Settlement:
    """Settle one bundle, shared by `tenures` (one, if there is no pool)."""
    shares = [_Share(tenure, plan, cycle) for tenure in sorted(tenures, key=lambda t: t.subscription_id)]
    use = [(edr, share) for share in shares for edr in edrs.get(share.tenure.subscription_id, ())]
    use = sorted([used for used in use if used[0].unit_type == "octets"], key=lambda used: _in_order(used[0]))
    included = _included(plan, shares, cycle)
    meter = _Meter(plan, included)
    for edr, share in use:
        octets = edr.octets_total
        share.octets += octets
        if share.tenure.billed_from is None or edr.event_time < share.tenure.billed_from:
            share.tested += octets
            share.records.append((edr, _FREE, 0, 0))
            continue
        price, over, micros = meter.count(edr)
        share.by_price[price] += octets
        share.over += over
        share.micros += micros
        share.records.append((edr, price, over, micros))
    stacked = 0
    if isinstance(plan, PostpaidFixedPool) and plan.stack is not None:
        stacked = blocks(max(0, meter.drawn - included), plan.stack.volume)
    elif pool_id is not None:
        _share_by_use(shares, meter)
    members = tuple(share.member() for share in shares)
    over_lines = tuple(meter.totals())
    records = tuple(
        RatedRecord(
            edr.edr_id, cycle.id, share.tenure.account_id, share.tenure.subscription_id, plan.id, plan.version,
            edr.octets_total - over, over, micros,
        )
        for share in shares
        for edr, _, over, micros in share.records
    )  # fmt: skip
    return Settlement(plan, pool_id, members, included, stacked, over_lines, records)


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


class _Meter:
    """The octets of one bundle as they come."""

    def __init__(self, plan: Postpaid, included: int) -> None:
        self._plan = plan
        self._included = included
        self._prices = plan.prices
        self._counters: dict[tuple[int, str], int] = defaultdict(int)
        self.drawn = 0
        """Octets that what is included is for."""
        self._drawn_over = 0

    def count(self, edr: Edr) -> tuple[int, int, int]:
        """Take in one EDR: the place of its price, its octets over the bundle, and what they cost."""
        plan, octets = self._plan, edr.octets_total
        if plan.included_zones is not None and edr.zone not in plan.included_zones:
            over = octets
        else:
            self.drawn += octets
            over = max(0, self.drawn - self._included) - self._drawn_over
            self._drawn_over += over
        if not self._prices:
            return 0, 0, 0
        price = rate_at(plan.rates, plan.time_zone, edr.zone, edr.event_time)
        scope = edr.session_id if plan.rounding == "session" else ""
        before = self._counters[price, scope]
        self._counters[price, scope] = after = before + over
        steps, block = self._prices[price].steps, self._prices[price].block
        return price, over, tiered_charge(steps, block, after) - tiered_charge(steps, block, before)

    def totals(self) -> Iterator[Over]:
        """What was over, by price and tier."""
        for price, unit_price in enumerate(self._prices):
            steps, block = unit_price.steps, unit_price.block
            octets, charged = [0] * len(steps), [0] * len(steps)
            for (of, _), counted in self._counters.items():
                if of == price:
                    for tier, part in enumerate(tiers(steps, counted)):
                        octets[tier] += part
                        charged[tier] += blocks(part, block)
            for tier, (_, micros) in enumerate(steps):
                if octets[tier]:
                    yield Over(price, tier, octets[tier], charged[tier], charged[tier] * micros)


@dataclass(slots=True)
class _Share:
    """One subscription while its bundle is being settled."""

    tenure: Tenure
    plan: Postpaid
    cycle: Cycle
    octets: int = 0
    tested: int = 0
    over: int = 0
    micros: int = 0
    by_price: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Octets at each price, in bundle or over."""
    records: list[tuple[Edr, int, int, int]] = field(default_factory=list)
    """Each EDR with the place of its price, its octets over, and what they cost."""
    days: int = field(init=False)
    days_suspended: int = field(init=False)
    octets_included: int = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        keeps = not isinstance(plan, PostpaidFlexPool) or plan.leaving == "keeps"
        self.days = self.tenure.days(self.cycle, until_the_end=keeps) if self.tenure.has_bundle else 0
        self.days_suspended = (
            min(self.days, self.tenure.days_suspended(self.cycle)) if plan.suspended is not None else 0
        )
        brings = not isinstance(plan, PostpaidFixedPool) and not (
            isinstance(plan, PostpaidFlexPool) and plan.leaving == "peak"
        )
        self.octets_included = prorated(plan.included, self.cycle, self.days - self.days_suspended) if brings else 0

    def member(self) -> Member:
        in_bundle = self.octets - self.tested - self.over
        return Member(
            self.tenure, self.days, self.days_suspended, self.octets_included, self.tested, in_bundle, self.over,
            self.micros,
        )  # fmt: skip


def _share_by_use(shares: Sequence[_Share], meter: _Meter) -> None:
    """Divide what is over, and what it costs, among the SIMs of a pool and their EDRs, at each price by use at it."""
    totals: dict[int, tuple[int, int]] = {}
    for over in meter.totals():
        octets, micros = totals.get(over.price, (0, 0))
        totals[over.price] = (octets + over.octets, micros + over.micros)
    for share in shares:
        share.over = share.micros = 0
        share.records = [(edr, price, 0, 0) for edr, price, _, _ in share.records]
    for price, (octets, micros) in totals.items():
        used = [share.by_price[price] for share in shares]
        for share, own_octets, own_micros in zip(shares, apportion(octets, used), apportion(micros, used), strict=True):
            share.over += own_octets
            share.micros += own_micros
            _divide(share, price, own_octets, own_micros)


def _divide(share: _Share, price: int, octets: int, micros: int) -> None:
    """Give each EDR of a SIM at one price its part, in the order of events: the part after it less the part before."""
    total, used = share.by_price[price], 0
    for place, (edr, of, _, _) in enumerate(share.records):
        if of == price and total:
            before, used = used, used + edr.octets_total
            over = octets * used // total - octets * before // total
            cost = micros * used // total - micros * before // total
            share.records[place] = (edr, price, over, cost)


def online_charges(tenure: Tenure, plan: Postpaid, edrs: Iterable[Edr]) -> list[OnlineCharges]:
    """Add up what EDRs of one subscription in one cycle bear a price for already."""
    edrs = list(edrs)
    charges = []
    for unit_type in _PRICED_ONLINE:
        mine = [edr for edr in edrs if edr.unit_type == unit_type]
        if mine:
            amount, micros = sum(edr.units_used for edr in mine), sum(edr.amount_micros or 0 for edr in mine)
            charges.append(OnlineCharges(tenure, plan, unit_type, amount, micros))
    return charges


def money(micros: int) -> Fraction:
    """Micros as an exact amount of the currency."""
    return Fraction(micros, MICROS)
