"""More requests than can be served: new sessions are refused first, terminations never, calm peers not at all."""

from __future__ import annotations

import asyncio

import pytest

from ocs.gy.messages import CcRequestType, ErrorAnswer
from ocs.gy.node import Limits
from ocs.gy.overload import is_shed, too_busy
from tests.gy import octets
from tests.gy.octets import ccr
from tests.gy.serving import Raw, decoded_ccr, serving, until, wired
from tests.gy.test_server import numbered

NAMED = octets.text(293, "ocs.example")


@pytest.mark.parametrize(
    ("kind", "from_waiting"),
    [
        (CcRequestType.INITIAL, 100),
        (CcRequestType.EVENT, 100),
        (CcRequestType.UPDATE, 200),
        (CcRequestType.TERMINATION, None),
    ],
)
def test_what_is_shed_when(kind: CcRequestType, from_waiting: int | None) -> None:
    request = decoded_ccr(cc_request_type=kind)
    shed = [waiting for waiting in (0, 99, 100, 199, 200, 10**6) if is_shed(request, waiting, 100)]
    assert shed == [n for n in (0, 99, 100, 199, 200, 10**6) if from_waiting is not None and n >= from_waiting]


def test_3004_only_where_this_node_was_asked_for() -> None:
    """RFC 6733 7.1.3."""
    assert too_busy(decoded_ccr()).result_code == 3002
    assert too_busy(decoded_ccr(destination_host="ocs.example")).result_code == 3004


def request(kind: int, number: int, *more: bytes) -> bytes:
    return ccr(*more, header={"hop_by_hop": number}, _416=octets.u32(416, kind), _415=octets.u32(415, number))


@wired
async def test_new_sessions_first_updates_later_terminations_never() -> None:
    async with serving(limits=Limits(waiting=10), idle=True) as served, await Raw.opened(served.server.port) as raw:
        await raw.send(*numbered(10))
        await until(lambda: served.waiting() == 10)
        # Refusals do not wait for the owner.
        for kind, more, result_code in ((1, (), 3002), (1, (NAMED,), 3004), (4, (), 3002), (4, (NAMED,), 3004)):
            answer = await raw.ask(request(kind, 100, *more))
            assert isinstance(answer.message, ErrorAnswer)
            assert (answer.message.result_code, answer.header.flags) == (result_code, 0x60)
        await raw.send(*[request(2, number) for number in range(10, 20)])
        await until(lambda: served.waiting() == 20)
        assert (await raw.ask(request(2, 100, NAMED))).message.result_code == 3004
        await raw.send(*[request(3, number) for number in range(20, 60)])
        await until(lambda: served.waiting() == 60)
        served.go()
        answers = [await raw.receive() for _ in range(60)]
        assert [answer.header.hop_by_hop for answer in answers] == list(range(60))
        assert {answer.message.result_code for answer in answers} == {2001}
        # It is over: new sessions are welcome again.
        assert (await raw.ask(request(1, 7))).message.result_code == 2001


@wired
async def test_only_the_busiest_peers_are_refused() -> None:
    async with (
        serving(limits=Limits(waiting=20), idle=True) as served,
        await Raw.opened(served.server.port, "busy.example") as busy,
        await Raw.opened(served.server.port, "calm.example") as calm,
    ):
        await calm.send(*numbered(2))
        await until(lambda: served.waiting() == 2)
        await busy.send(*numbered(18))
        await until(lambda: served.waiting() == 20)
        assert (await busy.ask(request(1, 100))).message.result_code == 3002
        await calm.send(request(1, 2))
        await until(lambda: served.waiting() == 21)
        served.go()
        assert [(await calm.receive()).message.result_code for _ in range(3)] == [2001] * 3


@wired
async def test_what_cannot_be_taken_stays_in_the_network() -> None:
    """A flood of terminations that nobody takes: the server stops reading, and its memory stays what it is."""
    async with serving(limits=Limits(in_hand=100), idle=True) as served, await Raw.opened(served.server.port) as raw:
        flood = b"".join(request(3, number) for number in range(5_000))

        async def send_for_ever() -> None:
            while True:
                await raw.send(flood)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send_for_ever(), 0.5)
        [connection] = served.server._connections
        assert served.waiting() == 100
        assert connection.link.octets_received < 2**20
        raw.writer.transport.abort()


@wired
async def test_above_all_limits_a_peer_is_not_read_and_nothing_is_lost() -> None:
    """300 terminations, 50 of them in hand: the rest waits in the network."""
    limits = Limits(waiting=10, in_hand=50, octets_at_once=16_384, batch=32)
    async with serving(limits=limits, idle=True) as served, await Raw.opened(served.server.port) as raw:
        await raw.send(*[request(3, number) for number in range(300)])
        await until(lambda: served.waiting() == 50)
        [connection] = served.server._connections
        assert connection.link.peer.in_hand == 50
        served.go()
        assert [(await raw.receive()).header.hop_by_hop for _ in range(300)] == list(range(300))
        assert max(len(batch) for batch in served.taken) <= 32
        assert connection.link.peer.in_hand == 0
        assert await raw.alive()
