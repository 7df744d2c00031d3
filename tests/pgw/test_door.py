"""Bearers worked by orders, and the HTTP before them."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest

from sim.pgw.door import Door
from tests.charging.player import world
from tests.gy.serving import wired
from tests.pgw.network import IMSI, gateway, ocs

OK = HTTPStatus.OK


@wired
async def test_octets_pass_as_far_as_quota_goes() -> None:
    async with ocs(world("two_apns")) as system, gateway(("127.0.0.1", system.server.port)) as (pgw, teller, _):
        door = Door(pgw, 1)
        assert await door.order("/attach", {"imsi": IMSI, "apn": "wifi", "rating_groups": "200"}) == (OK, "")
        assert await door.order("/use", {"imsi": IMSI, "rating_group": "200", "down": "9000000"}) == (OK, "9000000\n")
        assert await door.order("/use", {"imsi": IMSI, "rating_group": "200", "up": "5000000"}) == (OK, "1000000\n")
        await door.close()
        assert door.tally.moved == door.tally.reported == {200: 10_000_000}
        assert system.used(200) == 10_000_000
        assert teller.requests["I"] == 1


MISTAKES = [
    ("/attach", {"imsi": "12", "apn": "wifi"}, HTTPStatus.BAD_REQUEST, "imsi: expected an IMSI"),
    ("/attach", {"imsi": IMSI}, HTTPStatus.BAD_REQUEST, "apn: expected one"),
    ("/attach", {"imsi": IMSI, "apn": "wifi", "rating_groups": "1 x"}, HTTPStatus.BAD_REQUEST, "rating_groups: "),
    ("/use", {"imsi": "999", "rating_group": "1"}, HTTPStatus.NOT_FOUND, "imsi: '999' is not attached"),
    ("/nonsense", {}, HTTPStatus.NOT_FOUND, "expected /attach"),
]


@pytest.mark.parametrize(("path", "query", "status", "words"), MISTAKES, ids=[case[3] for case in MISTAKES])
def test_an_order_that_makes_no_sense(path: str, query: dict[str, str], status: HTTPStatus, words: str) -> None:
    @wired
    async def scene() -> None:
        async with ocs(world("two_apns")) as system, gateway(("127.0.0.1", system.server.port)) as (pgw, _, _):
            said = await Door(pgw, 1).order(path, query)
            assert said[0] is status
            assert said[1].startswith(words)
            assert said[1].endswith("\n")

    scene()


@wired
async def test_orders_come_over_http() -> None:
    async with ocs(world("two_apns")) as system, gateway(("127.0.0.1", system.server.port)) as (pgw, _, _):
        door = Door(pgw, 1)
        server = await door.listen("127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def ask(target: str) -> str:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer.decode()

        assert (await ask(f"/attach?imsi={IMSI}&apn=wifi&rating_groups=200+100")).startswith("HTTP/1.1 200 OK")
        assert (await ask(f"/use?imsi={IMSI}&rating_group=200&down=1000")).endswith("\r\n\r\n1000\n")
        assert (await ask(f"/attach?imsi={IMSI}&apn=wifi")).startswith("HTTP/1.1 400 ")
        assert (await ask(f"/detach?imsi={IMSI}")).startswith("HTTP/1.1 200 OK")
        server.close()
        await door.close()
        assert system.used(200) == 1000
