"""A running OCS: requests in batches from the Gy server, the engine, the journal, and answers out.

    take -> apply -> append (fsync) -> answer -> flush

Nothing that a batch causes leaves before its rows are durable. An operator's commands and passing deadlines take the
same way. If an append fails, the process's memory is worth nothing: the batch is answered with an error, and the
engine is folded anew from what is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ocs.charging.commands import Charge, Command, Expire, Outcome, PushAnswered, Receipt
from ocs.charging.engine import Engine
from ocs.gy.messages import Asr, Ccr, ErrorAnswer, Rar, ResultCode
from ocs.gy.server import GyServer, Incoming, PushAnswer
from ocs.store.journal import Journal, StoreError
from ocs.store.recovery import CHUNK, fold
from ocs.store.rows import Row, request_octets
from ocs.units import SECOND

_FILL_EVERY_SECONDS: Final = 0.5
"""How far the tables may be behind the journal in time, when little happens."""
_LONGEST_SLEEP_SECONDS: Final = 60.0


def spare_the_collector() -> None:
    """Have Python look for garbage cycles seldom: sessions live long, and answering a request makes no cycle.

    For the process that serves; with 100,000 open sessions a full collection takes a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class Service:
    """One OCS. `clock` gives microseconds UTC.

    `watch_deadlines`: False where the owner sends `Expire` itself, in virtual time. `on_outcome` sees every command
    that has become durable, with its instant and what it did; `on_trouble` what an operator has to know.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        server: GyServer,
        clock: Callable[[], int],
        *,
        watch_deadlines: bool = True,
        on_outcome: Callable[[Command, int, Outcome], None] | None = None,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.engine = engine
        self._journal = journal
        self._server = server
        self._clock = clock
        self._watch_deadlines = watch_deadlines
        self._on_outcome = on_outcome
        self._on_trouble = on_trouble
        self._now = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0
        self._unfilled: list[Outcome] = []

    def recover(self) -> None:
        """Fold the engine, which is new, from the journal. Called before `run`."""
        gc.disable()  # everything that a fold makes stays
        try:
            self._now = fold(self.engine, self._journal)
        finally:
            gc.enable()

    async def run(self) -> None:
        """Serve until `stop`."""
        self._idle.clear()
        filling = asyncio.create_task(self._fill_in_time()) if self._journal.has_tables else None
        if self._watch_deadlines:
            self._watch()
        try:
            while batch := await self._server.take():
                with contextlib.suppress(StoreError):
                    self._process([(Charge(item.message, item.retransmitted), item) for item in batch])
        finally:
            self._idle.set()
            if self._alarm is not None:
                self._alarm.cancel()
            if filling is not None:
                filling.cancel()

    async def execute(self, command: Command) -> Receipt | None:
        """An operator's command, durable when it returns; None for one that has no answer.

        Raises:
            StoreError: it was not done.
        """
        (outcome,) = self._process([(command, None)])
        return outcome.answer if isinstance(outcome.answer, Receipt) else None

    async def settled(self) -> None:
        """Wait until every push has been answered, and what the answer says has been taken in."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self, cause: int = 0) -> None:
        """Disconnect every peer in order, finish what is in hand, and bring the tables up to date."""
        await self._server.stop(cause)
        await self._idle.wait()
        for task in self._tasks:
            task.cancel()
        self._fill()
        self._journal.close()

    # --- one batch ----------------------------------------------------------------------------------------------------

    def _process(self, batch: Sequence[tuple[Command, Incoming | None]]) -> list[Outcome]:
        self._now = now = max(self._now, self._clock())
        apply = self.engine.apply
        outcomes: list[Outcome] = []
        answers: list[bytes] = []
        rows: list[Row] = []
        for command, incoming in batch:
            outcome = apply(command, now)
            answer = b""
            octets = None
            if incoming is not None:
                assert outcome.answer is not None
                assert not isinstance(outcome.answer, Receipt)
                answer, octets = incoming.encode(outcome.answer), incoming.octets
            elif isinstance(outcome.answer, Receipt):
                answer = msgspec.json.encode(outcome.answer)
            outcomes.append(outcome)
            answers.append(answer)
            rows.append(Row(now, type(command).__name__, request_octets(command, octets), answer))
        try:
            self._journal.append(rows)
        except StoreError as error:
            self._lose(batch, error)
            raise
        for (_, incoming), answer in zip(batch, answers, strict=True):
            if incoming is not None:
                incoming.send(answer)
        for (command, _), outcome in zip(batch, outcomes, strict=True):
            for push in outcome.pushes:
                self._push(push)
            if self._on_outcome is not None:
                self._on_outcome(command, now, outcome)
        self._server.flush()
        if self._journal.has_tables:
            self._unfilled += outcomes
            if len(self._unfilled) >= CHUNK:
                self._fill()
        if self._watch_deadlines:
            self._watch()
        return outcomes

    def _lose(self, batch: Sequence[tuple[Command, Incoming | None]], error: StoreError) -> None:
        """Nothing of the batch has happened: say so, and start again from what is durable."""
        self._on_trouble(str(error))
        for command, incoming in batch:
            if incoming is not None and isinstance(command, Charge):
                incoming.respond(self._cannot(command.ccr))
        self._server.flush()
        state = self.engine.state
        self.engine = Engine(state.origin_host, state.origin_realm)
        self._unfilled = []
        fold(self.engine, self._journal)

    def _cannot(self, ccr: Ccr) -> ErrorAnswer:
        """3004 to a client that means this host, 3002 to one that another host could serve (RFC 6733 7.1.3)."""
        host = self._server.identity.host
        ours = ccr.destination_host is not None and ccr.destination_host.lower() == host.lower()
        code = ResultCode.TOO_BUSY if ours else ResultCode.UNABLE_TO_DELIVER
        return ErrorAnswer(
            session_id=ccr.session_id, result_code=code, origin_host=host, origin_realm=self._server.identity.realm
        )

    # --- pushes -------------------------------------------------------------------------------------------------------

    def _push(self, push: Rar | Asr) -> None:
        task = asyncio.create_task(self._pushed(push, self._server.push(push)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pushed(self, push: Rar | Asr, answer: asyncio.Future[PushAnswer] | None) -> None:
        """What the client says to a push is a command like any other, and so is its silence."""
        told = None if answer is None else await answer
        rating_group = push.rating_group if isinstance(push, Rar) else None
        result_code = None if told is None else told.result_code
        with contextlib.suppress(StoreError):
            self._process([(PushAnswered(push.session_id, rating_group, result_code), None)])

    # --- time ---------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Be awake when the engine's next deadline comes; an alarm that rings too early is set anew."""
        deadline = self.engine.next_deadline()
        if deadline is None or (self._alarm is not None and self._alarm_at <= deadline):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        wait = min(max(0, deadline - self._clock()) / SECOND, _LONGEST_SLEEP_SECONDS)
        self._alarm_at = deadline
        self._alarm = asyncio.get_running_loop().call_later(wait, self._expire)

    def _expire(self) -> None:
        """Let the engine do what is due when no request comes."""
        self._alarm = None
        deadline = self.engine.next_deadline()
        if deadline is not None and deadline <= self._clock():
            with contextlib.suppress(StoreError):
                self._process([(Expire(), None)])
        self._watch()

    async def _fill_in_time(self) -> None:
        while True:
            await asyncio.sleep(_FILL_EVERY_SECONDS)
            self._fill()

    def _fill(self) -> None:
        """Bring the tables up to the journal. If they cannot be written, they catch up later."""
        if not self._unfilled:
            return
        try:
            self._journal.fill(self._unfilled)
        except StoreError as error:
            self._on_trouble(str(error))
        else:
            self._unfilled = []
