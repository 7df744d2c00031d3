"""Which cases a run takes: by id, area, level, severity, side; and those that fit into a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conformance.cases import Case, cases
from conformance.requirements import requirements
from conformance.runner import severity
from conformance.sut.ics import Ics, IcsError


@dataclass(frozen=True)
class Selection:
    """Empty fields choose everything."""

    ids: tuple[str, ...] = ()
    """Prefixes of case ids, or of requirement ids."""
    areas: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    side: str = "ocs"

    def takes(self, case: Case) -> bool:
        """Whether a case is chosen."""
        names = (case.id, *case.rows)
        rows = case.requirements
        return (
            case.side == self.side
            and (not self.ids or any(name.startswith(prefix) for name in names for prefix in self.ids))
            and (not self.areas or any(row.area in self.areas for row in rows))
            and (not self.levels or any(row.level in self.levels for row in rows))
            and (not self.severities or any(row.severity in self.severities for row in rows))
        )

    def mistakes(self) -> list[str]:
        """What chooses nothing at all."""
        rows = requirements().values()
        known: dict[str, set[str]] = {
            "area": {row.area for row in rows},
            "level": {row.level for row in rows},
            "severity": {row.severity for row in rows},
        }
        wrong = []
        for option, given in (("area", self.areas), ("level", self.levels), ("severity", self.severities)):
            for value in given:
                if value not in known[option]:
                    wrong.append(f"--{option} {value}: expected one of {', '.join(sorted(known[option]))}")
        names = [name for case in cases().values() for name in (case.id, *case.rows)] + list(requirements())
        wrong += [
            f"no case or requirement begins with {p!r}" for p in self.ids if not any(n.startswith(p) for n in names)
        ]
        return wrong

    def chosen(self) -> list[Case]:
        """The cases, money first."""
        return sorted(
            (case for case in cases().values() if self.takes(case)), key=lambda case: (severity(case), case.id)
        )


def fitting(chosen: Sequence[Case], ics: Ics, budget_seconds: float, workers: int) -> tuple[list[Case], list[Case]]:
    """The most severe cases that fit into a time, and those left out."""
    taken: list[Case] = []
    left: list[Case] = []
    for case in chosen:
        fits = expected_seconds([*taken, case], ics, workers) <= budget_seconds
        (taken if fits else left).append(case)
    return taken, left


def expected_seconds(chosen: Sequence[Case], ics: Ics, workers: int) -> float:
    """How long a run takes about."""
    gentle = [case.expected(ics) for case in chosen if not case.destructive]
    rough = [case.expected(ics) + 0.1 for case in chosen if case.destructive]
    return max(sum(gentle) / max(1, workers), max(gentle, default=0.0)) + sum(rough)


@dataclass(frozen=True)
class Expected:
    """Deviations that are known: requirement id -> reason, until a day."""

    reasons: dict[str, str] = field(default_factory=dict)
    expired: tuple[str, ...] = ()


def load_expected(path: Path, today: date) -> Expected:
    """A file of known deviations: a list of {id, reason, until (optional, YYYY-MM-DD)}.

    Raises:
        IcsError: every mistake in it.
    """
    try:
        tree = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise IcsError([f"{path}: cannot be read: {str(error).splitlines()[0]}"]) from None
    mistakes, reasons, expired = [], {}, []
    for number, item in enumerate(tree if isinstance(tree, list) else [None], 1):
        if not isinstance(item, dict) or not item.get("id") or not item.get("reason"):
            mistakes.append(f"{path}: entry {number}: expected {{id: ..., reason: ..., until: YYYY-MM-DD}}")
            continue
        row = str(item["id"])
        if row not in requirements():
            mistakes.append(f"{path}: entry {number}: no requirement {row!r}")
        until = item.get("until")
        if until is not None and not isinstance(until, date):
            mistakes.append(f"{path}: entry {number}: until: expected YYYY-MM-DD")
        elif until is not None and until < today:
            expired.append(row)
        else:
            reasons[row] = str(item["reason"])
    if mistakes:
        raise IcsError(mistakes)
    return Expected(reasons, tuple(expired))
