"""A load over TCP: its rate, its counts, and its log against what the OCS has written down."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter

import pytest

from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.provisioning import Provisioning
from sim.load.run import Load, Target, run
from sim.options import numbered_imsi
from tests.charging.player import world
from tests.gy.serving import wired
from tests.pgw.network import IMSI, Ocs, ocs, wire

SLICE = 4_000_000
FLEET, WIFI = Target("b2b", "fleet.acme", 100), Target("b2c", "wifi", 200)


def many(sims: int) -> Provisioning:
    """The world of two APNs with more than one SIM."""
    one = world("two_apns")
    sim = one.sims[0]
    more = [
        sim.model_copy(update={"imsi": numbered_imsi(IMSI, n), "iccid": iccid(n), "msisdn": None}) for n in range(sims)
    ]
    return one.model_copy(update={"sims": tuple(more)})


def iccid(number: int) -> str:
    return complete_iccid(f"8999990100000{number:05d}")


def logged(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def compare(log: io.StringIO, system: Ocs) -> None:
    """Every answered report stands in the records, once."""
    told = {(line["session_id"], line["number"]): line["octets"] for line in logged(log) if line["octets"]}
    booked = Counter((edr.session_id, edr.cc_request_number) for edr in system.edrs if edr.octets_total)
    assert set(booked.values()) <= {1}
    assert told == {
        (edr.session_id, edr.cc_request_number): edr.octets_total for edr in system.edrs if edr.octets_total
    }


@wired
async def test_sessions_of_many_sims_at_a_rate() -> None:
    log = io.StringIO()
    async with ocs(many(50)) as system:
        load = Load(
            address=("127.0.0.1", system.server.port),
            rate=200,
            seconds=1.0,
            sims=50,
            targets=(FLEET,),
            connections=2,
            updates=2,
        )
        result = await run(load, log=log)
        assert 190 <= result.whole.answered <= 200 + 3 * result.whole.sessions
        assert result.whole.unanswered == result.whole.repeated == result.connections_lost == 0
        assert (
            result.whole.answered
            == sum(result.whole.requests.values())
            == sum(result.whole.result_codes.values())
            == len(logged(log))
        )
        assert result.whole.result_codes == {2001: result.whole.answered}
        assert result.whole.requests["I"] == result.whole.requests["T"] == result.whole.sessions
        assert 0 < result.whole.p50_us <= result.whole.p99_us <= result.whole.most_us
        assert (
            result.whole.octets
            == sum(edr.octets_total for edr in system.edrs)
            == result.whole.requests["U"] * 10_000_000
        )
        hosts = {str(line["session_id"]).partition(";")[0] for line in logged(log)}
        assert hosts == {"1.load.example", "2.load.example"}
        numbers: dict[object, list[object]] = {}
        for line in logged(log):
            numbers.setdefault(line["session_id"], []).append(line["number"])
        assert all(found == list(range(len(found))) for found in numbers.values())
        compare(log, system)


@wired
async def test_allowances_end_and_the_load_says_so() -> None:
    async with ocs(many(5)) as system:
        load = Load(
            address=("127.0.0.1", system.server.port), rate=300, seconds=0.5, sims=5, targets=(WIFI,), updates=10
        )
        result = await run(load)
        assert result.whole.result_codes[4012] > 5
        assert result.whole.octets == 5 * 10_000_000
        assert result.whole.unanswered == 0


@wired
async def test_what_a_lost_connection_leaves_unanswered_is_repeated_and_charged_once() -> None:
    log = io.StringIO()
    async with ocs(many(50)) as system, wire(system.server.port) as line:
        load = Load(
            address=line.address,
            rate=200,
            seconds=2.0,
            sims=10,
            targets=(FLEET,),
            updates=50,
        )
        running = asyncio.create_task(run(load, log=log))
        while len(line.answers) < 60:
            await asyncio.sleep(0.01)
        line.deaf = True
        booked = len(system.edrs)
        while len(system.edrs) == booked:
            await asyncio.sleep(0.01)
        line.cut()
        line.deaf = False
        result = await running
        assert result.connections_lost == 1
        assert result.whole.repeated >= 1
        assert result.whole.unanswered == 0
        assert result.whole.result_codes == {2001: result.whole.answered}
        again = [seen for seen in line.requests if seen.header.retransmitted]
        assert len(again) == result.whole.repeated
        for seen in again:
            first = next(one for one in line.requests if one.ccr == seen.ccr)
            assert first.header.end_to_end == seen.header.end_to_end
        compare(log, system)


@wired
async def test_an_ocs_that_stays_away_leaves_requests_unanswered() -> None:
    async with ocs(many(5)) as system, wire(system.server.port) as line:
        load = Load(address=line.address, rate=100, seconds=0.3, sims=5, targets=(WIFI,), patience_seconds=0.5)
        running = asyncio.create_task(run(load))
        while not line.answers:
            await asyncio.sleep(0.01)
        line.down = True
        line.cut()
        result = await running
        assert 0 < result.whole.unanswered <= 5
        assert result.whole.answered >= 1


@wired
async def test_nobody_there() -> None:
    async with wire(1) as line:
        address = line.address
    with pytest.raises(OSError, match="Connect call failed"):
        await run(Load(address=address, rate=1, seconds=1))
