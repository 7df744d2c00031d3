"""What a plan charges at once: short messages and calls of the physical SIM.

Octets cost nothing at this point: prepaid ones were paid with their bundle, postpaid ones depend on the cycle's total
and are priced when it closes.
"""

from __future__ import annotations

from typing import Literal

from ocs.catalogue.plans import Plan, Postpaid
from ocs.rating.price import charge
from ocs.rating.rates import rate_at
from ocs.units import MICROS

Unit = Literal["octets", "seconds", "units"]
"""What a service is counted in: CC-Total-Octets, CC-Time or CC-Service-Specific-Units."""


def sells(plan: Plan, unit: Unit) -> bool:
    """Whether a plan has a price for services counted in `unit`."""
    if unit == "octets":
        return True
    if not isinstance(plan, Postpaid):
        return False
    return plan.voice is not None if unit == "seconds" else plan.sms is not None


def unit_price(plan: Plan, unit: Unit, zone: str, at: int) -> int | None:
    """Micros of one message, of a block of seconds, or of a block of octets at the price in force; None: not sold so.

    Of tiers it is the first.
    """
    if unit == "octets":
        return plan.prices[rate_at(plan, zone, at)].micros_per_block if plan.prices else None
    if not isinstance(plan, Postpaid):
        return None
    if unit == "seconds":
        return plan.voice.micros_per_block if plan.voice is not None else None
    return int(plan.sms * MICROS) if plan.sms is not None else None


def price(plan: Plan, unit: Unit, before: int, amount: int) -> int | None:
    """Micros for `amount` units after `before` units of the same session; None where the cycle's end decides.

    A charge is a function of cumulative use, so that slicing a call never changes what it costs. A refund has a
    negative amount and a negative price.
    """
    if unit == "octets":
        return 0 if plan.kind == "prepaid_individual" else None
    if isinstance(plan, Postpaid):
        if unit == "units" and plan.sms is not None:
            return amount * int(plan.sms * MICROS)
        if unit == "seconds" and plan.voice is not None:
            per_block, block = plan.voice.micros_per_block, plan.voice.block
            return charge(per_block, block, before + amount) - charge(per_block, block, before)
        return None
    return 0
