"""MSCC: several services in one request (RFC 8506 5.1.2, 8.16; TS 32.299 7.1.9; what Open5GS sends)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.tester.observe import code, failed_avp, granted, refused_units, service_code
from conformance.tester.request import ASK, INITIAL, mscc
from conformance.verdicts import inconclusive, not_applicable
from conformance.wire.avp import avp
from conformance.wire.message import Message

UNKNOWN_GROUP = 4_000_000_001


@case("RFC8506-5.1.2-4")
def two_groups(bench: Bench) -> None:
    """CCR-I that asks for two rating groups."""
    subscriber = bench.rich(2)
    one, two = subscriber.rating_groups[:2]
    session = bench.session(subscriber)
    reply = bench.expect(session.initial(session.asking(one), session.asking(two)), granted(one) & granted(two))
    message = bench.answer(reply)
    groups = sorted(service.rating_group or 0 for service in message.services)
    bench.check(groups == sorted((one, two)), "one MSCC for each rating group", message.title)
    outside = message.tree.first("Granted-Service-Unit")
    bench.check(outside is None, "no grant outside of the MSCCs", message.title)


@case("RFC8506-5.1.2-5", seconds=0.3)
def one_of_two_funded(bench: Bench) -> None:
    """One session, one rating group funded and one not."""
    subscriber = bench.take("shared")
    consumer = subscriber.consumer
    if consumer is None or consumer.balance_octets is None:
        raise not_applicable("needs a consumer with balance_octets on the shared subscriber")
    session = bench.session(subscriber, consumer)
    used, _ = session.use_up(consumer.balance_octets)
    if used != consumer.balance_octets:
        raise inconclusive(f"PIXIT: {consumer.balance_octets} octets by the file, {used} could be used")
    session.terminate()
    both = bench.session(subscriber)
    enterprise, poor = subscriber.rating_groups[0], consumer.rating_groups[0]
    reply = both.initial(both.asking(enterprise), both.asking(poor))
    bench.expect(reply, code(2001) & granted(enterprise))
    bench.expect(reply, service_code(poor, 4012, 4010))
    bench.expect(reply, refused_units(poor, 4012, 4010))


@case("RFC8506-8.16-1")
def service_identifier(bench: Bench) -> None:
    """MSCC with Service-Identifier and Rating-Group."""
    session = bench.session(bench.rich())
    service = mscc(session.rating_group, ask=ASK, more=[avp("Service-Identifier", 7)])
    reply = bench.expect(session.initial(service), granted(session.rating_group))
    back = bench.answer(reply).service(session.rating_group)
    assert back is not None
    seen = ", ".join(map(str, back.service_identifiers)) or "none"
    bench.check(back.service_identifiers == (7,), "Service-Identifier 7 in the answer", seen)


@case("RFC8506-8.16-2")
def group_alone(bench: Bench) -> None:
    """MSCC with Rating-Group alone."""
    session = bench.session(bench.rich())
    reply = bench.expect(session.initial(), granted(session.rating_group))
    back = bench.answer(reply).service(session.rating_group)
    assert back is not None
    bench.check(not back.service_identifiers, "no Service-Identifier: the grant is for the whole group", reply.title)


@case("RFC8506-8.16-3")
def unknown_group(bench: Bench) -> None:
    """CCR-I for a known rating group and one of no tariff."""
    if not bench.ics.claims.rating_group_unknown:
        raise not_applicable("claims.rating_group_unknown is false: every rating group is served")
    session = bench.session(bench.rich())
    known = session.rating_group
    reply = session.initial(session.asking(known), session.asking(UNKNOWN_GROUP))
    bench.expect(reply, granted(known))
    bench.expect(reply, service_code(UNKNOWN_GROUP, 5031))
    bench.prefer(failed_avp("Rating-Group").holds(reply), "Failed-AVP with Rating-Group", "without it")


@case("RFC8506-8.16-3", variant="alone")
def unknown_group_alone(bench: Bench) -> None:
    """CCR-I for a rating group of no tariff alone."""
    if not bench.ics.claims.rating_group_unknown:
        raise not_applicable("claims.rating_group_unknown is false: every rating group is served")
    session = bench.session(bench.rich())
    reply = session.initial(session.asking(UNKNOWN_GROUP))
    bench.expect(reply, refused_units(UNKNOWN_GROUP, 5031))


@case("RFC8506-8.16-4", seconds=0.3)
def group_twice(bench: Bench) -> None:
    """CCR-I with the same rating group twice."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    group = session.rating_group
    reply = bench.answer(session.initial(session.asking(group), session.asking(group)))
    grants = [service for service in reply.services if service.granted]
    bench.check(len(grants) <= 1, "one grant at most", reply.title)
    free = bench.free_octets(subscriber)
    held = reply.granted_octets
    bench.check(free == balance - held, f"what was granted is reserved, once: {balance - held} octets free", f"{free}")


@case("OPEN5GS-1")
def as_open5gs(bench: Bench) -> None:
    """What Open5GS sends: one MSCC without Rating-Group, MSI 0, Requested-Action, AoC-Request-Type."""
    subscriber = next(iter(bench.ics.subscribers.ordinary), None) or bench.rich()
    session = bench.session(subscriber)
    request = session.request(
        INITIAL,
        mscc(None, ask=1_000_000),
        more=[avp("Requested-Action", 0), avp("AoC-Request-Type", 1)],
    ).setting("Multiple-Services-Indicator", 0)
    reply = bench.answer(session.send(request))
    claim = bench.ics.claims.rating_group_absent
    if reply.result_code == 5001:
        bench.check(False, "those AVPs are known: never 5001", reply.title)
    served = granted(None).holds(reply)
    refused = refused_units(None, 5031, 5005).holds(reply)
    wanted = {"granted": served, "refused": refused, "either": served or refused}[claim]
    bench.check(wanted, f"the rating group is absent: {claim} (claims.rating_group_absent)", reply.title)


@case("RFC8506-5.1.2-10", seconds=0.3)
def many_services(bench: Bench) -> None:
    """CCR-I with 64 MSCCs."""
    session = bench.session(bench.rich())
    known = session.rating_group
    groups = [known, *(UNKNOWN_GROUP + number for number in range(1, 64))]
    reply = bench.answer(session.initial(*(session.asking(group) for group in groups)))
    answered = {service.rating_group for service in reply.services}
    missing = [group for group in groups if group not in answered]
    bench.check(not missing, "an MSCC in the answer for each", f"{len(missing)} are missing")
    bench.expect(reply, granted(known))


@case("TS32299-7.1.9-1")
def gy_avps(bench: Bench) -> None:
    """MSCC with QoS-Information, Trigger, AF-Correlation-Information, Refund-Information."""
    session = bench.session(bench.rich())
    extra = [
        avp("QoS-Information", [avp("QoS-Class-Identifier", 9), avp("APN-Aggregate-Max-Bitrate-UL", 50_000_000)]),
        avp("Trigger", [avp("Trigger-Type", 4)]),
        avp("AF-Correlation-Information", [avp("AF-Charging-Identifier", b"af-1")]),
        avp("Refund-Information", b"r"),
    ]
    reply = session.initial(mscc(session.rating_group, ask=ASK, more=extra))
    bench.expect(reply, granted(session.rating_group))


@case("TS32299-7.1.9-2")
def report_one_ask_other(bench: Bench) -> None:
    """CCR-U that reports one rating group and asks for another."""
    subscriber = bench.rich(2)
    one, two = subscriber.rating_groups[:2]
    session = bench.session(subscriber)
    bench.success(session.initial(session.asking(one)))
    reply = session.update(mscc(one, used=1000), session.asking(two))
    bench.expect(reply, granted(two))
    back = bench.answer(reply).service(one)
    bench.note(f"rating group {one} {'has a Result-Code' if back is not None else 'is left out'}")
    bench.check(back is None or not back.granted, f"no grant for {one}, which did not ask", reply.title)


@case("RFC8506-5.1-2")
def validity_time(bench: Bench) -> None:
    """CCR-I."""
    session = bench.session(bench.rich())
    reply = bench.success(session.initial())
    service = reply.service(session.rating_group)
    validity = service.validity_seconds if service is not None else None
    bench.note(f"Validity-Time {validity}")
    bench.check(validity is None or validity > 0, "Validity-Time above 0", str(validity))


@case("RFC8506-5.1-3")
def validity_each(bench: Bench) -> None:
    """CCR-I for two rating groups."""
    subscriber = bench.rich(2)
    one, two = subscriber.rating_groups[:2]
    session = bench.session(subscriber)
    reply: Message = bench.success(session.initial(session.asking(one), session.asking(two)))
    times = [service.validity_seconds for service in reply.services if service.granted]
    if not any(times):
        raise inconclusive("grants carry no Validity-Time")
    bench.check(all(times), "Validity-Time in every grant", reply.title)
