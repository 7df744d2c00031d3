"""The gateway side of Gy over TCP: one connection to an OCS, many requests in flight."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from ocs.gy.avp import Failure
from ocs.gy.events import AnswerArrived, Event, PeerClosed, PeerOpened, RequestArrived
from ocs.gy.link import Link, fresh_identifiers, watchdog_jitter
from ocs.gy.messages import Asa, Asr, Cca, Ccr, Cea, ErrorAnswer, Raa, Rar
from ocs.gy.node import EndToEndIds, Identity, Timers
from ocs.gy.peer import Peer
from ocs.gy.transitions import State
from ocs.units import SECOND

PushHandler = Callable[[Rar | Asr], Raa | Asa | ErrorAnswer]


class UnreadableAnswerError(Exception):
    """An answer came, but not one that the grammar allows; `failure` says what is wrong with it."""

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure.text if failure else "not an answer to this request")
        self.failure = failure


class GyClient:
    """An open connection; made by `connect`. `on_push` answers RAR and ASR at once."""

    def __init__(self, identity: Identity, on_push: PushHandler, timers: Timers, identifiers: EndToEndIds) -> None:
        self.identity = identity
        self.capabilities: Cea | None = None
        """What the OCS said of itself."""
        self._on_push = on_push
        self._waiting: dict[int, asyncio.Future[Cca | ErrorAnswer]] = {}
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[str] = self._loop.create_future()
        self._flush_due = False
        peer = Peer(
            identity,
            initiator=True,
            identifiers=identifiers,
            timers=timers,
            watchdog_jitter=watchdog_jitter(timers),
            serves=(Rar, Asr),
        )
        self._link = Link(peer, self._on_events)

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        identity: Identity,
        *,
        on_push: PushHandler,
        timers: Timers = Timers(),  # noqa: B008 - immutable
        identifiers: EndToEndIds | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> GyClient:
        """Opens the transport and exchanges capabilities.

        OSError if nobody listens, TimeoutError if the network is silent, ConnectionError with its reason if the OCS
        refuses or says nothing. `identifiers` is shared by the connections of one gateway, also one after the other.
        With `tls` (see `ocs.gy.tls`) the handshake comes first; `server_name`: of the certificate, if it is not `host`.
        """
        client = cls(identity, on_push, timers, identifiers or fresh_identifiers())
        try:
            async with asyncio.timeout(timers.capabilities / SECOND):
                await client._loop.create_connection(
                    lambda: client._link, host, port, ssl=tls, server_hostname=server_name
                )
            await client._opened
        except BaseException:
            client._link.abort()
            raise
        return client

    async def request(
        self, ccr: Ccr, *, retransmitted: bool = False, end_to_end: int | None = None
    ) -> Cca | ErrorAnswer:
        """Sends a CCR and waits for its answer; when cancelled (a timeout of the caller) a late answer is discarded.

        ConnectionError if the connection ends first; UnreadableAnswerError if the answer makes no sense. For a repeat:
        the T bit, and the End-to-End id of the first.
        """
        if not self.is_open:
            raise ConnectionError("not connected")
        hop_by_hop = self._link.peer.send_request(ccr, retransmitted=retransmitted, end_to_end=end_to_end)
        future: asyncio.Future[Cca | ErrorAnswer] = self._loop.create_future()
        self._waiting[hop_by_hop] = future
        self._flush_soon()
        try:
            return await future
        finally:
            if self._waiting.pop(hop_by_hop, None) is not None:
                self._link.peer.forget(hop_by_hop)

    @property
    def is_open(self) -> bool:
        """Requests can be sent."""
        return self._link.peer.is_open

    @property
    def suspected(self) -> bool:
        """The OCS is silent since a DWR: nothing new should go there (RFC 3539 3.4.1)."""
        return self._link.peer.state is State.SUSPECT

    @property
    def watchdog_rounds(self) -> int:
        """DWAs so far on this connection."""
        return self._link.peer.watchdog_rounds

    @property
    def dismissed(self) -> bool:
        """The OCS has disconnected and does not want to be called again without need (RFC 6733 5.4.3)."""
        return self._link.peer.dismissed

    @property
    def octets(self) -> tuple[int, int]:
        """Octets sent and received on this connection so far, of whatever message."""
        return self._link.octets_sent, self._link.octets_received

    async def closed(self) -> str:
        """Waits for the end of the connection and tells its reason."""
        return await asyncio.shield(self._closed)

    async def close(self, cause: int = 0) -> None:
        """Disconnects in order: DPR, DPA, end of the transport. `cause`: RFC 6733 5.4.3."""
        self._link.stop(cause)
        await self.closed()

    def abort(self) -> None:
        """Drops the connection without a word, as a crash does."""
        self._link.abort()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _on_events(self, link: Link, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, AnswerArrived):
                self._settle(event)
            elif isinstance(event, RequestArrived):
                link.peer.answer(event, self._on_push(cast(Rar | Asr, event.message)))
                self._flush_soon()
            elif isinstance(event, PeerOpened):
                self.capabilities = cast(Cea, event.capabilities)
                self._opened.set_result(None)
            elif isinstance(event, PeerClosed):
                self._end(event.reason)

    def _settle(self, event: AnswerArrived) -> None:
        future = self._waiting.pop(event.hop_by_hop, None)
        if future is None or future.done():
            return
        if isinstance(event.message, Cca | ErrorAnswer):
            future.set_result(event.message)
        else:
            future.set_exception(UnreadableAnswerError(event.failure))

    def _end(self, reason: str) -> None:
        if not self._opened.done():
            self._opened.set_exception(ConnectionError(reason))
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(reason))
        self._closed.set_result(reason)

    def _flush_soon(self) -> None:
        """One write for all that is queued in this round of the loop."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        self._link.flush()
