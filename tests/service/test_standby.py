"""A standby waits for the store, and takes over what the primary has left: sessions, repeats, credit."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.process import SECONDS, Served, splitsim
from tests.service.test_serve import MB, ccr, exchange, usage


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///ocs.db"
    return str(request.getfixturevalue("postgres").database().url)


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Iterator[tuple[Served, Served]]:
    """A primary, and a standby that has begun to wait."""
    with (
        Served(tmp_path, "--db", url) as primary,
        Served(tmp_path, "--db", url, "--standby", "--log-level", "debug", ready=False, log="standby.log") as standby,
    ):
        until = time.monotonic() + SECONDS
        while "standing by" not in standby.log.read_text():
            assert standby.process.poll() is None, standby.log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield primary, standby


def test_it_takes_over_from_one_that_was_killed(pair: tuple[Served, Served], url: str, tmp_path: Path) -> None:
    primary, standby = pair
    assert f"pid {primary.process.pid}" in standby.log.read_text()
    opened, used = exchange(primary.port, ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 4 * MB, True)))
    before = usage(primary)
    until = time.monotonic() + SECONDS
    while "folded along rows=3" not in standby.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    primary.kill()
    standby.until_ready()
    assert "taking over folded_rows=3 rows=3" in standby.log.read_text()
    assert usage(standby) == before
    again, repeated, following = exchange(
        standby.port,
        ccr("I", 0, (200, -1, True)),
        ccr("U", 1, (200, 4 * MB, True)),
        ccr("U", 2, (200, 1 * MB, True)),
    )
    assert (again, repeated) == (opened, used)
    assert following.result_code == 2001
    row = usage(standby)["001010000000002", "wifi"]
    assert row["reserved"] + row["remaining"] == 5 * MB
    assert standby.stop() == 0
    told = splitsim("explain", "pgw.example;001010000000002;internet", "--db", url, cwd=tmp_path)
    assert (told.returncode, told.stdout.count("wifi-small") > 0) == (0, True)
    seen = splitsim("usage", "--db", url, "--json", cwd=tmp_path)
    assert '"001010000000002"' in seen.stdout


def test_a_standby_can_be_stopped_while_it_waits(pair: tuple[Served, Served]) -> None:
    primary, standby = pair
    standby.process.send_signal(signal.SIGTERM)
    assert standby.process.wait(SECONDS) == 0
    (answer,) = exchange(primary.port, ccr("I", 0, (200, -1, True)))
    assert answer.result_code == 2001


def test_a_standby_in_memory_makes_no_sense(tmp_path: Path) -> None:
    done = splitsim("serve", "--gy", "127.0.0.1:0", "--standby", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "--standby: needs --db: the store to wait for\n")
