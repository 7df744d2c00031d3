"""The asyncio skin: Gy sessions over one connection to an OCS, in real time.

A `LiveSession` sends what its `GySession` wants to send, brings it the answers and the pushes, and wakes whoever moves
octets on it when something has changed. What the session does about silence and lost connections is its own business
(`states`); here a request waits for the connection until the session gives up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import msgspec

from ocs.gy.client import UnreadableAnswerError
from ocs.gy.link import fresh_identifiers
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.gy.node import Identity, Timers
from ocs.units import SECOND
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.personality import GySession, new_session
from sim.pgw.session import unknown_session
from sim.pgw.uplink import Uplink


class Reporter(Protocol):
    """Who is told of what happens on Gy."""

    def asked(self, request: Ccr, repeated: bool) -> None:
        """A request goes out, or waits for a connection."""

    def answered(self, request: Ccr, answer: Cca | ErrorAnswer | None) -> None:
        """Its answer; None: none came, or none that makes sense."""

    def pushed(self, push: Rar | Asr, reply: Raa | Asa) -> None:
        """A RAR or ASR, and what was answered."""

    def connection(self, news: str) -> None:
        """The connection went or came."""


class Gateway:
    """One PGW. `clock` gives microseconds UTC and never goes back.

    `alternate` is another OCS: for new sessions while the first is away or not trusted (RFC 6733 5.5.4), and for open
    ones that may move (CC-Session-Failover, RFC 8506 5.7).
    """

    def __init__(
        self,
        settings: Settings,
        address: tuple[str, int],
        reporter: Reporter,
        clock: Callable[[], int],
        timers: Timers = Timers(),  # noqa: B008 - immutable
        alternate: tuple[str, int] | None = None,
    ) -> None:
        self.settings = settings
        self.reporter = reporter
        self.clock = clock
        identity = Identity(
            host=settings.origin_host, realm=settings.origin_realm, origin_state_id=settings.origin_state_id
        )
        self.identifiers = fresh_identifiers()
        self.uplinks = [self._uplink(address, identity, timers, "")]
        if alternate is not None:
            self.uplinks.append(self._uplink(alternate, identity, timers, "alternate: "))
        self._sessions: dict[str, LiveSession] = {}

    def _uplink(self, address: tuple[str, int], identity: Identity, timers: Timers, name: str) -> Uplink:
        return Uplink(
            address,
            identity,
            on_push=self._on_push,
            timers=timers,
            identifiers=self.identifiers,
            tell=lambda news: self.reporter.connection(name + news),
        )

    async def open(self) -> None:
        """Connects. OSError or TimeoutError if there is no OCS; the alternate may come later."""
        await self.uplinks[0].open()
        for uplink in self.uplinks[1:]:
            uplink.keep_trying()

    async def close(self) -> None:
        """Disconnects."""
        for uplink in self.uplinks:
            await uplink.close()

    @property
    def is_open(self) -> bool:
        """Requests can be sent."""
        return any(uplink.is_open for uplink in self.uplinks)

    def other_than(self, uplink: Uplink) -> Uplink | None:
        """Another one that is trusted; None: there is none."""
        return next((other for other in self.uplinks if other is not uplink and other.is_trusted), None)

    def session(self, session_id: str, bearer: Bearer) -> LiveSession:
        """A new session; its caller attaches it."""
        live = self._sessions[session_id] = LiveSession(self, new_session(self.settings, session_id, bearer))
        return live

    def forget(self, live: LiveSession) -> None:
        """It has ended."""
        live.cancel()
        del self._sessions[live.session.session_id]

    def _on_push(self, push: Rar | Asr) -> Raa | Asa:
        live = self._sessions.get(push.session_id)
        if live is None or live.session.ended:
            reply = unknown_session(self.settings, push)
        else:
            reply = live.session.on_push(push, self.clock())
            live.changed.set()  # Whoever moves octets there wakes, after the reply has left, and has its CCR sent.
        self.reporter.pushed(push, reply)
        return reply


class LiveSession:
    """A session and its exchanges. `changed` is set when an answer or a push has come."""

    def __init__(self, gateway: Gateway, session: GySession) -> None:
        self.session = session
        self.changed = asyncio.Event()
        self._gateway = gateway
        self._uplink = gateway.uplinks[0]
        """Where its OCS is."""
        self._end_to_end = 0
        self._written = False
        self._waiting: set[asyncio.Task[None]] = set()

    def talk(self) -> None:
        """After octets were counted, time has passed or something was asked of the session: send what it has to say."""
        now = self._gateway.clock()
        self.session.tick(now)
        if self.session.outstanding is None:
            self.cancel()  # What was given up must not leave when the connection is back.
        request = self.session.next_request(now)
        if request is None:
            return
        repeated = self.session.repeated
        if not repeated:
            self._written = False
            self._end_to_end = self._gateway.identifiers.take()
        elif not self._written:
            self.cancel()
        self._gateway.reporter.asked(request, repeated)
        task = asyncio.create_task(self._exchange(request))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def rest(self, until: int) -> None:
        """Sleep until something has changed, the session has something to do, or `until` has come."""
        deadline = self.session.next_deadline()
        at = until if deadline is None else min(until, deadline)
        delay = (at - self._gateway.clock()) / SECOND
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(delay, 0.0)):
                await self.changed.wait()
        self.changed.clear()

    def cancel(self) -> None:
        """Nothing is waited for any more, neither a connection nor an answer."""
        for task in self._waiting:
            task.cancel()

    async def _exchange(self, request: Ccr) -> None:
        """One sending of a request. The T bit stands where it may have arrived before (RFC 6733 3)."""
        gateway = self._gateway
        answer: Cca | ErrorAnswer | None = None
        client = await self._where().client()
        again, self._written = self._written, True
        # Whoever the request was for at first, it is for the OCS that gets it now.
        sent = msgspec.structs.replace(request, destination_host=self.session.destination_host)
        with contextlib.suppress(ConnectionError, UnreadableAnswerError):
            answer = await client.request(sent, retransmitted=again, end_to_end=self._end_to_end)
        if self.session.outstanding is request:
            gateway.reporter.answered(request, answer)
            self.session.on_answer(answer, gateway.clock())
            self.changed.set()

    def _where(self) -> Uplink:
        """To whom it goes: to another OCS if its own is away or silent, and the session may move (RFC 8506 5.7)."""
        in_trouble = self.session.repeated or not self._uplink.is_trusted
        if in_trouble and self.session.may_move and (other := self._gateway.other_than(self._uplink)) is not None:
            self._uplink = other
            self.session.move()
        return self._uplink
