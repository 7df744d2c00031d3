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
async def test_pgw_with_the_habits_of_open5gs_names_no_rating_group_and_is_charged_all_the_same() -> None:
    async with ocs(world("two_apns")) as system:
        status, out, _ = await splitsim(
            "pgw", "--ocs", f"127.0.0.1:{system.server.port}", "--personality", "open5gs", "--apn", "fleet.acme",
            "--rg", "100", "--octets", "2500kB", "--rate", "10MB", "--for", "5s",
        )  # fmt: skip
        assert status == 0
        assert "CCR-U 1  all: used 1,000,000 (quota exhausted) asks" in out
        assert sum(edr.octets_total for edr in system.edrs) == 2_500_000


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
        status, out, error = await splitsim(
            "load", "--ocs", where, "--rate", "50", "--for", "1s",
            "--service", "b2b:fleet.acme/100", "--service", "b2c:wifi/200",
        )  # fmt: skip
        assert (status, error) == (0, "")
        assert f"Gy load on {where}, " in out
        assert ": 50 requests a second asked for, " in out
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line[:1] == "|"]
        assert rows[0][:3] == ["party", "APN / RG", "answered"]
        assert [row[:2] for row in rows[2:]] == [["b2b", "fleet.acme / 100"], ["b2c", "wifi / 200"], ["all", ""]]
        assert sum(int(row[2]) for row in rows[2:4]) == int(rows[4][2])
        assert [row[6] for row in rows[2:]] == ["0", "0", "0"]
        assert "4012" not in rows[2][7]
        assert "4012" in rows[3][7]
        assert "Result-Codes         2001 SUCCESS, 4012 CREDIT_LIMIT_REACHED" in out


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
    (("pgw", "--ocs", "a:1", "--personality", "mine"), ["--personality mine: expected standard, open5gs"]),
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
    (
        ("load", "--ocs", ":1", "--rate", "5", "--imsi", "9"),
        ["--ocs :1: expected HOST:PORT", "--imsi 9: expected an IMSI"],
    ),
    (
        ("load", "--ocs", "a:1", "--rate", "5", "--imsi", "999999", "--sims", "2"),
        ["--sims 2: expected no more than IMSIs of 6 digits from 999999"],
    ),
    (
        ("load", "--rate", "0", "--for", "10x", "--sims", "many", "--service", "wifi", "--tx", "0", "--updates", "-1"),
        [
            "--ocs is missing",
            "--rate 0: expected a whole number from 1 to 1,000,000",
            "--for 10x:",
            "--sims many: expected a whole number",
            "--service wifi: expected PARTY:APN/RG",
            "--updates -1: expected a whole number from 0",
            "--tx 0: expected more than nothing",
        ],
    ),
    (("load", "--ocs", "a:1"), ["--rate is missing"]),
    (
        ("load", "--ocs", "a:1", "--rate", "5", "--service", "a:x/1", "--service", "b:x/1"),
        ["--service a:x/1 b:x/1: expected every APN and rating group once"],
    ),
    (("load", "--ocs", "a:1", "--rate", "5", "--rg", "5"), ["--apn : expected with --rg"]),
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


@pytest.mark.parametrize("words", [("pgw",), ("load", "--rate", "5")], ids=["pgw", "load"])
def test_an_ocs_that_is_not_there_is_told_in_one_line_with_status_3(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, (*words, "--ocs", "127.0.0.1:1"))
    assert (result.exit_code, result.stderr) == (3, "no OCS at 127.0.0.1:1: Connection refused\n")
