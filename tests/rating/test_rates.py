"""Prices by zone and time of day, on the plan's own wall clock, also in the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from ocs.catalogue.plans import Plan, Postpaid
from ocs.rating.rates import next_switch, rate_at
from ocs.units import HOUR, MINUTE, instant, utc

PLANS: TypeAdapter[Plan] = TypeAdapter(Plan)
NIGHT = {"from": "22:00", "to": "06:00", "price": "0.01"}


def plan(**fields: object) -> Postpaid:
    made = PLANS.validate_python(
        {
            "id": "p",
            "kind": "postpaid_individual",
            "included": 0,
            "recurring": 0,
            "overage": {"price": "0.02"},
            "time_zone": "Europe/Berlin",
            **fields,
        }
    )
    assert isinstance(made, Postpaid)
    return made


def berlin(moment: str, fold: int = 0) -> int:
    return instant(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Europe/Berlin"), fold=fold))


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ("2026-03-10 21:59:59", 0),
        ("2026-03-10 22:00", 1),
        ("2026-03-11 00:00", 1),
        ("2026-03-11 05:59:59", 1),
        ("2026-03-11 06:00", 0),
    ],
)
def test_a_period_runs_over_midnight(moment: str, rate: int) -> None:
    night = plan(rates=[NIGHT])
    assert rate_at(night, "home", berlin(moment)) == rate


def test_the_first_rate_that_fits_counts() -> None:
    rates = [{"zone": "eu", **NIGHT}, {"zone": "eu", "price": "0.10"}, NIGHT]
    zoned = plan(zones={"home": ["00101"], "eu": ["262", "208"]}, rates=rates)
    day, night = berlin("2026-03-10 12:00"), berlin("2026-03-10 23:00")
    found = [rate_at(zoned, zone, at) for zone in ("home", "eu") for at in (day, night)]
    assert found == [0, 3, 2, 1]


def test_the_longest_prefix_of_a_network_is_its_zone() -> None:
    zoned = plan(zones={"home": ["00101"], "partner": ["26201"], "eu": ["262", "208"]})
    asked = ("00101", "26201", "26202", "20801", "31026", None)
    assert [zoned.zone_of(plmn) for plmn in asked] == ["home", "partner", "eu", "eu", None, "home"]
    assert plan(zones={"home": ["00101"], "world": ["*"]}).zone_of("31026") == "world"
    assert plan().zone_of("31026") == "home"


# From a quarter past two to half past two: left out in spring, twice in autumn.
SMALL = {"from": "02:15", "to": "02:30", "price": "0.01"}
LEFT_OUT = {"from": "02:30", "to": "04:00", "price": "0.01"}


@pytest.mark.parametrize("rate", [NIGHT, SMALL, LEFT_OUT, {"from": "03:00", "to": "02:00", "price": 1}])
@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24", "2026-07-01"])
def test_the_next_switch_is_where_the_price_changes_minute_by_minute(rate: dict[str, object], day: str) -> None:
    timed = plan(rates=[rate])
    start = berlin(f"{day} 12:00")

    def priced(at: int) -> int:
        return rate_at(timed, "home", at)

    changes = [at for at in range(start + MINUTE, start + 24 * HOUR, MINUTE) if priced(at) != priced(at - MINUTE)]
    found, now = [], start
    while (now := next_switch(timed, "home", now) or 0) and now < start + 24 * HOUR:
        found.append(now)
    assert found == changes, [utc(at).astimezone(UTC) for at in found]
    assert found or day == "2026-03-28"  # the night without an hour from two to three


def test_without_times_of_day_there_is_no_switch() -> None:
    zoned = plan(zones={"home": ["*"]}, rates=[{"zone": "home", "price": "0.10"}])
    assert next_switch(zoned, "home", berlin("2026-03-10 12:00")) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rates": [{"price": 1}]}, "names a zone or a time of day"),
        ({"rates": [{"from": "22:00", "price": 1}]}, "has a from and another to"),
        ({"rates": [{"from": "22:00", "to": "22:00", "price": 1}]}, "has a from and another to"),
        ({"rates": [{"from": "25:00", "to": "22:00", "price": 1}]}, "expected a time of day"),
        ({"rates": [{"zone": "moon", "price": 1}]}, "no zone 'moon'"),
        ({"rates": [NIGHT], "time_zone": None}, "need a time_zone"),
        ({"time_zone": "Europe/Atlantis"}, "IANA time zone"),
        ({"zones": {"a": ["262"], "b": ["262"]}}, "in one zone only"),
        ({"zones": {"a": ["26"]}}, "String should match"),
        ({"rates": [{"from": "1:00", "to": "02:00", "price": 1}]}, "expected a time of day"),
        ({"rates": [{"from": "01:00", "to": "02:00", "price": "0.0000001"}]}, "whole number of micros"),
        ({"included_zones": ["moon"]}, "no zone 'moon'"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plan(**fields)
