"""Peers that send nonsense, too much, too slowly or nothing, while a good peer beside them is served."""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import struct
from typing import Any

import pytest

from ocs.gy.events import PeerClosed
from ocs.gy.framing import MESSAGE_OCTETS_MAX
from ocs.gy.node import Limits, Timers
from ocs.units import SECOND
from tests.gy import captures, octets
from tests.gy.octets import ccr, cer
from tests.gy.serving import SWIFT, Raw, serving, until, wired
from tests.gy.test_server import numbered, rar

GARBAGE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: ocs.example\r\n\r\n" + b" " * 64,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(250)),
    "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "length 0": octets.message(length=0),
    "length 4": octets.message(length=4),
    "length 19": octets.message(length=19),
    "length 22": octets.message(b"\0\0", length=22),
    "16 MB": octets.message(length=0xFFFFFC),
    "one over the cap": octets.message(length=MESSAGE_OCTETS_MAX + 4),
    "zeros": bytes(1_000),
    "ones": b"\xff" * 1_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
@wired
async def test_garbage_ends_its_connection_and_no_other(garbage: bytes) -> None:
    """RFC 6733 2.1: also behind a good message, which is still answered."""
    async with serving() as served, await Raw.opened(served.server.port, "good.example") as good:
        async with await Raw.connect(served.server.port) as first_words:
            await first_words.send(garbage)
            assert await first_words.closed(1)
            assert first_words.received == b""
        async with await Raw.opened(served.server.port, "bad.example") as raw:
            await raw.send(ccr() + garbage)
            assert await raw.closed(1)
            assert len(served.requests) == 1
        assert (await good.ask(ccr())).message.result_code == 2001


@wired
async def test_the_greatest_message_that_is_read() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as raw:
        room = MESSAGE_OCTETS_MAX - len(ccr()) - 8
        assert (await raw.ask(ccr(octets.avp(9999, bytes(room), flags=0)))).message.result_code == 2001
        answer = await raw.ask(ccr(octets.avp(9999, bytes(room))))
        assert answer.message.result_code == 5001
        assert len(answer.message.failed_avp[0].octets) == room + 8


@wired
async def test_a_message_that_stalls_is_waited_for_only_so_long() -> None:
    async with (
        serving() as served,
        await Raw.opened(served.server.port, "slow.example") as slow,
        await Raw.opened(served.server.port, "good.example") as good,
    ):
        await slow.send(octets.message(bytes(100), length=1_000))
        assert (await good.ask(ccr())).message.result_code == 2001
        assert not await slow.closed(SWIFT.message / SECOND - 0.2)
        assert await slow.closed(1)


@wired
async def test_one_octet_at_a_time_does_not_make_the_time_longer() -> None:
    async with serving() as served, await Raw.opened(served.server.port, "slow.example") as slow:
        started = asyncio.get_running_loop().time()

        async def trickle() -> None:
            for octet in ccr(octets.avp(9999, bytes(60_000), flags=0)):
                await slow.send(bytes([octet]))
                await asyncio.sleep(0.02)

        with pytest.raises(ConnectionError):
            await trickle()
        assert asyncio.get_running_loop().time() - started < 3


@wired
async def test_who_never_says_who_he_is_is_dropped() -> None:
    async with serving() as served, await Raw.opened(served.server.port, "good.example") as good:
        async with await Raw.connect(served.server.port) as silent, await Raw.connect(served.server.port) as half:
            await half.send(cer()[:40])
            for raw in (silent, half):
                assert await raw.closed(SWIFT.capabilities / SECOND + 1)
        assert await good.alive()


@wired
async def test_a_thousand_silent_connections() -> None:
    """A new peer gets in, an old one is served, and in the end all is as before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    sockets = []
    timers = Timers(capabilities=10 * SECOND, closing=SECOND // 2)
    async with serving(timers=timers) as served, await Raw.opened(served.server.port, "good.example") as good:
        for number in range(1_000):
            sockets.append(socket.create_connection(("127.0.0.1", served.server.port)))
            if number % 50 == 0:
                assert (await good.ask(ccr())).message.result_code == 2001
        async with await Raw.opened(served.server.port, "new.example") as new:
            assert (await new.ask(ccr())).message.result_code == 2001
        await until(lambda: len(served.server._connections) <= 1 + Limits().half_open)
        for silent in sockets:
            silent.close()
        await until(lambda: len(served.server._connections) == 1)
        assert (await good.ask(ccr())).message.result_code == 2001
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@wired
async def test_the_oldest_of_too_many_half_open_connections_goes() -> None:
    async with serving(limits=Limits(half_open=3)) as served:
        raws = []
        for _ in range(5):
            raws.append(await Raw.connect(served.server.port))
            await asyncio.sleep(0.01)
        assert [await raw.closed(0.1) for raw in raws] == [True, True, False, False, False]
        assert (await raws[2].ask(cer())).message.result_code == 2001
        for raw in raws:
            await raw.close()


@wired
async def test_a_peer_that_does_not_read_is_dropped_before_it_costs_too_much() -> None:
    seen: list[Any] = []
    limits = Limits(unsent_octets=200_000)
    async with (
        serving(limits=limits, observe=lambda host, event: seen.append((host, event))) as served,
        await Raw.opened(served.server.port, "good.example") as good,
    ):
        deaf = socket.create_connection(("127.0.0.1", served.server.port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(deaf, cer(host="deaf.example"))
        await until(lambda: served.server.push(rar("deaf.example")) is not None)
        for _ in range(60_000):
            if served.server.push(rar("deaf.example")) is None:
                break
            served.server.flush()
            await asyncio.sleep(0)
        assert served.server.push(rar("deaf.example")) is None
        assert any(host == "deaf.example" and isinstance(event, PeerClosed) for host, event in seen)
        assert await good.alive()
        deaf.close()


@wired
async def test_a_peer_that_asks_and_does_not_read_is_not_read() -> None:
    """Its answers stay within bounds because its requests stay in the kernel."""
    async with (
        serving() as served,
        await Raw.opened(served.server.port, "good.example") as good,
    ):
        deaf = socket.create_connection(("127.0.0.1", served.server.port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(deaf, cer(host="deaf.example"))
        big = ccr(octets.avp(284, octets.text(280, "a") + octets.avp(33, bytes(50_000))))

        async def flood() -> None:
            while True:
                await loop.sock_sendall(deaf, big)

        with pytest.raises((TimeoutError, ConnectionError)):
            async with asyncio.timeout(0.5):
                await flood()
        [deaf_connection] = [c for c in served.server._connections if c.name == "deaf.example"]
        assert deaf_connection.link.octets_received < 20 * 2**20
        assert await good.alive()
        deaf.close()


@wired
async def test_a_flood_of_nonsense_does_not_hold_up_the_others() -> None:
    """20,000 messages that cannot be read, of 20 octets each, in one piece: the good peer waits for 64 of them."""
    async with (
        serving() as served,
        await Raw.opened(served.server.port, "bad.example") as bad,
        await Raw.opened(served.server.port, "good.example") as good,
    ):
        flood = octets.message(code=999) * 20_000

        async def swallow() -> None:
            for _ in range(20_000):
                await bad.message()

        swallowing = asyncio.create_task(swallow())
        await bad.send(flood)
        served_meanwhile = 0
        while not swallowing.done():
            assert (await good.ask(ccr())).message.result_code == 2001
            served_meanwhile += 1
        assert served_meanwhile > 40
        await swallowing


@pytest.mark.parametrize("seed", range(3))
@wired
async def test_spoilt_messages_are_answered_or_end_the_connection(seed: int) -> None:
    """Captured messages with octets changed, cut and doubled: never a hang, and the good peer notices nothing."""
    source = random.Random(seed)
    sound = [capture.octets for capture in captures.ALL if capture.command in captures.CLIENT]
    async with serving() as served, await Raw.opened(served.server.port, "good.example") as good:
        for connections in range(150):
            async with await Raw.connect(served.server.port) as raw:
                await raw.send(cer(host=f"bad{connections}.example"))
                for _ in range(source.randint(1, 5)):
                    await raw.send(captures.spoilt(source, source.choice(sound)))
                    if source.random() < 0.2:
                        await raw.send(struct.pack(">I", source.getrandbits(32)))
                raw.writer.write_eof()
                assert await raw.closed(2)
            if connections % 10 == 0:
                assert (await good.ask(ccr())).message.result_code == 2001
        await until(lambda: len(served.server._connections) == 1)
        assert await good.alive()


@wired
async def test_connections_that_are_reset_while_their_requests_wait() -> None:
    async with serving(idle=True) as served, await Raw.opened(served.server.port, "good.example") as good:
        raws = [await Raw.opened(served.server.port, f"bad{number}.example") for number in range(10)]
        for raw in raws:
            await raw.send(*numbered(20))
        await until(lambda: served.waiting() == 200)
        for raw in raws:
            linger = struct.pack("ii", 1, 0)
            raw.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            raw.writer.transport.abort()
        served.go()
        assert (await good.ask(ccr())).message.result_code == 2001
        await until(lambda: len(served.server._connections) == 1)
        await until(lambda: len(served.requests) == 201)
