"""SEQ: session identity, request numbers, and the same request more than once (RFC 6733 3, RFC 8506 5.7, 7)."""

from __future__ import annotations

from dataclasses import replace

from conformance.bench import Bench
from conformance.cases import case
from conformance.session import Session
from conformance.tester.observe import NoMessage, Reply, code, failure
from conformance.tester.request import INITIAL, TERMINATION, UPDATE, mscc
from conformance.wire.message import Message


def same_answer(one: Reply, other: Reply) -> str | None:
    """In what two answers to one request differ; None if in nothing that matters."""
    if isinstance(one, NoMessage) or isinstance(other, NoMessage):
        return f"{one.title}, then {other.title}"
    if one.result_code != other.result_code:
        return f"Result-Code {one.result_code}, then {other.result_code}"
    first = [(s.rating_group, s.result_code, s.total_octets, s.final_action) for s in one.services]
    second = [(s.rating_group, s.result_code, s.total_octets, s.final_action) for s in other.services]
    return f"{one.title}, then {other.title}" if first != second else None


def _twice(bench: Bench) -> tuple[Session, int, int, Reply, Reply]:
    """A CCR-U with a report, and the same once more: session, balance, octets reported, both answers."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    request = session.line.stamp(session.request(UPDATE, session.asking(used=octets)))
    first = session.send(request)
    second = session.line.ask(request.resent())
    return session, balance, octets, first, second


@case("RFC6733-3-8", seconds=0.3)
def no_second_debit(bench: Bench) -> None:
    """CCR-U with a report, then the same with the T bit."""
    session, balance, octets, _, _ = _twice(bench)
    session.terminate()
    bench.balance_is(session.subscriber, balance - octets)


@case("RFC6733-3-9", seconds=0.3)
def same_answer_again(bench: Bench) -> None:
    """CCR-U with a report, then the same with the T bit."""
    _, _, _, first, second = _twice(bench)
    different = same_answer(first, second)
    bench.check(different is None, "the same answer again", str(different))


@case("RFC6733-3-9", variant="initial", seconds=0.3)
def same_initial_again(bench: Bench) -> None:
    """CCR-I, then the same with the T bit."""
    session = bench.session(bench.rich())
    request = session.line.stamp(session.request(INITIAL, session.asking()))
    first = session.send(request)
    second = session.line.ask(request.resent())
    different = same_answer(first, second)
    bench.check(different is None, "the same answer again", str(different))


@case("RFC6733-3-9", variant="termination", seconds=0.3)
def same_termination_again(bench: Bench) -> None:
    """CCR-T, then the same with the T bit."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    request = session.line.stamp(session.request(TERMINATION, mscc(session.rating_group, used=octets // 2, reason=2)))
    first = session.send(request)
    second = session.line.ask(request.resent())
    different = same_answer(first, second)
    bench.check(different is None, "the same answer again", str(different))
    bench.balance_is(subscriber, balance - octets // 2)


@case("RFC8506-5.7-1", seconds=0.3)
def other_connection(bench: Bench) -> None:
    """CCR-U with a report, then the same over another connection."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    other = bench.open_line()
    request = session.line.stamp(session.request(UPDATE, session.asking(used=octets)))
    first = session.send(request)
    second = other.ask(replace(request.resent(), end_to_end=None))
    different = same_answer(first, second)
    bench.prefer(different is None, "the same answer again", str(different))
    session.terminate()
    bench.balance_is(subscriber, balance - octets)


@case("RFC6733-3-10", seconds=0.3)
def without_t(bench: Bench) -> None:
    """CCR-U with a report, then the same without the T bit."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    request = session.line.stamp(session.request(UPDATE, session.asking(used=octets)))
    first = session.send(request)
    second = session.line.ask(request.resent(retransmitted=False))
    different = same_answer(first, second)
    bench.prefer(different is None, "the same answer again", str(different))
    session.terminate()
    bench.balance_is(subscriber, balance - octets)


@case("RFC6733-3-11", seconds=0.3)
def original_lost(bench: Bench) -> None:
    """CCR-U with the T bit whose original never came."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    request = session.request(UPDATE, session.asking(used=octets)).resent()
    reply = session.send(request)
    bench.expect(reply, code(2001))
    session.terminate()
    bench.balance_is(subscriber, balance - octets)


@case("RFC8506-5.7-2", seconds=0.3)
def initial_in_flight(bench: Bench) -> None:
    """CCR-I twice in one segment, the second with the T bit."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    first = session.line.stamp(session.request(INITIAL, session.asking()))
    second = session.line.stamp(first.resent())
    session.line.send_together(first, second)
    one, other = session.line.answer_to(first), session.line.answer_to(second)
    session.saw(first, one)
    different = same_answer(one, other)
    bench.check(different is None, "two equal answers", str(different))
    octets = bench.answer(one).granted_octets
    free = bench.free_octets(subscriber)
    bench.check(free == balance - octets, f"one reservation: {balance - octets} octets free", f"{free} octets")


@case("RFC8506-8.2-2")
def gaps(bench: Bench) -> None:
    """CCR-I numbered 1, CCR-U numbered 5, CCR-T numbered 9."""
    session = bench.session(bench.rich())
    bench.expect(session.send(session.request(INITIAL, session.asking(), number=1)), code(2001))
    bench.expect(session.send(session.request(UPDATE, session.asking(used=1), number=5)), code(2001))
    bench.expect(session.send(session.request(TERMINATION, mscc(session.rating_group, used=1), number=9)), code(2001))


@case("RFC8506-5.1.2-1", seconds=0.3)
def out_of_order(bench: Bench) -> None:
    """CCR-U number 3 before number 2."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    early = session.request(UPDATE, session.asking(used=octets // 4), number=3)
    late = session.request(UPDATE, session.asking(used=octets // 2), number=2)
    bench.expect(session.send(early), code(2001))
    bench.expect(session.send(late), code(2001))
    session.number = 4
    session.terminate()
    bench.balance_is(subscriber, balance - octets // 4 - octets // 2)


@case("RFC8506-7-1")
def unknown_update(bench: Bench) -> None:
    """CCR-U for a Session-Id never seen."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    session.number = 1
    bench.expect(session.update(used=1_000_000), code(5002))
    bench.balance_is(subscriber, balance)


@case("RFC8506-7-2")
def unknown_termination(bench: Bench) -> None:
    """CCR-T for a Session-Id never seen."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    session.number = 1
    bench.expect(session.terminate(used=1_000_000), code(5002))
    bench.balance_is(subscriber, balance)


@case("RFC8506-7-3", seconds=0.3)
def update_after_end(bench: Bench) -> None:
    """CCR-U with a report after CCR-T."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    session.terminate(used=1000)
    reply = session.update(used=octets // 2)
    bench.expect(reply, code(5002))
    bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)
    free = bench.free_octets(subscriber)
    bench.prefer(free == balance - 1000 - octets // 2, "the late report is debited", f"{free} octets free of {balance}")
    bench.check(free in (balance - 1000 - octets // 2, balance - 1000), "at most one debit of it", f"{free} octets")


@case("RFC8506-7-4", seconds=0.3)
def initial_twice(bench: Bench) -> None:
    """A second CCR-I with a new number on an open session."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    reply = session.line.ask(session.request(INITIAL, session.asking()))
    bench.expect(reply, failure() | code(2001))
    if isinstance(reply, Message) and reply.result_code == 2001:
        bench.note("the session begins anew")
    session.terminate()
    bench.balance_is(subscriber, balance)
