"""The document of one payer for one cycle: an enterprise invoice or a consumer statement.

The shape is that of TM Forum 678 (Customer Bill Management 4.0): `CustomerBill` with its `AppliedCustomerBillingRate`
lines, in one file. Amounts are decimal text with their currency, since a JSON number would pass through a float. What
the standard has no place for is added beside it: octets, quantity and unit price of a line, use per SIM, buckets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import field

from ocs.billing.money import rounded
from ocs.inventory.provisioning import Account, Operator
from ocs.rating.cycle import Cycle
from ocs.units import utc

PAYMENT_DAYS: Final = 14
"""Days from the date of an invoice until it is due."""

DocumentKind = Literal["EnterpriseInvoice", "ConsumerStatement", "ResellerSettlement", "CreditNote"]
NUMBER_RANGES: Final[dict[DocumentKind, str]] = {
    "EnterpriseInvoice": "INV",
    "ConsumerStatement": "STM",
    "ResellerSettlement": "SET",
    "CreditNote": "CRN",
}
LineType = Literal[
    "activation",
    "recurring",
    "suspended",
    "split_fee",
    "pool_recurring",
    "pool_stack",
    "usage_in_test",
    "usage_in_bundle",
    "overage",
    "messages",
    "calls",
    "adjustment",
    "free_quota",
    "purchase",
    "refund",
    "wholesale",
    "credit",
]


class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of all parts of a document: camel case in JSON, absent where empty."""


class Money(_Part, frozen=True, kw_only=True):
    """An amount with its ISO 4217 currency."""

    unit: str
    value: Decimal


class Period(_Part, frozen=True, kw_only=True):
    """From `start_date_time` up to, not including, `end_date_time`: ISO 8601 with the operator's offset."""

    start_date_time: str
    end_date_time: str


class Party(_Part, frozen=True, kw_only=True):
    """The operator (`seller`) or the payer (`customer`). `name` and `address` are empty until they are known."""

    id: str
    role: Literal["seller", "customer"]
    name: str = ""
    address: tuple[str, ...] = ()
    vat_id: str = ""
    iban: str = ""


class Reference(_Part, frozen=True, kw_only=True):
    """Something of the catalogue, by id."""

    id: str
    name: str = ""
    version: int | None = None


class TaxItem(_Part, frozen=True, kw_only=True):
    """VAT of all lines at one rate, in percent."""

    tax_category: str
    tax_rate: Decimal
    tax_excluded_amount: Money
    tax_amount: Money


class Line(_Part, frozen=True, kw_only=True):
    """One charge. Invoices state it without tax, statements with tax: the other amount is absent.

    `exact_amount` is the charge before it was rounded to the minor unit, for tracing.
    """

    id: str
    type: LineType
    name: str
    description: str = ""
    date: str = ""
    """Local date of a purchase."""
    split: Reference
    product: Reference
    octets: int
    quantity: Decimal
    unit: str
    unit_price: Money
    exact_amount: Money
    tax_excluded_amount: Money | None = None
    tax_included_amount: Money | None = None
    credits: str = ""
    """Of a credit note: the line that is credited."""

    @property
    def amount(self) -> Decimal:
        """What the line adds to the total of all lines."""
        money = self.tax_excluded_amount or self.tax_included_amount
        assert money is not None
        return money.value


class SimUse(_Part, frozen=True, kw_only=True):
    """Memo: what one SIM of the payer used under one plan, and its share of the overage before rounding."""

    imsi: str
    iccid: str
    split: Reference
    product: Reference
    octets: int
    octets_included: int
    octets_in_bundle: int
    octets_overage: int
    overage: Money
    late_of: str = ""
    """The earlier cycle that the use belongs to, where it came when that was closed."""


class BucketUse(_Part, frozen=True, kw_only=True):
    """One allowance through the cycle, in octets: opening + added - used - expired = closing."""

    bucket_id: str
    virtual_sim: str
    """Its MPC ICCID."""
    product: Reference
    name: str
    octets_opening: int
    octets_added: int
    octets_used: int
    octets_expired: int
    octets_closing: int
    octets_reserved: int = 0
    """Of `octets_closing`: held by a session that is still open."""


class Resale(_Part, frozen=True, kw_only=True):
    """Equal purchases of a reseller's customers: what it took, and what is left of it when the operator is paid."""

    product: Reference
    name: str
    count: int
    retail_price: Money
    """Of one, as the customer pays it."""
    retail: Money
    """Of all, as the customers paid it."""
    retail_net: Money
    """The same without VAT."""
    wholesale: Money
    """What the reseller owes for them, without VAT."""
    margin: Money


class WalletUse(_Part, frozen=True, kw_only=True):
    """One purchase of money through the cycle, to the micro: opening + added - used - expired = closing."""

    bucket_id: str
    virtual_sim: str
    """Its MPC ICCID."""
    product: Reference
    name: str
    opening: Money
    added: Money
    used: Money
    expired: Money
    closing: Money
    reserved: Money
    """Of `closing`: held by a session that is still open."""


class Document(_Part, frozen=True, kw_only=True):
    """What one payer gets for one cycle; nothing of any other payer is in it."""

    type: DocumentKind = field(name="@type")
    base_type: Literal["CustomerBill"] = field(name="@baseType")
    id: str
    bill_no: str
    bill_date: date
    category: Literal["normal"]
    run_type: Literal["onCycle"]
    cycle_id: str
    billing_period: Period
    first_day: date
    last_day: date
    payment_due_date: date | None = None
    billing_account: Reference
    related_party: tuple[Party, Party]
    amount_due: Money
    """What is left to pay: nothing on a statement, whose purchases were paid when they were made."""
    tax_excluded_amount: Money
    tax_included_amount: Money
    tax_item: tuple[TaxItem, ...]
    applied_customer_billing_rate: tuple[Line, ...]
    sim_use: tuple[SimUse, ...] = ()
    bucket: tuple[BucketUse, ...] = ()
    wallet: tuple[WalletUse, ...] = ()
    resale: tuple[Resale, ...] = ()
    credits: str = ""
    """Of a credit note: the invoice that is credited."""
    octets_paid: int = 0
    """Octets that were paid from wallets."""
    octets_overrun: int = 0
    """Used beyond the allowance, and not charged."""

    @property
    def seller(self) -> Party:
        """Who writes the document."""
        return self.related_party[0]

    @property
    def customer(self) -> Party:
        """Who pays."""
        return self.related_party[1]


def to_json(document: Document) -> bytes:
    """The document as indented UTF-8 JSON; equal documents give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def from_json(data: bytes) -> Document:
    """The document again.

    Raises:
        msgspec.ValidationError: not a document.
    """
    return msgspec.json.decode(data, type=Document)


def compose(
    kind: DocumentKind,
    number: int,
    cycle: Cycle,
    operator: Operator,
    account: Account,
    lines: Sequence[Line],
    *,
    tax_included: bool,
    sim_use: Sequence[SimUse] = (),
    bucket: Sequence[BucketUse] = (),
    wallet: Sequence[WalletUse] = (),
    resale: Sequence[Resale] = (),
    credits: str = "",
    seller: Account | None = None,
    octets_paid: int = 0,
    octets_overrun: int = 0,
) -> Document:
    """Number the lines, add them up, and put VAT on the sum: once per rate, rounded once.

    `seller`: who writes the document, where that is not the operator.
    """
    bill_no = f"{NUMBER_RANGES[kind]}-{cycle.id}-{number:05}"
    numbered = tuple(msgspec.structs.replace(line, id=f"{bill_no}-{place}") for place, line in enumerate(lines, 1))
    percent = Fraction(operator.vat_percent) / 100
    nothing = rounded(Fraction(0), operator.currency)
    total = sum((line.amount for line in numbered), nothing)
    if tax_included:
        tax = rounded(Fraction(total) * percent / (1 + percent), operator.currency)
        net, gross = total - tax, total
    else:
        tax = rounded(Fraction(total) * percent, operator.currency)
        net, gross = total, total + tax
    invoice = kind in ("EnterpriseInvoice", "ResellerSettlement")
    payable = invoice or kind == "CreditNote"

    def money(value: Decimal) -> Money:
        return Money(unit=operator.currency, value=value)

    return Document(
        type=kind,
        base_type="CustomerBill",
        id=bill_no,
        bill_no=bill_no,
        bill_date=cycle.next_day,
        category="normal",
        run_type="onCycle",
        cycle_id=cycle.id,
        billing_period=Period(start_date_time=_local(cycle.start, cycle), end_date_time=_local(cycle.end, cycle)),
        first_day=cycle.first_day,
        last_day=date.fromordinal(cycle.next_day.toordinal() - 1),
        payment_due_date=date.fromordinal(cycle.next_day.toordinal() + PAYMENT_DAYS) if invoice else None,
        billing_account=Reference(id=account.id),
        related_party=(
            _seller(operator) if seller is None else _reseller(seller),
            Party(id=account.id, role="customer", name=account.name or "", address=account.address),
        ),
        amount_due=money(gross if payable else nothing),
        tax_excluded_amount=money(net),
        tax_included_amount=money(gross),
        tax_item=(
            TaxItem(
                tax_category="VAT",
                tax_rate=operator.vat_percent,
                tax_excluded_amount=money(net),
                tax_amount=money(tax),
            ),
        ),
        applied_customer_billing_rate=numbered,
        sim_use=tuple(sim_use),
        bucket=tuple(bucket),
        wallet=tuple(wallet),
        resale=tuple(resale),
        credits=credits,
        octets_paid=octets_paid,
        octets_overrun=octets_overrun,
    )


def _seller(operator: Operator) -> Party:
    return Party(
        id=operator.name,
        role="seller",
        name=operator.name,
        address=operator.address,
        vat_id=operator.vat_id,
        iban=operator.iban,
    )


def _reseller(account: Account) -> Party:
    name, address = account.name or "", account.address
    return Party(id=account.id, role="seller", name=name, address=address, vat_id=account.vat_id, iban=account.iban)


def _local(now: int, cycle: Cycle) -> str:
    return utc(now).astimezone(ZoneInfo(cycle.zone)).isoformat(timespec="seconds")
