"""A purse of money: octets are paid from it at the price of the zone and the hour.

A charge is a function of what a service has used in its session at that price, in whole blocks, so that slicing never
changes it. A reservation is what its octets would cost, rounded up to whole blocks; a grant is what can be paid,
rounded down: so the purse never gives more than it holds.
"""

from __future__ import annotations

from typing import NamedTuple

from ocs.balances.purse import Settlement
from ocs.catalogue.base import HOME
from ocs.catalogue.grants import is_wallet
from ocs.catalogue.plans import Plan
from ocs.catalogue.prices import UnitPrice
from ocs.charging.state import Conditions, Service
from ocs.rating.price import affordable, tiered_charge
from ocs.rating.rates import rate_at


class Tally(NamedTuple):
    """Octets of a service at one price: how many it had used in this session before, and what so many more cost."""

    price: UnitPrice
    before: int
    octets: int
    micros: int


def clash(split_id: str, held: Plan, wanted: Plan) -> str | None:
    """Why a split cannot change from one plan to another: what its purse holds buys nothing there. None if it can."""
    if is_wallet(held) == is_wallet(wanted):
        return None
    return f"{split_id!r} has bought {'money' if is_wallet(held) else 'octets'}"


def price_of(plan: Plan, conditions: Conditions, at: int) -> UnitPrice:
    """The price in force of a plan with a wallet."""
    return plan.prices[rate_at(plan, plan.zone_of(conditions.serving_plmn) or HOME, at)]


def tally(service: Service, price: UnitPrice, octets: int) -> Tally:
    """What `octets` more cost. Another price starts at its first block again."""
    before = service.used if service.rated is price else 0
    return Tally(price, before, octets, _cost(price, before, octets))


def payable(service: Service, price: UnitPrice, micros: int) -> int:
    """Octets that `micros` pay for."""
    return affordable(price.steps, price.block, service.used if service.rated is price else 0, micros)


def counted(service: Service, counted: Tally) -> None:
    """The octets of a tally have been used."""
    service.rated, service.used = counted.price, counted.before + counted.octets


def in_octets(settlement: Settlement, due: Tally) -> tuple[Settlement, int]:
    """A settlement in money as one whose overrun is octets, and what was charged: what is not paid is not charged."""
    paid = due.micros - settlement.overrun
    if not settlement.overrun:
        return settlement, paid
    covered = min(due.octets, affordable(due.price.steps, due.price.block, due.before, paid))
    return Settlement(settlement.paid, due.octets - covered), paid


def charge_of(price: UnitPrice, octets: int) -> int:
    """What `octets` cost by themselves."""
    return _cost(price, 0, octets)


def _cost(price: UnitPrice, before: int, octets: int) -> int:
    return tiered_charge(price.steps, price.block, before + octets) - tiered_charge(price.steps, price.block, before)
