"""FT: what changes under open sessions (hook alter).

The hook gets `{what}`, a name from below, with `{imsi}` and `{msisdn}`, and returns when the change is in force.
"""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.records import octets_in, records_of
from conformance.cases.split import two_payers
from conformance.session import Session
from conformance.sut.ics import Subscriber
from conformance.tester.observe import code, granted, refused_units
from conformance.tester.request import ASK, mscc
from conformance.verdicts import not_applicable

ALTERATIONS = {
    "group_to_enterprise": "the consumer's last rating group is the enterprise's from now on",
    "new_owner": "somebody else is the consumer from now on; the profile stays",
    "no_profile": "the profile is taken away: the SIM has no split any more",
}
"""What the hook may be asked for; each of a subscriber of role shared."""


def _alter(bench: Bench, subscriber: Subscriber, what: str) -> None:
    bench.run.hooks.call("alter", what=what, imsi=subscriber.imsi, msisdn=subscriber.msisdn or "")


@case("FT-1015.006-42", seconds=1.5)
def group_changes_hands(bench: Bench) -> None:
    """A rating group goes from the consumer to the enterprise while it is in use."""
    bench.needs("alter")
    subscriber, consumer, balance = two_payers(bench, "shared")
    if len(consumer.rating_groups) < 2:
        raise not_applicable("needs a consumer with two rating groups")
    stays, moves = consumer.rating_groups[0], consumer.rating_groups[-1]
    session = bench.session(subscriber)
    bench.success(session.initial(session.asking(stays), session.asking(moves)))
    _alter(bench, subscriber, "group_to_enterprise")
    session.line.listen(bench.ics.timers.quiet_seconds)
    groups = {push.tree.number("Rating-Group") for push in session.line.pushes}
    bench.check(groups <= {moves, None}, f"no RAR but for rating group {moves}", str(groups))
    if not groups:
        bench.note("no RAR came")
    reply = session.update(mscc(moves, ask=ASK, used=700_000, reason=7))
    bench.expect(reply, granted(moves))
    session.terminate(mscc(stays, used=50_000, reason=2), mscc(moves, used=900_000, reason=2))
    bench.balance_is(subscriber, balance - 750_000, consumer)


def _payers(bench: Bench, session: Session, octets: int) -> set[str]:
    rows = records_of(bench, session, octets)
    bench.check(octets_in(rows) == octets, f"{octets} octets in the records", str(octets_in(rows)))
    return {row.get("payer", "") for row in rows}


@case("FT-1015.006-43", seconds=3.0)
def car_sold(bench: Bench) -> None:
    """Another consumer for a SIM whose consumer has used part of the allowance."""
    bench.needs("alter", "edrs")
    subscriber, consumer, balance = two_payers(bench, "shared")
    old = bench.session(subscriber, consumer)
    bench.success(old.initial())
    bench.success(old.update(used=1_000_000))
    _alter(bench, subscriber, "new_owner")
    old.terminate(used=300_000)
    bench.balance_is(subscriber, balance, consumer)
    new = bench.session(subscriber, consumer)
    bench.success(new.initial())
    bench.success(new.terminate(used=200_000))
    before, after = _payers(bench, old, 1_300_000), _payers(bench, new, 200_000)
    bench.check(len(before) == len(after) == 1 and before != after, "each owner pays what is theirs",
                f"{before}, then {after}")  # fmt: skip
    virtual = [{row.get("virtual_imsi") for row in records_of(bench, one, 1)} for one in (old, new)]
    bench.check(not virtual[0] & virtual[1], "a virtual SIM of their own", f"{virtual[0]}, then {virtual[1]}")
    bench.balance_is(subscriber, balance - 200_000, consumer)


@case("FT-1015.006-31", seconds=3.0)
def profile_removed(bench: Bench) -> None:
    """The profile is taken away while both payers use the SIM."""
    bench.needs("alter", "edrs")
    subscriber, consumer, _ = two_payers(bench, "shared")
    ours, theirs = subscriber.rating_groups[0], consumer.rating_groups[0]
    session = bench.session(subscriber)
    bench.success(session.initial(session.asking(ours), session.asking(theirs)))
    bench.success(session.update(session.asking(ours, used=100_000), session.asking(theirs, used=200_000)))
    _alter(bench, subscriber, "no_profile")
    reply = bench.answer(session.update(mscc(theirs, ask=ASK, used=30_000)))
    if reply.any_grant:
        bench.note("the SIM goes on as one without splits")
    else:
        bench.expect(reply, refused_units(theirs, *bench.ics.claims.barred_codes, *bench.ics.claims.unknown_apn_codes))
    last = [mscc(ours, used=4_000, reason=2), mscc(theirs, used=500 if reply.any_grant else 0, reason=2)]
    bench.expect(session.terminate(*last), code(2001, 5002))
    total = 334_500 if reply.any_grant else 334_000
    rows = records_of(bench, session, total)
    bench.check(octets_in(rows) == total, f"{total} octets in the records: history is kept", str(octets_in(rows)))
    consumers = {row["payer"] for row in rows if row["rating_group"] == str(theirs)} - {
        row["payer"] for row in rows if row["rating_group"] == str(ours)
    }
    counted = octets_in([row for row in rows if row["payer"] in consumers])
    bench.check(counted == 230_000, "230000 octets of the consumer: those of the grants before", str(counted))
