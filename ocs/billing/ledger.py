"""What happened to each prepaid bucket in a cycle, read from the ledger: opening + added - used - expired = closing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ocs.rating.cycle import Cycle
from ocs.records.edr import Transfer


@dataclass(slots=True)
class BucketMovements:
    """One bucket through one cycle, in octets or, of a wallet, in micros. `credit`: the ledger line that opened it."""

    credit: Transfer
    in_money: bool = False
    """Whether it is money of a wallet."""
    opening: int = 0
    added: int = 0
    used: int = 0
    expired: int = 0
    reserved: int = 0
    """Pending at the end of the cycle, part of `closing`."""

    @property
    def bucket_id(self) -> str:
        """`<subscription_id>/<bundle_id>/<n>`."""
        return self.credit.bucket_id

    @property
    def bundle_id(self) -> str:
        """The bundle that was bought or given."""
        return self.bucket_id.removeprefix(f"{self.credit.subscription_id}/").rpartition("/")[0]

    @property
    def kind(self) -> Literal["free_quota", "purchase", "refund"]:
        """Why it was opened: a refund has no price and its cause is an EDR."""
        if self.credit.cause == "free_quota":
            return "free_quota"
        return "refund" if self.bundle_id == "refund" else "purchase"

    @property
    def closing(self) -> int:
        """Units neither used nor expired at the end of the cycle."""
        return self.opening + self.added - self.used - self.expired

    @property
    def moved(self) -> bool:
        """Whether the cycle saw anything of the bucket."""
        return bool(self.opening or self.added or self.used or self.expired)


def bucket_movements(
    cycle: Cycle, transfers: Iterable[Transfer], cycle_of_edr: Mapping[str, str]
) -> list[BucketMovements]:
    """Every bucket that the cycle saw, in the order of purchase.

    `transfers` reach from the first purchase to the end of the cycle or beyond. What was posted, or refunded, for an
    EDR belongs to the EDR's cycle (`cycle_of_edr`: edr_id -> cycle id), which is that of the event; the ledger line
    bears the time of receipt, which can fall into another cycle. Everything else belongs to the cycle of its own time.
    """
    buckets: dict[str, BucketMovements] = {}
    for line in sorted(transfers, key=_in_order):
        cycle_id = cycle_of_edr.get(line.cause) if line.kind in ("posted", "credit") else None
        if cycle_id is not None:
            later, current = cycle_id > cycle.id, cycle_id == cycle.id
        else:
            later, current = line.at >= cycle.end, line.at >= cycle.start
        if later:
            continue
        if line.kind == "credit":
            buckets[line.bucket_id] = BucketMovements(line)
        if line.bucket_id in buckets:  # else a refund of an event in the next cycle, drawn on before that begins
            _book(buckets[line.bucket_id], line, current)
    return [bucket for bucket in buckets.values() if bucket.moved]


def _in_order(line: Transfer) -> tuple[int, bool, str]:
    return line.at, line.kind != "credit", line.transfer_id


def _book(bucket: BucketMovements, line: Transfer, current: bool) -> None:
    amount = line.amount
    if line.kind == "pending":
        bucket.reserved += amount
        return
    if line.pending_id is not None:
        bucket.reserved -= amount
    if line.kind == "voided":
        return
    if not current:
        bucket.opening += amount if line.kind == "credit" else -amount
    elif line.kind == "credit":
        bucket.added += amount
    elif line.kind == "posted":
        bucket.used += amount
    else:
        bucket.expired += amount
