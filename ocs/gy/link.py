"""An asyncio TCP connection around a `Peer`: what server and client share.

The transport's octets go to the peer, the peer's events to the owner, and what the peer layer says by itself is
written at once. What the owner queues leaves with `flush`, in one write.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from typing import Final, cast

from ocs.gy.avp import Failure
from ocs.gy.events import Event
from ocs.gy.node import EndToEndIds, Limits, Timers
from ocs.gy.peer import Peer
from ocs.gy.transitions import State
from ocs.units import SECOND

_WRITE_BUFFER_OCTETS: Final = 1_048_576
"""Unsent octets above which a peer that does not read is not read from either."""


class Link(asyncio.Protocol):
    """One connection. `on_events` is called with the link and what has happened on it.

    `tls`: of a server, the handshake comes before any Diameter message (RFC 6733 13.1). A client has its transport
    secured before it gets here.
    """

    def __init__(
        self,
        peer: Peer,
        on_events: Callable[[Link, list[Event]], None],
        limits: Limits = Limits(),  # noqa: B008 - immutable
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.peer = peer
        self.transport: asyncio.Transport | None = None
        self.octets_received = 0
        self.octets_sent = 0
        """Handed to the transport, whether or not they have left."""
        self._on_events = on_events
        self._limits = limits
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""
        self._more_due = False
        self._reading = True
        self._choked = False
        self._ending = False

    # --- the owner's side ---------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes all that is queued."""
        self._write(self.peer.outgoing())
        if self.peer.state is State.CLOSED:
            self._settle()
        else:
            self._regulate_reading()

    def admit(self) -> None:
        """Lets the peer in whose CER waits."""
        self.peer.admit(self._now())
        self._settle()

    def reject(self, failure: Failure | None) -> None:
        """Turns the peer away whose CER waits."""
        self.peer.reject(self._now(), failure)
        self._settle()

    def probe(self) -> None:
        """Asks the peer for a sign of life."""
        self.peer.probe(self._now())
        self._settle()

    def stop(self, cause: int) -> None:
        """Starts an orderly end: what is queued, then a DPR."""
        self.peer.stop(self._now(), cause)
        self.flush()
        self._settle()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self.transport is not None:
            self.transport.abort()
        else:
            self.peer.lost(self._now(), "dropped")

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self.transport = cast(asyncio.Transport, transport)
        if self._tls is None or self.peer.state is State.CLOSED:
            self._begin()
        else:
            self.transport.pause_reading()
            self._handshake = self._loop.create_task(self._secure(self.transport, self._tls))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.octets_received += len(data)
        if self.peer.state is State.NEW:
            # Came with the end of the TLS handshake, of which we are about to be told.
            self._early += data
            return
        self.peer.receive(data, self._now())
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self.peer.lost(self._now())
        self._settle()

    def pause_writing(self) -> None:  # noqa: D102
        self._choked = True
        self._regulate_reading()

    def resume_writing(self) -> None:  # noqa: D102
        self._choked = False
        self._regulate_reading()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._loop.time() * SECOND)

    async def _secure(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        patience = self.peer.timers.capabilities / SECOND
        try:
            secured = await self._loop.start_tls(transport, self, tls, server_side=True, ssl_handshake_timeout=patience)
        except OSError as error:
            transport.abort()
            self.peer.lost(self._now(), f"TLS: {error}")
            self._settle()
            return
        if secured is not None:
            self.transport = secured
            self._begin()

    def _begin(self) -> None:
        assert self.transport is not None
        self.transport.set_write_buffer_limits(high=_WRITE_BUFFER_OCTETS)
        address, *_ = self.transport.get_extra_info("sockname") or ("127.0.0.1",)
        self.peer.connected(self._now(), address.partition("%")[0])
        self.peer.receive(self._early, self._now())
        self._settle()

    def _settle(self) -> None:
        """After anything has happened: tells the owner, writes, reads on or not, sets the timer or ends."""
        while events := self.peer.events():
            self._on_events(self, events)
        self._write(self.peer.reflexes())
        if self.peer.state is State.CLOSED:
            self._end()
        else:
            self._regulate_reading()
            self._set_timer()

    def _write(self, octets: bytes) -> None:
        if octets and self.transport is not None and not self.transport.is_closing():
            self.octets_sent += len(octets)
            self.transport.write(octets)
            if self.transport.get_write_buffer_size() > self._limits.unsent_octets:
                self.transport.abort()

    def _regulate_reading(self) -> None:
        if self.peer.has_backlog and not self._more_due:
            self._more_due = True
            self._loop.call_soon(self._handle_more)
        wanted = self.peer.wants_octets and not self._choked
        if wanted is not self._reading and self.transport is not None and not self.transport.is_closing():
            self._reading = wanted
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _handle_more(self) -> None:
        self._more_due = False
        self.peer.receive(b"", self._now())
        self._settle()

    def _set_timer(self) -> None:
        # The deadline moves away with every message; the timer is set again only when it fires, or if it is too late.
        deadline = self.peer.next_deadline()
        if deadline is None or (self._timer is not None and self._timer.when() <= deadline / SECOND):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline / SECOND, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.peer.tick(self._now())
        self._settle()

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
            # Closing waits for unsent octets, and a peer that does not read would keep it waiting.
            self._loop.call_later(self.peer.timers.closing / SECOND, self.transport.abort)


def watchdog_jitter(timers: Timers) -> int:
    """The part by which one connection's Tw differs: up to two seconds, a fifth of a shorter Tw (RFC 3539 3.4.1)."""
    reach = min(2 * SECOND, timers.watchdog // 5)
    return random.randint(-reach, reach)


def fresh_identifiers() -> EndToEndIds:
    """End-to-End identifiers of a node that starts now."""
    return EndToEndIds(int(time.time()))
