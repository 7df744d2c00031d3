"""Joins the gateway and the OCS: a request goes in, its answer comes back, and no virtual time passes.

What the OCS sends by itself (RAR, ASR) is answered by `Link.on_push` before the call that caused it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ocs.charging.commands import Charge, Command, Expire, Outcome, PushAnswered, Receipt
from ocs.charging.engine import Engine
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.records.edr import Edr, Transfer

PushHandler = Callable[[Rar | Asr], Raa | Asa]


@dataclass
class Books:
    """What the OCS has written down so far."""

    edrs: list[Edr] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)

    def take(self, outcome: Outcome) -> None:
        """Add what one command left."""
        self.edrs += outcome.edrs
        self.transfers += outcome.transfers


class Link(Protocol):
    """One way to the OCS. `now` is the world's clock, microseconds UTC, never less than before."""

    on_push: PushHandler
    books: Books

    def exchange(self, request: Ccr, now: int) -> Cca | ErrorAnswer | None:
        """A request and its answer; None where none came."""

    def command(self, command: Command, now: int) -> Receipt | None:
        """An operator's command, or passing time."""

    def next_deadline(self) -> int | None:
        """When the OCS will have something to do by itself."""

    def close(self) -> None:
        """No more requests."""


class MemoryLink:
    """The engine itself, with typed messages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.books = Books()
        self.on_push: PushHandler = _nobody

    def exchange(self, request: Ccr, now: int) -> Cca | ErrorAnswer | None:
        """See `Link`."""
        answer = self._apply(Charge(request), now)
        assert isinstance(answer, Cca)
        return answer

    def command(self, command: Command, now: int) -> Receipt | None:
        """See `Link`."""
        answer = self._apply(command, now)
        return answer if isinstance(answer, Receipt) else None

    def next_deadline(self) -> int | None:
        """See `Link`."""
        return self._engine.next_deadline()

    def close(self) -> None:
        """See `Link`."""

    def _apply(self, command: Command, now: int) -> Cca | Receipt | None:
        outcome = self._engine.apply(command, now)
        self.books.take(outcome)
        for push in outcome.pushes:
            rating_group = push.rating_group if isinstance(push, Rar) else None
            self._apply(PushAnswered(push.session_id, rating_group, self.on_push(push).result_code), now)
        return outcome.answer


def _nobody(push: Rar | Asr) -> Raa | Asa:
    raise RuntimeError(f"nobody is there to answer {push}")


EXPIRE = Expire()
