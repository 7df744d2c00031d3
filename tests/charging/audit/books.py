"""The auditor's own account books, by the rules of split billing and without a line of the product's code.

Octets live in buckets; a reservation is a list of (bucket, octets). Everything is kept in plain lists and added up anew
each time: slow, and easy to see through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SECOND = 1_000_000


@dataclass(eq=False)
class Bucket:
    """Octets bought or given at once. `ends_at` None: still in the queue."""

    volume: int
    valid_seconds: int
    number: int
    ends_at: int | None = None
    over: bool = False
    used: int = 0
    reserved: int = 0
    expired: int = 0
    name: str = ""
    """What the ledger calls it."""

    @property
    def left(self) -> int:
        return self.volume - self.used - self.reserved - self.expired


Parts = list[tuple[Bucket, int]]


@dataclass
class Purse:
    """All buckets of one subscription, in the order of purchase."""

    queue: bool
    buckets: list[Bucket] = field(default_factory=list)

    @property
    def free(self) -> int:
        return sum(bucket.left for bucket in self.buckets)

    @property
    def reserved(self) -> int:
        return sum(bucket.reserved for bucket in self.buckets)

    @property
    def exhausted(self) -> bool:
        return self.free == 0 and self.reserved == 0

    def drawing_order(self) -> list[Bucket]:
        live = [bucket for bucket in self.buckets if not bucket.over]
        if self.queue:
            return live
        return sorted(live, key=lambda bucket: (bucket.ends_at or 0, bucket.number))

    def buy(self, volume: int, valid_seconds: int, now: int, ends_at: int | None = None) -> Bucket:
        bucket = Bucket(volume, valid_seconds, len(self.buckets), ends_at)
        self.buckets.append(bucket)
        if ends_at is None and not self.queue:
            bucket.ends_at = now + valid_seconds * SECOND
        self.start_next(now)
        return bucket

    def start_next(self, now: int) -> None:
        """The next in the queue starts when the one before it is used up or has expired."""
        for bucket in self.buckets:
            if bucket.over or (bucket.used + bucket.expired == bucket.volume):
                continue
            if bucket.ends_at is None:
                bucket.ends_at = now + bucket.valid_seconds * SECOND
            return

    def reserve(self, octets: int, now: int) -> Parts:
        parts: Parts = []
        for bucket in self.drawing_order():
            part = min(octets, bucket.left)
            if part:
                self._draw(bucket, now)
                bucket.reserved += part
                octets -= part
                parts.append((bucket, part))
        assert octets == 0, "more reserved than there is"
        return parts

    def post(self, parts: Parts, octets: int, now: int) -> tuple[Parts, int]:
        """Pay `octets` from a reservation, then from what is free; returns who paid what, and the overrun."""
        paid: Parts = []
        for bucket, part in parts:
            bucket.reserved -= part
            taken = min(part, octets)
            bucket.used += taken
            octets -= taken
            if taken:
                paid.append((bucket, taken))
            if bucket.over:
                bucket.expired += part - taken
        for bucket in self.drawing_order():
            taken = min(bucket.left, octets)
            if taken:
                self._draw(bucket, now)
                bucket.used += taken
                octets -= taken
                paid.append((bucket, taken))
        self.start_next(now)
        return paid, octets

    def _draw(self, bucket: Bucket, now: int) -> None:
        if bucket.ends_at is None:
            bucket.ends_at = now + bucket.valid_seconds * SECOND

    def expire(self, bucket: Bucket, now: int) -> None:
        bucket.over = True
        bucket.expired += bucket.left
        self.start_next(now)

    def ends(self) -> Iterator[tuple[int, Bucket]]:
        for bucket in self.buckets:
            if bucket.ends_at is not None and not bucket.over:
                yield bucket.ends_at, bucket
