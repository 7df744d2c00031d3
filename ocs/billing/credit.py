"""Credit notes: what a document charged too much is given back by another one, never by changing the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from ocs.billing.documents import Document, Line, Money, compose
from ocs.catalogue.currency import minor_places
from ocs.inventory.accounts import Account, Operator
from ocs.rating.cycle import Cycle


class CreditOrder(msgspec.Struct, frozen=True):
    """Somebody wants to give something back. The same `request_id` again changes nothing."""

    request_id: str
    bill_no: str
    """Of the invoice that is credited."""
    line_id: str | None
    """Of one of its lines; None: all of them."""
    amount: str | None
    """Without VAT, in units of the currency; None: all that the line, or the invoice, comes to."""
    by: str
    reason: str


def mistakes(
    order: CreditOrder,
    invoices: Mapping[str, Document],
    earlier: Sequence[Document],
    waiting: Sequence[CreditOrder] = (),
) -> list[str]:
    """What stands against an order; empty where nothing does. `waiting`: orders before it whose notes are not out."""
    found = [] if order.by and order.reason else ["a credit note says who gives it and why"]
    amount: Decimal | None = None
    if order.amount is not None:
        try:
            amount = Decimal(order.amount)
        except ArithmeticError:
            amount = Decimal("NaN")
        if not amount.is_finite():
            found.append(f"expected an amount such as 1.20 (got {order.amount!r})")
    invoice = invoices.get(order.bill_no)
    if invoice is None or invoice.type != "EnterpriseInvoice":
        return [*found, f"no invoice {order.bill_no!r}"]
    lines = _lines(order, invoice)
    if not lines:
        return [*found, f"invoice {order.bill_no} has no line {order.line_id!r}"]
    left_of = _left_by_line(invoice, earlier, waiting)
    left = sum((left_of[line.id] for line in lines), Decimal(0))
    if amount is None:
        return found if left > 0 else [*found, f"nothing is left to credit of {order.line_id or order.bill_no}"]
    if not amount.is_finite():
        return found
    places = minor_places(invoice.amount_due.unit)
    if amount <= 0 or amount != round(amount, places):
        found.append(f"expected an amount above zero with at most {places} decimal places (got {order.amount})")
    elif amount > left:
        found.append(f"{amount} is more than the {left} that are left of {order.line_id or order.bill_no}")
    return found


def credit_note(
    order: CreditOrder,
    number: int,
    cycle: Cycle,
    operator: Operator,
    account: Account,
    invoice: Document,
    earlier: Sequence[Document],
) -> Document:
    """The credit note of an order without mistakes, on its invoice's lines and at its rate of VAT."""
    lines = _lines(order, invoice)
    left = _left(lines, earlier)
    due = left if order.amount is None else Decimal(order.amount)
    credited = []
    for line in lines:
        share = min(due, _left([line], earlier))
        due -= share
        if share:
            credited.append(_credited(line, share, order, invoice))
    rate = invoice.tax_item[0].tax_rate
    return compose(
        "CreditNote",
        number,
        cycle,
        operator.model_copy(update={"vat_percent": rate}),
        account,
        credited,
        tax_included=False,
        credits=invoice.bill_no,
    )


def _lines(order: CreditOrder, invoice: Document) -> list[Line]:
    return [line for line in invoice.applied_customer_billing_rate if order.line_id is None or line.id == order.line_id]


def _left_by_line(invoice: Document, earlier: Sequence[Document], waiting: Iterable[CreditOrder]) -> dict[str, Decimal]:
    """What is left of each line when the orders that wait have taken theirs."""
    left = {line.id: _left([line], earlier) for line in invoice.applied_customer_billing_rate}
    for order in waiting:
        if order.bill_no == invoice.bill_no:
            lines = [line.id for line in _lines(order, invoice)]
            due = sum((left[name] for name in lines), Decimal(0)) if order.amount is None else Decimal(order.amount)
            for name in lines:
                share = min(due, left[name])
                left[name] -= share
                due -= share
    return left


def _left(lines: Sequence[Line], earlier: Sequence[Document]) -> Decimal:
    """What the lines came to, less what has been credited already."""
    ids = {line.id for line in lines}
    given = [line for note in earlier for line in note.applied_customer_billing_rate if line.credits in ids]
    return sum((line.amount for line in (*lines, *given)), Decimal(0))


def _credited(line: Line, amount: Decimal, order: CreditOrder, invoice: Document) -> Line:
    money = Money(unit=invoice.amount_due.unit, value=-amount)
    return msgspec.structs.replace(
        line,
        id="",
        type="credit",
        description=order.reason,
        octets=0,
        quantity=Decimal(1),
        unit="credit",
        unit_price=money,
        exact_amount=money,
        tax_excluded_amount=money,
        credits=line.id,
    )
