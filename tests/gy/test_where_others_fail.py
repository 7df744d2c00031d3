"""What a well-known Diameter library gets wrong as a server, each case against ours, with the engine behind it.

Behind every case the same peer, or another one where the first had to go, runs a session as if nothing had been.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ocs.gy.messages import Cca, Dwr, ErrorAnswer
from tests.gy import octets
from tests.gy.octets import avp, ccr, cer, charging, mscc, text, u32, used
from tests.gy.serving import Charging, Raw, Served, serving, wired


@asynccontextmanager
async def charged() -> AsyncIterator[tuple[Served, Charging]]:
    charging_ = Charging()
    async with serving(decide=charging_) as served:
        yield served, charging_


async def session(raw: Raw, name: str) -> None:
    """A whole session, granted, reported, ended."""
    granted = (await raw.ask(charging(0, 1, mscc(200), session=name))).message
    assert granted.result_code == granted.multiple_services_credit_control[0].result_code == 2001
    assert granted.multiple_services_credit_control[0].granted_service_unit.cc_total_octets == 4_000_000
    assert (await raw.ask(charging(1, 2, mscc(200, used(1_000)), session=name))).message.result_code == 2001
    assert (await raw.ask(charging(2, 3, session=name))).message.result_code == 2001


@wired
async def test_the_same_hop_by_hop_id_in_flight_from_two_peers() -> None:
    async with (
        charged() as (served, _),
        await Raw.opened(served.server.port, "a.example") as one,
        await Raw.opened(served.server.port, "b.example") as two,
    ):
        await one.send(charging(0, 1, mscc(200), session="one", hop_by_hop=7))
        await two.send(charging(0, 1, mscc(200), session="two", hop_by_hop=7))
        assert (await two.receive()).message.session_id == "two"
        assert (await one.receive()).message.session_id == "one"


@wired
async def test_a_repeat_with_the_t_bit_gets_the_same_answer_and_costs_nothing() -> None:
    async with charged() as (served, ocs), await Raw.opened(served.server.port) as raw:
        await raw.ask(charging(0, 1, mscc(200)))
        await raw.send(charging(1, 2, mscc(200, used(3_000_000)), hop_by_hop=1, end_to_end=1))
        first = await raw.message()
        before = (len(ocs.edrs), len(ocs.transfers))
        assert sum(edr.octets_total for edr in ocs.edrs) == 3_000_000
        proxy = avp(284, text(280, "dra.example") + avp(33, b"s"))
        await raw.send(charging(1, 2, mscc(200, used(3_000_000)), proxy, hop_by_hop=9, end_to_end=1, flags=0xD0))
        again = await raw.message()
        # The ids and Proxy-Info are those of the repeat, all else is the first answer.
        assert again[20:] == first[20:] + proxy
        assert again[12:16] == (9).to_bytes(4)
        assert (len(ocs.edrs), len(ocs.transfers)) == before


@pytest.mark.parametrize("first_lives", [True, False])
@wired
async def test_a_second_connection_with_the_same_name(first_lives: bool) -> None:
    async with (
        charged() as (served, _),
        await Raw.opened(served.server.port) as first,
        await Raw.connect(served.server.port) as second,
    ):
        await second.send(cer())
        probe = await first.receive()
        assert isinstance(probe.message, Dwr)
        if first_lives:
            await first.send(octets.base_answer(280, probe.header.hop_by_hop))
            assert await second.closed(1)
            await session(first, "s")
        else:
            assert (await second.receive()).message.result_code == 2001
            assert await first.closed(1)
            await session(second, "s")


UNKNOWN = avp(9999, b"what?")
BAD_NUMBER, BAD_TYPE = u32(415, 0), u32(416, 99)
REFUSED = {
    "unknown AVP with the M bit": (charging(0, 1, mscc(200), UNKNOWN), 5001, UNKNOWN),
    "AVP length 60000": (charging(0, 1, mscc(200), avp(1, b"user", length=60_000)), 5014, avp(1, b"")),
    "AVP length 3": (charging(0, 1, mscc(200), avp(1, b"user", length=3)), 5014, avp(1, b"")),
    "Unsigned32 of 3 octets": (ccr(mscc(200), _415=avp(415, b"\0\0\0")), 5014, BAD_NUMBER),
    "text that is no UTF-8": (
        ccr(mscc(200), avp(443, u32(450, 1) + avp(444, b"\xff\xfe"))),
        5004,
        avp(443, avp(444, b"\xff\xfe")),
    ),
    "CC-Request-Type 99": (charging(0, 99, mscc(200)), 5004, BAD_TYPE),
    "an AVP twice": (charging(0, 1, mscc(200), u32(415, 7)), 5009, u32(415, 7)),
    "version 2": (charging(0, 1, mscc(200), version=2), 5011, None),
    "E bit in a request": (charging(0, 1, mscc(200), flags=0xE0), 3008, None),
    "another realm": (ccr(mscc(200), _283=text(283, "elsewhere")), 3003, None),
    "another application": (charging(0, 1, mscc(200), application=16777302), 3007, None),
}


@pytest.mark.parametrize(("request_octets", "result_code", "failed_avp"), REFUSED.values(), ids=REFUSED)
@wired
async def test_a_request_that_has_to_be_refused(
    request_octets: bytes, result_code: int, failed_avp: bytes | None
) -> None:
    async with charged() as (served, ocs), await Raw.opened(served.server.port) as raw:
        answer = await raw.ask(request_octets)
        assert answer.message.result_code == result_code
        assert [failed.octets for failed in answer.message.failed_avp] == ([failed_avp] if failed_avp else [])
        # Without a type or number that could be read there is no CCA to fill in.
        assert answer.header.error is (result_code < 4000 or failed_avp in {BAD_NUMBER, BAD_TYPE})
        assert type(answer.message) is (ErrorAnswer if answer.header.error else Cca)
        assert not answer.header.request
        assert served.requests == ocs.edrs == []
        await session(raw, "afterwards")


@pytest.mark.parametrize(
    "octets_sent",
    [octets.message(length=0), octets.message(length=0xFFFFFC) + bytes(100_000)],
    ids=["header length 0", "header length 16 MB"],
)
@wired
async def test_a_length_that_cannot_be_ends_the_connection(octets_sent: bytes) -> None:
    async with charged() as (served, ocs):
        async with await Raw.opened(served.server.port) as raw:
            await raw.send(octets_sent)
            assert await raw.closed(1)
        assert served.requests == ocs.edrs == []
        async with await Raw.opened(served.server.port) as raw:
            await session(raw, "afterwards")


@wired
async def test_a_ccr_before_the_cer_ends_the_connection() -> None:
    async with charged() as (served, ocs):
        async with await Raw.connect(served.server.port) as raw:
            await raw.send(charging(0, 1, mscc(200)), cer())
            assert await raw.closed(1)
            assert raw.received == b""
        assert served.requests == ocs.edrs == []
        async with await Raw.opened(served.server.port) as raw:
            await session(raw, "afterwards")
