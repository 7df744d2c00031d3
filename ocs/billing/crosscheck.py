"""Do the documents of a cycle hold what its records hold: each payer's octets and money, all of them, nobody else's?

Records are added up anew here, from EDRs, rated records and ledger; documents are taken as printed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from ocs.billing.close import CycleClose
from ocs.billing.documents import Document
from ocs.billing.ledger import BucketMovements
from ocs.billing.rated import RatedRecord
from ocs.billing.statement import paid_in_money
from ocs.catalogue.currency import minor_places
from ocs.records.edr import Edr
from ocs.units import MICROS


class Difference(msgspec.Struct, frozen=True):
    """Two figures that should be equal, and the EDRs behind them."""

    what: str
    where: str
    expected: str
    found: str
    edr_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        behind = f" ({', '.join(self.edr_ids[:3])}{', ...' if len(self.edr_ids) > 3 else ''})" if self.edr_ids else ""
        return f"{self.where}: {self.what}: expected {self.expected}, found {self.found}{behind}"


@dataclass(slots=True)
class _Payer:
    """Everything that concerns one payer."""

    postpaid: list[Edr] = field(default_factory=list)
    """Of octets, priced when the cycle closed."""
    events: list[Edr] = field(default_factory=list)
    """Postpaid messages and calls, priced when they happened."""
    prepaid: list[Edr] = field(default_factory=list)
    buckets: list[BucketMovements] = field(default_factory=list)
    invoices: list[Document] = field(default_factory=list)
    statements: list[Document] = field(default_factory=list)
    sims: set[str] = field(default_factory=set)
    """IMSIs of the SIMs that the payer has a B2B split on."""


def documents_differ(close: CycleClose, rated: Mapping[str, RatedRecord]) -> Iterator[Difference]:
    """Where a document says something else than the records (`rated`: by edr_id), or does not add up in itself."""
    payers: dict[str, _Payer] = defaultdict(_Payer)
    for edr in close.edrs:
        payer = payers[edr.account_id]
        postpaid = payer.postpaid if edr.unit_type == "octets" else payer.events
        (payer.prepaid if edr.party == "b2c" else postpaid).append(edr)
    for bucket in close.buckets:
        payers[bucket.credit.account_id].buckets.append(bucket)
    with_bundle = [member.tenure for settlement in close.settlements for member in settlement.members]
    with_events = [charge.tenure for charge in close.charges]
    with_bundle += [tenure for adjustment in close.adjustments for tenure in adjustment.tenures]
    for tenure in with_bundle + with_events:
        payers[tenure.account_id].sims.add(tenure.last.imsi)
    for document in close.documents:
        payer = payers[document.customer.id]
        if document.type == "EnterpriseInvoice":
            payer.invoices.append(document)
        elif document.type == "ConsumerStatement":
            payer.statements.append(document)
    payers.pop("", None)  # unattributed: on no document, so any octet of it on one is a difference elsewhere
    for account_id in sorted(payers):
        yield from _invoices_differ(f"invoices of {account_id}", payers[account_id], rated)
        yield from _statements_differ(f"statements of {account_id}", payers[account_id])
    yield from _settlements_differ(close)
    for document in close.documents:
        yield from sums_differ(document)


def _invoices_differ(where: str, payer: _Payer, rated: Mapping[str, RatedRecord]) -> Iterator[Difference]:
    lines = [line for document in payer.invoices for line in document.applied_customer_billing_rate]
    memo = [use for document in payer.invoices for use in document.sim_use]
    octets = sum(edr.octets_total for edr in payer.postpaid)
    micros = sum(rated[edr.edr_id].amount_micros for edr in payer.postpaid if edr.edr_id in rated)
    overage = sum((line.exact_amount.value for line in lines if line.type in ("overage", "adjustment")), Decimal(0))
    share = sum((use.overage.value for use in memo), Decimal(0))
    yield from _compare(where, "octets of the lines", octets, sum(line.octets for line in lines), payer.postpaid)
    yield from _compare(where, "octets in the memo per SIM", octets, sum(use.octets for use in memo), payer.postpaid)
    yield from _compare(where, "exact amount of overage", Decimal(micros) / MICROS, overage, payer.postpaid)
    yield from _compare(where, "exact amount in the memo per SIM", Decimal(micros) / MICROS, share, payer.postpaid)
    priced = Decimal(sum(edr.amount_micros or 0 for edr in payer.events)) / MICROS
    events = sum((line.exact_amount.value for line in lines if line.type in ("messages", "calls")), Decimal(0))
    yield from _compare(where, "exact amount of messages and calls", priced, events, payer.events)
    used = {edr.physical_imsi for edr in (*payer.postpaid, *payer.events)}
    for imsi in sorted(({use.imsi for use in memo} | used) - payer.sims):
        yield Difference("SIM of another payer", where, "none", imsi)


def _statements_differ(where: str, payer: _Payer) -> Iterator[Difference]:
    lines = [line for document in payer.statements for line in document.applied_customer_billing_rate]
    uses = [use for document in payer.statements for use in document.bucket]
    wallets = [use for document in payer.statements for use in document.wallet]
    by_money = [edr for edr in payer.prepaid if paid_in_money(edr)]
    by_volume = [edr for edr in payer.prepaid if not paid_in_money(edr)]
    debited = sum(edr.octets_debited for edr in by_volume if edr.octets_debited > 0)
    refunded = -sum(edr.octets_debited for edr in by_volume if edr.octets_debited < 0)
    overrun = sum(edr.octets_overrun for edr in payer.prepaid)
    found_overrun = sum(document.octets_overrun for document in payer.statements)
    bought = [bucket for bucket in payer.buckets if bucket.added]
    price = Decimal(sum(bucket.credit.price_micros for bucket in bought)) / MICROS
    found_price = sum((line.exact_amount.value for line in lines), Decimal(0))
    yield from _compare(where, "octets used", debited, sum(use.octets_used for use in uses), by_volume)
    yield from _compare(where, "octets beyond the allowance", overrun, found_overrun, payer.prepaid)
    spent = Decimal(sum(edr.amount_micros or 0 for edr in by_money if edr.octets_total > 0)) / MICROS
    found_spent = sum((use.used.value for use in wallets), Decimal(0))
    yield from _compare(where, "money used", spent, found_spent, by_money)
    paid = sum(edr.octets_debited for edr in by_money)
    yield from _compare(
        where, "octets paid in money", paid, sum(document.octets_paid for document in payer.statements), by_money
    )
    found_refunds = sum(line.octets for line in lines if line.type == "refund")
    yield from _compare(where, "octets refunded", refunded, found_refunds, payer.prepaid)
    yield from _compare(
        where,
        "octets bought, given or refunded",
        sum(bucket.added for bucket in bought if not bucket.in_money),
        sum(line.octets for line in lines),
    )
    added = Decimal(sum(bucket.added for bucket in bought if bucket.in_money)) / MICROS
    found_added = sum((use.added.value for use in wallets), Decimal(0))
    yield from _compare(where, "money bought, given or refunded", added, found_added)
    yield from _compare(where, "price of purchases", price, found_price)
    held = {use.bucket_id for use in uses} | {use.bucket_id for use in wallets}
    for bucket_id in sorted(held ^ {bucket.bucket_id for bucket in payer.buckets}):
        yield Difference("bucket missing, or of another payer", where, "none", bucket_id)


def _settlements_differ(close: CycleClose) -> Iterator[Difference]:
    """Each reseller is told of what all its customers have bought, of all of it and of nothing else."""
    accounts = close.register.accounts
    sold: dict[str, int] = defaultdict(int)
    for _, bucket in close.sales:
        seller = accounts[bucket.credit.account_id].parent
        if bucket.added and bucket.kind == "purchase" and seller is not None and accounts[seller].kind == "reseller":
            sold[seller] += bucket.credit.price_micros
    found: dict[str, Decimal] = defaultdict(Decimal)
    for document in close.documents:
        if document.type == "ResellerSettlement":
            found[document.customer.id] += sum(
                (item.count * item.retail_price.value for item in document.resale), Decimal(0)
            )
    for reseller in sorted(sold.keys() | found.keys()):
        where = f"settlements of {reseller}"
        yield from _compare(where, "retail price of purchases", Decimal(sold[reseller]) / MICROS, found[reseller])


def sums_differ(document: Document) -> Iterator[Difference]:
    """Lines are rounded by half a minor unit at most and add up to the total; net + VAT = gross; buckets add up."""
    where = f"document {document.bill_no}"
    lines = document.applied_customer_billing_rate
    for line in lines:
        if abs(line.amount - line.exact_amount.value) > Decimal(5).scaleb(-1 - minor_places(line.exact_amount.unit)):
            yield Difference(f"amount of line {line.id}", where, str(line.exact_amount.value), str(line.amount))
    net, gross = document.tax_excluded_amount.value, document.tax_included_amount.value
    vat = sum((item.tax_amount.value for item in document.tax_item), Decimal(0))
    for amounts, total in (
        ([line.tax_excluded_amount.value for line in lines if line.tax_excluded_amount is not None], net),
        ([line.tax_included_amount.value for line in lines if line.tax_included_amount is not None], gross),
    ):
        if amounts:
            yield from _compare(where, "sum of the lines", total, sum(amounts, Decimal(0)))
    yield from _compare(where, "net + VAT", gross, net + vat)
    for use in document.bucket:
        closing = use.octets_opening + use.octets_added - use.octets_used - use.octets_expired
        what = f"opening + top-ups - used - expired of bucket {use.bucket_id}"
        yield from _compare(where, what, use.octets_closing, closing)
    for credit in document.wallet:
        left = credit.opening.value + credit.added.value - credit.used.value - credit.expired.value
        what = f"opening + top-ups - used - expired of bucket {credit.bucket_id}"
        yield from _compare(where, what, credit.closing.value, left)


def _compare(
    where: str, what: str, expected: int | Decimal, found: int | Decimal, behind: Sequence[Edr] = ()
) -> Iterator[Difference]:
    if expected != found:
        yield Difference(what, where, str(expected), str(found), tuple(edr.edr_id for edr in behind))
