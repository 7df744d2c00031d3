"""What a monitoring system sees of a served OCS."""

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.process import Served, splitsim
from tests.service.test_serve import MB, ccr, exchange


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    folder = tmp_path_factory.mktemp("metrics")
    with Served(folder, "--db", "sqlite:///ocs.db", "--http", "127.0.0.1:0") as running:
        found = re.search(r"metrics on (http://127\.0\.0\.1:\d+)/metrics", "".join(running.said))
        assert found is not None
        yield running, found[1]


def page(url: str, method: str = "GET") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
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
    assert seen["splitsim_journal_rows"] == 5
    assert seen["splitsim_peers_opened_total"] == 3
    assert seen["splitsim_ready"] == 1
    # The format: each family is introduced once, before its values.
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    assert all(
        re.fullmatch(r"[a-z_]+(\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\})?", name) or "le=" in name for name in seen
    )


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
