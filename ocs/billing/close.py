"""The door of billing: `close_cycle` turns a cycle's records into documents and rated records.

It is a pure function of the books. Running it again gives equal documents with equal numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ocs.billing.books import Books
from ocs.billing.documents import Document, compose
from ocs.billing.invoice import invoice_lines, sim_use
from ocs.billing.ledger import BucketMovements, bucket_movements
from ocs.billing.online import OnlineCharges, online_charges
from ocs.billing.rated import RatedRecord, adjusted_records, rated_records
from ocs.billing.resale import resale, sales_of, settlement_lines
from ocs.billing.settle import Adjustment, Settlement, adjustments, settlements
from ocs.billing.statement import bucket_use, paid_in_money, statement_lines, wallet_use
from ocs.billing.tenure import Tenure, tenures
from ocs.billing.usage import usage_of
from ocs.catalogue.plans import Postpaid
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle, cycle_named
from ocs.records.edr import Edr


@dataclass(frozen=True, slots=True)
class CycleClose:
    """What closing one cycle gave."""

    cycle: Cycle
    register: Register
    tenures: dict[str, Tenure]
    """Every subscription of the cycle, by id."""
    edrs: tuple[Edr, ...]
    """Those that are on its documents: of the cycle, and late ones of earlier cycles."""
    documents: tuple[Document, ...]
    """Invoices, then statements, then settlements of resellers, each in the order of accounts."""
    settlements: tuple[Settlement, ...]
    """One for each postpaid bundle: of a SIM alone, or of a pool."""
    adjustments: tuple[Adjustment, ...]
    """Late use, by earlier cycle and bundle."""
    charges: tuple[OnlineCharges, ...]
    """Messages and calls, priced when they happened."""
    buckets: tuple[BucketMovements, ...]
    """Every prepaid bucket that the cycle saw."""

    @property
    def rated(self) -> list[RatedRecord]:
        """One rated record for each postpaid EDR of octets on the documents."""
        return list(self._rated())

    def _rated(self) -> Iterator[RatedRecord]:
        current, late = defaultdict(list), []
        for edr in self.edrs:
            if edr.cycle_id == self.cycle.id:
                current[edr.subscription_id or ""].append(edr)
            else:
                late.append(edr)
        for settlement in self.settlements:
            yield from rated_records(settlement, current, self.cycle)
        for adjustment in self.adjustments:
            yield from adjusted_records(adjustment, late, self.cycle)


def close_cycle(cycle: Cycle, books: Books) -> CycleClose:
    """Close a billing cycle."""
    register = books.register
    current = tuple([edr for edr in books.edrs if edr.cycle_id == cycle.id])
    usage, held = usage_of(current), tenures(cycle, books.history, register)
    settled = tuple(settlements(held.values(), usage, cycle))
    charges = [
        charge
        for subscription_id, tenure in held.items()
        if subscription_id in usage
        for charge in online_charges(tenure, usage[subscription_id])
    ]
    adjusted: list[Adjustment] = []
    for cycle_id in sorted({edr.cycle_id for edr in books.late}):
        earlier = cycle_named(cycle_id, cycle.zone, cycle.day)
        then = tenures(earlier, books.history, register)
        billed = usage_of(edr for edr in books.edrs if edr.cycle_id == cycle_id)
        late = usage_of(edr for edr in books.late if edr.cycle_id == cycle_id)
        adjusted += adjustments(then.values(), billed, late, earlier)
        for subscription_id, used in late.items():
            charges += online_charges(then[subscription_id], used, earlier)
    # What a late EDR took from a bucket it takes in this cycle: the one before has told what it left.
    cycle_of_edr = {edr.edr_id: edr.cycle_id for edr in books.edrs if edr.party == "b2c"}
    cycle_of_edr.update((edr.edr_id, cycle.id) for edr in books.late)
    buckets = tuple(
        replace(bucket, in_money=bool(held[bucket.credit.subscription_id].plan.prices))
        for bucket in bucket_movements(cycle, books.transfers, cycle_of_edr)
        if not isinstance(held[bucket.credit.subscription_id].plan, Postpaid)  # a per-SIM limit is nobody's property
    )
    edrs = (*current, *books.late)
    invoices = _invoices(cycle, register, settled, charges, adjusted)
    statements = _statements(cycle, register, held, buckets, edrs)
    documents = (*invoices, *statements, *_reseller_settlements(cycle, register, held, buckets))
    return CycleClose(
        cycle, register, held, edrs, documents, settled, tuple(adjusted), tuple(charges), buckets
    )  # fmt: skip


def _invoices(
    cycle: Cycle,
    register: Register,
    settled: Iterable[Settlement],
    charges: Iterable[OnlineCharges],
    adjusted: Iterable[Adjustment],
) -> list[Document]:
    by_payer: dict[str, _Owed] = defaultdict(lambda: _Owed([], [], []))
    for settlement in settled:
        by_payer[settlement.account_id].settlements.append(settlement)
    for charge in charges:
        by_payer[charge.tenure.account_id].charges.append(charge)
    for adjustment in adjusted:
        by_payer[adjustment.account_id].adjustments.append(adjustment)
    operator = register.operator
    return [
        compose(
            "EnterpriseInvoice",
            number,
            cycle,
            operator,
            register.accounts[account_id],
            list(invoice_lines(owed.settlements, owed.charges, owed.adjustments, cycle, operator.currency)),
            tax_included=False,
            sim_use=list(sim_use(owed.settlements, owed.adjustments, operator.currency)),
        )
        for number, (account_id, owed) in enumerate(sorted(by_payer.items()), 1)
    ]


@dataclass(frozen=True, slots=True)
class _Owed:
    """What one payer owes for."""

    settlements: list[Settlement]
    charges: list[OnlineCharges]
    adjustments: list[Adjustment]


def _statements(
    cycle: Cycle, register: Register, held: dict[str, Tenure], movements: Iterable[BucketMovements], edrs: Iterable[Edr]
) -> list[Document]:
    """Statements of the payers who bought, owned, used or overran anything in the cycle."""
    buckets: dict[str, list[tuple[Tenure, BucketMovements]]] = defaultdict(list)
    beyond: dict[str, int] = defaultdict(int)
    paid: dict[str, int] = defaultdict(int)
    for bucket in movements:
        tenure = held[bucket.credit.subscription_id]
        buckets[tenure.account_id].append((tenure, bucket))
    for edr in edrs:
        if edr.octets_overrun:
            beyond[edr.account_id] += edr.octets_overrun
        if paid_in_money(edr):
            paid[edr.account_id] += edr.octets_debited
    operator = register.operator
    return [
        compose(
            "ConsumerStatement",
            number,
            cycle,
            operator,
            register.accounts[account_id],
            list(statement_lines(buckets[account_id], operator)),
            tax_included=operator.consumer_prices_include_vat,
            bucket=list(bucket_use(buckets[account_id], operator.currency)),
            wallet=list(wallet_use(buckets[account_id], operator.currency)),
            octets_paid=paid[account_id],
            octets_overrun=beyond[account_id],
            seller=register.reseller_of(account_id),
        )
        for number, account_id in enumerate(sorted(buckets.keys() | beyond.keys()), 1)
    ]


def _reseller_settlements(
    cycle: Cycle, register: Register, held: dict[str, Tenure], movements: Iterable[BucketMovements]
) -> list[Document]:
    """Settlements of the resellers whose customers bought anything in the cycle."""
    operator, sales = register.operator, [(held[bucket.credit.subscription_id], bucket) for bucket in movements]
    resellers = sorted(account.id for account in register.accounts.values() if account.kind == "reseller")
    by_reseller = {reseller: sold for reseller in resellers if (sold := sales_of(reseller, sales, register))}
    return [
        compose(
            "ResellerSettlement",
            number,
            cycle,
            operator,
            register.accounts[reseller],
            list(settlement_lines(sold, operator)),
            tax_included=False,
            resale=list(resale(sold, operator)),
        )
        for number, (reseller, sold) in enumerate(by_reseller.items(), 1)
    ]
