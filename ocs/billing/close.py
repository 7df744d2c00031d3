"""The door of billing: `close_cycle` turns a cycle's records into documents and rated records.

It is a pure function of the books. Running it again gives equal documents with equal numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ocs.billing.books import Books
from ocs.billing.documents import Document, compose
from ocs.billing.invoice import invoice_lines, sim_use
from ocs.billing.ledger import BucketMovements, bucket_movements
from ocs.billing.rated import OnlineCharges, RatedRecord, Settlement, online_charges, settlements
from ocs.billing.statement import bucket_use, statement_lines
from ocs.billing.tenure import Tenure, tenures
from ocs.catalogue.plans import Postpaid
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr


@dataclass(frozen=True, slots=True)
class CycleClose:
    """What closing one cycle gave."""

    cycle: Cycle
    register: Register
    tenures: dict[str, Tenure]
    """Every subscription of the cycle, by id."""
    edrs: tuple[Edr, ...]
    """Those of the cycle."""
    documents: tuple[Document, ...]
    """Invoices in the order of accounts, then statements in the order of accounts."""
    settlements: tuple[Settlement, ...]
    """One for each postpaid bundle: of a SIM alone, or of a pool."""
    charges: tuple[OnlineCharges, ...]
    """Messages and calls, priced when they happened."""
    buckets: tuple[BucketMovements, ...]
    """Every prepaid bucket that the cycle saw."""

    @property
    def rated(self) -> list[RatedRecord]:
        """One rated record for each postpaid EDR of octets in the cycle."""
        return [record for settlement in self.settlements for record in settlement.records]


def close_cycle(cycle: Cycle, books: Books) -> CycleClose:
    """Close a billing cycle."""
    register = books.register
    current = tuple(edr for edr in books.edrs if edr.cycle_id == cycle.id)
    by_subscription: dict[str, list[Edr]] = defaultdict(list)
    for edr in current:
        if edr.subscription_id is not None:
            by_subscription[edr.subscription_id].append(edr)
    held = tenures(cycle, books.history, register)
    settled = tuple(settlements(held.values(), by_subscription, cycle))
    charges = tuple(
        charge
        for subscription_id, tenure in held.items()
        if isinstance(plan := tenure.plan, Postpaid)
        for charge in online_charges(tenure, plan, by_subscription.get(subscription_id, ()))
    )
    cycle_of_edr = {edr.edr_id: edr.cycle_id for edr in books.edrs if edr.party == "b2c"}
    movements = tuple(bucket_movements(cycle, books.transfers, cycle_of_edr))
    overrun = {
        subscription_id: sum(edr.octets_overrun for edr in by_subscription.get(subscription_id, ()))
        for subscription_id, tenure in held.items()
        if not isinstance(tenure.plan, Postpaid)
    }
    invoices = _invoices(cycle, register, settled, charges)
    statements = _statements(cycle, register, held, movements, overrun)
    return CycleClose(cycle, register, held, current, (*invoices, *statements), settled, charges, movements)


def _invoices(
    cycle: Cycle, register: Register, settled: Iterable[Settlement], charges: Iterable[OnlineCharges]
) -> list[Document]:
    by_payer: dict[str, list[Settlement]] = defaultdict(list)
    for settlement in settled:
        by_payer[settlement.account_id].append(settlement)
    charged: dict[str, list[OnlineCharges]] = defaultdict(list)
    for charge in charges:
        charged[charge.tenure.account_id].append(charge)
    operator = register.operator
    return [
        compose(
            "EnterpriseInvoice",
            number,
            cycle,
            operator,
            register.accounts[account_id],
            list(invoice_lines(by_payer[account_id], charged[account_id], cycle, operator.currency)),
            tax_included=False,
            sim_use=list(sim_use(by_payer[account_id], operator.currency)),
        )
        for number, account_id in enumerate(sorted(by_payer.keys() | charged.keys()), 1)
    ]


def _statements(
    cycle: Cycle,
    register: Register,
    held: Mapping[str, Tenure],
    movements: Iterable[BucketMovements],
    overrun: Mapping[str, int],
) -> list[Document]:
    """Statements of the payers who bought, owned, used or overran anything in the cycle."""
    buckets: dict[str, list[tuple[Tenure, BucketMovements]]] = defaultdict(list)
    beyond: dict[str, int] = defaultdict(int)
    for bucket in movements:
        tenure = held[bucket.credit.subscription_id]
        buckets[tenure.account_id].append((tenure, bucket))
    for subscription_id, octets in overrun.items():
        if octets:
            beyond[held[subscription_id].account_id] += octets
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
            bucket=list(bucket_use(buckets[account_id])),
            octets_overrun=beyond[account_id],
        )
        for number, account_id in enumerate(sorted(buckets.keys() | beyond.keys()), 1)
    ]
