"""What a mutant is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A broken OCS. `fault`: what somebody did, in a sentence; `install` does it to this process."""

    name: str
    fault: str
    install: Callable[[], None]
