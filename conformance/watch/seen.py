"""A message in its place: who sent it, what it answers, what its session has seen before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.tester.trace import Party
from conformance.wire.message import CCR, Message


@dataclass
class Seen:
    """One message, with the request that it answers if it is an answer and that is known."""

    message: Message
    sender: Party
    line: int
    at: int
    request: Message | None = None
    answered_before: bool = False
    """A second answer to one request."""
    line_state: LineState = field(default_factory=lambda: LineState())
    session: SessionState | None = None

    @property
    def is_answer(self) -> bool:
        """Not a request."""
        return not self.message.is_request

    @property
    def is_cca(self) -> bool:
        """CCA that is not of the answer-message grammar (E bit)."""
        return self.is_answer and self.message.command == CCR and not self.message.is_error

    @property
    def is_ccr(self) -> bool:
        """CCR."""
        return self.message.is_request and self.message.command == CCR


@dataclass
class LineState:
    """What is known of one connection."""

    open_requests: dict[tuple[Party, int], Message] = field(default_factory=dict)
    """Requests that wait for an answer, by sender and Hop-by-Hop id."""
    answered: dict[tuple[Party, int], Message] = field(default_factory=dict)
    origin_hosts: dict[Party, str] = field(default_factory=dict)
    """Origin-Host as the capabilities exchange said it."""
    seen_end_to_end: dict[Party, set[int]] = field(default_factory=lambda: {"ocs": set(), "pgw": set()})


@dataclass
class SessionState:
    """What is known of one credit-control session."""

    numbers: dict[int, tuple[Message, Message | None]] = field(default_factory=dict)
    """CCRs by CC-Request-Number, with their answers."""
    granted: dict[int | None, set[str]] = field(default_factory=dict)
    """Unit types granted so far, by rating group."""
    refused: dict[int | None, int] = field(default_factory=dict)
    """The code that stands against a rating group."""
    ended: bool = False
    pushed: bool = False
    """A RAR was answered, and no CCR-U has come since."""


Fault = Callable[[Seen], str | None]
Applies = Callable[[Seen], bool]


@dataclass(frozen=True)
class Rule:
    """One rule: the requirement it stands for, when it applies, and what it has against a message."""

    row: str
    applies: Applies
    fault: Fault


RULES: list[Rule] = []


def rule(row: str, applies: Applies) -> Callable[[Fault], Fault]:
    """Registers a function as a rule."""

    def register(fault: Fault) -> Fault:
        RULES.append(Rule(row, applies, fault))
        return fault

    return register
