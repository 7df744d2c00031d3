"""What a driver does when Wi-Fi ends: buys some time after, or does without."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from ocs.units import SECOND

RETRY_SECONDS: Final = 600
"""How long a device that was refused waits before it asks again: a person tries, and tries once more later."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How drivers of a group behave."""

    top_up_probability: float = 0.0
    """Share of cuts after which the driver buys."""
    delay_seconds: int = 3_600
    """Mean time from the cut to the purchase."""
    bundle_id: str | None = None
    """What they buy; None: they never do."""


class Driver:
    """One driver: decides once for each cut."""

    def __init__(self, random: Random, habits: Habits) -> None:
        self._random = random
        self._habits = habits
        self._decided = False

    def cut(self, now: int) -> int | None:
        """Wi-Fi has ended: when the driver will buy, or None. Asked again before a purchase, nothing is added."""
        if self._decided or self._habits.bundle_id is None:
            return None
        self._decided = True
        # Both are drawn every time, so that the same driver meets the same chances under another plan.
        buys = self._random.random() < self._habits.top_up_probability
        wait = self._random.expovariate(1 / max(1, self._habits.delay_seconds))
        return now + (1 + int(wait)) * SECOND if buys else None

    def bought(self) -> None:
        """There is credit again: the next cut is a new one."""
        self._decided = False
