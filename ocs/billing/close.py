"""The door of billing: `close_cycle` turns a cycle's records into documents and rated records.

It is a pure function of its inputs, and takes plain records: a simulation passes its lists, a served OCS what it reads
from its tables. Running it again gives equal documents with equal numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from ocs.billing.documents import Document, compose
from ocs.billing.invoice import invoice_lines, sim_use
from ocs.billing.ledger import BucketMovements, bucket_movements
from ocs.billing.rated import OnlineCharges, RatedRecord, Settlement, online_charges, settle
from ocs.billing.statement import bucket_use, statement_lines
from ocs.catalogue.plans import PostpaidIndividual
from ocs.inventory.provisioning import Provisioning
from ocs.inventory.subscribers import Inventory, Subscription
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr, Transfer


@dataclass(frozen=True, slots=True)
class CycleClose:
    """What closing one cycle gave."""

    cycle: Cycle
    inventory: Inventory
    edrs: tuple[Edr, ...]
    """Those of the cycle."""
    documents: tuple[Document, ...]
    """Invoices in the order of accounts, then statements in the order of accounts."""
    settlements: tuple[Settlement, ...]
    """One for each postpaid subscription with a bundle."""
    charges: tuple[OnlineCharges, ...]
    """Messages and calls, priced when they happened."""
    buckets: tuple[BucketMovements, ...]
    """Every prepaid bucket that the cycle saw."""

    @property
    def rated(self) -> list[RatedRecord]:
        """One rated record for each postpaid EDR of octets in the cycle."""
        return [record for settlement in self.settlements for record in settlement.records]


def close_cycle(
    cycle: Cycle,
    provisioning: Provisioning,
    provisioned_at: Mapping[str, int],
    edrs: Iterable[Edr],
    transfers: Iterable[Transfer],
) -> CycleClose:
    """Close a billing cycle.

    Args:
        cycle: which one.
        provisioning: accounts, plans, profiles and SIMs.
        provisioned_at: for each IMSI the instant at which its SIM was provisioned; SIMs that are missing, or came after
            the cycle, are not billed.
        edrs: at least those of the cycle, with their `cycle_id`; those of other cycles may be among them.
        transfers: the ledger from the first purchase on, at least to the end of the cycle.
    """
    inventory = _inventory(cycle, provisioning, provisioned_at)
    edrs = list(edrs)
    current = tuple(edr for edr in edrs if edr.cycle_id == cycle.id)
    by_subscription: dict[str, list[Edr]] = defaultdict(list)
    for edr in current:
        if edr.subscription_id is not None:
            by_subscription[edr.subscription_id].append(edr)
    subscriptions = _subscriptions(inventory)
    settlements = [
        settle(subscription, plan, by_subscription[subscription_id], cycle, subscription.sim.provisioned_at)
        for subscription_id, subscription in subscriptions.items()
        if isinstance(plan := subscription.plan, PostpaidIndividual) and _has_bundle(subscription)
    ]
    charges = [
        charge
        for subscription_id, subscription in subscriptions.items()
        if isinstance(plan := subscription.plan, PostpaidIndividual)
        for charge in online_charges(subscription, plan, by_subscription[subscription_id])
    ]
    cycle_of_edr = {edr.edr_id: edr.cycle_id for edr in edrs if edr.party == "b2c"}
    movements = bucket_movements(cycle, transfers, cycle_of_edr)
    overrun = {
        subscription_id: sum(edr.octets_overrun for edr in by_subscription[subscription_id])
        for subscription_id, subscription in subscriptions.items()
        if not isinstance(subscription.plan, PostpaidIndividual)
    }
    invoices = _invoices(cycle, inventory, settlements, charges)
    statements = _statements(cycle, inventory, subscriptions, movements, overrun)
    documents = (*invoices, *statements)
    return CycleClose(cycle, inventory, current, documents, tuple(settlements), tuple(charges), tuple(movements))


def _inventory(cycle: Cycle, provisioning: Provisioning, provisioned_at: Mapping[str, int]) -> Inventory:
    """The inventory as it was built up: SIMs in the order in which they came."""
    inventory = Inventory()
    known = [sim for sim in provisioning.sims if provisioned_at.get(sim.imsi, cycle.end) < cycle.end]
    known.sort(key=lambda sim: provisioned_at[sim.imsi])
    for at, sims in groupby(known, key=lambda sim: provisioned_at[sim.imsi]):
        inventory.add(provisioning.model_copy(update={"sims": tuple(sims)}), at)
    return inventory


def _subscriptions(inventory: Inventory) -> dict[str, Subscription]:
    return {
        subscription.subscription_id: subscription
        for sim in inventory.by_imsi.values()
        for subscription in sim.subscriptions.values()
    }


def _has_bundle(subscription: Subscription) -> bool:
    """Whether octets are its business: those of a SIM with a profile are its splits', not the SIM's own."""
    return subscription.profile is not None or not subscription.sim.has_profile


def _invoices(
    cycle: Cycle, inventory: Inventory, settlements: Iterable[Settlement], charges: Iterable[OnlineCharges]
) -> list[Document]:
    by_payer: dict[str, list[Settlement]] = defaultdict(list)
    for settlement in settlements:
        by_payer[settlement.subscription.account_id].append(settlement)
    charged: dict[str, list[OnlineCharges]] = defaultdict(list)
    for charge in charges:
        charged[charge.subscription.account_id].append(charge)
    operator = inventory.operator
    return [
        compose(
            "EnterpriseInvoice",
            number,
            cycle,
            operator,
            inventory.accounts[account_id],
            list(invoice_lines(by_payer[account_id], charged[account_id], cycle, operator.currency)),
            tax_included=False,
            sim_use=list(sim_use(by_payer[account_id], operator.currency)),
        )
        for number, account_id in enumerate(sorted(by_payer.keys() | charged.keys()), 1)
    ]


def _statements(
    cycle: Cycle,
    inventory: Inventory,
    subscriptions: Mapping[str, Subscription],
    movements: Iterable[BucketMovements],
    overrun: Mapping[str, int],
) -> list[Document]:
    """Statements of the payers who bought, owned, used or overran anything in the cycle."""
    buckets: dict[str, list[tuple[Subscription, BucketMovements]]] = defaultdict(list)
    beyond: dict[str, int] = defaultdict(int)
    for bucket in movements:
        subscription = subscriptions[bucket.credit.subscription_id]
        buckets[subscription.account_id].append((subscription, bucket))
    for subscription_id, octets in overrun.items():
        if octets:
            beyond[subscriptions[subscription_id].account_id] += octets
    operator = inventory.operator
    return [
        compose(
            "ConsumerStatement",
            number,
            cycle,
            operator,
            inventory.accounts[account_id],
            list(statement_lines(buckets[account_id], operator)),
            tax_included=operator.consumer_prices_include_vat,
            bucket=list(bucket_use(buckets[account_id])),
            octets_overrun=beyond[account_id],
        )
        for number, account_id in enumerate(sorted(buckets.keys() | beyond.keys()), 1)
    ]
