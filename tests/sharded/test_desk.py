"""`splitsim query` and `splitsim trace` on a run that is there, in one world or in shards."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import splitsim as front_door
from scenarios.loading import library, load
from scenarios.outputs import write, write_records
from scenarios.runner import run
from scenarios.sharded.run import run_fleet, write_fleet


def splitsim(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(front_door.app, words)


@pytest.fixture(scope="module", params=["one world", "shards"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenario = load(library()["fleet_month"]).of_size(10).model_copy(update={"duration": 3 * 86_400})
    folder = tmp_path_factory.mktemp("run")
    if request.param == "shards":
        write_fleet(run_fleet(scenario, "short", 1, folder, shards=2), csv=False, pdf=False)
    else:
        done = run(scenario, "short", 1)
        write(done, folder, report=False, progress=lambda what, share: None)
        write_records(done, folder / "records")
    return folder


def ask(folder: Path, sql: str) -> list[dict[str, object]]:
    done = splitsim("query", sql, "--run", str(folder), "--json")
    assert done.exit_code == 0, done.stderr
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def test_views_agree_with_each_other(folder: Path) -> None:
    sums = {
        name: ask(folder, f"SELECT sum({what})::BIGINT AS n FROM {view}")[0]["n"]
        for name, what, view in (
            ("edrs", "octets_total", "edrs"),
            ("truth", "octets", "truth"),
            ("sessions", "octets", "sessions"),
            ("hours", "octets_b2b + octets_b2c", "series"),
            ("requests", "requests", "sessions"),
            ("requests by hour", "requests", "series"),
        )
    }
    assert sums["edrs"] == sums["truth"] == sums["sessions"] == sums["hours"] != 0
    assert sums["requests"] == sums["requests by hour"] != 0
    assert ask(folder, "SELECT count(DISTINCT time) = count(*) AS once FROM series") == [{"once": True}]


@pytest.mark.parametrize(
    ("sql", "line"),
    [("SELECT nothing FROM edrs", "nothing"), ("SELEKT 1", "syntax error"), ("SELECT * FROM cars", "cars")],
)
def test_bad_sql_is_one_line(folder: Path, sql: str, line: str) -> None:
    done = splitsim("query", sql, "--run", str(folder))
    assert done.exit_code == 2
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_trace_tells_what_the_run_has_written(folder: Path, tmp_path: Path) -> None:
    done = splitsim("trace", "private-002", "--run", str(folder), "--json")
    lines = json.loads(done.stdout)
    moved = sum(int(line["detail"].split()[0].replace(",", "")) for line in lines if line["what"] == "octets")
    (truth,) = ask(folder, "SELECT sum(octets)::BIGINT AS octets FROM truth WHERE vehicle = 'private-002'")
    (said,) = ask(folder, "SELECT sum(requests)::BIGINT AS requests FROM sessions WHERE vehicle = 'private-002'")
    assert moved == truth["octets"]
    assert sum(line["what"].startswith("CCR-") for line in lines) == said["requests"]
    assert {"trip", "octets", "CCA", "ledger", "given"} <= {line["what"].split()[0] for line in lines}
    picture = tmp_path / "ladder.png"
    done = splitsim("trace", "private-002", "--run", str(folder), "--to", "2026-03-02T12:00", "--picture", str(picture))
    assert "at 2026-03-02 12:00:00 CET:" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_traced_is_told(folder: Path) -> None:
    done = splitsim("trace", "private-099", "--run", str(folder), "--from", "noon")
    assert (done.exit_code, done.stderr) == (2, "--from noon: expected a time such as 2026-03-14T08:00\n")
    done = splitsim("trace", "private-099", "--run", str(folder))
    assert done.exit_code == 2
    assert "unknown vehicle 'private-099'; there are private-001 to private-004" in done.stderr
    assert splitsim("trace", "private-001", "--run", str(folder / "documents")).exit_code == 2


def test_csv_is_csv(folder: Path) -> None:
    done = splitsim("query", "SELECT vehicle, octets FROM truth ORDER BY ALL", "--run", str(folder), "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert rows[0].keys() == {"vehicle", "octets"}
    assert len(rows) > 10
