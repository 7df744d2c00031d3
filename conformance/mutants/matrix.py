"""The kill matrix: which case, and which rule, finds which mutant; and the rows that no mutant breaks."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass

from conformance.cases import Case, cases
from conformance.mutants.faults import MUTANTS as OF_AN_OCS
from conformance.mutants.gateway_faults import MUTANTS as OF_A_GATEWAY
from conformance.mutants.mutant import Mutant
from conformance.mutants.started import started_gateway, started_node
from conformance.requirements import requirements
from conformance.runner import RunResult, run_cases, run_gateway_cases
from conformance.verdicts import Verdict

MUTANTS = (*OF_AN_OCS, *OF_A_GATEWAY)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}

_GATEWAYS = 3
"""Gateways for each OCS that is tested at a time."""
_AT_ONCE = 40
"""Cases that are run before anybody looks whether a mutant has been found."""
_NEVER = ("ROB-1", "ROB-2", "RFC8506-13-2")
"""Cases that only cost time here: load."""


@dataclass(frozen=True)
class Killed:
    """What became of one mutant: the rows that failed, and the cases and rules that found it."""

    mutant: Mutant
    rows: tuple[str, ...]
    cases: tuple[str, ...]
    trouble: str

    @property
    def survived(self) -> bool:
        """Nothing was found."""
        return not self.rows and not self.trouble


def quick_cases(side: str = "ocs") -> list[Case]:
    """Those that need no long wait; of an OCS, whose cases wait beside each other, all but those that load it."""
    found = [case for case in cases().values() if case.side == side and case.id not in _NEVER]
    return found if side == "ocs" else [case for case in found if not case.id.startswith("RFC3539")]


def kill(mutant: Mutant, chosen: Sequence[Case], workers: int = 8, *, enough: bool = False) -> Killed:
    """Runs cases against a mutant; with `enough`, no more of them when it has been found."""
    size = _AT_ONCE if enough else max(1, len(chosen))
    killed = Killed(mutant, (), (), "")
    gateway = mutant in OF_A_GATEWAY
    wanted = [case for case in chosen if case.side == ("pgw" if gateway else "ocs")]
    with ExitStack() as stack:
        if gateway:
            ics, station = stack.enter_context(started_gateway(mutant.name))
        else:
            ics = stack.enter_context(started_node(mutant.name))
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            result = run_gateway_cases(ics, station, part) if gateway else run_cases(ics, part, workers=workers)
            killed = Killed(mutant, tuple(failed_rows(result)), tuple(killers(result)), result.trouble)
            if not killed.survived:
                break
    return killed


def failed_rows(result: RunResult) -> list[str]:
    """Rows with FAIL or NON-STRICT."""
    bad = (Verdict.FAIL, Verdict.NON_STRICT)
    return [row for row, verdict in result.row_verdicts().items() if verdict in bad]


def killers(result: RunResult) -> list[str]:
    """Cases that failed, and rules that complained (as `rule ROW`)."""
    rows = set(failed_rows(result))
    bad = (Verdict.FAIL, Verdict.NON_STRICT)
    found = [case.case_id for case in result.results if case.verdict in bad and rows & set(case.rows)]
    return found + [f"rule {row}" for row in result.row_verdicts() if result.complaints(row)]


def matrix(
    mutants: Sequence[Mutant], chosen: Sequence[Case], *, at_a_time: int = 2, progress: Callable[[Killed], None]
) -> list[Killed]:
    """Runs cases against every mutant.

    An OCS keeps its tester busy: `at_a_time` of them, each with a process of its own to test it. A gateway is mostly
    waited for: more of them at a time, on threads.
    """
    names = [case.id for case in chosen]
    spawn = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(at_a_time * _GATEWAYS) as threads,
        ProcessPoolExecutor(at_a_time, mp_context=spawn) as processes,
    ):
        killings: dict[Future[Killing], Mutant] = {}
        for mutant in mutants:
            pool = threads if mutant in OF_A_GATEWAY else processes
            killings[pool.submit(_killing, mutant.name, names)] = mutant
        found = {}
        for done in as_completed(killings):
            mutant = killings[done]
            found[mutant.name] = Killed(mutant, *done.result())
            progress(found[mutant.name])
    return [found[mutant.name] for mutant in mutants]


Killing = tuple[tuple[str, ...], tuple[str, ...], str]
"""Rows, cases and trouble: a `Killed` without its mutant, which cannot go from process to process."""


def _killing(name: str, case_ids: Sequence[str]) -> Killing:
    killed = kill(BY_NAME[name], [cases()[case_id] for case_id in case_ids])
    return killed.rows, killed.cases, killed.trouble


def never_killed(found: Sequence[Killed]) -> list[str]:
    """Rows that are tested, and that no mutant has made fail."""
    hit = {row for killed in found for row in killed.rows}
    return [
        row.id
        for row in requirements().values()
        if row.status == "tested" and row.id not in hit and row.level not in ("INFO", "MAY")
    ]
