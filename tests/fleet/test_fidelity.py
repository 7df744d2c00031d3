"""A generated fleet beside published figures: it comes near them, and would show it if it did not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.fidelity.measure import Measured, Shape, measure
from sim.fidelity.published import HOTSPOT, SHAPES
from splitsim import app


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure(250, 1)


def test_trips_minutes_and_volumes_are_near_what_was_published(measured: Measured) -> None:
    figures = {figure.name: figure for figure in measured.figures}
    for name in ("trips a day", "minutes at the wheel a day", "minutes a trip"):
        off = figures[f"{name}, private cars"].relative_error
        assert off is not None
        assert abs(off) < 0.05, name
    for what in ("hotspot", "telematics"):
        mean = figures[f"{what} octets a vehicle-month, mean"]
        assert mean.chance is not None
        assert abs(mean.value - mean.published) < 3 * mean.chance


def test_hours_are_near_what_was_published(measured: Measured) -> None:
    assert [shape.what.name for shape in measured.shapes] == [shape.name for shape in SHAPES]
    for shape in measured.shapes:
        assert sum(shape.measured) == pytest.approx(100)
        assert shape.misplaced < 0.06, shape.what.name


def test_a_fleet_that_drives_at_other_hours_is_told_from_one_that_does_not(measured: Measured) -> None:
    commuters, leisure = measured.shapes[:2]
    assert Shape(leisure.what, commuters.measured, leisure.published).misplaced > 0.15


def test_quantiles_of_a_lognormal() -> None:
    assert [round(HOTSPOT.quantile(at) / 1e9, 1) for at in (0.0, 1.2816, 2.3263)] == [1.0, 5.2, 20.3]


def test_the_command_prints_json_alone() -> None:
    result = CliRunner().invoke(app, ["fleet", "fidelity", "--vehicles", "10", "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output)
    assert {"name", "value", "unit", "published", "relative_error", "chance", "source"} == set(rows[0])
    assert rows[0]["relative_error"] == pytest.approx(rows[0]["value"] / rows[0]["published"] - 1, abs=1e-5)


def test_the_command_writes_a_table_and_a_picture_each(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = CliRunner().invoke(app, ["fleet", "fidelity", "--vehicles", "10", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    table = (tmp_path / "out" / "fidelity.md").read_text(encoding="utf-8")
    assert "| trips a day, private cars |" in table
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert pictures == ["fleet-days.png", "fleet-hotspot.png", "fleet-hours.png", "fleet-telematics.png"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    result = CliRunner().invoke(app, ["fleet", "fidelity", "--vehicles", "2", "--out", str(tmp_path / "taken")])
    assert result.exit_code == 2
    assert "expected a folder, this is a file" in result.output
