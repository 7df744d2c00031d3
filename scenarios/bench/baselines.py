"""What a fleet's figures are compared with: SimPy doing nothing but wait, and workers that do nothing but count."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from random import Random

from simpy import Environment
from simpy import Event as SimPyEvent

from sim.shards import Beat, Shard

_STEPS = 6_000_000


def plain_timeouts(vehicles: int, events: int) -> float:
    """CPU seconds of processes, one for each vehicle, that wait for so many timeouts in all."""
    environment, random = Environment(), Random(1)

    def vehicle(waits: int) -> Generator[SimPyEvent, object, None]:
        for _ in range(waits):
            yield environment.timeout(random.randrange(1, 100_000))

    for _ in range(vehicles):
        environment.process(vehicle(max(1, events // vehicles)))
    return _run(environment)


def any_of(vehicles: int, events: int) -> float:
    """CPU seconds of the same where each wait is for the first of two timeouts: quota, or the end of a trip."""
    environment, random = Environment(), Random(1)

    def vehicle(waits: int) -> Generator[SimPyEvent, object, None]:
        for _ in range(waits):
            quota, end = environment.timeout(random.randrange(1, 100_000)), environment.timeout(100_000)
            yield environment.any_of((quota, end))

    for _ in range(vehicles):
        environment.process(vehicle(max(1, events // vehicles)))
    return _run(environment)


def _run(environment: Environment) -> float:
    began = time.process_time()
    environment.run()
    return time.process_time() - began


class EmptyLoop:
    """A shard's work that touches nothing but its own processor (`sim.shards.Work`)."""

    def __call__(self, shard: Shard, folder: Path, beat: Beat) -> None:
        """See `sim.shards.Work`."""
        total = 0
        for step in range(_STEPS):
            total += step
        (folder / "total").write_text(str(total), encoding="utf-8")
