"""The buckets of one subscription: credit, reserve, settle, debit, expire.

A purse draws on its buckets in the order of their end (mode `parallel`) or of their purchase (mode `queue`). In a queue
the next bucket starts, and its validity with it, when those before it are used up or have expired, or when a grant
draws on it already: such a grant can be used at once.

What is counted is octets, or, in a wallet, micros of money: a purse does not care which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from ocs.catalogue.plans import Bundle
from ocs.rating.cycle import cycle_of
from ocs.records.edr import BucketPart, Transfer, TransferKind
from ocs.units import SECOND


@dataclass(slots=True)
class Bucket:
    """Units bought, or given free, at once. `ends_at` is None until the bucket has started."""

    bucket_id: str
    credited: int
    valid_seconds: int
    ends_at: int | None = None
    used: int = 0
    reserved: int = 0
    expired: int = 0
    ended: bool = False
    with_cycle: bool = False
    """It ends with the billing cycle in which it starts, if its time is not over before."""

    @property
    def remaining(self) -> int:
        """Units neither used, reserved nor expired."""
        return self.credited - self.used - self.reserved - self.expired


class Part(msgspec.Struct, frozen=True, gc=False):
    """What one bucket gives to one reservation, and the ledger line that made it pending."""

    bucket: Bucket
    pending: int
    pending_id: str


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """What became of a report: paid by buckets, in order, and what no bucket could cover."""

    paid: tuple[BucketPart, ...]
    overrun: int


@dataclass(slots=True)
class Purse:
    """All credit of one subscription. Buckets with nothing left to give or to settle are dropped."""

    subscription_id: str
    account_id: str
    queued: bool
    buckets: list[Bucket] = field(default_factory=list)
    free: int = 0
    """Units that a reservation could take now, those of queued buckets included."""
    reserved: int = 0
    """Units pending in reservations."""
    purchases: int = 0
    least: int = 1
    """Less than this is of no use: nothing costs so little."""
    started: list[Bucket] = field(default_factory=list)
    """Buckets that have started since somebody looked: their ends have to be watched."""
    cycles: tuple[str, int] = ("UTC", 1)
    """Billing cycles: the operator's time zone, and the day with which they start."""

    @property
    def gives(self) -> bool:
        """Whether a reservation could take anything now."""
        return self.free >= self.least

    @property
    def balance(self) -> int:
        """Units not yet used or expired, reserved or not."""
        return self.free + self.reserved

    def credit(
        self,
        bundle: Bundle,
        now: int,
        cause: str,
        price_micros: int,
        ledger: list[Transfer],
        ends_at: int | None = None,
    ) -> Bucket:
        """A new bucket holding `bundle`; it starts at once unless it has to queue, or its end is given."""
        self.purchases += 1
        bucket = Bucket(f"{self.subscription_id}/{bundle.id}/{self.purchases}", bundle.units, bundle.valid)
        bucket.with_cycle = bundle.with_cycle
        self.buckets.append(bucket)
        self.free += bundle.units
        transfer_id = f"{bucket.bucket_id}/credit"
        ledger.append(self._line(transfer_id, "credit", bucket, bundle.units, now, cause, None, price_micros))
        if ends_at is not None:
            bucket.ends_at = ends_at
            self.started.append(bucket)
        elif not self.queued:
            self._start(bucket, now)
            self.buckets.sort(key=_end)
        self._start_first(now)
        return bucket

    def _start(self, bucket: Bucket, now: int) -> None:
        bucket.ends_at = now + bucket.valid_seconds * SECOND
        if bucket.with_cycle:  # in its last instant, so that what is left expires on the bill of the cycle
            bucket.ends_at = min(bucket.ends_at, cycle_of(now, *self.cycles).end - 1)
        self.started.append(bucket)

    def _start_first(self, now: int) -> None:
        """Start the next in the queue, unless one before it is running still."""
        for bucket in self.buckets:
            if not bucket.ended:
                if bucket.ends_at is None:
                    self._start(bucket, now)
                break

    def set_queued(self, queued: bool, now: int) -> None:
        """Another mode for top-ups from now on; what has started runs on, and in mode `parallel` all start."""
        self.queued = queued
        if not queued:
            for bucket in self.buckets:
                if bucket.ends_at is None:
                    self._start(bucket, now)
            self.buckets.sort(key=_end)

    def reserve(self, units: int, reservation_id: str, now: int, ledger: list[Transfer]) -> list[Part]:
        """Set `units` aside (at most `free`), in drawing order."""
        parts = []
        self.free -= units
        self.reserved += units
        for bucket in self.buckets:
            take = min(units, bucket.remaining)
            if take <= 0:
                continue
            if bucket.ends_at is None:
                self._start(bucket, now)
            bucket.reserved += take
            pending_id = f"{reservation_id}/{bucket.bucket_id}/pending"
            parts.append(Part(bucket, take, pending_id))
            ledger.append(self._line(pending_id, "pending", bucket, take, now, reservation_id, None))
            units -= take
            if not units:
                break
        return parts

    def settle(self, parts: Sequence[Part], used: int, now: int, cause: str, ledger: list[Transfer]) -> Settlement:
        """Post `used` units against a reservation, release the rest of it, debit what goes beyond it.

        What is released of a bucket that has ended expires: a reservation outlives its bucket, its leftovers do not.
        """
        paid: list[BucketPart] = []
        for part in parts:
            bucket, pending_id = part.bucket, part.pending_id
            posted = min(used, part.pending)
            leftover = part.pending - posted
            used -= posted
            bucket.reserved -= part.pending
            self.reserved -= part.pending
            if posted:
                bucket.used += posted
                paid.append(BucketPart(bucket.bucket_id, posted))
                line_id = f"{cause}/{pending_id}/posted"
                ledger.append(self._line(line_id, "posted", bucket, posted, now, cause, pending_id))
            if leftover:
                kind: TransferKind = "voided"
                if bucket.ended:
                    kind = "expired"
                    bucket.expired += leftover
                else:
                    self.free += leftover
                line_id = f"{cause}/{pending_id}/{kind}"
                ledger.append(self._line(line_id, kind, bucket, leftover, now, cause, pending_id))
        if used:
            used = self._debit(used, paid, now, cause, ledger)
        self._drop_spent(now)
        return Settlement(tuple(paid), used)

    def _debit(self, units: int, paid: list[BucketPart], now: int, cause: str, ledger: list[Transfer]) -> int:
        """Take `units` from what is free; returns what nothing could cover."""
        for bucket in self.buckets:
            take = min(units, bucket.remaining)
            if take > 0:
                if bucket.ends_at is None:
                    self._start(bucket, now)
                bucket.used += take
                self.free -= take
                units -= take
                paid.append(BucketPart(bucket.bucket_id, take))
                ledger.append(self._line(f"{cause}/{bucket.bucket_id}/debit", "posted", bucket, take, now, cause, None))
        return units

    def end(self, bucket: Bucket, now: int, ledger: list[Transfer]) -> None:
        """The validity of `bucket` is over: what is not reserved expires."""
        bucket.ended = True
        leftover = bucket.remaining
        if leftover:
            bucket.expired += leftover
            self.free -= leftover
            line_id = f"{bucket.bucket_id}/expired"
            ledger.append(self._line(line_id, "expired", bucket, leftover, now, "end of validity", None))
        self._drop_spent(now)
        self._start_first(now)

    def _drop_spent(self, now: int) -> None:
        for bucket in self.buckets:
            if bucket.used + bucket.expired == bucket.credited:
                self.buckets = [bucket for bucket in self.buckets if bucket.used + bucket.expired < bucket.credited]
                self._start_first(now)
                break

    def _line(
        self,
        transfer_id: str,
        kind: TransferKind,
        bucket: Bucket,
        amount: int,
        now: int,
        cause: str,
        pending_id: str | None,
        price_micros: int = 0,
    ) -> Transfer:
        subscription_id, account_id = self.subscription_id, self.account_id
        return Transfer(
            transfer_id,
            kind,
            bucket.bucket_id,
            subscription_id,
            account_id,
            amount,
            now,
            cause,
            pending_id,
            price_micros,
        )


def _end(bucket: Bucket) -> int:
    """What buckets are drawn on by, in mode `parallel`; the sort is stable, so the oldest is first at equal ends."""
    return bucket.ends_at or 0
