"""What a load counts: answers, latencies, Result-Codes; and the log that tells which answers its client has seen."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TextIO

from ocs.gy.messages import Cca, Ccr, CcRequestType, ErrorAnswer

_LETTERS = {CcRequestType.INITIAL: "I", CcRequestType.UPDATE: "U", CcRequestType.TERMINATION: "T"}


@dataclass
class Part:
    """What became of the requests of one target. Latencies in nanoseconds, from the first sending of a request."""

    latencies_ns: array[int] = field(default_factory=lambda: array("q"))
    requests: Counter[str] = field(default_factory=Counter)
    """By type: I, U, T; answered ones."""
    result_codes: Counter[int] = field(default_factory=Counter)
    """At command level."""
    service_codes: Counter[int] = field(default_factory=Counter)
    """Of the rating group, from the MSCCs."""
    octets: int = 0
    """Told in requests that were answered."""
    sessions: int = 0
    unanswered: int = 0
    late: int = 0
    """Answered, but after Tx."""
    repeated: int = 0
    """Requests sent once more after a lost connection."""

    def add(self, other: Part) -> None:
        """Another target's."""
        self.latencies_ns += other.latencies_ns
        for mine, theirs in (
            (self.requests, other.requests),
            (self.result_codes, other.result_codes),
            (self.service_codes, other.service_codes),
        ):
            mine.update(theirs)  # type: ignore[arg-type]
        self.octets += other.octets
        self.sessions += other.sessions
        self.unanswered += other.unanswered
        self.late += other.late
        self.repeated += other.repeated


@dataclass(frozen=True)
class Figures:
    """A `Part` when all is over. Latencies in microseconds."""

    answered: int
    unanswered: int
    timeouts: int
    """Not answered within Tx: late, or never."""
    repeated: int
    sessions: int
    p50_us: int
    p99_us: int
    most_us: int
    requests: dict[str, int]
    result_codes: dict[int, int]
    service_codes: dict[int, int]
    octets: int

    @classmethod
    def of(cls, part: Part) -> Figures:
        """Everything in order."""
        ordered = sorted(part.latencies_ns) or [0]
        return cls(
            answered=len(part.latencies_ns),
            unanswered=part.unanswered,
            timeouts=part.unanswered + part.late,
            repeated=part.repeated,
            sessions=part.sessions,
            p50_us=ordered[len(ordered) // 2] // 1000,
            p99_us=ordered[len(ordered) * 99 // 100] // 1000,
            most_us=ordered[-1] // 1000,
            requests=dict(sorted(part.requests.items())),
            result_codes=dict(sorted(part.result_codes.items())),
            service_codes=dict(sorted(part.service_codes.items())),
            octets=part.octets,
        )

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "answered": self.answered,
            "unanswered": self.unanswered,
            "timeouts": self.timeouts,
            "repeated": self.repeated,
            "sessions": self.sessions,
            "latency_us": {"p50": self.p50_us, "p99": self.p99_us, "most": self.most_us},
            "requests": self.requests,
            "result_codes": {str(code): count for code, count in self.result_codes.items()},
            "service_codes": {str(code): count for code, count in self.service_codes.items()},
            "octets": self.octets,
        }


@dataclass(frozen=True)
class Result:
    """One run."""

    seconds: float
    """From the first request to the last answer."""
    connections_lost: int
    whole: Figures
    parts: dict[Hashable, Figures]
    """By target."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.whole.answered / self.seconds if self.seconds else 0.0


@dataclass
class Tally:
    """The counting. `log` gets one line of JSON for each answer, as soon as it is here. Tx in nanoseconds."""

    tx_ns: int
    log: TextIO | None = None
    parts: dict[Hashable, Part] = field(default_factory=dict)

    def part(self, target: Hashable) -> Part:
        """Where the requests of one target are counted."""
        return self.parts.setdefault(target, Part())

    def answered(self, part: Part, request: Ccr, answer: Cca | ErrorAnswer, latency_ns: int) -> None:
        """A request and its answer."""
        letter = _LETTERS[request.cc_request_type]
        octets = sum([
            unit.cc_total_octets or 0
            for mscc in request.multiple_services_credit_control
            for unit in mscc.used_service_unit
        ])  # fmt: skip
        part.latencies_ns.append(latency_ns)
        part.late += latency_ns > self.tx_ns
        part.requests[letter] += 1
        part.result_codes[int(answer.result_code)] += 1
        part.octets += octets
        if isinstance(answer, Cca):
            for mscc in answer.multiple_services_credit_control:
                if mscc.result_code is not None:
                    part.service_codes[int(mscc.result_code)] += 1
        if self.log is not None:
            line = {
                "session_id": request.session_id,
                "number": request.cc_request_number,
                "type": letter,
                "octets": octets,
                "result_code": int(answer.result_code),
            }
            self.log.write(json.dumps(line) + "\n")
            self.log.flush()

    def result(self, seconds: float, connections_lost: int) -> Result:
        """The sum of it."""
        whole = Part()
        for part in self.parts.values():
            whole.add(part)
        parts = {target: Figures.of(part) for target, part in self.parts.items()}
        return Result(seconds, connections_lost, Figures.of(whole), parts)
