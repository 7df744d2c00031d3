"""Billing cycles tile time: every second of a year is in one cycle, in every zone, for every cycle day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocs.rating.cycle import cycle_named, cycle_of, cycles_between, local_date
from ocs.units import DAY, HOUR, SECOND, instant, utc

# Clocks that change at 1, 2 and 3, at midnight (Santiago, Cairo, Azores), by half an hour (Lord Howe); none; far.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Africa/Cairo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "UTC",
]
YEAR_START = instant(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", range(1, 29))
def test_a_year_of_cycles_loses_no_second(zone: str, day: int) -> None:
    cycles = list(cycles_between(YEAR_START, YEAR_START + 366 * DAY, zone, day))
    assert len(cycles) in (13, 14)
    for before, after in pairwise(cycles):
        assert before.end == after.start
        assert before.next_day == after.first_day
        assert before.id < after.id
    for cycle in cycles:
        assert cycle.first_day.day == day
        assert 28 <= cycle.days <= 31
        for moment in (cycle.start, cycle.start + SECOND, cycle.end - 1):
            assert cycle_of(moment, zone, day) == cycle
        assert cycle_of(cycle.start - 1, zone, day) != cycle
        assert cycle_named(cycle.id, zone, day) == cycle


@given(st.integers(0, 4_000_000_000 * SECOND), st.sampled_from(ZONES), st.integers(1, 28))
def test_every_instant_is_in_its_cycle(now: int, zone: str, day: int) -> None:
    cycle = cycle_of(now, zone, day)
    assert cycle.start <= now < cycle.end
    # An independent count: walk back day by day, by the calendar on the wall.
    today = utc(now).astimezone(ZoneInfo(zone)).date()
    while today.day != day:
        today -= timedelta(days=1)
    assert cycle.id == today.strftime("%Y-%m")


@pytest.mark.parametrize(
    ("cycle_id", "hours", "days"),
    [("2026-03", 31 * 24 - 1, 31), ("2026-10", 31 * 24 + 1, 31), ("2026-02", 28 * 24, 28), ("2028-02", 29 * 24, 29)],
)
def test_a_month_has_its_real_hours_and_its_calendar_days(cycle_id: str, hours: int, days: int) -> None:
    cycle = cycle_named(cycle_id, "Europe/Berlin", 1)
    assert (cycle.end - cycle.start, cycle.days) == (hours * HOUR, days)


@pytest.mark.parametrize(
    ("joined", "left"),
    [
        ("2026-02-01T12:00", 31),
        ("2026-03-01T00:00", 31),
        ("2026-03-28T23:59:59", 4),
        ("2026-03-29T00:00", 3),  # the day of 23 hours is a day
        ("2026-03-29T23:59:59", 3),
        ("2026-03-31T23:59:59", 1),
        ("2026-04-01T00:00", 0),
    ],
)
def test_days_left_include_the_day_of_joining(joined: str, left: int) -> None:
    moment = instant(datetime.fromisoformat(joined).replace(tzinfo=ZoneInfo("Europe/Berlin")))
    assert cycle_named("2026-03", "Europe/Berlin", 1).days_left(moment) == left


def test_local_date() -> None:
    midnight_in_berlin = instant(datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert local_date(midnight_in_berlin, "Europe/Berlin") == date(2026, 4, 1)
    assert local_date(midnight_in_berlin - 1, "Europe/Berlin") == date(2026, 3, 31)


@pytest.mark.parametrize("text", ["2026", "2026-13", "March", "2026-03-01", ""])
def test_what_is_not_a_cycle_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="expected a billing cycle as YYYY-MM"):
        cycle_named(text, "Europe/Berlin", 1)
