"""Figures that were published on real vehicles, and defaults where nobody publishes any."""

from __future__ import annotations

from math import exp
from typing import Final, NamedTuple

from sim.fleet.classes import (
    AAA_MINUTES_A_DAY,
    AAA_TRIPS_A_DAY,
    COMMUTE,
    DRIVING_PERCENT,
    FREE_TIME,
    SATURDAY,
    SUNDAY,
    Hours,
)

AAA: Final = "AAA American Driving Survey 2022"
EMOBPY: Final = "emobpy 0.6.2 (Mobilitaet in Tabellen)"
KID: Final = "champpy 0.1.5 (KiD 2010)"
REM: Final = "champpy 0.1.5 (REM2030)"
NEFTON: Final = "champpy 0.1.5 (NEFTON)"
ATT: Final = "AT&T 2017-18: 45 M GB over 1 M subscribers"
CARSYS: Final = "AT&T CarSys 2017"
DEFAULT: Final = "default: nobody publishes it"


class Lognormal(NamedTuple):
    """Octets of a vehicle in a month of 30 days."""

    mean_octets: int
    sigma: float
    mean_source: str

    def quantile(self, deviations: float) -> float:
        """The octets that lie so many standard deviations (of the logarithm) above the median."""
        return self.mean_octets * exp(-(self.sigma**2) / 2 + self.sigma * deviations)


QUANTILES: Final = {"p50": 0.0, "p90": 1.2816, "p99": 2.3263}
"""In standard deviations of a normal distribution."""

HOTSPOT: Final = Lognormal(2_300_000_000, 1.3, ATT)
TELEMATICS: Final = Lognormal(30_000_000, 0.8, DEFAULT)


class HourShape(NamedTuple):
    """Of one kind of day, what happens in each hour."""

    name: str
    kind: str
    """Class of vehicles."""
    days: tuple[int, ...]
    """Days of the week, 0 is Monday."""
    driving: bool
    """Vehicles at the wheel; else departures."""
    published: Hours
    source: str


_WEEKDAYS: Final = (0, 1, 2, 3, 4)
SHAPES: Final = (
    HourShape("commuters, weekday", "commuter", _WEEKDAYS, False, COMMUTE, EMOBPY),
    HourShape("leisure, weekday", "leisure", _WEEKDAYS, False, FREE_TIME, EMOBPY),
    HourShape("commuters, Saturday", "commuter", (5,), False, SATURDAY, EMOBPY),
    HourShape("commuters, Sunday", "commuter", (6,), False, SUNDAY, EMOBPY),
    HourShape("company cars, weekday", "business", _WEEKDAYS, True, DRIVING_PERCENT["business"], KID),
    HourShape("vans, weekday", "van", _WEEKDAYS, True, DRIVING_PERCENT["van"], REM),
    HourShape("trucks, weekday", "truck", _WEEKDAYS, True, DRIVING_PERCENT["truck"], NEFTON),
)
"""Compared as shapes: each hour's share of the day."""

TRIPS_A_DAY: Final = AAA_TRIPS_A_DAY
MINUTES_A_DAY: Final = AAA_MINUTES_A_DAY
MINUTES_A_TRIP: Final = 24.7
DAYS_WITHOUT_A_TRIP: Final = 0.354
"""Of weekdays."""
LENGTHS: Final = ((10, 0.161), (15, 0.284), (20, 0.273), (45, 0.169), (60, 0.050), (185, 0.063))
"""Upper edge in minutes and share of the trips of private cars."""
WEEKDAY_MINUTES: Final = {
    "van": (sum(DRIVING_PERCENT["van"]) * 0.6, REM),
    "truck": (sum(DRIVING_PERCENT["truck"]) * 0.6, NEFTON),
}
"""At the wheel, of a weekday."""
DOWNLOAD_PEAK_HOUR: Final = 7
"""Of firmware downloads that nobody schedules."""
