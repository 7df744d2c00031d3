"""What a load counts: answers, latencies, Result-Codes; and the log that tells which answers its client has seen."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TextIO

from ocs.gy.messages import Cca, Ccr, CcRequestType, ErrorAnswer

_LETTERS = {CcRequestType.INITIAL: "I", CcRequestType.UPDATE: "U", CcRequestType.TERMINATION: "T"}


@dataclass(frozen=True)
class Result:
    """One run. Latencies in microseconds, from the sending of a request (its first, if it was repeated)."""

    seconds: float
    """From the first request to the last answer."""
    answered: int
    unanswered: int
    repeated: int
    """Requests sent once more after a lost connection."""
    connections_lost: int
    sessions: int
    p50_us: int
    p99_us: int
    most_us: int
    requests: dict[str, int]
    """By type: I, U, T; answered ones."""
    result_codes: dict[int, int]
    """At command level."""
    service_codes: dict[int, int]
    """Of the rating group, from the MSCCs."""
    octets: int
    """Told in requests that were answered."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rate": round(self.rate, 1),
            "seconds": round(self.seconds, 3),
            "answered": self.answered,
            "unanswered": self.unanswered,
            "repeated": self.repeated,
            "connections_lost": self.connections_lost,
            "sessions": self.sessions,
            "latency_us": {"p50": self.p50_us, "p99": self.p99_us, "most": self.most_us},
            "requests": self.requests,
            "result_codes": {str(code): count for code, count in self.result_codes.items()},
            "service_codes": {str(code): count for code, count in self.service_codes.items()},
            "octets": self.octets,
        }


@dataclass
class Tally:
    """The counting. `log` gets one line of JSON for each answer, as soon as it is here."""

    log: TextIO | None = None
    latencies_ns: array[int] = field(default_factory=lambda: array("q"))
    requests: Counter[str] = field(default_factory=Counter)
    result_codes: Counter[int] = field(default_factory=Counter)
    service_codes: Counter[int] = field(default_factory=Counter)
    octets: int = 0
    repeated: int = 0
    sessions: int = 0
    unanswered: int = 0

    def answered(self, request: Ccr, answer: Cca | ErrorAnswer, latency_ns: int) -> None:
        """A request and its answer."""
        letter = _LETTERS[request.cc_request_type]
        octets = sum([
            unit.cc_total_octets or 0
            for mscc in request.multiple_services_credit_control
            for unit in mscc.used_service_unit
        ])  # fmt: skip
        self.latencies_ns.append(latency_ns)
        self.requests[letter] += 1
        self.result_codes[int(answer.result_code)] += 1
        self.octets += octets
        if isinstance(answer, Cca):
            for mscc in answer.multiple_services_credit_control:
                if mscc.result_code is not None:
                    self.service_codes[int(mscc.result_code)] += 1
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
        ordered = sorted(self.latencies_ns) or [0]
        return Result(
            seconds=seconds,
            answered=len(self.latencies_ns),
            unanswered=self.unanswered,
            repeated=self.repeated,
            connections_lost=connections_lost,
            sessions=self.sessions,
            p50_us=ordered[len(ordered) // 2] // 1000,
            p99_us=ordered[len(ordered) * 99 // 100] // 1000,
            most_us=ordered[-1] // 1000,
            requests=dict(sorted(self.requests.items())),
            result_codes=dict(sorted(self.result_codes.items())),
            service_codes=dict(sorted(self.service_codes.items())),
            octets=self.octets,
        )
