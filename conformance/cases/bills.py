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

Chosen = Callable[[Row], bool]


def _bills(bench: Bench, octets: int, chosen: Chosen) -> list[Row]:
    """All rows of the bills, as soon as those chosen count so many octets; as they are when the time is over."""
    return bench.within(
        bench.ics.timers.answer_seconds,
        lambda: bench.run.hooks.rows("invoices"),
        lambda rows: _octets(rows, chosen) >= octets,
    )


def _octets(rows: list[Row], chosen: Chosen) -> int:
    return octets_in([row for row in rows if chosen(row)])


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
    rows = _bills(bench, 1_111_111, used.is_sim)
    for payer, chosen, octets, words in (
        (True, used.is_sim, 1_111_111, "octets of the physical SIM on the enterprise's documents"),
        (True, used.is_virtual, 0, "octets of the consumer's virtual SIM on them"),
        (False, used.is_sim, 0, "octets of the physical SIM on anybody else's"),
    ):
        seen = octets_in([row for row in rows if chosen(row) and (row.get("payer") == used.enterprise) == payer])
        bench.check(seen == octets, f"{octets} {words}", str(seen))


@case("FT-1015.006-33", seconds=4.0)
def consumer_bill(bench: Bench) -> None:
    """Both payers use the SIM; then the consumer's statement."""
    used = _Used(bench, 3_333_333, 1_234_567)
    rows = _bills(bench, 1_234_567, used.is_virtual)
    own = [row for row in rows if used.is_virtual(row)]
    bench.check(octets_in(own) == 1_234_567, "1234567 octets, those of the consumer", str(octets_in(own)))
    payers = {row.get("payer") for row in own}
    bench.check(payers == {used.driver}, f"on documents of {used.driver} alone", " ".join(sorted(map(str, payers))))
    documents = {row.get("document") for row in own}
    alien = _octets(rows, lambda row: row.get("document") in documents and used.is_sim(row))
    bench.check(not alien, "nothing of the enterprise on them", f"{alien} octets")


@case("FT-1015.006-34", seconds=4.0)
def bills_agree(bench: Bench) -> None:
    """Gy, records and bills of one SIM with two payers."""
    ours, theirs = 1_000_003, 2_000_005
    used = _Used(bench, ours, theirs)
    recorded = octets_in(used.records)
    bench.check(recorded == ours + theirs, f"{ours + theirs} octets in the records, as on Gy", str(recorded))

    def is_either(row: Row) -> bool:
        return used.is_sim(row) or used.is_virtual(row)

    rows = [row for row in _bills(bench, ours + theirs, is_either) if is_either(row)]
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
    rows = [row for row in _bills(bench, total, lambda row: row.get("imsi") in imsis) if row.get("imsi") in imsis]
    for imsi in imsis:
        octets = octets_in([row for row in rows if row["imsi"] == imsi])
        bench.check(octets == each, f"{each} octets of {imsi}", str(octets))
    within, beyond = (sum(int(row.get(name) or 0) for row in rows) for name in ("included", "overage"))
    bench.check(within == included, f"{included} octets included, once for all", str(within))
    bench.check(beyond == total - included, f"{total - included} octets beyond", str(beyond))
