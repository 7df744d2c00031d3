"""FT, by the records that the SUT exports: the tester knows every octet that it has sent (hook edrs)."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.split import two_payers
from conformance.session import Session
from conformance.tester.request import mscc
from conformance.verdicts import not_applicable

Row = dict[str, str]


def records_of(bench: Bench, session: Session, octets: int) -> list[Row]:
    """The EDRs of a session, as soon as they count so many octets; those that are there when the time is over."""

    def fetch() -> list[Row]:
        rows = bench.run.hooks.rows("edrs", imsi=session.subscriber.imsi, session_id=session.session_id)
        return [row for row in rows if row.get("session_id") == session.session_id]

    return bench.within(bench.ics.timers.answer_seconds, fetch, lambda rows: octets_in(rows) >= octets)


def octets_in(rows: list[Row]) -> int:
    """What the records count."""
    return sum(int(row.get("octets") or 0) for row in rows)


def _used(bench: Bench, session: Session, *reports: int) -> int:
    bench.success(session.initial())
    for octets in reports[:-1]:
        bench.success(session.update(used=octets))
    bench.success(session.terminate(used=reports[-1]))
    return sum(reports)


def _filled(bench: Bench, rows: list[Row], names: tuple[str, ...]) -> None:
    bench.check(bool(rows), "records of the session", "none")
    for row in rows:
        empty = [name for name in names if not row.get(name)]
        bench.check(not empty, f"{', '.join(names)} in every record", f"empty: {', '.join(empty)}")


@case("FT-1015.006-23", "FT-1015.006-1", seconds=0.5)
def consumer_record(bench: Bench) -> None:
    """A consumer's session, then its records."""
    subscriber, consumer, _ = two_payers(bench, "split")
    session = bench.session(subscriber, consumer)
    total = _used(bench, session, 123_457, 1_000_001)
    rows = records_of(bench, session, total)
    _filled(bench, rows, ("imsi", "virtual_imsi", "plan", "subscription", "rating_group", "apn", "session_id",
                          "request_number"))  # fmt: skip
    bench.check(octets_in(rows) == total, f"{total} octets in all records", str(octets_in(rows)))
    for row in rows:
        bench.check(row["imsi"] == subscriber.imsi, f"physical IMSI {subscriber.imsi}", row["imsi"])
        bench.check(row["virtual_imsi"] != subscriber.imsi, "a virtual IMSI of its own", row["virtual_imsi"],
                    "FT-1015.006-1")  # fmt: skip


@case("FT-1015.006-24", seconds=0.5)
def enterprise_record(bench: Bench) -> None:
    """An enterprise's session, then its records."""
    subscriber, _, _ = two_payers(bench, "split")
    session = bench.session(subscriber)
    total = _used(bench, session, 234_567, 99)
    rows = records_of(bench, session, total)
    _filled(bench, rows, ("imsi", "plan", "apn", "session_id"))
    bench.check(octets_in(rows) == total, f"{total} octets in all records", str(octets_in(rows)))
    bench.check(all(row["imsi"] == subscriber.imsi for row in rows), "the physical IMSI", str(rows[0]["imsi"]))


@case("FT-1015.006-9", seconds=0.7)
def never_mixed(bench: Bench) -> None:
    """Both payers at once in two sessions, then the records."""
    subscriber, consumer, balance = two_payers(bench, "split")
    fleet = bench.session(subscriber, line=bench.open_line())
    driver = bench.session(subscriber, consumer)
    bench.success(fleet.initial())
    bench.success(driver.initial())
    ours = theirs = 0
    for number in range(1, 6):
        bench.success(fleet.update(used=10_000 * number + 1))
        bench.success(driver.update(used=20_000 * number + 3))
        ours, theirs = ours + 10_000 * number + 1, theirs + 20_000 * number + 3
    fleet.terminate()
    driver.terminate()
    payers = []
    for session, total in ((fleet, ours), (driver, theirs)):
        rows = records_of(bench, session, total)
        payers.append({row.get("payer") for row in rows})
        bench.check(octets_in(rows) == total, f"{total} octets on {session.service.apn}", str(octets_in(rows)))
    both = payers[0] & payers[1]
    bench.check(not both, "two payers", f"{both} in both")
    bench.balance_is(subscriber, balance - theirs, consumer)


@case("FT-1015.006-25", seconds=0.7)
def sums_agree(bench: Bench) -> None:
    """All octets of a shared session against records and balance."""
    subscriber, consumer, balance = two_payers(bench, "shared")
    session = bench.session(subscriber)
    ours, theirs = subscriber.rating_groups[0], consumer.rating_groups[0]
    bench.success(session.initial(session.asking(ours), session.asking(theirs)))
    bench.success(session.update(session.asking(ours, used=1_234_567), session.asking(theirs, used=765_433)))
    bench.success(session.terminate(mscc(ours, used=7, reason=2), mscc(theirs, used=9, reason=2)))
    rows = records_of(bench, session, 1_234_574 + 765_442)
    for group, total in ((ours, 1_234_574), (theirs, 765_442)):
        counted = octets_in([row for row in rows if row.get("rating_group") == str(group)])
        bench.check(counted == total, f"{total} octets of rating group {group}", str(counted))
    bench.balance_is(subscriber, balance - 765_442, consumer)


@case("RFC8506-8.19-1", variant="record", seconds=0.5)
def overrun_recorded(bench: Bench) -> None:
    """A report above the whole balance, then its record."""
    if bench.ics.claims.overrun != "recorded":
        raise not_applicable("claims.overrun is not 'recorded'")
    bench.needs("edrs")
    subscriber, balance = bench.known_balance()
    session, _ = bench.opened(subscriber)
    session.update(mscc(session.rating_group, used=balance + 300_000))
    session.terminate()
    rows = records_of(bench, session, balance + 300_000)
    bench.check(octets_in(rows) == balance + 300_000, f"{balance + 300_000} octets", str(octets_in(rows)))
    over = sum(int(row.get("overrun") or 0) for row in rows)
    bench.check(over == 300_000, "300000 of them as overrun", str(over))
