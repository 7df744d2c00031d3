"""EVT: one-time events (RFC 8506 6)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.session import Session
from conformance.tester.observe import CLOSED, Observation, code, failed_avp, failure
from conformance.tester.request import EVENT, UPDATE, mscc
from conformance.verdicts import not_applicable
from conformance.wire.avp import avp
from conformance.wire.message import Message

DIRECT_DEBITING, REFUND_ACCOUNT, CHECK_BALANCE, PRICE_ENQUIRY = range(4)


def _octets(octets: int, group: int) -> bytes:
    return mscc(group, ask=octets)


def _events(bench: Bench) -> None:
    if not bench.ics.claims.events:
        raise not_applicable("claims.events is false")


def _message(bench: Bench) -> Session:
    _events(bench)
    return bench.session(bench.one("messages"))


def one_unit(session: Session) -> bytes:
    """An MSCC that asks for one service-specific unit."""
    asking = avp("Requested-Service-Unit", [avp("CC-Service-Specific-Units", 1)])
    return mscc(session.rating_group, more=[asking])


@case("RFC8506-6.1-1")
def price(bench: Bench) -> None:
    """CCR-E PRICE_ENQUIRY."""
    session = _message(bench)
    reply = bench.expect(session.event(one_unit(session), action=PRICE_ENQUIRY), code(2001))
    cost = bench.answer(reply).tree.first("Cost-Information")
    bench.check(cost is not None, "Cost-Information", "without it")


@case("RFC8506-6.1-1", variant="no-debit", seconds=0.3)
def price_is_free(bench: Bench) -> None:
    """CCR-E PRICE_ENQUIRY for octets of a small account."""
    _events(bench)
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    bench.answer(session.event(_octets(1_000_000, session.rating_group), action=PRICE_ENQUIRY))
    bench.balance_is(subscriber, balance)


@case("RFC8506-6.2-1", seconds=0.3)
def check_balance(bench: Bench) -> None:
    """CCR-E CHECK_BALANCE on a funded and on an empty account."""
    _events(bench)
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    for octets, result in ((1_000_000, 0), (balance + 1, 1)):
        reply = session.event(_octets(octets, session.rating_group), action=CHECK_BALANCE)
        bench.expect(reply, code(2001))
        seen = bench.answer(reply).tree.number("Check-Balance-Result")
        bench.check(seen == result, f"Check-Balance-Result {result} for {octets} octets", str(seen))
        session = bench.session(subscriber)
    bench.balance_is(subscriber, balance)


@case("RFC8506-6.2-2")
def no_check_result(bench: Bench) -> None:
    """CCR-E with other actions, and CCR-I."""
    session = _message(bench)
    for action in (DIRECT_DEBITING, PRICE_ENQUIRY):
        reply = bench.answer(session.event(one_unit(session), action=action))
        bench.check(reply.tree.first("Check-Balance-Result") is None, "no Check-Balance-Result", reply.title)
        session = _message(bench)


@case("RFC8506-6.3-1", seconds=0.3)
def debit(bench: Bench) -> None:
    """CCR-E DIRECT_DEBITING of octets of a small account."""
    _events(bench)
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    reply = bench.expect(session.event(_octets(1_000_000, session.rating_group), action=DIRECT_DEBITING), code(2001))
    bench.check(bench.answer(reply).granted_octets == 1_000_000, "a grant of the units debited", reply.title)
    bench.balance_is(subscriber, balance - 1_000_000)


@case("RFC8506-6.4-1", seconds=0.3)
def refund(bench: Bench) -> None:
    """CCR-E REFUND_ACCOUNT of octets debited before."""
    _events(bench)
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    bench.success(session.event(_octets(2_000_000, session.rating_group), action=DIRECT_DEBITING))
    again = bench.session(subscriber)
    reply = again.event(_octets(1_000_000, again.rating_group), action=REFUND_ACCOUNT)
    bench.expect(reply, code(2001))
    bench.check(bench.answer(reply).granted_octets == 1_000_000, "a grant of the units refunded", reply.title)
    bench.balance_is(subscriber, balance - 1_000_000)


@case("RFC8506-8.3-1")
def no_action(bench: Bench) -> None:
    """CCR-E without Requested-Action."""
    session = _message(bench)
    reply = session.event(one_unit(session), action=None)
    wanted: Observation = code(5005) & failed_avp("Requested-Action")
    bench.expect(reply, wanted, tolerated=code(5004, 5005, 5012, 5031))


@case("RFC8506-8.41-1")
def unknown_action(bench: Bench) -> None:
    """CCR-E with Requested-Action 9."""
    session = _message(bench)
    bench.expect(session.event(one_unit(session), action=9), code(5004))


@case("RFC8506-6-1", "TS32299-5.2.2.1-1")
def no_state(bench: Bench) -> None:
    """CCR-E, then CCR-U with the same Session-Id."""
    session = _message(bench)
    reply = session.event(one_unit(session), action=DIRECT_DEBITING)
    bench.expect(reply, code(2001), row="TS32299-5.2.2.1-1")
    bench.expect(session.send(session.request(UPDATE, one_unit(session))), code(5002))


@case("RFC8506-6.5-2", seconds=0.3)
def once(bench: Bench) -> None:
    """CCR-E DIRECT_DEBITING and REFUND_ACCOUNT, each again with the T bit."""
    _events(bench)
    subscriber, balance = bench.known_balance()
    for action, octets in ((DIRECT_DEBITING, 3_000_000), (REFUND_ACCOUNT, 1_000_000)):
        session = bench.session(subscriber)
        service = _octets(octets, session.rating_group)
        request = session.line.stamp(session.request(EVENT, service, more=[avp("Requested-Action", action)]))
        bench.success(session.send(request))
        bench.expect(session.line.ask(request.resent()), code(2001))
    bench.balance_is(subscriber, balance - 2_000_000)


@case("RFC8506-6.3-2", seconds=0.3)
def debit_above_balance(bench: Bench) -> None:
    """CCR-E DIRECT_DEBITING of more than there is."""
    _events(bench)
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    reply = session.event(_octets(balance + 1, session.rating_group), action=DIRECT_DEBITING)
    message = bench.answer(reply)
    refused = message.result_code == 4012 or any(service.result_code == 4012 for service in message.services)
    bench.check(refused and not message.any_grant, "4012 and no grant", message.title)
    bench.balance_is(subscriber, balance)


@case("RFC8506-6-1", variant="garbage", destructive=True)
def event_of_nothing(bench: Bench) -> None:
    """CCR-E with no units at all."""
    session = _message(bench)
    reply = session.event(action=DIRECT_DEBITING)
    bench.expect(reply, code(2001) | failure() | CLOSED)
    if isinstance(reply, Message):
        bench.expect(session.send(session.request(UPDATE, one_unit(session))), code(5002))
