"""A fleet in shards gives the bytes that one world gives, whoever works and whatever was lost on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocs.catalogue.plans import PrepaidIndividual
from scenarios.loading import library, load
from scenarios.outputs import read_manifest, write
from scenarios.runner import run
from scenarios.schema import Scenario
from scenarios.sharded.run import run_fleet, write_fleet
from sim.shards import Crew, Here, Processes

CARS, DAYS = 7, 7
MB = 1_000_000


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The flagship with few cars and little time, its allowances cut so that they end all the same."""
    flagship = load(library()["b2c_exhaustion"]).of_size(CARS)
    sold = flagship.provisioning
    plans = [
        plan.model_copy(update={"free_quota": plan.free_quota.model_copy(update={"volume": 60 * MB})})
        if isinstance(plan, PrepaidIndividual) and plan.free_quota is not None
        else plan
        for plan in sold.plans
    ]
    provisioning = sold.model_copy(update={"plans": tuple(plans)})
    # Two billing cycles: what is reserved at the turn of the month counts in both.
    start = flagship.start.replace(month=3, day=29)
    changes = {"provisioning": provisioning, "timeline": (), "duration": DAYS * 86_400, "start": start}
    return flagship.model_copy(update=changes)


@pytest.fixture(scope="module")
def one_world(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("one")
    write(run(scenario, "fleet", 1), folder, report=False, progress=lambda what, share: None)
    return dict(contents(folder))


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What must be equal to the byte."""
    for path in sorted([*folder.glob("edrs.csv"), *folder.glob("verdict.json"), *folder.glob("documents/*.json")]):
        yield str(path.relative_to(folder)), path.read_bytes()


def in_shards(scenario: Scenario, folder: Path, shards: int, crew: Crew) -> dict[str, bytes]:
    write_fleet(run_fleet(scenario, "fleet", 1, folder, shards=shards, crew=crew), csv=True, pdf=False)
    return dict(contents(folder))


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_any_number_of_shards_gives_the_same_bytes(
    scenario: Scenario, one_world: dict[str, bytes], tmp_path: Path, shards: int
) -> None:
    found = in_shards(scenario, tmp_path, shards, Here())
    assert {"edrs.csv", "verdict.json"} <= found.keys()
    assert sum(name.startswith("documents/INV") for name in found) == 2
    assert found == one_world


def test_processes_and_their_hash_seeds_change_nothing(
    scenario: Scenario, one_world: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "4711")
    assert in_shards(scenario, tmp_path, 3, Processes(2)) == one_world


def test_a_run_leaves_bills_a_picture_and_what_it_was(scenario: Scenario, tmp_path: Path) -> None:
    done = run_fleet(scenario, "fleet", 3, tmp_path)
    write_fleet(done, csv=False, pdf=True)
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "documents").glob("INV-*.pdf"))) == 2
    assert not (tmp_path / "edrs.csv").exists()
    assert read_manifest(tmp_path) == (scenario, "fleet", 3)


def test_a_bad_day_is_the_same_in_shards(tmp_path: Path) -> None:
    scenario = load(library()["bad_day"])
    write(run(scenario, "bad", 3), tmp_path / "one", report=False, progress=lambda what, share: None)
    write_fleet(run_fleet(scenario, "bad", 3, tmp_path / "many", shards=4), csv=True, pdf=False)
    assert dict(contents(tmp_path / "one")) == dict(contents(tmp_path / "many"))
