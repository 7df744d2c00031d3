"""One shard: its cars in small worlds, one world after the other, each judged, written down and let go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from ocs.rating.cycle import Cycle, cycles_between
from scenarios.checks import Judgement
from scenarios.evidence import Evidence
from scenarios.runner import Link, witness
from scenarios.schema import Scenario
from scenarios.sharded.condense import condense_edrs, condense_transfers
from scenarios.sharded.records import ShardFiles
from scenarios.sharded.rows import hour_rows, no_hours, rows_of, take_hours
from sim.shards import Beat, Pulse, Shard

CAR_DAYS: Final = 1_000
"""How long a world is, in cars times days: its evidence is what a worker holds in memory."""
OCTETS_SHARE: Final = 0.02
"""Of the cars: their messages are written and read again even where everything passes in memory."""
JUDGEMENTS: Final = "judgements.json"


def cars_of_a_world(scenario: Scenario) -> int:
    """How many cars share one world at most."""
    return max(1, min(scenario.vehicles, CAR_DAYS * 86_400 // scenario.duration))


def cycles_of(scenario: Scenario) -> list[Cycle]:
    """The billing cycles that the scenario touches."""
    operator = scenario.provisioning.operator
    return list(cycles_between(scenario.begins, scenario.ends, operator.time_zone, operator.cycle_day))


@dataclass(frozen=True)
class FleetWork:
    """What is done for each shard of a scenario (`sim.shards.Work`)."""

    scenario: Scenario
    seed: int
    link: Link = Link.MEMORY

    def __call__(self, shard: Shard, folder: Path, beat: Beat) -> None:
        """See `sim.shards.Work`."""
        scenario = self.scenario
        judgements = [Judgement(scenario.zone, scenario.ends) for _ in scenario.expect]
        hours = no_hours()
        cycles, requests = cycles_of(scenario), 0
        step = cars_of_a_world(scenario)
        with ShardFiles(folder) as files, no_collector():
            for first in range(shard.first, shard.last, step):
                last = min(shard.last, first + step)
                evidence, _ = witness(
                    scenario, self.seed, self.link, first=first, last=last, octets_share=OCTETS_SHARE,
                    progress=partial(_tell, beat, Pulse(first - shard.first, requests, scenario.begins), scenario.ends),
                )  # fmt: skip
                for judgement, check in zip(judgements, scenario.expect, strict=True):
                    judgement.add(check.look_at_cars(evidence))
                _write(files, evidence, cycles)
                take_hours(evidence, hours)
                requests += len(evidence.exchanges)
                del evidence
                gc.collect()
                beat(Pulse(last - shard.first, requests, scenario.ends))
            files.add("series", hour_rows(hours))
        (folder / JUDGEMENTS).write_bytes(msgspec.json.encode([(item.seen, item.findings) for item in judgements]))


@contextmanager
def no_collector() -> Iterator[None]:
    """A world is full of cycles, and dies as a whole: to look for garbage before that costs an eighth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _tell(beat: Beat, begun: Pulse, ends: int, what: str, share: float) -> None:
    """How far the world that has begun is."""
    beat(Pulse(begun.cars, begun.requests, begun.at + int((ends - begun.at) * share)))


def _write(files: ShardFiles, evidence: Evidence, cycles: list[Cycle]) -> None:
    sums, names = condense_edrs(evidence.edrs, evidence.provisioning)
    cycle_of_edr = {edr.edr_id: edr.cycle_id for edr in evidence.edrs if edr.party == "b2c"}
    for name, rows in rows_of(evidence).items():
        files.add(name, rows)
    files.add("sums_edrs", sums)
    files.add("sums_ledger", condense_transfers(evidence.transfers, names, cycle_of_edr, cycles))
