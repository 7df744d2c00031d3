"""Rated records: what each postpaid EDR came to when its cycle closed.

- Of a SIM alone, an EDR costs the charge after it less the charge before it, in the order of events.
- In a pool, where order is chance, it has its part of its SIM's part, by use.

Either way the records of a settlement add up to it, to the octet and to the micro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ocs.billing.settle import Adjustment, Member, Meter, Part, Settlement
from ocs.billing.tenure import Tenure
from ocs.billing.usage import use_of
from ocs.catalogue.plans import Postpaid
from ocs.rating.cycle import Cycle
from ocs.rating.rates import rate_at
from ocs.records.edr import Edr


class RatedRecord(msgspec.Struct, frozen=True, gc=False):
    """What one EDR came to when its cycle closed. `octets_in_bundle + octets_overage` is the EDR's `octets_total`.

    Octets used in testing are free and count as in bundle. `cycle_id` is that of the bill, which for an EDR that came
    late is not its own.
    """

    edr_id: str
    cycle_id: str
    account_id: str
    subscription_id: str
    plan_id: str
    plan_version: int
    octets_in_bundle: int
    octets_overage: int
    amount_micros: int


def rated_records(settlement: Settlement, edrs: Mapping[str, Sequence[Edr]], cycle: Cycle) -> Iterator[RatedRecord]:
    """The records of one settlement. `edrs`: those that it settled, by subscription."""
    for member in settlement.members:
        mine = [edr for edr in edrs.get(member.tenure.subscription_id, ()) if edr.unit_type == "octets"]
        mine.sort(key=lambda edr: (edr.event_time, edr.edr_id))
        if settlement.pool_id is None:
            parts = _in_turn(settlement, member, mine)
        else:
            parts = _by_use(settlement.plan, member, mine)
        for edr, part in parts:
            yield _record(edr, part, member.tenure, settlement.plan, cycle)


def adjusted_records(adjustment: Adjustment, edrs: Iterable[Edr], cycle: Cycle) -> Iterator[RatedRecord]:
    """The records of EDRs that came late, on the bill of `cycle`. `edrs`: all that came late."""
    by_id = {edr.edr_id: edr for edr in edrs}
    for tenure, use, part in adjustment.uses:
        yield _record(by_id[use.edr_id], part, tenure, adjustment.plan, cycle)


def _in_turn(settlement: Settlement, member: Member, edrs: Iterable[Edr]) -> Iterator[tuple[Edr, Part]]:
    meter = Meter(settlement.plan, settlement.octets_included)
    for edr in edrs:
        yield edr, Part(0, edr.octets_total, 0, 0) if _is_free(edr, member.tenure) else meter.count(use_of(edr))


def _by_use(plan: Postpaid, member: Member, edrs: Iterable[Edr]) -> Iterator[tuple[Edr, Part]]:
    """At each price, in the order of events: the member's part after an EDR less the part before it."""
    parts = {part.price: part for part in member.parts}
    used: dict[int, int] = defaultdict(int)
    for edr in edrs:
        octets = edr.octets_total
        price = rate_at(plan, edr.zone, edr.event_time)
        part = parts.get(price)
        if part is None or not part.octets or _is_free(edr, member.tenure):
            yield edr, Part(price, octets, 0, 0)
            continue
        before, after = used[price], used[price] + octets
        used[price] = after
        over = part.over * after // part.octets - part.over * before // part.octets
        micros = part.micros * after // part.octets - part.micros * before // part.octets
        yield edr, Part(price, octets, over, micros)


def _is_free(edr: Edr, tenure: Tenure) -> bool:
    return tenure.billed_from is None or edr.event_time < tenure.billed_from


def _record(edr: Edr, part: Part, tenure: Tenure, plan: Postpaid, cycle: Cycle) -> RatedRecord:
    return RatedRecord(
        edr.edr_id, cycle.id, tenure.account_id, tenure.subscription_id, plan.id, plan.version,
        part.octets - part.over, part.over, part.micros,
    )  # fmt: skip
