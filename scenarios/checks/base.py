"""The form of a check: a model of its line in the scenario file, which judges evidence and names offenders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, get_args
from zoneinfo import ZoneInfo

from ocs.files import FileModel
from scenarios.evidence import Evidence, local


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

    zone: ZoneInfo
    """Of the operator, for times in messages."""
    ends: int
    """Of the run."""
    seen: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Judgement) -> None:
        """Take in what was seen and found among other cars."""
        for what, number in other.seen.items():
            self.count(what, number)
        self.findings += other.findings

    def count(self, what: str, number: int = 1) -> None:
        """Note that `number` more of `what` were looked at."""
        self.seen[what] = self.seen.get(what, 0) + number

    def wrong(self, vehicle: str, at: int, octets: int, what: str) -> None:
        """Note an offender: the car, the moment, the octets concerned, and what is wrong."""
        message = f"{vehicle} at {local(at, self.zone)}: {what}"
        self.findings.append(Finding(message, at, vehicle, octets))

    def wrong_sum(self, vehicle: str, octets: int, what: str) -> None:
        """Note an offender that is about a whole run, not about a moment."""
        self.findings.append(Finding(f"{vehicle}: {what}", self.ends, vehicle, octets))


class Check(FileModel):
    """Base of every expectation; the docstring is what people read about it."""

    needs: ClassVar[tuple[str, ...]]
    """What has to be seen at least once: a check that had nothing to judge has shown nothing."""
    on_gy: ClassVar[bool] = False
    """Whether Gy and ground truth are all it looks at: it can be judged on an OCS whose books nobody can see."""
    needs_twin: ClassVar[bool] = False
    """Whether it compares with the same cars without consumer service."""

    @classmethod
    def name(cls) -> str:
        """The name that files use."""
        return str(get_args(cls.model_fields["check"].annotation)[0])

    def judge(self, evidence: Evidence) -> Judgement:
        """What was looked at and what is wrong, in order of time."""
        judgement = self.look_at_cars(evidence)
        judgement.add(self.look_at_bills(evidence))
        self.conclude(judgement)
        return judgement

    def look_at_cars(self, evidence: Evidence) -> Judgement:
        """The part that needs no more than one car after the other: a fleet is judged by adding up its cars."""
        judgement = Judgement(evidence.zone, evidence.ends)
        self._look(evidence, judgement)
        return judgement

    def look_at_bills(self, evidence: Evidence) -> Judgement:
        """The part that needs the whole fleet: its documents, and sums. Records and truth may come as sums, too."""
        judgement = Judgement(evidence.zone, evidence.ends)
        self._look_at_bills(evidence, judgement)
        return judgement

    def conclude(self, judgement: Judgement) -> None:
        """Once everything has been looked at: was there anything to judge? Findings in order of time."""
        for what in self.needs:
            if not judgement.seen.get(what):
                judgement.count(what, 0)
                judgement.wrong_sum("the whole run", 0, f"nothing was shown, because it holds no {what}")
        judgement.findings.sort(key=lambda finding: (finding.at, finding.vehicle, finding.message))

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        """Look at cars. Records and exchanges are there, documents are not yet."""

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        """Look at documents. Of records and truth only sums may be there, of exchanges nothing."""
