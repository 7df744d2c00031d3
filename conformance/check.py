"""`conformance check`: any Gy trace put to the rules, and an audit of the units in it. No lab is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from conformance.pcap import read_capture
from conformance.requirements import Requirement, requirements
from conformance.tester.trace import Party, Record
from conformance.watch import Watched, watch
from conformance.wire.avp import Avp
from conformance.wire.message import CCR, RAR, Message


@dataclass
class Deviation:
    """Everything against one requirement by one side."""

    requirement: Requirement
    sender: Party
    seen: list[str] = field(default_factory=list)


@dataclass
class SessionAudit:
    """What one session granted and used, in octets, and what an auditor would ask about."""

    session_id: str
    granted_octets: int = 0
    used_octets: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass
class CheckResult:
    """What a trace was found to be."""

    records: list[Record]
    watched: Watched
    deviations: list[Deviation]
    sessions: list[SessionAudit]

    @property
    def passed(self) -> bool:
        """Whether no binding requirement was broken, by either side."""
        return not any(deviation.requirement.binding for deviation in self.deviations)


def check_capture(path: Path) -> CheckResult:
    """Judges a capture.

    Raises:
        CaptureError: it cannot be read, or holds no Diameter.
    """
    return check_records(read_capture(path))


def check_records(records: list[Record]) -> CheckResult:
    """Judges a trace."""
    watched = watch(records)
    found: dict[tuple[str, Party], Deviation] = {}
    for complaint in watched.complaints:
        requirement = requirements()[complaint.row]
        key = complaint.row, complaint.sender
        deviation = found.setdefault(key, Deviation(requirement, complaint.sender))
        deviation.seen.append(f"#{complaint.number + 1} {complaint.title}: {complaint.text}")
    return CheckResult(records, watched, [found[key] for key in sorted(found)], audit(records))


def audit(records: list[Record]) -> list[SessionAudit]:
    """The units of every session: sums, use above grants, grants after a refusal, refusals that hit everybody."""
    sessions: dict[str, SessionAudit] = {}
    answered: dict[tuple[int, int], Message] = {}
    holds: dict[tuple[str, int | None], int | None] = {}
    refused: dict[tuple[str, int | None], int] = {}
    counted: set[tuple[str, int | None]] = set()
    for record in records:
        message = record.message
        name = message.tree.text("Session-Id")
        if name is None:
            continue
        one = sessions.setdefault(name, SessionAudit(name))
        if message.command == RAR and message.is_request:
            refused = {key: code for key, code in refused.items() if key[0] != name}
        if message.command != CCR:
            continue
        number = message.tree.number("CC-Request-Number")
        if message.is_request:
            answered[record.line, message.hop_by_hop] = message
            if (name, number) in counted:
                continue  # a repetition
            counted.add((name, number))
            for service in message.services:
                used = used_octets(service.tree.all("Used-Service-Unit"))
                one.used_octets += used
                held = holds.pop((name, service.rating_group), 0)
                if held is not None and used > held:
                    one.remarks.append(f"#{number}: rating group {service.rating_group} reports {used}, it held {held}")
        else:
            request = answered.get((record.line, message.hop_by_hop))
            for service in message.services:
                key = name, service.rating_group
                if service.granted:
                    one.granted_octets += service.total_octets or 0
                    holds[key] = service.total_octets
                    if refused.pop(key, None) == 4012:
                        one.remarks.append(f"#{number}: rating group {service.rating_group} is granted after 4012")
                elif (service.result_code or 2001) >= 4000:
                    refused[key] = service.result_code or 0
            asked = {s.rating_group for s in request.services} if request is not None else set()
            if (message.result_code or 0) in (4010, 4012, 5031) and len(asked) > 1:
                one.remarks.append(f"#{number}: {message.result_code} for all of {len(asked)} rating groups at once")
    return list(sessions.values())


def used_octets(units: list[Avp]) -> int:
    """Octets of the USUs of an MSCC: those with a total are added; only if none has one, input and output."""
    totals, parts = [], []
    for unit in units:
        total = unit.tree.number("CC-Total-Octets")
        if total is not None:
            totals.append(total)
        else:
            parts += [unit.tree.number(name) or 0 for name in ("CC-Input-Octets", "CC-Output-Octets")]
    return sum(totals) if totals else sum(parts)
