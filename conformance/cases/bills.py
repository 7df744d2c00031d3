"""FT, by the bills of the cycle that runs: the tester knows every octet that it has sent (hooks edrs and invoices).

Hook `invoices` prints, as CSV, what the documents of the cycle would say if it ended now: a row for each SIM on each
document. `records` tell by which virtual SIM a consumer stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.records import Row, octets_in, records_of
from conformance.cases.split import two_payers
from conformance.sut.ics import Subscriber
from conformance.tester.request import mscc
from conformance.verdicts import inconclusive, not_applicable


def _billed(bench: Bench, octets: int, chosen: Callable[[Row], bool]) -> list[Row]:
    """The rows of the bills that are chosen, as soon as they count so many octets."""

    def fetch() -> list[Row]:
        return [row for row in bench.run.hooks.rows("invoices") if chosen(row)]

    return bench.within(bench.ics.timers.answer_seconds, fetch, lambda rows: octets_in(rows) >= octets)


class _Used:
    """A SIM with two payers, both of whom have used something, and how each stands in the records."""

    def __init__(self, bench: Bench, ours: int, theirs: int) -> None:
        bench.needs("edrs", "invoices")
        self.subscriber, consumer, _ = two_payers(bench, "shared")
        session = bench.session(self.subscriber)
        group, other = self.subscriber.rating_groups[0], consumer.rating_groups[0]
        bench.success(session.initial(session.asking(group), session.asking(other)))
        bench.success(session.terminate(mscc(group, used=ours, reason=2), mscc(other, used=theirs, reason=2)))
        self.records = records_of(bench, session, ours + theirs)
        enterprise = [row for row in self.records if row.get("rating_group") == str(group)]
        driver = [row for row in self.records if row.get("rating_group") == str(other)]
        if not enterprise or not driver or not driver[0].get("virtual_iccid"):
            raise inconclusive("the records do not tell the two payers, or not the consumer's virtual_iccid")
        self.enterprise, self.driver = enterprise[0]["payer"], driver[0]["payer"]
        self.virtual = driver[0]["virtual_iccid"]

    def is_sim(self, row: Row) -> bool:
        """The row stands for the physical SIM."""
        return row.get("imsi") == self.subscriber.imsi

    def is_virtual(self, row: Row) -> bool:
        """The row stands for its virtual SIM."""
        return row.get("virtual_iccid") == self.virtual


@case("FT-1015.006-32", seconds=4.0)
def enterprise_bill(bench: Bench) -> None:
    """Both payers use the SIM; then the enterprise's invoice."""
    used = _Used(bench, 1_111_111, 2_222_222)
    rows = _billed(bench, 1_111_111, lambda row: row.get("payer") == used.enterprise and used.is_sim(row))
    bench.check(octets_in(rows) == 1_111_111, "1111111 octets, those of the enterprise", str(octets_in(rows)))
    alien = _billed(bench, 0, lambda row: row.get("payer") == used.enterprise and used.is_virtual(row))
    bench.check(not alien, "nothing of the consumer's virtual SIM", f"{octets_in(alien)} octets")
    alien = _billed(bench, 0, lambda row: row.get("payer") != used.enterprise and used.is_sim(row))
    bench.check(not alien, "nobody else is billed for the physical SIM", " ".join(row["payer"] for row in alien))


@case("FT-1015.006-33", seconds=4.0)
def consumer_bill(bench: Bench) -> None:
    """Both payers use the SIM; then the consumer's statement."""
    used = _Used(bench, 3_333_333, 1_234_567)
    rows = _billed(bench, 1_234_567, used.is_virtual)
    bench.check(octets_in(rows) == 1_234_567, "1234567 octets, those of the consumer", str(octets_in(rows)))
    payers = {row.get("payer") for row in rows}
    bench.check(payers == {used.driver}, f"on documents of {used.driver} alone", " ".join(sorted(map(str, payers))))
    documents = {row.get("document") for row in rows}
    alien = _billed(bench, 0, lambda row: row.get("document") in documents and used.is_sim(row))
    bench.check(not alien, "nothing of the enterprise on them", f"{octets_in(alien)} octets")


@case("FT-1015.006-34", seconds=4.0)
def bills_agree(bench: Bench) -> None:
    """Gy, records and bills of one SIM with two payers."""
    ours, theirs = 1_000_003, 2_000_005
    used = _Used(bench, ours, theirs)
    recorded = octets_in(used.records)
    bench.check(recorded == ours + theirs, f"{ours + theirs} octets in the records, as on Gy", str(recorded))
    rows = _billed(bench, ours + theirs, lambda row: used.is_sim(row) or used.is_virtual(row))
    bench.check(octets_in(rows) == ours + theirs, f"{ours + theirs} octets on the bills", str(octets_in(rows)))
    periods = {(row.get("period_start", ""), row.get("period_end", "")) for row in rows}
    bench.check(len(periods) == 1, "one billing cycle for both payers", str(periods))
    start, end = periods.pop()
    if start and end:
        now = datetime.now(UTC)
        inside = datetime.fromisoformat(start) <= now < datetime.fromisoformat(end)
        bench.check(inside, f"a cycle that holds {now:%Y-%m-%d}", f"{start} to {end}")


@case("FT-1015.006-16", seconds=5.0)
def fixed_pool(bench: Bench) -> None:
    """Several SIMs of a Fixed Pool at the same time, together beyond what it includes."""
    bench.needs("invoices")
    sims = bench.ics.subscribers.pooled
    included = sims[0].balance_octets if sims else None
    if len(sims) < 2 or included is None:
        raise not_applicable("needs two subscribers of role pooled with balance_octets")
    each = included // len(sims) + 100_003

    def use(subscriber: Subscriber) -> bool:
        session = bench.session(subscriber, line=bench.open_line())
        bench.success(session.initial())
        for _ in range(9):
            bench.success(session.update(used=each // 10))
        bench.success(session.terminate(used=each - 9 * (each // 10)))
        return True

    with ThreadPoolExecutor(len(sims)) as pool:
        list(pool.map(use, sims))
    total = each * len(sims)
    imsis = {subscriber.imsi for subscriber in sims}
    rows = _billed(bench, total, lambda row: row.get("imsi") in imsis)
    for imsi in imsis:
        octets = octets_in([row for row in rows if row["imsi"] == imsi])
        bench.check(octets == each, f"{each} octets of {imsi}", str(octets))
    within, beyond = (sum(int(row.get(name) or 0) for row in rows) for name in ("included", "overage"))
    bench.check(within == included, f"{included} octets included, once for all", str(within))
    bench.check(beyond == total - included, f"{total - included} octets beyond", str(beyond))
