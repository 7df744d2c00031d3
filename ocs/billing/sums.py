"""Billing's records added up in SQL: sums at the grain at which prices are decided come to Python, and no single EDR.

Settling takes the use of a bundle in the order of events (`ocs.billing.settle`). With one price the order is no
matter: all use of a subscription in a zone is one `Use`. With several, by zone or time of day, or with rounding by
session, what matters is whether a report came before or after the bundle ran out. So those before it are added up,
those after it too, by price and session, and the one that crosses the limit stands alone. Only in bundles that have
refunds, where that is no single moment, each report is a row; and what came late is always read whole.

Everything is whole numbers: sums are 64 bits wide and checked by DuckDB, products with shares 128.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ocs.billing import sql
from ocs.billing.ledger import BucketMovements
from ocs.billing.rated import RatedRecord
from ocs.billing.settle import Settlement, bundles, included
from ocs.billing.sources import Beside, Payers, Records, beside
from ocs.billing.tenure import Tenure
from ocs.billing.usage import Usage, Use
from ocs.billing.view import View, quoted
from ocs.catalogue.plans import Postpaid
from ocs.rating.cycle import Cycle
from ocs.rating.rates import next_switch, rate_at
from ocs.records.columns import columns
from ocs.records.edr import Edr, Transfer
from ocs.units import MINUTE

if TYPE_CHECKING:
    import pyarrow as pa

_BEYOND: Final = 2**62
"""More octets than anybody uses."""
_RATED: Final = "SELECT * EXCLUDE (turn, moment) FROM rated ORDER BY turn, moment, edr_id"
_TRANSFER: Final = [column.name for column in columns(Transfer)]


@dataclass(frozen=True)
class Summed:
    """Records behind a view. `late`: EDRs of other cycles that came late; the view must not have them."""

    view: View
    late: Sequence[Edr] = ()

    def of(self, cycle: Cycle, held: Mapping[str, Tenure]) -> Sums:
        """See `ocs.billing.sources.Source`."""
        return Sums(self.view, cycle, held, self.late)


class Sums(Records):
    """The records of one cycle. What is added up stands in tables of the view's database (`ocs.billing.sql`)."""

    def __init__(self, view: View, cycle: Cycle, held: Mapping[str, Tenure], late: Sequence[Edr]) -> None:
        self._view, self._cycle, self._late = view, cycle, late
        self._of = cycle.id.replace("-", "_")
        self._place: dict[str, int] = {}
        """The number of each term, by subscription: those of a bundle, and of a payer, stand together."""
        self._moved = False
        view.db.execute(sql.MACROS)
        self._make_terms(held)
        self._do(sql.PLACED, cycle.id)
        self._do(sql.USE)
        self._events = self._summed_events()
        self._beside = self._summed_beside()

    def usage(self, tenures: Mapping[str, Tenure]) -> Mapping[str, Usage]:
        """See `Records`."""
        found = {name: replace(self._events[name], octets=[]) for name in tenures if name in self._events}
        names = {self._place[name]: name for name in tenures if name in self._place}
        if names:
            query = f"SELECT * FROM use_{self._of} WHERE n BETWEEN ? AND ?"
            for n, moment, key, scope, zone, octets in self._view.rows(query, (min(names), max(names))):
                if n in names:
                    found.setdefault(names[n], Usage()).octets.append(Use(moment, key, scope, zone, octets))
        return found

    def movements(self, payers: Payers) -> list[BucketMovements]:
        """See `Records`."""
        if not self._moved:
            self._make_movements()
            self._moved = True
        condition, values = _within(payers)
        query = f'SELECT * FROM movement_{self._of} WHERE {condition} ORDER BY "at", transfer_id'
        width = len(_TRANSFER)
        rows = self._view.rows(query, values)
        return [BucketMovements(Transfer(*row[:width]), False, *row[width:]) for row in rows]

    def beside(self, payers: Payers) -> Mapping[str, Beside]:
        """See `Records`."""
        return {account_id: found for account_id, found in self._beside.items() if account_id in payers}

    def edrs(self, payers: Payers) -> tuple[Edr, ...]:
        """See `Records`."""
        condition, values = _within(payers)
        return tuple(self._view.records(Edr, "edr", f"cycle_id = ? AND {condition}", (self._cycle.id, *values)))

    def rated(self, settlements: Iterable[Settlement]) -> Iterator[RatedRecord]:
        """See `Records`; in the order of settlements, of members, of events."""
        if self._is_settled(settlements):
            for row in self._view.rows(_RATED):
                yield RatedRecord(*row)

    def write_rated(self, settlements: Iterable[Settlement], path: Path) -> None:
        """See `Records`."""
        if self._is_settled(settlements):
            self._view.db.execute(f"COPY ({_RATED}) TO {quoted(path)} (FORMAT csv, HEADER false)")
        else:
            path.touch()

    def _make_terms(self, held: Mapping[str, Tenure]) -> None:
        """What SQL has to know: of each postpaid subscription, and of the prices of their plans."""
        users = {name for (name,) in self._view.rows(sql.USERS, (self._cycle.id,))}
        found = sorted(bundles(held.values(), users, self._cycle), key=lambda bundle: bundle[2][0].account_id)
        plans: dict[tuple[str, int], Postpaid] = {}
        terms: list[tuple[Any, ...]] = []
        for number, (plan, _, members) in enumerate(found):
            plans.setdefault((plan.id, plan.version), plan)
            by_session = plan.rounding == "session"
            by_turn = len(plan.prices) > 1 or (by_session and bool(plan.prices))
            volume = included(plan, members, self._cycle) if by_turn else None
            terms_of_plan = f"{plan.id} {plan.version}", by_turn, by_session, _by_clock(plan), volume
            for member in members:
                self._place[member.subscription_id] = len(terms)
                terms.append((len(terms), member.subscription_id, number, member.billed_from, *terms_of_plan))
        self._create("term", _TERM, terms)
        self._create("step", _STEP, [row for plan in plans.values() for row in _steps(plan)])
        self._create(
            "price", _PRICE, self._prices({f"{name} {version}": plan for (name, version), plan in plans.items()})
        )

    def _prices(self, plans: Mapping[str, Postpaid]) -> list[tuple[Any, ...]]:
        """The place of the price in each zone and, where the time of day is any matter, at each minute of the use."""
        rows: list[tuple[Any, ...]] = []
        for name, zone, first, last in self._view.rows(sql.ZONES.format(of=self._of), (self._cycle.id,)):
            plan = plans[name]
            drawn = plan.included_zones is None or zone in plan.included_zones
            if not _by_clock(plan):
                rows.append((name, zone, 0, rate_at(plan, zone, first), drawn))
                continue
            at: int | None = first
            while at is not None and at <= last:
                price, until = rate_at(plan, zone, at), next_switch(plan, zone, at)
                beyond = last // MINUTE + 1 if until is None else min(until // MINUTE, last // MINUTE + 1)
                rows += [(name, zone, minute, price, drawn) for minute in range(at // MINUTE, beyond)]
                at = until
        return rows

    def _summed_events(self) -> dict[str, Usage]:
        """Messages and calls, by subscription."""
        found: dict[str, Usage] = {}
        for name, unit_type, amount, micros in self._view.rows(sql.EVENTS, (self._cycle.id,)):
            usage = found.setdefault(name, Usage())
            if unit_type == "units":
                usage.messages, usage.messages_micros = amount, micros
            else:
                usage.seconds, usage.seconds_micros = amount, micros
        return found

    def _summed_beside(self) -> dict[str, Beside]:
        """With what came late."""
        found = {name: Beside(overrun, paid) for name, overrun, paid in self._view.rows(sql.BESIDE, (self._cycle.id,))}
        for name, more in beside(self._late).items():
            known = found.get(name, Beside(0, 0))
            found[name] = Beside(known.overrun + more.overrun, known.paid + more.paid)
        return found

    def _make_movements(self) -> None:
        """See `ocs.billing.ledger.bucket_movements`."""
        self._create("late", {"edr_id": "text"}, [(edr.edr_id,) for edr in self._late])
        credit = ", ".join(f'any_value("{name}") FILTER (kind = \'credit\') AS "{name}"' for name in _TRANSFER)
        self._do(sql.MOVEMENT, cycle=self._cycle.id, start=self._cycle.start, end=self._cycle.end, credit=credit)

    def _is_settled(self, settlements: Iterable[Settlement]) -> bool:
        """Make the relation `rated` of what some settlements have come to; whether there are any."""
        members: list[tuple[Any, ...]] = []
        parts: list[tuple[Any, ...]] = []
        for settlement in settlements:
            plan, volume = settlement.plan, settlement.octets_included if settlement.pool_id is None else None
            for member in settlement.members:
                n = self._place[member.tenure.subscription_id]
                members.append((n, len(members), volume, member.tenure.account_id, plan.id, plan.version))
                if volume is None:
                    parts += [(n, part.price, part.octets, part.over, part.micros) for part in member.parts]
        if not members:
            return False
        self._create("member", _MEMBER, members)
        self._create("part", _PART, parts)
        first, last = min(n for n, *_ in members), max(n for n, *_ in members)
        self._do(sql.RATED, cycle=self._cycle.id, first=first, last=last)
        return True

    def _do(self, query: str, *values: Any, **names: Any) -> None:
        self._view.db.execute(query.format(of=self._of, **names), values)

    def _create(self, name: str, kinds: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        self._view.db.register("given", _table(kinds, rows))
        self._view.db.execute(f"CREATE OR REPLACE TABLE {name}_{self._of} AS FROM given")
        self._view.db.unregister("given")


_TERM: Final = {
    "n": "whole",
    "subscription_id": "text",
    "bundle": "whole",
    "billed_from": "whole",
    "plan": "text",
    "by_turn": "flag",
    "by_session": "flag",
    "by_clock": "flag",
    "included": "whole",
}
_PRICE: Final = {"plan": "text", "zone": "text", "minute": "whole", "price": "whole", "drawn": "flag"}
_STEP: Final = {"plan": "text", "price": "whole", "block": "whole", "micros": "whole", "steps": "steps"}
_MEMBER: Final = {
    "n": "whole",
    "turn": "whole",
    "volume": "whole",
    "account_id": "text",
    "plan_id": "text",
    "plan_version": "whole",
}
_PART: Final = {"n": "whole", "price": "whole", "of": "whole", "over": "whole", "micros": "whole"}


def _table(kinds: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    import pyarrow as pa

    step = pa.struct([("above", pa.int64()), ("until", pa.int64()), ("micros", pa.int64())])
    types = {"whole": pa.int64(), "text": pa.string(), "flag": pa.bool_(), "steps": pa.list_(step)}
    cells: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(kinds)
    arrays = [pa.array(column, type=types[kind]) for kind, column in zip(kinds.values(), cells, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(kinds))


def _by_clock(plan: Postpaid) -> bool:
    """Whether the time of day is any matter for its prices."""
    return plan.time_zone is not None and any(rate.start is not None for rate in plan.rates)


def _steps(plan: Postpaid) -> Iterator[tuple[Any, ...]]:
    """The prices of a plan, by place."""
    for place, price in enumerate(plan.prices):
        steps = price.steps
        bounds = [*(above for above, _ in steps[1:]), _BEYOND]
        tiers = [
            {"above": above, "until": until, "micros": micros}
            for (above, micros), until in zip(steps, bounds, strict=True)
        ]
        yield f"{plan.id} {plan.version}", place, price.block, steps[0][1], tiers if len(tiers) > 1 else None


def _within(payers: Payers) -> tuple[str, tuple[str, ...]]:
    """A range of payers as a condition and its values."""
    if payers.before is None:
        return "account_id >= ?", (payers.first,)
    return "account_id >= ? AND account_id < ?", (payers.first, payers.before)
