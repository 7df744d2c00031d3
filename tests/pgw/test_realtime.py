"""The asyncio skin against a whole OCS over TCP: octets move in real time, the connection breaks and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ocs.charging.commands import SetStatus, TopUp
from ocs.gy.messages import CreditControlFailureHandling
from ocs.units import SECOND
from sim.pgw.bearer import Bearer
from sim.pgw.drive import Device, Traffic
from sim.pgw.gateway import Gateway
from tests.charging.player import world
from tests.gy.serving import wired
from tests.pgw.network import IMSI, gateway, now, ocs, wire

MB = 10**6
FAST = 100 * MB
"""Octets a second: a slice of the test worlds is gone in a twentieth of a second."""


def device(pgw: Gateway, apn: str, *traffic: Traffic, name: str = "car-1") -> Device:
    bearer = Bearer(imsi=IMSI, apn=apn, nsapi=5)
    return Device(pgw, name, bearer, traffic, first_number=1, reattach_seconds=1)


async def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@wired
async def test_wifi_ends_with_its_allowance_and_telematics_goes_on() -> None:
    async with ocs(world("two_apns")) as system, gateway(("127.0.0.1", system.server.port)) as (pgw, teller, lines):
        fleet = device(pgw, "fleet.acme", Traffic(100, FAST, 25 * MB))
        wifi = device(pgw, "wifi", Traffic(200, FAST, 50 * MB))
        await asyncio.gather(fleet.run(now() + 5 * SECOND), wifi.run(now() + SECOND // 2))
        assert fleet.tally.moved == fleet.tally.reported == {100: 25 * MB}
        assert wifi.tally.moved == wifi.tally.reported == {200: 10 * MB}
        assert not fleet.tally.unreported
        assert not wifi.tally.unreported
        assert (system.used(100), system.used(200)) == (25 * MB, 10 * MB)
        assert [edr.octets_overrun for edr in system.edrs] == [0] * len(system.edrs)
        assert teller.codes == {2001: 8, 4012: 1}
        assert teller.requests == {"I": 2, "U": 5, "T": 2}
        assert "pgw.example;car-1;wifi;1 <- 4012 CREDIT_LIMIT_REACHED" in lines


@wired
async def test_a_top_up_brings_a_refused_rating_group_back_by_rar() -> None:
    provisioning = world("shared_apn", {"plans.wifi.free_quota.volume": "2 MB"})
    async with ocs(provisioning) as system, wire(system.server.port) as line, gateway(line.address) as (pgw, _, lines):
        car = device(pgw, "car", Traffic(100, MB), Traffic(200, FAST, 5 * MB))
        running = asyncio.create_task(car.run(now() + 20 * SECOND))
        await until(lambda: any("4012" in line for line in lines))
        await system.do(TopUp(IMSI, "wifi", "1gb", "r1"))
        await until(lambda: car.tally.moved[200] == 5 * MB)
        car.stop()
        await running
        assert "pgw.example;car-1;car;1 <- RAR 200, answered 2002 LIMITED_SUCCESS" in lines
        assert car.tally.reported == car.tally.moved
        assert system.used(200) == 5 * MB
        assert system.used(100) == car.tally.moved[100] > 0
        forced = [seen.ccr for seen in line.requests if seen.ccr.cc_request_number == 2]
        assert [mscc.rating_group for mscc in forced[0].multiple_services_credit_control] == [200]


@wired
async def test_final_units_end_the_session_in_one_request() -> None:
    async with ocs(world("two_apns", {"plans.wifi.end_signal": "final_unit"})) as system:
        async with gateway(("127.0.0.1", system.server.port)) as (pgw, teller, _):
            wifi = device(pgw, "wifi", Traffic(200, FAST))
            await wifi.run(now() + SECOND // 2)
        assert wifi.tally.moved == wifi.tally.reported == {200: 10 * MB}
        assert teller.requests == {"I": 1, "U": 2, "T": 1}
        assert teller.codes == {2001: 4}


@wired
async def test_a_suspended_sim_is_cut_at_once() -> None:
    async with ocs(world("two_apns")) as system:
        async with gateway(("127.0.0.1", system.server.port)) as (pgw, teller, _):
            fleet = device(pgw, "fleet.acme", Traffic(100, MB))
            running = asyncio.create_task(fleet.run(now() + 20 * SECOND))
            await until(lambda: fleet.tally.moved[100])
            await system.do(SetStatus(IMSI, None, "suspended", "stolen", "r1"))
            await until(lambda: fleet.tally.sessions)
            fleet.stop()
            await running
        assert teller.pushes == 1
        assert fleet.tally.reported == fleet.tally.moved == {100: system.used(100)}


@wired
async def test_an_answer_lost_with_its_connection_is_asked_for_again_and_charged_once() -> None:
    async with ocs(world("two_apns")) as system, wire(system.server.port) as line, gateway(line.address) as (pgw, _, _):
        wifi = device(pgw, "wifi", Traffic(200, FAST, 6 * MB))
        running = asyncio.create_task(wifi.run(now() + 20 * SECOND))
        await until(lambda: line.answers)
        line.deaf = True
        await until(lambda: len(system.edrs) == 1)
        line.cut()
        line.deaf = False
        await running
        first, again = [seen for seen in line.requests if seen.ccr.cc_request_number == 1]
        assert first.ccr == again.ccr
        assert (first.header.retransmitted, again.header.retransmitted) == (False, True)
        assert first.header.end_to_end == again.header.end_to_end
        assert not any(seen.header.retransmitted for seen in line.requests if seen is not again)
        assert pgw.uplinks[0].losses == 1
        assert wifi.tally.moved == wifi.tally.reported == {200: 6 * MB}
        assert not wifi.tally.unreported
        assert system.used(200) == 6 * MB


@wired
async def test_terminate_ends_the_service_when_the_connection_is_lost_with_a_request() -> None:
    """The engine wants RETRY_AND_TERMINATE here; before it could say so, the gateway's own TERMINATE stands."""
    async with ocs(world("two_apns")) as system, wire(system.server.port) as line, gateway(line.address) as (pgw, _, _):
        line.deaf = True
        wifi = device(pgw, "wifi", Traffic(200, FAST, MB))
        running = asyncio.create_task(wifi.run(now() + 20 * SECOND))
        await until(lambda: line.requests)
        line.cut()
        line.deaf = False
        await running
        numbers = [(seen.ccr.session_id[-1], seen.ccr.cc_request_number) for seen in line.requests]
        assert numbers == [("1", 0), ("2", 0), ("2", 1)]
        assert wifi.tally.sessions == 2
        assert wifi.tally.moved == wifi.tally.reported == {200: MB}


@wired
async def test_continue_serves_on_without_the_ocs_and_takes_up_again() -> None:
    async with ocs(world("two_apns")) as system, wire(system.server.port) as line:
        async with gateway(line.address, tx_seconds=1) as (pgw, teller, lines):
            fleet = device(pgw, "fleet.acme", Traffic(100, 20 * MB))
            running = asyncio.create_task(fleet.run(now() + 60 * SECOND))
            await until(lambda: fleet.tally.moved[100])
            line.down = True
            line.cut()
            await until(lambda: fleet.tally.moved[100] > 30 * MB)
            line.down = False
            await until(lambda: fleet.tally.sessions == 1 and teller.requests["I"] == 2)
            fleet.stop()
            await running
        causes = {cause for _, cause in fleet.tally.unreported}
        assert "ccfh_continue" in causes
        assert causes <= {"ccfh_continue", "no_answer"}
        assert fleet.tally.moved[100] == fleet.tally.reported[100] + sum(fleet.tally.unreported.values())
        assert fleet.tally.reported[100] == system.used(100)
        assert any("connection lost" in one for one in lines)
        assert any("connected again" in one for one in lines)


@wired
async def test_a_silent_ocs_is_asked_again_after_tx_and_then_given_up() -> None:
    retry = CreditControlFailureHandling.RETRY_AND_TERMINATE
    async with ocs(world("two_apns")) as system, wire(system.server.port) as line:
        async with gateway(line.address, tx_seconds=1, failure_handling=retry) as (pgw, teller, _):
            line.deaf = True
            wifi = device(pgw, "wifi", Traffic(200, FAST, MB))
            begun = now()
            await wifi.run(now() + 2 * SECOND)
            assert 2 * SECOND <= now() - begun < 4 * SECOND
            line.deaf = False
        first, again = line.requests
        assert first.ccr == again.ccr
        assert (first.header.retransmitted, again.header.retransmitted) == (False, True)
        assert first.header.end_to_end == again.header.end_to_end
        assert first.header.hop_by_hop != again.header.hop_by_hop
        assert teller.codes == {}
        assert wifi.tally.moved == {200: 0}


@wired
async def test_a_push_for_a_session_that_is_not_here() -> None:
    async with (
        ocs(world("two_apns")) as system,
        wire(system.server.port) as line,
        gateway(line.address) as (pgw, _, lines),
    ):
        wifi = device(pgw, "wifi", Traffic(200, FAST, MB))
        await wifi.run(now() + 5 * SECOND)
        lost = pgw.session("pgw.example;car-1;wifi;7", Bearer(imsi=IMSI, apn="wifi"))
        lost.session.attach(now(), [200])
        lost.talk()
        await until(lambda: lost.session.is_open)
        pgw.forget(lost)
        await system.do(SetStatus(IMSI, "wifi", "suspended", "asked", "r1"))
        await until(lambda: any("answered 5002" in one for one in lines))
