"""Every prepaid bucket at every moment: opening + credits = used + reserved + expired + remaining."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Evidence


@dataclass
class _Bucket:
    vehicle: str
    credited: int = 0
    used: int = 0
    reserved: int = 0
    expired: int = 0

    @property
    def remaining(self) -> int:
        return self.credited - self.used - self.reserved - self.expired


class BucketsBalance(Check):
    """Every prepaid bucket adds up after every ledger line, is never overdrawn, and holds what was bought.

    Re-told from the ledger: a pending line reserves, posted, voided and expired lines settle it, each to the octet.
    What buckets paid by ledger is what the EDRs say they paid.
    """

    check: Literal["buckets_balance"]

    needs = ("buckets", "ledger lines")

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        buckets: dict[str, _Bucket] = {}
        pending: dict[str, int] = {}
        for line in evidence.transfers:
            judgement.count("ledger lines")
            bucket = buckets.setdefault(line.bucket_id, _Bucket(evidence.vehicle_of_subscription(line.subscription_id)))
            if line.kind == "credit":
                bucket.credited += line.amount
            elif line.kind == "pending":
                bucket.reserved += line.amount
                pending[line.transfer_id] = line.amount
            elif line.pending_id is not None:
                bucket.reserved -= line.amount
                pending[line.pending_id] = pending.get(line.pending_id, 0) - line.amount
            bucket.used += line.amount if line.kind == "posted" else 0
            bucket.expired += line.amount if line.kind == "expired" else 0
            over = -min(bucket.remaining, bucket.reserved, pending.get(line.pending_id or "", 0), line.amount)
            if over > 0:
                what = (
                    f"ledger line {line.transfer_id!r} ({line.kind}, {line.amount:,} octets) takes {over:,} octets more"
                )
                judgement.wrong(bucket.vehicle, line.at, over, f"{what} than bucket {line.bucket_id!r} holds")
        self._look_at_records(evidence, judgement, buckets)
        self._look_at_credits(evidence, judgement)

    def _look_at_records(self, evidence: Evidence, judgement: Judgement, buckets: dict[str, _Bucket]) -> None:
        paid: dict[str, int] = {}
        for edr in evidence.edrs:
            for part in edr.bucket_parts:
                paid[part.bucket_id] = paid.get(part.bucket_id, 0) + part.amount
        for name in sorted(buckets.keys() | paid.keys()):
            judgement.count("buckets")
            bucket, told = buckets.get(name, _Bucket("nobody")), paid.get(name, 0)
            if bucket.used != told:
                what = f"bucket {name!r} gave {bucket.used:,} octets by the ledger and {told:,} by EDRs"
                judgement.wrong_sum(bucket.vehicle, abs(bucket.used - told), what)

    def _look_at_credits(self, evidence: Evidence, judgement: Judgement) -> None:
        """What was credited is what was bought: no bucket from nowhere, none forgotten."""
        bought = Counter((item.vehicle, item.at, item.volume) for item in evidence.purchases)
        credited = Counter(
            (evidence.vehicle_of_subscription(line.subscription_id), line.at, line.amount)
            for line in evidence.transfers
            if line.kind == "credit"
        )
        for (vehicle, at, volume), _ in sorted((bought - credited).items()):
            judgement.wrong(vehicle, at, volume, f"{volume:,} octets were bought, but not credited")
        for (vehicle, at, volume), _ in sorted((credited - bought).items()):
            judgement.wrong(vehicle, at, volume, f"{volume:,} octets were credited, but not bought")
