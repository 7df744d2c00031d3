"""One run of a scenario: the world, its twin without consumer service, the bills, the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ocs.billing.books import Books
from ocs.billing.close import CycleClose, close_cycle
from ocs.billing.reconcile import Reconciliation, Service, reconcile
from ocs.charging.engine import Engine
from ocs.inventory.register import Register
from ocs.rating.cycle import cycles_between
from scenarios.evidence import Evidence, Twin, asks_of
from scenarios.issue import issue, without_consumers
from scenarios.schema import Scenario
from scenarios.verdict import Verdict, judge
from scenarios.world import EngineFactory, Link, live

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
    sold, sims = issue(scenario)
    lived = live(
        scenario, sold, sims, seed, link, engine, lambda share: progress("cars on the road", 0.6 * share), port
    )
    clock.lap("world")
    alone = without_consumers(sold)
    twin = live(
        scenario, alone, sims, seed, Link.MEMORY, engine,
        lambda share: progress("the same without consumer service", 0.6 + 0.2 * share),
    )  # fmt: skip
    clock.lap("twin")
    progress("closing the books", 0.82)
    operator = sold.operator
    books = Books(Register.of([sold]), tuple(lived.changes), tuple(lived.edrs), tuple(lived.transfers))
    closes = [
        close_cycle(cycle, books)
        for cycle in cycles_between(scenario.begins, scenario.ends, operator.time_zone, operator.cycle_day)
    ]
    evidence = Evidence(
        provisioning=sold,
        sims=sims,
        begins=scenario.begins,
        ends=scenario.ends,
        zone=scenario.zone,
        steps=lived.steps,
        exchanges=lived.exchanges,
        pushes=lived.pushes,
        purchases=lived.purchases,
        unreported=lived.unreported,
        repeats=lived.repeats,
        faulty=scenario.faulty,
        edrs=lived.edrs,
        transfers=lived.transfers,
        rated=[record for close in closes for record in close.rated],
        documents=[document for close in closes for document in close.documents],
        differences=[],
        twin=Twin(twin.exchanges, twin.pushes),
    )
    reconciliations = [_reconcile(close, evidence, whole=len(closes) == 1) for close in closes]
    evidence.differences = [difference for item in reconciliations for difference in item.differences]
    clock.lap("bills")
    progress("judging", 0.86)
    verdict = judge(name, scenario.title, seed, scenario.expect, evidence)
    clock.lap("checks")
    return Run(name, scenario, link, evidence, reconciliations, verdict, lived.wire_octets, started, clock.laps)


def _reconcile(close: CycleClose, evidence: Evidence, *, whole: bool) -> Reconciliation:
    """The operator's own reconciliation. Truth and reports are counted per run; `whole`: all of it is in this cycle."""
    if not whole:
        return reconcile(close)
    truth: Counter[Service] = Counter()
    for step in evidence.steps:
        truth[Service(evidence.sims[step.vehicle].imsi, step.apn, step.rating_group)] += step.octets
    usu: Counter[Service] = Counter()
    for exchange in evidence.exchanges:
        for ask in asks_of(exchange):
            usu[Service(evidence.sims[ask.vehicle].imsi, ask.apn, ask.rating_group)] += ask.used
    return reconcile(close, truth=truth, usu=usu)


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, what: str) -> None:
        now = time.perf_counter()
        self.laps[what] = now - self._last
        self._last = now
