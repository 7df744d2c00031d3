"""Kinds of vehicles and when each of them drives: published figures as data, their sources beside them.

Sources come in two forms, and so do the tables. Surveys of persons say how many trips a day has and at which hours
they begin (`ByDay`). Logged fleets say how likely a vehicle that stands departs in each hour, and one that drives
arrives (`ByHour`): vehicles that drive for hours have no trips pushed aside by the ones before. Hours are those of the
wall clock; M is measured and published, D is our default, which nobody publishes.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final, NamedTuple

from ocs.units import MINUTE

Hours = tuple[float, ...]
"""One number for each hour of the day."""
Cumulated = tuple[float, ...]
"""Running sums of weights: `bisect` finds what a uniform number falls on, as `Random.choices` does."""


class ByDay(NamedTuple):
    """So many trips a day, at such hours. Tuples of three are: weekday, Saturday, Sunday."""

    trips: tuple[Cumulated, Cumulated, Cumulated]
    """Of the numbers in `TRIPS`."""
    departures: tuple[Cumulated, Cumulated, Cumulated]
    """Of the hours 0 to 23."""
    scale: float
    """What the number of trips is multiplied by; a fraction is a chance of one more."""


class ByHour(NamedTuple):
    """Departures and arrivals an hour, of a vehicle that stands or drives. Running sums from Monday 0 h on."""

    departures: Cumulated
    arrivals: Cumulated


class VehicleClass(NamedTuple):
    """A kind of vehicle."""

    name: str
    driving: ByDay | ByHour
    trips_a_day: float
    """Mean over the week, as the tables make it."""
    minutes_a_trip: float


def cumulated(weights: Hours) -> Cumulated:
    """Running sums."""
    return tuple(accumulate(weights))


TRIPS: Final = (0, 2, 3, 4, 5)
"""How many trips a day of a private car has, before scaling."""
MINUTES: Final = ((2, 10), (10, 15), (15, 20), (20, 45), (45, 60), (60, 185))
"""Bins of the length of a private car's trip, minutes."""
MINUTES_WEIGHTS: Final = cumulated((0.161, 0.284, 0.273, 0.169, 0.050, 0.063))
"""M: emobpy 0.6.2 (MIT), from Mobilitaet in Tabellen."""
HALT: Final = 10 * MINUTE
"""D: shortest stop between two trips."""

AAA_TRIPS_A_DAY: Final = 2.44
"""M: trips of a driver-day, AAA American Driving Survey 2022."""
AAA_MINUTES_A_DAY: Final = 60.2
"""M: minutes at the wheel of a driver-day, the same."""

# M: number of trips, and hours of departure in per cent, from emobpy 0.6.2 (MIT), from Mobilitaet in Tabellen. They
# give 1.86 trips a day, which is scaled to AAA's 2.44; with emobpy's lengths of trips that makes AAA's minutes.
_EMOBPY_TRIPS_A_DAY: Final = 1.86
_WEEKDAY: Final = (0.354, 0.299, 0.083, 0.125, 0.139)
_WEEKEND: Final = (0.507, 0.288, 0.041, 0.096, 0.069)
COMMUTE: Final = (0.5,) * 6 + (4.8,) * 3 + (5.2,) * 5 + (6.9,) * 3 + (8.5,) * 3 + (3.3,) * 3 + (0.5,)
FREE_TIME: Final = (0.3,) * 6 + (1.2,) * 3 + (8.9,) * 2 + (9.9,) * 3 + (7.9,) * 3 + (5.9,) * 3 + (1.9,) * 3 + (0.3,)
SATURDAY: Final = (0.3,) * 6 + (1.2,) * 3 + (6.7,) * 2 + (9.0,) * 3 + (7.4,) * 3 + (7.0,) * 3 + (3.0,) * 3 + (0.3,)
SUNDAY: Final = (0.3,) * 6 + (1.2,) * 3 + (5.3,) * 2 + (8.0,) * 3 + (9.2,) * 3 + (7.9,) * 3 + (3.2,) * 3 + (0.3,)

# M: champpy 0.1.5 (MIT), condensed from its transition matrices of 15 minutes: departures an hour in per cent of
# standing vehicles, arrivals an hour of driving ones. Passenger cars of companies are KiD 2010, vans REM2030, trucks
# NEFTON. An arrival rate of an hour in which nobody was seen driving is that of its neighbours.
_CAR_DEPARTS: Final = (
    (0.0, 0.0, 0.1, 0.1, 0.3, 2.0, 8.0, 14.3, 12.4, 9.8, 9.3, 7.3, 7.0, 6.9, 7.2, 7.1, 8.6, 8.4, 6.5, 3.7, 1.7, 1.2,
     0.8, 0.4),
    (0.1, 0.1, 0.1, 0.1, 0.1, 0.7, 2.1, 3.8, 6.3, 7.7, 7.8, 5.8, 4.2, 3.8, 4.5, 3.5, 3.7, 3.6, 3.3, 2.2, 1.1, 0.9,
     0.8, 0.5),
    (0.1, 0.1, 0.0, 0.1, 0.2, 0.5, 1.8, 2.5, 3.6, 5.7, 5.6, 4.8, 4.3, 4.3, 4.3, 4.0, 4.6, 3.9, 4.0, 3.1, 1.4, 1.1,
     0.7, 0.3),
)  # fmt: skip
_CAR_ARRIVES: Final = (
    (1.14, 1.33, 1.11, 1.04, 0.96, 0.80, 0.94, 1.12, 1.09, 1.23, 1.14, 0.98, 1.16, 1.08, 1.03, 1.21, 1.20, 1.17, 1.52,
     1.54, 1.45, 1.52, 1.42, 1.23),
    (1.51, 1.68, 1.53, 1.30, 1.21, 0.92, 1.07, 1.00, 1.22, 1.42, 1.40, 1.30, 1.23, 1.28, 1.31, 1.37, 1.38, 1.25, 1.62,
     1.28, 1.47, 1.35, 1.49, 1.20),
    (1.59, 2.20, 2.59, 2.40, 1.52, 1.61, 0.92, 0.81, 0.92, 1.15, 1.28, 1.13, 1.22, 1.22, 1.26, 1.45, 1.22, 1.09, 1.27,
     1.40, 1.20, 1.11, 1.14, 1.11),
)  # fmt: skip
_VAN_DEPARTS: Final = (
    (0.3, 0.4, 0.6, 2.4, 7.0, 11.9, 28.8, 52.3, 45.4, 49.5, 45.2, 37.8, 27.9, 32.7, 29.1, 25.2, 23.3, 11.2, 7.7, 4.8,
     3.3, 1.9, 1.2, 1.0),
    (0.5, 1.0, 0.8, 3.1, 5.2, 12.0, 13.5, 9.6, 11.7, 11.8, 10.6, 10.6, 10.6, 9.6, 5.6, 5.0, 4.7, 5.5, 4.5, 3.9, 1.8,
     1.3, 1.3, 1.0),
    (0.3, 0.3, 0.5, 0.3, 0.8, 2.1, 3.1, 3.7, 3.2, 2.7, 2.4, 2.1, 1.3, 1.3, 1.0, 1.8, 1.6, 1.8, 1.3, 1.3, 1.8, 0.8,
     0.5, 0.8),
)  # fmt: skip
_VAN_ARRIVES: Final = (
    (0.67, 1.29, 0.54, 0.43, 0.20, 0.43, 0.78, 0.70, 0.78, 0.91, 0.75, 0.76, 1.22, 0.83, 0.84, 0.97, 1.16, 1.50, 1.25,
     1.24, 1.25, 1.20, 0.92, 1.04),
    (0.69, 1.09, 0.73, 0.28, 0.26, 0.59, 0.74, 0.72, 0.73, 0.79, 1.01, 1.05, 1.12, 1.40, 1.36, 1.19, 1.35, 0.89, 1.39,
     0.92, 1.21, 1.26, 0.89, 0.96),
    (0.33, 0.40, 0.36, 0.57, 0.28, 0.59, 0.78, 0.55, 0.79, 0.76, 0.59, 1.00, 1.09, 1.18, 1.10, 1.50, 1.26, 0.91, 0.80,
     1.04, 0.94, 0.74, 0.95, 0.44),
)  # fmt: skip
_TRUCK_DEPARTS: Final = (
    (1.7, 5.0, 8.1, 8.3, 14.2, 24.1, 24.6, 26.8, 29.9, 28.8, 30.4, 27.8, 24.9, 19.0, 14.0, 8.8, 6.9, 3.9, 4.0, 3.4,
     2.5, 1.9, 1.8, 1.2),
    (0.7, 0.9, 0.7, 1.7, 2.3, 1.9, 2.2, 2.4, 2.1, 2.1, 2.0, 1.2, 1.0, 0.8, 0.3, 1.4, 0.3, 0.2, 0.5, 0.1, 0.0, 0.1,
     0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.0, 0.1, 0.2, 1.7, 1.3,
     1.0, 0.9),
)  # fmt: skip
_TRUCK_ARRIVES: Final = (
    (0.37, 0.29, 0.18, 0.22, 0.30, 0.31, 0.35, 0.39, 0.41, 0.45, 0.48, 0.49, 0.45, 0.48, 0.51, 0.52, 0.58, 0.53, 0.58,
     0.39, 0.37, 0.41, 0.36, 0.49),
    (0.47, 0.38, 0.39, 0.58, 0.28, 0.31, 0.45, 0.40, 0.45, 0.65, 0.42, 0.59, 0.52, 0.28, 0.51, 0.55, 0.49, 0.83, 0.70,
     0.33, 0.50, 0.50, 0.50, 0.50),
    (1.0,) * 20 + (0.4, 0.4, 0.21, 0.39),
)  # fmt: skip
_KID_TO_AAA: Final = 1.20
"""Of a company car's departures: KiD's 51 minutes a day become the 60 of all drivers."""

DRIVING_PERCENT: Final[dict[str, Hours]] = {
    "business": (
        0.2, 0.1, 0.0, 0.1, 0.1, 0.7, 3.6, 8.4, 10.4, 9.0, 7.9, 7.1, 6.6, 6.2, 6.1, 6.1, 6.3, 6.6, 5.5, 3.4, 1.8, 1.0,
        0.8, 0.4,
    ),
    "van": (
        0.9, 0.5, 0.4, 1.0, 4.7, 9.5, 18.6, 32.5, 37.5, 34.3, 37.0, 36.9, 26.2, 25.4, 25.8, 24.0, 20.6, 12.1, 7.1, 5.3,
        3.4, 2.5, 1.8, 1.2,
    ),
    "truck": (
        4.4, 5.4, 9.7, 15.0, 18.9, 26.3, 34.5, 37.5, 39.5, 40.5, 39.6, 38.2, 37.3, 34.8, 29.4, 24.3, 18.4, 13.8, 10.5,
        8.9, 8.3, 7.3, 6.4, 5.5,
    ),
}  # fmt: skip
"""M: vehicles at the wheel in each hour of a weekday (champpy 0.1.5, as above, before any scaling): to compare with."""


def _private(name: str, weekday: Hours, trips_a_day: float) -> VehicleClass:
    driving = ByDay(
        (cumulated(_WEEKDAY), cumulated(_WEEKEND), cumulated(_WEEKEND)),
        (cumulated(weekday), cumulated(SATURDAY), cumulated(SUNDAY)),
        trips_a_day / _EMOBPY_TRIPS_A_DAY,
    )
    return VehicleClass(name, driving, trips_a_day, 24.7)


def _logged(
    name: str,
    departs: tuple[Hours, Hours, Hours],
    arrives: tuple[Hours, Hours, Hours],
    trips_a_day: float,
    minutes_a_trip: float,
    scale: float = 1.0,
) -> VehicleClass:
    week = (0, 0, 0, 0, 0, 1, 2)
    departures = cumulated(tuple(scale * chance / 100 for day in week for chance in departs[day]))
    arrivals = cumulated(tuple(rate for day in week for rate in arrives[day]))
    return VehicleClass(name, ByHour(departures, arrivals), trips_a_day, minutes_a_trip)


CLASSES: Final[dict[str, VehicleClass]] = {
    kind.name: kind
    for kind in (
        _private("commuter", COMMUTE, AAA_TRIPS_A_DAY),
        _private("leisure", FREE_TIME, AAA_TRIPS_A_DAY),
        _logged("business", _CAR_DEPARTS, _CAR_ARRIVES, 1.2, 51.0, _KID_TO_AAA),
        _logged("van", _VAN_DEPARTS, _VAN_ARRIVES, 2.6, 66.0),
        _logged("truck", _TRUCK_DEPARTS, _TRUCK_ARRIVES, 1.6, 143.0),
        _private("shared_car", FREE_TIME, 4.0),  # D: hours of free time, more trips
    )
}
"""By name."""
