"""What can go wrong between gateway and OCS, and with either of them.

Faults of the link and skewed clocks are drawn for each connection of each car from streams of its own, so that they are
the same whatever else is simulated. Cuts, restarts and kills happen at declared instants, alike in every world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from random import Random
from typing import Final, NamedTuple

from ocs.units import SECOND

HELD: Final = (12, 28)
"""Seconds for which an overtaken message is held up, uniform: longer than Tx, so that its repeat overtakes it."""


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """Chances (0 to 1) of each message, either way: to be lost, to arrive twice, to be overtaken by what follows it.

    `delay_seconds`: mean of the time on the way, exponential.
    """

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    delay_seconds: int = 0


class Span(NamedTuple):
    """From an instant until another, microseconds UTC."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of a world. Instants are microseconds UTC."""

    link: LinkFaults = field(default_factory=LinkFaults)
    clock_skew_seconds: int = 0
    """The clock by which a car is served is wrong by at most so much, either way."""
    cuts: tuple[Span, ...] = ()
    """Nothing comes through."""
    restarts: tuple[int, ...] = ()
    """The gateway loses its sessions; nobody tells the OCS."""
    kills: tuple[Span, ...] = ()
    """The OCS dies, and nobody serves until the end of the span; then it is what its journal says."""
    standby: bool = False
    """A second OCS on the same journal, at another address: it is what serves after a kill."""

    def cut_at(self, now: int) -> bool:
        """Whether the link is cut."""
        return any(span.start <= now < span.end for span in self.cuts)

    def killed_until(self, now: int) -> int | None:
        """While no OCS serves: when one will."""
        return max((span.end for span in self.kills if span.start <= now < span.end), default=None)

    def node_at(self, now: int) -> int:
        """Which OCS serves: each kill moves the service to the other one, where there are two."""
        return sum(span.end <= now for span in self.kills) % 2 if self.standby else 0


class Copy(NamedTuple):
    """One arrival of a request: after how long (microseconds), and after how long its answer arrives, each time."""

    delay: int
    answers: tuple[int, ...]


class Path:
    """What happens to the messages of one connection. Every request draws as often, whatever becomes of it.

    `pushes` is the stream of what the OCS sends by itself: a RAR shifts no request's chances.
    """

    def __init__(self, requests: Random, pushes: Random, link: LinkFaults) -> None:
        self._random = requests
        self._pushes = pushes
        self._link = link

    def request(self) -> tuple[Copy, ...]:
        """Of the next request: every arrival, none if it is lost, with the arrivals of its answer."""
        answers = self._arrivals(), self._arrivals()
        return tuple([Copy(delay, back) for delay, back in zip(self._arrivals(), answers, strict=False)])

    def push_is_lost(self) -> bool:
        """Of the next RAR or ASR: it does not arrive."""
        return self._pushes.random() < self._link.loss

    def _arrivals(self) -> tuple[int, ...]:
        link, random = self._link, self._random.random
        lost, twice, held = random() < link.loss, random() < link.duplication, random() < link.reordering
        first, second, wait = self._delay(), self._delay(), self._random.uniform(*HELD)
        if held:
            first += int(wait * SECOND)
        if lost:
            return ()
        return (first, second) if twice else (first,)

    def _delay(self) -> int:
        return int(-self._link.delay_seconds * SECOND * log(1 - self._random.random()))


def skew_seconds(random: Random, most: int) -> int:
    """By how much a clock is wrong."""
    return random.randint(-most, most)
