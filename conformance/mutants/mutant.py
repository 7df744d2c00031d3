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


def fault_of(function: object) -> str:
    """The fault that a function's docstring tells, as it stands in a table."""
    return " ".join((getattr(function, "__doc__", None) or "").split()).rstrip(".")
