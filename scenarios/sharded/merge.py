"""All shards of a run together: its documents, reconciliation and verdict, from the sums that shards leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ocs.billing.reconcile import Reconciliation, Service
from ocs.inventory.history import Change
from ocs.records.edr import Edr, Transfer
from scenarios.checks import Finding, Judgement
from scenarios.evidence import Evidence, Purchase, Twin
from scenarios.issue import issue
from scenarios.runner import Counted, bill
from scenarios.schema import Scenario
from scenarios.sharded.records import TruthRow, UnreportedRow, read_all
from scenarios.sharded.work import JUDGEMENTS
from scenarios.verdict import Judged, Verdict
from sim.truth import Step


def merge(
    scenario: Scenario, name: str, seed: int, folders: Sequence[Path]
) -> tuple[Evidence, list[Reconciliation], Verdict]:
    """Bill and judge a fleet. `folders`: of its shards, in the order of cars.

    The evidence holds sums of EDRs, of ledger lines and of truth, and no exchanges.
    """
    truth = read_all(folders, "truth", TruthRow)
    unreported = read_all(folders, "unreported", UnreportedRow)
    evidence = _evidence(scenario, folders, truth, unreported)
    counted = Counted(Counter(), Counter(), Counter())
    for row in truth:
        service = Service(row.imsi, row.apn, row.rating_group)
        counted.truth[service] += row.octets
        counted.usu[service] += row.octets_reported
    for lost in unreported:
        counted.unreported[Service(lost.imsi, lost.apn, lost.rating_group)] += lost.octets
    reconciliations = bill(scenario, evidence, counted)
    return evidence, reconciliations, _judge(scenario, name, seed, folders, evidence)


def _evidence(
    scenario: Scenario, folders: Sequence[Path], truth: Sequence[TruthRow], unreported: Sequence[UnreportedRow]
) -> Evidence:
    sold, sims = issue(scenario)
    return Evidence(
        provisioning=sold,
        sims=sims,
        begins=scenario.begins,
        ends=scenario.ends,
        zone=scenario.zone,
        steps=[
            Step(row.vehicle, row.apn, row.rating_group, row.begins_at, row.ends_at, row.octets)
            for row in truth
            if row.octets
        ],
        exchanges=[],
        pushes=[],
        purchases=read_all(folders, "purchases", Purchase),
        unreported={(row.vehicle, row.apn, row.rating_group, row.cause): row.octets for row in unreported},
        faulty=scenario.faulty,
        edrs=read_all(folders, "sums_edrs", Edr),
        transfers=read_all(folders, "sums_ledger", Transfer),
        changes=read_all(folders, "changes", Change),
        rated=[],
        documents=[],
        differences=[],
        twin=Twin(),
    )  # fmt: skip


def _judge(scenario: Scenario, name: str, seed: int, folders: Sequence[Path], evidence: Evidence) -> Verdict:
    seen_in = [
        msgspec.json.decode((folder / JUDGEMENTS).read_bytes(), type=list[tuple[dict[str, int], list[Finding]]])
        for folder in folders
    ]
    judged = []
    for place, check in enumerate(scenario.expect):
        judgement = Judgement(scenario.zone, scenario.ends)
        for shard in seen_in:
            judgement.add(Judgement(scenario.zone, scenario.ends, *shard[place]))
        judgement.add(check.look_at_bills(evidence))
        check.conclude(judgement)
        judged.append(Judged(check, judgement))
    return Verdict(name, scenario.title, seed, judged)
