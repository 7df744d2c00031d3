"""Which of a plan's prices holds for use in a zone at an instant, and when the next one takes its place.

Times of day are those of the wall clock in the plan's own zone. Where clocks go back, an hour of the night comes twice
and is priced twice by what the clock shows; where they go forward, a period that would begin in the hour left out
begins with the jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ocs.catalogue.base import BasePlan
from ocs.catalogue.prices import Rate
from ocs.rating.cycle import local_date
from ocs.units import DAY, SECOND, instant, utc


def rate_at(plan: BasePlan, zone: str, at: int) -> int:
    """The place among the plan's prices of the one for use in `zone` at an instant: 0 is its own, its rates follow."""
    if not plan.rates:
        return 0
    minute = 0
    if plan.time_zone is not None:
        clock = utc(at).astimezone(ZoneInfo(plan.time_zone))
        minute = clock.hour * 60 + clock.minute
    for number, rate in enumerate(plan.rates, 1):
        if rate.holds(zone, minute):
            return number
    return 0


def next_switch(plan: BasePlan, zone: str, now: int) -> int | None:
    """The first instant after `now` at which use in `zone` has another price; None where the time of day is no matter.

    A tariff switch time in the sense of RFC 8506 5.1.1.
    """
    if plan.time_zone is None or not any(rate.start is not None for rate in plan.rates):
        return None
    price = rate_at(plan, zone, now)
    for at in sorted(set(_candidates(plan.rates, plan.time_zone, now))):
        if at > now and rate_at(plan, zone, at) != price:
            return at
    return None


def _candidates(rates: tuple[Rate, ...], time_zone: str, now: int) -> Iterator[int]:
    """Where the price may change in the next two days: at each bound of a period, and where clocks jump."""
    clock, today = ZoneInfo(time_zone), local_date(now, time_zone)
    minutes = {minute for rate in rates for minute in (rate.start, rate.to) if minute is not None}
    for day in (today, today + timedelta(days=1), today + timedelta(days=2)):
        for minute in minutes:
            for fold in (0, 1):
                at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=clock, fold=fold)
                yield instant(at)
        jump = _jump(day, clock)
        if jump is not None:
            yield jump


def _jump(day: date, clock: ZoneInfo) -> int | None:
    """When clocks change on a day: the first second of the new time; None where they do not."""
    low = instant(datetime(day.year, day.month, day.day, tzinfo=clock)) - 1
    high = low + DAY + 2 * 3600 * SECOND

    def offset(at: int) -> timedelta | None:
        return utc(at).astimezone(clock).utcoffset()

    if offset(low) == offset(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
    return high
