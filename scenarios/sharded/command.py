"""What `splitsim run` does for a fleet in shards: checks the options, shows how far it is, says what came out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ocs.units import utc
from scenarios.runner import Link
from scenarios.schema import Scenario
from scenarios.sharded.run import FleetRun, run_fleet, write_fleet
from scenarios.sharded.work import cars_of_a_world
from sim.shards import Crew, Processes, Pulse

CSV_CARS: Final = 1_000
"""Up to so many cars `edrs.csv` is written unasked: it grows by about 0.7 MB for each car and month."""


@dataclass(frozen=True)
class Fleet:
    """How a fleet is to be run; None: not said."""

    workers: int | None = None
    shards: int | None = None
    cluster: str | None = None
    csv: bool | None = None

    def wanted(self, scenario: Scenario) -> bool:
        """Whether to run in shards: because it was asked for, or because the fleet does not fit into one world."""
        asked = any(option is not None for option in (self.workers, self.shards, self.cluster, self.csv))
        return asked or scenario.vehicles > cars_of_a_world(scenario)

    def mistakes(self) -> Iterator[str]:
        """What is wrong with the options."""
        if self.workers is not None and self.cluster is not None:
            yield "--workers and --cluster: expected one of them, a cluster has its own workers"

        if self.cluster is not None and find_spec("distributed") is None:
            yield f"--cluster {self.cluster}: distributed is not installed (pip install 'splitsim[cluster]')"

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """Who works.

        Raises:
            OSError: the cluster cannot be reached.
        """
        if self.cluster is not None:
            from sim.cluster import Cluster

            with Cluster(self.cluster) as crew:
                yield crew
        else:
            yield Processes(self.workers or 1)


def run_in_shards(
    scenario: Scenario, name: str, seed: int, link: Link, folder: Path, fleet: Fleet, console: Console, *, pdf: bool
) -> FleetRun:
    """Run, write, and show how far it is.

    Raises:
        OSError: the folder cannot be written, or the cluster not be reached.
        sim.shards.ShardLostError: workers went away again and again.
    """
    with fleet.crew() as crew, _progress(console, scenario) as (bar, watch):
        result = run_fleet(
            scenario, name, seed, folder, link,
            shards=fleet.shards,
            crew=crew,
            tell=lambda line: bar.console.print(line, markup=False),
            watch=watch,
        )  # fmt: skip
        bar.console.print("writing bills", markup=False)
        csv = fleet.csv if fleet.csv is not None else scenario.vehicles <= CSV_CARS
        write_fleet(result, csv=csv, pdf=pdf)
    return result


class _Watch:
    """Turns pulses into a line: cars, virtual clock, CCRs a second, time left."""

    def __init__(self, bar: Progress, scenario: Scenario) -> None:
        self._bar, self._scenario, self._began = bar, scenario, time.monotonic()
        self._task = bar.add_task("cars on the road", total=scenario.vehicles)
        self._requests_before: int | None = None

    def __call__(self, pulse: Pulse, done_before: int) -> None:
        """How far it is."""
        if self._requests_before is None:
            self._requests_before = pulse.requests if done_before else 0
        elapsed, cars = time.monotonic() - self._began, self._scenario.vehicles
        worked = pulse.cars - done_before
        parts = [f"{pulse.cars:,} of {cars:,} cars"]
        if pulse.at:
            parts.append(f"{utc(pulse.at).astimezone(self._scenario.zone):%d %b %H:%M}")
        if elapsed > 0 and pulse.requests > self._requests_before:
            parts.append(f"{(pulse.requests - self._requests_before) / elapsed:,.0f} CCR/s")
        if worked > 0:
            parts.append(f"{_minutes(elapsed / worked * (cars - pulse.cars))} left")
        self._bar.update(self._task, description=" · ".join(parts), completed=pulse.cars)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@contextmanager
def _progress(console: Console, scenario: Scenario) -> Iterator[tuple[Progress, _Watch]]:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24))
    with Progress(*columns, console=console, disable=console.quiet) as bar:
        yield bar, _Watch(bar, scenario)
