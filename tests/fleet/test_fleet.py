"""Cars drive and use data like the published figures that the code names; each has chances of its own."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.units import DAY, HOUR, MINUTE, SECOND, instant, utc
from sim.fleet.applications import CallTest, Campaign, Heartbeats, Navigation, Streaming, Telematics, Wifi
from sim.fleet.cars import Car, Use, attachments
from sim.fleet.classes import CLASSES, DRIVING_PERCENT, HALT
from sim.fleet.streams import stream, whole
from sim.fleet.traffic import LINGER, Flow, Journey, Model, volume
from sim.fleet.trips import Trip, _wall_hours, trips

BERLIN = ZoneInfo("Europe/Berlin")
BEGINS = instant(datetime(2026, 3, 1, tzinfo=BERLIN))
ENDS = instant(datetime(2026, 4, 1, tzinfo=BERLIN))
CARS = [f"car-{number:03d}" for number in range(400)]


def month_of_trips(vehicle: str, kind: str = "commuter", begins: int = BEGINS, ends: int = ENDS) -> list[Trip]:
    return list(trips(stream(1, vehicle, "trips"), CLASSES[kind], begins, ends, BERLIN))


def flows_of(model: Model, vehicle: str, kind: str = "commuter") -> list[Flow]:
    journey = Journey(iter(month_of_trips(vehicle, kind)), CLASSES[kind], BEGINS, ENDS, BERLIN)
    return list(model.flows(stream(1, vehicle, "flows"), journey))


def local(at: int) -> datetime:
    return utc(at).astimezone(BERLIN)


# --- trips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["commuter", "leisure"])
def test_private_cars_drive_as_often_and_as_long_as_drivers_were_measured_to(kind: str) -> None:
    plans = [month_of_trips(vehicle, kind) for vehicle in CARS]
    car_days = len(CARS) * 31
    number = sum(len(plan) for plan in plans) / car_days
    minutes = sum(trip.end - trip.start for plan in plans for trip in plan) / MINUTE / car_days
    assert number == pytest.approx(2.44, rel=0.05)
    assert minutes == pytest.approx(60.2, rel=0.05)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_drives_as_often_and_as_long_as_it_says(kind: str) -> None:
    ends = BEGINS + 28 * DAY
    plans = [month_of_trips(vehicle, kind, ends=ends) for vehicle in CARS]
    number = sum(map(len, plans))
    minutes = sum(trip.end - trip.start for plan in plans for trip in plan) / MINUTE
    assert number / len(CARS) / 28 == pytest.approx(CLASSES[kind].trips_a_day, rel=0.05)
    assert minutes / number == pytest.approx(CLASSES[kind].minutes_a_trip, rel=0.05)


@pytest.mark.parametrize("kind", CLASSES)
def test_trips_of_a_car_do_not_overlap_and_stay_within_the_time(kind: str) -> None:
    for vehicle in CARS[:50]:
        plan = month_of_trips(vehicle, kind)
        assert all(trip.start < trip.end for trip in plan)
        assert all(trip.start % SECOND == trip.end % SECOND == 0 for trip in plan)
        assert all(later.start >= earlier.end + HALT for earlier, later in pairwise(plan))
        assert plan[0].start >= BEGINS
        assert plan[-1].end < ENDS


def test_commuters_leave_in_the_afternoon_more_than_at_night() -> None:
    hours = [0] * 24
    for vehicle in CARS:
        for trip in month_of_trips(vehicle):
            hours[local(trip.start).hour] += 1
    assert max(hours) == max(hours[14:20])
    assert sum(hours[0:6]) < 0.05 * sum(hours)


@pytest.mark.parametrize("kind", ["van", "truck"])
def test_vans_and_trucks_are_at_the_wheel_in_the_hours_of_a_weekday_that_were_logged(kind: str) -> None:
    driving, weekdays = [0.0] * 24, 22
    for vehicle in CARS:
        for start, end in month_of_trips(vehicle, kind):
            at = start
            while at < end:
                until = min(end, (at // HOUR + 1) * HOUR)
                if local(at).weekday() < 5:
                    driving[local(at).hour] += (until - at) / HOUR
                at = until
    percent = [100 * hours / weekdays / len(CARS) for hours in driving]
    off = sum(abs(ours - logged) for ours, logged in zip(percent, DRIVING_PERCENT[kind], strict=True))
    assert off / sum(DRIVING_PERCENT[kind]) < 0.1


@pytest.mark.parametrize("kind", ["commuter", "business"])
@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_days_on_which_clocks_change_lose_no_trips_and_keep_their_hours(month: int, day: int, kind: str) -> None:
    """Against the Sunday before, whose cars draw from the same tables."""

    def on(date_of_month: int) -> Counter[int]:
        begins = instant(datetime(2026, month, date_of_month, tzinfo=BERLIN))
        ends = instant(datetime(2026, month, date_of_month + 1, tzinfo=BERLIN))
        plans = (month_of_trips(str(number), kind, begins, ends + 12 * HOUR) for number in range(2000))
        return Counter(local(trip.start).hour for plan in plans for trip in plan if trip.start < ends)

    changed, usual = on(day), on(day - 7)
    assert changed.total() == pytest.approx(usual.total(), rel=0.08)
    for hours in (range(7, 9), range(9, 11), range(20, 22), range(22, 24)):
        ours, theirs = (sum(found[hour] for hour in hours) / found.total() for found in (changed, usual))
        assert ours == pytest.approx(theirs, abs=0.02)


def test_the_wall_clock_of_a_day_on_which_it_changes() -> None:
    for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1)):
        for hour in (0, 4, 23):
            at = instant(datetime(day.year, day.month, day.day, hour, 30, tzinfo=BERLIN))
            assert _wall_hours(day, at, BERLIN) == hour + 0.5
        assert _wall_hours(day, instant(datetime(day.year, day.month, day.day, tzinfo=BERLIN)) - HOUR, BERLIN) == 0


# --- applications -----------------------------------------------------------------------------------------------------


def test_volumes_have_the_mean_asked_for_and_heavy_tails() -> None:
    drawn = sorted(volume(stream(1, str(n)), 30_000_000, 0.8) for n in range(4000))
    assert sum(drawn) / len(drawn) == pytest.approx(30_000_000, rel=0.05)
    assert drawn[2000] == pytest.approx(22_000_000, rel=0.08)
    assert drawn[3960] == pytest.approx(140_000_000, rel=0.15)


MODELS: dict[str, Model] = {
    "telematics": Telematics(30_000_000),
    "wifi": Wifi(1_000_000_000, 0.5, 0.5),
    "streaming": Streaming(500_000_000, 0.5),
    "navigation": Navigation(40_000_000),
}


@pytest.mark.parametrize("name", MODELS)
def test_flows_add_up_to_about_the_month_and_come_in_order(name: str) -> None:
    total = 0
    cars = CARS[:150] if name == "telematics" else CARS
    for vehicle in cars:
        flows = flows_of(MODELS[name], vehicle)
        assert [flow.at for flow in flows] == sorted(flow.at for flow in flows)
        assert all(flow.octets > 0 < flow.rate for flow in flows)
        assert all(type(number) is int for flow in flows for number in flow)
        assert all(BEGINS <= flow.at < ENDS for flow in flows)
        total += sum(flow.octets for flow in flows)
    mean = MODELS[name].month_octets  # type: ignore[attr-defined]
    assert total / len(cars) == pytest.approx(mean * 31 / 30, rel=0.15)


@pytest.mark.parametrize("name", ["wifi", "streaming", "navigation"])
def test_drivers_use_data_while_they_drive_and_shortly_after(name: str) -> None:
    for vehicle in CARS[:100]:
        plan = month_of_trips(vehicle)
        for flow in flows_of(MODELS[name], vehicle):
            assert any(trip.start <= flow.at < trip.end + LINGER for trip in plan)


def test_heartbeats_of_a_bad_release_come_all_at_once() -> None:
    model = Telematics(30_000_000, heartbeats=Heartbeats(synchronised=True))
    beats = [flow.at for vehicle in CARS[:20] for flow in flows_of(model, vehicle)[1:] if flow.rate == 50_000]
    assert len(beats) > 1000
    assert all(at % (2250 * SECOND) == 0 for at in beats)


def test_an_emergency_call_is_tested_every_four_weeks() -> None:
    tests = [len(flows_of(CallTest(), vehicle)) for vehicle in CARS]
    assert max(tests) <= 2
    assert sum(tests) / len(CARS) == pytest.approx(31 / 28, rel=0.1)


def _campaign(window: tuple[int, int] | None, share: float = 1.0) -> Campaign:
    return Campaign(BEGINS + 3 * DAY, BEGINS + 20 * DAY, 500_000_000, 2_000_000_000, share, 1_000_000, window)


@pytest.mark.parametrize("window", [None, (60, 300), (1380, 180)])
def test_a_campaign_moves_its_octets_once_within_its_time(window: tuple[int, int] | None) -> None:
    for vehicle in CARS[:60]:
        flows = flows_of(_campaign(window), vehicle)
        assert all(flow.at >= BEGINS + 3 * DAY and flow.at + flow.octets < BEGINS + 20 * DAY for flow in flows)
        assert all(later.at >= first.at + first.octets for first, later in pairwise(flows))
        if window is not None:
            assert 500_000_000 <= sum(flow.octets for flow in flows) <= 2_000_000_000


def test_a_campaign_in_the_night_leaves_the_day_alone_and_one_without_window_peaks_while_people_drive() -> None:
    night = [local(flow.at) for vehicle in CARS[:60] for flow in flows_of(_campaign((60, 300)), vehicle)]
    assert all(1 <= moment.hour < 5 for moment in night)
    day = [local(flow.at).hour for vehicle in CARS[:60] for flow in flows_of(_campaign(None), vehicle)]
    assert sum(6 <= hour < 21 for hour in day) > 0.8 * len(day)


def test_a_campaign_concerns_its_share_of_the_cars() -> None:
    concerned = sum(bool(flows_of(_campaign(None, 0.3), vehicle)) for vehicle in CARS)
    assert concerned / len(CARS) == pytest.approx(0.3, abs=0.08)


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_depends_on_its_key_alone() -> None:
    assert stream(1, "a", "trips").random() == stream(1, "a", "trips").random()
    others = [stream(2, "a", "trips"), stream(1, "b", "trips"), stream(1, "a", "wifi"), stream(1, "at", "rips")]
    assert stream(1, "a", "trips").random() not in [other.random() for other in others]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_whole_numbers_are_those_of_randint(least: int, width: int) -> None:
    ours, theirs = whole(stream(1, "w"), least, least + width), stream(1, "w")
    assert [ours() for _ in range(5)] == [theirs.randint(least, least + width) for _ in range(5)]


def _car(vehicle: str, names: list[str], kind: str) -> Car:
    uses = tuple(Use(name, "0", MODELS[name], "split", f"apn-{place % 2}", 1) for place, name in enumerate(names))
    return Car(vehicle, "001010000000001", None, uses, CLASSES[kind])


def _life(vehicle: str, names: list[str], kind: str = "commuter") -> dict[str, list[Flow]]:
    """What each application of a car does in a week."""
    found: dict[str, list[Flow]] = {}
    for attachment in attachments(_car(vehicle, names, kind), 7, BEGINS, BEGINS + 7 * DAY, BERLIN):
        assert all(first.end <= second.start for first, second in pairwise(attachment.windows))
        for use, flows in attachment.uses:
            found[use.name] = list(flows)
    return found


@settings(deadline=None, max_examples=30)
@given(st.permutations(sorted(MODELS)), st.integers(1, 3), st.sampled_from(sorted(CLASSES)))
def test_what_one_application_does_does_not_move_when_others_come_or_go(names: list[str], few: int, kind: str) -> None:
    whole, part = _life("car-1", names, kind), _life("car-1", names[:few], kind)
    assert part == {name: whole[name] for name in names[:few]}


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(6)))
def test_cars_do_the_same_in_any_order(order: list[int]) -> None:
    """Drawn a piece of each at a time, as a world does."""
    names = sorted(MODELS)
    expected = {number: _life(str(number), names) for number in range(6)}
    alive: dict[int, list[tuple[str, Iterator[Flow]]]] = {}
    for number in order:
        car = _car(str(number), names, "commuter")
        parts = list(attachments(car, 7, BEGINS, BEGINS + 7 * DAY, BERLIN))
        alive[number] = [(use.name, flows) for part in parts for use, flows in part.uses]
    got: dict[int, dict[str, list[Flow]]] = {number: {name: [] for name in names} for number in order}
    while any(alive.values()):
        for number in order:
            for name, flows in list(alive[number]):
                flow = next(flows, None)
                if flow is None:
                    alive[number].remove((name, flows))
                else:
                    got[number][name].append(flow)
    assert got == expected


def test_trips_do_not_depend_on_how_python_hashes_strings() -> None:
    program = (
        "from tests.fleet.test_fleet import _life;"
        "print([(name, flows[:9]) for kind in ('commuter', 'van') for name, flows in "
        "_life('car-9', ['wifi', 'telematics'], kind).items()])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert b"Flow(at=" in told.pop()
