"""A scenario's fleet against an OCS that is reached by its address alone: a served one, right and broken."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocs.charging.commands import Charge, Command, Outcome, Provision, SetStatus
from ocs.charging.engine import Engine
from ocs.gy.messages import Cca, GrantedServiceUnit
from ocs.gy.node import Identity
from ocs.gy.server import GyServer
from ocs.inventory.provisioning import Provisioning, load_provisioning
from ocs.service import Service
from ocs.store.journal import MemoryJournal
from scenarios.foreign import needed
from scenarios.loading import load
from splitsim import app

SPEED = "500000"


@contextlib.contextmanager
def served(provisioning: Provisioning, engine: type[Engine] = Engine, order: Command | None = None) -> Iterator[str]:
    """An OCS in a thread; its address. `order`: what its operator does once it has had some requests."""
    ready, done = threading.Event(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        server = GyServer(Identity(host="ocs.elsewhere", realm="example"))
        service = Service(engine("ocs.elsewhere", "example"), MemoryJournal(), server, lambda: time.time_ns() // 1000)
        await server.start("127.0.0.1", 0)
        serving = asyncio.create_task(service.run())
        await service.execute(Provision(provisioning, "world"))
        ports.append(server.port)
        ready.set()
        ordered = order is None
        while not done.is_set():
            await asyncio.sleep(0.02)
            if not ordered and service.rows > 100:
                ordered = True
                assert order is not None
                await service.execute(order)
        await service.stop()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield f"127.0.0.1:{ports[0]}"
    finally:
        done.set()
        thread.join()


@pytest.fixture
def provisioning(small: Path) -> Provisioning:
    return needed(load(small))


def test_the_file_that_it_writes_is_what_an_ocs_has_to_know(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "needed.yaml"
    result = CliRunner().invoke(app, ["run", str(small), "--provisioning", str(path)])
    assert result.exit_code == 0
    assert load_provisioning(path) == needed(load(small))


def test_what_gy_shows_is_judged_and_the_rest_is_not_applicable(
    small: Path, tmp_path: Path, provisioning: Provisioning
) -> None:
    with served(provisioning) as where:
        words = ["run", str(small), "--ocs", where, "--speed", SPEED, "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "foreign.json").read_text())
    judged = {item["check"]: item for item in found["checks"]}
    assert {item["verdict"] for item in judged.values()} == {"pass"}
    assert set(judged) == {
        "no_octet_after_the_last",
        "cuts_follow_the_plan",
        "next_attempt_is_refused",
        "no_octet_without_grant",
        "enterprise_served",
    }
    assert "octets_add_up" in found["not_applicable"]
    assert "| N-A     | octets_add_up" in result.output
    assert judged["cuts_follow_the_plan"]["seen"]["by final units"] == 1
    assert found["parties"]["b2b"]["result_codes"] == {"2001": found["parties"]["b2b"]["requests"]}
    assert found["parties"]["b2c"]["result_codes"]["4012"] > 0
    assert found["parties"]["all"]["unanswered"] == 0
    assert found["rate"] > 10
    assert 0 < found["parties"]["all"]["latency_us"]["p50"] <= found["parties"]["all"]["latency_us"]["p99"]


class ServesOn(Engine):
    """Grants a slice more to whoever has used up everything."""

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        answer = outcome.answer
        if isinstance(command, Charge) and isinstance(answer, Cca) and answer.multiple_services_credit_control:
            for mscc in answer.multiple_services_credit_control:
                if mscc.result_code == 4012:
                    mscc.result_code, mscc.granted_service_unit = 2001, GrantedServiceUnit(cc_total_octets=10**7)
                    mscc.validity_time = 3600
        return outcome


def test_an_ocs_that_serves_on_is_found_out(small: Path, tmp_path: Path, provisioning: Provisioning) -> None:
    with served(provisioning, ServesOn) as where:
        words = ["run", str(small), "--ocs", where, "--speed", SPEED, "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "FAIL    | no_octet_after_the_last" in result.output
    assert "pass    | enterprise_served" in result.output
    assert "octets of car.acme / RG 200 passed after the allowance was used up" in result.output


def test_what_the_ocs_says_by_itself_is_heard_and_obeyed_while_the_fleet_waits(
    small: Path, tmp_path: Path, provisioning: Provisioning
) -> None:
    """A SIM is suspended: the session that the car keeps is re-authorised, and meets 4010."""
    order = SetStatus(provisioning.sims[0].imsi, None, "suspended", "a test", "order-1")
    with served(provisioning, order=order) as where:
        words = ["run", str(small), "--ocs", where, "--speed", SPEED, "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, words)
    found = json.loads((tmp_path / "out" / "foreign.json").read_text())
    assert found["pushes"] >= 1
    assert found["parties"]["b2b"]["result_codes"]["4010"] >= 1
    assert result.exit_code == 1
    assert "enterprise_served: code-001 at " in result.output
    assert "RAR touched the session pgw.example;code-001;fleet.acme;" in result.output


def test_real_time_passes_at_the_speed_that_is_asked_for(
    small: Path, tmp_path: Path, provisioning: Provisioning
) -> None:
    with served(provisioning) as where:
        words = ["run", str(small), "--ocs", where, "--speed", "432000", "--out", str(tmp_path / "out"), "--json"]
        found = json.loads(CliRunner().invoke(app, words).stdout)
    assert 1.9 < found["seconds"] < 6  # ten days at five days a second


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (("--ocs", "127.0.0.1:1"), 3, "no OCS at 127.0.0.1:1: Connection refused\n"),
        (
            ("--ocs", "127.0.0.1:1", "--link", "wire", "--shards", "2"),
            2,
            "--ocs: drives that OCS alone, without --workers, ",
        ),
        (
            ("--ocs", "nonsense", "--speed", "0"),
            2,
            "--ocs nonsense: expected HOST:PORT such as 127.0.0.1:3868 or [::1]:3868 (got 'nonsense')\n"
            "--speed 0: expected a whole number from 1 to 1,000,000\n",
        ),
    ],
)
def test_what_does_not_work_is_told(
    small: Path, tmp_path: Path, words: tuple[str, ...], status: int, expected: str
) -> None:
    result = CliRunner().invoke(app, ["run", str(small), "--out", str(tmp_path / "out"), *words])
    assert result.exit_code == status
    assert result.stderr.startswith(expected)
