"""What SQL adds up is what Python adds up, and what the witness says, to the octet and to the micro."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ocs.billing.close import CycleClose, close_cycle
from ocs.billing.margin import Earnings, margins
from ocs.billing.rated import RatedRecord
from ocs.billing.reconcile import joined, reconcile
from ocs.billing.writing import write_rated
from ocs.rating.cycle import cycle_named
from ocs.records.edr import Edr, Transfer
from ocs.records.text import write_csv
from ocs.units import utc
from tests.billing.books import Books
from tests.billing.test_examples import EXAMPLES, played
from tests.billing.test_settling import KINDS
from tests.billing.test_witness import month
from tests.billing.viewed import assert_equal, closed, file_view, store_view
from tests.billing.witness import Witness

APRIL = cycle_named("2026-04", "Europe/Berlin", 1)
FEW = 6
"""One of so many examples is in the main suite: a cycle closed in SQL costs a tenth of a second."""
REFUNDED = {"included": "1 kB", "rates": [{"zone": "eu", "price": "0.10"}], "zones": {"home": ["00101"], "eu": ["262"]}}


def soak_most(items: list[Any]) -> list[Any]:
    return [item if n % FEW == 0 else pytest.param(item, marks=pytest.mark.soak) for n, item in enumerate(items)]


def rated(closes: list[CycleClose]) -> list[Any]:
    return sorted((record for close in closes for record in close.rated), key=lambda record: record.edr_id)


@pytest.mark.parametrize("example", soak_most(EXAMPLES), ids=lambda example: example["example"])
def test_an_example_comes_to_the_same(example: dict[str, Any]) -> None:
    books = played(example)
    zone, day = books.operator.get("time_zone", "Europe/Berlin"), books.operator.get("cycle_day", 1)
    cycle, records = cycle_named(example["cycle"], zone, day), books.records
    close = close_cycle(cycle, records)
    with store_view(records) as view:
        ranges = closed(cycle, records, view, at_once=1)
        assert_equal(close, ranges)
        assert rated(ranges) == rated([close])


MONTHS = [
    pytest.param(kind, seed, marks=() if seed == number % 2 else pytest.mark.soak)
    for number, kind in enumerate(KINDS)
    for seed in range(20)
]


@pytest.mark.parametrize(("kind", "seed"), MONTHS)
def test_a_month_comes_to_the_same_and_the_witness_agrees(kind: str, seed: int, tmp_path: Path) -> None:
    books, left = month(kind, seed + 1_000)
    write_csv(tmp_path / "edrs.csv", Edr, books.edrs)
    write_csv(tmp_path / "transfers.csv", Transfer, books.transfers)
    close = close_cycle(APRIL, books.records)
    with file_view(books.records, tmp_path) as view:
        ranges = closed(APRIL, books.records, view, at_once=3)
        assert_equal(close, ranges)
        assert rated(ranges) == rated([close])
        write_rated(tmp_path / "rated.csv", ranges)
        with (tmp_path / "rated.csv").open(newline="") as file:
            written = [msgspec.convert(row, RatedRecord, strict=False) for row in csv.DictReader(file)]
        assert written == [record for found in ranges for record in found.rated]
        assert_reconciled(close, ranges)
    zone = ZoneInfo("Europe/Berlin")
    joined = {imsi: utc(at).astimezone(zone).replace(tzinfo=None) for imsi, at in books.joined.items()}
    sold = ({"fleet": "fleet", "insurer": "fleet", "wifi": "wifi"}, {"fleet": "acme", "insurer": "safe"}, joined, left)
    invoices = Witness(tmp_path, "2026-04", books.plans, *sold).invoices()
    assert invoices == {
        document.customer.id: (
            document.tax_excluded_amount.value,
            sum((item.tax_amount.value for item in document.tax_item), Decimal(0)),
            document.tax_included_amount.value,
        )
        for found in ranges
        for document in found.documents
        if document.type == "EnterpriseInvoice"
    }


def assert_reconciled(close: CycleClose, ranges: list[CycleClose]) -> None:
    whole, found = reconcile(close), joined([reconcile(part) for part in ranges])
    assert (found.rows, found.differences) == (whole.rows, ())
    assert {bucket.bucket_id: bucket for bucket in found.buckets} == {b.bucket_id: b for b in whole.buckets}
    earnings = Earnings()
    for part in ranges:
        earnings.add(part)
    assert earnings.rows() == margins(close)


@pytest.mark.parametrize("plan", [REFUNDED, REFUNDED | {"kind": "postpaid_flex_pool"}], ids=["alone", "pool"])
def test_octets_given_back_are_taken_in_their_turn(plan: dict[str, Any]) -> None:
    books, random = Books(plans={"fleet": plan}), Random(7)
    for number in (1, 2):
        books.join(number, "2026-03-05 10:00")
        for day in range(1, 25):
            octets = random.choice([3_000, 1, 999, -2_500, -1])
            books.use(number, "fleet", octets, f"2026-04-{day:02} 10:00", zone=random.choice(["home", "eu"]))
    close = close_cycle(APRIL, books.records)
    with store_view(books.records) as view:
        ranges = closed(APRIL, books.records, view)
        assert_equal(close, ranges)
        assert rated(ranges) == rated([close])


def test_a_posting_belongs_to_the_cycle_of_its_edr() -> None:
    books, random = Books(), Random(11)
    for number in range(1, 5):
        books.join(number, "2026-02-05 10:00")
        books.buy(number, "1gb", "2026-02-10 10:00")
        for _ in range(20):
            month, day = random.choice("345"), random.randint(1, 28)
            received = random.choice([None, f"2026-0{int(month) + 1}-01 00:10", "2026-03-31 23:59"])
            books.use(
                number, "wifi", random.randint(0, 20_000_000), f"2026-0{month}-{day:02} 08:00",
                received=received, late=month == "3" and random.random() < 0.2,
            )  # fmt: skip
        books.refund(number, 1_000_000, "2026-04-20 10:00")
        books.expire(number, "1gb", "2026-04-28 10:00")
    close = close_cycle(APRIL, books.records)
    assert len(close.buckets) > 4
    with store_view(books.records) as view:
        ranges = closed(APRIL, books.records, view, at_once=2)
        assert_equal(close, ranges)


def test_a_store_and_files_are_one_view(tmp_path: Path) -> None:
    books, _ = month("flex, priced", 3)
    records = books.records
    with store_view(records) as store, file_view(records, tmp_path) as files:
        for name, record in (("edr", Edr), ("transfer", Transfer)):
            assert store.db.table(name).columns == files.db.table(name).columns
            ours, theirs = store.records(record, name), files.records(record, name)
            key = msgspec.json.encode
            assert sorted(ours, key=key) == sorted(theirs, key=key)
        assert store.records(Edr, "edr") == list(records.edrs)
