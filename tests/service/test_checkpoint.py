"""Checkpoints of a served OCS: asked for, made at the end, and of no harm when the process is killed beside one."""

import asyncio
import contextlib
import random
from pathlib import Path

from ocs.control import ControlError, ask
from tests.service.process import Served, splitsim
from tests.service.test_kill import PROVISIONING, SIMS, Car, drive, judge
from tests.service.test_serve import MB, ccr, exchange, usage


def test_a_checkpoint_is_made_when_asked_for_and_at_the_end(tmp_path: Path) -> None:
    db = ("--db", "sqlite:///ocs.db")
    with Served(tmp_path, *db) as served:
        (granted,) = exchange(served.port, ccr("I", 0, (200, -1, True)))
        done = splitsim("checkpoint", *db, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "checkpoint at row 2\n")
        written = (tmp_path / "ocs.db.checkpoint").read_bytes()
        assert exchange(served.port, ccr("U", 1, (200, 4 * MB, True)))[0].result_code == 2001
        before = usage(served)
        served.kill()
    with Served(tmp_path, *db) as again:
        assert usage(again) == before
        assert exchange(again.port, ccr("I", 0, (200, -1, True))) == [granted]
        assert (tmp_path / "ocs.db.checkpoint").read_bytes() == written
        assert again.stop() == 0
    assert (tmp_path / "ocs.db.checkpoint").read_bytes() != written
    with Served(tmp_path, *db) as last:
        assert usage(last) == before


def test_memory_has_none(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        done = splitsim("checkpoint", "--control", served.control, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "not done: checkpoints are kept beside a SQLite store, and this OCS has none\n"


def test_kills_while_checkpoints_are_written_lose_nothing_and_charge_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(5)
    (tmp_path / "cars.yaml").write_text(PROVISIONING)
    cars = [Car(number, random.Random(5000 + number)) for number in range(SIMS)]
    words = ("--provision", "cars.yaml", "--db", "sqlite:///ocs.db")

    def checkpoints(path: Path) -> None:
        """One after the other, until there is nobody to make them."""
        with contextlib.suppress(ControlError):
            while True:
                assert not ask(path, "checkpoint")["error"]

    async def under_load(served: Served) -> None:
        driving = asyncio.create_task(drive(served.port, cars, 60))
        asking = asyncio.create_task(asyncio.to_thread(checkpoints, tmp_path / served.control))
        while not (tmp_path / "ocs.db.checkpoint").exists():
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        served.kill()
        await asyncio.gather(driving, asking)

    for _ in range(4):
        with Served(tmp_path, *words) as served:
            asyncio.run(under_load(served))
        assert (tmp_path / "ocs.db.checkpoint").exists()
    with Served(tmp_path, *words) as served:
        asyncio.run(drive(served.port, cars, 0))
        assert served.stop() == 0
    judge(tmp_path, "sqlite:///ocs.db", cars)
