"""Verdicts, and what a case raises to reach one before its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from conformance.tester.trace import Trace


class Verdict(Enum):
    """Of a case, or of a requirement over all its cases."""

    PASS = "PASS"
    NON_STRICT = "NON-STRICT"
    """Not what the clause says, but harmless and common: a failure with `--strict`."""
    FAIL = "FAIL"
    INCONC = "INCONC"
    """It could not be decided: the SUT did something before the point of the case."""
    N_A = "N-A"
    """It does not apply: a claim, a subscriber or a hook is missing."""
    ERROR = "ERROR"
    """The test bed failed, not the SUT."""
    INFO = "INFO"
    """Behaviour recorded; the clause can be read two ways."""


WORST_FIRST = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.NON_STRICT,
    Verdict.INCONC,
    Verdict.INFO,
    Verdict.PASS,
    Verdict.N_A,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several together; N-A only where all are."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.N_A)


Connection = Literal["open", "closed", "hung", "refused", "none"]
"""What became of the connection: DWR answered; closed; nothing answered; no new one possible; none was there."""


@dataclass(frozen=True)
class Finding:
    """One thing seen that is not as it should be (or, with INFO, that somebody wants to know)."""

    row: str
    verdict: Verdict
    expected: str
    seen: str


@dataclass
class CaseResult:
    """What became of one case."""

    case_id: str
    rows: tuple[str, ...]
    verdict: Verdict
    connection: Connection
    findings: list[Finding] = field(default_factory=list)
    reason: str = ""
    """Of N-A, INCONC and ERROR."""
    seconds: float = 0.0
    trace: Trace = field(default_factory=Trace)


class Ended(Exception):  # noqa: N818 - it is an end, not always an error
    """A case ends here, with this verdict."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason


class Failed(Exception):  # noqa: N818
    """A case ends here: it has seen what it must not see."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"expected {finding.expected}; seen {finding.seen}")
        self.finding = finding


def not_applicable(reason: str) -> Ended:
    """N-A."""
    return Ended(Verdict.N_A, reason)


def inconclusive(reason: str) -> Ended:
    """INCONC."""
    return Ended(Verdict.INCONC, reason)
