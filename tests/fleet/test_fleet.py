"""Cars drive and use data like the published figures that the code names; each has chances of its own."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ocs.units import DAY, MINUTE, SECOND, instant, utc
from sim.fleet.classes import CLASSES
from sim.fleet.drivers import Driver, Habits
from sim.fleet.streams import stream
from sim.fleet.traffic import LINGER, telematics, volume, wifi
from sim.fleet.trips import Trip, trips

BERLIN = ZoneInfo("Europe/Berlin")
BEGINS = instant(datetime(2026, 3, 1, tzinfo=BERLIN))
ENDS = instant(datetime(2026, 4, 1, tzinfo=BERLIN))
CARS = [f"car-{number:03d}" for number in range(400)]


def month_of_trips(vehicle: str) -> list[Trip]:
    return list(trips(stream(1, vehicle, "trips"), CLASSES["commuter"], BEGINS, ENDS, BERLIN))


def test_a_fleet_drives_as_often_and_as_long_as_drivers_were_measured_to() -> None:
    plans = [month_of_trips(vehicle) for vehicle in CARS]
    car_days = len(CARS) * 31
    number = sum(len(plan) for plan in plans) / car_days
    minutes = sum(trip.end - trip.start for plan in plans for trip in plan) / MINUTE / car_days
    assert number == pytest.approx(2.44, rel=0.05)
    assert minutes == pytest.approx(60.2, rel=0.05)


def test_trips_of_a_car_do_not_overlap_and_stay_within_the_time() -> None:
    for vehicle in CARS[:50]:
        plan = month_of_trips(vehicle)
        assert all(trip.start < trip.end for trip in plan)
        assert all(later.start >= earlier.end + 10 * MINUTE for earlier, later in pairwise(plan))
        assert plan[0].start >= BEGINS
        assert plan[-1].end < ENDS


def test_commuters_leave_in_the_afternoon_more_than_at_night() -> None:
    hours = [0] * 24
    for vehicle in CARS:
        for trip in month_of_trips(vehicle):
            hours[utc(trip.start).astimezone(BERLIN).hour] += 1
    assert max(hours) == max(hours[14:20])
    assert sum(hours[0:6]) < 0.05 * sum(hours)


def test_the_night_in_which_clocks_go_forward_has_no_trip_in_the_hour_that_is_missing() -> None:
    local = [utc(trip.start).astimezone(BERLIN) for vehicle in CARS for trip in month_of_trips(vehicle)]
    on_the_day = [moment for moment in local if (moment.month, moment.day) == (3, 29)]
    assert on_the_day
    assert all(moment.hour != 2 for moment in on_the_day)


def test_volumes_have_the_mean_asked_for_and_heavy_tails() -> None:
    drawn = sorted(volume(stream(1, str(n)), 30_000_000, 0.8) for n in range(4000))
    assert sum(drawn) / len(drawn) == pytest.approx(30_000_000, rel=0.05)
    assert drawn[2000] == pytest.approx(22_000_000, rel=0.08)
    assert drawn[3960] == pytest.approx(140_000_000, rel=0.15)


def test_telematics_flows_add_up_to_about_the_month_and_come_in_order() -> None:
    total = 0
    for vehicle in CARS[:200]:
        flows = list(telematics(stream(1, vehicle, "t"), month_of_trips(vehicle), BEGINS, ENDS, 30_000_000))
        assert [flow.at for flow in flows] == sorted(flow.at for flow in flows)
        assert all(flow.octets > 0 < flow.rate for flow in flows)
        assert all(BEGINS <= flow.at < ENDS for flow in flows)
        total += sum(flow.octets for flow in flows)
    assert total / 200 == pytest.approx(31_000_000, rel=0.1)


def test_wifi_is_used_while_driving_and_shortly_after() -> None:
    total = 0
    for vehicle in CARS:
        plan = month_of_trips(vehicle)
        flows = list(wifi(stream(1, vehicle, "w"), plan, 1_000_000_000))
        assert all(any(trip.start <= flow.at < trip.end + LINGER for trip in plan) for flow in flows)
        total += sum(flow.octets for flow in flows)
    assert total / len(CARS) == pytest.approx(1_033_000_000, rel=0.15)


def test_a_stream_depends_on_its_key_alone() -> None:
    assert stream(1, "a", "trips").random() == stream(1, "a", "trips").random()
    others = [stream(2, "a", "trips"), stream(1, "b", "trips"), stream(1, "a", "wifi"), stream(1, "at", "rips")]
    assert stream(1, "a", "trips").random() not in [other.random() for other in others]


def test_a_driver_decides_once_for_a_cut() -> None:
    driver = Driver(stream(1, "d"), Habits(1.0, 3600, "1gb"))
    moment = driver.cut(BEGINS)
    assert moment is not None
    assert BEGINS < moment < BEGINS + DAY
    assert (moment - BEGINS) % SECOND == 0
    assert driver.cut(BEGINS + SECOND) is None
    driver.bought()
    assert driver.cut(moment + DAY) is not None


def test_drivers_buy_with_their_probability() -> None:
    buyers = sum(Driver(stream(1, str(n)), Habits(0.7, 60, "1gb")).cut(BEGINS) is not None for n in range(2000))
    assert buyers / 2000 == pytest.approx(0.7, abs=0.03)
    assert Driver(stream(1, "d"), Habits(1.0, 60, None)).cut(BEGINS) is None
