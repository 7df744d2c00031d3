"""Means and intervals over seeds."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

import splitsim as front_door
from scenarios.loading import library
from scenarios.replications import summarise


def test_interval_is_students() -> None:
    (found,) = summarise([{"octets": 1.0}, {"octets": 2.0}, {"octets": 3.0}])
    assert found.mean == 2.0
    # t(0.975, 2) = 4.303, standard error 1 / sqrt(3)
    assert (found.low, found.high) == pytest.approx((2 - 2.4843, 2 + 2.4843), abs=1e-4)
    assert (found.least, found.most) == (1.0, 3.0)


@pytest.mark.parametrize(("runs", "t"), [(2, 12.706), (31, 2.042), (36, 2.042), (1_000, 1.98)])
def test_interval_follows_the_number_of_runs(runs: int, t: float) -> None:
    values = [{"x": float(number % 2)} for number in range(runs)]
    (found,) = summarise(values)
    mean = sum(value["x"] for value in values) / runs
    deviation = (sum((value["x"] - mean) ** 2 for value in values) / (runs - 1)) ** 0.5
    assert found.high - found.mean == pytest.approx(t * deviation / runs**0.5)


def test_a_run_for_each_seed_and_one_table(tmp_path: Path) -> None:
    text = library()["fleet_month"].read_text(encoding="utf-8").replace("duration: 31 days", "duration: 2 days")
    (tmp_path / "short.yaml").write_text(text, encoding="utf-8")
    words = ["run", str(tmp_path / "short.yaml"), "--vehicles", "5", "--seed", "7", "--replications", "2"]
    done = CliRunner().invoke(front_door.app, [*words, "--out", str(tmp_path / "out")])
    # Two days show no cut: the expectations about cuts fail, and each seed is told with the command that repeats it.
    assert done.exit_code == 1
    assert f"splitsim run {tmp_path / 'short.yaml'} --vehicles 5 --seed 8" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"replications.csv", "seed-7", "seed-8"}
    table = (tmp_path / "out" / "replications.csv").read_text(encoding="utf-8")
    rows = {row["measure"]: row for row in csv.DictReader(table.splitlines())}
    requests = rows["credit-control requests"]
    assert 0 < float(requests["least"]) <= float(requests["mean"]) <= float(requests["most"])
    assert float(rows["invoices, net"]["mean"]) > 0
