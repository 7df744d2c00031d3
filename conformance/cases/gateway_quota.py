"""Cases for a gateway: grants, reports, quota that ends, final units (RFC 8506 5, TS 32.299 6.5)."""

from __future__ import annotations

import time
from collections.abc import Callable

from conformance.cases import case
from conformance.gateway_bench import TERMINATION, UPDATE, GatewayBench, used_octets
from conformance.tester.station import grant
from conformance.wire.avp import avp
from conformance.wire.message import Message

GRANT = 100_000


def reasons(ccr: Message) -> set[int]:
    """Reporting-Reasons of a CCR, wherever they stand."""
    return {
        item.number or 0
        for service in ccr.services
        for item in service.tree.all("Reporting-Reason") + service.tree.all("Used-Service-Unit", "Reporting-Reason")
    }


@case("RFC8506-5.2-1", side="pgw", seconds=1.0)
def nothing_before_the_answer(bench: GatewayBench) -> None:
    """Traffic while the CCR-I waits for its answer."""
    subscriber = bench.subscriber()
    held: list[Message] = []

    def hold(ccr: Message) -> None:
        held.append(ccr)

    bench.script(hold)
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "no octet passes before a CCA-I", f"{passed} octets passed")
    bench.script(bench.granting(GRANT))
    bench.station.send(bench.granting(GRANT)(held[0]) or b"")
    bench.check(bench.use(subscriber, 10_000) == 10_000, "all passes after it", "it does not")


@case("RFC8506-5.3-1", "TS32299-7.2.175-4", side="pgw", seconds=0.5)
def exhaustion(bench: GatewayBench) -> None:
    """A grant used up to its last octet."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT))
    bench.attach(subscriber)
    bench.use(subscriber, GRANT)
    ccr = bench.ccr(UPDATE)
    bench.check(used_octets(ccr) == GRANT, f"a report of {GRANT} octets", str(used_octets(ccr)))
    bench.check(3 in reasons(ccr), "QUOTA_EXHAUSTED", str(reasons(ccr)), "TS32299-7.2.175-4")


@case("RFC8506-5.3-2", "RFC8506-5.1-1", side="pgw", seconds=0.7)
def since_the_last_report(bench: GatewayBench) -> None:
    """Three grants used up, one after the other."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT))
    first = bench.attach(subscriber)
    for number in range(1, 4):
        bench.use(subscriber, GRANT)
        ccr = bench.ccr(UPDATE, number=number)
        bench.check(used_octets(ccr) == GRANT, f"{GRANT} octets since the last report", str(used_octets(ccr)))
        bench.check(ccr.session_id == first.session_id, f"Session-Id {first.session_id}", str(ccr.session_id),
                    "RFC8506-5.1-1")  # fmt: skip


@case("RFC8506-5.4-1", "TS32299-7.2.175-3", side="pgw", seconds=0.5)
def end_of_bearer(bench: GatewayBench) -> None:
    """The bearer goes down with part of the grant used."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT))
    bench.attach(subscriber)
    bench.use(subscriber, 40_000)
    bench.detach(subscriber)
    ccr = bench.ccr(TERMINATION)
    bench.check(used_octets(ccr) == 40_000, "a final report of 40000 octets", str(used_octets(ccr)))
    bench.check(ccr.tree.first("Termination-Cause") is not None, "Termination-Cause", "without it")
    bench.check(2 in reasons(ccr), "FINAL", str(reasons(ccr)), "TS32299-7.2.175-3")


@case("RFC8506-5.1.2-6", side="pgw", seconds=0.5)
def command_level_counts(bench: GatewayBench) -> None:
    """CCA-I with 4012 at command level and a grant in its MSCC."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, code=4012))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "the command level decides: nothing passes", f"{passed} octets passed")


@case("RFC8506-5.1.2-7", side="pgw", seconds=0.5)
def no_code_is_success(bench: GatewayBench) -> None:
    """CCA-I whose MSCC has no Result-Code."""
    subscriber = bench.subscriber()
    group = subscriber.rating_groups[0]
    bench.script(lambda ccr: bench.station.answer(ccr, grant(group, GRANT, code=None)))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed == 10_000, "all passes", f"{passed} octets passed")


@case("RFC8506-8.17-1", side="pgw", seconds=0.7)
def unknown_unit(bench: GatewayBench) -> None:
    """A grant of money, which the gateway cannot count."""
    subscriber = bench.subscriber()
    group = subscriber.rating_groups[0]
    money = avp("CC-Money", [avp("Unit-Value", [avp("Value-Digits", 1)])])
    service = avp(
        "Multiple-Services-Credit-Control",
        [avp("Granted-Service-Unit", [money]), avp("Rating-Group", group), avp("Result-Code", 2001)],
    )
    bench.script(lambda ccr: bench.station.answer(ccr, *([service] if ccr.tree.number("CC-Request-Type") != 3 else [])))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    ccr = bench.ccr(TERMINATION)
    cause = ccr.tree.number("Termination-Cause")
    bench.check(passed <= 0, "nothing passes", f"{passed} octets passed")
    bench.check(cause == 3, "Termination-Cause DIAMETER_BAD_ANSWER (3)", str(cause))


@case("RFC8506-8.24-2", side="pgw", seconds=0.5)
def directions(bench: GatewayBench) -> None:
    """10,000 octets uplink and 1,000 downlink."""
    subscriber = bench.subscriber()
    bench.attach(subscriber)
    bench.use(subscriber, 1_000, up=10_000)
    bench.detach(subscriber)
    ccr = bench.ccr(TERMINATION)
    seen = [
        sum(item.number or 0 for service in ccr.services for item in service.tree.all("Used-Service-Unit", name))
        for name in ("CC-Input-Octets", "CC-Output-Octets")
    ]
    bench.check(seen in ([10_000, 1_000], [0, 0]), "Input 10000 (from the user), Output 1000 (to the user)", str(seen))


@case("RFC8506-8.33-1", "TS32299-7.2.175-5", side="pgw", seconds=3.0)
def validity(bench: GatewayBench) -> None:
    """A grant valid for two seconds, and no traffic."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, avp("Validity-Time", 2)))
    bench.attach(subscriber)
    began = time.monotonic()
    ccr = bench.ccr(UPDATE, within=4)
    took = time.monotonic() - began
    bench.check(1 <= took <= 3.2, "CCR-U two seconds after the answer (one more or less)", f"{took:.1f} s")
    bench.check(4 in reasons(ccr), "VALIDITY_TIME", str(reasons(ccr)), "TS32299-7.2.175-5")


@case("RFC8506-8.33-2", side="pgw", seconds=4.0)
def validity_restarts(bench: GatewayBench) -> None:
    """A new grant one second after the first, both valid for two seconds."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, avp("Validity-Time", 2)))
    bench.attach(subscriber)
    bench.quiet(1.0)
    bench.use(subscriber, GRANT)
    bench.ccr(UPDATE)
    began = time.monotonic()
    bench.ccr(UPDATE, number=2, within=4)
    took = time.monotonic() - began
    bench.check(took >= 1.3, "the clock starts anew with the newest answer", f"CCR-U after {took:.1f} s")


@case("TS32299-VQT-2", "TS32299-7.2.175-1", side="pgw", seconds=0.7)
def threshold(bench: GatewayBench) -> None:
    """A threshold of 90,000 on a grant of 100,000 octets."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, avp("Volume-Quota-Threshold", 90_000)))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 20_000)
    ccr = bench.ccr(UPDATE)
    bench.check(passed == 20_000, "traffic is not cut", f"{passed} of 20000 octets passed")
    bench.check(10_000 <= used_octets(ccr) <= 20_000, "a report at about 10000 octets", str(used_octets(ccr)))
    bench.check(0 in reasons(ccr), "THRESHOLD", str(reasons(ccr)), "TS32299-7.2.175-1")


@case("TS32299-7.2.160-2", "TS32299-7.2.175-2", side="pgw", seconds=3.0)
def holding_time(bench: GatewayBench) -> None:
    """Quota-Holding-Time of one second, some traffic, then none."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, avp("Quota-Holding-Time", 1)))
    bench.attach(subscriber)
    bench.use(subscriber, 5_000)
    began = time.monotonic()
    ccr = bench.ccr(UPDATE, within=3)
    took = time.monotonic() - began
    bench.check(0.5 <= took <= 2.5, "CCR-U one second after the last packet", f"{took:.1f} s")
    bench.check(used_octets(ccr) == 5_000, "with the usage", str(used_octets(ccr)))
    bench.check(1 in reasons(ccr), "QHT", str(reasons(ccr)), "TS32299-7.2.175-2")


@case("TS32299-7.2.160-3", side="pgw", seconds=1.5)
def no_holding_time(bench: GatewayBench) -> None:
    """Quota-Holding-Time 0."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, avp("Quota-Holding-Time", 0)))
    bench.attach(subscriber)
    bench.use(subscriber, 5_000)
    seen = bench.maybe_ccr(UPDATE, within=1.2)
    bench.check(seen is None or 1 not in reasons(seen), "no report for the holding time", "CCR-U with QHT")


@case("TS32299-7.2.160-5", side="pgw", seconds=4.0)
def holding_time_starts_anew(bench: GatewayBench) -> None:
    """Quota-Holding-Time of two seconds; a report for another reason in between."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, avp("Quota-Holding-Time", 2)))
    bench.attach(subscriber)
    bench.use(subscriber, 1_000)
    bench.quiet(1.0)
    bench.use(subscriber, GRANT - 1_000)
    bench.ccr(UPDATE)
    began = time.monotonic()
    bench.ccr(UPDATE, number=2, within=4)
    took = time.monotonic() - began
    bench.check(took >= 1.3, "the time starts anew with the answer", f"CCR-U after {took:.1f} s")


def _trigger(kind: int) -> bytes:
    return avp("Trigger", [avp("Trigger-Type", kind)])


@case("TS32299-7.2.236-1", "TS32299-7.2.236-3", "TS32299-7.2.175-7", side="pgw", seconds=0.7)
def change_that_is_armed(bench: GatewayBench) -> None:
    """A grant with Trigger CHANGE_IN_RAT, and such a change."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, _trigger(4)))
    bench.attach(subscriber)
    bench.use(subscriber, 7_000)
    bench.run.hooks.call("change", imsi=subscriber.imsi, trigger=4)
    ccr = bench.ccr(UPDATE)
    bench.check(used_octets(ccr) == 7_000, "the usage so far", str(used_octets(ccr)))
    bench.check(6 in reasons(ccr), "RATING_CONDITION_CHANGE", str(reasons(ccr)), "TS32299-7.2.236-3")
    kinds = {item.number for service in ccr.services for item in service.tree.all("Trigger", "Trigger-Type")}
    bench.check(4 in kinds, "Trigger-Type CHANGE_IN_RAT", str(kinds), "TS32299-7.2.236-3")


@case("TS32299-7.2.236-2", side="pgw", seconds=0.7)
def change_that_is_not(bench: GatewayBench) -> None:
    """A grant with Trigger CHANGE_IN_RAT, and a change of location."""
    subscriber = bench.subscriber()
    bench.script(bench.granting(GRANT, _trigger(4)))
    bench.attach(subscriber)
    bench.use(subscriber, 7_000)
    bench.run.hooks.call("change", imsi=subscriber.imsi, trigger=3)
    seen = bench.maybe_ccr(UPDATE)
    bench.check(seen is None, "no CCR-U for what was not asked for", seen.title if seen is not None else "")


# --- final units ------------------------------------------------------------------------------------------------------


def _final(action: int, *more: bytes) -> bytes:
    return avp("Final-Unit-Indication", [avp("Final-Unit-Action", action), *more])


def _only_first(bench: GatewayBench, octets: int, *more: bytes) -> Callable[[Message], bytes]:
    """Grants with `more` once; whoever asks then gets 4012 in its MSCC."""
    granted: set[int | None] = set()

    def answer(ccr: Message) -> bytes:
        services = []
        for service in ccr.services:
            group = service.rating_group
            if service.tree.first("Requested-Service-Unit") is None:
                services.append(grant(group))
            elif group in granted:
                services.append(grant(group, code=4012))
            else:
                granted.add(group)
                services.append(grant(group, octets, more=more))
        if ccr.tree.number("CC-Request-Type") == TERMINATION:
            services = []
        return bench.station.answer(ccr, *services)

    return answer


@case("RFC8506-5.6-1", side="pgw", seconds=0.7)
def final_units_of_one(bench: GatewayBench) -> None:
    """Two rating groups, the first with final units: TERMINATE."""
    subscriber = bench.subscriber(2)
    one, two = subscriber.rating_groups[:2]

    def answer(ccr: Message) -> bytes:
        services = []
        for service in ccr.services:
            asks = service.tree.first("Requested-Service-Unit") is not None
            if service.rating_group == one and asks:
                services.append(grant(one, GRANT, more=[_final(0)]))
            else:
                services.append(grant(service.rating_group, GRANT if asks else None))
        return bench.station.answer(ccr, *services)

    bench.script(answer)
    bench.attach(subscriber, 2)
    passed = bench.use(subscriber, GRANT + 50_000, one)
    bench.check(passed == GRANT, f"{GRANT} octets of it and no more", f"{passed}")
    bench.check(bench.use(subscriber, 20_000, two) == 20_000, "the other rating group goes on", "it is stopped")
    reported = sum(used_octets(ccr, one) for ccr in bench.ccrs())
    bench.check(reported == GRANT, "the final units are reported", f"{reported} octets reported")


@case("RFC8506-5.6.1-1", "RFC8506-8.35-1", side="pgw", seconds=0.7)
def final_units_end_the_session(bench: GatewayBench) -> None:
    """The only rating group has final units: TERMINATE, and then an action that nobody knows."""
    for action, row in ((0, "RFC8506-5.6.1-1"), (9, "RFC8506-8.35-1")):
        subscriber = bench.subscriber()
        start = len(bench.ccrs(TERMINATION))
        bench.script(_only_first(bench, GRANT, _final(action)))
        bench.attach(subscriber)
        passed = bench.use(subscriber, GRANT + 50_000)
        bench.check(passed == GRANT, f"{GRANT} octets and no more", f"{passed}", row)
        ended = bench.maybe_ccr(TERMINATION, number=start + 1, within=bench.ics.timers.answer_seconds)
        bench.check(ended is not None, "CCR-T", "the session stays", row)
        bench.detach(subscriber)


@case("RFC8506-5.6.2-1", "RFC8506-5.6.2-4", side="pgw", seconds=1.0)
def redirected(bench: GatewayBench) -> None:
    """Final units with REDIRECT, used up; later a new grant by way of a RAR."""
    subscriber = bench.subscriber()
    server = avp("Redirect-Server", [avp("Redirect-Address-Type", 2), avp("Redirect-Server-Address", "http://top.up/")])
    bench.script(_only_first(bench, GRANT, _final(1, server)))
    bench.attach(subscriber)
    passed = bench.use(subscriber, GRANT + 10_000)
    bench.check(passed == GRANT, f"{GRANT} octets and no more", f"{passed}")
    ccr = bench.ccr(UPDATE)
    asks = any(service.tree.first("Requested-Service-Unit") is not None for service in ccr.services)
    bench.check(used_octets(ccr) == GRANT and not asks, "a report without Requested-Service-Unit", ccr.title)
    bench.script(bench.granting(GRANT))
    bench.station.reauthorise(ccr)
    again = bench.maybe_ccr(UPDATE, number=2, within=bench.ics.timers.answer_seconds)
    bench.check(again is not None, "a CCR-U after the RAR", "it does not come", "RFC8506-5.6.2-4")
    bench.check(bench.use(subscriber, 10_000) == 10_000, "traffic passes again", "it does not", "RFC8506-5.6.2-4")


@case("RFC8506-5.6.2-5", "RFC8506-5.6-2", side="pgw", seconds=0.7)
def redirected_at_once(bench: GatewayBench) -> None:
    """CCA-I with Final-Unit-Indication REDIRECT and Validity-Time, and no units."""
    subscriber = bench.subscriber()
    group = subscriber.rating_groups[0]
    server = avp("Redirect-Server", [avp("Redirect-Address-Type", 2), avp("Redirect-Server-Address", "http://top.up/")])
    service = grant(group, more=[_final(1, server), avp("Validity-Time", 60)])
    bench.script(lambda ccr: bench.station.answer(ccr, *([service] if ccr.tree.number("CC-Request-Type") != 3 else [])))
    bench.attach(subscriber)
    passed = bench.use(subscriber, 10_000)
    bench.check(passed <= 0, "no octet passes: the action starts at once", f"{passed} octets passed")
    bench.check(not bench.ccrs(UPDATE), "no CCR-U before", f"{len(bench.ccrs(UPDATE))}", "RFC8506-5.6-2")
