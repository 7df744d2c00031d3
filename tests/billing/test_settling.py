"""The parts of a settlement add up to the whole, whatever the use and in whatever order it came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.billing.apportion import apportion
from ocs.billing.close import CycleClose
from ocs.billing.reconcile import reconcile
from ocs.rating.cycle import cycles_between
from ocs.records.edr import Edr
from ocs.units import DAY, SECOND, instant
from tests.billing.books import Books

FLEX = {"kind": "postpaid_flex_pool", "included": "100 MB"}
FIXED = {"kind": "postpaid_fixed_pool", "included": "150 MB", "recurring": 9}
STACK = FIXED | {"overage": None, "stack": {"volume": "30 MB", "recurring": 2}}
PRICED = {
    "zones": {"home": ["00101"], "eu": ["262"]},
    "time_zone": "Europe/Berlin",
    "rates": [
        {"zone": "eu", "price": "0.10", "tiers": [{"above": "20 MB", "price": "0.05"}]},
        {"from": "22:00", "to": "06:00", "price": "0.01"},
    ],
}
KINDS = {
    "individual": {},
    "by session": {"rounding": "session"},
    "flex": FLEX,
    "flex, prorating": FLEX | {"leaving": "prorates"},
    "flex, peak": FLEX | {"leaving": "peak"},
    "fixed": FIXED,
    "stack": STACK,
    "priced": PRICED,
    "flex, priced": FLEX | PRICED,
    "flex, priced, by session": FLEX | PRICED | {"rounding": "session"},
    "home only": PRICED | {"included_zones": ["home"]},
    "flex, home only": FLEX | PRICED | {"included_zones": ["home"]},
}


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_parts_add_up_and_each_is_its_share_rounded(total: int, shares: list[int]) -> None:
    whole = sum(shares)
    if not whole:
        shares, whole = [*shares, 1], 1
    parts = apportion(total, shares)
    assert sum(parts) == total
    for part, share in zip(parts, shares, strict=True):
        assert 0 <= part * whole - total * share + whole - 1 <= 2 * (whole - 1)


def test_nothing_cannot_be_shared_by_something_that_is_there() -> None:
    assert apportion(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="nothing to apportion by"):
        apportion(1, [0, 0])


def slices(edr: Edr, random: Random) -> Iterator[Edr]:
    """A record as two of the same moment, cut anywhere; a driver's is left as it is, for its buckets."""
    if edr.party == "b2c":
        yield edr
        return
    first = random.randint(0, edr.octets_total)
    for part, octets in ((1, first), (2, edr.octets_total - first)):
        yield msgspec.structs.replace(
            edr, edr_id=f"{edr.edr_id}.{part}", units_used=octets, octets_total=octets
        )  # fmt: skip


def written(kind: str, seed: int, shuffled: bool = False, without: str = "", sliced: bool = False) -> CycleClose:
    """Some SIMs that come and go, and use data here and there; `shuffled`: the records come in another order.

    `without`: a payer whose records are left out; `sliced`: each record is cut in two.
    """
    random = Random(seed)
    books = Books(plans={"fleet": KINDS[kind]}, profile="car")
    for number in range(1, random.randint(2, 5)):
        month, day = random.choice("34"), random.randint(1, 28)
        books.join(number, f"2026-0{month}-{day:02} 10:00")
        if random.random() < 0.3:
            books.move(number, None, "retired", f"2026-04-{random.randint(day, 30):02} 12:00")
        for _ in range(random.randint(0, 6)):
            split = random.choice(["fleet", "fleet", "fleet", "insurer", "wifi"])
            moment = f"2026-04-{random.randint(day, 30):02} {random.randint(11, 23):02}:00"
            octets = random.choice([0, 1, 999, 1_000, 50_000_000, random.randint(0, 90_000_000)])
            books.use(number, split, octets, moment, session=random.randint(1, 3), zone=random.choice(["home", "eu"]))
    if shuffled:
        random.shuffle(books.edrs)
        random.shuffle(books.transfers)
    if sliced:
        books.edrs = [part for edr in books.edrs for part in slices(edr, random)]
    books.edrs = [edr for edr in books.edrs if edr.account_id != without]
    books.transfers = [line for line in books.transfers if line.account_id != without]
    return books.close()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_every_octet_and_micro_of_a_settlement_is_in_its_parts(kind: str, seed: int) -> None:
    close = written(kind, seed)
    by_subscription: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for record in close.rated:
        assert record.octets_in_bundle >= 0
        assert record.octets_overage >= 0
        parts = by_subscription[record.subscription_id]
        for place, part in enumerate((record.octets_in_bundle, record.octets_overage, record.amount_micros)):
            parts[place] += part
    used = sum(edr.octets_total for edr in close.edrs if edr.party == "b2b")
    assert sum(settlement.octets for settlement in close.settlements) == used
    for settlement in close.settlements:
        for member in settlement.members:
            found = by_subscription[member.tenure.subscription_id]
            assert found == [member.octets_in_bundle, member.octets_overage, member.micros]
        assert sum(member.octets_overage for member in settlement.members) == settlement.octets_overage
        assert sum(member.micros for member in settlement.members) == settlement.micros
        over = settlement.octets_overage
        if not settlement.stacked and settlement.plan.included_zones is None:
            assert over == max(0, settlement.octets - settlement.octets_included)
        assert settlement.octets_in_bundle + over == settlement.octets
    assert reconcile(close).differences == ()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_records_changes_nothing(kind: str, seed: int) -> None:
    close, again = written(kind, seed), written(kind, seed, shuffled=True)
    assert close.documents == again.documents
    assert close.rated == again.rated


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_slicing_never_changes_a_charge(kind: str, seed: int) -> None:
    assert written(kind, seed).documents == written(kind, seed, sliced=True).documents


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), shuffled=st.booleans(), without=st.sampled_from(["acme", "safe", "d1"]))
def test_no_payer_feels_what_another_uses(kind: str, seed: int, shuffled: bool, without: str) -> None:
    """Octets and money of one payer move nothing on a document of another; numbers of documents may."""
    close, alone = written(kind, seed), written(kind, seed, shuffled, without)

    def charges(of: CycleClose) -> dict[str, object]:
        return {
            document.customer.id: (
                [(line.name, line.octets, line.amount) for line in document.applied_customer_billing_rate],
                document.sim_use,
                document.bucket,
                document.octets_overrun,
                document.tax_included_amount,
            )
            for document in of.documents
            if document.customer.id != without
        }

    assert charges(close) == charges(alone)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 28), st.sampled_from(["Europe/Berlin", "America/Santiago", "Asia/Kathmandu"])
)
def test_a_year_of_cycles_loses_no_octet_and_each_begins_with_what_the_one_before_left(
    seed: int, day: int, zone: str
) -> None:
    random = Random(seed)
    books = Books(operator={"cycle_day": day, "time_zone": zone}, profile="car")
    start = instant(datetime(2026, 1, 1, tzinfo=UTC))
    books.join(1, start)
    moments = sorted(start + random.randrange(365 * 86_400) * SECOND for _ in range(60))
    for at in moments:
        if random.random() < 0.2:
            books.buy(1, random.choice(["1gb", "day"]), at)
        else:
            books.use(1, random.choice(["fleet", "insurer", "wifi"]), random.randint(0, 80_000_000), at)
    billed, closing = 0, {}
    for cycle in cycles_between(start, start + 366 * DAY, zone, day):
        close = books.close(cycle.id)
        outcome = reconcile(close)
        assert outcome.differences == ()
        billed += sum(row.edr for row in outcome.rows)
        opening = {bucket.bucket_id: bucket.opening for bucket in close.buckets}
        assert {bucket: left for bucket, left in closing.items() if left} == {b: o for b, o in opening.items() if o}
        closing = {bucket.bucket_id: bucket.closing for bucket in close.buckets}
    assert billed == sum(edr.octets_total for edr in books.edrs)
