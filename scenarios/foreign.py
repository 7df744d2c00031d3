"""A scenario's fleet against an OCS that is not ours: what is driven, what is judged, and what is told of it.

Only Gy and ground truth are there to look at. An expectation that needs ledger, records or documents, or something that
the operator does in between (a purchase), is not applicable and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ocs.gy.messages import Cca
from ocs.inventory.provisioning import Provisioning
from scenarios.checks.granted import EnterpriseServed, NoOctetWithoutGrant
from scenarios.evidence import Evidence, Twin, asks_of
from scenarios.issue import issue
from scenarios.runner import gather
from scenarios.schema import CampaignEvent, Faults, Scenario
from scenarios.verdict import Verdict, judge
from scenarios.world import live_abroad
from sim.foreign import ForeignLink
from sim.pgw.bearer import Settings
from sim.world import Exchange

ALWAYS = (NoOctetWithoutGrant(check="no_octet_without_grant"), EnterpriseServed(check="enterprise_served"))
"""Judged whatever the scenario names."""


@dataclass
class PartyFigures:
    """What one party's services met. A request that speaks of both parties counts for both."""

    requests: int = 0
    unanswered: int = 0
    latencies_ns: list[int] = field(default_factory=list)
    result_codes: Counter[int] = field(default_factory=Counter)
    """At command level."""
    service_codes: Counter[int] = field(default_factory=Counter)
    """Of the party's rating groups."""

    def percentile_us(self, percent: int) -> int:
        """Microseconds within which so many percent of the answers came."""
        ordered = sorted(self.latencies_ns)
        return ordered[len(ordered) * percent // 100] // 1000 if ordered else 0

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "requests": self.requests,
            "unanswered": self.unanswered,
            "latency_us": {"p50": self.percentile_us(50), "p99": self.percentile_us(99)},
            "result_codes": {str(code): count for code, count in sorted(self.result_codes.items())},
            "service_codes": {str(code): count for code, count in sorted(self.service_codes.items())},
        }


@dataclass(frozen=True)
class ForeignRun:
    """What became of it."""

    verdict: Verdict
    not_applicable: tuple[str, ...]
    """Names of the scenario's expectations that nobody could judge."""
    parties: dict[str, PartyFigures]
    """`b2b`, `b2c`, and `all`."""
    seconds: float
    """Of real time."""
    behind_seconds: float
    """How late the world was at most."""
    unsold: int
    """Purchases and other orders that nobody could give."""
    pushes: int
    """RAR and ASR that came for sessions of the fleet."""

    @property
    def rate(self) -> float:
        """Requests a second of real time."""
        return self.parties["all"].requests / self.seconds if self.seconds else 0.0

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.verdict.as_data(),
            "not_applicable": list(self.not_applicable),
            "seconds": round(self.seconds, 3),
            "behind_seconds": round(self.behind_seconds, 3),
            "rate": round(self.rate, 1),
            "orders_not_given": self.unsold,
            "pushes": self.pushes,
            "parties": {party: figures.as_data() for party, figures in self.parties.items()},
        }


def needed(scenario: Scenario) -> Provisioning:
    """What an OCS has to know before the scenario's cars can drive."""
    return issue(scenario)[0]


def run_abroad(
    scenario: Scenario,
    name: str,
    seed: int,
    address: tuple[str, int],
    gateway: Settings,
    speed: int,
    progress: Callable[[float], None],
) -> ForeignRun:
    """Drive and judge. `speed`: seconds of the scenario in one second of real time.

    Raises:
        OSError: there is no OCS, or it refuses; TimeoutError: it is silent.
    """
    scenario = _without_orders(scenario)
    sold, sims = issue(scenario)
    link = ForeignLink(address, gateway, scenario.begins, speed)
    try:
        lived = live_abroad(scenario, sold, sims, seed, link, gateway, progress)
    finally:
        link.close()
    evidence = gather(scenario, sold, sims, lived, Twin())
    named = [check for check in scenario.expect if check.on_gy]
    always = [check for check in ALWAYS if check.name() not in {other.name() for other in named}]
    verdict = judge(name, scenario.title, seed, (*named, *always), evidence)
    return ForeignRun(
        verdict,
        tuple(check.name() for check in scenario.expect if not check.on_gy),
        _figures(evidence, link),
        link.seconds,
        link.behind / 10**6,
        link.commands,
        len(lived.pushes),
    )


def _without_orders(scenario: Scenario) -> Scenario:
    """What the cars do by themselves: no operator gives orders, and the network is what it is."""
    timeline = tuple([event for event in scenario.timeline if isinstance(event, CampaignEvent)])
    return scenario.model_copy(update={"timeline": timeline, "faults": Faults()})


def _figures(evidence: Evidence, link: ForeignLink) -> dict[str, PartyFigures]:
    figures = {party: PartyFigures() for party in ("b2b", "b2c", "all")}
    for said in link.said:
        vehicle = said.request.session_id.split(";")[1]
        asks = list(asks_of(Exchange(vehicle, 0, said.request, said.answer)))
        owners = [evidence.owner(vehicle, ask.apn, ask.rating_group) for ask in asks]
        concerned = {share.party for share in owners if share is not None}
        for party in (*sorted(concerned), "all"):
            own = figures[party]
            own.requests += 1
            if said.answer is None:
                own.unanswered += 1
                continue
            own.latencies_ns.append(said.latency_ns)
            own.result_codes[int(said.answer.result_code)] += 1
        for ask, share in zip(asks, owners, strict=True):
            if isinstance(said.answer, Cca) and ask.result is not None and not ask.command_level:
                for party in ("all",) if share is None else (share.party, "all"):
                    figures[party].service_codes[int(ask.result)] += 1
    return figures
