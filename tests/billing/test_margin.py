"""Margin: what payers are charged without VAT, less what SIMs, activations and traffic cost the operator."""

from __future__ import annotations

from decimal import Decimal

from ocs.billing.margin import margins
from tests.billing.books import Books

COSTS = {"sim": "0.30", "activation": "1.00", "traffic": {"home": "0.001", "*": "0.01"}}


def earned(books: Books) -> dict[tuple[str, str], tuple[str, str]]:
    return {(row.account_id, row.split): (str(row.revenue), str(row.cost)) for row in margins(books.close())}


def test_revenue_less_costs_by_payer_and_split() -> None:
    books = Books(operator={"costs": COSTS}, plans={"fleet": {"zones": {"home": ["00101"], "eu": ["262"]}}})
    books.join(1, "2026-03-05 10:00")
    books.join(2, "2026-04-16 10:00")
    books.use(1, "fleet", 60_000_000, "2026-04-02 08:00")
    books.use(1, "fleet", 2_000_000, "2026-04-03 08:00", zone="eu")
    books.use(2, "wifi", 5_000_000, "2026-04-20 08:00")
    books.buy(2, "1gb", "2026-04-21 08:00")
    assert earned(books) == {
        # 1.20 + 0.60 + 0.24 overage; 60 MB at home, 2 MB abroad.
        ("acme", "car/fleet"): ("2.040000", "0.080000"),
        # A month and half a month of a SIM, one activation.
        ("acme", "sim"): ("0.000000", "1.450000"),
        # 7.00 without VAT; 5 MB.
        ("d2", "car/wifi"): ("5.882353", "0.005000"),
    }
    for row in margins(books.close()):
        assert row.margin == row.revenue - row.cost


def test_of_a_resellers_customers_the_operator_earns_the_wholesale_price() -> None:
    books = Books(
        plans={"wifi": {"bundles": [{"id": "1gb", "volume": "1 GB", "valid": 60, "price": 7, "wholesale": "4.00"}]}},
        accounts=[{"id": "share", "kind": "reseller"}, {"id": "r1", "kind": "customer", "parent": "share"}],
        payers={1: "r1"},
    )
    books.join(1, "2026-03-05 10:00")
    books.buy(1, "1gb", "2026-04-21 08:00")
    found = earned(books)
    assert found["share", "car/wifi"] == ("4.000000", "0.000000")
    assert not any(account == "r1" for account, _ in found)


def test_without_costs_all_is_margin() -> None:
    books = Books()
    books.join(1, "2026-03-05 10:00")
    (row,) = margins(books.close())
    assert (row.revenue, row.cost, row.margin) == (Decimal("1.200000"), Decimal("0E-6"), Decimal("1.200000"))
