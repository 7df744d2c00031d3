"""RAR: re-authorisation and abort that the OCS begins (RFC 8506 5.5, RFC 6733 8.3, 8.5)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from conformance.bench import Bench
from conformance.cases import case
from conformance.session import Session
from conformance.sut.ics import Service, Subscriber
from conformance.tester.observe import granted
from conformance.tester.request import ASK, dpr, mscc
from conformance.verdicts import inconclusive, not_applicable
from conformance.wire.message import ASR, GY, RAR, Message


@dataclass(frozen=True)
class Waiting:
    """A session whose consumer has nothing left, on an APN shared with an enterprise that goes on."""

    subscriber: Subscriber
    consumer: Service
    session: Session
    enterprise_group: int
    group: int


def exhausted_beside_enterprise(bench: Bench) -> Waiting:
    """The stage of most cases here: the session stays open, one of its two payers is out of credit."""
    if not bench.ics.claims.sends_rar:
        raise not_applicable("claims.sends_rar is false")
    bench.needs("top_up")
    subscriber = bench.take("shared")
    consumer = subscriber.consumer
    if consumer is None or consumer.balance_octets is None:
        raise not_applicable("needs a consumer with balance_octets on the shared subscriber")
    session = bench.session(subscriber)
    enterprise, group = subscriber.rating_groups[0], consumer.rating_groups[0]
    reply = bench.success(session.initial(session.asking(enterprise), session.asking(group)))
    left = consumer.balance_octets
    while (service := reply.service(group)) is not None and service.granted and left >= 0:
        octets = service.total_octets or 0
        if octets == 0:
            break
        left -= octets
        reply = bench.success(session.update(session.asking(group, used=octets)))
    service = reply.service(group)
    if service is None or service.result_code != 4012:
        raise inconclusive(f"rating group {group} is not out of credit: {reply.title}")
    return Waiting(subscriber, consumer, session, enterprise, group)


def top_up(bench: Bench, stage: Waiting) -> None:
    """Pays for the consumer."""
    who = stage.subscriber
    bench.run.hooks.call("top_up", imsi=who.imsi, split=stage.consumer.split, msisdn=who.msisdn or "")


def _push(bench: Bench, stage: Waiting) -> Message:
    seen = stage.session.line.pushes
    if seen:
        return seen[-1]
    push = stage.session.line.await_push(bench.ics.timers.answer_seconds)
    if push is None:
        raise inconclusive("no RAR came within the time for an answer")
    return push


@case("RFC8506-5.5-1", "RFC8506-5.5-2", seconds=1.0)
def rar_after_top_up(bench: Bench) -> None:
    """A top-up while a rating group waits."""
    stage = exhausted_beside_enterprise(bench)
    top_up(bench, stage)
    push = _push(bench, stage)
    line = stage.session.line
    bench.check(push.command == RAR, "RAR", push.title)
    first = next(iter(push.tree), None)
    bench.check(first is not None and first.name == "Session-Id", "Session-Id first", push.title)
    for name, value in (
        ("Session-Id", stage.session.session_id),
        ("Destination-Host", line.node.host),
        ("Destination-Realm", line.node.realm),
    ):
        bench.check(push.tree.text(name) == value, f"{name} {value}", str(push.tree.text(name)))
    bench.check(push.tree.number("Auth-Application-Id") == GY, "Auth-Application-Id 4", push.title)
    bench.check(push.tree.number("Re-Auth-Request-Type") == 0, "AUTHORIZE_ONLY", push.title)
    named = {name: len(push.tree.all(name)) for name in ("Rating-Group", "Service-Identifier", "G-S-U-Pool-Identifier")}
    bench.check(max(named.values()) <= 1, "each of them once at most", str(named), "RFC8506-5.5-2")
    group = push.tree.number("Rating-Group")
    bench.check(group in (stage.group, None), f"rating group {stage.group} or none", str(group), "RFC8506-5.5-2")
    bench.prefer(group == stage.group, f"only rating group {stage.group} has changed", "the whole session",
                 "RFC8506-5.5-2")  # fmt: skip
    reply = stage.session.update(mscc(stage.group, ask=ASK, reason=7))
    bench.expect(reply, granted(stage.group))


@case("RFC8506-5.5-6", seconds=1.5)
def crossing(bench: Bench) -> None:
    """CCR-U that crosses the RAR."""
    stage = exhausted_beside_enterprise(bench)
    line = stage.session.line
    line.push_answer = lambda _: None
    top_up(bench, stage)
    reply = stage.session.update(mscc(stage.group, ask=ASK))
    bench.expect(reply, granted(stage.group))
    line.push_answer = lambda _: 2001
    line.listen(bench.ics.timers.quiet_seconds * 3)
    pushes = [push for push in line.pushes if push.command == RAR]
    bench.check(len(pushes) <= 1, "the CCR-U is the re-authorisation: no RAR again", f"{len(pushes)} RARs")


@case("RFC6733-8.3-2", seconds=2.0)
def session_unknown_to_client(bench: Bench) -> None:
    """RAR answered with 5002."""
    stage = exhausted_beside_enterprise(bench)
    line = stage.session.line
    line.push_answer = lambda _: 5002
    top_up(bench, stage)
    _push(bench, stage)
    line.listen(bench.ics.timers.quiet_seconds * 4)
    bench.check(len(line.pushes) <= 3, "no unbounded RARs", f"{len(line.pushes)} RARs")
    reply = stage.session.update(mscc(stage.enterprise_group, ask=ASK, used=1))
    bench.note(f"the session afterwards: {reply.title}")
    bench.check(isinstance(reply, Message), "an answer", reply.title)


@case("OPEN5GS-3", seconds=2.0)
def lazy_client(bench: Bench) -> None:
    """RAR answered with 2001 and no CCR-U, as Open5GS does."""
    stage = exhausted_beside_enterprise(bench)
    line = stage.session.line
    line.push_answer = lambda _: 2001
    top_up(bench, stage)
    _push(bench, stage)
    line.listen(bench.ics.timers.quiet_seconds * 4)
    bench.check(len(line.pushes) <= 3, "no unbounded RARs", f"{len(line.pushes)} RARs")
    reply = stage.session.update(stage.session.asking(stage.enterprise_group, used=1))
    bench.expect(reply, granted(stage.enterprise_group))
    reply = stage.session.update(stage.session.asking(stage.group))
    bench.expect(reply, granted(stage.group))


@case("RFC6733-8.3-3", seconds=1.0)
def live_connection(bench: Bench) -> None:
    """The client comes back on another connection, then a top-up."""
    stage = exhausted_beside_enterprise(bench)
    old = stage.session.line
    old.ask(dpr(old.node))
    old.close()
    old.closed_by_peer = True
    stage.session.line = bench.open_line(old.node)
    top_up(bench, stage)
    push = stage.session.line.await_push(bench.ics.timers.answer_seconds)
    bench.check(push is not None, "RAR on the connection that lives", "none")
    bench.expect(stage.session.update(mscc(stage.group, ask=ASK, reason=7)), granted(stage.group))


@case("RFC6733-8.5-1", seconds=1.0)
def abort(bench: Bench) -> None:
    """The operator suspends the payer of an open session."""
    subscriber, _ = bench.known_balance()
    session, octets = bench.opened(subscriber)
    who = {"imsi": subscriber.imsi, "split": subscriber.split, "msisdn": subscriber.msisdn or ""}
    bench.run.hooks.call("suspend", **who)
    deadline = time.monotonic() + bench.ics.timers.answer_seconds
    while not session.line.pushes and time.monotonic() < deadline:
        session.line.listen(0.05)
    kinds = sorted({"ASR" if push.command == ASR else "RAR" for push in session.line.pushes})
    bench.note(f"the SUT sends {' and '.join(kinds) or 'nothing'}")
    for push in session.line.pushes:
        for name in ("Session-Id", "Destination-Host", "Destination-Realm", "Auth-Application-Id"):
            bench.check(push.tree.first(name) is not None, f"{push.title} with {name}", "without it")
    session.terminate(used=octets // 2)
    bench.run.hooks.call("resume", **who)
