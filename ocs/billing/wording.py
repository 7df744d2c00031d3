"""Volumes, durations and days as documents say them."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from ocs.billing.money import quantity
from ocs.catalogue.plans import Postpaid, Rate
from ocs.files import DURATION_UNITS, VOLUME_UNITS
from ocs.rating.cycle import Cycle

_UNIT_OF_VOLUME = {octets: name for name, octets in VOLUME_UNITS.items()}
_LARGE_FIRST = sorted(_UNIT_OF_VOLUME, reverse=True)
_UNIT_OF_TIME = {DURATION_UNITS[name]: name for name in ("day", "hour", "minute", "second")}


def volume_unit(per_octets: int, megabyte: int = 1_000_000) -> str:
    """The unit of a price per so many octets: `MB`, `GiB`, else `block of 1,500 octets`.

    `megabyte`: what the plan means by MB; where that is 2^20, so are kB and GB the binary ones.
    """
    return _unit(per_octets, megabyte) or f"block of {per_octets:,} octets"


def volume_in_words(octets: int, megabyte: int = 1_000_000) -> str:
    """`50 MB`, `1.5 GB`, `4 MiB`: exact, in the unit that needs the fewest digits, the larger one if several do."""
    candidates = []
    for unit in _LARGE_FIRST:
        amount, name = quantity(Fraction(octets, unit)), _unit(unit, megabyte)
        if unit > 1 and name is not None and amount >= 1 and amount * unit == octets:
            candidates.append(f"{amount:,f} {name}")
    return min(candidates, key=len, default=f"{octets} B")


def _unit(octets: int, megabyte: int) -> str | None:
    """The name of a unit; where MB is 2^20 octets the binary units have the decimal names, and the others none."""
    name = _UNIT_OF_VOLUME.get(octets)
    if name is None or megabyte == 1_000_000:
        return name
    return name.replace("KiB", "kB").replace("iB", "B") if name.endswith("iB") or octets == 1 else None


def price_in_words(plan: Postpaid, number: int, tier: int) -> tuple[str, Fraction, str]:
    """What tells one of a plan's prices from the others: for the name of its line, the price, and for the detail."""
    unit_price = plan.prices[number]
    name = ""
    if number:
        sold = plan.rates[number - 1]
        name = f", {sold.name or _when_and_where(sold)}"
    if not tier:
        return name, Fraction(unit_price.price), ""
    above = unit_price.tiers[tier - 1]
    return name, Fraction(above.price), f", above {volume_in_words(above.above, plan.megabyte)}"


def _when_and_where(sold: Rate) -> str:
    parts = [f"zone {sold.zone}"] if sold.zone is not None else []
    if sold.start is not None and sold.to is not None:
        parts.append(f"{_clock(sold.start)}–{_clock(sold.to)}")
    return " ".join(parts)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def duration_in_words(seconds: int) -> str:
    """`28 days`, `1 hour`: in the largest unit of which it is a whole number."""
    unit = next(unit for unit in sorted(_UNIT_OF_TIME, reverse=True) if seconds % unit == 0)
    count = seconds // unit
    return f"{count:,} {_UNIT_OF_TIME[unit]}{'' if count == 1 else 's'}"


def cycle_in_words(cycle: Cycle) -> str:
    """`April 2026`, or the days where it does not begin with a month."""
    if cycle.first_day.day == 1:
        return f"{cycle.first_day:%B %Y}"
    return f"the cycle from {day_in_words(cycle.first_day)}"


def day_in_words(day: date) -> str:
    """`1 March 2026`."""
    return f"{day.day} {day:%B %Y}"
