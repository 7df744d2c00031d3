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
import contextlib
import ssl
from collections.abc import Callable

from ocs.gy.avp import Failure
from ocs.gy.connection import Connection, Incoming, PushAnswer
from ocs.gy.events import CapabilitiesOffered, Event, PeerClosed, PeerOpened, PeerRecovered, RequestArrived
from ocs.gy.grammar import STRICT, Tolerance
from ocs.gy.link import Link, fresh_identifiers
from ocs.gy.messages import Asr, Ccr, Cer, Rar, ResultCode
from ocs.gy.node import Identity, Limits, Timers
from ocs.gy.overload import is_shed, too_busy
from ocs.gy.peers import PeerTable
from ocs.gy.tls import certified_names
from ocs.units import SECOND

__all__ = ["GyServer", "Incoming", "PushAnswer"]


class GyServer:
    """Listens for gateways. `on_peer_open` gets each CER that was accepted (its Origin-State-Id tells of restarts).

    `allows` says which Origin-Hosts may connect; others get 3010. `observe` sees, with the Origin-Host if it is known,
    what else happens on connections: opened, suspected, closed, requests refused. `tolerance` gives the unknown AVPs
    that a peer is forgiven, by Origin-Host. `push_seconds`: how long the answer to a push may take.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        timers: Timers = Timers(),  # noqa: B008 - immutable
        limits: Limits = Limits(),  # noqa: B008 - immutable
        tolerance: Callable[[str], Tolerance] = lambda _: STRICT,
        allows: Callable[[str], bool] = lambda _: True,
        on_peer_open: Callable[[Cer], None] = lambda _: None,
        observe: Callable[[str | None, Event], None] = lambda _, __: None,
        push_seconds: float = 10.0,
    ) -> None:
        self.identity = identity
        self.timers = timers
        self.limits = limits
        self.tolerance = tolerance
        self.identifiers = fresh_identifiers()
        self.unflushed: set[Connection] = set()
        self._allows = allows
        self._on_peer_open = on_peer_open
        self._observe = observe
        self._push_seconds = push_seconds
        self._peers = PeerTable(identity.host, limits)
        self._connections: set[Connection] = set()
        self._half_open: dict[Connection, None] = {}
        self._ready: dict[Connection, None] = {}
        self._waiting = 0
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._stopped = False
        self._listener: asyncio.Server | None = None
        self._dialling: list[asyncio.Task[None]] = []

    # --- the owner's side ---------------------------------------------------------------------------------------------

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listens, IPv4 or IPv6; OSError if the address is taken. With port 0 the system chooses (see `port`).

        With `tls` (see `ocs.gy.tls`) every connection begins with a handshake, and a peer that shows a certificate has
        to have the Origin-Host as a DNS name in it.
        """
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: self._accept(tls), host, port)

    def dial(self, peer_host: str, address: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Keeps a connection to the peer with that Origin-Host, by dialling whenever it has none with us."""
        self._dialling.append(asyncio.create_task(self._keep_dialling(peer_host, address, port, tls)))

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        if self._listener is None:
            raise RuntimeError("not started")
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def waiting(self) -> int:
        """Requests not yet taken."""
        return self._waiting

    @property
    def connected(self) -> list[str]:
        """Origin-Hosts (lower case) of the peers whose connection is open."""
        return self._peers.connected()

    @property
    def half_open(self) -> int:
        """Connections of peers that have not said who they are."""
        return len(self._half_open)

    async def take(self) -> list[Incoming]:
        """Requests that wait, as soon as there are any; empty once the server is stopped.

        A batch has about `Limits.batch` of them, an equal share of each connection, so that a busy peer does not hold
        up the others.
        """
        if self._waiting:
            await asyncio.sleep(0)
        while not self._waiting and not self._stopped:
            self._wake.clear()
            await self._wake.wait()
        share = max(1, self.limits.batch // max(1, len(self._ready)))
        batch: list[Incoming] = []
        for connection in tuple(self._ready):
            waiting = connection.waiting
            batch += [waiting.popleft() for _ in range(min(share, len(waiting)))]
            if not waiting:
                del self._ready[connection]
        self._waiting -= len(batch)
        return batch

    def flush(self) -> None:
        """Sends the answers and pushes that are queued: one write for each connection."""
        unflushed, self.unflushed = self.unflushed, set()
        for connection in unflushed:
            connection.link.flush()

    def push(self, message: Rar | Asr) -> asyncio.Future[PushAnswer] | None:
        """Queues a request to the gateway named in Destination-Host, until `flush`; None if it is not connected.

        The way is the connection with that host, else the one on which it was last heard, which is that of a relay.
        On one connection pushes and answers leave in the order in which they were queued.
        """
        connection = self._peers.way_to(message.destination_host)
        return None if connection is None else connection.push(message, self._push_seconds)

    async def stop(self, cause: int = 0) -> None:
        """Stops listening and disconnects every peer in order; then `take` gives no more. `cause`: RFC 6733 5.4.3.

        Requests in hand are still to be answered: whoever takes and flushes has to go on until `take` gives nothing.
        """
        if self._listener is not None:
            self._listener.close()
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.link.stop(cause)
        if self._connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.timers.closing / SECOND + 1):
                    await self._empty.wait()
        for connection in tuple(self._connections):
            connection.link.abort()
        self._stopped = True
        self._wake.set()

    # --- what connections report --------------------------------------------------------------------------------------

    def arrived(self, request: RequestArrived, connection: Connection) -> None:
        """A request has come: it waits to be taken, or is refused because too many do."""
        ccr = request.message
        assert isinstance(ccr, Ccr)
        waiting, limit = self._waiting, self.limits.waiting
        if waiting >= limit and is_shed(ccr, waiting, limit) and self._takes_more_than_its_share(connection):
            connection.link.peer.decline(request, too_busy(ccr))
            return
        if ccr.origin_host != connection.link.peer.host:
            self._peers.heard(ccr.origin_host, connection)
        if not self._waiting:
            self._wake.set()
        self._waiting += 1
        connection.waiting.append(Incoming(request, connection))
        self._ready[connection] = None

    def observed(self, event: Event, connection: Connection) -> None:
        """Something else has happened."""
        peer = connection.link.peer
        self._observe(peer.host, event)
        if isinstance(event, CapabilitiesOffered):
            self._judge(event.capabilities.origin_host, connection)
        elif isinstance(event, PeerOpened):
            self._half_open.pop(connection, None)
            if isinstance(event.capabilities, Cer):
                self._on_peer_open(event.capabilities)
            if event.capabilities.origin_host.lower() == connection.name:
                self._peers.alive(connection)
            else:
                connection.link.abort()
        elif isinstance(event, PeerRecovered):
            self._peers.alive(connection)
        elif isinstance(event, PeerClosed):
            self._forget(connection)

    def _takes_more_than_its_share(self, connection: Connection) -> bool:
        return len(connection.waiting) * len(self._ready) >= self._waiting

    def _judge(self, host: str, connection: Connection) -> None:
        names = certified_names(connection.link.transport)
        if not self._allows(host):
            failure = Failure(ResultCode.UNKNOWN_PEER, b"", f"{host} is not among the peers")
            connection.link.reject(failure)
        elif names is not None and host.lower() not in names:
            failure = Failure(ResultCode.UNKNOWN_PEER, b"", f"{host} is not in the certificate")
            connection.link.reject(failure)
        else:
            self._peers.offered(host, connection)

    # --- coming and going ---------------------------------------------------------------------------------------------

    def _accept(self, tls: ssl.SSLContext | None) -> Link:
        connection = Connection(self, initiator=False, tls=tls)
        self._connections.add(connection)
        self._empty.clear()
        if len(self._half_open) >= self.limits.half_open:
            oldest = next(iter(self._half_open))
            del self._half_open[oldest]
            oldest.link.abort()
        self._half_open[connection] = None
        return connection.link

    def _forget(self, connection: Connection) -> None:
        self._half_open.pop(connection, None)
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        connection.give_up_pushes()
        self._peers.gone(connection)

    async def _keep_dialling(self, host: str, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        dialled: Connection | None = None

        def connect() -> Link:
            nonlocal dialled
            dialled = Connection(self, initiator=True)
            self._connections.add(dialled)
            self._empty.clear()
            self._peers.expect(host, dialled)
            return dialled.link

        while dialled is None or not dialled.link.peer.dismissed:
            if host not in self._peers:
                try:
                    await loop.create_connection(connect, address, port, ssl=tls)
                except OSError:
                    # A failed handshake leaves a connection that nobody reports as closed.
                    if dialled is not None and dialled.link.transport is None:
                        self._forget(dialled)
            await asyncio.sleep(self.timers.reconnect / SECOND)
