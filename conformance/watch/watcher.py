"""Goes through a trace, pairs answers with requests, keeps sessions, and asks every rule."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from conformance.tester.trace import Party, Record
from conformance.watch.seen import RULES, LineState, Rule, Seen, SessionState
from conformance.wire.avp import Tree
from conformance.wire.message import CCR, CER, HEADER, RAR, Message

UNIT_NAMES = ("CC-Total-Octets", "CC-Input-Octets", "CC-Output-Octets", "CC-Time", "CC-Service-Specific-Units")


@dataclass(frozen=True)
class Complaint:
    """What a rule has against a message."""

    row: str
    sender: Party
    text: str
    title: str
    number: int
    """The place of the message in the trace, from 0."""


@dataclass
class Watched:
    """What a trace was found to be."""

    proofs: dict[str, int] = field(default_factory=dict)
    """How often each row was put to the proof, by row and sender joined: `ROW@ocs`."""
    complaints: list[Complaint] = field(default_factory=list)
    messages: int = 0

    def proved(self, row: str, sender: Party) -> int:
        """How often a row was put to the proof by messages of `sender`."""
        return self.proofs.get(f"{row}@{sender}", 0)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules."""
    for module in ("messages", "answers", "credit", "client"):
        importlib.import_module(f"conformance.watch.{module}")
    return tuple(RULES)


def watched_rows() -> frozenset[str]:
    """The requirements that some rule stands for."""
    return frozenset(rule.row for rule in rules())


def watch(records: Iterable[Record]) -> Watched:
    """Asks every rule about every message."""
    out = Watched()
    lines: dict[int, LineState] = {}
    sessions: dict[str, SessionState] = {}
    for number, record in enumerate(records):
        message = record.message
        if len(record.octets) < HEADER:
            continue
        out.messages += 1
        seen = _place(record, message, lines.setdefault(record.line, LineState()), sessions)
        for each in rules():
            if not each.applies(seen):
                continue
            key = f"{each.row}@{record.sender}"
            out.proofs[key] = out.proofs.get(key, 0) + 1
            text = each.fault(seen)
            if text:
                out.complaints.append(Complaint(each.row, record.sender, text, message.title, number))
        _remember(seen)
    return out


def _place(record: Record, message: Message, line: LineState, sessions: dict[str, SessionState]) -> Seen:
    seen = Seen(message, record.sender, record.line, record.at, line_state=line)
    other: Party = "pgw" if record.sender == "ocs" else "ocs"
    if not message.is_request:
        seen.request = line.open_requests.get((other, message.hop_by_hop))
        if seen.request is None and (other, message.hop_by_hop) in line.answered:
            seen.request = line.answered[other, message.hop_by_hop]
            seen.answered_before = True
    name = message.tree.text("Session-Id")
    if name is None and seen.request is not None:
        name = seen.request.tree.text("Session-Id")
    if name is not None:
        seen.session = sessions.setdefault(name, SessionState())
    return seen


def _remember(seen: Seen) -> None:
    message, line = seen.message, seen.line_state
    if message.is_request:
        line.open_requests[seen.sender, message.hop_by_hop] = message
        line.seen_end_to_end[seen.sender].add(message.end_to_end)
        if message.command == CCR and seen.session is not None:
            seen.session.pushed = False
    else:
        other: Party = "pgw" if seen.sender == "ocs" else "ocs"
        request = line.open_requests.pop((other, message.hop_by_hop), None)
        if request is not None:
            line.answered[other, message.hop_by_hop] = request
    if message.command == CER and (host := message.tree.text("Origin-Host")):
        line.origin_hosts[seen.sender] = host
    if seen.session is None:
        return
    if message.command == RAR and not message.is_request and message.result_code in (2001, 2002):
        seen.session.pushed = True
    if message.command == CCR and not message.is_request and seen.request is not None:
        _keep_exchange(seen.session, seen.request, message)
    elif message.command == CCR and message.is_request:
        number = message.tree.number("CC-Request-Number")
        if number is not None:
            seen.session.numbers.setdefault(number, (message, None))


def _keep_exchange(session: SessionState, request: Message, answer: Message) -> None:
    number = request.tree.number("CC-Request-Number")
    if number is not None:
        known = session.numbers.get(number)
        if known is None or known[1] is None:
            session.numbers[number] = (request, answer)
    if request.tree.number("CC-Request-Type") == 3 and answer.result_code == 2001:
        session.ended = True
    for service in answer.services:
        if service.granted:
            group = session.granted.setdefault(service.rating_group, set())
            group.update(units_in(service.tree, "Granted-Service-Unit"))
            session.refused.pop(service.rating_group, None)
        elif service.result_code is not None and service.result_code >= 3000:
            session.refused[service.rating_group] = service.result_code


def units_in(tree: Tree, name: str) -> list[str]:
    """The unit types inside every group of that name, with repetition."""
    return [inner.name for item in tree.all(name) for inner in item.tree if inner.name in UNIT_NAMES]
