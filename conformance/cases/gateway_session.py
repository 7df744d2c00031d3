"""Cases for a gateway: result codes, re-authorisation, failures, the connection (RFC 8506 5.5, 5.7, 7; RFC 6733 5)."""

from __future__ import annotations

import time

from conformance.cases import case
from conformance.cases.gateway_quota import reasons
from conformance.gateway_bench import INITIAL, TERMINATION, UPDATE, GatewayBench, used_octets
from conformance.tester.station import grant
from conformance.verdicts import inconclusive
from conformance.wire.avp import avp
from conformance.wire.message import ASR, CCR, CER, DWR, E_FLAG, RAR, T_FLAG, Message, build

GRANT = 100_000


def _code(message: Message | None) -> int | None:
    return message.result_code if message is not None else None


# --- result codes -----------------------------------------------------------------------------------------------------


@case("TS32299-7.1.11-1", "RFC8506-4.1.3-1", side="pgw", seconds=1.0)
def refusal_of_one(bench: GatewayBench) -> None:
    """Two rating groups; one is refused with 4010, 4012, 5031 in turn."""
    subscriber = bench.subscriber(2)
    one, two = subscriber.rating_groups[:2]
    for code in (4010, 4012, 5031):
        start = len(bench.ccrs())

        def answer(ccr: Message, code: int = code) -> bytes:
            services = [
                grant(two, code=code) if service.rating_group == two else grant(service.rating_group, GRANT)
                for service in ccr.services
            ]
            last = ccr.tree.number("CC-Request-Type") == TERMINATION
            return bench.station.answer(ccr, *([] if last else services))

        bench.script(answer)
        bench.attach(subscriber, 2)
        bench.until(lambda start=start: len(bench.ccrs()) > start, 1)  # type: ignore[misc]
        passed = bench.use(subscriber, 10_000, two)
        bench.check(passed <= 0, f"{code}: nothing of that rating group passes", f"{passed} octets passed")
        bench.check(bench.use(subscriber, 10_000, one) == 10_000, f"{code}: the other goes on", "it is stopped")
        asked = sum(
            1
            for ccr in bench.ccrs()[start + 1 :]
            for service in ccr.services
            if service.rating_group == two and service.tree.first("Requested-Service-Unit") is not None
        )
        if code == 5031:
            bench.check(asked == 0, "5031: not asked for again", f"{asked} times", "RFC8506-4.1.3-1")
        bench.detach(subscriber)
        bench.quiet(0.1)


@case("RFC8506-9-1", side="pgw", seconds=0.7)
def refused_update(bench: GatewayBench) -> None:
    """CCR-U refused with 4012 at command level."""
    subscriber = bench.subscriber()
    grants = bench.granting(GRANT)
    bench.script(
        lambda ccr: (
            bench.station.answer(ccr, code=4012) if ccr.tree.number("CC-Request-Type") == UPDATE else grants(ccr)
        )
    )
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    bench.quiet()
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "the user session has ended: nothing passes", f"{passed} octets passed")


@case("RFC6733-7.1-4", side="pgw", seconds=0.5)
def unknown_class(bench: GatewayBench) -> None:
    """CCA-I with Result-Code 7123."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, code=7123))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "taken as a permanent failure: nothing passes", f"{passed} octets passed")


@case("RFC8506-7-7", side="pgw", seconds=0.7)
def denied_in_spite_of_continue(bench: GatewayBench) -> None:
    """CCA-I 4010, and 5030, with Credit-Control-Failure-Handling CONTINUE."""
    handling = avp("Credit-Control-Failure-Handling", 1)
    for code in (4010, 5030):
        subscriber = bench.subscriber()
        bench.script(lambda ccr, code=code: bench.station.answer(ccr, code=code, more=[handling]))  # type: ignore[misc]
        bench.attach(subscriber)
        passed = bench.use(subscriber, 10_000)
        bench.check(passed <= 0, f"{code}: the service is refused", f"{passed} octets passed")
        bench.detach(subscriber)


@case("RFC8506-7-8", side="pgw", seconds=0.7)
def credit_control_not_applicable(bench: GatewayBench) -> None:
    """CCA-I 4011 at command level."""
    subscriber = bench.subscriber()
    bench.script(lambda ccr: bench.station.answer(ccr, code=4011))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed == 10_000, "the service is free", f"{passed} octets passed")
    bench.detach(subscriber)
    bench.quiet()
    more = [ccr.title for ccr in bench.ccrs() if ccr.tree.number("CC-Request-Type") != INITIAL]
    bench.check(not more, "no further CCR", ", ".join(more))


# --- re-authorisation and abort ---------------------------------------------------------------------------------------


@case("RFC8506-5.5-3", "TS32299-7.2.175-8", side="pgw", seconds=0.7)
def reauthorised(bench: GatewayBench) -> None:
    """RAR for an open session."""
    subscriber = bench.subscriber()
    ccr = bench.attach(subscriber)
    bench.use(subscriber, 3_000)
    raa = bench.station.reauthorise(ccr)
    bench.check(_code(raa) in (2001, 2002), "RAA 2002 (2001 tolerated)", str(_code(raa)))
    bench.prefer(_code(raa) == 2002, "RAA 2002", str(_code(raa)))
    update = bench.ccr(UPDATE)
    bench.check(used_octets(update) == 3_000, "CCR-U with the usage", str(used_octets(update)))
    bench.check(7 in reasons(update), "FORCED_REAUTHORISATION", str(reasons(update)), "TS32299-7.2.175-8")


@case("RFC8506-5.5-4", side="pgw", seconds=1.0)
def reauthorised_while_pending(bench: GatewayBench) -> None:
    """RAR for a rating group whose CCR-U waits for its answer."""
    subscriber = bench.subscriber()
    held: list[Message] = []
    grants = bench.granting(GRANT)

    def answer(ccr: Message) -> bytes | None:
        if ccr.tree.number("CC-Request-Type") == UPDATE and not held:
            held.append(ccr)
            return None
        return grants(ccr)

    bench.script(answer)
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    update = bench.ccr(UPDATE)
    raa = bench.station.reauthorise(update, subscriber.rating_groups[0])
    bench.check(_code(raa) == 2001, "RAA 2001: it is on its way already", str(_code(raa)))
    bench.station.send(grants(update) or b"")
    more = bench.maybe_ccr(UPDATE, number=2)
    bench.check(more is None, "no further CCR-U", more.title if more is not None else "")


@case("RFC8506-5.5-5", side="pgw", seconds=1.0)
def reauthorised_beside_pending(bench: GatewayBench) -> None:
    """RAR for the session while only one of two rating groups is pending."""
    subscriber = bench.subscriber(2)
    one, two = subscriber.rating_groups[:2]
    held: list[Message] = []
    grants = bench.granting(GRANT)

    def answer(ccr: Message) -> bytes | None:
        if ccr.tree.number("CC-Request-Type") == UPDATE and not held:
            held.append(ccr)
            return None
        return grants(ccr)

    bench.script(answer)
    bench.attach(subscriber, 2)
    bench.use(subscriber, GRANT, one)
    update = bench.ccr(UPDATE)
    raa = bench.station.reauthorise(update)
    bench.check(_code(raa) == 2002, "RAA 2002", str(_code(raa)))
    bench.station.send(grants(update) or b"")
    more = bench.ccr(UPDATE, number=2)
    groups = {service.rating_group for service in more.services}
    bench.check(two in groups, f"a CCR-U for rating group {two}", str(groups))


@case("RFC6733-8.3-1", side="pgw", seconds=0.5)
def reauthorised_unknown(bench: GatewayBench) -> None:
    """RAR for a Session-Id that nobody has."""
    ccr = bench.attach(bench.subscriber())
    raa = bench.station.push(RAR, "nobody;1;2", ccr)
    bench.check(_code(raa) == 5002, "RAA 5002", str(_code(raa)))


@case("RFC6733-8.5-2", side="pgw", seconds=0.7)
def aborted(bench: GatewayBench) -> None:
    """ASR for an open session."""
    subscriber = bench.subscriber()
    ccr = bench.attach(subscriber)
    bench.use(subscriber, 3_000)
    asa = bench.station.abort(ccr)
    bench.check(_code(asa) in (2001, 5012), "ASA 2001 (or 5012)", str(_code(asa)))
    if _code(asa) == 2001:
        last = bench.ccr(TERMINATION)
        bench.check(used_octets(last) == 3_000, "CCR-T with the usage", str(used_octets(last)))


@case("RFC6733-8.5-3", side="pgw", seconds=0.5)
def aborted_unknown(bench: GatewayBench) -> None:
    """ASR for a Session-Id that nobody has."""
    ccr = bench.attach(bench.subscriber())
    asa = bench.station.push(ASR, "nobody;1;2", ccr)
    bench.check(_code(asa) == 5002, "ASA 5002", str(_code(asa)))


# --- failures ---------------------------------------------------------------------------------------------------------


def _silent_updates(bench: GatewayBench, *more: bytes) -> None:
    """Grants CCR-I and CCR-T, with `more` at command level, and says nothing to CCR-U."""

    def answer(ccr: Message) -> bytes | None:
        kind = ccr.tree.number("CC-Request-Type")
        if kind == UPDATE:
            return None
        services = [grant(service.rating_group, GRANT) for service in ccr.services] if kind == INITIAL else []
        return bench.station.answer(ccr, *services, more=more)

    bench.script(answer)


def _tx(bench: GatewayBench) -> float:
    return bench.ics.timers.tx_seconds


@case("RFC8506-13-1", "RFC8506-8.14-1", side="pgw", seconds=lambda i: i.timers.tx_seconds + 1)
def terminate_at_tx(bench: GatewayBench) -> None:
    """CCR-U unanswered, Credit-Control-Failure-Handling TERMINATE."""
    subscriber = bench.subscriber()
    _silent_updates(bench, avp("Credit-Control-Failure-Handling", 0))
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    bench.quiet(_tx(bench) + 0.5)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "the service has ended", f"{passed} octets passed",
                "RFC8506-13-1", "RFC8506-8.14-1")  # fmt: skip


@case("RFC8506-8.14-2", "RFC8506-5.7-4", side="pgw", seconds=lambda i: 2 * i.timers.tx_seconds + 1)
def continue_at_tx(bench: GatewayBench) -> None:
    """CCR-U unanswered, Credit-Control-Failure-Handling CONTINUE (the gateway's own is another)."""
    subscriber = bench.subscriber()
    _silent_updates(bench, avp("Credit-Control-Failure-Handling", 1))
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    bench.quiet(2 * _tx(bench) + 0.5)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed == 10_000, "the service goes on", f"{passed} octets passed",
                "RFC8506-8.14-2", "RFC8506-5.7-4")  # fmt: skip


@case("RFC8506-8.14-3", "RFC8506-5.7-6", side="pgw", seconds=lambda i: 2 * i.timers.tx_seconds + 1)
def retry_and_terminate(bench: GatewayBench) -> None:
    """CCR-U unanswered, Credit-Control-Failure-Handling RETRY_AND_TERMINATE, no other OCS."""
    subscriber = bench.subscriber()
    _silent_updates(bench, avp("Credit-Control-Failure-Handling", 2))
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    bench.quiet(2 * _tx(bench) + 0.7)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "the service has ended", f"{passed} octets passed",
                "RFC8506-8.14-3", "RFC8506-5.7-6")  # fmt: skip
    tries = len(bench.ccrs(UPDATE))
    bench.check(tries <= 2, "one more try at most", f"{tries} CCR-U")


@case("RFC8506-5.7-3", side="pgw", seconds=lambda i: 4 * i.timers.tx_seconds + 3)
def lost_while_redirected(bench: GatewayBench) -> None:
    """The OCS is lost while final units run out, to end and to be redirected, CCFH CONTINUE."""
    server = avp("Redirect-Server", [avp("Redirect-Address-Type", 2), avp("Redirect-Server-Address", "http://top.up/")])
    for final in ([avp("Final-Unit-Action", 0)], [avp("Final-Unit-Action", 1), server]):
        subscriber = bench.subscriber()
        more = [avp("Final-Unit-Indication", final)]

        def answer(ccr: Message, more: list[bytes] = more) -> bytes | None:
            if ccr.tree.number("CC-Request-Type") != INITIAL:
                return None
            services = [grant(service.rating_group, GRANT, more=more) for service in ccr.services]
            return bench.station.answer(ccr, *services, more=[avp("Credit-Control-Failure-Handling", 1)])

        bench.script(answer)
        bench.attach_only(subscriber)
        bench.until(lambda: bench.use(subscriber, GRANT) > 0, bench.ics.timers.answer_seconds)  # noqa: B023 - at once
        bench.quiet(2 * _tx(bench) + 0.7)
        passed = bench.use(subscriber, 10_000)
        bench.check(passed <= 0, "the service has ended, whatever CCFH says", f"{passed} octets passed")
        bench.detach(subscriber)


@case("RFC6733-3-12", side="pgw", seconds=lambda i: 2 * i.timers.tx_seconds + 2)
def resend_has_t(bench: GatewayBench) -> None:
    """The connection is cut while a CCR-U waits for its answer."""
    subscriber = bench.subscriber()
    _silent_updates(bench, avp("Credit-Control-Failure-Handling", 2))
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    first = bench.ccr(UPDATE)
    bench.check(not first.flags & T_FLAG, "no T bit at first", first.title)
    bench.station.drop()
    second = bench.maybe_ccr(UPDATE, number=2, within=2 * _tx(bench) + 1.5)
    if second is None:
        bench.note("the request is not sent again")
        return
    bench.check(bool(second.flags & T_FLAG), "the T bit on the second", second.title)
    bench.check(second.end_to_end == first.end_to_end, "the same End-to-End id", f"{second.end_to_end:#x}")
    number = second.tree.number("CC-Request-Number")
    bench.check(number == first.tree.number("CC-Request-Number"), "the same CC-Request-Number", str(number))


@case("RFC6733-3-13", "RFC8506-5.7-5", side="pgw", seconds=lambda i: i.timers.tx_seconds + 1)
def too_busy(bench: GatewayBench) -> None:
    """CCR-U answered with 3004."""
    subscriber = bench.subscriber()
    grants = bench.granting(GRANT)

    def answer(ccr: Message) -> bytes | None:
        if ccr.tree.number("CC-Request-Type") == UPDATE:
            return bench.station.answer(ccr, code=3004, flags=E_FLAG)
        return grants(ccr)

    bench.script(answer)
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    again = bench.maybe_ccr(UPDATE, number=2, within=_tx(bench) + 0.5)
    bench.note("it is sent again" if again is not None else "it is not sent again", "RFC8506-5.7-5")
    bench.check(again is None or not again.flags & T_FLAG, "no T bit after an answer", again.title if again else "")


@case("RFC8506-5.1-1", variant="reconnect", side="pgw", seconds=lambda i: 2 * i.timers.tx_seconds + 1)
def same_session_after_a_cut(bench: GatewayBench) -> None:
    """The link is cut in mid-session and comes back."""
    subscriber = bench.subscriber()
    first = bench.attach(subscriber)
    bench.station.drop()
    back = bench.station.await_request(lambda one: one.command == CER, 5.0, len(bench.station.received))
    if back is None:
        raise inconclusive("the gateway does not come back within 5 s")
    bench.use(subscriber, 1_000_000)
    update = bench.maybe_ccr(UPDATE, within=bench.ics.timers.answer_seconds)
    if update is not None:
        bench.check(update.session_id == first.session_id, "the same Session-Id", str(update.session_id))


# --- the connection ---------------------------------------------------------------------------------------------------


def _again(bench: GatewayBench) -> None:
    """The gateway's connection is cut, so that it dials anew."""
    bench.station.drop()
    bench.until(lambda: bench.station.connections == 0, 2)


@case("RFC6733-5.6-2", side="pgw", seconds=2.0)
def no_cea(bench: GatewayBench) -> None:
    """CER is answered by a CCA instead of a CEA."""
    start = len(bench.station.received)
    bench.station.capabilities = lambda cer: build(CCR, b"", flags=0, hop_by_hop=cer.hop_by_hop, end_to_end=1)
    _again(bench)
    bench.station.await_request(lambda one: one.command == CER, 5.0, start)
    bench.run.hooks.call("attach", imsi=bench.subscriber().imsi, apn=bench.subscriber().apn, rating_groups="")
    gone = bench.until(lambda: bench.station.connections == 0, 4.0)
    bench.check(not bench.ccrs(), "no CCR", f"{len(bench.ccrs())}")
    bench.check(gone, "the gateway drops the connection", "it stays")
    bench.station.capabilities = bench.station.capable
    bench.run.hooks.call("detach", imsi=bench.subscriber().imsi)
    bench.station.await_request(lambda one: one.command == CER, 8.0, len(bench.station.received))


@case("RFC6733-5.6-3", side="pgw", seconds=5.0)
def no_answer_to_cer(bench: GatewayBench) -> None:
    """CER is never answered."""
    start = len(bench.station.received)
    bench.station.capabilities = lambda _: None
    _again(bench)
    first = bench.station.await_request(lambda one: one.command == CER, 5.0, start)
    bench.check(first is not None, "a CER", "none")
    gone = bench.until(lambda: bench.station.connections == 0, bench.ics.timers.capabilities_seconds)
    bench.check(gone, f"closed within {bench.ics.timers.capabilities_seconds:g} s", "it waits on")
    bench.station.capabilities = bench.station.capable
    bench.station.await_request(lambda one: one.command == CER, 8.0, len(bench.station.received))


@case("RFC6733-2.1-2", side="pgw", seconds=4.0)
def comes_back(bench: GatewayBench) -> None:
    """The listener is closed for a while, then opened again."""
    bench.station.deafen()
    _again(bench)
    bench.quiet(1.0)
    start = len(bench.station.received)
    bench.station.listen()
    back = bench.station.await_request(lambda one: one.command == CER, bench.ics.timers.reconnect_seconds + 1, start)
    bench.check(back is not None, f"a CER within {bench.ics.timers.reconnect_seconds:g} s", "none")


@case("RFC6733-5.4.3-2", side="pgw", seconds=4.0)
def sent_away(bench: GatewayBench) -> None:
    """DPR with DO_NOT_WANT_TO_TALK_TO_YOU, then with REBOOTING."""
    bench.attach(bench.subscriber())
    dpa = bench.station.disconnect(2)
    bench.check(_code(dpa) == 2001, "DPA 2001", str(_code(dpa)))
    bench.station.drop()
    start = len(bench.station.received)
    back = bench.station.await_request(lambda one: one.command == CER, 2.0, start)
    bench.check(back is None, "no new connection", "it dials again")


@case("RFC3539-3.4.1-1", variant="pgw", side="pgw", seconds=lambda i: i.timers.watchdog_seconds + 2)
def watches(bench: GatewayBench) -> None:
    """Silence on the connection."""
    start = len(bench.station.received)
    seconds = bench.ics.timers.watchdog_seconds + 2
    seen = bench.station.await_request(lambda one: one.command == DWR, seconds, start)
    bench.check(seen is not None, f"a DWR within {seconds:g} s", "none")


@case("RFC3539-3.4.1-2", variant="pgw", side="pgw", seconds=lambda i: 4 * i.timers.watchdog_seconds + 3)
def gives_up(bench: GatewayBench) -> None:
    """DWRs that are not answered."""
    bench.station.watchdog = lambda _: None
    start = time.monotonic()
    bench.until(lambda: bench.station.connections == 0, 4 * bench.ics.timers.watchdog_seconds + 2)
    took = time.monotonic() - start
    bench.check(took < 4 * bench.ics.timers.watchdog_seconds + 2, "the connection is given up", f"not in {took:.0f} s")
    bench.station.watchdog = bench.station.plain
