"""One shard: its cars in small worlds, one world after the other, each judged, written down and let go."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from ocs.gy.messages import Cca, CcRequestType
from ocs.rating.cycle import Cycle, cycles_between
from ocs.units import HOUR
from scenarios.checks import Judgement
from scenarios.evidence import Evidence, apn_of, asks_of
from scenarios.runner import Counted, Link, count, witness
from scenarios.schema import Scenario
from scenarios.sharded.condense import condense_edrs, condense_transfers
from scenarios.sharded.records import (
    PurchaseRow,
    SeriesRow,
    SessionRow,
    ShardFiles,
    TruthRow,
    UnreportedRow,
)
from sim.shards import Beat, Pulse, Shard

CAR_DAYS: Final = 1_000
"""How long a world is, in cars times days: its evidence is what a worker holds in memory."""
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
        hours: dict[int, list[int]] = defaultdict(lambda: [0] * 5)
        cycles, requests = cycles_of(scenario), 0
        step = cars_of_a_world(scenario)
        with ShardFiles(folder) as files:
            for first in range(shard.first, shard.last, step):
                last = min(shard.last, first + step)
                evidence, _ = witness(
                    scenario, self.seed, self.link, first=first, last=last,
                    progress=partial(_tell, beat, Pulse(first - shard.first, requests, scenario.begins), scenario.ends),
                )  # fmt: skip
                for judgement, check in zip(judgements, scenario.expect, strict=True):
                    judgement.add(check.look_at_cars(evidence))
                _write(files, evidence, cycles)
                _take_hours(evidence, hours)
                requests += len(evidence.exchanges)
                del evidence
                gc.collect()  # a world is full of cycles
                beat(Pulse(last - shard.first, requests, scenario.ends))
            files.add("series", [SeriesRow(at, *counts) for at, counts in sorted(hours.items())])
        (folder / JUDGEMENTS).write_bytes(msgspec.json.encode([(item.seen, item.findings) for item in judgements]))


def _tell(beat: Beat, begun: Pulse, ends: int, what: str, share: float) -> None:
    """How far the world that has begun is."""
    beat(Pulse(begun.cars, begun.requests, begun.at + int((ends - begun.at) * share)))


def _write(files: ShardFiles, evidence: Evidence, cycles: Sequence[Cycle]) -> None:
    counted = count(evidence)
    sums, names = condense_edrs(evidence.edrs, evidence.provisioning)
    cycle_of_edr = {edr.edr_id: edr.cycle_id for edr in evidence.edrs if edr.party == "b2c"}
    files.add("edrs", evidence.edrs)
    files.add("ledger", evidence.transfers)
    files.add("changes", evidence.changes)
    files.add("sessions", _sessions(evidence))
    files.add("truth", _truth(evidence, counted))
    files.add("purchases", [msgspec.convert(item, PurchaseRow, from_attributes=True) for item in evidence.purchases])
    files.add("unreported", _unreported(evidence))
    files.add("sums_edrs", sums)
    files.add("sums_ledger", condense_transfers(evidence.transfers, names, cycle_of_edr, list(cycles)))


def _truth(evidence: Evidence, counted: Counted) -> Iterator[TruthRow]:
    """One row for each rating group of each car, where anything moved or was reported."""
    times: dict[tuple[str, str, int], tuple[int, int]] = {}
    for step in evidence.steps:
        key = (step.vehicle, step.apn, step.rating_group)
        begins, ends = times.get(key, (step.start, step.end))
        times[key] = min(begins, step.start), max(ends, step.end)
    for service in sorted(
        counted.truth.keys() | counted.usu.keys(), key=lambda service: (service[:2], str(service[2]))
    ):
        vehicle = evidence.vehicle_of[service.imsi]
        rating_group = service.rating_group or 0
        share = evidence.owner(vehicle, service.apn, rating_group)
        yield TruthRow(
            vehicle,
            service.imsi,
            service.apn,
            rating_group,
            share.split_id if share else None,
            share.party if share else None,
            share.payer if share else "",
            *times.get((vehicle, service.apn, rating_group), (evidence.begins, evidence.begins)),
            counted.truth[service],
            counted.usu[service],
        )


def _unreported(evidence: Evidence) -> Iterator[UnreportedRow]:
    for (vehicle, apn, rating_group, cause), octets in sorted(evidence.unreported.items()):
        yield UnreportedRow(vehicle, evidence.sims[vehicle].imsi, apn, rating_group, cause, octets)


def _sessions(evidence: Evidence) -> list[SessionRow]:
    """One row for each Gy session, in the order in which they began."""
    rows: dict[str, list[int | str | None]] = {}
    for exchange in evidence.exchanges:
        request, answer = exchange.request, exchange.answer
        row = rows.get(request.session_id)
        if row is None:
            imsi = evidence.sims[exchange.vehicle].imsi
            row = rows[request.session_id] = [
                request.session_id, exchange.vehicle, imsi, apn_of(request), exchange.at, None, 0, 0, None,
            ]  # fmt: skip
        row[6] += 1  # type: ignore[operator]
        row[7] += sum(ask.used for ask in asks_of(exchange))  # type: ignore[operator]
        row[8] = answer.result_code if answer is not None else None
        over = request.cc_request_type == CcRequestType.TERMINATION or row[8] not in (2001, 2002, None)
        if over and row[5] is None:
            row[5] = exchange.at
    return [SessionRow(*row) for row in rows.values()]  # type: ignore[arg-type]


def _take_hours(evidence: Evidence, hours: dict[int, list[int]]) -> None:
    """Requests, sessions opened, refusals, octets by party: added to the hours in which they fall."""
    for exchange in evidence.exchanges:
        hour, answer = hours[exchange.at // HOUR * HOUR], exchange.answer
        hour[0] += 1
        hour[1] += exchange.request.cc_request_type == CcRequestType.INITIAL
        if answer is not None and answer.result_code >= 4000:
            hour[2] += 1
        elif isinstance(answer, Cca):
            hour[2] += sum((mscc.result_code or 0) >= 4000 for mscc in answer.multiple_services_credit_control)
    for (vehicle, split_id), steps in evidence.steps_by_share.items():
        place = 3 if evidence.shares[vehicle, split_id].party == "b2b" else 4
        for step in steps:
            hours[step.end // HOUR * HOUR][place] += step.octets
