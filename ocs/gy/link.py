"""An asyncio TCP connection around a `Peer`: what server and client share.

The transport's octets go to the peer, the peer's events to the owner, and what the peer layer says by itself is
written at once. What the owner queues leaves with `flush`, in one write.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, cast

from ocs.gy.events import Event
from ocs.gy.node import EndToEndIds, Timers
from ocs.gy.peer import Peer
from ocs.gy.transitions import State
from ocs.units import SECOND

_WRITE_BUFFER_OCTETS: Final = 1_048_576
"""Unsent octets above which a peer that does not read is not read from either."""


class Link(asyncio.Protocol):
    """One connection. `on_events` is called with the link and what has happened on it."""

    def __init__(self, peer: Peer, on_events: Callable[[Link, list[Event]], None]) -> None:
        self.peer = peer
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading_stops: set[str] = set()
        self.octets_received = 0
        self.octets_sent = 0
        """Handed to the transport, whether or not they have left."""

    def flush(self) -> None:
        """Writes all that is queued."""
        self._write(self.peer.outgoing())

    def stop(self, cause: int) -> None:
        """Starts an orderly end: what is queued, then a DPR."""
        self._handle(self.peer.stop(self._now(), cause))
        self.flush()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def stop_reading(self, why: str, stop: bool) -> None:
        """Stops or resumes reading for one of several reasons; reads when none is left."""
        if stop:
            self._reading_stops.add(why)
        else:
            self._reading_stops.discard(why)
        if self._transport is None or self._transport.is_closing():
            return
        if self._reading_stops:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_OCTETS)
        self._handle(self.peer.connected(self._now()))

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.octets_received += len(data)
        self._handle(self.peer.receive(data, self._now()))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._handle(self.peer.lost(self._now()))

    def pause_writing(self) -> None:  # noqa: D102
        self.stop_reading("unsent octets", True)

    def resume_writing(self) -> None:  # noqa: D102
        self.stop_reading("unsent octets", False)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._loop.time() * SECOND)

    def _handle(self, events: list[Event]) -> None:
        self._write(self.peer.reflexes())
        if events:
            self._on_events(self, events)
        if self.peer.state is State.CLOSED:
            self._end()
        else:
            self._set_timer()

    def _write(self, octets: bytes) -> None:
        if octets and self._transport is not None and not self._transport.is_closing():
            self.octets_sent += len(octets)
            self._transport.write(octets)

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
        self._handle(self.peer.tick(self._now()))

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            # Closing waits for unsent octets, and a peer that does not read would keep it waiting.
            self._loop.call_later(self.peer.timers.closing / SECOND, self._transport.abort)


def watchdog_jitter(timers: Timers) -> int:
    """The part by which one connection's Tw differs: up to two seconds, a fifth of a shorter Tw (RFC 3539 3.4.1)."""
    reach = min(2 * SECOND, timers.watchdog // 5)
    return random.randint(-reach, reach)


def fresh_identifiers() -> EndToEndIds:
    """End-to-End identifiers of a node that starts now."""
    return EndToEndIds(int(time.time()))
