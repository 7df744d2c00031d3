"""QTA and RR: quota that ends by a timer, a threshold or an event, and the reasons of reports (TS 32.299 6.5, 7.2)."""

from __future__ import annotations

from collections.abc import Callable

from conformance.bench import Bench
from conformance.cases import Case, add, case
from conformance.cases.units import total, usage
from conformance.tester.observe import code, granted
from conformance.tester.request import ASK, mscc
from conformance.wire.avp import avp

REASONS = {
    0: ("THRESHOLD", True), 1: ("QHT", False), 2: ("FINAL", False), 3: ("QUOTA_EXHAUSTED", True),
    4: ("VALIDITY_TIME", False), 5: ("OTHER_QUOTA_TYPE", True), 6: ("RATING_CONDITION_CHANGE", False),
    7: ("FORCED_REAUTHORISATION", False), 8: ("POOL_EXHAUSTED", True), 9: ("UNUSED_QUOTA_TIMER", False),
}  # fmt: skip
"""Reporting-Reason: its name, and whether it stands in the Used-Service-Unit (TS 32.299 7.2.175)."""


def _reason(value: int, inside: bool) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        subscriber, balance = bench.known_balance()
        session, _ = bench.opened(subscriber)
        more = [avp("Trigger", [avp("Trigger-Type", 4)])] if value == 6 else []
        service = (
            mscc(session.rating_group, ask=ASK, used=111_111, in_unit_reason=value)
            if inside
            else mscc(session.rating_group, ask=ASK, used=111_111, reason=value, more=more)
        )
        bench.expect(session.update(service), code(2001))
        session.terminate()
        bench.balance_is(subscriber, balance - 111_111)

    return run


for _value, (_name, _inside) in REASONS.items():
    _row = f"TS32299-7.2.175-{_value + 1}"
    _where = "in the Used-Service-Unit" if _inside else "on the MSCC"
    add(Case(_row, (_row,), f"CCR-U with Reporting-Reason {_name} {_where}", _reason(_value, _inside),
             seconds=lambda _: 0.3))  # fmt: skip


@case("TS32299-7.2.175-12", seconds=0.3)
def misplaced(bench: Bench) -> None:
    """THRESHOLD on the MSCC, where many clients put it."""
    _reason(0, False)(bench)


@case("TS32299-7.2.175-13", seconds=0.3)
def final_of_two(bench: Bench) -> None:
    """CCR-T with FINAL in two MSCCs."""
    subscriber, balance = bench.known_balance()
    one, two = subscriber.rating_groups[:2] if len(subscriber.rating_groups) > 1 else subscriber.rating_groups * 2
    session = bench.session(subscriber)
    bench.success(session.initial(session.asking(one)))
    bench.success(session.update(session.asking(two)))
    bench.expect(session.terminate(mscc(one, used=100_001, reason=2), mscc(two, used=200_002, reason=2)), code(2001))
    bench.balance_is(subscriber, balance - 300_003)


@case("RFC8506-8.33-3", seconds=0.3)
def validity_report(bench: Bench) -> None:
    """CCR-U with VALIDITY_TIME, part of the grant used."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    used = octets // 3
    reply = bench.expect(
        session.update(mscc(session.rating_group, ask=ASK, used=used, reason=4)), granted(session.rating_group)
    )
    held = bench.answer(reply).granted_octets
    free = bench.free_octets(subscriber)
    bench.check(
        free == balance - used - held,
        f"debited {used}, only the new grant reserved: {balance - used - held}",
        f"{free}",
    )


@case("TS32299-VQT-3", seconds=0.3)
def threshold_report(bench: Bench) -> None:
    """CCR-U with THRESHOLD while part of the grant is unused."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    used = octets - octets // 10
    reply = bench.expect(
        session.update(mscc(session.rating_group, ask=ASK, used=used, in_unit_reason=0)),
        granted(session.rating_group),
    )
    held = bench.answer(reply).granted_octets
    free = bench.free_octets(subscriber)
    bench.check(free == balance - used - held, f"{balance - used - held} octets free", f"{free}")


@case("TS32299-7.2.160-6", seconds=0.3)
def holding_time_report(bench: Bench) -> None:
    """CCR-U with QHT and without Requested-Service-Unit, later one that asks."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    used = octets // 2
    reply = bench.expect(session.update(mscc(session.rating_group, used=used, reason=1)), code(2001))
    bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)
    free = bench.free_octets(subscriber)
    bench.check(free == balance - used, f"the reservation is released: {balance - used} octets free", f"{free}")
    bench.expect(session.update(), granted(session.rating_group))


@case("TS32299-7.2.236-4", seconds=0.3)
def condition_change(bench: Bench) -> None:
    """CCR-U with RATING_CONDITION_CHANGE and new conditions."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    trigger = avp("Trigger", [avp("Trigger-Type", 4)])
    service = mscc(session.rating_group, ask=ASK, reason=6, more=[usage(total(250_000)), trigger])
    bench.expect(session.update(service), granted(session.rating_group))
    session.terminate(used=50_000)
    bench.balance_is(subscriber, balance - 300_000)


@case(
    "TS32299-VQT-1",
    "TS32299-7.2.160-1",
    "TS32299-TRG-1",
)
def grant_with_limits(bench: Bench) -> None:
    """CCR-I of a plan with thresholds, holding time and triggers."""
    subscriber = bench.take("rated")
    session = bench.session(subscriber)
    reply = bench.success(session.initial())
    service = reply.service(session.rating_group)
    assert service is not None
    threshold = service.tree.number("Volume-Quota-Threshold")
    holding = service.tree.number("Quota-Holding-Time")
    trigger = service.tree.first("Trigger")
    bench.check(threshold is not None and threshold < (service.total_octets or 0), "a threshold below the grant",
                str(threshold), "TS32299-VQT-1")  # fmt: skip
    bench.check(holding is not None, "Quota-Holding-Time inside MSCC", reply.title, "TS32299-7.2.160-1")
    bench.check(trigger is not None and bool(trigger.tree.all("Trigger-Type")), "Trigger inside MSCC", reply.title,
                "TS32299-TRG-1")  # fmt: skip
    outside = [item.name for item in reply.tree if item.name in ("Trigger", "Quota-Holding-Time")]
    bench.check(not outside, "none of them at command level", ", ".join(outside), "TS32299-TRG-1")


@case("TS32299-7.2.229-1", "TS32299-QCT-2")
def time_limits(bench: Bench) -> None:
    """CCR-I of a call."""
    session = bench.session(bench.one("voice"))
    reply = bench.success(session.initial(mscc(session.rating_group, ask=ASK)))
    for service in reply.services:
        for name, row in (("Time-Quota-Threshold", "TS32299-7.2.229-1"), ("Quota-Consumption-Time", "TS32299-QCT-2")):
            if service.tree.first(name) is not None:
                bench.check(service.time_seconds is not None, f"{name} only beside CC-Time", reply.title, row)
