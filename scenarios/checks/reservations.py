"""No reservation stays for ever, whatever has become of the session that it was made for."""

from __future__ import annotations

from typing import Literal

from ocs.records.edr import Transfer
from ocs.units import SECOND
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Evidence


class ReservationsEnd(Check):
    """Every reservation is posted, voided or expired by the end of its Validity-Time and grace.

    Re-told from the ledger. One that is younger than that when the run ends may still stand.
    """

    check: Literal["reservations_end"]
    needs = ("reservations",)

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        made: dict[str, Transfer] = {}
        left: dict[str, int] = {}
        settled: dict[str, int] = {}
        for line in evidence.transfers:
            if line.kind == "pending":
                judgement.count("reservations")
                made[line.transfer_id], left[line.transfer_id] = line, line.amount
            elif line.pending_id in left:
                left[line.pending_id] -= line.amount
                settled[line.pending_id] = line.at
        for name, line in made.items():
            vehicle = evidence.vehicle_of_subscription(line.subscription_id)
            share = evidence.shares.get((vehicle, line.subscription_id.split("/")[1]))
            quota = share.plan.quota if share is not None else None
            if quota is None:
                continue
            end = line.at + (quota.validity + quota.grace) * SECOND
            over = settled.get(name, evidence.ends) if not left[name] else evidence.ends
            if over > end:
                judgement.count("reservations that stayed")
                what = f"{line.amount:,} octets of {line.bucket_id!r} were reserved until {evidence.local(over)}"
                judgement.wrong(vehicle, line.at, line.amount, f"{what}, {(over - end) // SECOND:,} s too long")
