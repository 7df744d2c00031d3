"""The commands as people run them: a process against an OCS over TCP."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from splitsim import app
from tests.charging.player import world
from tests.gy.serving import wired
from tests.pgw.network import IMSI, ocs


async def splitsim(*words: str, interrupt_at: str | None = None) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `splitsim WORDS`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "splitsim", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines = []
    while line := (await process.stdout.readline()).decode():
        lines.append(line)
        if interrupt_at is not None and interrupt_at in line:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    error = (await process.stderr.read()).decode()
    return await process.wait(), "".join(lines), error


@wired
async def test_pgw_tells_what_happens_and_ends_with_a_table() -> None:
    async with ocs(world("two_apns")) as system:
        port = system.server.port
        status, out, error = await splitsim(
            "pgw", "--ocs", f"127.0.0.1:{port}", "--imsi", IMSI, "--apn", "fleet.acme", "--rg", "100", "--apn", "wifi",
            "--rg", "200", "--rate", "20MB", "--octets", "15MB", "--for", "2s",
        )  # fmt: skip
        assert (status, error) == (0, "")
        assert f"connected to 127.0.0.1:{port}" in out
        assert "car-1 wifi           -> CCR-I 0  200: asks" in out
        assert "<- 2001 SUCCESS  200: 4,000,000 octets, 3,600 s" in out
        assert "<- 4012 CREDIT_LIMIT_REACHED" in out
        assert "(logout)  100: used 5,000,000 (final)" in out
        table = [line.split() for line in out.splitlines() if line.startswith(("100 ", "200 "))]
        assert table[0][:4] == ["100", "15,000,000", "15,000,000", "0"]
        assert table[1][:4] == ["200", "10,000,000", "10,000,000", "0"]
        assert (system.used(100), system.used(200)) == (15_000_000, 10_000_000)


@wired
async def test_pgw_as_json_and_several_rating_groups_and_cars() -> None:
    async with ocs(world("shared_apn")) as system:
        status, out, _ = await splitsim(
            "pgw", "--ocs", f"127.0.0.1:{system.server.port}", "--apn", "car", "--rg", "100", "--rg", "200",
            "--vehicles", "2", "--octets", "1MB", "--rate", "10MB", "--for", "5s", "--json",
        )  # fmt: skip
        found = json.loads(out)
        assert status == 0
        assert set(found["result_codes"]) == {"2001", "5030"}
        assert found["rating_groups"]["100"]["moved_octets"] == 1_000_000
        assert found["rating_groups"]["200"]["reported_octets"] == 1_000_000
        assert found["rating_groups"]["200"]["unreported_octets"] == {}


@wired
async def test_pgw_detaches_when_it_is_interrupted() -> None:
    async with ocs(world("two_apns")) as system:
        status, out, _ = await splitsim(
            "pgw", "--ocs", f"127.0.0.1:{system.server.port}", "--apn", "fleet.acme", "--rg", "100", "--for", "1h",
            interrupt_at="2001",
        )  # fmt: skip
        assert status == 0
        assert "CCR-T 1 (logout)" in out
        assert "1 sessions" in out


@wired
async def test_load_prints_what_a_report_needs() -> None:
    async with ocs(world("two_apns")) as system:
        where = f"127.0.0.1:{system.server.port}"
        status, out, error = await splitsim("load", "--ocs", where, "--apn", "wifi", "--rate", "50", "--for", "1s")
        assert (status, error) == (0, "")
        for words in ("rate  ", "latency", "p99", "Result-Codes", "2001 SUCCESS", "4012 CREDIT_LIMIT_REACHED"):
            assert words in out


def test_the_log_is_one_line_of_json_for_each_answer(tmp_path: Path) -> None:
    log = tmp_path / "answers.jsonl"

    @wired
    async def scene() -> None:
        async with ocs(world("two_apns")) as system:
            status, out, _ = await splitsim(
                "load", "--ocs", f"127.0.0.1:{system.server.port}", "--rate", "50", "--for", "1s",
                "--apn", "fleet.acme", "--rg", "100", "--log", str(log), "--json",
            )  # fmt: skip
            assert status == 0
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            assert len(lines) == json.loads(out)["answered"]
            assert set(lines[0]) == {"session_id", "number", "type", "octets", "result_code"}
            assert sum(line["octets"] for line in lines) == system.used(100)

    scene()


def test_load_that_is_interrupted_ends_its_sessions_and_prints_what_it_has(tmp_path: Path) -> None:
    log = tmp_path / "answers.jsonl"

    @wired
    async def scene() -> None:
        async with ocs(world("two_apns")) as system:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "splitsim", "load", "--ocs", f"127.0.0.1:{system.server.port}", "--rate", "20",
                "--for", "1h", "--apn", "fleet.acme", "--rg", "100", "--updates", "1000", "--log", str(log),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            while not log.exists() or not log.read_text():
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, error = await process.communicate()
            assert (process.returncode, error) == (0, b"")
            assert b"unanswered           0" in out
            assert json.loads(log.read_text().splitlines()[-1])["type"] == "T"

    scene()


BAD = [
    (("pgw", "--ocs", "nonsense"), ["--ocs nonsense: expected HOST:PORT"]),
    (
        ("pgw", "--ocs", "a:1", "--imsi", "12x", "--rate", "0", "--for", "3y", "--ccfh", "maybe", "--octets", "1.5"),
        ["--imsi 12x:", "--rate 0:", "--octets 1.5:", "--for 3y:", "--ccfh maybe:"],
    ),
    (("pgw", "--ocs", "a:1", "--apn", "x"), ["--apn x: expected with --rg"]),
    (
        ("pgw", "--ocs", "a:1", "--apn", "x", "--apn", "y", "--rg", "1"),
        ["--rg [1]: expected one for each of the 2 APNs"],
    ),
    (
        ("pgw", "--ocs", "a:1", "--apn", "x", "--apn", "x", "--rg", "1", "--rg", "2"),
        ["--apn x x: expected every APN once"],
    ),
    (
        ("pgw", "--ocs", "a:1", "--control", "here", "--watchdog", "0"),
        ["--watchdog 0: expected more than nothing", "--control here: expected HOST:PORT"],
    ),
    (("pgw", "--ocs", "127.0.0.1:1"), ["no OCS at 127.0.0.1:1: Connection refused"]),
    (
        ("load", "--ocs", ":1", "--rate", "5", "--imsi", "9"),
        ["--ocs :1: expected HOST:PORT", "--imsi 9: expected an IMSI"],
    ),
    (
        ("load", "--ocs", "a:1", "--rate", "5", "--imsi", "999999", "--sims", "2"),
        ["--sims 2: expected no more than IMSIs of 6 digits from 999999"],
    ),
    (("load", "--ocs", "127.0.0.1:1", "--rate", "5"), ["no OCS at 127.0.0.1:1: Connection refused"]),
    (("load", "--ocs", "a:0", "--rate", "5"), ["--ocs a:0: expected a port"]),
    (("load", "--ocs", "127.0.0.1:1", "--rate", "5", "--log", "/nowhere/x"), ["--log /nowhere/x: cannot be written"]),
]


@pytest.mark.parametrize(("words", "expected"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_mistakes_get_a_line_each_and_status_2(words: tuple[str, ...], expected: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)
