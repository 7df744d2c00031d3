"""What usage costs: whole blocks at whole micros (the rating function, TS 32.296).

A charge is a function of cumulative use. What a report costs is the charge after it less the charge before it, so that
slicing never changes the sum.
"""

from __future__ import annotations

from typing import Final

from ocs.catalogue.prices import Steps

_BEYOND: Final = 2**62
"""More octets than anybody uses."""


def blocks(octets: int, block_octets: int) -> int:
    """How many blocks of `block_octets` (at least 1) hold `octets`, the last one perhaps in part."""
    return -(-octets // block_octets)


def charge(micros_per_block: int, block_octets: int, octets: int) -> int:
    """Micros for `octets` of cumulative use, in whole blocks, rounded up."""
    return blocks(octets, block_octets) * micros_per_block


def tiers(steps: Steps, octets: int) -> list[int]:
    """How many of `octets` of cumulative use fall into each tier."""
    bounds = [above for above, _ in steps[1:]]
    return [max(0, min(octets, until) - above) for (above, _), until in zip(steps, (*bounds, octets), strict=True)]


def tiered_charge(steps: Steps, block_octets: int, octets: int) -> int:
    """Micros for `octets` of cumulative use, each tier at its own price."""
    if len(steps) == 1:
        return charge(steps[0][1], block_octets, octets)
    return sum(
        charge(micros, block_octets, part) for part, (_, micros) in zip(tiers(steps, octets), steps, strict=True)
    )


def affordable(steps: Steps, block_octets: int, used: int, micros: int) -> int:
    """How many octets more than `used` cost `micros` at most: whole blocks, and what is left of the one begun.

    A purse of money grants no more than this, so that it never goes below zero.
    """
    budget = tiered_charge(steps, block_octets, used) + micros
    low, high = used, used + block_octets
    while tiered_charge(steps, block_octets, high) <= budget:
        low, high = high, used + 2 * (high - used)
        if high > _BEYOND:  # a price of zero never ends
            return _BEYOND - used
    while high - low > 1:
        middle = (low + high) // 2
        if tiered_charge(steps, block_octets, middle) <= budget:
            low = middle
        else:
            high = middle
    return low - used
