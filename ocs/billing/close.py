"""The door of billing: `close_cycle` turns a cycle's records into documents and rated records.

It is a pure function of the books. Running it again gives equal documents with equal numbers. `closes` does the same
for one range of payers after another, so that no more of a large cycle is in memory than one range needs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ocs.billing.books import Books
from ocs.billing.documents import Document, compose
from ocs.billing.invoice import invoice_lines, sim_use
from ocs.billing.ledger import BucketMovements
from ocs.billing.online import OnlineCharges, online_charges
from ocs.billing.rated import RatedRecord, adjusted_records
from ocs.billing.resale import Sale, resale, sales_of, settlement_lines
from ocs.billing.settle import Adjustment, Settlement, adjustments, settlements
from ocs.billing.sources import Beside, Listed, Payers, Records, Source
from ocs.billing.statement import bucket_use, statement_lines, wallet_use
from ocs.billing.tenure import Tenure, tenures
from ocs.billing.usage import usage_of
from ocs.catalogue.plans import Postpaid
from ocs.inventory.history import Change
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle, cycle_named
from ocs.records.edr import Edr

TENURES_AT_ONCE = 5_000
"""Subscriptions whose payers are closed at once; a payer with more is closed alone."""


@dataclass(frozen=True)
class CycleClose:
    """What closing one cycle gave."""

    cycle: Cycle
    register: Register
    tenures: dict[str, Tenure]
    """Every subscription of the cycle, by id."""
    records: Records
    payers: Payers
    """Those that are closed here."""
    late: tuple[Edr, ...]
    """EDRs of earlier cycles that are on the documents."""
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
    sales: tuple[Sale, ...]
    """Buckets of resellers' customers, of all payers closed so far, where resellers are told of them here."""

    @cached_property
    def edrs(self) -> tuple[Edr, ...]:
        """Those that are on its documents: of the cycle, and late ones of earlier cycles."""
        return (*self.records.edrs(self.payers), *self.late)

    @cached_property
    def rated(self) -> list[RatedRecord]:
        """One rated record for each postpaid EDR of octets on the documents."""
        return [*self.records.rated(self.settlements), *self.adjusted]

    @property
    def adjusted(self) -> Iterator[RatedRecord]:
        """Of them, those of EDRs that came late."""
        for adjustment in self.adjustments:
            yield from adjusted_records(adjustment, self.late, self.cycle)


def close_cycle(cycle: Cycle, books: Books) -> CycleClose:
    """Close a billing cycle."""
    source = Listed(books.edrs, books.transfers, books.late)
    (close,) = closes(cycle, books.register, books.history, source, at_once=None)
    return close


def closes(
    cycle: Cycle,
    register: Register,
    history: Iterable[Change],
    source: Source,
    *,
    at_once: int | None = TENURES_AT_ONCE,
) -> Iterator[CycleClose]:
    """Close a billing cycle, one range of payers after another; together they give what `close_cycle` gives.

    A range has payers with `at_once` subscriptions, or one payer with more; None: all payers at once. Resellers are
    told of their customers' purchases in the last one: until then those are kept.
    """
    history = tuple(history)
    closing = _Closing(cycle, register, history, source)
    ranges = list(_ranges(register, closing.held, at_once))
    for payers in ranges:
        yield closing.of(payers, last=payers is ranges[-1])


def _ranges(register: Register, held: Mapping[str, Tenure], at_once: int | None) -> Iterator[Payers]:
    """Ranges that hold all accounts, in their order."""
    sizes: dict[str, int] = dict.fromkeys(sorted(register.accounts), 0)
    for tenure in held.values():
        sizes[tenure.account_id] += 1
    first, size = "", 0
    for account_id, more in sizes.items():
        if at_once is not None and size and size + more > at_once:
            yield Payers(first, account_id)
            first, size = account_id, 0
        size += more
    yield Payers(first, None)


class _Closing:
    """A cycle while it is being closed."""

    def __init__(self, cycle: Cycle, register: Register, history: tuple[Change, ...], source: Source) -> None:
        self._cycle, self._register, self._late = cycle, register, tuple(source.late)
        self.held = tenures(cycle, history, register)
        self._records = source.of(cycle, self.held)
        self._by_payer = _ByPayer(self.held)
        self._earlier = []
        for cycle_id in sorted({edr.cycle_id for edr in source.late}):
            earlier = cycle_named(cycle_id, cycle.zone, cycle.day)
            then = tenures(earlier, history, register)
            self._earlier.append(_Earlier(earlier, _ByPayer(then), source.of(earlier, then)))
        self._sales: list[Sale] = []
        self._invoices = self._statements = 0
        """How many have been written."""

    def of(self, payers: Payers, *, last: bool) -> CycleClose:
        """Close one range of payers; the `last` one has the settlements of resellers."""
        cycle, register, held = self._cycle, self._register, self.held
        mine = self._by_payer[payers]
        usage = self._records.usage(mine)
        settled = tuple(settlements(mine.values(), usage, cycle))
        charges = [
            charge for name, tenure in mine.items() if name in usage for charge in online_charges(tenure, usage[name])
        ]
        adjusted: list[Adjustment] = []
        late: list[Edr] = []
        for earlier in self._earlier:
            then = earlier.by_payer[payers]
            came = [edr for edr in self._late if edr.cycle_id == earlier.cycle.id and edr.account_id in payers]
            late += came
            used = {name: use for name, use in usage_of(came).items() if name in then}
            adjusted += adjustments(then.values(), earlier.records.usage(then), used, earlier.cycle)
            for name, use in used.items():
                charges += online_charges(then[name], use, earlier.cycle)
        buckets = tuple(
            replace(bucket, in_money=bool(held[bucket.credit.subscription_id].plan.prices))
            for bucket in self._records.movements(payers)
            if not isinstance(
                held[bucket.credit.subscription_id].plan, Postpaid
            )  # a per-SIM limit is nobody's property
        )
        self._sales += [
            (held[bucket.credit.subscription_id], bucket)
            for bucket in buckets
            if register.reseller_of(bucket.credit.account_id) is not None
        ]
        invoices = _invoices(cycle, register, settled, charges, adjusted, self._invoices)
        beside = self._records.beside(payers)
        statements = _statements(cycle, register, held, buckets, beside, self._statements)
        self._invoices += len(invoices)
        self._statements += len(statements)
        sales = tuple(self._sales) if last else ()
        documents = (*invoices, *statements, *_reseller_settlements(cycle, register, sales))
        return CycleClose(
            cycle, register, held, self._records, payers, tuple(late), documents, settled, tuple(adjusted),
            tuple(charges), buckets, sales,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A cycle that was closed before, of which records came late."""

    cycle: Cycle
    by_payer: _ByPayer
    records: Records


class _ByPayer:
    """Subscriptions by who pays for them."""

    def __init__(self, held: Mapping[str, Tenure]) -> None:
        self._places = {name: place for place, name in enumerate(held)}
        self._held = sorted(held.values(), key=_payer)

    def __getitem__(self, payers: Payers) -> dict[str, Tenure]:
        """Those of a range of payers, in the order in which they began."""
        first = bisect_left(self._held, payers.first, key=_payer)
        beyond = len(self._held) if payers.before is None else bisect_left(self._held, payers.before, key=_payer)
        mine = {tenure.subscription_id: tenure for tenure in self._held[first:beyond]}
        return {name: mine[name] for name in sorted(mine, key=self._places.__getitem__)}


def _payer(tenure: Tenure) -> str:
    return tenure.account_id


def _invoices(
    cycle: Cycle,
    register: Register,
    settled: Iterable[Settlement],
    charges: Iterable[OnlineCharges],
    adjusted: Iterable[Adjustment],
    written: int,
) -> list[Document]:
    """`written`: invoices of the cycle that there are already."""
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
        for number, (account_id, owed) in enumerate(sorted(by_payer.items()), written + 1)
    ]


@dataclass(frozen=True, slots=True)
class _Owed:
    """What one payer owes for."""

    settlements: list[Settlement]
    charges: list[OnlineCharges]
    adjustments: list[Adjustment]


def _statements(
    cycle: Cycle,
    register: Register,
    held: Mapping[str, Tenure],
    movements: Iterable[BucketMovements],
    beside: Mapping[str, Beside],
    written: int,
) -> list[Document]:
    """Statements of the payers who bought, owned, used or overran anything in the cycle."""
    buckets: dict[str, list[tuple[Tenure, BucketMovements]]] = defaultdict(list)
    for bucket in movements:
        tenure = held[bucket.credit.subscription_id]
        buckets[tenure.account_id].append((tenure, bucket))
    nothing = Beside(0, 0)
    overran = {account_id for account_id, found in beside.items() if found.overrun}
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
            octets_paid=beside.get(account_id, nothing).paid,
            octets_overrun=beside.get(account_id, nothing).overrun,
            seller=register.reseller_of(account_id),
        )
        for number, account_id in enumerate(sorted(buckets.keys() | overran), written + 1)
    ]


def _reseller_settlements(cycle: Cycle, register: Register, sales: Iterable[Sale]) -> list[Document]:
    """Settlements of the resellers whose customers bought anything in the cycle."""
    operator, sales = register.operator, tuple(sales)
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
