"""GyServer over TCP: batches, one write for each connection, ids, pushes, and its orderly end."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from ocs.gy.codec import decode
from ocs.gy.events import PeerClosed, PeerOpened, RequestRefused
from ocs.gy.messages import Asa, Asr, Cca, Cer, Dpr, Dwr, ErrorAnswer, Raa, Rar
from ocs.gy.node import Identity, Limits, Timers
from ocs.gy.server import GyServer
from ocs.units import SECOND
from tests.gy import octets
from tests.gy.octets import base_answer, ccr, cer
from tests.gy.serving import OCS, SWIFT, Raw, grant, serving, until, wired


def numbered(count: int, session: str = "s", kind: int = 1) -> list[bytes]:
    """Requests with Hop-by-Hop 0, 1, 2 ... and as many CC-Request-Numbers."""
    return [
        ccr(
            header={"hop_by_hop": number, "end_to_end": number},
            _263=octets.text(263, session),
            _415=octets.u32(415, number),
            _416=octets.u32(416, kind),
        )
        for number in range(count)
    ]


def rar(host: str = "pgw.example", session_id: str = "pgw;1;2") -> Rar:
    return Rar(
        session_id=session_id,
        origin_host=OCS.host,
        origin_realm=OCS.realm,
        destination_realm="example",
        destination_host=host,
        rating_group=1,
    )


def raa(hop_by_hop: int, result_code: int = 2001, code: int = 258) -> bytes:
    avps = (octets.SESSION_ID, octets.u32(268, result_code), octets.ORIGIN_HOST, octets.ORIGIN_REALM)
    return octets.message(*avps, code=code, flags=0x40, hop_by_hop=hop_by_hop)


@wired
async def test_a_session() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        answer = await raw.ask(ccr(octets.avp(456, octets.u32(432, 5))))
        assert isinstance(answer.message, Cca)
        assert answer.message.multiple_services_credit_control[0].granted_service_unit.cc_total_octets == 1_000
        assert answer.header == decode(ccr()).header.answer()
        assert served.taken[0][0].octets == ccr(octets.avp(456, octets.u32(432, 5)))
        assert not served.taken[0][0].retransmitted
        await raw.ask(ccr(header={"flags": 0xD0}))
        assert served.taken[1][0].retransmitted


@wired
async def test_cea_tells_the_address_of_the_connection() -> None:
    async with serving() as served, await Raw.connect(served.server.port) as raw:
        cea = (await raw.ask(cer())).message
        assert cea.host_ip_address == ("127.0.0.1",)
    identity = Identity(host="ocs.example", realm="example", addresses=("192.0.2.1", "2001:db8::1"))
    async with serving(identity=identity) as served, await Raw.connect(served.server.port) as raw:
        assert (await raw.ask(cer())).message.host_ip_address == ("192.0.2.1", "2001:db8::1")


@wired
async def test_fifty_requests_in_flight_each_get_their_answer_once() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        await raw.send(*numbered(50))
        answers = [await raw.receive() for _ in range(50)]
        assert [answer.header.hop_by_hop for answer in answers] == list(range(50))
        assert [answer.message.cc_request_number for answer in answers] == list(range(50))
        assert await raw.alive()


@wired
async def test_a_batch_leaves_in_one_write_for_each_connection_and_not_before_flush() -> None:
    async with (
        serving(idle=True) as served,
        await Raw.opened(served.server.port, "a.example") as one,
        await Raw.opened(served.server.port, "b.example") as two,
    ):
        await one.send(*numbered(10))
        await two.send(*numbered(10))
        await until(lambda: served.waiting() == 20)
        writes: list[int] = []
        for connection in served.server._connections:
            transport = connection.link.transport
            assert transport is not None
            write = transport.write
            transport.write = lambda data, write=write: (writes.append(len(data)), write(data))[1]  # type: ignore[method-assign]
        batch = await served.server.take()
        for incoming in batch:
            incoming.respond(grant(incoming.message))
        # The peer layer says what it has to say meanwhile, alone.
        assert await one.alive()
        assert len(writes) == 1
        served.server.flush()
        assert len(writes) == 3
        for raw in (one, two):
            assert [(await raw.receive()).header.hop_by_hop for _ in range(10)] == list(range(10))


@wired
async def test_hop_by_hop_ids_belong_to_their_connection() -> None:
    """Two peers with the same ids in flight: each gets its own answers."""
    async with (
        serving() as served,
        await Raw.opened(served.server.port, "a.example") as one,
        await Raw.opened(served.server.port, "b.example") as two,
    ):
        await one.send(*numbered(20, "one"))
        await two.send(*numbered(20, "two"))
        for raw, session in ((one, "one"), (two, "two")):
            answers = [await raw.receive() for _ in range(20)]
            assert {answer.message.session_id for answer in answers} == {session}
            assert [answer.header.hop_by_hop for answer in answers] == list(range(20))


@wired
async def test_octet_by_octet_and_many_in_one_segment() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        for octet in ccr():
            await raw.send(bytes([octet]))
        assert (await raw.receive()).message.result_code == 2001
        stream = b"".join(numbered(30))
        source = random.Random(3)
        while stream:
            size = source.choice((1, 7, 100, 1_000))
            await raw.send(stream[:size])
            stream = stream[size:]
            await asyncio.sleep(0)
        assert [(await raw.receive()).header.hop_by_hop for _ in range(30)] == list(range(30))


@wired
async def test_proxy_info_comes_back_and_route_record_does_no_harm() -> None:
    proxies = [octets.avp(284, octets.text(280, f"{name}.example") + octets.avp(33, b"s")) for name in "ab"]
    routes = [octets.text(282, "pgw.example"), octets.text(282, "dra.example")]
    async with serving() as served, await Raw.opened(served.server.port, "dra.example") as raw:
        await raw.send(ccr(*routes, *proxies))
        answer = await raw.message()
        assert answer.endswith(b"".join(proxies))
        assert decode(answer).message.result_code == 2001  # type: ignore[union-attr]
        assert served.requests[0].route_record == ("pgw.example", "dra.example")


@wired
async def test_what_the_peer_layer_refuses_never_reaches_the_owner() -> None:
    seen: list[Any] = []
    async with (
        serving(observe=lambda host, event: seen.append((host, event))) as served,
        await Raw.opened(served.server.port) as raw,
    ):
        refused = {
            5001: ccr(octets.avp(9999, b"")),
            5005: ccr(without=461),
            3003: ccr(_283=octets.text(283, "elsewhere")),
            3007: ccr(header={"application": 16777302}),
            3008: ccr(header={"flags": 0xE0}),
        }
        for result_code, request in refused.items():
            answer = await raw.ask(request)
            assert answer.message.result_code == result_code
            assert isinstance(answer.message, ErrorAnswer if result_code < 4000 else Cca)
            assert answer.header.error is (result_code < 4000)
        assert served.taken == []
        assert [event.failure.result_code for _, event in seen if isinstance(event, RequestRefused)] == [*refused]
        assert {host for host, event in seen if isinstance(event, RequestRefused)} == {"pgw.example"}
        assert await raw.alive()


@wired
async def test_the_owner_hears_of_every_peer_that_opens() -> None:
    opened: list[Cer] = []
    async with serving(on_peer_open=opened.append) as served:
        async with await Raw.opened(served.server.port):
            pass
        async with await Raw.connect(served.server.port) as raw:
            await raw.ask(cer(octets.u32(278, 99), host="other.example"))
        async with await Raw.connect(served.server.port) as raw:
            assert (await raw.ask(cer(application=octets.u32(258, 1)))).message.result_code == 5010
            assert await raw.closed(1)
    assert [(peer.origin_host, peer.origin_state_id) for peer in opened] == [
        ("pgw.example", None),
        ("other.example", 99),
    ]


# --- pushes -----------------------------------------------------------------------------------------------------------


@wired
async def test_rar_and_asr_go_to_the_gateway_and_their_answers_come_back() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        asr = Asr(
            session_id="pgw;1;2",
            origin_host=OCS.host,
            origin_realm=OCS.realm,
            destination_realm="example",
            destination_host="PGW.example",
        )
        futures = [served.server.push(rar()), served.server.push(asr)]
        assert None not in futures
        served.server.flush()
        first, second = await raw.receive(), await raw.receive()
        assert (type(first.message), type(second.message)) == (Rar, Asr)
        assert first.header.flags == second.header.flags == 0xC0
        await raw.send(raa(second.header.hop_by_hop, 5002, code=274), raa(first.header.hop_by_hop))
        answers = [await future for future in futures if future is not None]
        assert isinstance(answers[0], Raa)
        assert isinstance(answers[1], Asa)
        assert [answer.result_code for answer in answers] == [2001, 5002]


@wired
async def test_pushes_and_answers_leave_in_the_order_in_which_they_were_queued() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        decide = served.decide

        def and_push(incoming: Any) -> Any:
            served.server.push(rar())
            return decide(incoming)

        served.decide = and_push
        await raw.send(*numbered(2))
        assert [type((await raw.receive()).message) for _ in range(4)] == [Rar, Cca, Rar, Cca]


@wired
async def test_a_push_to_whom_we_do_not_know() -> None:
    async with serving() as served, await Raw.opened(served.server.port):
        assert served.server.push(rar("nobody.example")) is None


@wired
async def test_pushes_go_back_through_the_relay() -> None:
    """A gateway behind a relay was heard on the relay's connection; if it connects itself, that is the way."""
    async with serving() as served, await Raw.opened(served.server.port, "dra.example") as relay:
        await relay.ask(ccr())
        served.server.push(rar())
        served.server.flush()
        assert (await relay.receive()).message.destination_host == "pgw.example"
        async with await Raw.opened(served.server.port, "pgw.example") as direct:
            # Nobody takes a connected peer's pushes away by using its name.
            await relay.ask(ccr())
            served.server.push(rar())
            served.server.flush()
            assert isinstance((await direct.receive()).message, Rar)
        await until(lambda: len(served.server._connections) == 1)
        served.server.push(rar())
        served.server.flush()
        assert isinstance((await relay.receive()).message, Rar)


@wired
async def test_a_push_ends_without_an_answer_when_the_connection_does() -> None:
    async with serving() as served:
        async with await Raw.opened(served.server.port) as raw:
            future = served.server.push(rar())
            assert future is not None
            served.server.flush()
            await raw.receive()
        assert await future is None
        await until(lambda: served.server.push(rar()) is None)


@pytest.mark.parametrize("late", [False, True], ids=["unanswered", "answered too late"])
@wired
async def test_a_push_ends_without_an_answer_when_its_time_is_over(late: bool) -> None:
    async with serving(push_seconds=0.05) as served, await Raw.opened(served.server.port) as raw:
        future = served.server.push(rar())
        assert future is not None
        served.server.flush()
        pushed = await raw.receive()
        assert await future is None
        if late:
            await raw.send(raa(pushed.header.hop_by_hop))
        assert await raw.alive()


@wired
async def test_an_unreadable_answer_to_a_push_is_none() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        future = served.server.push(rar())
        assert future is not None
        served.server.flush()
        pushed = await raw.receive()
        await raw.send(octets.message(code=258, flags=0x40, hop_by_hop=pushed.header.hop_by_hop))
        assert await future is None
        assert await raw.alive()


# --- the end ----------------------------------------------------------------------------------------------------------


@wired
async def test_stop_disconnects_in_order_and_leaves_no_request_without_its_answer() -> None:
    async with serving(idle=True) as served, await Raw.opened(served.server.port) as raw:
        await raw.send(*numbered(5))
        await until(lambda: served.waiting() == 5)
        port = served.server.port
        stopping = asyncio.create_task(served.server.stop(cause=1))
        dpr = await raw.receive()
        assert dpr.message == Dpr(origin_host="ocs.example", origin_realm="example", disconnect_cause=1)
        # A request that crosses the DPR is served as well.
        await raw.send(*numbered(6)[5:])
        await until(lambda: served.waiting() == 6)
        await raw.send(base_answer(282, dpr.header.hop_by_hop))
        served.go()
        assert [(await raw.receive()).header.hop_by_hop for _ in range(6)] == list(range(6))
        assert await raw.closed(1)
        await stopping
        with pytest.raises(OSError, match="Connect call failed"):
            await Raw.connect(port)


@wired
async def test_stop_does_not_wait_for_a_peer_that_says_nothing() -> None:
    async with serving() as served, await Raw.opened(served.server.port), await Raw.connect(served.server.port):
        async with asyncio.timeout(2):
            await served.server.stop()
        assert await served.server.take() == []


@wired
async def test_requests_whose_connection_has_ended_are_still_the_owners() -> None:
    async with serving(idle=True) as served:
        async with await Raw.opened(served.server.port) as raw:
            await raw.send(*numbered(5))
            await until(lambda: served.waiting() == 5)
        await until(lambda: not served.server._connections)
        served.go()
        await until(lambda: len(served.requests) == 5)


@wired
async def test_a_dpr_of_the_peer_is_answered_and_it_closes() -> None:
    seen: list[Any] = []
    async with (
        serving(observe=lambda host, event: seen.append(event)) as served,
        await Raw.opened(served.server.port) as raw,
    ):
        answer = await raw.ask(octets.dpr())
        assert (answer.message.result_code, answer.header.hop_by_hop) == (2001, 3)
        assert not await raw.closed(0.1)
        await raw.close()
        await until(lambda: any(isinstance(event, PeerClosed) for event in seen))
        async with await Raw.opened(served.server.port) as again:
            assert await again.alive()
    assert sum(isinstance(event, PeerOpened) for event in seen) == 2


@wired
async def test_the_watchdog_over_tcp() -> None:
    """One peer answers the DWRs and stays; the other says nothing and is dropped after three times Tw."""
    timers = Timers(watchdog=SECOND // 5, capabilities=SECOND, closing=SECOND // 5)
    async with (
        serving(timers=timers) as served,
        await Raw.opened(served.server.port, "good.example") as good,
        await Raw.opened(served.server.port, "dead.example") as dead,
    ):
        answered = 0

        async def answer() -> None:
            nonlocal answered
            while True:
                dwr = await good.receive(2)
                assert isinstance(dwr.message, Dwr)
                await good.send(base_answer(280, dwr.header.hop_by_hop))
                answered += 1

        answering = asyncio.create_task(answer())
        assert await dead.closed(2)
        assert isinstance(decode(bytes(dead.received)).message, Dwr)
        await until(lambda: answered >= 4)
        answering.cancel()
        await asyncio.wait([answering])
        assert await good.alive()


@wired
async def test_a_busy_port_is_an_error_of_the_caller() -> None:
    async with serving() as served:
        with pytest.raises(OSError, match="in use"):
            await GyServer(OCS).start("127.0.0.1", served.server.port)


@wired
async def test_a_server_can_be_stopped_before_anything_came() -> None:
    server = GyServer(OCS, timers=SWIFT)
    with pytest.raises(RuntimeError):
        _ = server.port
    await server.stop()
    assert await server.take() == []


# --- batches ----------------------------------------------------------------------------------------------------------


@wired
async def test_a_batch_gives_each_connection_its_share() -> None:
    async with (
        serving(limits=Limits(batch=10), idle=True) as served,
        await Raw.opened(served.server.port, "busy.example") as busy,
        await Raw.opened(served.server.port, "calm.example") as calm,
    ):
        await busy.send(*numbered(40, "busy"))
        await until(lambda: served.waiting() == 40)
        await calm.send(*numbered(3, "calm"))
        await until(lambda: served.waiting() == 43)
        served.go()
        assert [(await calm.receive()).header.hop_by_hop for _ in range(3)] == [0, 1, 2]
        assert [(await busy.receive()).header.hop_by_hop for _ in range(40)] == list(range(40))
        sessions = [[incoming.message.session_id for incoming in batch] for batch in served.taken]
        assert sessions[0] == ["busy"] * 5 + ["calm"] * 3
        assert all(len(batch) <= 10 for batch in sessions)
