"""UNIT: how used units are counted (RFC 8506 8.19 to 8.26)."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.bench import Bench
from conformance.cases import case
from conformance.session import Session
from conformance.tester.observe import code, granted
from conformance.tester.request import ASK, mscc
from conformance.verdicts import inconclusive
from conformance.wire.avp import avp
from conformance.wire.message import Message


def usage(*units: bytes) -> bytes:
    """A Used-Service-Unit."""
    return avp("Used-Service-Unit", list(units))


def total(octets: int) -> bytes:
    """CC-Total-Octets."""
    return avp("CC-Total-Octets", octets)


def up_down(up: int, down: int) -> list[bytes]:
    """CC-Input-Octets and CC-Output-Octets."""
    return [avp("CC-Input-Octets", up), avp("CC-Output-Octets", down)]


def report(session: Session, *used: bytes) -> bytes:
    """An MSCC with these Used-Service-Units that asks for nothing."""
    return mscc(session.rating_group, more=used)


def counts_as(bench: Bench, used: Sequence[bytes], *accepted: int) -> int:
    """The case fails unless a report of `used` takes one of `accepted` octets from the balance; gives which."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    bench.expect(session.update(report(session, *used)), code(2001))
    session.terminate()
    taken = balance - bench.free_octets(subscriber)
    bench.check(taken in accepted, f"{' or '.join(map(str, accepted))} octets debited", f"{taken}")
    return taken


@case("RFC8506-8.23-1", seconds=0.3)
def total_and_parts(bench: Bench) -> None:
    """A report with total, input and output octets together."""
    counts_as(bench, [usage(total(1_000_000), *up_down(300_000, 700_000))], 1_000_000)


@case("CISCO-222951", seconds=0.3)
def total_beside_parts(bench: Bench) -> None:
    """Two Used-Service-Units in one MSCC: total, and input with output."""
    reason = avp("Reporting-Reason", 0), avp("Reporting-Reason", 5)
    first = usage(reason[0], total(1_000_000))
    second = usage(reason[1], *up_down(300_000, 700_000))
    counts_as(bench, [first, second], 1_000_000)


@case("RFC8506-8.24-1", seconds=0.3)
def parts_only(bench: Bench) -> None:
    """A report with input and output octets only."""
    counts_as(bench, [usage(*up_down(300_000, 700_001))], 1_000_001)


@case("RFC8506-8.23-2", seconds=0.3)
def parts_disagree(bench: Bench) -> None:
    """A report whose total is not the sum of its parts."""
    taken = counts_as(bench, [usage(total(900_000), *up_down(300_000, 700_000))], 900_000, 1_000_000)
    bench.note("the total counts" if taken == 900_000 else "the sum of the parts counts")


@case("RFC8506-8.19-2", seconds=0.3)
def summed(bench: Bench) -> None:
    """Three Used-Service-Units with different Tariff-Change-Usage."""
    parts = [
        usage(avp("Tariff-Change-Usage", change), total(octets))
        for change, octets in ((0, 300_000), (1, 200_000), (2, 100_000))
    ]
    counts_as(bench, parts, 600_000)


@case("RFC8506-5.1.1-4", seconds=0.3)
def before_and_after(bench: Bench) -> None:
    """A report of usage before and after a tariff change."""
    parts = [usage(avp("Tariff-Change-Usage", 0), total(400_000)), usage(avp("Tariff-Change-Usage", 1), total(500_000))]
    counts_as(bench, parts, 900_000)


@case("RFC8506-8.27-2", seconds=0.3)
def indeterminate(bench: Bench) -> None:
    """A report of usage that cannot be told apart (UNIT_INDETERMINATE)."""
    counts_as(bench, [usage(avp("Tariff-Change-Usage", 2), total(700_000))], 700_000)


@case("RFC8506-8.27-3", seconds=0.3)
def no_change(bench: Bench) -> None:
    """A report without Tariff-Change-Usage."""
    counts_as(bench, [usage(total(700_001))], 700_001)


@case("RFC8506-8.19-3", variant="zero", seconds=0.3)
def nothing_used(bench: Bench) -> None:
    """A report of 0 octets."""
    counts_as(bench, [usage(total(0))], 0)


@case("RFC8506-8.19-3", variant="huge", seconds=0.3, destructive=True)
def huge(bench: Bench) -> None:
    """A report of 2^63 octets."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    reply = session.update(mscc(session.rating_group, used=2**63))
    bench.answer(reply)
    session.terminate()
    free = bench.free_octets(subscriber)
    bench.check(free in (0, balance), "the balance is at its floor, or untouched: no overflow", f"{free} octets free")
    bench.prefer(free == 0, "at its floor", f"{free} octets free")


@case("RFC8506-5.3-7", seconds=0.4)
def odd_octets(bench: Bench) -> None:
    """A whole session of odd octet counts."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    used = [bench.rng.randrange(1, 400_000) | 1 for _ in range(6)]
    for octets in used:
        bench.expect(session.update(used=octets), granted(session.rating_group))
    session.terminate(used=77)
    bench.balance_is(subscriber, balance - sum(used) - 77)


@case("RFC8506-5.1.2-11", seconds=0.3)
def no_overspending(bench: Bench) -> None:
    """Sessions side by side that want more than there is."""
    subscriber = bench.take("prepaid")
    balance = subscriber.balance_octets
    if balance is None:
        raise inconclusive(f"subscriber {subscriber.imsi} states no balance_octets")
    granted_octets = 0
    for _ in range(64):
        session = bench.session(subscriber)
        reply = session.initial()
        octets = reply.granted_octets if isinstance(reply, Message) else 0
        granted_octets += octets
        if not octets or granted_octets > balance:
            break
    bench.check(granted_octets <= balance, f"grants of {balance} octets in all at most", f"{granted_octets} and more")


@case("RFC8506-8.21-1")
def seconds_of_a_call(bench: Bench) -> None:
    """A call: CC-Time granted and reported."""
    session = bench.session(bench.one("voice"))
    reply = bench.success(session.initial(mscc(session.rating_group, ask=ASK)))
    service = reply.service(session.rating_group)
    seconds = service.time_seconds if service is not None else None
    bench.check(bool(seconds), "CC-Time in the grant", reply.title)
    used = mscc(session.rating_group, ask=ASK, more=[usage(avp("CC-Time", seconds or 1))])
    bench.expect(session.update(used), code(2001))


@case("RFC8506-8.26-1")
def specific_units(bench: Bench) -> None:
    """A message: CC-Service-Specific-Units asked for and reported."""
    session = bench.session(bench.one("messages"))
    asking = avp("Requested-Service-Unit", [avp("CC-Service-Specific-Units", 1)])
    reply = bench.answer(session.initial(mscc(session.rating_group, more=[asking])))
    service = reply.service(session.rating_group)
    fine = service is not None and (service.specific_units or service.result_code == 5031)
    bench.check(bool(fine) or reply.result_code == 5031, "units granted, or 5031", reply.title)
