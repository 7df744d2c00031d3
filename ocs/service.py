"""A running OCS: requests in batches from the Gy server, the engine, the journal, and answers out.

    take -> apply -> append (fsync) -> answer -> flush

Nothing that a batch causes leaves before its rows are durable. An operator's commands and passing deadlines take the
same way. If an append fails, the process's memory is worth nothing: the batch is answered with an error, and the
engine is folded anew from what is durable. Until something can be written again, every batch is answered so.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

import msgspec

from ocs.charging.commands import Charge, Command, Expire, Outcome, PushAnswered, Receipt
from ocs.charging.engine import Engine
from ocs.charging.state import State
from ocs.gy.messages import Asr, Cca, Ccr, ErrorAnswer, Rar, ResultCode
from ocs.gy.node import Identity
from ocs.gy.overload import too_busy
from ocs.gy.server import GyServer, Incoming, PushAnswer
from ocs.store.checkpoint import Checkpoint
from ocs.store.journal import Journal, StoreError
from ocs.store.keeping import Keeper
from ocs.store.recovery import fold
from ocs.store.rows import Filling, Row, request_octets
from ocs.units import SECOND

_FILL_EVERY_SECONDS: Final = 0.5
"""How far the tables may be behind the journal in time, when little happens."""
_FILL_AT: Final = 500
"""Outcomes that the tables lack when they are filled in between: few enough that nobody notices the pause."""
_LONGEST_SLEEP_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 1.0
"""Until a deadline that could not be taken in is tried again."""

_CHARGE: Final = Charge.__name__

log = logging.getLogger("splitsim.ocs")


class EngineFaultError(Exception):
    """The engine failed on a command, which is a fault of ours. Nothing of the command was done."""


Batch = Sequence[tuple[Command, Incoming | None]]


class _Durable(NamedTuple):
    """What a batch that is in the journal has come to, command by command."""

    outcomes: list[Outcome]
    answers: list[bytes]


def spare_the_collector() -> None:
    """Have Python look for garbage rings among what is new, and never again at what has outlived one look.

    For the process that serves, once its engine is there. A look at every object of every open session would hold all
    requests up; sessions come apart by themselves, and of a connection that was open for long some 2 kB stay behind.
    """
    gc.freeze()
    gc.set_threshold(10_000, 1_000_000_000, 1_000)


class Service:
    """One OCS. `clock` gives microseconds UTC.

    `watch_deadlines`: False where the owner sends `Expire` itself, in virtual time. `on_outcome` sees every command
    that has become durable, with its instant and what it did; `on_refusal` every request that nothing was done about,
    with its Result-Code; `on_trouble` what an operator has to know.
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
        on_refusal: Callable[[Ccr, int], None] = lambda _, __: None,
        on_trouble: Callable[[str], None] = log.error,
    ) -> None:
        self.engine = engine
        self._journal = journal
        self._server = server
        self._clock = clock
        self._watch_deadlines = watch_deadlines
        self._on_outcome = on_outcome
        self._on_refusal = on_refusal
        self._on_trouble = on_trouble
        self._now = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0
        self._unfilled = Filling()
        self._writable = True
        self._sound = True
        """Whether the engine is what the journal says."""
        self._keeper = Keeper(journal, self._present, on_trouble)

    @property
    def state(self) -> State:
        """What holds now.

        Raises:
            StoreError: nobody knows, since the journal could not be read after a failure.
        """
        if not self._sound:
            self.recover()
        return self.engine.state

    @property
    def ready(self) -> bool:
        """Whether requests are served: the store can be written, and the engine is what it says."""
        return self._writable and self._sound

    @property
    def rows(self) -> int:
        """Rows in the journal."""
        return self._journal.last

    @property
    def lag(self) -> int:
        """Rows that the tables lack."""
        return self._unfilled.rows

    @property
    def unfolded(self) -> int:
        """Rows that no checkpoint holds: what a restart folds."""
        checkpoints = self._journal.checkpoints
        return self._journal.last - (0 if checkpoints is None else checkpoints.written)

    def recover(self, begun: tuple[Checkpoint, Row] | None = None) -> None:
        """Fold a new engine from the journal, or from where somebody who has begun to has come to (see `fold`).

        To be called before `run`.

        Raises:
            StoreError: the journal cannot be read.
        """
        self._sound = False
        self._unfilled = Filling()  # the fold finds it again; filled twice it would be recorded twice
        state = self.engine.state
        engine = Engine(state.origin_host, state.origin_realm, state.explaining)
        gc.disable()  # everything that a fold makes stays
        try:
            last, self._unfilled = fold(engine, self._journal, begun)
        finally:
            gc.enable()
        self.engine, self._now, self._sound = engine, max(self._now, last), True

    async def run(self) -> None:
        """Serve until `stop`."""
        self._idle.clear()
        filling = asyncio.create_task(self._fill_in_time()) if self._journal.has_tables else None
        if self._watch_deadlines:
            self._watch()
        try:
            while batch := await self._server.take():
                with contextlib.suppress(StoreError, EngineFaultError):
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
            StoreError, EngineFaultError: it was not done.
        """
        (outcome,) = self._process([(command, None)])
        return outcome.answer if isinstance(outcome.answer, Receipt) else None

    async def checkpoint(self) -> int:
        """Keep the engine's state as it is now, for a quick restart; the number of the last row that it holds.

        Raises:
            StoreError: it could not be kept.
        """
        self._get_ready()
        self._fill()
        return await self._keeper.at_once()

    async def settled(self) -> None:
        """Wait until every push has been answered, and what the answer says has been taken in."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self, cause: int = 0) -> None:
        """Disconnect every peer in order, finish what is in hand, and bring tables and checkpoint up to date."""
        await self._server.stop(cause)
        await self._idle.wait()
        for task in self._tasks:
            task.cancel()
        self._fill()
        self._keeper.at_the_end()
        self._journal.close()

    # --- one batch ----------------------------------------------------------------------------------------------------

    def _process(self, batch: Batch) -> list[Outcome]:
        try:
            self._get_ready()
            done = self._make_durable(batch)
        except StoreError as error:
            self._refuse(batch, _busy)
            if self._writable:
                self._writable = False
                self._on_trouble(f"requests are refused: {error}")
                self._forget()
            raise
        except Exception as error:
            log.exception("the engine failed; the commands of the batch are tried one by one")
            self._forget()
            if len(batch) == 1:
                self._refuse(batch, _unable)
                raise EngineFaultError(f"{type(batch[0][0]).__name__} failed: {error!r}") from error
            outcomes: list[Outcome] = []
            for item in batch:
                with contextlib.suppress(EngineFaultError):
                    outcomes += self._process([item])
            return outcomes
        self._let_go(batch, done)
        return done.outcomes

    def _get_ready(self) -> None:
        """After a failure: see that the store can be written again, and that the engine is what it says."""
        if not self._writable:
            ours_all_the_time = self._journal.probe()
            self._sound = self._sound and ours_all_the_time
            self._writable = True
            self._on_trouble("the store can be written again")
        if not self._sound:
            self.recover()

    def _make_durable(self, batch: Batch) -> _Durable:
        """Apply, and append: nothing leaves before this returns."""
        self._now = now = max(self._now, self._clock())
        apply = self.engine.apply
        outcomes: list[Outcome] = []
        answers: list[bytes] = []
        rows: list[Row] = []
        for command, incoming in batch:
            outcome = apply(command, now)
            if incoming is not None:
                answer = incoming.encode(cast(Cca, outcome.answer))
                row = Row(now, _CHARGE, incoming.octets, answer)
            else:
                answer = msgspec.json.encode(outcome.answer) if isinstance(outcome.answer, Receipt) else b""
                row = Row(now, type(command).__name__, request_octets(command), answer)
            outcomes.append(outcome)
            answers.append(answer)
            rows.append(row)
        self._journal.append(rows)
        return _Durable(outcomes, answers)

    def _let_go(self, batch: Batch, done: _Durable) -> None:
        """Send what a durable batch has caused."""
        outcomes = done.outcomes
        for (_, incoming), answer in zip(batch, done.answers, strict=True):
            if incoming is not None:
                incoming.send(answer)
        for (command, _), outcome in zip(batch, outcomes, strict=True):
            for push in outcome.pushes:
                self._push(push)
            if self._on_outcome is not None:
                self._on_outcome(command, self._now, outcome)
        self._server.flush()
        if self._journal.has_tables:
            for outcome in outcomes:
                self._unfilled.add(outcome)
            if self._unfilled.rows >= _FILL_AT:
                self._fill()
        if self._watch_deadlines:
            self._watch()

    def _refuse(self, batch: Batch, answer: Callable[[Ccr, Identity], Cca | ErrorAnswer]) -> None:
        """Nothing of the batch has happened: say so."""
        for command, incoming in batch:
            if incoming is not None and isinstance(command, Charge):
                refusal = answer(command.ccr, self._server.identity)
                incoming.respond(refusal)
                self._on_refusal(command.ccr, refusal.result_code)
        self._server.flush()

    def _forget(self) -> None:
        """The engine has applied what is not durable: start again from what is."""
        self._sound = False
        try:
            self.recover()
        except StoreError as error:
            self._on_trouble(str(error))

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
        with contextlib.suppress(StoreError, EngineFaultError):
            self._process([(PushAnswered(push.session_id, rating_group, result_code), None)])

    # --- time ---------------------------------------------------------------------------------------------------------

    def _watch(self, least_seconds: float = 0) -> None:
        """Be awake when the engine's next deadline comes; an alarm that rings too early is set anew."""
        deadline = self.engine.next_deadline()
        if deadline is None or (self._alarm is not None and self._alarm_at <= deadline):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        wait = min(max(least_seconds, (deadline - self._clock()) / SECOND), _LONGEST_SLEEP_SECONDS)
        self._alarm_at = deadline
        self._alarm = asyncio.get_running_loop().call_later(wait, self._expire)

    def _expire(self) -> None:
        """Let the engine do what is due when no request comes."""
        self._alarm = None
        deadline = self.engine.next_deadline()
        try:
            if deadline is not None and deadline <= self._clock():
                self._process([(Expire(), None)])
            self._watch()
        except (StoreError, EngineFaultError):
            self._watch(_RETRY_SECONDS)

    async def _fill_in_time(self) -> None:
        while True:
            await asyncio.sleep(_FILL_EVERY_SECONDS)
            with contextlib.suppress(StoreError):
                self._get_ready()
            self._fill()
            self._keeper.in_time()

    def _fill(self) -> None:
        """Bring the tables up to the journal. If they cannot be written, they catch up later."""
        if not self._unfilled.rows or not self._writable:
            return
        try:
            self._journal.fill(self._unfilled)
        except StoreError as error:
            self._writable = False
            self._on_trouble(f"the tables stay behind: {error}")
        else:
            self._unfilled = Filling()

    def _present(self) -> Checkpoint | None:
        """What a restart could go on from: what the tables lack can only be folded."""
        if self._unfilled.rows or not (self._sound and self._writable):
            return None
        return Checkpoint(self._journal.last, self._now, self.engine.state)


def _busy(ccr: Ccr, us: Identity) -> ErrorAnswer:
    """Nothing can be served now: another OCS may be asked, if the client does not mean this one."""
    failure = too_busy(ccr)
    return ErrorAnswer(
        session_id=ccr.session_id, result_code=failure.result_code, origin_host=us.host, origin_realm=us.realm
    )


def _unable(ccr: Ccr, us: Identity) -> Cca:
    """This one request cannot be served."""
    return Cca(
        session_id=ccr.session_id,
        result_code=ResultCode.UNABLE_TO_COMPLY,
        origin_host=us.host,
        origin_realm=us.realm,
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
    )
