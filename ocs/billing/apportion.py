"""Whole units divided by shares so that the parts add up exactly: largest remainder (Hamilton's method)."""

from __future__ import annotations

from collections.abc import Sequence


def apportion(total: int, shares: Sequence[int]) -> list[int]:
    """`total` (not negative) divided in proportion to `shares`; every part is its exact share, rounded down or up.

    What rounding down leaves goes, one unit each, to the parts that lost most; of equal ones to the first. Where no
    share is above zero every part is zero, and `total` must be.
    """
    whole = sum(shares)
    if not whole:
        if total:
            raise ValueError("nothing to apportion by")
        return [0] * len(shares)
    parts = [total * share // whole for share in shares]
    remainders = [total * share % whole for share in shares]
    for place in sorted(range(len(shares)), key=lambda place: -remainders[place])[: total - sum(parts)]:
        parts[place] += 1
    return parts
