"""Who may connect, and how often: allow-list, one connection for each Origin-Host, probe, dialling, election."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ocs.gy.messages import Cea, Cer, Dwr, ErrorAnswer
from ocs.gy.node import Identity, Limits, Timers
from ocs.gy.peers import wins_election
from ocs.gy.server import GyServer
from ocs.units import SECOND
from tests.gy import octets
from tests.gy.octets import base_answer, cer, charging, dpr, mscc, used
from tests.gy.serving import Charging, Raw, avps_of, serving, until, wired

PATIENT = Timers(probe=20 * SECOND, capabilities=20 * SECOND, closing=SECOND // 2)
"""Nothing ends in a test because its time is over."""


@wired
async def test_who_is_not_allowed_gets_3010_and_the_connection_is_closed() -> None:
    async with serving(allows=lambda host: host == "pgw.example") as served:
        async with await Raw.connect(served.server.port) as stranger:
            answer = await stranger.ask(cer(host="stranger.example"), octets.ccr())
            assert isinstance(answer.message, ErrorAnswer)
            assert (answer.message.result_code, answer.header.flags) == (3010, 0x20)
            assert answer.message.error_message == "stranger.example is not among the peers"
            assert await stranger.closed(1)
        async with await Raw.opened(served.server.port) as known:
            assert await known.alive()
        assert served.requests == []


@wired
async def test_a_living_connection_stays_and_its_rival_goes() -> None:
    """RFC 6733 5.6: R-Reject, after the old link was asked for a sign of life."""
    async with (
        serving(timers=PATIENT) as served,
        await Raw.opened(served.server.port) as first,
        await Raw.connect(served.server.port) as second,
    ):
        await second.send(cer(host="PGW.example"))
        probe = await first.receive()
        assert isinstance(probe.message, Dwr)
        assert not await second.closed(0.05)
        await first.send(base_answer(280, probe.header.hop_by_hop))
        assert await second.closed(1)
        assert second.received == b""
        assert (await first.ask(octets.ccr())).message.result_code == 2001


@wired
async def test_any_word_of_the_old_connection_will_do() -> None:
    async with (
        serving(timers=PATIENT) as served,
        await Raw.opened(served.server.port) as first,
        await Raw.connect(served.server.port) as second,
    ):
        await second.send(cer())
        await first.receive()
        assert (await first.ask(octets.ccr())).message.result_code == 2001
        assert await second.closed(1)


@wired
async def test_a_dead_connection_is_replaced_within_the_probe_time() -> None:
    async with (
        serving() as served,
        await Raw.opened(served.server.port) as first,
        await Raw.connect(served.server.port) as second,
    ):
        async with asyncio.timeout(1):
            assert (await second.ask(cer())).message.result_code == 2001
        assert await first.closed(1)
        assert (await second.ask(octets.ccr())).message.result_code == 2001


@wired
async def test_a_connection_that_ends_under_the_probe_is_replaced_at_once() -> None:
    async with (
        serving(timers=PATIENT) as served,
        await Raw.opened(served.server.port) as first,
        await Raw.connect(served.server.port) as second,
    ):
        await second.send(cer())
        await first.receive()
        await first.close()
        assert (await second.receive()).message.result_code == 2001


@wired
async def test_a_connection_on_its_way_out_is_no_hindrance() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as first:
        await first.ask(dpr())
        async with await Raw.connect(served.server.port) as second:
            assert (await second.ask(cer())).message.result_code == 2001
            assert await first.closed(1)


@wired
async def test_credit_sessions_outlive_their_connection() -> None:
    """RFC 6733 5.4: after DPR and DPA, or a lost connection, the session goes on over the next one."""
    async with serving(decide=Charging()) as served:
        async with await Raw.opened(served.server.port) as first:
            assert (await first.ask(charging(0, 1, mscc(200)))).message.result_code == 2001
            assert (await first.ask(dpr())).message.result_code == 2001
        async with await Raw.opened(served.server.port) as second:
            assert (await second.ask(charging(1, 2, mscc(200, used(1_000))))).message.result_code == 2001
            second.writer.transport.abort()
        async with await Raw.opened(served.server.port) as third:
            assert (await third.ask(charging(2, 3, mscc(200, used(1_000))))).message.result_code == 2001


@wired
async def test_a_third_connection_goes_at_once() -> None:
    async with (
        serving(timers=PATIENT) as served,
        await Raw.opened(served.server.port),
        await Raw.connect(served.server.port) as second,
        await Raw.connect(served.server.port) as third,
    ):
        await second.send(cer())
        await asyncio.sleep(0.05)
        await third.send(cer())
        assert await third.closed(1)
        assert not await second.closed(0.05)


@wired
async def test_a_rival_that_gives_up_leaves_room_for_another() -> None:
    async with serving() as served, await Raw.opened(served.server.port) as first:
        async with await Raw.connect(served.server.port) as second:
            await second.send(cer())
            probe = await first.receive()
        await until(lambda: len(served.server._connections) == 1)
        await first.send(base_answer(280, probe.header.hop_by_hop))
        assert await first.alive()
        async with await Raw.connect(served.server.port) as third:
            await third.send(cer())
            await first.receive()
            assert (await third.receive()).message.result_code == 2001


@wired
async def test_other_names_have_connections_of_their_own() -> None:
    async with serving() as served:
        peers = [await Raw.opened(served.server.port, f"{name}.example") for name in "abcde"]
        assert [await peer.alive() for peer in peers] == [True] * 5
        for peer in peers:
            await peer.close()
        await until(lambda: not served.server._connections)


@wired
async def test_there_is_room_for_so_many_peers() -> None:
    async with (
        serving(limits=Limits(peers=2)) as served,
        await Raw.opened(served.server.port, "a.example") as one,
        await Raw.opened(served.server.port, "b.example"),
    ):
        async with await Raw.connect(served.server.port) as three:
            answer = await three.ask(cer(host="c.example"))
            assert (type(answer.message), answer.message.result_code) == (Cea, 5012)
            assert await three.closed(1)
        await one.close()
        await until(lambda: len(served.server._connections) == 1)
        async with await Raw.opened(served.server.port, "c.example") as three:
            assert await three.alive()


# --- dialling and election --------------------------------------------------------------------------------------------


def test_the_election_compares_octets_without_case() -> None:
    """RFC 6733 5.6.4."""
    assert wins_election("ocs.example", "gw.example")
    assert not wins_election("ocs.example", "pgw.example")
    assert not wins_election("OCS.example", "ocs.example")
    assert not wins_election("ocs.example", "OCS.EXAMPLE")
    assert not wins_election("OCS-a.example", "ocs-B.example")
    assert wins_election("ocs-C.example", "OCS-b.example")
    assert wins_election("ocs.example.org", "ocs.example")


class Listener:
    """A gateway that also listens: connections that were dialled to it."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Raw] = asyncio.Queue()
        self.all: list[Raw] = []
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Listener]:
        listener = cls()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raw = Raw(reader, writer)
            listener.all.append(raw)
            listener.accepted.put_nowait(raw)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        listener.port = server.sockets[0].getsockname()[1]
        try:
            yield listener
        finally:
            server.close()
            for raw in listener.all:
                await raw.close()


def cea_to(request: Any, host: str) -> bytes:
    avps = (
        octets.u32(268, 2001),
        octets.text(264, host),
        octets.ORIGIN_REALM,
        octets.HOST_IP_ADDRESS,
        octets.VENDOR_ID,
        octets.PRODUCT_NAME,
        octets.AUTH_APPLICATION_ID,
    )
    return octets.message(
        *avps,
        code=257,
        application=0,
        flags=0,
        hop_by_hop=request.header.hop_by_hop,
        end_to_end=request.header.end_to_end,
    )


HIGH, LOW = "pgw.example", "gw.example"
"""Gateways whose names are above and below ocs.example."""


@wired
async def test_the_server_dials_and_serves_what_comes() -> None:
    async with Listener.listening() as gateway, serving() as served:
        served.server.dial(HIGH, "127.0.0.1", gateway.port)
        raw = await gateway.accepted.get()
        request = await raw.receive()
        assert isinstance(request.message, Cer)
        await raw.send(cea_to(request, HIGH))
        assert (await raw.ask(octets.ccr())).message.result_code == 2001


@pytest.mark.parametrize(
    ("dismissal", "again"),
    [(None, True), (dpr(cause=0), True), (dpr(cause=1), False), (dpr(cause=2), False)],
    ids=["lost", "rebooting", "busy", "do not want to talk to you"],
)
@wired
async def test_the_server_dials_again_unless_it_is_told_not_to(dismissal: bytes | None, again: bool) -> None:
    """RFC 6733 2.1 (Tc) and 5.4.3."""
    timers = Timers(reconnect=SECOND // 20, capabilities=SECOND, closing=SECOND // 10)
    async with Listener.listening() as gateway, serving(timers=timers) as served:
        served.server.dial(HIGH, "127.0.0.1", gateway.port)
        raw = await gateway.accepted.get()
        await raw.send(cea_to(await raw.receive(), HIGH))
        assert await raw.alive()
        if dismissal is not None:
            await raw.ask(dismissal)
        await raw.close()
        await asyncio.sleep(0.2)
        assert (gateway.accepted.qsize() > 0) is again


@wired
async def test_nobody_is_dialled_who_is_connected_already() -> None:
    timers = Timers(reconnect=SECOND // 50, capabilities=SECOND, closing=SECOND // 10)
    async with (
        Listener.listening() as gateway,
        serving(timers=timers) as served,
        await Raw.opened(served.server.port, HIGH) as raw,
    ):
        served.server.dial(HIGH.upper(), "127.0.0.1", gateway.port)
        await asyncio.sleep(0.1)
        assert gateway.accepted.empty()
        await raw.close()
        async with asyncio.timeout(1):
            await gateway.accepted.get()


@wired
async def test_who_answers_under_another_name_is_not_the_one_dialled() -> None:
    async with Listener.listening() as gateway, serving() as served:
        served.server.dial(HIGH, "127.0.0.1", gateway.port)
        raw = await gateway.accepted.get()
        await raw.send(cea_to(await raw.receive(), "somebody.example"))
        assert await raw.closed(1)


@wired
async def test_nobody_listens_and_the_server_tries_on() -> None:
    timers = Timers(reconnect=SECOND // 20, capabilities=SECOND, closing=SECOND // 10)
    async with Listener.listening() as gateway:
        port = gateway.port
    async with serving(timers=timers) as served:
        served.server.dial(HIGH, "127.0.0.1", port)
        await asyncio.sleep(0.1)
        assert HIGH not in served.server._peers


@wired
async def test_election_won_the_connection_that_we_dialled_goes() -> None:
    async with Listener.listening() as gateway, serving() as served:
        served.server.dial(LOW, "127.0.0.1", gateway.port)
        dialled = await gateway.accepted.get()
        await dialled.receive()
        async with await Raw.opened(served.server.port, LOW) as crossing:
            assert await dialled.closed(1)
            assert await crossing.alive()
            assert len(served.server._connections) == 1


@wired
async def test_election_lost_the_connection_that_was_dialled_to_us_goes() -> None:
    async with Listener.listening() as gateway, serving() as served:
        served.server.dial(HIGH, "127.0.0.1", gateway.port)
        dialled = await gateway.accepted.get()
        request = await dialled.receive()
        async with await Raw.connect(served.server.port) as crossing:
            await crossing.send(cer(host=HIGH))
            assert not await crossing.closed(0.05)
            await dialled.send(cea_to(request, HIGH))
            assert await crossing.closed(1)
            assert crossing.received == b""
        assert await dialled.alive()


@wired
async def test_election_lost_but_the_winner_does_not_keep_to_it() -> None:
    async with Listener.listening() as gateway, serving() as served:
        served.server.dial(HIGH, "127.0.0.1", gateway.port)
        dialled = await gateway.accepted.get()
        await dialled.receive()
        async with await Raw.connect(served.server.port) as crossing:
            await crossing.send(cer(host=HIGH))
            await asyncio.sleep(0.02)
            await dialled.close()
            assert (await crossing.receive()).message.result_code == 2001


@pytest.mark.parametrize("swap", [False, True])
@wired
async def test_two_servers_that_dial_each_other_end_with_one_connection(swap: bool) -> None:
    names = ("a.example", "B.example")
    hosts = names[::-1] if swap else names
    timers = Timers(reconnect=SECOND // 10, capabilities=SECOND, closing=SECOND // 5, probe=SECOND)
    nodes = [GyServer(Identity(host=host, realm="example"), timers=timers) for host in hosts]
    for node in nodes:
        await node.start("127.0.0.1", 0)
    nodes[0].dial(hosts[1], "127.0.0.1", nodes[1].port)
    nodes[1].dial(hosts[0], "127.0.0.1", nodes[0].port)

    def settled() -> bool:
        return all(len(node._connections) == 1 for node in nodes) and all(
            connection.link.peer.is_open for node in nodes for connection in node._connections
        )

    await until(settled)
    await asyncio.sleep(0.3)
    assert settled()
    # Both CERs cross; the higher name keeps the connection that was dialled to it.
    [connection] = nodes[hosts.index("B.example")]._connections
    assert not connection.link.peer.initiator
    for node in nodes:
        await node.stop()


@wired
async def test_every_cea_of_a_listed_peer_is_a_whole_one() -> None:
    async with serving(allows={"pgw.example"}.__contains__) as served, await Raw.connect(served.server.port) as raw:
        await raw.send(cer())
        assert [avp.name for avp in avps_of(await raw.message())] == [
            "Result-Code",
            "Origin-Host",
            "Origin-Realm",
            "Host-IP-Address",
            "Vendor-Id",
            "Product-Name",
            "Supported-Vendor-Id",
            "Auth-Application-Id",
        ]
