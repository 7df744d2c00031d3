"""Volumes, durations and days as documents say them."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from ocs.billing.money import quantity
from ocs.files import DURATION_UNITS, VOLUME_UNITS

_UNIT_OF_VOLUME = {octets: name for name, octets in VOLUME_UNITS.items()}
_LARGE_FIRST = sorted(_UNIT_OF_VOLUME, reverse=True)
_UNIT_OF_TIME = {DURATION_UNITS[name]: name for name in ("day", "hour", "minute", "second")}


def volume_unit(per_octets: int) -> str:
    """The unit of a price per so many octets: `MB`, `GiB`, else `block of 1,500 octets`."""
    return _UNIT_OF_VOLUME.get(per_octets) or f"block of {per_octets:,} octets"


def volume_in_words(octets: int) -> str:
    """`50 MB`, `1.5 GB`, `4 MiB`: exact, in the unit that needs the fewest digits, the larger one if several do."""
    candidates = []
    for unit in _LARGE_FIRST:
        amount = quantity(Fraction(octets, unit))
        if unit > 1 and amount >= 1 and amount * unit == octets:
            candidates.append(f"{amount:,f} {_UNIT_OF_VOLUME[unit]}")
    return min(candidates, key=len, default=f"{octets} B")


def duration_in_words(seconds: int) -> str:
    """`28 days`, `1 hour`: in the largest unit of which it is a whole number."""
    unit = next(unit for unit in sorted(_UNIT_OF_TIME, reverse=True) if seconds % unit == 0)
    count = seconds // unit
    return f"{count:,} {_UNIT_OF_TIME[unit]}{'' if count == 1 else 's'}"


def day_in_words(day: date) -> str:
    """`1 March 2026`."""
    return f"{day.day} {day:%B %Y}"
