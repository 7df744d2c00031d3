"""What the server keeps for one connection: its link, the requests that wait, the pushes without an answer."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import TYPE_CHECKING, cast

from ocs.gy.events import AnswerArrived, Event, RequestArrived
from ocs.gy.link import Link, watchdog_jitter
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.gy.peer import Peer

if TYPE_CHECKING:
    from ocs.gy.server import GyServer

PushAnswer = Raa | Asa | ErrorAnswer | None
"""None: the connection ended, the answer did not come in time, or it could not be read."""


class Incoming:
    """One CCR and the way back for its answer. `octets`: the message as it came."""

    __slots__ = ("_connection", "_request", "message", "octets")

    def __init__(self, request: RequestArrived, connection: Connection) -> None:
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
        octets = self.encode(answer)
        self.send(octets)
        return octets

    def encode(self, answer: Cca | ErrorAnswer) -> bytes:
        """The octets of an answer: to be made durable first, then handed to `send`."""
        return self._connection.link.peer.encode_answer(self._request, answer)

    def send(self, octets: bytes) -> None:
        """Queues an answer of `encode` until `GyServer.flush`."""
        self._connection.send(octets)


class Connection:
    """One connection of a server. `initiator`: the server has dialled."""

    def __init__(self, server: GyServer, *, initiator: bool, tls: ssl.SSLContext | None = None) -> None:
        peer = Peer(
            server.identity,
            initiator=initiator,
            identifiers=server.identifiers,
            timers=server.timers,
            limits=server.limits,
            watchdog_jitter=watchdog_jitter(server.timers),
            tolerance=server.tolerance,
            serves=(Ccr,),
        )
        self.link = Link(peer, self._on_events, server.limits, tls)
        self.name = ""
        """Origin-Host of the peer, lower case, under which `PeerTable` has it."""
        self.behind: set[str] = set()
        """Other hosts that were heard here: the peer is a relay."""
        self.waiting: deque[Incoming] = deque()
        """Requests not yet taken by the owner of the server."""
        self._server = server
        self._pushes: dict[int, asyncio.Future[PushAnswer]] = {}

    def send(self, octets: bytes) -> None:
        """Queues an answer."""
        self.link.peer.queue_answer(octets)
        self._server.unflushed.add(self)

    def push(self, message: Rar | Asr, seconds: float) -> asyncio.Future[PushAnswer]:
        """Queues a request; its answer has that many seconds."""
        loop = asyncio.get_running_loop()
        hop_by_hop = self.link.peer.send_request(message)
        future: asyncio.Future[PushAnswer] = loop.create_future()
        self._pushes[hop_by_hop] = future
        timer = loop.call_later(seconds, self._settle, hop_by_hop, None)
        future.add_done_callback(lambda _: timer.cancel())
        self._server.unflushed.add(self)
        return future

    def give_up_pushes(self) -> None:
        """No answer will come any more."""
        for hop_by_hop in tuple(self._pushes):
            self._settle(hop_by_hop, None)

    def _settle(self, hop_by_hop: int, answer: PushAnswer) -> None:
        future = self._pushes.pop(hop_by_hop, None)
        if future is not None:
            self.link.peer.forget(hop_by_hop)
            if not future.done():
                future.set_result(answer)

    def _on_events(self, link: Link, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestArrived):
                self._server.arrived(event, self)
            elif isinstance(event, AnswerArrived):
                self._settle(event.hop_by_hop, cast(PushAnswer, event.message))
            else:
                self._server.observed(event, self)
