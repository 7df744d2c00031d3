"""A run in shards from beginning to end, and the folder that it leaves.

OUT/manifest.json   scenario and seed, so that any car can be lived through again
OUT/shards/NNNN/    what each shard left (`records`)
OUT/documents/, OUT/verdict.json, OUT/reconciliation/, OUT/run.json, and OUT/edrs.csv where wanted
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

import ocs
import scenarios
import sim
from ocs.billing.printing import write_documents
from ocs.billing.reconcile import Reconciliation
from ocs.billing.reconciled import write_reconciliation
from ocs.records.edr import Edr
from ocs.records.parquet import stream_parquet
from ocs.records.text import write_csv_as_given
from scenarios.evidence import Evidence
from scenarios.outputs import manifest, particulars, write_json
from scenarios.runner import Link
from scenarios.schema import Scenario
from scenarios.sharded.merge import merge
from scenarios.sharded.records import SeriesRow, read_all
from scenarios.sharded.rows import hour_rows, no_hours
from scenarios.sharded.work import FleetWork
from scenarios.verdict import Verdict
from sim.shards import Crew, Here, Pulse, Shard, ShardedRun, cut

CARS_OF_A_SHARD: Final = 250
"""At most: some minutes of work, which is what a worker that goes away costs."""
LEAST_SHARDS: Final = 4
"""Of a small fleet, so that workers share it. Never their number: another one may go on with the run."""


@dataclass(frozen=True)
class FleetRun:
    """A fleet that has been lived through, billed and judged."""

    name: str
    scenario: Scenario
    link: Link
    folder: Path
    evidence: Evidence
    """Sums of records and truth, no exchanges."""
    reconciliations: list[Reconciliation]
    verdict: Verdict
    shards: list[Shard]
    requests: int
    started: datetime
    wall_seconds: dict[str, float]
    cpu_seconds: float
    """Of all shards."""
    peak_mebibytes: int | None
    """The most memory that a worker had."""


def run_fleet(
    scenario: Scenario,
    name: str,
    seed: int,
    folder: Path,
    link: Link = Link.MEMORY,
    *,
    shards: int | None = None,
    crew: Crew | None = None,
    tell: Callable[[str], None] = lambda line: None,
    watch: Callable[[Pulse, int], None] = lambda pulse, done_before: None,
) -> FleetRun:
    """Live through a fleet in shards, or go on with a run that broke off in `folder`.

    Args:
        scenario: with all its cars.
        name: of the scenario.
        seed: of all chance.
        folder: where everything is kept; cluster workers have to see it under the same name.
        link: how the gateway reaches the OCS.
        shards: how many; None: as many as the fleet needs.
        crew: who works; None: this process.
        tell: lines for people. `watch`: how far it is, and how many cars were done before this run began.

    Raises:
        OSError: the folder cannot be written, or holds something else.
        sim.shards.ShardLostError: workers went away again and again.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    run = ShardedRun(
        folder,
        manifest(scenario, name, seed) | {"code": _code()},
        cut(scenario.vehicles, shards or max(LEAST_SHARDS, -(-scenario.vehicles // CARS_OF_A_SHARD))),
    )
    before = run.pulse().cars
    run.run(FleetWork(scenario, seed, link), crew or Here(), tell, lambda pulse: watch(pulse, before))
    requests, lived = run.pulse().requests, time.perf_counter()
    tell("closing the books of the fleet")
    evidence, reconciliations, verdict = merge(scenario, name, seed, [run.folder(shard) for shard in run.shards])
    laps = {"shards": lived - clock, "bills": time.perf_counter() - lived}
    return FleetRun(
        name, scenario, link, folder, evidence, reconciliations, verdict, list(run.shards), requests, started, laps,
        *run.spent(),
    )  # fmt: skip


def _code() -> str:
    """A digest of the program itself: shards that another one has left are not kept."""
    digest = hashlib.blake2b(digest_size=16)
    for package in (ocs, sim, scenarios):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def write_fleet(run: FleetRun, *, csv: bool, pdf: bool) -> None:
    """Write what the run as a whole leaves.

    `csv`: EDRs as one sorted file, too; `pdf`: invoices as PDF and a picture of the load, too.

    Raises:
        OSError: the folder cannot be written.
    """
    documents = run.folder / "documents"
    shutil.rmtree(documents, ignore_errors=True)  # of an earlier run in this folder
    invoices = [item for item in run.evidence.documents if item.type != "ConsumerStatement"]
    statements = [item for item in run.evidence.documents if item.type == "ConsumerStatement"]
    write_documents(documents, invoices + statements[:1], pdf=pdf)
    write_documents(documents, statements[1:], pdf=False)
    for reconciliation in run.reconciliations:
        write_reconciliation(run.folder / "reconciliation" / reconciliation.cycle_id, reconciliation)
    if pdf:
        _draw_load(run)
    if csv:
        paths = [run.folder / "shards" / shard.name / "edrs.parquet" for shard in run.shards]
        write_csv_as_given(run.folder / "edrs.csv", Edr, stream_parquet(paths, Edr, "event_time, edr_id"))
    write_json(run.folder / "verdict.json", run.verdict.as_data())
    write_json(
        run.folder / "run.json",
        particulars(run.name, run.folder, run.link, run.requests, run.started, run.wall_seconds)
        | {
            "vehicles": run.scenario.vehicles,
            "shards": len(run.shards),
            "shards_cpu_seconds": round(run.cpu_seconds, 3),
            "largest_worker_mebibytes": run.peak_mebibytes,
        },
    )


def _draw_load(run: FleetRun) -> None:
    """`load.png`: requests and octets by the hour."""
    from scenarios.report.load import draw_load

    hours = no_hours()
    for row in read_all([run.folder / "shards" / shard.name for shard in run.shards], "series", SeriesRow):
        at, *counts = msgspec.structs.astuple(row)
        hours[at] = [before + more for before, more in zip(hours[at], counts, strict=True)]
    note = f"scenario {run.name} · seed {run.verdict.seed}"
    picture = draw_load(hour_rows(hours), run.scenario.vehicles, run.scenario.zone, note)
    (run.folder / "load.png").write_bytes(picture)
