"""Records added up as far as a bill does not depend on their order or place: a few for each car and cycle.

Billing, reconciliation and the checks of documents read the sums like any other records, and come to the same. Left as
they are: EDRs whose price depends on the session, the zone or the hour in which they fall, those of SIMs that are not
billed from the start, and refunds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

import msgspec

from ocs.catalogue.plans import Plan, Postpaid
from ocs.inventory.provisioning import Provisioning
from ocs.rating.cycle import Cycle
from ocs.records.edr import BucketPart, Edr, Transfer

_SAME: Final = attrgetter(
    "subscription_id", "cycle_id", "account_id", "customer_id", "split_id", "party", "plan_id", "plan_version",
    "profile_id", "profile_version", "pool_id", "apn", "rating_group", "service_identifier", "service_context",
    "unit_type", "unit_price_micros", "zone", "currency", "physical_imsi", "rating_imsi", "origin_host",
)  # fmt: skip
"""What records that are added up have in common."""


def condense_edrs(edrs: Iterable[Edr], sold: Provisioning) -> tuple[list[Edr], dict[str, str]]:
    """The sums, and for every EDR the `edr_id` under which it stands in them."""
    plans = {(plan.id, plan.version): plan for plan in sold.plans}
    from_the_start = {sim.imsi for sim in sold.sims if sim.state == "in_billing"}
    groups: dict[tuple[object, ...], list[Edr]] = defaultdict(list)
    left: list[Edr] = []
    for edr in edrs:
        plan = plans.get((edr.plan_id or "", edr.plan_version or 0))
        if edr.physical_imsi in from_the_start and plan is not None and _adds_up(edr, plan):
            groups[(*_SAME(edr), "unattributed" in edr.flags)].append(edr)
        else:
            left.append(edr)
    sums = left + [_sum(group) for group in groups.values()]
    names = {edr.edr_id: edr.edr_id for edr in left}
    for group, total in zip(groups.values(), sums[len(left) :], strict=True):
        names.update((edr.edr_id, total.edr_id) for edr in group)
    return sums, names


def _adds_up(edr: Edr, plan: Plan) -> bool:
    if edr.octets_total < 0 or (edr.amount_micros or 0) < 0 or edr.units_used < 0:
        return False
    if plan.rates:
        return False
    return not isinstance(plan, Postpaid) or (plan.rounding == "cycle" and plan.included_zones is None)


def _sum(edrs: list[Edr]) -> Edr:
    first = min(edrs, key=attrgetter("event_time", "edr_id"))
    paid: dict[str, int] = defaultdict(int)
    for edr in edrs:
        for part in edr.bucket_parts:
            paid[part.bucket_id] += part.amount
    priced = [edr.amount_micros for edr in edrs if edr.amount_micros is not None]
    return msgspec.structs.replace(
        first,
        usage_start=min(edr.usage_start for edr in edrs),
        usage_end=max(edr.usage_end for edr in edrs),
        **{
            column: sum(getattr(edr, column) for edr in edrs)
            for column in (
                "units_used", "octets_up", "octets_down", "octets_total", "octets_debited", "octets_overrun",
            )
        },
        bucket_parts=tuple(BucketPart(bucket_id, amount) for bucket_id, amount in sorted(paid.items())),
        amount_micros=sum(priced) if priced else None,
        balance_before=None,
        balance_after=None,
        granted=None,
    )  # fmt: skip


def condense_transfers(
    transfers: Iterable[Transfer], names: Mapping[str, str], cycle_of_edr: Mapping[str, str], cycles: list[Cycle]
) -> Iterator[Transfer]:
    """Ledger lines with the same credits, debits, expiries and, at the end of each cycle, reservations of each bucket.

    Args:
        transfers: the ledger, in its order.
        names: what condensing EDRs has given.
        cycle_of_edr: the cycle of each EDR: what was posted for it belongs there, other lines where their time falls.
        cycles: all of the run.
    """
    posted: dict[tuple[str, str], Transfer] = {}
    reserved: dict[tuple[str, str], int] = defaultdict(int)
    a_line: dict[str, Transfer] = {}
    for line in transfers:
        of_edr = cycle_of_edr.get(line.cause) if line.kind in ("posted", "credit") else None
        cycle_id = of_edr or next((cycle.id for cycle in cycles if line.at < cycle.end), cycles[-1].id)
        a_line.setdefault(line.bucket_id, line)
        if line.kind == "pending":
            reserved[line.bucket_id, cycle_id] += line.amount
        elif line.pending_id is not None:
            reserved[line.bucket_id, cycle_id] -= line.amount
        if line.kind in ("credit", "expired") or (line.kind == "posted" and line.cause not in names):
            yield msgspec.structs.replace(line, pending_id=None)
        elif line.kind == "posted":
            key = (line.bucket_id, names[line.cause])
            before = posted.get(key)
            posted[key] = msgspec.structs.replace(
                line,
                cause=names[line.cause],
                pending_id=None,
                amount=line.amount + (before.amount if before is not None else 0),
            )
    yield from posted.values()
    ends = {cycle.id: cycle.end - 1 for cycle in cycles}
    for (bucket_id, cycle_id), amount in reserved.items():
        if amount:
            yield msgspec.structs.replace(
                a_line[bucket_id],
                transfer_id=f"{bucket_id}/{cycle_id}",
                kind="pending" if amount > 0 else "voided",
                amount=abs(amount),
                at=ends[cycle_id],
                cause=cycle_id,
                pending_id=None if amount > 0 else bucket_id,
                price_micros=0,
            )
