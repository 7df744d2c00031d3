"""The form of a check: a model of its line in the scenario file, which judges evidence and names offenders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, get_args

from ocs.files import FileModel
from scenarios.evidence import Evidence


@dataclass(frozen=True)
class Finding:
    """One thing that must not be: which car, when, how many octets."""

    message: str
    at: int
    """Microseconds UTC; the end of the run where the finding is about a sum."""
    vehicle: str
    octets: int


@dataclass
class Judgement:
    """What a check looked at, in words such as `31 cuts`, and what it found wrong."""

    evidence: Evidence
    seen: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Note that `number` more of `what` were looked at."""
        self.seen[what] = self.seen.get(what, 0) + number

    def wrong(self, vehicle: str, at: int, octets: int, what: str) -> None:
        """Note an offender: the car, the moment, the octets concerned, and what is wrong."""
        message = f"{vehicle} at {self.evidence.local(at)}: {what}"
        self.findings.append(Finding(message, at, vehicle, octets))

    def wrong_sum(self, vehicle: str, octets: int, what: str) -> None:
        """Note an offender that is about a whole run, not about a moment."""
        self.findings.append(Finding(f"{vehicle}: {what}", self.evidence.ends, vehicle, octets))


class Check(FileModel):
    """Base of every expectation; the docstring is what people read about it."""

    needs: ClassVar[tuple[str, ...]]
    """What has to be seen at least once: a check that had nothing to judge has shown nothing."""

    @classmethod
    def name(cls) -> str:
        """The name that files use."""
        return str(get_args(cls.model_fields["check"].annotation)[0])

    def judge(self, evidence: Evidence) -> Judgement:
        """What was looked at and what is wrong, in order of time."""
        judgement = Judgement(evidence)
        self._look(evidence, judgement)
        for what in self.needs:
            if not judgement.seen.get(what):
                judgement.count(what, 0)
                judgement.wrong_sum("the whole run", 0, f"nothing was shown, because it holds no {what}")
        judgement.findings.sort(key=lambda finding: (finding.at, finding.vehicle, finding.message))
        return judgement

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        raise NotImplementedError
