"""The OCS side of Gy over TCP: one `Peer` for each connection, requests of all of them in batches.

    server = GyServer(identity)
    await server.start("127.0.0.1", 3868)
    while batch := await server.take():
        for incoming in batch:
            incoming.respond(answer_to(incoming.message))
        ...                       # make the batch durable
        server.flush()            # one write for each connection

Until `flush` no answer and no push leaves, whatever else the peer layer has to say on that connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from ocs.gy.events import AnswerArrived, Event, PeerClosed, PeerOpened, RequestArrived
from ocs.gy.grammar import STRICT, Tolerance
from ocs.gy.link import Link, fresh_identifiers, watchdog_jitter
from ocs.gy.messages import Asa, Asr, Cca, Ccr, Cer, ErrorAnswer, Raa, Rar
from ocs.gy.node import Identity, Timers
from ocs.gy.peer import Peer

PushAnswer = Raa | Asa | ErrorAnswer | None
"""None: the connection ended, the answer did not come in time, or it could not be read."""

_UNANSWERED_MAX: Final = 8_192
"""Requests of one connection in hand; above it, it is not read until half of them are answered."""
_ROUTES_MAX: Final = 65_536
"""Origin-Hosts remembered for pushes."""


class Incoming:
    """One CCR and the way back for its answer. `octets`: the message as it came."""

    __slots__ = ("_connection", "_request", "message", "octets")

    def __init__(self, request: RequestArrived, connection: _Connection) -> None:
        self.message = cast(Ccr, request.message)
        self.octets = request.octets
        self._request = request
        self._connection = connection

    @property
    def retransmitted(self) -> bool:
        """T bit: the client may have sent this before (RFC 6733 3)."""
        return self._request.header.retransmitted

    def respond(self, answer: Cca | ErrorAnswer) -> bytes:
        """Queues the answer until `GyServer.flush` and gives its octets; if the connection has ended, in vain."""
        return self._connection.respond(self._request, answer)


class _Connection:
    """A link with what the server keeps for it."""

    def __init__(self, server: GyServer) -> None:
        self.server = server
        peer = Peer(
            server.identity,
            initiator=False,
            identifiers=server.identifiers,
            timers=server.timers,
            watchdog_jitter=watchdog_jitter(server.timers),
            tolerance=server.tolerance,
            serves=(Ccr,),
        )
        self.link = Link(peer, self.on_events)
        self.unanswered = 0
        self.pushes: dict[int, asyncio.Future[PushAnswer]] = {}

    def on_events(self, link: Link, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestArrived):
                self.unanswered += 1
                self.server.arrived(Incoming(event, self), self)
            elif isinstance(event, AnswerArrived):
                self.settle(event.hop_by_hop, cast(PushAnswer, event.message))
            else:
                self.server.observed(event, self)
        if self.unanswered > _UNANSWERED_MAX:
            link.stop_reading("unanswered requests", True)

    def respond(self, request: RequestArrived, answer: Cca | ErrorAnswer) -> bytes:
        octets = self.link.peer.answer(request, answer)
        self.unanswered -= 1
        if self.unanswered == _UNANSWERED_MAX // 2:
            self.link.stop_reading("unanswered requests", False)
        self.server.unflushed.add(self)
        return octets

    def push(self, message: Rar | Asr, seconds: float) -> asyncio.Future[PushAnswer]:
        loop = asyncio.get_running_loop()
        hop_by_hop = self.link.peer.send_request(message)
        future: asyncio.Future[PushAnswer] = loop.create_future()
        self.pushes[hop_by_hop] = future
        timer = loop.call_later(seconds, self.settle, hop_by_hop, None)
        future.add_done_callback(lambda _: timer.cancel())
        self.server.unflushed.add(self)
        return future

    def settle(self, hop_by_hop: int, answer: PushAnswer) -> None:
        future = self.pushes.pop(hop_by_hop, None)
        if future is not None:
            self.link.peer.forget(hop_by_hop)
            if not future.done():
                future.set_result(answer)


class GyServer:
    """Listens for gateways. `on_peer_open` gets each CER that was accepted (its Origin-State-Id tells of restarts).

    `observe` sees, with the Origin-Host if it is known, what else happens on connections: opened, suspected, closed,
    requests refused. `tolerance` gives the unknown AVPs that a peer is forgiven, by Origin-Host.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        timers: Timers = Timers(),  # noqa: B008 - immutable
        tolerance: Callable[[str], Tolerance] = lambda _: STRICT,
        on_peer_open: Callable[[Cer], None] = lambda _: None,
        observe: Callable[[str | None, Event], None] = lambda _, __: None,
        push_seconds: float = 10.0,
    ) -> None:
        self.identity = identity
        self.timers = timers
        self.tolerance = tolerance
        self.identifiers = fresh_identifiers()
        self.unflushed: set[_Connection] = set()
        self._on_peer_open = on_peer_open
        self._observe = observe
        self._push_seconds = push_seconds
        self._connections: set[_Connection] = set()
        self._routes: dict[str, _Connection] = {}
        self._waiting: list[Incoming] = []
        self._wake = asyncio.Event()
        self._stopped = False
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listens; OSError if the address is taken. With port 0 the system chooses (see `port`)."""
        self._listener = await asyncio.get_running_loop().create_server(self._accept, host, port)

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        if self._listener is None:
            raise RuntimeError("not started")
        return int(self._listener.sockets[0].getsockname()[1])

    async def take(self) -> list[Incoming]:
        """All requests that wait, as soon as there are any; empty once the server is stopped."""
        while not self._waiting and not self._stopped:
            self._wake.clear()
            await self._wake.wait()
        batch, self._waiting = self._waiting, []
        return batch

    def flush(self) -> None:
        """Sends the answers and pushes that are queued: one write for each connection."""
        for connection in self.unflushed:
            connection.link.flush()
        self.unflushed.clear()

    def push(self, message: Rar | Asr) -> asyncio.Future[PushAnswer] | None:
        """Queues a request to the gateway named in Destination-Host, until `flush`; None if it is not connected.

        The way is the connection on which that Origin-Host was last heard, which may be that of a relay. On one
        connection pushes and answers leave in the order in which they were queued.
        """
        connection = self._routes.get(message.destination_host.lower())
        if connection is None or not connection.link.peer.is_open:
            return None
        return connection.push(message, self._push_seconds)

    async def stop(self, cause: int = 0) -> None:
        """Stops listening and disconnects every peer in order (DPR); `take` gives no more. `cause`: RFC 6733 5.4.3."""
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.link.stop(cause)
        end = asyncio.get_running_loop().time() + self.timers.closing / 1_000_000 + 1
        while self._connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.005)
        for connection in tuple(self._connections):
            connection.link.abort()
        self._stopped = True
        self._wake.set()

    # --- what connections report --------------------------------------------------------------------------------------

    def arrived(self, incoming: Incoming, connection: _Connection) -> None:
        """A request has come."""
        origin = incoming.message.origin_host.lower()
        if self._routes.get(origin) is not connection and len(self._routes) < _ROUTES_MAX:
            self._routes[origin] = connection
        if not self._waiting:
            self._wake.set()
        self._waiting.append(incoming)

    def observed(self, event: Event, connection: _Connection) -> None:
        """Something else has happened."""
        host = connection.link.peer.host
        if isinstance(event, PeerOpened) and isinstance(event.capabilities, Cer):
            self._routes[event.capabilities.origin_host.lower()] = connection
            self._on_peer_open(event.capabilities)
        elif isinstance(event, PeerClosed):
            self._forget(connection)
        self._observe(host, event)

    def _accept(self) -> Link:
        connection = _Connection(self)
        self._connections.add(connection)
        return connection.link

    def _forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        self._routes = {host: route for host, route in self._routes.items() if route is not connection}
        for hop_by_hop in tuple(connection.pushes):
            connection.settle(hop_by_hop, None)
