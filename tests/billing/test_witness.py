"""Invoices and statements agree, to the cent, with a witness that shares no code with the product."""

from __future__ import annotations

import ast
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from ocs.records.edr import Edr, Transfer
from ocs.records.text import write_csv
from ocs.units import utc
from tests.billing import witness
from tests.billing.books import Books
from tests.billing.test_settling import KINDS
from tests.billing.witness import Witness


def test_the_witness_shares_no_code() -> None:
    tree = ast.parse(Path(witness.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not [module for module in modules if module and module.split(".")[0] in ("ocs", "sim", "scenarios", "tests")]


def month(kind: str, seed: int) -> tuple[Books, dict[str, datetime]]:
    """A fleet's month, by chance: SIMs that join and leave, use here and there, and drivers who buy."""
    random = Random(f"{kind} {seed}")
    books, left = Books(plans={"fleet": KINDS[kind]}, profile="car"), {}
    for number in range(1, random.randint(2, 7)):
        joined = f"2026-0{random.choice('34')}-{random.randint(1, 28):02} 10:00"
        books.join(number, joined)
        first = int(joined[8:10]) if joined[5:7] == "04" else 1
        imsi = f"0010100000{number:05}"
        if random.random() < 0.3:
            moment = f"2026-04-{random.randint(first, 30):02} 12:00"
            books.move(number, None, "retired", moment)
            left[imsi] = datetime.fromisoformat(moment)
        for _ in range(random.randint(0, 12)):
            split = random.choice(["fleet", "fleet", "fleet", "insurer", "wifi"])
            hour, day = random.randint(11, 23), random.randint(first, 30)
            octets = random.choice([0, 1, 999, 1_000, 50_000_000, random.randint(0, 90_000_000)])
            zone = random.choice(["home", "eu"])
            books.use(number, split, octets, f"2026-04-{day:02} {hour}:00", session=random.randint(1, 3), zone=zone)
        for _ in range(random.randint(0, 2)):
            books.buy(number, random.choice(["1gb", "day"]), f"2026-04-{random.randint(first, 30):02} 20:00")
    return books, left


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_bills_agree_to_the_cent(kind: str, seed: int, tmp_path: Path) -> None:
    books, left = month(kind, seed)
    write_csv(tmp_path / "edrs.csv", Edr, books.edrs)
    write_csv(tmp_path / "transfers.csv", Transfer, books.transfers)
    zone = ZoneInfo("Europe/Berlin")
    joined = {imsi: utc(at).astimezone(zone).replace(tzinfo=None) for imsi, at in books.joined.items()}
    plan_of = {"fleet": "fleet", "insurer": "fleet", "wifi": "wifi"}
    payer_of = {"fleet": "acme", "insurer": "safe"}
    judge = Witness(tmp_path, "2026-04", books.plans, plan_of, payer_of, joined, left)
    invoices: dict[str, tuple[Decimal, ...]] = {}
    statements: dict[str, tuple[Decimal, ...]] = {}
    for document in books.close().documents:
        totals = (
            document.tax_excluded_amount.value,
            sum((item.tax_amount.value for item in document.tax_item), Decimal(0)),
            document.tax_included_amount.value,
        )
        (invoices if document.type == "EnterpriseInvoice" else statements)[document.customer.id] = totals
    assert invoices == judge.invoices()
    expected = judge.statements()
    zero = (Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
    assert statements == {payer: expected.get(payer, zero) for payer in statements}
    assert expected.keys() <= statements.keys()


def test_the_witness_would_notice_a_cent(tmp_path: Path) -> None:
    books = Books()
    books.join(1, "2026-03-05 10:00")
    books.use(1, "fleet", 51_000_000, "2026-04-02 08:00")
    write_csv(tmp_path / "edrs.csv", Edr, books.edrs)
    write_csv(tmp_path / "transfers.csv", Transfer, books.transfers)
    joined = {"001010000000001": datetime(2026, 3, 5, 10)}  # noqa: DTZ001 - as on the wall
    sold = ({"fleet": "fleet"}, {"fleet": "acme"}, joined, {})
    dearer = {"fleet": books.plans["fleet"] | {"overage": {"price": "0.03"}}}
    assert Witness(tmp_path, "2026-04", books.plans, *sold).invoices()["acme"][0] == Decimal("1.22")
    assert Witness(tmp_path, "2026-04", dearer, *sold).invoices()["acme"][0] == Decimal("1.23")
