"""Joins the gateway and the OCS: a request goes in, its answer comes back, and no virtual time passes.

What the OCS sends by itself (RAR, ASR) is answered by `Link.on_push` before the call that caused it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from ocs.charging.commands import Charge, Command, Outcome, PushAnswered, Receipt
from ocs.charging.engine import Engine
from ocs.gy.client import GyClient
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.gy.node import Identity, Timers
from ocs.gy.server import GyServer
from ocs.inventory.history import Change
from ocs.records.edr import Edr, Transfer
from ocs.service import Service
from ocs.store.journal import MemoryJournal
from ocs.store.recovery import fold
from ocs.units import HOUR

GATEWAY_HOST: Final = "pgw.example"
"""DiameterIdentity of the simulated packet gateway."""

PushHandler = Callable[[Rar | Asr], Raa | Asa]
T = TypeVar("T")

_PATIENT: Final = Timers(watchdog=HOUR)
"""Real seconds pass by in a run without anything to say; no watchdog needs to ask."""


@dataclass
class Books:
    """What the OCS has written down so far."""

    edrs: list[Edr] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    """The history of SIMs and subscriptions."""

    def take(self, outcome: Outcome) -> None:
        """Add what one command left."""
        self.edrs += outcome.edrs
        self.transfers += outcome.transfers
        self.changes += outcome.changes


class Link(Protocol):
    """One way to the OCS. `now` is the world's clock, microseconds UTC, never less than before."""

    on_push: PushHandler
    books: Books
    octets: int
    """That crossed a wire, once the link is closed."""

    def exchange(self, request: Ccr, now: int, repeated: bool = False) -> Cca | ErrorAnswer | None:
        """A request and its answer; None if none came. `repeated`: with the T bit (RFC 6733 3)."""

    def command(self, command: Command, now: int) -> Receipt | None:
        """An operator's command, or passing time."""

    def next_deadline(self) -> int | None:
        """When the OCS will have something to do by itself."""

    def replay(self) -> None:
        """The OCS dies, and comes back as what its journal says. ValueError where no journal is kept."""

    def close(self) -> None:
        """No more requests."""


class MemoryLink:
    """The engine itself, with typed messages. `anew` makes the engine of an OCS that replays its journal."""

    def __init__(self, engine: Engine, anew: Callable[[], Engine] | None = None) -> None:
        self._engine = engine
        self._anew = anew
        self._journal: list[tuple[Command, int]] = []
        """Kept where somebody may want to replay it."""
        self.books = Books()
        self.octets = 0
        self.on_push: PushHandler = _nobody

    def exchange(self, request: Ccr, now: int, repeated: bool = False) -> Cca | ErrorAnswer:
        """See `Link`."""
        answer = self._apply(Charge(request, repeated), now)
        assert isinstance(answer, Cca)
        return answer

    def command(self, command: Command, now: int) -> Receipt | None:
        """See `Link`."""
        answer = self._apply(command, now)
        return answer if isinstance(answer, Receipt) else None

    def next_deadline(self) -> int | None:
        """See `Link`."""
        return self._engine.next_deadline()

    def replay(self) -> None:
        """See `Link`."""
        if self._anew is None:
            raise ValueError("no journal is kept")
        self._engine = self._anew()
        for command, now in self._journal:
            self._engine.apply(command, now)

    def close(self) -> None:
        """See `Link`."""

    def _apply(self, command: Command, now: int) -> Cca | Receipt | None:
        if self._anew is not None:
            self._journal.append((command, now))
        outcome = self._engine.apply(command, now)
        self.books.take(outcome)
        for push in outcome.pushes:
            rating_group = push.rating_group if isinstance(push, Rar) else None
            self._apply(PushAnswered(push.session_id, rating_group, self._deliver(push).result_code), now)
        return outcome.answer

    def _deliver(self, push: Rar | Asr) -> Raa | Asa:
        return self.on_push(push)


class WireLink:
    """The same engine behind a served OCS: real Gy over TCP on the loopback, client and server in this process.

    The world's clock is the server's `now`, so a run over the wire tells the same story as one in memory. A call runs
    the event loop until the answer is there and everything that it caused (pushes and their answers) is settled.
    """

    def __init__(self, engine: Engine, port: int = 0, anew: Callable[[], Engine] | None = None) -> None:
        """`port`: TCP port of the OCS on 127.0.0.1; 0: the system chooses. `anew`: see `MemoryLink`.

        Raises:
            OSError: the port is taken.
        """
        self.books = Books()
        self.on_push: PushHandler = _nobody
        self.octets = 0
        """Octets that have crossed the connection, both ways; counted up when it closes."""
        self._engine = engine
        self._anew = anew
        self._journal = MemoryJournal()
        self._now = 0
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._open(port))

    def exchange(self, request: Ccr, now: int, repeated: bool = False) -> Cca | ErrorAnswer:
        """See `Link`."""
        return self._call(now, self._client.request(request, retransmitted=repeated))

    def command(self, command: Command, now: int) -> Receipt | None:
        """See `Link`."""
        return self._call(now, self._service.execute(command))

    def next_deadline(self) -> int | None:
        """See `Link`."""
        return self._service.engine.next_deadline()

    def replay(self) -> None:
        """See `Link`."""
        if self._anew is None:
            raise ValueError("nobody says how to make the engine anew")
        engine = self._anew()
        fold(engine, self._journal)
        self._service.engine = engine

    def close(self) -> None:
        """See `Link`."""
        self._loop.run_until_complete(self._shut())
        self._loop.close()

    def _call(self, now: int, what: Coroutine[Any, Any, T]) -> T:
        self._now = now
        return self._loop.run_until_complete(self._settled(what))

    async def _settled(self, what: Coroutine[Any, Any, T]) -> T:
        result = await what
        await self._service.settled()
        return result

    async def _open(self, port: int) -> None:
        state = self._engine.state
        host, realm = state.origin_host, state.origin_realm
        self._server = GyServer(Identity(host=host, realm=realm), timers=_PATIENT)
        self._service = Service(
            self._engine,
            self._journal,
            self._server,
            lambda: self._now,
            watch_deadlines=False,
            on_outcome=lambda command, now, outcome: self.books.take(outcome),
        )
        await self._server.start("127.0.0.1", port)
        self._serving = asyncio.create_task(self._service.run())
        identity = Identity(host=GATEWAY_HOST, realm=realm)
        push = lambda message: self.on_push(message)  # noqa: E731 - the world may set another one later
        self._client = await GyClient.connect("127.0.0.1", self._server.port, identity, on_push=push, timers=_PATIENT)

    async def _shut(self) -> None:
        await self._client.close()
        self.octets = sum(self._client.octets)
        await self._service.stop()
        await self._serving


def _nobody(push: Rar | Asr) -> Raa | Asa:
    raise RuntimeError(f"nobody is there to answer {push}")
