"""SUB and RC: who the request is about, which service context and APN, and how refusals are said (RFC 8506 8.46, 9)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.interrogation import UNKNOWN_IMSI
from conformance.tester.observe import code, failed_avp, granted, refused_units
from conformance.tester.request import INITIAL, UPDATE, mscc, ps_information, subscription_id
from conformance.verdicts import not_applicable
from conformance.wire.avp import avp
from conformance.wire.message import Message

IMSI, E164 = 1, 0


@case("RFC8506-8.46-1", seconds=0.3)
def either_order(bench: Bench) -> None:
    """CCR-I with IMSI and E.164, in either order."""
    subscriber, balance = bench.known_balance()
    if subscriber.msisdn is None:
        raise not_applicable(f"subscriber {subscriber.imsi} states no msisdn")
    one, other = subscription_id(IMSI, subscriber.imsi), subscription_id(E164, subscriber.msisdn)
    used = 0
    for identities in ((one, other), (other, one)):
        session = bench.session(subscriber)
        request = session.request(INITIAL, session.asking()).without("Subscription-Id").adding(*identities)
        bench.expect(session.send(request), granted(session.rating_group))
        session.terminate(used=100_000)
        used += 100_000
    bench.balance_is(subscriber, balance - used)


@case("RFC8506-8.46-2", variant="imsi")
def imsi_alone(bench: Bench) -> None:
    """CCR-I with the IMSI alone."""
    session = bench.session(bench.rich())
    request = session.request(INITIAL, session.asking()).without("Subscription-Id")
    reply = session.send(request.adding(subscription_id(IMSI, session.subscriber.imsi)))
    bench.expect(reply, granted(session.rating_group))


@case("RFC8506-8.46-2", variant="msisdn")
def msisdn_alone(bench: Bench) -> None:
    """CCR-I with the E.164 number alone."""
    session = bench.session(bench.rich())
    if not bench.ics.claims.by_msisdn or session.subscriber.msisdn is None:
        raise not_applicable("claims.by_msisdn is false, or the subscriber states no msisdn")
    request = session.request(INITIAL, session.asking()).without("Subscription-Id")
    reply = session.send(request.adding(subscription_id(E164, session.subscriber.msisdn)))
    bench.expect(reply, granted(session.rating_group))


@case("RFC8506-8.46-3", seconds=0.4)
def two_subscribers(bench: Bench) -> None:
    """CCR-I with the IMSI of one subscriber and the E.164 number of another."""
    one, first = bench.known_balance()
    other, second = bench.known_balance()
    if other.msisdn is None:
        raise not_applicable(f"subscriber {other.imsi} states no msisdn")
    session = bench.session(one)
    request = session.request(INITIAL, session.asking()).without("Subscription-Id")
    reply = session.send(request.adding(subscription_id(IMSI, one.imsi), subscription_id(E164, other.msisdn)))
    if isinstance(reply, Message) and reply.result_code == 2001:
        session.terminate(used=1_000_000)
        left = bench.free_octets(one), bench.free_octets(other)
        charged = left in ((first - 1_000_000, second), (first, second - 1_000_000))
        bench.check(charged, "exactly one of the two is charged", f"{left}")
        bench.note("the IMSI wins" if left[0] < first else "the E.164 number wins")
    else:
        bench.expect(reply, code(5030, 5007, 5004))
        bench.balance_is(one, first)
        bench.balance_is(other, second)


@case("RFC8506-5.3-8")
def update_without_identity(bench: Bench) -> None:
    """CCR-U without Subscription-Id on an open session."""
    session, octets = bench.opened(bench.rich())
    request = session.request(UPDATE, session.asking(used=octets)).without("Subscription-Id")
    bench.expect(session.send(request), granted(session.rating_group))


def _context(bench: Bench, context: str) -> None:
    session = bench.session(bench.rich())
    session.context = context
    bench.expect(session.initial(), granted(session.rating_group))


@case("TS32299-SCI-1")
def bare_context(bench: Bench) -> None:
    """Service-Context-Id 32251@3gpp.org."""
    _context(bench, "32251@3gpp.org")


@case("TS32299-SCI-2")
def long_context(bench: Bench) -> None:
    """Service-Context-Id with release, with network and release, with an extension."""
    for prefix in ("8.", "001.01.8.", "ext.001.01.15."):
        _context(bench, prefix + "32251@3gpp.org")


@case("RFC8506-9.2-2")
def unknown_context(bench: Bench) -> None:
    """A Service-Context-Id that nobody supports."""
    session = bench.session(bench.rich())
    session.context = "99999@nobody.example"
    reply = bench.expect(session.initial(), code(5031))
    bench.expect(reply, failed_avp("Service-Context-Id"), tolerated=code(5031))


@case("TS32299-7.2.158-1", seconds=0.3)
def apn_in_ps_information(bench: Bench) -> None:
    """Called-Station-Id in PS-Information, of two payers of one SIM."""
    subscriber = bench.take("split")
    consumer = subscriber.consumer
    if consumer is None or consumer.balance_octets is None:
        raise not_applicable("needs a consumer with balance_octets on the split subscriber")
    session = bench.session(subscriber)
    bench.success(session.initial())
    session.terminate(used=1_000_000)
    bench.balance_is(subscriber, consumer.balance_octets, consumer)
    session = bench.session(subscriber, consumer)
    bench.success(session.initial())
    session.terminate(used=1_000_000)
    bench.balance_is(subscriber, consumer.balance_octets - 1_000_000, consumer)


@case("TS32299-APN-1")
def apn_forms(bench: Bench) -> None:
    """The APN in other letters, and with the operator's identifier behind it."""
    subscriber = bench.rich()
    for apn in (subscriber.apn.upper(), subscriber.apn.capitalize() + ".MNC001.MCC001.GPRS"):
        session = bench.session(subscriber)
        reply = session.send(session.request(INITIAL, session.asking(), apn=apn))
        bench.expect(reply, granted(session.rating_group))


@case("NOKIA-GY-1")
def apn_at_command_level(bench: Bench) -> None:
    """Called-Station-Id at command level alone."""
    session = bench.session(bench.rich())
    bare = avp("Service-Information", [avp("PS-Information", [avp("3GPP-Charging-Id", session.charging_id)])])
    request = session.request(INITIAL, session.asking(), more=[avp("Called-Station-Id", session.service.apn)])
    reply = session.send(request.putting("Service-Information", bare))
    bench.note(reply.title)
    bench.expect(reply, granted(session.rating_group) | code(5031, 5001, 4010, 5005))


@case("TS32299-PS-2", seconds=0.2)
def little_information(bench: Bench) -> None:
    """PS-Information with only the APN; then with nothing."""
    session = bench.session(bench.rich())
    only = avp("Service-Information", [avp("PS-Information", [avp("Called-Station-Id", session.service.apn)])])
    request = session.request(INITIAL, session.asking()).putting("Service-Information", only)
    bench.expect(session.send(request), granted(session.rating_group))
    session = bench.session(bench.rich())
    request = session.request(INITIAL, session.asking()).without("Service-Information")
    reply = session.send(request)
    bench.expect(reply, granted(session.rating_group) | code(5031, 5005, 4010))
    bench.note(f"without PS-Information: {reply.title}")


@case("TS32299-PS-3", variant="absent")
def no_location(bench: Bench) -> None:
    """PS-Information without location, RAT type and time zone."""
    session = bench.session(bench.rich())
    inner = [avp("3GPP-Charging-Id", session.charging_id), avp("Called-Station-Id", session.service.apn)]
    information = avp("Service-Information", [avp("PS-Information", inner)])
    request = session.request(INITIAL, session.asking()).putting("Service-Information", information)
    bench.expect(session.send(request), code(2001))


@case("TS32299-PS-4", seconds=0.3)
def apn_changes(bench: Bench) -> None:
    """Another APN in CCR-U of an open session."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    other = ps_information("elsewhere.example", session.charging_id)
    request = session.request(UPDATE, session.asking(used=octets)).putting("Service-Information", other)
    reply = bench.answer(session.send(request))
    session.terminate()
    free = bench.free_octets(subscriber)
    kept = reply.result_code == 2001
    accepted = (balance - octets,) if kept else (balance - octets, balance)
    bench.check(free in accepted, "the session keeps its APN and payer, or is refused", f"{reply.title}, {free} free")


@case("RFC8506-9.1-1")
def barred(bench: Bench) -> None:
    """CCR-I of a barred subscriber."""
    session = bench.session(bench.one("barred"))
    bench.expect(session.initial(), refused_units(session.rating_group, *bench.ics.claims.barred_codes))


@case("RFC8506-9.1-1", variant="usage", seconds=0.5)
def barred_in_session(bench: Bench) -> None:
    """CCR-U with a report after the subscriber has been barred."""
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    who = {"imsi": subscriber.imsi, "split": subscriber.split, "msisdn": subscriber.msisdn or ""}
    bench.run.hooks.call("suspend", **who)
    reply = session.update(used=octets)
    bench.expect(reply, refused_units(session.rating_group, *bench.ics.claims.barred_codes))
    session.terminate()
    bench.run.hooks.call("resume", **who)
    bench.balance_is(subscriber, balance - octets)


@case("RFC8506-9.1-3", seconds=0.3)
def no_credit(bench: Bench) -> None:
    """CCR-U with a report that empties the account."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    used, reply = session.use_up(balance)
    bench.check(used == balance, f"exactly {balance} octets could be used", f"{used}")
    bench.expect(reply, refused_units(session.rating_group, 4012))
    session.terminate()
    fresh = bench.session(subscriber)
    bench.expect(fresh.initial(), refused_units(fresh.rating_group, 4012))


@case("RFC8506-9.2-1")
def unknown_user(bench: Bench) -> None:
    """CCR-I of an unknown IMSI and E.164 number."""
    stranger = bench.rich().model_copy(update={"imsi": UNKNOWN_IMSI, "msisdn": "999999999999999"})
    session = bench.session(stranger)
    reply = bench.expect(session.initial(), code(5030))
    bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)


@case("RFC8506-9.2-1", variant="one-known", seconds=0.3)
def half_known(bench: Bench) -> None:
    """CCR-I of an unknown IMSI with a known E.164 number."""
    subscriber, balance = bench.known_balance()
    if subscriber.msisdn is None:
        raise not_applicable(f"subscriber {subscriber.imsi} states no msisdn")
    stranger = subscriber.model_copy(update={"imsi": UNKNOWN_IMSI})
    session = bench.session(stranger)
    reply = bench.answer(session.initial())
    bench.check(reply.result_code in (5030, 5007, 2001), "5030 or 5007, or served by its number", reply.title)
    if reply.result_code == 2001:
        session.terminate(used=1_000_000)
        bench.balance_is(subscriber, balance - 1_000_000)


@case("RFC8506-7-5", variant="no-credit", seconds=0.3)
def refused_then_ended(bench: Bench) -> None:
    """CCR-I that is refused for lack of credit, then CCR-T."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    used, _ = session.use_up(balance)
    bench.check(used == balance, f"{balance} octets could be used", f"{used}")
    session.terminate()
    fresh = bench.session(subscriber)
    refused = bench.answer(fresh.initial())
    reply = fresh.send(fresh.request(3, mscc(fresh.rating_group, used=0)))
    wanted = code(5002) if refused.result_code != 2001 else code(2001)
    bench.expect(reply, wanted, tolerated=code(2001))
