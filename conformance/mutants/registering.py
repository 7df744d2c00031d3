"""How mutants of charging are written down: decorators that take a function and its docstring, the fault."""

from __future__ import annotations

from collections.abc import Callable

from conformance.mutants.charging import (
    WRAPS,
    Apply,
    Wrap,
    with_answer,
    with_ccr,
)
from conformance.mutants.mutant import Mutant, fault_of
from ocs.charging.commands import Charge, Command, Outcome
from ocs.gy.messages import (
    Cca,
    Ccr,
)

CREDIT: list[Mutant] = []

SLICE_OCTETS = 1_000_000
ENTERPRISE_APN = "fleet.acme"


Treat = Callable[[Apply, Charge, int], Outcome]
"""What becomes of one CCR, given the engine."""


def _add(function: Callable[..., object], wrap: Wrap) -> None:
    CREDIT.append(Mutant(function.__name__, fault_of(function), lambda: WRAPS.append(wrap)))


def around(wrap: Wrap) -> Wrap:
    """Registers a mutant that stands around the engine; its docstring is its fault."""
    _add(wrap, wrap)
    return wrap


def on_ccr(change: Callable[[Ccr], Ccr]) -> Callable[[Ccr], Ccr]:
    """Registers a mutant that misreads CCRs; its docstring is its fault."""
    _add(change, with_ccr(change))
    return change


def on_cca(change: Callable[[Ccr, Cca], Cca]) -> Callable[[Ccr, Cca], Cca]:
    """Registers a mutant that answers wrong; its docstring is its fault."""
    _add(change, with_answer(change))
    return change


def per_ccr(make: Callable[[], Treat]) -> Callable[[], Treat]:
    """Registers a mutant with a memory: a function that makes what treats each CCR; its docstring is its fault."""

    def wrap(apply: Apply) -> Apply:
        treat = make()

        def charge(command: Command, now: int) -> Outcome:
            return treat(apply, command, now) if isinstance(command, Charge) else apply(command, now)

        return charge

    _add(make, wrap)
    return make
