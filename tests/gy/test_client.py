"""GyClient over TCP, against a server of octets that the test writes itself, and against GyServer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ocs.gy.client import GyClient, UnreadableAnswerError
from ocs.gy.codec import encode
from ocs.gy.messages import Asr, Cca, Cer, Dpr, ErrorAnswer, Raa, Rar
from ocs.gy.node import EndToEndIds, Identity, Timers
from ocs.units import SECOND
from tests.gy import octets
from tests.gy.octets import base_answer
from tests.gy.serving import SWIFT, Raw, decoded_ccr, obliging, serving, until, wired
from tests.gy.test_peers import Listener, cea_to
from tests.gy.test_server import rar

PGW = Identity(host="pgw.example", realm="example")


def cca(request: Any, *more: bytes, result_code: int = 2001, flags: int = 0x40, without: int | None = None) -> bytes:
    """The answer to a CCR, from its header and number."""
    avps = {
        263: octets.text(263, request.message.session_id),
        268: octets.u32(268, result_code),
        264: octets.text(264, "ocs.example"),
        296: octets.ORIGIN_REALM,
        258: octets.AUTH_APPLICATION_ID,
        416: octets.u32(416, request.message.cc_request_type),
        415: octets.u32(415, request.message.cc_request_number),
    }
    avps.pop(without or 0, None)
    return octets.message(
        *avps.values(), *more, flags=flags, hop_by_hop=request.header.hop_by_hop, end_to_end=request.header.end_to_end
    )


@asynccontextmanager
async def connected(*, on_push: Any = obliging, identifiers: Any = None) -> AsyncIterator[tuple[GyClient, Raw]]:
    """A client, and the server's end of its connection."""
    async with Listener.listening() as ocs:
        connecting = asyncio.create_task(
            GyClient.connect("127.0.0.1", ocs.port, PGW, on_push=on_push, timers=SWIFT, identifiers=identifiers)
        )
        raw = await ocs.accepted.get()
        await raw.send(cea_to(await raw.receive(), "ocs.example"))
        client = await connecting
        try:
            yield client, raw
        finally:
            client.abort()


@wired
async def test_the_cer_and_what_the_ocs_says_of_itself() -> None:
    async with Listener.listening() as ocs:
        identity = Identity(host="pgw.example", realm="example", origin_state_id=5)
        connecting = asyncio.create_task(GyClient.connect("127.0.0.1", ocs.port, identity, on_push=obliging))
        raw = await ocs.accepted.get()
        request = await raw.receive()
        assert request.message == Cer(
            origin_host="pgw.example",
            origin_realm="example",
            origin_state_id=5,
            host_ip_address=("127.0.0.1",),
            vendor_id=0,
            product_name="splitsim",
            auth_application_id=(4,),
            supported_vendor_id=(10415,),
        )
        await raw.send(cea_to(request, "ocs.example"))
        client = await connecting
        assert client.is_open
        assert client.capabilities is not None
        assert client.capabilities.origin_host == "ocs.example"
        written = encode(request.message, request.header)
        assert client.octets == (len(written), len(cea_to(request, "ocs.example")))
        client.abort()
        assert await client.closed() != ""
        assert not client.is_open


@wired
async def test_answers_find_their_requests_in_any_order() -> None:
    async with connected() as (client, raw):
        asking = [asyncio.create_task(client.request(decoded_ccr(number))) for number in range(50)]
        requests = [await raw.receive() for _ in range(50)]
        assert len({request.header.hop_by_hop for request in requests}) == 50
        assert len({request.header.end_to_end for request in requests}) == 50
        await raw.send(*[cca(request) for request in reversed(requests)])
        answers = await asyncio.gather(*asking)
        assert [answer.cc_request_number for answer in answers if isinstance(answer, Cca)] == list(range(50))


@wired
async def test_what_an_answer_may_be() -> None:
    async with connected() as (client, raw):

        async def answered(**more: Any) -> Any:
            asking = asyncio.create_task(client.request(decoded_ccr()))
            await raw.send(cca(await raw.receive(), **more))
            return await asking

        assert (await answered(result_code=4012)).result_code == 4012
        for more in ({"result_code": 3004, "flags": 0x60}, {"result_code": 5012, "without": 416}):
            refusal = await answered(**more)
            assert isinstance(refusal, ErrorAnswer)
            assert refusal.result_code == more["result_code"]
        for bad in ({"without": 416}, {"without": 268}):
            with pytest.raises(UnreadableAnswerError) as caught:
                await answered(**bad)
            assert caught.value.failure is not None
            assert caught.value.failure.result_code == 5005
        assert client.is_open


@wired
async def test_a_request_given_up_and_its_late_answer() -> None:
    async with connected() as (client, raw):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.request(decoded_ccr(0)), 0.05)
        late = await raw.receive()
        asking = asyncio.create_task(client.request(decoded_ccr(1)))
        request = await raw.receive()
        await raw.send(cca(late), cca(request))
        answer = await asking
        assert isinstance(answer, Cca)
        assert answer.cc_request_number == 1


@wired
async def test_a_repeat_over_another_connection() -> None:
    """RFC 6733 3: T bit, the same End-to-End id, which no other request bears."""
    identifiers = EndToEndIds(0)
    async with connected(identifiers=identifiers) as (client, raw):
        asking = asyncio.create_task(client.request(decoded_ccr()))
        original = await raw.receive()
        await raw.close()
        with pytest.raises(ConnectionError):
            await asking
    async with connected(identifiers=identifiers) as (client, raw):
        end_to_end = original.header.end_to_end
        asking = asyncio.create_task(client.request(decoded_ccr(), retransmitted=True, end_to_end=end_to_end))
        repeat = await raw.receive()
        assert (repeat.header.flags, repeat.header.end_to_end) == (0xD0, end_to_end)
        await raw.send(cca(repeat))
        await asking
        asking = asyncio.create_task(client.request(decoded_ccr(1)))
        assert (await raw.receive()).header.end_to_end > end_to_end
        asking.cancel()


@wired
async def test_pushes_are_answered_at_once() -> None:
    async with serving() as served:
        seen: list[Any] = []

        def answer(push: Rar | Asr) -> Any:
            seen.append(push)
            return Raa(session_id=push.session_id, result_code=5002, origin_host="pgw.example", origin_realm="example")

        client = await GyClient.connect("127.0.0.1", served.server.port, PGW, on_push=answer)
        future = served.server.push(rar())
        assert future is not None
        served.server.flush()
        answered = await future
        assert answered is not None
        assert (answered.result_code, seen) == (5002, [rar()])
        assert isinstance(await client.request(decoded_ccr()), Cca)
        await client.close()


@wired
async def test_what_is_not_for_a_gateway_is_refused_without_asking_it() -> None:
    async with connected() as (_, raw):
        assert (await raw.ask(octets.ccr())).message.result_code == 3001
        rar_here = octets.message(
            octets.SESSION_ID,
            octets.ORIGIN_HOST,
            octets.ORIGIN_REALM,
            octets.DESTINATION_REALM,
            octets.text(293, "another.example"),
            octets.AUTH_APPLICATION_ID,
            octets.u32(285, 0),
            code=258,
        )
        assert (await raw.ask(rar_here)).message.result_code == 3002


# --- beginnings and ends ----------------------------------------------------------------------------------------------


@wired
async def test_nobody_listens() -> None:
    async with Listener.listening() as ocs:
        port = ocs.port
    with pytest.raises(OSError, match="Connect call failed"):
        await GyClient.connect("127.0.0.1", port, PGW, on_push=obliging)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (cca, "while 'CER sent'"),
        (lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n", "octets that are not Diameter"),
        (lambda request: b"", "the deadline"),
        (lambda request: cea_to(request, "ocs.example").replace(b"\x00\x00\x07\xd1", b"\x00\x00\x13\x92"), "5010"),
    ],
    ids=["CCA", "HTTP", "silence", "5010"],
)
@wired
async def test_an_ocs_that_does_not_want_us_or_is_none(reply: Any, reason: str) -> None:
    async with Listener.listening() as ocs:
        connecting = asyncio.create_task(GyClient.connect("127.0.0.1", ocs.port, PGW, on_push=obliging, timers=SWIFT))
        raw = await ocs.accepted.get()
        request = await raw.receive()
        if reply is cca:
            request.message = decoded_ccr()
        await raw.send(reply(request))
        with pytest.raises(ConnectionError, match=reason):
            await connecting
        assert await raw.closed(1)


@wired
async def test_a_stranger_is_told_so() -> None:
    async with serving(allows=lambda host: False) as served:
        with pytest.raises(ConnectionError, match="3010"):
            await GyClient.connect("127.0.0.1", served.server.port, PGW, on_push=obliging)


@wired
async def test_giving_up_while_connecting() -> None:
    async with Listener.listening() as ocs:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(GyClient.connect("127.0.0.1", ocs.port, PGW, on_push=obliging), 0.05)
        raw = await ocs.accepted.get()
        assert await raw.closed(1)


@wired
async def test_the_connection_is_lost_under_requests() -> None:
    async with connected() as (client, raw):
        asking = [asyncio.create_task(client.request(decoded_ccr(number))) for number in range(3)]
        await raw.receive()
        raw.writer.transport.abort()
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
        assert "gone" in await client.closed()
        with pytest.raises(ConnectionError, match="not connected"):
            await client.request(decoded_ccr())


@wired
async def test_close_is_orderly() -> None:
    async with connected() as (client, raw):
        closing = asyncio.create_task(client.close(cause=2))
        dpr = await raw.receive()
        assert dpr.message == Dpr(origin_host="pgw.example", origin_realm="example", disconnect_cause=2)
        await raw.send(base_answer(282, dpr.header.hop_by_hop, host="ocs.example"))
        await closing
        assert await client.closed() == "disconnected"
        assert await raw.closed(1)


@wired
async def test_close_does_not_wait_for_ever() -> None:
    async with connected() as (client, raw):
        async with asyncio.timeout(SWIFT.closing / SECOND + 1):
            await client.close()
        assert await raw.closed(1)


@wired
async def test_the_ocs_goes_away_in_order() -> None:
    async with serving() as served:
        client = await GyClient.connect("127.0.0.1", served.server.port, PGW, on_push=obliging)
        await served.server.stop()
        assert not client.is_open
        await client.closed()


@wired
async def test_a_silent_ocs_is_asked_suspected_and_left() -> None:
    timers = Timers(watchdog=SECOND // 5, closing=SECOND // 5)
    async with Listener.listening() as ocs:
        connecting = asyncio.create_task(GyClient.connect("127.0.0.1", ocs.port, PGW, on_push=obliging, timers=timers))
        raw = await ocs.accepted.get()
        await raw.send(cea_to(await raw.receive(), "ocs.example"))
        client = await connecting
        async with asyncio.timeout(2):
            reason = await client.closed()
        assert "deadline" in reason
        await until(lambda: not client.is_open)


@wired
async def test_a_request_that_cannot_be_written_harms_nobody() -> None:
    async with connected() as (client, raw):
        with pytest.raises(ValueError, match="cannot be encoded"):
            await client.request(decoded_ccr(origin_state_id=-1))
        asking = asyncio.create_task(client.request(decoded_ccr()))
        await raw.send(cca(await raw.receive()))
        assert isinstance(await asking, Cca)
