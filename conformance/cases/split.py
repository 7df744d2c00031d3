"""FT, as far as Gy shows it: two payers on one SIM, each with their own money (FT-1015.006)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.events import one_unit
from conformance.cases.reauthorisation import exhausted_beside_enterprise, top_up
from conformance.sut.ics import Service, Subscriber
from conformance.tester.observe import Reply, code, failure, granted, refused_units, service_code
from conformance.tester.request import ASK, mscc
from conformance.verdicts import inconclusive, not_applicable
from conformance.wire.message import Message

ELSEWHERE = "nobody.sells.this.example"


def two_payers(bench: Bench, role: str) -> tuple[Subscriber, Service, int]:
    """A subscriber for this case alone, its consumer's part, and the consumer's balance."""
    subscriber = bench.take(role)
    consumer = subscriber.consumer
    if consumer is None or consumer.balance_octets is None:
        raise not_applicable(f"needs a consumer with balance_octets on the {role} subscriber")
    return subscriber, consumer, consumer.balance_octets


@case("FT-1015.006-4", seconds=0.3)
def consumer_pays(bench: Bench) -> None:
    """CCR-I on the consumer's APN."""
    subscriber, consumer, balance = two_payers(bench, "split")
    session = bench.session(subscriber, consumer)
    bench.expect(session.initial(), granted(session.rating_group))
    session.terminate(used=1_000_000)
    bench.balance_is(subscriber, balance - 1_000_000, consumer)


@case("FT-1015.006-5", seconds=0.3)
def enterprise_pays(bench: Bench) -> None:
    """CCR-I on the enterprise's APN."""
    subscriber, consumer, balance = two_payers(bench, "split")
    session = bench.session(subscriber)
    bench.expect(session.initial(), granted(session.rating_group))
    session.terminate(used=3_000_000)
    bench.balance_is(subscriber, balance, consumer)


@case("FT-1015.006-6", seconds=0.3)
def unknown_apn(bench: Bench) -> None:
    """CCR-I on an APN that nobody sells."""
    if not bench.ics.claims.apn_selects_payer:
        raise not_applicable("claims.apn_selects_payer is false")
    subscriber, consumer, balance = two_payers(bench, "split")
    session = bench.session(subscriber)
    reply = session.send(session.request(1, session.asking(), apn=ELSEWHERE))
    bench.expect(reply, code(*bench.ics.claims.unknown_apn_codes))
    message = bench.answer(reply)
    bench.check(not message.any_grant, "no grant", message.title)
    lax = message.tree.number("Credit-Control-Failure-Handling") == 1
    bench.check(not (lax and (message.result_code or 0) >= 5000), "no CONTINUE beside 5xxx: that is free service",
                message.title)  # fmt: skip
    bench.balance_is(subscriber, balance, consumer)


@case("FT-1015.006-7")
def foreign_group(bench: Bench) -> None:
    """CCR-I with the right APN, one rating group of it and one of nobody."""
    subscriber, consumer, _ = two_payers(bench, "split")
    session = bench.session(subscriber, consumer)
    good, bad = consumer.rating_groups[0], 4_000_000_002
    reply = session.initial(session.asking(good), session.asking(bad))
    bench.expect(reply, granted(good))
    bench.expect(reply, service_code(bad, 4010, 5031, 5003))


@case("FT-1015.006-8", seconds=0.3)
def both_in_one(bench: Bench) -> None:
    """One session with rating groups of both payers."""
    subscriber, consumer, balance = two_payers(bench, "shared")
    session = bench.session(subscriber)
    ours, theirs = subscriber.rating_groups[0], consumer.rating_groups[0]
    bench.expect(session.initial(session.asking(ours), session.asking(theirs)), granted(ours) & granted(theirs))
    reply = session.update(session.asking(ours, used=2_000_000), session.asking(theirs, used=700_000))
    bench.expect(reply, granted(ours) & granted(theirs))
    session.terminate(mscc(ours, used=1_000_000, reason=2), mscc(theirs, used=100_000, reason=2))
    bench.balance_is(subscriber, balance - 800_000, consumer)


@case("FT-1015.006-10")
def nothing_internal(bench: Bench) -> None:
    """All that the SUT sends in two sessions of a SIM with two payers."""
    subscriber, consumer, _ = two_payers(bench, "split")
    for service in (subscriber, consumer):
        session = bench.session(subscriber, service)
        bench.success(session.initial())
        session.terminate(used=1000)
    for record in bench.trace.records:
        if record.sender == "ocs":
            for item in record.message.tree.all("Subscription-Id", "Subscription-Id-Data"):
                known = (subscriber.imsi, subscriber.msisdn)
                bench.check(item.text in known, "no identity but those of the request", item.text)
            internal = bench.ics.claims.mpc_imsi
            bench.check(internal is None or internal.encode() not in record.octets, "no internal identity",
                        record.message.title)  # fmt: skip


@case("FT-1015.006-11")
def internal_identity(bench: Bench) -> None:
    """CCR-I with an internal identity (MPC IMSI) as Subscription-Id."""
    internal = bench.ics.claims.mpc_imsi
    if internal is None:
        raise not_applicable("claims.mpc_imsi is not stated")
    session = bench.session(bench.rich().model_copy(update={"imsi": internal, "msisdn": None}))
    reply = bench.expect(session.initial(), code(5030))
    bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)


@case("FT-1015.006-15", seconds=0.3)
def never_cut(bench: Bench) -> None:
    """A postpaid session far above its bundle."""
    subscriber = bench.one("postpaid")
    if subscriber.balance_octets is None:
        raise not_applicable("the postpaid subscriber states no balance_octets (its bundle)")
    session, octets = bench.opened(subscriber)
    used = 0
    while used <= 2 * subscriber.balance_octets:
        reply = session.update(used=octets)
        bench.expect(reply, granted(session.rating_group))
        used += octets
        octets = bench.answer(reply).granted_octets
        bench.check(octets > 0, "a grant of octets", bench.answer(reply).title)


@case("FT-1015.006-17", seconds=0.3)
def shrinking(bench: Bench) -> None:
    """Grants of a consumer until the allowance is nearly used up."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    reply: Reply = session.initial()
    left = balance
    while isinstance(reply, Message) and (octets := reply.granted_octets):
        bench.check(octets <= left, f"{left} octets at most", f"{octets}")
        left -= octets
        if left < 0:
            break
        reply = session.update(used=octets)
    bench.check(left == 0, "the last grant is exactly what is left", f"{left} octets left")


@case("FT-1015.006-18", "FT-1015.006-20", "FT-1015.006-21", seconds=0.3)  # fmt: skip
def stop_at_zero(bench: Bench) -> None:
    """A consumer's allowance used up to the last octet, then CCR-U, then a new CCR-I."""
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    used, reply = session.use_up(balance)
    bench.check(used == balance, f"{balance} octets and no more", f"{used}", "FT-1015.006-20")
    bench.expect(reply, refused_units(session.rating_group, 4012))
    session.terminate()
    fresh = bench.session(subscriber)
    bench.expect(fresh.initial(), refused_units(fresh.rating_group, 4012), row="FT-1015.006-21")


@case("FT-1015.006-18", variant="shared", seconds=0.4)
def stop_beside_enterprise(bench: Bench) -> None:
    """The same where both payers share the session."""
    subscriber, consumer, balance = two_payers(bench, "shared")
    session = bench.session(subscriber)
    ours, theirs = subscriber.rating_groups[0], consumer.rating_groups[0]
    reply = bench.success(session.initial(session.asking(ours), session.asking(theirs)))
    left = balance
    while left >= 0:
        service = reply.service(theirs)
        octets = service.total_octets or 0 if service is not None and service.granted else 0
        if not octets:
            break
        left -= octets
        reply = bench.answer(session.update(session.asking(ours, used=1000), session.asking(theirs, used=octets)))
        bench.expect(reply, code(2001) & granted(ours))
    bench.check(left == 0, f"{balance} octets and no more", f"{balance - left}")
    bench.expect(reply, code(2001) & service_code(theirs, 4012) & refused_units(theirs, 4012))


@case("FT-1015.006-19", seconds=0.5)
def enterprise_unaffected(bench: Bench) -> None:
    """The enterprise's session while the consumer's allowance ends."""
    subscriber, consumer, balance = two_payers(bench, "split")
    fleet_line = bench.open_line()
    fleet = bench.session(subscriber, line=fleet_line)
    before = bench.success(fleet.initial())
    usual = before.granted_octets
    driver = bench.session(subscriber, consumer)
    used, reply = driver.use_up(balance)
    if used != balance:
        raise inconclusive(f"PIXIT: {balance} octets by the file, {used} could be used")
    bench.check(isinstance(reply, Message), "an answer", reply.title)
    for _ in range(3):
        after = bench.expect(fleet.update(used=1000), granted(fleet.rating_group))
        octets = bench.answer(after).granted_octets
        bench.check(octets == usual, f"the usual grant of {usual} octets", f"{octets}")
    fleet_line.listen(bench.ics.timers.quiet_seconds)
    bench.check(not fleet_line.pushes, "no RAR and no ASR for the enterprise", f"{len(fleet_line.pushes)}")


@case("FT-1015.006-22", seconds=1.0)
def service_returns(bench: Bench) -> None:
    """A top-up of the consumer after the end of the allowance."""
    stage = exhausted_beside_enterprise(bench)
    top_up(bench, stage)
    push = stage.session.line.await_push(bench.ics.timers.answer_seconds)
    bench.note("a RAR came" if push is not None or stage.session.line.pushes else "no RAR came")
    reply = stage.session.update(mscc(stage.group, ask=ASK, reason=7))
    bench.expect(reply, granted(stage.group))
    ours = stage.session.update(stage.session.asking(stage.enterprise_group, used=1000))
    bench.expect(ours, granted(stage.enterprise_group))


@case("FT-1015.006-22", variant="new-session", seconds=0.7)
def new_session_after_top_up(bench: Bench) -> None:
    """A top-up after the consumer's session has ended."""
    bench.needs("top_up")
    subscriber, balance = bench.known_balance()
    session = bench.session(subscriber)
    session.use_up(balance)
    session.terminate()
    bench.run.hooks.call("top_up", imsi=subscriber.imsi, split=subscriber.split, msisdn=subscriber.msisdn or "")
    fresh = bench.session(subscriber)
    bench.expect(fresh.initial(), granted(fresh.rating_group))


@case("FT-1015.006-28", seconds=0.7)
def consumer_suspended(bench: Bench) -> None:
    """The consumer's service suspended with both sessions open."""
    bench.needs("suspend")
    subscriber, consumer, _ = two_payers(bench, "split")
    fleet = bench.session(subscriber, line=bench.open_line())
    driver = bench.session(subscriber, consumer)
    bench.success(fleet.initial())
    octets = bench.success(driver.initial()).granted_octets
    bench.run.hooks.call("suspend", imsi=subscriber.imsi, split=consumer.split, msisdn=subscriber.msisdn or "")
    reply = driver.update(used=octets)
    bench.expect(reply, refused_units(driver.rating_group, *bench.ics.claims.barred_codes) | code(5002))
    bench.expect(fleet.update(used=1000), granted(fleet.rating_group))
    bench.check(not fleet.line.pushes, "no RAR and no ASR for the enterprise", f"{len(fleet.line.pushes)}")


@case(
    "FT-1015.006-29",
    seconds=0.7,
)
def sim_unchanged(bench: Bench) -> None:
    """The consumer's service suspended and resumed; the enterprise opens sessions."""
    bench.needs("suspend")
    subscriber, consumer, _ = two_payers(bench, "split")
    who = {"imsi": subscriber.imsi, "split": consumer.split, "msisdn": subscriber.msisdn or ""}
    for hook in ("suspend", "resume"):
        bench.run.hooks.call(hook, **who)
        fleet = bench.session(subscriber)
        bench.expect(fleet.initial(), granted(fleet.rating_group))
    driver = bench.session(subscriber, consumer)
    bench.expect(driver.initial(), granted(driver.rating_group))


@case("FT-1015.006-30", seconds=0.7)
def sim_suspended(bench: Bench) -> None:
    """The physical SIM suspended, then CCR-I on both APNs."""
    bench.needs("suspend")
    subscriber, consumer, _ = two_payers(bench, "split")
    bench.run.hooks.call("suspend", imsi=subscriber.imsi, split="", msisdn=subscriber.msisdn or "")
    for service in (subscriber, consumer):
        session = bench.session(subscriber, service)
        bench.expect(session.initial(), refused_units(session.rating_group, *bench.ics.claims.barred_codes))


@case("FT-1015.006-26", seconds=0.3)
def physical_sim_pays(bench: Bench) -> None:
    """A message and a call of a SIM with two payers."""
    sms, call = bench.one("messages"), bench.one("voice")
    message = bench.session(sms)
    bench.expect(message.event(one_unit(message), action=0), code(2001))
    talk = bench.session(call)
    reply = bench.expect(talk.initial(mscc(talk.rating_group, ask=ASK)), code(2001))
    service = bench.answer(reply).service(talk.rating_group)
    bench.check(service is not None and bool(service.time_seconds), "CC-Time granted", reply.title)


@case("FT-1015.006-27")
def vsim_is_data_only(bench: Bench) -> None:
    """A message and a call aimed at an internal identity."""
    internal = bench.ics.claims.mpc_imsi
    if internal is None:
        raise not_applicable("claims.mpc_imsi is not stated")
    for role in ("messages", "voice"):
        subscriber = bench.one(role).model_copy(update={"imsi": internal, "msisdn": None})
        session = bench.session(subscriber)
        reply = bench.expect(session.initial(mscc(session.rating_group, ask=ASK)), failure())
        bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)


@case("FT-1015.006-46", seconds=0.3)
def ordinary_sim(bench: Bench) -> None:
    """A SIM without any split."""
    subscriber = bench.one("ordinary")
    session = bench.session(subscriber)
    reply = bench.answer(bench.expect(session.initial(), granted(session.rating_group)))
    bench.expect(session.update(used=reply.granted_octets), granted(session.rating_group))
    bench.expect(session.terminate(used=1), code(2001))
