"""HDR: the header, identifiers, routing, and errors of the command as a whole (RFC 6733 3, 6, 7)."""

from __future__ import annotations

import time
from dataclasses import replace

from conformance.bench import Bench
from conformance.cases import case
from conformance.tester.observe import CLOSED, NoMessage, Reply, code, error_bit, failure
from conformance.tester.request import INITIAL, Request
from conformance.verdicts import inconclusive
from conformance.wire.avp import avp
from conformance.wire.message import CCR, E_FLAG, P_FLAG, R_FLAG, Message, build


def _initial(bench: Bench) -> Request:
    session = bench.session(bench.rich())
    request = session.request(INITIAL, session.asking())
    session.is_open = False
    return request


def _ask(bench: Bench, request: Request) -> Reply:
    """Sends a CCR-I that must not open a session; if it does, the session is ended."""
    session = bench.sessions[-1]
    reply = session.line.ask(request)
    session.saw(request, reply)
    return reply


@case("RFC6733-3-1", destructive=True)
def version_2(bench: Bench) -> None:
    """CCR-I with Version 2."""
    reply = _ask(bench, replace(_initial(bench), version=2))
    bench.expect(reply, code(5011), tolerated=CLOSED)


@case("RFC6733-3-2", variant="odd", destructive=True)
def odd_length(bench: Bench) -> None:
    """CCR-I whose Message Length is no multiple of 4."""
    request = _initial(bench)
    line = bench.line
    size = len(line.stamp(request).octets())
    reply = _ask(bench, replace(request, length=size + 2, extra_octets=b"\0\0"))
    bench.expect(reply, code(5015) | CLOSED)


@case("RFC6733-3-2", variant="short", destructive=True)
def short_length(bench: Bench) -> None:
    """A header with Message Length 16."""
    reply = _ask(bench, replace(_initial(bench), length=16))
    bench.expect(reply, code(5015) | CLOSED)


@case("RFC6733-3-2", variant="zero", destructive=True)
def zero_length(bench: Bench) -> None:
    """A header with Message Length 0."""
    reply = _ask(bench, replace(_initial(bench), length=0))
    bench.expect(reply, code(5015) | CLOSED)


@case("RFC6733-3-4")
def error_bit_on_request(bench: Bench) -> None:
    """CCR-I with the E bit."""
    request = _initial(bench)
    reply = _ask(bench, replace(request, flags=request.flags | E_FLAG))
    bench.expect(reply, code(3008) & error_bit(), tolerated=CLOSED | code(3008))


@case("RFC6733-3-5")
def reserved_bit(bench: Bench) -> None:
    """CCR-I with a reserved header bit."""
    request = _initial(bench)
    reply = _ask(bench, replace(request, flags=request.flags | 0x01))
    bench.note(reply.title)


@case("RFC6733-7.1.3-1")
def unknown_command(bench: Bench) -> None:
    """A request with Command-Code 999 under application 4."""
    reply = _ask(bench, replace(_initial(bench), command=999))
    bench.expect(reply, code(3001))
    bench.expect(reply, error_bit())
    message = bench.answer(reply)
    bench.check(message.command == 999, "the same Command-Code", str(message.command))
    for name in ("Origin-Host", "Origin-Realm", "Session-Id"):
        bench.check(message.tree.first(name) is not None, f"an answer with {name}", message.title)


@case("RFC6733-7.1.3-2")
def unknown_application(bench: Bench) -> None:
    """CCR-I with application 16777302 in the header."""
    reply = _ask(bench, replace(_initial(bench), application=16777302))
    bench.expect(reply, code(3007))
    bench.expect(reply, error_bit())


@case("RFC6733-6.8-1")
def applications_differ(bench: Bench) -> None:
    """CCR-I with Auth-Application-Id 5 under header application 4."""
    reply = _ask(bench, _initial(bench).setting("Auth-Application-Id", 5))
    bench.expect(reply, failure())
    message = bench.answer(reply)
    bench.check(not message.any_grant, "no grant", message.title)


@case("RFC6733-7.1.3-3")
def unknown_realm(bench: Bench) -> None:
    """CCR-I for a realm that nobody serves."""
    reply = _ask(bench, _initial(bench).setting("Destination-Realm", "nowhere.invalid").without("Destination-Host"))
    bench.expect(reply, code(3003))
    bench.expect(reply, error_bit())


@case("RFC6733-7.1.3-4")
def unknown_host(bench: Bench) -> None:
    """CCR-I for another host of the right realm."""
    reply = _ask(bench, _initial(bench).setting("Destination-Host", "nobody.nowhere.invalid"))
    _realm_is_served(bench, reply)
    bench.expect(reply, code(3002))
    bench.expect(reply, error_bit())


@case("RFC6733-6.1.4-1")
def no_destination_host(bench: Bench) -> None:
    """CCR-I without Destination-Host."""
    reply = _ask(bench, _initial(bench).without("Destination-Host"))
    _realm_is_served(bench, reply)
    bench.expect(reply, code(2001))


def _realm_is_served(bench: Bench, reply: Reply) -> None:
    stated, said = bench.ics.sut.realm, bench.run.sut_realm
    if stated not in (None, said) and code(3003).holds(reply):
        raise inconclusive(f"PIXIT: sut.realm is {stated}, the SUT serves {said}")


@case("RFC6733-7.2-1", "RFC6733-6.2.1-1",
      seconds=lambda ics: ics.timers.quiet_seconds)  # fmt: skip
def unsolicited_answer(bench: Bench) -> None:
    """A CCA that nobody asked for, and one that cannot be read."""
    session, _ = bench.opened(bench.rich())
    line = session.line
    avps = avp("Session-Id", session.session_id) + avp("Result-Code", 2001)
    line.send_octets(build(CCR, avps, flags=P_FLAG, hop_by_hop=0x12345678, end_to_end=0x12345678))
    line.send_octets(build(CCR, b"\xff" * 8, flags=P_FLAG, hop_by_hop=0x12345679, end_to_end=1))
    seen = line.await_message(lambda message: message.command == CCR, bench.ics.timers.quiet_seconds)
    bench.check(not isinstance(seen, Message), "no answer to an answer", seen.title)
    bench.check(not line.closed_by_peer, "the connection stays", "it was closed", "RFC6733-6.2.1-1")
    reply = session.update(used=0)
    bench.expect(reply, code(2001), row="RFC6733-6.2.1-1")


@case("RFC6733-6.2-3", variant="not-proxiable")
def not_proxiable(bench: Bench) -> None:
    """CCR-I without the P bit."""
    reply = _ask(bench, replace(_initial(bench), flags=R_FLAG))
    bench.expect(reply, code(2001))
    bench.check(not bench.answer(reply).flags & P_FLAG, "the P bit of the request: clear", "set")


def _proxy_info(number: int) -> bytes:
    return avp("Proxy-Info", [avp("Proxy-Host", f"dra{number}.example"), avp("Proxy-State", bytes([number] * 5))])


@case("RFC6733-6.2-6")
def proxy_info(bench: Bench) -> None:
    """CCR-I with two Proxy-Info, once good, and twice such as is refused."""
    infos = [_proxy_info(1), _proxy_info(2)]
    for request in (
        _initial(bench),
        _initial(bench).setting("Service-Context-Id", "nothing@example.invalid"),
        _initial(bench).setting("Destination-Realm", "nowhere.invalid").without("Destination-Host"),
    ):
        reply = bench.answer(_ask(bench, request.adding(*infos)))
        back = [item.octets for item in reply.tree.all("Proxy-Info")]
        bench.check(back == infos, "both Proxy-Info unchanged and in their order", f"{len(back)} in {reply.title}")


@case("RFC6733-6.7.1-1")
def route_record(bench: Bench) -> None:
    """CCR-I with two Route-Record, as it comes through relays."""
    records = [avp("Route-Record", "dra1.example"), avp("Route-Record", "dra2.example")]
    bench.expect(_ask(bench, _initial(bench).adding(*records)), code(2001))


@case("RFC6733-3-7", seconds=0.5)
def pipeline(bench: Bench) -> None:
    """50 CCR-I in one piece."""
    line = bench.line
    subscriber = bench.rich()
    sessions = [bench.session(subscriber) for _ in range(50)]
    requests = [line.stamp(session.request(INITIAL, session.asking())) for session in sessions]
    line.send_together(*requests)
    for session, request in zip(sessions, requests, strict=True):
        reply = line.answer_to(request)
        message = bench.answer(reply)
        session.saw(request, reply)
        right = message.tree.text("Session-Id") == session.session_id
        bench.check(right, f"the answer of {session.session_id}", str(message.tree.text("Session-Id")))
    extra = [message.title for message in line.unclaimed if not message.is_request]
    bench.check(not extra, "each request answered once", f"{len(extra)} answers more")
    for session in sessions:
        session.terminate()


@case("RFC6733-2.1-5", seconds=0.3)
def segments(bench: Bench) -> None:
    """CCR-I in pieces of 7 octets, then three in one segment."""
    line = bench.line
    subscriber = bench.rich()
    session = bench.session(subscriber)
    request = line.stamp(session.request(INITIAL, session.asking()))
    line.send_in_pieces(request.octets(), 7, 0.001)
    reply = line.answer_to(request)
    session.saw(request, reply)
    bench.expect(reply, code(2001))
    three = [bench.session(subscriber) for _ in range(3)]
    requests = [line.stamp(one.request(INITIAL, one.asking())) for one in three]
    line.send_together(*requests)
    for one, sent in zip(three, requests, strict=True):
        got = line.answer_to(sent)
        one.saw(sent, got)
        bench.expect(got, code(2001))


@case("RFC6733-6.2-1", variant="two-peers", seconds=0.5)
def same_hop_by_hop(bench: Bench) -> None:
    """Two connections use the same Hop-by-Hop ids at the same moment."""
    subscriber = bench.rich()
    lines = [bench.open_line() for _ in range(2)]
    for turn in range(8):
        sent = []
        for line in lines:
            sessions = [bench.session(subscriber, line=line) for _ in range(8)]
            sent += [
                (line, session, replace(line.stamp(session.request(INITIAL, session.asking())), hop_by_hop=hop))
                for hop, session in enumerate(sessions, 0x01000000 + 16 * turn)
            ]
        for line in lines:
            line.send_together(*(request for owner, _, request in sent if owner is line))
        for line, session, request in sent:
            reply = line.answer_to(request)
            session.saw(request, reply)
            seen = reply.title if isinstance(reply, NoMessage) else str(reply.tree.text("Session-Id"))
            bench.check(seen == session.session_id, f"the answer for {session.session_id} on its connection", seen)


@case("RFC8506-13-2", seconds=1.0)
def pace(bench: Bench) -> None:
    """200 CCR-U one after the other."""
    session, _ = bench.opened(bench.rich())
    took = []
    for _ in range(200):
        began = time.monotonic()
        reply = session.update(used=1)
        bench.expect(reply, code(2001))
        took.append(time.monotonic() - began)
    took.sort()
    bench.note(f"median {took[100] * 1000:.1f} ms, p99 {took[197] * 1000:.1f} ms, longest {took[-1] * 1000:.1f} ms")
    bench.check(took[197] < 9.0, "p99 well inside Tx (10 s)", f"{took[197]:.1f} s")
