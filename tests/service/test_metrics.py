"""What a monitoring system sees of a served OCS, what its log tells, and the web process beside it."""

import asyncio
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocs.gy.client import GyClient
from ocs.gy.node import Identity
from tests.gy.captures import ALL
from tests.service.process import SECONDS, Served, splitsim
from tests.service.test_serve import MB, accept, ccr, exchange, received


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    folder = tmp_path_factory.mktemp("metrics")
    with Served(folder, "--db", "sqlite:///ocs.db", "--http", "127.0.0.1:0", "--log", "json") as running:
        found = re.search(r"metrics on (http://127\.0\.0\.1:\d+)/metrics", "".join(running.said))
        assert found is not None
        yield running, found[1]


def page(url: str, method: str = "GET") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def values(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_what_is_served_is_counted(served: tuple[Served, str]) -> None:
    running, at = served
    exchange(running.port, ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 4 * MB, True)))
    exchange(running.port, ccr("I", 0, (200, -1, True)))  # a repeat
    exchange(running.port, ccr("U", 9, (200, 1, True), imsi="001010000000099"))
    status, text = page(f"{at}/metrics")
    assert status == 200
    seen = values(text)
    assert seen['splitsim_requests_total{type="initial",result="2001"}'] == 2
    assert seen['splitsim_requests_total{type="update",result="2001"}'] == 1
    assert seen['splitsim_requests_total{type="update",result="5002"}'] == 1
    assert seen["splitsim_request_seconds_count"] == 4
    assert seen['splitsim_request_seconds_bucket{le="+Inf"}'] == 4
    assert 0 < seen["splitsim_request_seconds_sum"] < 10
    assert seen['splitsim_commands_total{kind="Provision"}'] == 1
    assert seen["splitsim_sessions_open"] == 1
    assert seen["splitsim_reserved_octets"] == 4 * MB
    assert seen["splitsim_journal_rows"] == seen["splitsim_journal_unfolded_rows"] == 5
    assert seen["splitsim_peers_opened_total"] == 3
    assert seen["splitsim_ready"] == 1
    assert seen["splitsim_requests_waiting"] == seen["splitsim_connections_half_open"] == 0
    # The format: each family is introduced once, before its values.
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    assert all(
        re.fullmatch(r"[a-z_]+(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})?", name) or "le=" in name for name in seen
    )


def test_the_log_tells_what_went_wrong_and_for_whom_and_of_no_grant(served: tuple[Served, str]) -> None:
    running, at = served
    imsi, apn = "001010000000003", "car.acme"
    session = f"pgw.example;{imsi};{apn}"
    cwd = running.log.parent
    before = len(running.log.read_text().splitlines())

    connected_and_cut = {
        ('splitsim_peer_connected{peer="pgw.example"}', 1),
        ('splitsim_services_refused_total{result="4012"}', 1),
    }

    async def cut_and_back() -> None:
        identity = Identity(host="pgw.example", realm="example")
        client = await GyClient.connect("127.0.0.1", running.port, identity, on_push=accept)
        await client.request(ccr("I", 0, (200, -1, True), imsi=imsi, apn=apn))
        await client.request(ccr("U", 1, (200, 10 * MB, True), imsi=imsi, apn=apn))
        await asyncio.to_thread(until, lambda: connected_and_cut <= values(page(f"{at}/metrics")[1]).items())
        bought = await asyncio.to_thread(
            splitsim, "topup", imsi, "1gb", "--request-id", "r1", "--control", running.control, cwd=cwd
        )
        assert bought.returncode == 0, bought.stderr
        await client.request(ccr("T", 2, (200, 0, False), imsi=imsi, apn=apn))
        await client.close()

    def told_so_far() -> list[dict[str, object]]:
        return [json.loads(line) for line in running.log.read_text().splitlines()[before:]]

    asyncio.run(cut_and_back())
    until(lambda: any(line["event"] == "peer closed" for line in told_so_far()))
    told = told_so_far()
    whose = {"session": session, "imsi": imsi}
    expected = [
        ("peer opened", {"peer": "pgw.example"}),
        ("services refused", {**whose, "type": "update", "number": 1, "rating_groups": ["200:4012"]}),
        ("command done", {"kind": "TopUp", "imsi": imsi, "split": "wifi", "request_id": "r1"}),
        ("push", {**whose, "message": "RAR", "rating_group": 200}),
        ("push answered", {**whose, "rating_group": 200, "result": 2001}),
        ("peer closed", {"peer": "pgw.example"}),
    ]
    assert [line["event"] for line in told] == [event for event, _ in expected]
    for line, (_, what) in zip(told, expected, strict=True):
        assert what.items() <= line.items()
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ", str(line["at"]))
        assert line["level"] == "info"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(holds: Callable[[], object]) -> None:
    over = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < over
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_web_process_that_dies_is_started_again_and_gy_does_not_notice(served: tuple[Served, str]) -> None:
    running, at = served
    assert running.process.poll() is None
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        connection.sendall(next(capture for capture in ALL if capture.command == "CER").octets)
        received(connection)
        assert page(f"{at}/health")[0] == 200
        (web,) = children(running.process.pid)
        os.kill(web, signal.SIGKILL)
        until(lambda: web not in children(running.process.pid) and children(running.process.pid))
        assert page(f"{at}/ready") == (200, "ready\n")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_both_processes_end_together(tmp_path: Path, number: signal.Signals) -> None:
    with Served(tmp_path, "--http", "127.0.0.1:0") as running:
        until(lambda: children(running.process.pid))
        (web,) = children(running.process.pid)
        running.process.send_signal(number)
        assert running.process.wait(SECONDS) == (0 if number == signal.SIGTERM else -number)
        until(lambda: not lives(web))


def test_other_pages(served: tuple[Served, str]) -> None:
    _, at = served
    assert page(f"{at}/health") == (200, "alive\n")
    assert page(f"{at}/ready") == (200, "ready\n")
    assert page(f"{at}/health", "HEAD") == (200, "")
    assert page(f"{at}/health", "POST")[0] == 405
    assert page(f"{at}/")[0] == 404


def test_what_is_not_http_is_closed_and_harms_nothing(served: tuple[Served, str]) -> None:
    _, at = served
    host, port = at.removeprefix("http://").split(":")
    for octets in (b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"x" * 100_000):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            try:
                connection.sendall(octets)
                assert connection.recv(100) == b""
            except ConnectionError:
                pass
    assert page(f"{at}/health")[0] == 200


def test_a_wrong_or_busy_address_is_told(served: tuple[Served, str], tmp_path: Path) -> None:
    running, at = served
    wrong = splitsim("serve", "--http", "9090", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr.split(": ")[0]) == (2, "--http")
    busy = splitsim("serve", "--gy", f"127.0.0.1:{running.port}", "--http", at.removeprefix("http://"), cwd=tmp_path)
    assert busy.returncode == 2
    assert [line.split(" ")[0] for line in busy.stderr.splitlines()] == ["--gy", "--http"]
