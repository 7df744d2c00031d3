"""A store that cannot be written, an engine that fails: what the client is told, what is kept, and service again."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ocs import overview
from ocs.charging.commands import Command, Outcome, Provision, TopUp
from ocs.charging.engine import Engine
from ocs.gy.client import GyClient
from ocs.gy.messages import Cca, Ccr, ErrorAnswer
from ocs.gy.node import Identity
from ocs.gy.server import GyServer
from ocs.inventory.provisioning import load_provisioning
from ocs.service import EngineFaultError, Service
from ocs.store.journal import StoreError
from ocs.store.reading import read_edrs
from ocs.store.sqlite import SqliteJournal
from tests.gy.serving import wired
from tests.service.test_serve import DEMO, MB, accept, ccr

IMSI = "001010000000002"


class Ocs:
    """A served OCS in this process, on a store, and a gateway that is connected to it."""

    def __init__(self, path: Path, service: Service, client: GyClient, trouble: list[str]) -> None:
        self.path, self.service, self.client, self.trouble = path, service, client, trouble

    async def ask(self, request: Ccr) -> Cca | ErrorAnswer:
        return await self.client.request(request)

    def left(self) -> int:
        """Octets of the driver's that are neither used nor reserved."""
        rows = {(row.imsi, row.split): row for row in overview.usage(self.service.state)}
        return rows[IMSI, "wifi"].remaining or 0


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Ocs]:
    trouble: list[str] = []
    server = GyServer(Identity(host="ocs.example", realm="example"))
    service = Service(
        Engine("ocs.example", "example"),
        SqliteJournal(path),
        server,
        lambda: time.time_ns() // 1000,
        on_trouble=trouble.append,
    )
    service.recover()
    await service.execute(Provision(load_provisioning(DEMO), "demo"))
    await server.start("127.0.0.1", 0)
    serving = asyncio.create_task(service.run())
    identity = Identity(host="pgw.example", realm="example")
    client = await GyClient.connect("127.0.0.1", server.port, identity, on_push=accept)
    try:
        yield Ocs(path, service, client, trouble)
    finally:
        await client.close()
        await service.stop()
        await serving


@asynccontextmanager
async def held(path: Path) -> AsyncIterator[None]:
    """Another program has begun to write into the store, and takes its time."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@wired
async def test_what_cannot_be_written_is_refused_and_forgotten_and_no_record_is_lost(tmp_path: Path) -> None:
    async with running(tmp_path / "ocs.db") as ocs:
        await ocs.ask(ccr("I", 0, (200, -1, True)))
        update = ccr("U", 1, (200, 4 * MB, True))
        assert (await ocs.ask(update)).result_code == 2001
        before = ocs.left()
        async with held(ocs.path):
            following = ccr("U", 2, (200, 1 * MB, True))
            refused = await ocs.ask(following)
            assert isinstance(refused, ErrorAnswer)
            assert refused.result_code == 3002
            following.destination_host = "ocs.example"
            assert (await ocs.ask(following)).result_code == 3004
            assert ocs.left() == before
            with pytest.raises(StoreError, match="locked"):
                await ocs.service.execute(TopUp(IMSI, "wifi", "1gb", "bought"))
        assert (await ocs.ask(following)).result_code == 2001
        assert (await ocs.ask(ccr("T", 3, (200, 500_000, False)))).result_code == 2001
        assert ocs.left() == 10 * MB - 5_500_000
        assert [line.partition(":")[0] for line in ocs.trouble] in (
            ["requests are refused", "the store can be written again"],
            ["the tables stay behind", "the store can be written again"],  # they were to be filled just then
        )
    # What the tables had not taken in when the store failed is there, and once.
    assert [(edr.cc_request_number, edr.octets_total) for edr in read_edrs(tmp_path / "ocs.db")] == [
        (1, 4 * MB), (2, 1 * MB), (3, 500_000),
    ]  # fmt: skip


@wired
async def test_a_store_that_is_taken_away_is_not_written_in_secret(tmp_path: Path) -> None:
    async with running(tmp_path / "ocs.db") as ocs:
        assert (await ocs.ask(ccr("I", 0, (200, -1, True)))).result_code == 2001
        ocs.path.rename(tmp_path / "away.db")
        assert (await ocs.ask(ccr("U", 1, (200, 1 * MB, True)))).result_code == 3002
        (tmp_path / "away.db").rename(ocs.path)
        assert (await ocs.ask(ccr("U", 1, (200, 1 * MB, True)))).result_code == 2001


@wired
async def test_a_journal_that_cannot_be_read_either_answers_nobody_from_memory(tmp_path: Path) -> None:
    async with running(tmp_path / "ocs.db") as ocs:
        assert (await ocs.ask(ccr("I", 0, (200, -1, True)))).result_code == 2001
        left = ocs.left()
        other = sqlite3.connect(ocs.path)
        other.execute("ALTER TABLE journal RENAME TO hidden")
        assert (await ocs.ask(ccr("U", 1, (200, 1 * MB, True)))).result_code == 3002
        with pytest.raises(StoreError, match="no such table"):
            ocs.left()
        assert (await ocs.ask(ccr("U", 1, (200, 1 * MB, True)))).result_code == 3002
        other.execute("ALTER TABLE hidden RENAME TO journal")
        other.close()
        assert (await ocs.ask(ccr("U", 1, (200, 1 * MB, True)))).result_code == 2001
    assert [edr.octets_total for edr in read_edrs(tmp_path / "ocs.db")] == [1 * MB]
    async with running(tmp_path / "ocs.db") as ocs:
        assert ocs.left() == left - 1 * MB


@wired
async def test_a_request_on_which_the_engine_fails_is_refused_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault put into the engine: half of the work is done when it fails."""
    sound = Engine.apply

    def faulty(self: Engine, command: Command, now: int) -> Outcome:
        outcome = sound(self, command, now)
        if getattr(getattr(command, "ccr", None), "cc_request_number", 0) == 66 or isinstance(command, TopUp):
            raise ZeroDivisionError
        return outcome

    monkeypatch.setattr(Engine, "apply", faulty)
    async with running(tmp_path / "ocs.db") as ocs:
        assert (await ocs.ask(ccr("I", 0, (200, -1, True)))).result_code == 2001
        reserved = ocs.left()
        # All three leave in one write, and so arrive in one batch.
        poison = ccr("U", 66, (200, 3 * MB, True))
        others = [ccr("I", 0, (100, -1, True), imsi="001010000000003", apn="car.acme"), ccr("U", 1, (200, 0, True))]
        answers = await asyncio.gather(*(ocs.ask(request) for request in (others[0], poison, others[1])))
        assert [answer.result_code for answer in answers] == [2001, 5012, 2001]
        failed = answers[1]
        assert isinstance(failed, Cca)
        assert (failed.cc_request_type, failed.cc_request_number) == (2, 66)
        assert ocs.left() == reserved
        with pytest.raises(EngineFaultError, match="TopUp failed: ZeroDivisionError"):
            await ocs.service.execute(TopUp(IMSI, "wifi", "1gb", "bought"))
        assert ocs.left() == reserved
    kinds = [row.kind for _, row in SqliteJournal(tmp_path / "ocs.db").rows()]
    assert kinds == ["Provision", "Charge", "Charge", "Charge"]
