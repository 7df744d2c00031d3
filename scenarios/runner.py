"""One run of a scenario: the world, its twin without consumer service, the bills, the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ocs.billing.books import Books
from ocs.billing.close import close_cycle
from ocs.billing.reconcile import Reconciliation, Service, reconcile
from ocs.charging.engine import Engine
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.inventory.register import Register
from ocs.rating.cycle import cycles_between
from scenarios.evidence import Evidence, Twin
from scenarios.issue import issue, virtual_sims_before, without_consumers
from scenarios.schema import Scenario
from scenarios.verdict import Verdict, judge
from scenarios.world import EngineFactory, Link, Lived, live

Progress = Callable[[str, float], None]
"""Told what is being done, and which share of the run is behind it (0 to 1)."""

__all__ = ["Link", "Progress", "Run", "run"]


@dataclass(frozen=True)
class Run:
    """A scenario that has been lived through and judged."""

    name: str
    scenario: Scenario
    link: Link
    evidence: Evidence
    reconciliations: list[Reconciliation]
    verdict: Verdict
    wire_octets: int
    """Octets that crossed the wire, both ways; 0 in memory."""
    started: datetime
    wall_seconds: dict[str, float]
    """How long each stage took."""


def run(
    scenario: Scenario,
    name: str,
    seed: int,
    link: Link = Link.MEMORY,
    *,
    engine: EngineFactory = Engine,
    port: int = 0,
    progress: Progress = lambda what, share: None,
) -> Run:
    """Live through the scenario, bill it, and judge it.

    `engine` makes the OCS's charging; tests put broken ones in. `port`: of the OCS on the wire; 0: the system chooses.

    Raises:
        OSError: the port is taken.
    """
    started, clock = datetime.now(UTC), _Stopwatch()
    evidence, wire_octets = witness(scenario, seed, link, engine=engine, port=port, progress=progress, lap=clock.lap)
    progress("closing the books", 0.82)
    reconciliations = bill(scenario, evidence, count(evidence))
    clock.lap("bills")
    progress("judging", 0.86)
    verdict = judge(name, scenario.title, seed, scenario.expect, evidence)
    clock.lap("checks")
    return Run(name, scenario, link, evidence, reconciliations, verdict, wire_octets, started, clock.laps)


def witness(
    scenario: Scenario,
    seed: int,
    link: Link = Link.MEMORY,
    *,
    first: int = 0,
    last: int | None = None,
    engine: EngineFactory = Engine,
    port: int = 0,
    progress: Progress = lambda what, share: None,
    lap: Callable[[str], None] = lambda what: None,
    twin: bool = True,
    octets_share: float = 0.0,
) -> tuple[Evidence, int]:
    """What cars `first` to before `last` (None: all) leave behind, without bills; and the octets on the wire.

    In memory these are the octets of the share of the cars whose messages are written and read again on their way.

    The same cars are without consumer service a second time, where an expectation compares with that and `twin` is not
    refused.
    """
    sold, sims = issue(scenario, first, last)
    before = virtual_sims_before(scenario, first)
    twin_wanted = twin and any(check.needs_twin for check in scenario.expect)
    most = 0.6 if twin_wanted else 0.8
    lived = live(
        scenario, sold, sims, seed, link, engine, lambda share: progress("cars on the road", most * share), port,
        before, octets_share,
    )  # fmt: skip
    lap("world")
    without = Twin()
    if twin_wanted:
        alone = live(
            scenario, without_consumers(sold), sims, seed, Link.MEMORY, engine,
            lambda share: progress("the same without consumer service", 0.6 + 0.2 * share),
        )  # fmt: skip
        without = Twin(alone.exchanges, alone.pushes)
        lap("twin")
    return gather(scenario, sold, sims, lived, without), lived.wire_octets


def gather(scenario: Scenario, sold: Provisioning, sims: dict[str, Sim], lived: Lived, twin: Twin) -> Evidence:
    """What a world has left behind, before any bill is written."""
    return Evidence(
        provisioning=sold,
        sims=sims,
        begins=scenario.begins,
        ends=lived.ended,
        zone=scenario.zone,
        steps=lived.steps,
        exchanges=lived.exchanges,
        pushes=lived.pushes,
        purchases=lived.purchases,
        unreported=lived.unreported,
        repeats=lived.repeats,
        faulty=scenario.faulty,
        faults=lived.faults,
        edrs=lived.edrs,
        transfers=lived.transfers,
        changes=lived.changes,
        served=lived.served,
        sales={vehicle: sales for vehicle in sims if (sales := scenario.sales(vehicle))},
        suspensions={vehicle: spans for vehicle in sims if (spans := scenario.suspensions(vehicle))},
        plan_changes={vehicle: changes for vehicle in sims if (changes := scenario.plan_changes(vehicle))},
        rated=[],
        documents=[],
        differences=[],
        twin=twin,
    )


class Counted(NamedTuple):
    """Octets by service, from before the OCS: of the whole run."""

    truth: Counter[Service]
    usu: Counter[Service]
    unreported: Counter[Service]
    """Of the truth."""


def count(evidence: Evidence) -> Counted:
    """Add up what moved and what was reported."""
    truth: Counter[Service] = Counter()
    for step in evidence.steps:
        truth[Service(evidence.sims[step.vehicle].imsi, step.apn, step.rating_group)] += step.octets
    usu: Counter[Service] = Counter()
    for ask in evidence.asks:
        if ask.taken:
            usu[Service(evidence.sims[ask.vehicle].imsi, ask.apn, ask.rating_group)] += ask.used
    unreported: Counter[Service] = Counter()
    for (vehicle, apn, rating_group, _), octets in evidence.unreported.items():
        unreported[Service(evidence.sims[vehicle].imsi, apn, rating_group)] += octets
    return Counted(truth, usu, unreported)


def bill(scenario: Scenario, evidence: Evidence, counted: Counted) -> list[Reconciliation]:
    """Close the cycles of a run: documents, rated records and differences go into `evidence`."""
    operator = evidence.provisioning.operator
    register = Register.of([evidence.provisioning])
    books = Books(register, tuple(evidence.changes), tuple(evidence.edrs), tuple(evidence.transfers))
    closes = [
        close_cycle(cycle, books)
        for cycle in cycles_between(scenario.begins, scenario.ends, operator.time_zone, operator.cycle_day)
    ]
    evidence.rated = [record for close in closes for record in close.rated]
    evidence.documents = [document for close in closes for document in close.documents]
    # Truth and reports are counted per run: they are those of a cycle where there is but one.
    whole = counted if len(closes) == 1 else None
    reconciliations = [reconcile(close) if whole is None else reconcile(close, **whole._asdict()) for close in closes]
    evidence.differences = [difference for item in reconciliations for difference in item.differences]
    return reconciliations


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, what: str) -> None:
        now = time.perf_counter()
        self.laps[what] = now - self._last
        self._last = now
