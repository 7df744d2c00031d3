"""Documents as PDF: A4 pages set by typst. Needs the extra `report`.

The page is `document.typ`; this module only puts a document into the words and figures on it. Only fonts that typst
carries are used and no clock is read, so equal documents give equal bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from importlib.resources import files
from typing import Any

import msgspec

from ocs.billing.documents import Document, Line, Party, Reference, SimUse
from ocs.billing.wording import day_in_words

_MB = Decimal(1_000_000)
_TITLES = {
    "EnterpriseInvoice": "Invoice",
    "ConsumerStatement": "Statement",
    "ResellerSettlement": "Settlement",
    "CreditNote": "Credit note",
}
_QUANTITY_PLACES = 3
"""Decimal places of a volume on the page, where no money depends on more."""


def render(document: Document) -> bytes:
    """The document as PDF/A-2b."""
    import typst

    midnight = datetime.combine(document.bill_date, time(), UTC)
    pdf: bytes = typst.compile(
        files("ocs.billing").joinpath("document.typ").read_bytes(),
        format="pdf",
        ignore_system_fonts=True,
        pdf_standards="a-2b",
        sys_inputs={"page": msgspec.json.encode(_page(document)).decode()},
        pdf_tags=False,
        timestamp=int(midnight.timestamp()),
    )
    return pdf


def _page(document: Document) -> dict[str, Any]:
    """What `document.typ` prints: text only, numbers already written out."""
    currency = document.amount_due.unit
    return {
        "enterprise": document.type != "ConsumerStatement",
        "title": _TITLES[document.type],
        "number": document.bill_no,
        "day": [document.bill_date.year, document.bill_date.month, document.bill_date.day],
        "seller": {"name": document.seller.name, "address": document.seller.address},
        "numbers": " · ".join(_numbers(document.seller)),
        "customer": {"name": document.customer.name, "address": document.customer.address},
        "period": f"{day_in_words(document.first_day)} – {day_in_words(document.last_day)}",
        "facts": list(_facts(document)),
        "lines": {
            "heads": ["Description", "Quantity", "", f"Price {currency}", f"Amount {currency}"],
            "rows": [_line(line, _several_splits(document)) for line in document.applied_customer_billing_rate],
            "none": "Nothing was bought in this period.",
        },
        "totals": list(_totals(document)),
        "payment": _payment(document),
        "annexes": [annex for annex in _annexes(document) if annex["rows"] or annex["remarks"]],
    }


def _numbers(seller: Party) -> Iterable[str]:
    if seller.vat_id:
        yield f"VAT ID {seller.vat_id}"
    if seller.iban:
        yield f"IBAN {seller.iban}"


def _annexes(document: Document) -> Iterable[dict[str, Any]]:
    """Tables after the payment line; those without rows are left out."""
    yield _sims(document)
    yield _buckets(document)
    yield _wallet(document)
    yield _resale(document)


def _facts(document: Document) -> Iterable[tuple[str, str]]:
    yield "Number", document.bill_no
    yield "Date", day_in_words(document.bill_date)
    if document.payment_due_date is not None:
        yield "Due", day_in_words(document.payment_due_date)
    if document.credits:
        yield "Credits", document.credits
    yield "Account", document.customer.id


def _several_splits(document: Document) -> bool:
    """Whether lines have to say which split they are of: plans alone do not tell them apart."""
    return len({line.split.id for line in document.applied_customer_billing_rate}) > 1


def _split_in_words(split: Reference) -> str:
    return "the SIM itself" if split.id == "sim" else f"split {split.id}"


def _line(line: Line, with_split: bool) -> dict[str, Any]:
    count = line.quantity
    if line.type != "overage":
        count = min(count, round(count, _QUANTITY_PLACES), key=lambda number: len(str(number)))
    detail = line.description
    if line.date:
        detail = day_in_words(datetime.fromisoformat(line.date).date())
    if with_split and line.type != "split_fee":  # its name says it
        detail = " · ".join(filter(None, (_split_in_words(line.split), detail)))
    return {
        "name": line.name,
        "detail": detail,
        "cells": [f"{count:,f}", line.unit, f"{line.unit_price.value:,f}", f"{line.amount:,f}"],
    }


def _totals(document: Document) -> Iterable[tuple[str, str]]:
    """Rows under the lines; the last one is the total."""
    currency = document.amount_due.unit
    yield "Net", f"{document.tax_excluded_amount.value:,f}"
    for item in document.tax_item:
        base = f" on {item.tax_excluded_amount.value:,f}" if len(document.tax_item) > 1 else ""
        yield f"VAT {item.tax_rate.normalize():f} %{base}", f"{item.tax_amount.value:,f}"
    yield f"Total {currency}", f"{document.tax_included_amount.value:,f}"


def _payment(document: Document) -> list[str]:
    seller, due = document.seller, document.payment_due_date
    if document.type == "CreditNote":
        amount = f"{document.amount_due.unit} {-document.amount_due.value:,f}"
        return [
            f"We give back {amount} on invoice {document.credits}.",
            f"{seller.name} · Reference {document.bill_no}",
        ]
    if due is None:
        included = any(line.tax_included_amount for line in document.applied_customer_billing_rate)
        return ["Paid from prepaid purchases. Nothing is due.", *(["Prices include VAT."] if included else [])]
    return [
        f"Please pay {document.amount_due.unit} {document.amount_due.value:,f} by {day_in_words(due)}.",
        f"{seller.name} · IBAN {seller.iban} · Reference {document.bill_no}",
    ]


def _sims(document: Document) -> dict[str, Any]:
    currency = document.amount_due.unit
    overages = [use.overage.value for use in document.sim_use]
    places = max([_places(amount) for amount in overages], default=0)
    return {
        "title": "Use by SIM",
        "note": "In MB (1 MB = 1,000,000 octets). Overage is stated before it is rounded on the charge above.",
        "heads": ["SIM", "Plan", "Used", "In bundle", "Over", f"Overage {currency}"],
        "texts": 2,
        "rows": [
            [
                use.iccid,
                _used_of(use, _several_splits(document)),
                *map(_megabytes, (use.octets, use.octets_in_bundle, use.octets_overage)),
                f"{use.overage.value:,.{places}f}",
            ]
            for use in document.sim_use
        ],
        "remarks": [],
    }


def _used_of(use: SimUse, with_split: bool) -> str:
    parts = [use.product.name, _split_in_words(use.split) if with_split else ""]
    return ", ".join(filter(None, [*parts, f"late, of {use.late_of}" if use.late_of else ""]))


def _buckets(document: Document) -> dict[str, Any]:
    reserved = [use for use in document.bucket if use.octets_reserved]
    remarks = [
        f"{_megabytes(use.octets_reserved)} MB of {use.name} are held by a session still open." for use in reserved
    ]
    if document.octets_overrun:
        remarks.append(f"{_megabytes(document.octets_overrun)} MB were used beyond the allowance, free of charge.")
    return {
        "title": "Your data",
        "note": "In MB (1 MB = 1,000,000 octets): opening + added − used − expired = closing.",
        "heads": ["Allowance", "Opening", "Added", "Used", "Expired", "Closing"],
        "texts": 1,
        "rows": [
            [
                use.name,
                *map(
                    _megabytes,
                    (use.octets_opening, use.octets_added, use.octets_used, use.octets_expired, use.octets_closing),
                ),
            ]
            for use in document.bucket
        ],
        "remarks": remarks,
    }


def _wallet(document: Document) -> dict[str, Any]:
    currency = document.amount_due.unit
    held = [use for use in document.wallet if use.reserved.value]
    remarks = [f"{use.reserved.value:,f} of {use.name} are held by a session still open." for use in held]
    if document.octets_paid:
        remarks.append(f"{_megabytes(document.octets_paid)} MB of data were paid from it.")
    rows = [(use.opening, use.added, use.used, use.expired, use.closing) for use in document.wallet]
    places = max((_places(amount.value) for row in rows for amount in row), default=0)
    return {
        "title": "Your credit",
        "note": f"In {currency}: opening + added − used − expired = closing.",
        "heads": ["Credit", "Opening", "Added", "Used", "Expired", "Closing"],
        "texts": 1,
        "rows": [
            [use.name, *(f"{amount.value:,.{places}f}" for amount in row)]
            for use, row in zip(document.wallet, rows, strict=True)
        ],
        "remarks": remarks,
    }


def _resale(document: Document) -> dict[str, Any]:
    currency = document.amount_due.unit
    amounts = [(item.retail, item.retail_net, item.wholesale, item.margin) for item in document.resale]
    total = [sum((row[place].value for row in amounts), Decimal(0)) for place in range(4)]
    rows = [
        [item.name, str(item.count), f"{item.retail_price.value:,f}", *(f"{amount.value:,f}" for amount in row)]
        for item, row in zip(document.resale, amounts, strict=True)
    ]
    if len(rows) > 1:
        rows.append(
            ["All", str(sum(item.count for item in document.resale)), "", *(f"{amount:,f}" for amount in total)]
        )
    return {
        "title": "Your margin",
        "note": f"In {currency}: what your customers paid, without VAT, less the wholesale charge above.",
        "heads": ["Sold", "Count", "Retail price", "Taken", "Without VAT", "Wholesale", "Margin"],
        "texts": 1,
        "rows": rows,
        "remarks": [],
    }


def _places(amount: Decimal) -> int:
    return -int(amount.as_tuple().exponent)


def _megabytes(octets: int) -> str:
    return f"{round(Decimal(octets) / _MB, _QUANTITY_PLACES):,f}"
