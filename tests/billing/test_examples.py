"""Every worked example in `examples`: records in, document lines out. `examples/README.md` says how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ocs.billing.documents import Document
from ocs.billing.reconcile import reconcile
from tests.billing.books import Books

EXAMPLES = [
    example
    for path in sorted(Path(__file__).with_name("examples").glob("*.yaml"))
    for example in YAML(typ="safe").load(path.read_text(encoding="utf-8"))
]


def played(example: dict[str, Any]) -> Books:
    books = Books(
        plans=example.get("plans"),
        operator=example.get("operator"),
        profile=example.get("profile", "simple"),
        accounts=example.get("accounts"),
        splits=example.get("splits"),
        payers=example.get("payers"),
    )
    books.states = example.get("sims", {})
    for number, moment in example["joined"].items():
        books.join(number, str(moment))
    for record in example["records"]:
        moment, number, what, much, *details = (cell.strip() for cell in record.split("|"))
        options = dict(detail.split(" ", 1) for detail in details if " " in detail)
        if what == "buy":
            books.buy(int(number), much, moment)
        elif what == "expire":
            books.expire(int(number), much, moment)
        elif what in ("units", "seconds"):
            books.event(int(number), what, int(much), int(options["micros"]), moment, late="late" in details)
        elif what == "sim":
            books.move(int(number), None, much, moment)
        elif what == "split":
            split, status = much.split()
            books.move(int(number), split, status, moment)
        elif what == "sold to":
            books.sell(int(number), much, moment)
        elif what == "plan":
            split, plan = much.split()
            books.move(int(number), split, f"plan {plan}", moment)
        elif what == "profile":
            books.move(int(number), None, f"profile {much}", moment)
        elif what == "refund":
            books.refund(int(number), int(much), moment)
        else:
            session, received = int(options.get("session", 1)), options.get("received")
            zone = options.get("zone", "home")
            nth = int(options["subscription"]) if "subscription" in options else None
            books.use(
                int(number), what.removesuffix(" use"), int(much), moment,
                session=session, received=received, zone=zone, nth=nth, late="late" in details,
                cost=int(options["cost"]) if "cost" in options else None, overrun=int(options.get("overrun", 0)),
            )  # fmt: skip
    return books


def written(document: Document) -> dict[str, Any]:
    lines = [
        f"{line.name} | {line.quantity:f} {line.unit} | {line.unit_price.value} | {line.amount}"
        for line in document.applied_customer_billing_rate
    ]
    (tax,) = document.tax_item
    totals = {
        "net": str(document.tax_excluded_amount.value),
        "vat": str(tax.tax_amount.value),
        "gross": str(document.tax_included_amount.value),
    }
    overrun = {"overrun": document.octets_overrun} if document.octets_overrun else {}
    return {"lines": lines} | totals | overrun


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["example"])
def test_example(example: dict[str, Any]) -> None:
    close = played(example).close(example["cycle"])
    by_payer = {document.customer.id: document for document in close.documents}
    for payer, expected in example["documents"].items():
        found = written(by_payer[payer]) if payer in by_payer else "none"
        assert found == expected, payer
    for payer, rows in example.get("buckets", {}).items():
        uses = [
            (use.octets_opening, use.octets_added, use.octets_used, use.octets_expired, use.octets_closing)
            for use in by_payer[payer].bucket
        ]
        numbers = [tuple(int(word) for word in row.split() if word[0].isdigit()) for row in rows]
        assert uses == numbers, payer
    for payer, rows in example.get("wallets", {}).items():
        found = [
            f"{use.opening.value} + {use.added.value} - {use.used.value} - {use.expired.value} = {use.closing.value}"
            for use in by_payer[payer].wallet
        ]
        assert found == rows, payer
    for payer, rows in example.get("resale", {}).items():
        found = [
            f"{sold.count} x {sold.retail_price.value} = {sold.retail.value} | {sold.retail_net.value} - "
            f"{sold.wholesale.value} = {sold.margin.value}"
            for sold in by_payer[payer].resale
        ]
        assert found == rows, payer
    for payer, seller in example.get("sellers", {}).items():
        assert by_payer[payer].seller.id == seller
    for payer, memo in example.get("memo", {}).items():
        found = {int(use.imsi[-5:]): [use.octets_overage, str(use.overage.value)] for use in by_payer[payer].sim_use}
        assert found == memo, payer
    assert [settlement.pool_id for settlement in close.settlements if settlement.alerts] == example.get("alerts", [])
    outcome = reconcile(close)
    assert outcome.differences == ()
    for payer, rounding in example.get("rounding", {}).items():
        (row,) = [row for row in outcome.rows if row.account_id == payer]
        assert [row.rounding_octets, row.rounding_micros] == rounding
