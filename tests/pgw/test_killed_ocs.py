"""`splitsim serve` killed under a load and started again: the load's log of answers and the store agree."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from pathlib import Path

from sim.load.run import Load, Target, run
from tests.service.process import Served


async def under_load(served: Served, folder: Path, log: io.StringIO) -> Served:
    """Kill it when some answers are here, and start it again."""
    load = Load(
        address=("127.0.0.1", served.port),
        rate=200,
        seconds=4.0,
        sims=2,
        targets=(Target("b2b", "fleet.acme", 100),),
        updates=100,
        patience_seconds=30.0,
    )
    running = asyncio.create_task(run(load, log=log))
    while log.getvalue().count("\n") < 100:
        await asyncio.sleep(0.01)
    served.kill()
    again = await asyncio.to_thread(Served, folder, "--db", "sqlite:///ocs.db", gy=f"127.0.0.1:{served.port}")
    result = await running
    assert result.whole.unanswered == 0
    assert result.connections_lost == 1
    assert result.whole.result_codes == {2001: result.whole.answered}
    return again


def test_nothing_acknowledged_is_lost_and_nothing_charged_twice(tmp_path: Path) -> None:
    log = io.StringIO()
    with Served(tmp_path, "--db", "sqlite:///ocs.db") as served:
        again = asyncio.run(under_load(served, tmp_path, log))
    with again:
        assert again.stop() == 0
    answered = [json.loads(line) for line in log.getvalue().splitlines()]
    told = sorted((line["session_id"], line["number"], line["octets"]) for line in answered if line["octets"])
    with sqlite3.connect(tmp_path / "ocs.db") as database:
        query = "SELECT session_id, cc_request_number, octets_total FROM edr WHERE octets_total > 0"
        booked = sorted(database.execute(query).fetchall())
    database.close()
    assert told == booked
    assert len(told) > 100
