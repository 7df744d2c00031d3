"""Random streams keyed by seed, vehicle and purpose."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from random import Random


def whole(random: Random, least: int, most: int) -> Callable[[], int]:
    """Draws whole numbers between two, both included: the numbers of `Random.randint`, at a third of its cost."""
    width = most - least + 1
    bits, draw_bits = width.bit_length(), random.getrandbits

    def draw() -> int:
        drawn = draw_bits(bits)
        while drawn >= width:
            drawn = draw_bits(bits)
        return least + drawn

    return draw


def stream(seed: int, *key: str) -> Random:
    """The stream of one purpose of one vehicle: the same whatever else is simulated, in any process."""
    return Random(int.from_bytes(blake2b("\0".join((str(seed), *key)).encode(), digest_size=16).digest()))
