"""Credit notes give back what an invoice charged, never more, and leave the invoice as it is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ocs.billing.close import CycleClose
from ocs.billing.credit import CreditOrder, credit_note, mistakes
from ocs.billing.crosscheck import sums_differ
from ocs.billing.documents import Document, to_json
from tests.billing.books import Books


@pytest.fixture(scope="module")
def close() -> CycleClose:
    books = Books()
    books.join(1, "2026-03-05 10:00")
    books.use(1, "fleet", 60_000_000, "2026-04-02 08:00")
    return books.close()


def order(line: str | None = None, amount: str | None = None, **fields: str) -> CreditOrder:
    wanted = {"request_id": "c1", "bill_no": "INV-2026-04-00001", "by": "ann", "reason": "tested by us"} | fields
    return CreditOrder(line_id=line, amount=amount, **wanted)


def invoices(close: CycleClose) -> dict[str, Document]:
    return {document.bill_no: document for document in close.documents}


def note(close: CycleClose, wanted: CreditOrder, earlier: tuple[Document, ...] = ()) -> Document:
    found = mistakes(wanted, invoices(close), earlier)
    assert not found
    invoice = invoices(close)[wanted.bill_no]
    account = close.register.accounts[invoice.customer.id]
    number = len(earlier) + 1
    return credit_note(wanted, number, close.cycle, close.register.operator, account, invoice, earlier)


def test_a_whole_invoice_is_credited_line_by_line(close: CycleClose) -> None:
    invoice = invoices(close)["INV-2026-04-00001"]
    before = to_json(invoice)
    credit = note(close, order())
    assert (credit.type, credit.bill_no, credit.credits) == ("CreditNote", "CRN-2026-04-00001", invoice.bill_no)
    assert [str(line.amount) for line in credit.applied_customer_billing_rate] == ["-1.20", "-0.20"]
    totals = (credit.tax_excluded_amount.value, credit.tax_item[0].tax_amount.value, credit.tax_included_amount.value)
    assert totals == (Decimal("-1.40"), Decimal("-0.27"), Decimal("-1.67"))
    assert credit.tax_included_amount.value == -invoice.tax_included_amount.value
    assert list(sums_differ(credit)) == []
    assert to_json(invoice) == before
    assert credit.payment_due_date is None


def test_part_of_a_line_and_then_what_is_left_of_it(close: CycleClose) -> None:
    first = note(close, order("INV-2026-04-00001-1", "0.50"))
    assert first.tax_excluded_amount.value == Decimal("-0.50")
    again = mistakes(order("INV-2026-04-00001-1", "0.71", request_id="c2"), invoices(close), (first,))
    assert again == ["0.71 is more than the 0.70 that are left of INV-2026-04-00001-1"]
    second = note(close, order("INV-2026-04-00001-1", request_id="c2"), (first,))
    assert (second.bill_no, second.tax_excluded_amount.value) == ("CRN-2026-04-00002", Decimal("-0.70"))
    (line,) = second.applied_customer_billing_rate
    assert (line.credits, line.description) == ("INV-2026-04-00001-1", "tested by us")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (order(bill_no="INV-2026-04-00009"), "no invoice 'INV-2026-04-00009'"),
        (order(bill_no="STM-2026-04-00001"), "no invoice 'STM-2026-04-00001'"),
        (order("INV-2026-04-00001-9"), "has no line 'INV-2026-04-00001-9'"),
        (order("INV-2026-04-00001-2"), "nothing is left to credit of INV-2026-04-00001-2"),
        (order(amount="1.41"), "1.41 is more than the 1.40 that are left"),
        (order(amount="0"), "expected an amount above zero"),
        (order(amount="-1"), "expected an amount above zero"),
        (order(amount="0.001"), "at most 2 decimal places"),
        (order(amount="much"), "expected an amount such as 1.20"),
        (order(amount="NaN"), "expected an amount"),
        (order(by=""), "says who gives it and why"),
        (order(reason=""), "says who gives it and why"),
    ],
)
def test_what_cannot_be_credited_is_said(close: CycleClose, wanted: CreditOrder, message: str) -> None:
    assert any(message in text for text in mistakes(wanted, invoices(close), ()))
