"""Billing cycles: one month, from midnight of a day 1 to 28 in the operator's time zone.

Cycles tile time: each instant is in exactly one, whatever clocks do at night, because a cycle ends at the very instant
at which the next one starts. A cycle is named after the month in which it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ocs.units import instant, utc


@dataclass(frozen=True, slots=True)
class Cycle:
    """One billing cycle: instants `start` <= t < `end`, microseconds UTC."""

    id: str
    """`YYYY-MM`: sorts as text in the order of time."""
    start: int
    end: int
    first_day: date
    """Local date of `start`."""
    next_day: date
    """Local date of `end`: the first day of the next cycle."""
    zone: str
    day: int
    """The day of the month on which it starts."""

    @property
    def days(self) -> int:
        """Calendar days in the cycle, 28 to 31: a day of 23 or 25 hours is one day."""
        return (self.next_day - self.first_day).days

    def days_left(self, joined: int) -> int:
        """Days from the one of `joined`, itself included, to the end: all when before the cycle, 0 when after it."""
        if joined >= self.end:
            return 0
        return min(self.days, (self.next_day - local_date(joined, self.zone)).days)


def local_date(now: int, zone: str) -> date:
    """The calendar date of an instant in a time zone."""
    return utc(now).astimezone(ZoneInfo(zone)).date()


def cycle_of(now: int, zone: str, day: int) -> Cycle:
    """The cycle that an instant belongs to, for cycles that start on `day` (1 to 28) in an IANA time zone."""
    today = local_date(now, zone)
    cycle = _cycle(today.year, today.month, zone, day)
    return cycle if now >= cycle.start else _cycle(*_month_before(today.year, today.month), zone, day)


def cycle_named(cycle_id: str, zone: str, day: int) -> Cycle:
    """The cycle with the id `YYYY-MM`.

    Raises:
        ValueError: not such an id.
    """
    try:
        month = datetime.strptime(cycle_id, "%Y-%m")  # noqa: DTZ007 - a month, not a moment
    except ValueError:
        raise ValueError(f"expected a billing cycle as YYYY-MM (got {cycle_id!r})") from None
    return _cycle(month.year, month.month, zone, day)


def cycles_between(start: int, end: int, zone: str, day: int) -> Iterator[Cycle]:
    """The cycles that the instants `start` <= t < `end` touch, in order."""
    while start < end:
        cycle = cycle_of(start, zone, day)
        yield cycle
        start = cycle.end


@lru_cache(maxsize=256)
def _cycle(year: int, month: int, zone: str, day: int) -> Cycle:
    first = date(year, month, day)
    following = date(year + month // 12, month % 12 + 1, day)
    return Cycle(
        f"{year:04}-{month:02}", _midnight(first, zone), _midnight(following, zone), first, following, zone, day
    )


def _midnight(day: date, zone: str) -> int:
    """The first 00:00 of a day. Where clocks jump over it (Santiago, Cairo), the jump itself: PEP 495, fold 0."""
    return instant(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def _month_before(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)
