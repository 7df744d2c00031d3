"""INT: CCR-I, CCR-U and CCR-T move units as they should (RFC 8506 5.2 to 5.4, 7; TS 32.299 5.2.2)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.tester.observe import code, granted, refused_units
from conformance.tester.request import ASK, INITIAL, UPDATE, mscc
from conformance.verdicts import inconclusive, not_applicable
from conformance.wire.message import Message


@case("RFC8506-5.2-3")
def first_grant(bench: Bench) -> None:
    """CCR-I that asks for one rating group."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    reply = bench.expect(session.initial(), granted(session.rating_group))
    octets = bench.answer(reply).granted_octets
    bench.check(octets <= balance, f"a grant of {balance} octets at most", f"{octets}")
    free = bench.free_octets(subscriber)
    bench.check(free == balance - octets, f"the grant is reserved: {balance - octets} octets free", f"{free}")


@case("RFC8506-5.2-3", variant="reference")
def first_grant_ample(bench: Bench) -> None:
    """CCR-I on a subscriber with ample credit."""
    session = bench.session(bench.rich())
    bench.expect(session.initial(), granted(session.rating_group))


@case("RFC8506-5.2-6")
def same_unit(bench: Bench) -> None:
    """CCR-I and five CCR-U."""
    session, octets = bench.opened(bench.rich())
    for _ in range(5):
        reply = session.update(used=octets)
        bench.expect(reply, granted(session.rating_group))
        service = bench.answer(reply).service(session.rating_group)
        assert service is not None
        other = service.time_seconds is not None or service.specific_units is not None
        bench.check(not other, "octets and nothing else", reply.title)


@case("RFC8506-5.3-4", seconds=0.3)
def report_debited(bench: Bench) -> None:
    """CCR-U that reports the whole grant."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    reply = bench.expect(session.update(used=octets), code(2001))
    again = bench.answer(reply).granted_octets
    bench.check(octets + again <= balance, f"the new grant leaves {balance} octets unspent", f"{octets} + {again}")
    session.terminate()
    bench.balance_is(subscriber, balance - octets)


@case("RFC8506-5.3-5", seconds=0.3)
def report_only(bench: Bench) -> None:
    """CCR-U with a report and without Requested-Service-Unit."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    reply = session.update(mscc(session.rating_group, used=octets))
    bench.expect(reply, code(2001))
    bench.check(not bench.answer(reply).any_grant, "no Granted-Service-Unit", reply.title)
    free = bench.free_octets(subscriber)
    bench.check(free == balance - octets, f"debited, nothing reserved: {balance - octets} octets free", f"{free}")


@case("RFC8506-5.3-6")
def empty_request(bench: Bench) -> None:
    """CCR-I with an empty Requested-Service-Unit."""
    session = bench.session(bench.rich())
    bench.expect(session.initial(mscc(session.rating_group, ask=ASK)), granted(session.rating_group))


@case("RFC8506-5.4-2", seconds=0.3)
def end_with_half(bench: Bench) -> None:
    """CCR-T that reports half of the grant."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    bench.expect(session.terminate(used=octets // 2), code(2001))
    bench.balance_is(subscriber, balance - octets // 2)


@case("RFC8506-5.4-3", seconds=0.3)
def end_without_report(bench: Bench) -> None:
    """CCR-T without any MSCC."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    bench.expect(session.send(session.request(3)), code(2001))
    bench.balance_is(subscriber, balance)


@case("RFC8506-8.19-1", seconds=0.3)
def above_grant(bench: Bench) -> None:
    """CCR-U that reports more than was granted, but not more than there is."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    used = min(octets + octets // 4, balance)
    if used <= octets:
        raise inconclusive("the first grant is the whole balance: there is no more to report")
    bench.expect(session.update(used=used), code(2001))
    session.terminate()
    bench.balance_is(subscriber, balance - used)


@case("RFC8506-8.19-1", variant="overrun", seconds=0.3)
def above_balance(bench: Bench) -> None:
    """CCR-U that reports more than the whole balance."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    reply = session.update(used=balance + 300_000)
    bench.expect(reply, refused_units(session.rating_group, 4012))
    session.terminate()
    bench.balance_is(subscriber, 0)


@case("RFC8506-7-5")
def idle_after_failure(bench: Bench) -> None:
    """CCR-I of an unknown subscriber, then CCR-U of that session."""
    stranger = bench.rich().model_copy(update={"imsi": UNKNOWN_IMSI, "msisdn": None})
    session = bench.session(stranger)
    reply = bench.answer(session.initial())
    if reply.result_code == 2001:
        raise inconclusive(f"an unknown subscriber is served: {reply.title}")
    bench.expect(session.update(used=1), code(5002))


UNKNOWN_IMSI = "001019999999999"


@case("RFC8506-7-6", seconds=0.3)
def refused_but_debited(bench: Bench) -> None:
    """CCR-U with a report that must be refused: the balance is used up by it."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    used, reply = session.use_up(balance)
    bench.check(used == balance, f"{balance} octets granted and used", f"{used}")
    bench.expect(reply, refused_units(session.rating_group, 4012))
    session.terminate()
    bench.balance_is(subscriber, 0)


@case("RFC8506-5.1.2-2", seconds=0.3)
def parallel_updates(bench: Bench) -> None:
    """Two CCR-U for two rating groups of one session at once."""
    subscriber = bench.rich(2)
    one, two = subscriber.rating_groups[:2]
    session = bench.session(subscriber)
    bench.success(session.initial(session.asking(one), session.asking(two)))
    first = session.line.stamp(session.request(UPDATE, session.asking(one, used=1000)))
    second = session.line.stamp(session.request(UPDATE, session.asking(two, used=2000)))
    session.line.send_together(first, second)
    for request, group in ((first, one), (second, two)):
        bench.expect(session.line.answer_to(request), granted(group))


@case("TS32251-5.3-1")
def quota_at_first_traffic(bench: Bench) -> None:
    """CCR-I without MSCC, then CCR-U that asks for a rating group."""
    session = bench.session(bench.rich())
    reply = bench.expect(session.send(session.request(INITIAL)), code(2001))
    bench.check(not bench.answer(reply).any_grant, "no grant for nobody", reply.title)
    bench.expect(session.update(), granted(session.rating_group))


@case("TS32299-5.2.2.2-1", seconds=0.3)
def ecur(bench: Bench) -> None:
    """CCR-I and CCR-T for one event."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    bench.expect(session.terminate(used=octets), code(2001))
    bench.balance_is(subscriber, balance - octets)


@case("TS32299-5.2.2.3-1", seconds=0.3)
def scur(bench: Bench) -> None:
    """CCR-I, three CCR-U, CCR-T, with odd numbers of octets."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    total = 0
    for used in (123_457, 1, 777_777):
        bench.expect(session.update(used=used), granted(session.rating_group))
        total += used
    bench.expect(session.terminate(used=99_991), code(2001))
    bench.balance_is(subscriber, balance - total - 99_991)


@case("RFC8506-5.1-4",
      seconds=4.0)  # fmt: skip
def alive_after_validity(bench: Bench) -> None:
    """A grant with a short Validity-Time, and a report one second after it."""
    subscriber, _ = bench.known_balance("short")
    session, octets = bench.opened(subscriber)
    validity = _validity(session.bench, session.rating_group)
    session.line.listen(validity + 0.5)
    bench.expect(session.update(used=octets // 2), granted(session.rating_group))


def _validity(bench: Bench, group: int) -> int:
    """The Validity-Time of the last grant in the trace."""
    for record in reversed(bench.trace.records):
        if record.sender == "ocs" and (service := record.message.service(group)) is not None and service.granted:
            if service.validity_seconds is None:
                raise not_applicable("grants carry no Validity-Time")
            if service.validity_seconds > bench.ics.timers.wait_most_seconds:
                raise not_applicable(f"Validity-Time {service.validity_seconds} s is above timers.wait_most_seconds")
            return service.validity_seconds
    raise inconclusive("no grant")


@case("RFC8506-7-9", seconds=6.0)
def silence(bench: Bench) -> None:
    """A grant with a short Validity-Time, then silence."""
    subscriber, balance = bench.known_balance("short")
    session, octets = bench.opened(subscriber)
    validity = _validity(bench, session.rating_group)
    if not bench.ics.claims.ends_reservations:
        raise not_applicable("claims.ends_reservations is false")
    session.line.listen(validity + bench.ics.claims.reservation_grace_seconds + 0.5)
    free = bench.free_octets(subscriber)
    bench.check(free == balance, f"the reservation of {octets} has ended: {balance} octets free", f"{free}")
    reply = session.update(used=octets)
    bench.check(isinstance(reply, Message), "a late report is answered", reply.title)
    session.terminate()
    bench.balance_is(subscriber, balance - octets)


@case("RFC8506-7-10", seconds=6.0)
def kept_alive(bench: Bench) -> None:
    """CCR-U at half of the Validity-Time, again and again."""
    subscriber, balance = bench.known_balance("short")
    session, _ = bench.opened(subscriber)
    validity = _validity(bench, session.rating_group)
    for _ in range(5):
        session.line.listen(validity / 2)
        bench.expect(session.update(used=1000), granted(session.rating_group))
    session.terminate()
    bench.balance_is(subscriber, balance - 5000)
