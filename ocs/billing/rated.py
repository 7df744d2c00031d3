"""Settling postpaid use when the cycle closes: what was in bundle, what was over, what that costs.

Online EDRs leave these fields empty, because they depend on the cycle's total. Here the EDRs of a subscription are
taken in the order of events: first use is in bundle. Each gets a rated record with its share; the shares of a cycle
add up exactly to its settlement, because each is the charge after the EDR less the charge before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal

import msgspec

from ocs.catalogue.plans import PostpaidIndividual
from ocs.inventory.subscribers import Subscription
from ocs.rating.cycle import Cycle
from ocs.rating.price import blocks, charge
from ocs.records.edr import Edr

_PRICED_ONLINE: Final[tuple[Literal["units", "seconds"], ...]] = ("units", "seconds")
_in_order = attrgetter("event_time", "edr_id")


class RatedRecord(msgspec.Struct, frozen=True, gc=False):
    """What one EDR came to when its cycle closed. `octets_in_bundle + octets_overage` is the EDR's `octets_total`."""

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
class Settlement:
    """One postpaid subscription in one cycle."""

    subscription: Subscription
    plan: PostpaidIndividual
    days: int
    """Days of the cycle from the one on which the SIM joined, itself included."""
    octets_included: int
    octets_in_bundle: int
    octets_overage: int
    blocks: int
    records: tuple[RatedRecord, ...]

    @property
    def octets(self) -> int:
        """All octets used."""
        return self.octets_in_bundle + self.octets_overage

    @property
    def micros(self) -> int:
        """The overage charge, exact."""
        return self.blocks * self.plan.overage.micros_per_block

    @property
    def rounding_octets(self) -> int:
        """Octets charged though not used: blocks are charged whole."""
        return self.blocks * self.plan.overage.block - self.octets_overage


@dataclass(frozen=True, slots=True)
class OnlineCharges:
    """Messages (`units`) or calls (`seconds`) of one postpaid subscription in one cycle, priced when they happened."""

    subscription: Subscription
    plan: PostpaidIndividual
    unit_type: Literal["units", "seconds"]
    amount: int
    """How many; refunds taken off."""
    micros: int


def octets_included(included: int, cycle: Cycle, days: int) -> int:
    """The volume included for `days` of the cycle's days, floored to whole octets."""
    return included * days // cycle.days


def settle(
    subscription: Subscription, plan: PostpaidIndividual, edrs: Iterable[Edr], cycle: Cycle, joined: int
) -> Settlement:
    """Rate the EDRs of one subscription in one cycle. `joined`: the instant at which its SIM was provisioned."""
    days = cycle.days_left(joined)
    included = octets_included(plan.included, cycle, days)
    price = plan.overage
    used = over = 0
    counters: dict[str, int] = {}  # octets over the bundle so far, per scope of rounding
    records = []
    for edr in sorted([edr for edr in edrs if edr.unit_type == "octets"], key=_in_order):
        used += edr.octets_total
        edr_over = max(0, used - included) - over
        over += edr_over
        scope = edr.session_id if plan.rounding == "session" else ""
        before = counters.get(scope, 0)
        counters[scope] = after = before + edr_over
        records.append(
            RatedRecord(
                edr.edr_id,
                cycle.id,
                subscription.account_id,
                subscription.subscription_id,
                plan.id,
                plan.version,
                edr.octets_total - edr_over,
                edr_over,
                charge(price.micros_per_block, price.block, after)
                - charge(price.micros_per_block, price.block, before),
            )
        )
    charged = sum(blocks(octets, price.block) for octets in counters.values())
    return Settlement(subscription, plan, days, included, used - over, over, charged, tuple(records))


def online_charges(subscription: Subscription, plan: PostpaidIndividual, edrs: Iterable[Edr]) -> list[OnlineCharges]:
    """Add up what EDRs of one subscription in one cycle bear a price for already."""
    edrs = list(edrs)
    charges = []
    for unit_type in _PRICED_ONLINE:
        mine = [edr for edr in edrs if edr.unit_type == unit_type]
        if mine:
            amount, micros = sum(edr.units_used for edr in mine), sum(edr.amount_micros or 0 for edr in mine)
            charges.append(OnlineCharges(subscription, plan, unit_type, amount, micros))
    return charges
