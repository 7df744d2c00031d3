"""AVP: values that are not of their type, or at its edges (RFC 6733 4.2, 4.3, 7.1.5)."""

from __future__ import annotations

import time

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.grammar import ask, initial
from conformance.tester.observe import CLOSED, code, failed_avp, failure, service_code
from conformance.tester.request import mscc, ps_information, subscription_id
from conformance.wire.avp import avp
from conformance.wire.message import Message


@case("RFC6733-7.1.5-3", variant="0")
def request_type_0(bench: Bench) -> None:
    """CC-Request-Type 0."""
    session, request = initial(bench)
    reply = bench.expect(ask(session, request.setting("CC-Request-Type", 0)), code(5004))
    bench.prefer(failed_avp("CC-Request-Type").holds(reply), "Failed-AVP with CC-Request-Type", reply.title)


@case("RFC6733-7.1.5-3", variant="99")
def request_type_99(bench: Bench) -> None:
    """CC-Request-Type 99."""
    session, request = initial(bench)
    reply = bench.expect(ask(session, request.setting("CC-Request-Type", 99)), code(5004))
    bench.prefer(failed_avp("CC-Request-Type").holds(reply), "Failed-AVP with CC-Request-Type", reply.title)


@case("RFC6733-7.1.5-4")
def subscription_type(bench: Bench) -> None:
    """CCR-I whose only Subscription-Id is of type 99."""
    session, request = initial(bench)
    odd = subscription_id(99, session.subscriber.imsi)
    reply = bench.expect(ask(session, request.without("Subscription-Id").adding(odd)), code(5004, 5030))
    bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)


@case("RFC6733-4.3.1-1", variant="Subscription-Id-Data")
def bad_utf8_in_subscription(bench: Bench) -> None:
    """Octets that are no UTF-8 in Subscription-Id-Data."""
    session, request = initial(bench)
    odd = subscription_id(1, b"00101\xff\xfe000")
    reply = ask(session, request.without("Subscription-Id").adding(odd))
    bench.expect(reply, failure() | CLOSED)


@case("RFC6733-4.3.1-1", variant="Session-Id", destructive=True)
def bad_utf8_in_session(bench: Bench) -> None:
    """Octets that are no UTF-8 in Session-Id."""
    session, request = initial(bench)
    odd = session.session_id.encode() + b"\xff\xfe"
    bench.expect(ask(session, request.setting("Session-Id", odd)), failure() | CLOSED)


@case("RFC6733-4.2-1")
def above_32_bits(bench: Bench) -> None:
    """A report of 2^32 + 1 octets on a balance of a few MB."""
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    session.update(mscc(session.rating_group, used=2**32 + 1, reason=3))
    session.terminate()
    free = bench.free_octets(subscriber)
    seen = f"{free} octets free of {balance}: the report was cut to {balance - free}"
    bench.check(free == 0, "nothing left: all 2^32 + 1 octets count", seen)


@case("RFC6733-4.3.1-2")
def after_2036(bench: Bench) -> None:
    """Event-Timestamp after 2036-02-07, when Time begins anew."""
    session, request = initial(bench)
    later = max(int(time.time()), 2_085_978_496 + 86_400)
    bench.expect(ask(session, request.setting("Event-Timestamp", later)), code(2001))


@case("TS32299-PS-3", variant="malformed")
def odd_location(bench: Bench) -> None:
    """Location, RAT type and time zone of odd lengths."""
    session, request = initial(bench)
    odd = [
        avp("3GPP-User-Location-Info", b"\x82"),
        avp("3GPP-RAT-Type", b"\xff"),
        avp("3GPP-MS-TimeZone", b"\x99"),
    ]
    information = avp(
        "Service-Information", [avp("PS-Information", [avp("Called-Station-Id", session.service.apn), *odd])]
    )
    bench.expect(ask(session, request.putting("Service-Information", information)), code(2001, 5004))


@case("TS32299-IPV6-1")
def two_addresses(bench: Bench) -> None:
    """CCR-I with two PDP-Address, IPv4 and IPv6."""
    session, request = initial(bench)
    information = ps_information(session.service.apn, session.charging_id, [avp("PDP-Address", "2001:db8::1")])
    bench.expect(ask(session, request.putting("Service-Information", information)), code(2001))


def _equipment(kind: int, value: bytes) -> bytes:
    return avp("User-Equipment-Info", [avp("User-Equipment-Info-Type", kind), avp("User-Equipment-Info-Value", value)])


@case("RFC8506-8.49-1")
def equipment(bench: Bench) -> None:
    """IMEISV as BCD, as 16 digits, in PS-Information and at command level."""
    bcd, digits = bytes.fromhex("5343900689731309"), b"3534900698733190"
    for value in (bcd, digits):
        session, request = initial(bench)
        inside = ps_information(session.service.apn, session.charging_id, [_equipment(0, value)])
        bench.expect(ask(session, request.putting("Service-Information", inside)), code(2001))
        session, request = initial(bench)
        bench.expect(ask(session, request.adding(_equipment(0, value))), code(2001))


@case("RFC8506-8.18-1")
def money_asked(bench: Bench) -> None:
    """CCR-I that asks for money."""
    session, _ = initial(bench)
    value = avp("Unit-Value", [avp("Value-Digits", 100), avp("Exponent", -2)])
    money = avp("CC-Money", [value, avp("Currency-Code", 978)])
    group = session.rating_group
    service = avp(
        "Multiple-Services-Credit-Control", [avp("Requested-Service-Unit", [money]), avp("Rating-Group", group)]
    )
    reply = ask(session, session.request(1, service, number=0))
    bad = service_code(group, 5031, 5012, 5004, 5008, 4010) | failure()
    bench.expect(reply, bad)
    if isinstance(reply, Message):
        bench.check(not reply.any_grant, "no grant", reply.title)
        bench.prefer(reply.tree.first("Failed-AVP") is not None, "Failed-AVP", "without it")
