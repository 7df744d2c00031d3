"""Cases for a gateway that knows two OCSs (RFC 8506 5.7 and 8.4, RFC 6733 5.5.4, RFC 3539 3.4.1)."""

from __future__ import annotations

from conformance.cases import case
from conformance.gateway_bench import INITIAL, ROUNDS_OF_TRUST, UPDATE, GatewayBench, used_octets
from conformance.sut.ics import Ics
from conformance.tester.station import Station, grant
from conformance.verdicts import inconclusive
from conformance.wire.avp import avp
from conformance.wire.message import CCR, CER, DWR, T_FLAG, Message

GRANT = 100_000


def _granted_and_silent(bench: GatewayBench, *more: bytes) -> None:
    """The first OCS grants CCR-I, with RETRY_AND_TERMINATE and `more` at command level, and is silent from then on."""
    told = [avp("Credit-Control-Failure-Handling", 2), *more]

    def answer(ccr: Message) -> bytes | None:
        if ccr.tree.number("CC-Request-Type") != INITIAL:
            return None
        return bench.station.answer(ccr, *(grant(one.rating_group, GRANT) for one in ccr.services), more=told)

    bench.script(answer)


def _heard(station: Station, kind: int | None = None) -> list[Message]:
    """CCRs that came to an OCS."""
    return [
        one
        for one in list(station.received)
        if one.command == CCR and (kind is None or one.tree.number("CC-Request-Type") == kind)
    ]


def _tries(ics: Ics) -> float:
    """How long it takes until a request has been repeated, and given up."""
    return 2 * ics.timers.tx_seconds + ics.timers.reconnect_seconds + 1


def _takes(ics: Ics) -> float:
    """With the watchdogs before it, until the first OCS is trusted."""
    return _tries(ics) + ROUNDS_OF_TRUST * (ics.timers.watchdog_seconds + 2)


@case("RFC8506-8.4-2", side="pgw", seconds=_takes, destructive=True)
def moves(bench: GatewayBench) -> None:
    """CC-Session-Failover 1; the link is lost while a CCR-U waits for its answer."""
    second = bench.alternate()
    subscriber = bench.subscriber()
    _granted_and_silent(bench, avp("CC-Session-Failover", 1))
    first = bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    pending = bench.ccr(UPDATE)
    bench.station.deafen()
    bench.station.drop()
    bench.until(lambda: bool(_heard(second)), _tries(bench.ics))
    heard = _heard(second, UPDATE)
    bench.check(bool(heard), "the pending CCR-U at the second OCS", "it does not come")
    again = heard[0]
    bench.check(bool(again.flags & T_FLAG), "with the T bit", again.title)
    bench.check(again.session_id == first.session_id, f"Session-Id {first.session_id}", str(again.session_id))
    number = pending.tree.number("CC-Request-Number")
    bench.check(again.tree.number("CC-Request-Number") == number, f"CC-Request-Number {number}", again.title)
    bench.check(again.end_to_end == pending.end_to_end, "the same End-to-End id", f"{again.end_to_end:#x}")
    bench.station.listen()
    bench.use(subscriber, 30_000)
    bench.detach(subscriber)
    later = bench.until(lambda: len(_heard(second)) > len(heard), bench.ics.timers.answer_seconds)
    bench.check(later, "later CCRs stay at the second OCS", "none comes there")
    told = sum(used_octets(ccr) for ccr in _heard(second))
    bench.check(told == GRANT + 30_000, f"{GRANT + 30_000} octets reported there", str(told))


@case("RFC8506-8.4-1", side="pgw", seconds=lambda ics: 2 * _takes(ics), destructive=True)
def does_not_move(bench: GatewayBench) -> None:
    """CC-Session-Failover 0, and none; the link is lost in mid-session."""
    for more in ([avp("CC-Session-Failover", 0)], []):
        second = bench.alternate()
        subscriber = bench.subscriber()
        number = len(bench.ccrs(UPDATE)) + 1
        _granted_and_silent(bench, *more)
        bench.attach_only(subscriber)
        bench.until(lambda: bench.use(subscriber, GRANT) > 0, bench.ics.timers.answer_seconds)  # noqa: B023 - at once
        bench.ccr(UPDATE, number=number)
        bench.station.drop()
        bench.quiet(2 * bench.ics.timers.tx_seconds + 0.5)
        seen = [ccr.title for ccr in _heard(second)]
        bench.check(not seen, "nothing of the session at the second OCS", ", ".join(seen))
        bench.detach(subscriber)


def _reopening(ics: Ics) -> float:
    return (2 + ROUNDS_OF_TRUST + 2) * (ics.timers.watchdog_seconds + 2) + ics.timers.reconnect_seconds


@case("RFC6733-5.1-1", side="pgw", seconds=_reopening, destructive=True)
def suspected(bench: GatewayBench) -> None:
    """The first OCS falls silent, is given up, and comes back; new sessions all the while."""
    second = bench.alternate()
    subscriber = bench.subscriber()
    _granted_and_silent(bench, avp("CC-Session-Failover", 1))
    bench.attach(subscriber)
    bench.station.watchdog = lambda _: None
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    suspicion = 2 * (bench.ics.timers.watchdog_seconds + 2)  # a DWR, and Tw without its answer (RFC 3539 3.4.1)
    moved = bench.until(lambda: bool(_heard(second, UPDATE)), _tries(bench.ics) + suspicion)
    bench.check(moved, "the pending CCR-U at the second OCS", "it does not come")
    bench.check(bool(_heard(second, UPDATE)[0].flags & T_FLAG), "with the T bit", _heard(second, UPDATE)[0].title)
    bench.detach(subscriber)
    start = len(bench.station.received)
    if not bench.until(lambda: bench.station.connections == 0, 3 * (bench.ics.timers.watchdog_seconds + 2)):
        raise inconclusive("the first OCS is silent, and is not given up")
    bench.station.watchdog = bench.station.plain
    bench.script(bench.granting(GRANT))
    back = bench.station.await_request(lambda one: one.command == CER, bench.ics.timers.reconnect_seconds + 1, start)
    if back is None:
        raise inconclusive("the gateway does not come back")
    bench.check(_new_session_at(bench, second), "a new session at the second OCS: the first is not trusted yet",
                "it goes to the first")  # fmt: skip
    answered = 0
    for _ in range(ROUNDS_OF_TRUST):
        place = len(bench.station.received)
        asked = bench.station.await_request(
            lambda one: one.command == DWR, bench.ics.timers.watchdog_seconds + 3, max(start, place)
        )
        answered += asked is not None
    if answered < ROUNDS_OF_TRUST:
        raise inconclusive(f"{answered} watchdogs came, not {ROUNDS_OF_TRUST}")
    bench.quiet()
    bench.check(not _new_session_at(bench, second), "after three watchdogs a new session at the first OCS",
                "it goes to the second")  # fmt: skip


def _new_session_at(bench: GatewayBench, second: Station) -> bool:
    """Whether a session that begins now is opened at the second OCS."""
    before = len(_heard(second, INITIAL))
    subscriber = bench.subscriber()
    bench.attach_only(subscriber)
    count = len(bench.ccrs(INITIAL))
    bench.until(
        lambda: len(_heard(second, INITIAL)) > before or len(bench.ccrs(INITIAL)) > count,
        bench.ics.timers.answer_seconds,
    )
    bench.detach(subscriber)
    bench.quiet()
    return len(_heard(second, INITIAL)) > before
