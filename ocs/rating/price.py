"""What usage costs: whole blocks at whole micros (the rating function, TS 32.296).

A charge is a function of cumulative use. What a report costs is the charge after it less the charge before it, so that
slicing never changes the sum.
"""

from __future__ import annotations


def blocks(octets: int, block_octets: int) -> int:
    """How many blocks of `block_octets` (at least 1) hold `octets`, the last one perhaps in part."""
    return -(-octets // block_octets)


def charge(micros_per_block: int, block_octets: int, octets: int) -> int:
    """Micros for `octets` of cumulative use, in whole blocks, rounded up."""
    return blocks(octets, block_octets) * micros_per_block
