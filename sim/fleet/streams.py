"""Random streams keyed by seed, vehicle and purpose."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def stream(seed: int, *key: str) -> Random:
    """The stream of one purpose of one vehicle: the same whatever else is simulated, in any process."""
    return Random(int.from_bytes(blake2b("\0".join((str(seed), *key)).encode(), digest_size=16).digest()))
