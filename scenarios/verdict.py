"""The verdict on a run: every expectation judged, as data (`verdict.json`) that says the same on every machine."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from scenarios.checks import Check, Judgement
from scenarios.evidence import Evidence

FIRST_OFFENDERS = 5
"""How many findings of a failed expectation are told in full; the others are counted."""


@dataclass(frozen=True)
class Judged:
    """One expectation and what became of it."""

    check: Check
    judgement: Judgement

    @property
    def passed(self) -> bool:
        """Nothing was found wrong."""
        return not self.judgement.findings

    @property
    def says(self) -> str:
        """What the expectation says, in one sentence."""
        return sentence(type(self.check))


@dataclass(frozen=True)
class Verdict:
    """All expectations of a scenario, judged on one run."""

    scenario: str
    title: str
    seed: int
    judged: list[Judged]

    @property
    def passed(self) -> bool:
        """Every expectation holds."""
        return all(item.passed for item in self.judged)

    @property
    def word(self) -> str:
        """`pass` or `fail`."""
        return "pass" if self.passed else "fail"

    def as_data(self) -> dict[str, Any]:
        """The content of `verdict.json`: nothing in it depends on machine, link, path or time of day."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            "seed": self.seed,
            "verdict": self.word,
            "checks": [
                {
                    "check": item.check.name(),
                    "says": item.says,
                    "verdict": "pass" if item.passed else "fail",
                    "seen": dict(sorted(item.judgement.seen.items())),
                    "findings": len(item.judgement.findings),
                    "first": [
                        {"message": finding.message, "vehicle": finding.vehicle, "octets": finding.octets}
                        for finding in item.judgement.findings[:FIRST_OFFENDERS]
                    ],
                }
                for item in self.judged
            ],
        }


def sentence(check: type[Check]) -> str:
    """The first sentence of what a check says about itself."""
    return " ".join((inspect.getdoc(check) or "").split("\n\n")[0].split())


def judge(scenario: str, title: str, seed: int, expect: tuple[Check, ...], evidence: Evidence) -> Verdict:
    """Let every expectation look at the evidence."""
    return Verdict(scenario, title, seed, [Judged(check, check.judge(evidence)) for check in expect])
