"""Where billing's records come from: lists in memory (`Listed`), or SQL over one view (`ocs.billing.sums`).

Closing a cycle asks for sums, not for records, so that who has millions of them can add up where they are. Payers come
in ranges: with records that fit no memory, accounts are closed one range after another.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from ocs.billing.ledger import BucketMovements, bucket_movements
from ocs.billing.rated import RatedRecord, rated_records
from ocs.billing.settle import Settlement
from ocs.billing.statement import paid_in_money
from ocs.billing.tenure import Tenure
from ocs.billing.usage import Usage, usage_of
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr, Transfer


class Payers(NamedTuple):
    """A range of accounts, in the order of their ids; the first one has what nobody pays for, too."""

    first: str
    before: str | None
    """The first account beyond it; None: it has all from `first` on."""

    def __contains__(self, account_id: object) -> bool:
        text = str(account_id)
        return self.first <= text and (self.before is None or text < self.before)


class Beside(NamedTuple):
    """What a consumer statement says beside buckets."""

    overrun: int
    """Octets used beyond the allowance."""
    paid: int
    """Octets paid from a wallet."""


class Records(Protocol):
    """The records of one cycle, and what came late, as closing asks for them."""

    def usage(self, tenures: Mapping[str, Tenure]) -> Mapping[str, Usage]:
        """Postpaid use in the cycle, by subscription, of those in `tenures`; without what came late."""

    def movements(self, payers: Payers) -> list[BucketMovements]:
        """Every bucket that the cycle saw, in the order of purchase."""

    def beside(self, payers: Payers) -> Mapping[str, Beside]:
        """By account, of those that used more than their allowance or paid from a wallet."""

    def edrs(self, payers: Payers) -> tuple[Edr, ...]:
        """The records themselves, without what came late."""

    def rated(self, settlements: Iterable[Settlement]) -> Iterator[RatedRecord]:
        """A rated record for each EDR of octets that was settled."""

    def write_rated(self, settlements: Iterable[Settlement], path: Path) -> None:
        """The same as CSV in a new file, without a header."""


class Source(Protocol):
    """All records that a closing may read."""

    @property
    def late(self) -> Sequence[Edr]:
        """See `Books`."""

    def of(self, cycle: Cycle, held: Mapping[str, Tenure]) -> Records:
        """Those of a cycle. `held`: all its subscriptions."""


@dataclass(frozen=True)
class Listed:
    """Records in lists, added up here. See `Books` for the fields."""

    every: Sequence[Edr]
    transfers: Sequence[Transfer]
    late: Sequence[Edr]

    def of(self, cycle: Cycle, held: Mapping[str, Tenure]) -> Records:
        """See `Source`."""
        return _Listed(self, cycle)


class _Listed:
    def __init__(self, source: Listed, cycle: Cycle) -> None:
        self._source = source
        self._cycle = cycle
        self._current = [edr for edr in source.every if edr.cycle_id == cycle.id]

    def usage(self, tenures: Mapping[str, Tenure]) -> Mapping[str, Usage]:
        return {name: used for name, used in usage_of(self._current).items() if name in tenures}

    def movements(self, payers: Payers) -> list[BucketMovements]:
        # What a late EDR took from a bucket it takes in this cycle: the one before has told what it left.
        cycle_of_edr = {edr.edr_id: edr.cycle_id for edr in self._source.every if edr.party == "b2c"}
        cycle_of_edr.update((edr.edr_id, self._cycle.id) for edr in self._source.late)
        found = bucket_movements(self._cycle, self._source.transfers, cycle_of_edr)
        return [bucket for bucket in found if bucket.credit.account_id in payers]

    def beside(self, payers: Payers) -> Mapping[str, Beside]:
        return {name: found for name, found in beside((*self._current, *self._source.late)).items() if name in payers}

    def edrs(self, payers: Payers) -> tuple[Edr, ...]:
        return tuple([edr for edr in self._current if edr.account_id in payers])

    def rated(self, settlements: Iterable[Settlement]) -> Iterator[RatedRecord]:
        by_subscription = defaultdict(list)
        for edr in self._current:
            by_subscription[edr.subscription_id or ""].append(edr)
        for settlement in settlements:
            yield from rated_records(settlement, by_subscription, self._cycle)

    def write_rated(self, settlements: Iterable[Settlement], path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = map(msgspec.structs.astuple, self.rated(settlements))
            csv.writer(file, lineterminator="\n").writerows(rows)


def beside(edrs: Iterable[Edr]) -> dict[str, Beside]:
    """What EDRs say beside buckets, by account."""
    found: dict[str, Beside] = {}
    for edr in edrs:
        paid = edr.octets_debited if paid_in_money(edr) else 0
        if edr.octets_overrun or paid:
            known = found.get(edr.account_id, Beside(0, 0))
            found[edr.account_id] = Beside(known.overrun + edr.octets_overrun, known.paid + paid)
    return found
