"""FUI: the last units, and what comes after them (RFC 8506 5.6, 8.34)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.session import Session
from conformance.sut.ics import Subscriber
from conformance.tester.observe import Reply, code, granted, refused_units
from conformance.tester.request import ASK, mscc
from conformance.verdicts import inconclusive, not_applicable
from conformance.wire.message import Message, Service

TERMINATE, REDIRECT, RESTRICT = 0, 1, 2


def to_the_last(bench: Bench, role: str) -> tuple[Subscriber, Session, Service, int]:
    """A session whose last answer carries Final-Unit-Indication: subscriber, session, MSCC, octets used before."""
    subscriber, balance = bench.known_balance(role)
    session = bench.session(subscriber)
    reply: Reply = session.initial()
    used = 0
    while isinstance(reply, Message) and used <= balance:
        service = reply.service(session.rating_group)
        if service is None or not service.granted:
            break
        if service.tree.first("Final-Unit-Indication") is not None:
            return subscriber, session, service, used
        octets = service.total_octets or 0
        if octets == 0:
            break
        used += octets
        reply = session.update(used=octets)
    raise inconclusive(f"no Final-Unit-Indication came: {reply.title}")


@case("RFC8506-8.34-1", seconds=0.3)
def last_grant(bench: Bench) -> None:
    """Grants until the last of a small account."""
    subscriber, _, service, used = to_the_last(bench, "final_unit")
    balance = subscriber.balance_octets or 0
    bench.check(service.final_action is not None, "Final-Unit-Indication with Final-Unit-Action", "without it")
    bench.check((service.total_octets or 0) <= balance - used, f"{balance - used} octets at most",
                str(service.total_octets))  # fmt: skip


@case("RFC8506-8.34-2", seconds=0.3)
def terminate_alone(bench: Bench) -> None:
    """Final-Unit-Indication with TERMINATE."""
    _, _, service, _ = to_the_last(bench, "final_unit")
    bench.check(service.final_action == TERMINATE, "Final-Unit-Action TERMINATE", str(service.final_action))
    group = service.tree.first("Final-Unit-Indication")
    assert group is not None
    more = [item.name for item in group.tree if item.name != "Final-Unit-Action"]
    bench.check(not more, "no other AVP in it", ", ".join(more))


@case("RFC8506-8.34-3", seconds=0.3)
def redirect_server(bench: Bench) -> None:
    """Final-Unit-Indication with REDIRECT."""
    _, _, service, _ = to_the_last(bench, "redirect")
    bench.check(service.final_action == REDIRECT, "Final-Unit-Action REDIRECT", str(service.final_action))
    group = service.tree.first("Final-Unit-Indication")
    assert group is not None
    server = group.tree.first("Redirect-Server")
    complete = server is not None and all(
        server.tree.first(name) is not None for name in ("Redirect-Address-Type", "Redirect-Server-Address")
    )
    bench.check(complete or group.tree.first("Redirect-Server-Extension") is not None,
                "Redirect-Server with type and address", "without it")  # fmt: skip


@case("RFC8506-8.34-4", seconds=0.3)
def restriction_filter(bench: Bench) -> None:
    """Final-Unit-Indication with RESTRICT_ACCESS."""
    _, _, service, _ = to_the_last(bench, "restrict")
    bench.check(service.final_action == RESTRICT, "Final-Unit-Action RESTRICT_ACCESS", str(service.final_action))
    group = service.tree.first("Final-Unit-Indication")
    assert group is not None
    some = any(group.tree.first(name) is not None for name in ("Restriction-Filter-Rule", "Filter-Id"))
    bench.check(some, "Restriction-Filter-Rule or Filter-Id", "neither")


def _after_final(bench: Bench) -> tuple[Subscriber, Session, Message]:
    """The final units are used and reported without asking for more."""
    subscriber, session, service, _ = to_the_last(bench, "redirect")
    reply = session.update(mscc(session.rating_group, used=service.total_octets or 0, reason=3))
    return subscriber, session, bench.answer(reply)


@case(
    "RFC8506-5.6.2-2",
    seconds=0.3,
)
def report_after_final(bench: Bench) -> None:
    """REDIRECT: the report after the final units, without Requested-Service-Unit."""
    subscriber, session, reply = _after_final(bench)
    bench.expect(reply, code(2001))
    bench.check(not reply.any_grant, "no grant", reply.title)
    service = reply.service(session.rating_group)
    validity = service.validity_seconds if service is not None else None
    bench.check(validity is not None or reply.tree.first("Validity-Time") is not None, "Validity-Time", "without it")
    free = bench.free_octets(subscriber)
    bench.check(free == 0, "everything debited", f"{free} octets free")


@case("RFC8506-5.6.2-3", variant="unfunded", seconds=3.0)  # fmt: skip
def still_poor(bench: Bench) -> None:
    """REDIRECT: when its Validity-Time has ended, CCR-U that asks, nobody has paid."""
    _, session, reply = _after_final(bench)
    session.line.listen(_validity(reply, session, bench) + 0.5)
    bench.expect(session.update(mscc(session.rating_group, ask=ASK, reason=4)),
                 refused_units(session.rating_group, 4012, 4010))  # fmt: skip


@case(
    "RFC8506-5.6.2-3",
    "RFC8506-5.6.4-1",
    variant="funded",
    seconds=1.0,
)
def paid_again(bench: Bench) -> None:
    """REDIRECT: a top-up, then CCR-U that asks."""
    subscriber, session, _ = _after_final(bench)
    bench.run.hooks.call("top_up", imsi=subscriber.imsi, split=subscriber.split, msisdn=subscriber.msisdn or "")
    push = session.line.await_push(bench.ics.timers.quiet_seconds)
    bench.note("a RAR came" if push is not None else "no RAR came", "RFC8506-5.6.4-1")
    bench.expect(session.update(mscc(session.rating_group, ask=ASK, reason=7)), granted(session.rating_group))


def _validity(reply: Message, session: Session, bench: Bench) -> int:
    service = reply.service(session.rating_group)
    seconds = service.validity_seconds if service is not None else None
    if seconds is None:
        raise inconclusive("no Validity-Time")
    if seconds > bench.ics.timers.wait_most_seconds:
        raise not_applicable(f"Validity-Time {seconds} s is above timers.wait_most_seconds")
    return seconds


@case("RFC8506-8.34-5", seconds=0.3)
def empty_account(bench: Bench) -> None:
    """CCR-I of an empty account whose policy is to terminate."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    used, _ = session.use_up(balance)
    session.terminate()
    bench.check(used == balance, f"{balance} octets could be used", f"{used}")
    fresh = bench.session(subscriber)
    reply = fresh.initial()
    bench.expect(reply, refused_units(fresh.rating_group, 4012))
    message = bench.answer(reply)
    bench.check(all(s.final_action is None for s in message.services), "no Final-Unit-Indication", message.title)


@case("RFC8506-8.34-6", seconds=0.3)
def other_groups_untouched(bench: Bench) -> None:
    """The last grant of one payer, beside the ordinary one of another."""
    subscriber = bench.take("shared")
    consumer = subscriber.consumer
    if consumer is None or consumer.balance_octets is None:
        raise not_applicable("needs a consumer with balance_octets on the shared subscriber")
    session = bench.session(subscriber)
    rich, poor = subscriber.rating_groups[0], consumer.rating_groups[0]
    reply = bench.success(session.initial(session.asking(rich), session.asking(poor)))
    first = reply.service(rich)
    usual = first.total_octets if first is not None else None
    left = consumer.balance_octets
    while left > 0:
        service = reply.service(poor)
        octets = service.total_octets or 0 if service is not None and service.granted else 0
        if not octets:
            break
        left -= octets
        reply = bench.success(session.update(session.asking(poor, used=octets), session.asking(rich, used=1000)))
        beside = reply.service(rich)
        bench.check(beside is not None and beside.final_action is None, "no FUI beside", reply.title)
        bench.check(beside is not None and beside.total_octets == usual, f"the usual grant of {usual}", reply.title)


@case("OSTELCO-604", seconds=0.3)
def no_loop(bench: Bench) -> None:
    """The final units are used, the session ends, a new CCR-I."""
    subscriber, session, service, _ = to_the_last(bench, "final_unit")
    bench.expect(session.terminate(used=service.total_octets or 0), code(2001))
    fresh = bench.session(subscriber)
    reply = bench.expect(fresh.initial(), refused_units(fresh.rating_group, 4012))
    bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)
