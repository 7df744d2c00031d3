"""CPU time per credit-control request of a simulated fleet, all in: cars, gateway, engine, ledger, EDRs in Parquet.

One day or a few of the scenario `fleet_month`: a car does on every day what it does in a month. What is measured is the
work of one shard as `splitsim run` does it, without checks; what checks and sums cost on top is told beside it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from ocs.bench.rows import Row
from ocs.charging.commands import Command, Outcome
from ocs.charging.engine import Engine
from ocs.records.edr import Edr, Transfer
from scenarios.bench.baselines import EmptyLoop, any_of, plain_timeouts
from scenarios.loading import library, load
from scenarios.runner import witness
from scenarios.schema import Scenario
from scenarios.sharded.records import FILES, ShardFiles
from scenarios.sharded.work import FleetWork, cars_of_a_world, no_collector
from sim.shards import Processes, Pulse, Shard, ShardedRun, Work, cut

SCENARIO: Final = "fleet_month"
MANY: Final = 100_000
MILLION: Final = 1_000_000
MONTH_DAYS: Final = 30
_WORLDS: Final = 20
"""At least so many, for cars of all kinds."""
_ROWS: Final = 20_000
"""Of a row group."""


class Cost(NamedTuple):
    """What some cars cost, in CPU seconds."""

    requests: int
    worlds: float
    """Cars, gateway, engine and ledger."""
    files: float
    """EDRs and ledger lines to Parquet."""

    @property
    def micros(self) -> float:
        """Microseconds a request, all in."""
        return (self.worlds + self.files) / self.requests * 1e6


def measure(vehicles: int, days: int, many: int) -> Iterator[Row]:
    """The rows of `splitsim bench fleet`.

    Args:
        vehicles: of `fleet_1k`.
        days: that every row simulates.
        many: cars of the fleet of 100,000 that are really run, spread over it.
    """
    whole = load(library()[SCENARIO]).model_copy(update={"duration": days * 86_400, "expect": ()})
    scenario = whole.of_size(vehicles)
    witness(scenario, 1, first=0, last=1)  # everything is imported and warm
    cost = _cost(scenario, vehicles)
    waits = cost.requests * 2
    plain = plain_timeouts(vehicles, waits) / waits * 1e6
    yield Row("simpy_timeouts", plain, "us CPU a timeout", "simpy_timeouts", 1.0, {"timeouts": str(waits)})
    racing = any_of(vehicles, waits) / waits * 1e6
    yield Row("simpy_any_of", racing, "us CPU a wait", "simpy_timeouts", racing / plain)
    engine = _engine(scenario, min(vehicles, cars_of_a_world(scenario)))
    more: dict[str, float | str] = {
        "CCRs": str(cost.requests),
        "engine": engine,
        "cars and gateway": cost.worlds / cost.requests * 1e6 - engine,
        "Parquet": cost.files / cost.requests * 1e6,
    }
    yield Row("fleet_1k", cost.micros, "us CPU a CCR", "simpy_timeouts", cost.micros / plain, more)
    checked = _checked(days, vehicles)
    yield Row("fleet_1k_checked", checked, "us CPU a CCR", "fleet_1k", checked / cost.micros)
    large = whole.of_size(MANY)
    far = _cost(large, many)
    yield Row(
        "fleet_100k", far.micros, "us CPU a CCR", "fleet_1k", far.micros / cost.micros, _projected(far, many, days)
    )
    yield _two_workers(scenario)


def _cost(scenario: Scenario, cars: int) -> Cost:
    """What so many cars cost, world after world; where the fleet has more, the worlds are spread over it evenly.

    Groups come one after the other in a fleet: worlds are many, so that each has its part.
    """
    requests, worlds, files = 0, 0.0, 0.0
    kinds = {name: FILES[name] for name in ("edrs", "ledger")}
    number = max(_WORLDS, -(-cars // cars_of_a_world(scenario)))
    edrs: list[Edr] = []
    transfers: list[Transfer] = []
    with TemporaryDirectory() as folder, ShardFiles(Path(folder), kinds) as written, no_collector():
        for place in range(number):
            first = place * scenario.vehicles // number
            began = time.process_time()
            evidence, _ = witness(scenario, 1, first=first, last=first + cars // number)
            lived = time.process_time()
            edrs, transfers = edrs + evidence.edrs, transfers + evidence.transfers
            if len(edrs) >= _ROWS or place == number - 1:  # worlds of a few cars and days would be small row groups
                written.add("edrs", edrs)
                written.add("ledger", transfers)
                edrs, transfers = [], []
            requests += len(evidence.exchanges)
            worlds, files = worlds + lived - began, files + time.process_time() - lived
            del evidence
            gc.collect()
    return Cost(requests, worlds, files)


class _Recording(Engine):
    """Keeps what it is told."""

    def __init__(self, host: str, realm: str) -> None:
        super().__init__(host, realm)
        self.told: list[tuple[Command, int]] = []

    def apply(self, command: Command, now: int) -> Outcome:
        """See `Engine`."""
        self.told.append((command, now))
        return super().apply(command, now)


def _engine(scenario: Scenario, cars: int) -> float:
    """Microseconds of CPU a request of the engine alone: told again what one world has told it."""
    made: list[_Recording] = []

    def make(host: str, realm: str) -> Engine:
        made.append(_Recording(host, realm))
        return made[-1]

    evidence, _ = witness(scenario, 1, first=0, last=cars, engine=make)
    engine = Engine("ocs.example", "example")
    began = time.process_time()
    for command, now in made[0].told:
        engine.apply(command, now)
    return (time.process_time() - began) / len(evidence.exchanges) * 1e6


def _checked(days: int, vehicles: int) -> float:
    """Microseconds of CPU a request of a whole shard, with its checks, all its files, and sums for the bills."""
    scenario = load(library()[SCENARIO]).model_copy(update={"duration": days * 86_400}).of_size(vehicles)
    last = Pulse()

    def beat(pulse: Pulse) -> None:
        nonlocal last
        last = pulse

    with TemporaryDirectory() as folder:
        began = time.process_time()
        FleetWork(scenario, 1)(Shard(0, 0, vehicles), Path(folder), beat)
        return (time.process_time() - began) / last.requests * 1e6


def _projected(cost: Cost, cars: int, days: int) -> dict[str, float | str]:
    """What was run, and what follows from it for whole fleets."""
    a_car_and_month = cost.requests / cars / days * MONTH_DAYS
    hours = {
        f"{name} x {MONTH_DAYS} days, projected, CPU hours": a_car_and_month * fleet * cost.micros / 1e6 / 3600
        for name, fleet in (("10,000", 10_000), ("100,000", MANY), ("1,000,000", MILLION))
    }
    return {
        "run": f"{cars:,} cars, spread over the fleet, for {days} days",
        "CCRs a car and month": a_car_and_month,
        **hours,
    }


def _two_workers(scenario: Scenario) -> Row:
    """How much faster two workers are than one, and how much faster an empty loop is with two."""
    empty, _ = _speed_up(scenario, EmptyLoop())
    fleet, peak = _speed_up(scenario, FleetWork(scenario, 1))
    more: dict[str, float | str] = {"empty loop": empty, "largest worker MiB": str(peak)}
    return Row("fleet_2_workers", fleet, "times as fast as one", "an empty loop", fleet / empty, more)


def _speed_up(scenario: Scenario, work: Work) -> tuple[float, int | None]:
    """How many times as fast two workers are, and the most memory that one of them had."""
    seconds, peak = [], None
    for workers in (1, 2):
        with TemporaryDirectory() as folder:
            run = ShardedRun(Path(folder), {}, cut(scenario.vehicles, 6))
            began = time.perf_counter()
            run.run(work, Processes(workers), lambda line: None, lambda pulse: None)
            seconds.append(time.perf_counter() - began)
            peak = run.spent()[1]
    return seconds[0] / seconds[1], peak
