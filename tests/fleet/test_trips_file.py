"""Trips from a CSV file: cars drive just these; every line that is wrong is told at once."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ocs.files import FileError
from ocs.units import HOUR, MINUTE, SECOND, instant
from scenarios.loading import load
from scenarios.runner import run
from scenarios.trips import read_trips
from sim.fleet.applications import Wifi
from sim.fleet.cars import Car, Use, attachments
from sim.fleet.drivers import Habits
from sim.fleet.trips import Trip

BERLIN = ZoneInfo("Europe/Berlin")
BEGINS = instant(datetime(2026, 3, 25, tzinfo=BERLIN))
ENDS = instant(datetime(2026, 3, 30, tzinfo=BERLIN))
CARS = ("own-001", "own-002")


def read(folder: Path, text: str) -> dict[str, tuple[Trip, ...]]:
    path = folder / "trips.csv"
    path.write_text(text, encoding="utf-8")
    return read_trips(path, CARS, BEGINS, ENDS, BERLIN)


def test_trips_in_any_order_of_lines_and_columns(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "end,vehicle,start\n"
        "2026-03-25T09:30,own-001,2026-03-25 08:30:15\n"
        "\n"
        "2026-03-25T06:30:00Z, own-001 ,2026-03-25T06:00:00Z\n",
    )
    eight = BEGINS + 8 * HOUR
    assert found == {
        "own-001": (
            Trip(eight - HOUR, eight - HOUR + 30 * MINUTE),
            Trip(eight + 30 * MINUTE + 15 * SECOND, eight + HOUR + 30 * MINUTE),
        )
    }


def test_every_bad_line_is_told_with_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(FileError) as told:
        read(
            tmp_path,
            "vehicle,start,end\n"
            "own-009,2026-03-25T08:00,2026-03-25T09:00\n"
            "own-001,yesterday,2026-03-25T09:00\n"
            "own-001,2026-03-25T10:00,2026-03-25T09:00\n"
            "own-001,2026-03-25T08:00\n"
            "own-002,2026-03-25T08:00,2026-03-25T09:00\n"
            "own-002,2026-03-25T08:30,2026-03-25T09:30\n"
            "own-002,2026-03-24T08:30,2026-03-24T09:30\n"
            "own-002,2026-03-29T23:00,2026-03-29T23:55\n"
            "own-002,2026-03-29T02:30,2026-03-29T04:00\n",
        )
    assert [(mistake.line, mistake.field) for mistake in told.value.mistakes] == [
        (2, "vehicle"), (3, "start"), (4, "end"), (5, ""), (7, "start"), (8, "start"), (9, "end"), (10, "start"),
    ]  # fmt: skip
    messages = "\n".join(str(mistake) for mistake in told.value.mistakes)
    assert "trips.csv:3: start: expected a time such as '2026-03-01T07:30' (got 'yesterday')" in messages
    assert "own-002 is still on the trip of line 6" in messages
    assert "clocks go forward over it" in messages
    assert "expected 3 values (got 2)" in messages


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "expected the columns vehicle, start, end (got nothing)"),
        ("car,from,to\n", "expected the columns vehicle, start, end (got car, from, to)"),
        ('vehicle,start,end\n"own-001,2026-03-25T08:00,2026\n', "not valid CSV"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(FileError, match=r".") as told:
        read(tmp_path, text)
    assert what in str(told.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        read_trips(tmp_path / "none.csv", CARS, BEGINS, ENDS, BERLIN)
    (tmp_path / "latin.csv").write_bytes(b"vehicle,start,end\nM\xfcller,,\n")
    with pytest.raises(FileError, match="cannot be read: not UTF-8 text"):
        read_trips(tmp_path / "latin.csv", CARS, BEGINS, ENDS, BERLIN)


def _scenario(folder: Path, trips: str) -> Path:
    text = (Path(__file__).parent / "every_application.yaml").read_text(encoding="utf-8")
    text = text.replace("    class: {", "    trips: trips.csv\n    class: {").replace("vehicles: 12", "vehicles: 2")
    path = folder / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    (folder / "trips.csv").write_text(trips, encoding="utf-8")
    return path


TRIPS = "vehicle,start,end\nmixed-001,2026-03-26T08:00,2026-03-26T08:40\nmixed-001,2026-03-26T08:42,2026-03-26T09:00\n"


def test_cars_drive_what_the_file_says_and_nothing_else(tmp_path: Path) -> None:
    scenario = load(_scenario(tmp_path, TRIPS))
    lived = run(scenario, "trips", 1)
    begins = scenario.local(2, "08:00")
    wifi = [step for step in lived.evidence.steps if step.rating_group == 200]
    assert wifi
    assert {step.vehicle for step in wifi} == {"mixed-001"}
    assert all(begins <= step.start and step.end <= scenario.local(2, "09:05") for step in wifi if step.octets)
    sessions = {ask.exchange.request.session_id for ask in lived.evidence.asks}
    assert len([name for name in sessions if "mixed-001" in name]) == 4  # Parked, two trips, parked.
    assert len([name for name in sessions if "mixed-002" in name]) == 1
    octets = next(item for item in lived.verdict.judged if item.check.name() == "octets_add_up")
    assert octets.passed


def test_a_device_that_is_used_until_the_next_trip_attaches_once_for_each() -> None:
    gap = (Trip(BEGINS + HOUR, BEGINS + 2 * HOUR), Trip(BEGINS + 2 * HOUR + MINUTE, BEGINS + 3 * HOUR))
    use = Use("wifi", "w", Wifi(1_000_000), "w", "wifi", 200, Habits())
    (part,) = attachments(Car("own-001", "001010000000001", None, (use,), trips=gap), 1, BEGINS, ENDS, BERLIN)
    assert list(part.windows) == [
        (BEGINS + HOUR, BEGINS + 2 * HOUR + MINUTE),
        (BEGINS + 2 * HOUR + MINUTE, BEGINS + 3 * HOUR + 5 * MINUTE),
    ]


def test_mistakes_of_the_trips_come_with_those_of_the_scenario(tmp_path: Path) -> None:
    path = _scenario(tmp_path, TRIPS.replace("08:40", "07:40"))
    path.write_text(path.read_text(encoding="utf-8").replace("navigation: 101", "navigation: 200"), encoding="utf-8")
    with pytest.raises(FileError) as told:
        load(path)
    files = {Path(mistake.file).name: mistake.field for mistake in told.value.mistakes}
    assert files == {"scenario.yaml": "fleet.0.traffic.rating_groups.navigation", "trips.csv": "end"}


def test_another_content_of_the_file_is_another_scenario(tmp_path: Path) -> None:
    first = load(_scenario(tmp_path, TRIPS))
    second = load(_scenario(tmp_path, TRIPS.replace("08:40", "08:41")))
    assert first.fleet[0].model_dump() != second.fleet[0].model_dump()
    assert first.of_size(1).fleet[0].trips == first.fleet[0].trips
