"""The cases: one function each, in one module per area.

    @case("RFC6733-3-1", destructive=True)
    def version_2(bench: Bench) -> None:
        '''CCR-I with Version 2.'''
        ...

A case names the rows that it decides, says its stimulus in its docstring, and judges what it sees with `bench.expect`
(accepted and tolerated observations) and `bench.check`. Its id is that of its first row, with a suffix where a row has
several.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from conformance.requirements import Requirement, requirements
from conformance.sut.ics import Ics

CaseFunction = Callable[..., None]
"""Takes a `Bench`, or a `GatewayBench` where `side` is `pgw`."""

_HOOK_SECONDS = 1.0
"""A process that starts, or a request, and what it sets off."""

MODULES = (
    "peer", "secured", "watchdog", "header", "grammar", "values", "duplicates", "interrogation", "services", "units",
    "quota", "final_units", "tariff", "reauthorisation", "events", "subscribers", "supervision", "robustness", "split",
    "records", "bills", "provisioning", "alterations", "gateway_quota", "gateway_units", "gateway_session",
    "gateway_failover",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One case. `seconds`: how long it takes about, by the timers of the PIXIT;
    `destructive`: a golden session follows it.
    """

    id: str
    rows: tuple[str, ...]
    stimulus: str
    function: CaseFunction
    side: Literal["ocs", "pgw"] = "ocs"
    seconds: Callable[[Ics], float] = lambda _: 0.1
    destructive: bool = False

    def expected(self, ics: Ics) -> float:
        """How long it takes about here: nothing where it would wait too long, more where hooks are worked."""
        seconds = self.seconds(ics)
        if seconds > ics.timers.wait_most_seconds:
            return 0.0
        worked = any(name in ics.hooks for row in self.requirements for name in row.needs)
        return seconds + (_HOOK_SECONDS if worked else 0.0)

    @property
    def module(self) -> str:
        """Where it is written."""
        return self.function.__module__

    @property
    def requirements(self) -> list[Requirement]:
        """The rows it decides."""
        return [requirements()[row] for row in self.rows]


_REGISTRY: dict[str, Case] = {}


def case(
    *rows: str,
    variant: str = "",
    seconds: float | Callable[[Ics], float] = 0.1,
    destructive: bool = False,
    side: Literal["ocs", "pgw"] = "ocs",
) -> Callable[[CaseFunction], CaseFunction]:
    """Registers a function as the case of these rows; its docstring is the stimulus."""

    def register(function: CaseFunction) -> CaseFunction:
        takes = seconds if callable(seconds) else lambda _: seconds
        stimulus = " ".join((function.__doc__ or "").split()).rstrip(".")
        add(Case(rows[0] + (f"/{variant}" if variant else ""), rows, stimulus, function, side, takes, destructive))
        return function

    return register


def add(new: Case) -> None:
    """Registers a case; for tables of cases."""
    if new.id in _REGISTRY:
        raise ValueError(f"two cases with id {new.id}")
    for row in new.rows:
        if row not in requirements():
            raise ValueError(f"case {new.id}: no requirement {row}")
    _REGISTRY[new.id] = new


@cache
def cases() -> dict[str, Case]:
    """All cases by id."""
    for module in MODULES:
        importlib.import_module(f"conformance.cases.{module}")
    return dict(_REGISTRY)
