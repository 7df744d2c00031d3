"""PEER: capabilities exchange and disconnection (RFC 6733 5.3, 5.4, 5.6)."""

from __future__ import annotations

import socket
import time

from conformance.bench import Bench
from conformance.cases import Case, CaseFunction, add, case
from conformance.tester.line import Line
from conformance.tester.observe import CLOSED, NoMessage, Reply, code, failed_avp
from conformance.tester.request import INITIAL, Request, cer, dpr
from conformance.verdicts import inconclusive, not_applicable
from conformance.wire.avp import avp
from conformance.wire.message import GY, Message

RELAY = 0xFFFFFFFF
GX = 16777238


@case("RFC6733-5.3-1")
def capabilities(bench: Bench) -> None:
    """CER with Auth-Application-Id 4."""
    line = bench.raw_line()
    reply = bench.expect(line.ask(cer(line.node)), code(2001))
    assert isinstance(reply, Message)
    line.capabilities = reply
    for name in ("Origin-Host", "Origin-Realm", "Host-IP-Address", "Vendor-Id", "Product-Name"):
        bench.check(reply.tree.first(name) is not None, f"CEA with {name}", "CEA without it")
    bench.check(not line.await_close(bench.ics.timers.quiet_seconds), "the connection stays open", "it was closed")


@case("RFC6733-5.3-2", "RFC6733-5.3-3")
def no_common_application(bench: Bench) -> None:
    """CER that offers only Gx."""
    line = bench.raw_line()
    reply = line.ask(cer(line.node, applications=(GX,)))
    bench.expect(reply, code(5010))
    closed = line.await_close(bench.ics.timers.answer_seconds)
    bench.check(closed, "the connection is closed after CEA 5010", "it stayed open", "RFC6733-5.3-3")


@case("RFC6733-5.3-4")
def relay(bench: Bench) -> None:
    """CER that offers only the relay application."""
    line = bench.raw_line()
    line.capabilities = bench.answer(bench.expect(line.ask(cer(line.node, applications=(RELAY,))), code(2001)))


def _vendor_specific(vendor: int, *applications: bytes) -> bytes:
    return avp("Vendor-Specific-Application-Id", [avp("Vendor-Id", vendor), *applications])


@case("RFC6733-5.3-5")
def vendor_specific_only(bench: Bench) -> None:
    """CER with application 4 only inside Vendor-Specific-Application-Id."""
    line = bench.raw_line()
    group = _vendor_specific(10415, avp("Auth-Application-Id", GY))
    bench.expect(line.ask(cer(line.node, applications=(), more=[group])), code(2001))


@case("RFC6733-5.3-6")
def vendor_plays_no_part(bench: Bench) -> None:
    """The same with the Vendor-Id of somebody else in the group."""
    line = bench.raw_line()
    group = _vendor_specific(5535, avp("Auth-Application-Id", GY))
    bench.expect(line.ask(cer(line.node, applications=(), more=[group])), code(2001))


@case("RFC6733-5.3-7")
def all_applications(bench: Bench) -> None:
    """CER of a relay, which shares every application."""
    line = bench.raw_line()
    reply = line.ask(cer(line.node, applications=(GY, RELAY)))
    bench.expect(reply, code(2001))
    offered = [item.number for item in bench.answer(reply).tree.all("Auth-Application-Id")]
    offered += [
        item.number for item in bench.answer(reply).tree.all("Vendor-Specific-Application-Id", "Auth-Application-Id")
    ]
    bench.check(GY in offered or RELAY in offered, "application 4 in the CEA", f"{offered}")


@case("RFC6733-5.3-8")
def unknown_peer(bench: Bench) -> None:
    """CER from an Origin-Host that nobody has configured."""
    if not bench.ics.claims.peers_restricted:
        raise not_applicable("claims.peers_restricted is false: any peer is welcome")
    line = bench.raw_line()
    reply = line.ask(cer(line.node).setting("Origin-Host", "stranger.nowhere.example"))
    bench.expect(reply, code(3010) | CLOSED)
    bench.check(line.await_close(bench.ics.timers.answer_seconds), "the connection is closed", "it stayed open")


@case("RFC6733-5.3-9")
def inband_tls_only(bench: Bench) -> None:
    """CER with Inband-Security-Id 1 (TLS) alone."""
    if bench.ics.claims.tls or bench.ics.tls is not None:
        raise not_applicable("the SUT speaks TLS")
    line = bench.raw_line()
    reply = line.ask(cer(line.node, more=[avp("Inband-Security-Id", 1)]))
    bench.expect(reply, code(5017), tolerated=code(2001))


def _cer_without(name: str) -> CaseFunction:
    def run(bench: Bench) -> None:
        line = bench.raw_line()
        reply = line.ask(cer(line.node).without(name))
        bench.expect(reply, code(5005), tolerated=CLOSED)
        if not isinstance(reply, Message):
            return
        bench.prefer(failed_avp(name).holds(reply), f"Failed-AVP with an example of {name}", reply.title)
        if not line.await_close(bench.ics.timers.quiet_seconds):
            line.capabilities = reply
            bench.run.realm = bench.run.realm or reply.tree.text("Origin-Realm")
            session = bench.session(bench.rich(), line=line)
            got = line.ask(session.request(INITIAL, session.asking()), bench.ics.timers.quiet_seconds)
            bench.check(not isinstance(got, Message) or got.result_code != 2001, "the peer is not open", got.title)

    return run


for _name in ("Origin-Host", "Origin-Realm", "Host-IP-Address", "Vendor-Id", "Product-Name"):
    add(
        Case(
            f"RFC6733-5.3.1-1/{_name}", ("RFC6733-5.3.1-1",), f"CER without {_name}", _cer_without(_name),
            seconds=lambda ics: ics.timers.quiet_seconds,
        )
    )  # fmt: skip


@case("RFC6733-6.11-1")
def empty_vendor_specific(bench: Bench) -> None:
    """CER with a Vendor-Specific-Application-Id without an application."""
    line = bench.raw_line()
    reply = bench.expect(line.ask(cer(line.node, more=[_vendor_specific(10415)])), code(5005))
    bench.expect(reply, failed_avp("Auth-Application-Id") & failed_avp("Acct-Application-Id"), tolerated=code(5005))


@case("RFC6733-6.11-2")
def full_vendor_specific(bench: Bench) -> None:
    """CER with a Vendor-Specific-Application-Id with both applications."""
    line = bench.raw_line()
    group = _vendor_specific(10415, avp("Auth-Application-Id", GY), avp("Acct-Application-Id", 3))
    bench.expect(line.ask(cer(line.node, more=[group])), code(5009))


@case("RFC6733-5.6.1-1", seconds=1.0)
def ccr_before_cer(bench: Bench) -> None:
    """CCR-I as the first message of a connection."""
    subscriber = bench.rich()
    assert bench.line.capabilities is not None
    line = bench.raw_line()
    session = bench.session(subscriber, line=line)
    reply = line.ask(session.request(INITIAL, session.asking()), bench.ics.timers.answer_seconds)
    bench.check(not isinstance(reply, Message), "the connection is closed, no CCA", reply.title)
    bench.check(line.closed_by_peer, "the connection is closed", "it stays open")


@case(
    "RFC6733-5.6.1-2",
    seconds=lambda ics: ics.timers.capabilities_seconds,
)
def silent_connection(bench: Bench) -> None:
    """A TCP connection on which nothing is said."""
    seconds = bench.ics.timers.capabilities_seconds
    if seconds > bench.ics.timers.wait_most_seconds:
        raise not_applicable(f"takes {seconds:g} s, above timers.wait_most_seconds")
    line = bench.raw_line()
    closed = line.await_close(seconds)
    bench.check(closed, f"closed within {bench.ics.timers.capabilities_seconds:g} s", "still open")


@case("RFC6733-5.6-1", "RFC6733-2.1-1", seconds=2.0)
def second_connection(bench: Bench) -> None:
    """A second connection with the Origin-Host of an open one."""
    first = bench.line
    second = bench.raw_line(first.node)
    reply = _answer_beside(second, second.send(cer(first.node)), first, bench.ics.timers.answer_seconds)
    accepted = isinstance(reply, Message) and reply.result_code == 2001
    if accepted:
        first.listen(bench.ics.timers.quiet_seconds)
        second.listen(bench.ics.timers.quiet_seconds)
    first_lives = not first.closed_by_peer and isinstance(first.alive(), Message)
    second_lives = accepted and not second.closed_by_peer and isinstance(second.alive(), Message)
    seen = f"first {'open' if first_lives else 'gone'}, second {'open' if second_lives else 'gone'}"
    bench.check(first_lives != second_lives, "exactly one of the two connections stays, and answers", seen,
                "RFC6733-5.6-1", "RFC6733-2.1-1")  # fmt: skip
    bench.prefer(first_lives, "the first, which is alive: R-Reject", seen)
    survivor = first if first_lives else second
    survivor.capabilities = first.capabilities
    session = bench.session(bench.rich(), line=survivor)
    bench.check(isinstance(session.initial(), Message), "the connection that stays gets its answers", "no answer on it")


def _answer_beside(line: Line, request: Request, other: Line, within: float) -> Reply:
    """The answer on one connection while the other is listened to, too: the SUT may probe it first."""
    deadline = time.monotonic() + within
    while True:
        other.listen(0.02)
        reply = line.answer_to(request, 0.02)
        waits = isinstance(reply, NoMessage) and reply.how == "silent"
        if not waits or time.monotonic() > deadline:
            return reply


@case("RFC6733-2.1-3", destructive=True)
def not_diameter(bench: Bench) -> None:
    """An HTTP request on an open connection."""
    other = bench.open_line()
    line = bench.line
    line.send_octets(b"GET / HTTP/1.1\r\nHost: ocs.example\r\nAccept: */*\r\n\r\n" + b" " * 64)
    closed = line.await_close(bench.ics.timers.answer_seconds)
    bench.check(closed, "the connection is reset", "it stayed open")
    bench.check(isinstance(other.alive(), Message), "another peer is still served", "no DWA there")


@case("RFC6733-2.1-4")
def sctp(bench: Bench) -> None:
    """An SCTP association to the address of the SUT."""
    try:
        probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
    except OSError:
        raise inconclusive("this machine's kernel has no SCTP") from None
    with probe:
        probe.settimeout(bench.ics.timers.quiet_seconds)
        try:
            probe.connect(bench.run.address)
        except OSError as error:
            bench.note(f"SCTP is not offered: {error}")
            return
    bench.note("SCTP is offered")


@case("RFC6733-5.4-1")
def disconnect(bench: Bench) -> None:
    """DPR REBOOTING on an open connection."""
    line = bench.line
    reply = bench.expect(line.ask(dpr(line.node)), code(2001))
    for name in ("Origin-Host", "Origin-Realm"):
        bench.check(bench.answer(reply).tree.first(name) is not None, f"DPA with {name}", "DPA without it")


@case("RFC6733-5.4-2")
def session_survives(bench: Bench) -> None:
    """DPR in the middle of a session, a new connection, CCR-U."""
    session, octets = bench.opened(bench.rich())
    line = session.line
    bench.expect(line.ask(dpr(line.node)), code(2001))
    line.close()
    session.line = bench.open_line(line.node)
    reply = session.update(used=octets // 2)
    bench.expect(reply, code(2001))


@case("RFC6733-8.6-1")
def higher_origin_state(bench: Bench) -> None:
    """A new connection whose CER has a higher Origin-State-Id, with a session open."""
    subscriber, balance = bench.known_balance()
    node = bench.node()
    first = bench.open_line(node, [avp("Origin-State-Id", 1000)])
    session, octets = bench.opened(subscriber, line=first)
    first.ask(dpr(node))
    first.close()
    second = bench.open_line(node, [avp("Origin-State-Id", 1001)])
    session.line = second
    reply = session.update(used=0)
    if isinstance(reply, Message) and reply.result_code == 2001:
        bench.note("sessions of the client are kept")
        session.terminate()
    else:
        bench.note("sessions of the client are closed")
        session.is_open = False
    free = bench.free_octets(subscriber)
    bench.check(
        free == balance, f"no reservation leaks: {balance} octets free", f"{free} octets, {octets} were granted"
    )


@case("RFC6733-5.3.1-1", variant="then-good", seconds=0.2)
def good_after_bad(bench: Bench) -> None:
    """A good CER after a refused one."""
    line = bench.raw_line()
    line.ask(cer(line.node).without("Origin-Realm"))
    line.close()
    again = bench.raw_line(line.node)
    bench.expect(again.ask(cer(line.node)), code(2001))


@case("RFC6733-3-3", destructive=True,
      seconds=lambda ics: ics.timers.quiet_seconds)  # fmt: skip
def stalled_message(bench: Bench) -> None:
    """A header that announces 1,000 octets, and only 100 of them."""
    other = bench.open_line()
    line = bench.line
    session = bench.session(bench.rich())
    octets = line.stamp(session.request(INITIAL, session.asking())).octets()
    line.send_octets(octets[:1] + (1000).to_bytes(3, "big") + octets[4:100])
    line.listen(bench.ics.timers.quiet_seconds)
    bench.check(isinstance(other.alive(), Message), "another connection is served meanwhile", "no DWA there")
    line.close()  # nothing else can be said on it


@case("RFC6733-3-3", variant="huge", destructive=True,
      seconds=lambda ics: ics.timers.quiet_seconds)  # fmt: skip
def huge_length(bench: Bench) -> None:
    """A header that announces 16 MB."""
    other = bench.open_line()
    line = bench.line
    session = bench.session(bench.rich())
    request: Request = line.stamp(session.request(INITIAL, session.asking()))
    octets = request.octets()
    line.send_octets(octets[:1] + b"\xff\xff\xfc" + octets[4:])
    closed = line.await_close(bench.ics.timers.answer_seconds)
    bench.check(isinstance(other.alive(), Message), "another connection is served meanwhile", "no DWA there")
    bench.check(closed, "the connection is closed: no Gy message is that long", "it waits for 16 MB")
