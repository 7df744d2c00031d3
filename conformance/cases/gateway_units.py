"""Cases for a gateway: tariff changes, time, credit pools (RFC 8506 5.1.1 and 5.1.2, TS 32.299 7.2.229)."""

from __future__ import annotations

import math
import time

from conformance.cases import case
from conformance.cases.gateway_quota import GRANT, reasons
from conformance.gateway_bench import TERMINATION, UPDATE, GatewayBench, used_octets
from conformance.tester.station import Script
from conformance.verdicts import not_applicable
from conformance.wire.avp import avp
from conformance.wire.message import Message

_TOTAL_OCTETS = 2
"""CC-Unit-Type (RFC 8506 8.32)."""
_BAD_ANSWER = 3
"""Termination-Cause (RFC 6733 8.15)."""


def _granting_units(bench: GatewayBench, units: list[bytes], *more: bytes) -> Script:
    """A script: these units, and `more` beside them, for every MSCC that asks."""

    def answer(ccr: Message) -> bytes:
        services = []
        for service in ccr.services if ccr.tree.number("CC-Request-Type") != TERMINATION else []:
            asks = service.tree.first("Requested-Service-Unit") is not None
            inner = [avp("Granted-Service-Unit", units)] if asks else []
            inner += [avp("Rating-Group", service.rating_group or 0), avp("Result-Code", 2001), *(more if asks else ())]
            services.append(avp("Multiple-Services-Credit-Control", inner))
        return bench.station.answer(ccr, *services)

    return answer


# --- tariff changes ---------------------------------------------------------------------------------------------------


def _until_change(seconds: int) -> tuple[int, list[bytes]]:
    """The moment of a tariff change at least so many seconds ahead, and a grant that tells of it."""
    at = math.ceil(time.time()) + seconds
    return at, [avp("Tariff-Time-Change", at), avp("CC-Total-Octets", GRANT)]


@case("RFC8506-5.1.1-3", side="pgw", seconds=3.0)
def across_a_tariff_change(bench: GatewayBench) -> None:
    """A grant with Tariff-Time-Change; traffic before that time and after it."""
    if not bench.ics.claims.tariff_changes:
        raise not_applicable("claims.tariff_changes is false")
    subscriber = bench.subscriber()
    at, units = _until_change(1)
    bench.script(_granting_units(bench, units))
    bench.attach(subscriber)
    bench.use(subscriber, 30_000)
    bench.quiet(at - time.time() + 0.3)
    bench.use(subscriber, 20_000)
    bench.script(bench.granting(GRANT))
    bench.detach(subscriber)
    (service,) = bench.ccr(TERMINATION).services
    parts = {
        used.tree.number("Tariff-Change-Usage"): used.tree.number("CC-Total-Octets")
        for used in service.tree.all("Used-Service-Unit")
    }
    bench.check(parts == {0: 30_000, 1: 20_000}, "30000 octets before (0) and 20000 after (1), in one MSCC", str(parts))


@case("RFC8506-5.1.1-5", side="pgw", seconds=1.0)
def tariff_change_not_understood(bench: GatewayBench) -> None:
    """A grant with Tariff-Time-Change for a gateway that does not know tariff changes."""
    if bench.ics.claims.tariff_changes:
        raise not_applicable("claims.tariff_changes is true")
    subscriber = bench.subscriber()
    bench.script(_granting_units(bench, _until_change(1)[1]))
    bench.attach(subscriber)
    cause = bench.ccr(TERMINATION).tree.number("Termination-Cause")
    bench.check(cause == _BAD_ANSWER, "Termination-Cause DIAMETER_BAD_ANSWER (3)", str(cause))


# --- time -------------------------------------------------------------------------------------------------------------


def _used_seconds(ccr: Message) -> int:
    return sum(
        item.number or 0 for service in ccr.services for item in service.tree.all("Used-Service-Unit", "CC-Time")
    )


def _counts_time(bench: GatewayBench) -> None:
    if not bench.ics.claims.counts_time:
        raise not_applicable("claims.counts_time is false")


@case("TS32299-7.2.229-2", side="pgw", seconds=5.0)
def time_threshold(bench: GatewayBench) -> None:
    """A grant of four seconds with a threshold of two, traffic all the time; the report waits for its answer."""
    _counts_time(bench)
    subscriber = bench.subscriber()
    grants = _granting_units(bench, [avp("CC-Time", 4)], avp("Time-Quota-Threshold", 2))
    bench.script(lambda ccr: None if ccr.tree.number("CC-Request-Type") == UPDATE else grants(ccr))
    bench.attach(subscriber)
    began = time.monotonic()
    while time.monotonic() - began < 4 and not bench.ccrs(UPDATE):
        passed = bench.use(subscriber, 100)
        bench.check(passed == 100, "traffic is not cut", f"{passed} of 100 octets passed")
        bench.quiet(0.1)
    ccr, took = bench.ccr(UPDATE, within=0.1), time.monotonic() - began
    passed = bench.use(subscriber, 100)
    bench.station.send(grants(ccr) or b"")
    bench.check(1 <= took <= 3.2, "CCR-U when two of four seconds are left (one more or less)", f"after {took:.1f} s")
    bench.check(0 in reasons(ccr), "THRESHOLD", str(reasons(ccr)))
    bench.check(1 <= _used_seconds(ccr) <= 3, "about two seconds used", str(_used_seconds(ccr)))
    bench.check(passed == 100, "the service goes on", f"{passed} of 100 octets passed")


@case("TS32299-QCT-1", side="pgw", seconds=4.0)
def time_without_traffic(bench: GatewayBench) -> None:
    """A grant of a minute with Quota-Consumption-Time of one second; traffic once, then none for three seconds."""
    _counts_time(bench)
    subscriber = bench.subscriber()
    bench.script(_granting_units(bench, [avp("CC-Time", 60)], avp("Quota-Consumption-Time", 1)))
    bench.attach(subscriber)
    bench.use(subscriber, 100)
    bench.quiet(3.0)
    bench.script(bench.granting(GRANT))
    bench.detach(subscriber)
    seconds = _used_seconds(bench.ccr(TERMINATION))
    bench.check(1 <= seconds <= 2, "one second: the time stops with the traffic (one more at most)", f"{seconds}")


# --- credit pools -----------------------------------------------------------------------------------------------------


def _pool(number: int) -> bytes:
    """A G-S-U-Pool-Reference in which an octet counts as one."""
    return avp(
        "G-S-U-Pool-Reference",
        [
            avp("G-S-U-Pool-Identifier", number),
            avp("CC-Unit-Type", _TOTAL_OCTETS),
            avp("Unit-Value", [avp("Value-Digits", 1)]),
        ],
    )


def _pooling(bench: GatewayBench, pooled: tuple[int, ...]) -> Script:
    """A script: GRANT octets for whoever asks, out of one pool for these rating groups."""

    def answer(ccr: Message) -> bytes:
        services = []
        for service in ccr.services if ccr.tree.number("CC-Request-Type") != TERMINATION else []:
            group = service.rating_group or 0
            inner = [avp("Granted-Service-Unit", [avp("CC-Total-Octets", GRANT)])]
            inner += [avp("Rating-Group", group), *([_pool(1)] if group in pooled else []), avp("Result-Code", 2001)]
            services.append(avp("Multiple-Services-Credit-Control", inner))
        return bench.station.answer(ccr, *services)

    return answer


@case("RFC8506-5.1.2-13", side="pgw", seconds=1.5)
def pool_of_two(bench: GatewayBench) -> None:
    """Two rating groups with a grant each, both of one pool; one of them uses more than its own."""
    if not bench.ics.claims.credit_pools:
        raise not_applicable("claims.credit_pools is false")
    subscriber = bench.subscriber(2)
    one, two = subscriber.rating_groups[:2]
    bench.script(_pooling(bench, (one, two)))
    bench.attach(subscriber, 2)
    more = GRANT // 2
    passed = bench.use(subscriber, GRANT + more, one)
    bench.check(passed == GRANT + more, "the pool holds both grants", f"{passed} of {GRANT + more} octets passed")
    early = bench.maybe_ccr(UPDATE)
    bench.check(early is None, "no CCR-U while the pool lasts", early.title if early is not None else "")
    bench.use(subscriber, more, two)
    reported = used_octets(bench.ccr(UPDATE))
    bench.check(reported > 0, "CCR-U when the pool is used up", f"{reported} octets reported")


@case("RFC8506-5.1.2-14", side="pgw", seconds=1.0)
def beside_a_pool(bench: GatewayBench) -> None:
    """Two rating groups, one of a pool and one without; the one of the pool is used up."""
    if not bench.ics.claims.credit_pools:
        raise not_applicable("claims.credit_pools is false")
    subscriber = bench.subscriber(2)
    one, two = subscriber.rating_groups[:2]
    bench.script(_pooling(bench, (one,)))
    bench.attach(subscriber, 2)
    bench.use(subscriber, GRANT // 2, two)
    bench.use(subscriber, GRANT, one)
    ccr = bench.ccr(UPDATE)
    bench.check(used_octets(ccr, one) == GRANT, f"{GRANT} octets of rating group {one}", str(used_octets(ccr, one)))
    reported = used_octets(ccr, two)
    bench.check(reported == 0, f"rating group {two} is left alone", f"{reported} octets of it reported")
