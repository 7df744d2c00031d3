"""The fleet of a scenario file: which cars there are, what they and their drivers do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from ocs.catalogue.plans import Plan
from ocs.catalogue.prices import ClockTime
from ocs.catalogue.profiles import Party, RatingGroup, Split
from ocs.files import Duration, FileModel, Money, Volume
from scenarios.trips import Journeys
from sim.fleet.classes import CLASSES
from sim.fleet.places import HOME_PLMN
from sim.fleet.trips import Trip

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""Lower case, since it becomes part of Session-Ids and file names."""
Chance = Annotated[float, Field(ge=0, le=1)]
Sigma = Annotated[float, Field(ge=0, le=3)]
"""Of a lognormal distribution over the cars: how heavy its tail is."""

OwnApplication = Literal["navigation", "emergency_call_test", "campaign", "streaming"]
"""What may bear a rating group other than its split's first."""


class Heartbeats(FileModel):
    """What a parked car sends in the session that it keeps."""

    share: Chance = 0.4
    """Of the octets of telematics."""
    least: Annotated[Duration, Field(gt=0)] = 900
    most: Annotated[Duration, Field(gt=0)] = 3_600
    """From one to the next, at random between the two."""
    synchronised: bool = False
    """All cars at the same instants, as a bad release has them."""

    @model_validator(mode="after")
    def _in_order(self) -> Heartbeats:
        if self.least > self.most:
            raise ValueError("least must not be longer than most")
        return self


class Traffic(FileModel):
    """What one car of the group moves in a month of 30 days: lognormal over the cars, around these means."""

    telematics: Annotated[Volume, Field(gt=0)] = 30_000_000
    """Mean octets of a car's telematics."""
    telematics_sigma: Sigma = 0.8
    heartbeats: Heartbeats = Heartbeats()
    navigation: Volume = 0
    """Mean octets of routes and map tiles; 0: the car has no navigation."""
    emergency_call_test: Annotated[Duration, Field(gt=0)] | None = None
    """Time from one self-test of the emergency call to the next; absent: none."""
    wifi: Volume = 0
    """Mean octets that a driver would use on the hotspot if nothing stopped them; 0: nobody uses it."""
    wifi_sigma: Sigma = 1.3
    streaming: Volume = 0
    """Mean octets of music and films, on top of `wifi` and paid by the same driver."""
    wifi_share: Chance = 1.0
    """Share of the cars whose driver uses the hotspot at all."""
    wake_up_messages: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Short messages that wake the parked car, a month; paid by the physical SIM, as events."""
    breakdown_calls: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Calls of drivers whose car has broken down, a month; paid by the physical SIM, by the second."""
    rating_groups: dict[OwnApplication, RatingGroup] = Field(default_factory=dict)
    """What an application's octets bear, where it is not the first rating group of its split."""


class Willingness(FileModel):
    """What 28 days of Wi-Fi are worth to drivers, in the operator's currency: lognormal over them.

    The default lets 15 % of them pay 20 and half of them 7, as offers that were made suggest. How drivers answer to
    prices is an assumption: repeat a comparison with half and double the median.
    """

    median: Annotated[Money, Field(gt=0)] = Decimal(7)
    sigma: Sigma = 1.0


class Drivers(FileModel):
    """What drivers do when their Wi-Fi ends: weigh prices (`willingness`), or buy `bundle` after a share of cuts."""

    top_up_probability: Chance = 0.0
    """Share of cuts after which the driver buys."""
    delay: Duration = 3_600
    """Mean time from the cut to the purchase; with `willingness`, to one that is worth just its price."""
    bundle: str | None = None
    """The bundle they buy."""
    willingness: Willingness | None = None
    patience: Annotated[float, Field(ge=1, le=1_000)] = 4.0
    """With `willingness`: mean number of cuts in 28 days that drivers bear before they stop using Wi-Fi for good."""

    @model_validator(mode="after")
    def _one_kind(self) -> Drivers:
        if self.willingness is not None and (self.bundle is not None or self.top_up_probability):
            raise ValueError("drivers with a willingness choose for themselves: no bundle, no top_up_probability")
        return self

    @model_validator(mode="after")
    def _buys_something(self) -> Drivers:
        if self.top_up_probability and self.bundle is None:
            raise ValueError("drivers who top up need a bundle to buy")
        return self


Plmn = Annotated[str, Field(pattern=r"^\d{5,6}$")]
"""MCC and MNC."""


class Network(FileModel):
    """What cars meet on the way: other serving nodes, other RATs, other countries.

    A plan with `zones`, or with `triggers`, is told at once of a change that it armed (TS 32.299 7.2.235).
    """

    home: Plmn = HOME_PLMN
    node_change: Duration = 600
    """Mean time on the way from one serving node to the next; 0: it stays."""
    roaming: Chance = 0.03
    """Share of the trips that lead abroad or back."""
    visited: tuple[Plmn, ...] = ()
    """Networks abroad, each as likely; none: nobody roams."""


class Night(FileModel):
    """A time of day on the operator's wall clock, written as `01:00`; it may run over midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    start: ClockTime = Field(alias="from")
    to: ClockTime

    @model_validator(mode="after")
    def _takes_time(self) -> Night:
        if self.start == self.to:
            raise ValueError("from and to are the same")
        return self


class Campaign(FileModel):
    """A download that every car makes once, beginning after this event, on one trip or night after the other."""

    least: Annotated[Volume, Field(gt=0)]
    most: Annotated[Volume, Field(gt=0)] | None = None
    """Octets: `least` for all cars, or between the two, small ones more often."""
    share: Chance = 1.0
    """Of the cars that it concerns."""
    lasting: Annotated[Duration, Field(gt=0, alias="for")] = 14 * 86_400
    """After which what is not done is given up."""
    window: Night | None = None
    """When parked cars download; absent: all cars do whenever they drive."""
    rate: Annotated[Volume, Field(gt=0)] = 1_000_000
    """Octets a second."""

    @model_validator(mode="after")
    def _in_order(self) -> Campaign:
        if self.most is not None and self.most < self.least:
            raise ValueError("most must not be less than least")
        return self


class TripsFile(FileModel):
    """Trips from elsewhere: see `scenarios.trips` for the form of the file."""

    file: Annotated[str, Field(min_length=1)]
    digest: str = ""
    """Of what is in the file, once it was read."""
    _journeys: Journeys = PrivateAttr(default_factory=lambda: Journeys({}, ""))

    def holding(self, journeys: Journeys) -> TripsFile:
        """The same, read."""
        read = self.model_copy(update={"digest": journeys.digest})
        read._journeys = journeys
        return read

    def of(self, vehicle: str) -> tuple[Trip, ...]:
        """The trips of one car."""
        return self._journeys.get(vehicle, ())


class Group(FileModel):
    """Cars that are alike."""

    name: Name
    vehicles: Annotated[int, Field(ge=1, le=100_000)]
    account: str
    """The account that owns the SIMs."""
    profile: str
    plans: dict[str, str] = Field(default_factory=dict)
    """Plan by split id, where it is not the split's own."""
    classes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        default={"commuter": 1.0}, alias="class", json_schema_extra={"anyOf": [{"type": "string"}, {"type": "object"}]}
    )
    """When the cars drive: `commuter`, or several kinds with the share of each, as `{commuter: 3, business: 1}`."""
    traffic: Traffic = Traffic()
    drivers: Drivers = Drivers()
    network: Network | None = None
    """Absent: a car is always served by the same node at home."""
    trips: TripsFile | None = Field(default=None, json_schema_extra={"anyOf": [{"type": "string"}, {"type": "object"}]})
    """A CSV file, beside the scenario's, with the columns vehicle, start and end: when the cars drive."""

    @field_validator("trips", mode="before")
    @classmethod
    def _file_name(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value

    @field_validator("classes", mode="before")
    @classmethod
    def _one_class(cls, value: object) -> object:
        return {value: 1.0} if isinstance(value, str) else value

    @field_validator("classes")
    @classmethod
    def _known_classes(cls, shares: dict[str, float]) -> dict[str, float]:
        unknown = [name for name in shares if name not in CLASSES]
        if unknown:
            raise ValueError(f"unknown class {', '.join(map(repr, unknown))}; known: {', '.join(CLASSES)}")
        return shares

    def vehicle_ids(self, first: int = 0, last: int | None = None) -> list[str]:
        """`own-001`, `own-002`, ...: in the order in which SIMs are issued; all, or those from `first` up to `last`."""
        numbers = range(self.vehicles)[first:last]
        return [f"{self.name}-{number + 1:03d}" for number in numbers]


def group_of(vehicle: str) -> str:
    """The name of a car's group."""
    return vehicle.rpartition("-")[0]


def assumption(groups: Iterable[Group]) -> str:
    """What a run takes for granted of drivers though nobody has measured it, as a sentence; empty: nothing."""
    worths = [(group.drivers.willingness, group.name) for group in groups]
    told = ", ".join(f"{worth.median:.2f} ({name})" for worth, name in worths if worth is not None)
    what = f"28 days of Wi-Fi are worth {told} to half of the drivers"
    return f"{what}: nobody has measured it, repeat with half and double" if told else ""


def payer_party(application: OwnApplication) -> Party:
    """Who pays for an application's octets."""
    return "b2c" if application == "streaming" else "b2b"


def group_problems(
    at: tuple[str | int, ...], group: Group, splits: Mapping[str, Split], plans: Mapping[str, Plan]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What a group's traffic says against the splits of its profile, as (location, message)."""
    parties = {split.party for split in splits.values()}
    traffic = group.traffic
    if traffic.wifi and "b2c" not in parties:
        yield (*at, "traffic", "wifi"), f"profile {group.profile!r} has no b2c split, so nobody would pay for Wi-Fi"
    elif traffic.streaming and "b2c" not in parties:
        yield (*at, "traffic", "streaming"), f"profile {group.profile!r} has no b2c split, so nobody would pay for it"
    for field in ("navigation", "emergency_call_test"):
        if getattr(traffic, field) and "b2b" not in parties:
            yield (*at, "traffic", field), f"profile {group.profile!r} has no b2b split, so nobody would pay for it"
    own = next(
        (plans.get(group.plans.get(split.id, split.plan)) for split in splits.values() if split.party == "b2b"), None
    )
    for field, price in (("wake_up_messages", "sms"), ("breakdown_calls", "voice")):
        if getattr(traffic, field) and getattr(own, price, None) is None:
            name = f"plan {own.id!r}" if own is not None else "no plan of the physical SIM"
            yield (*at, "traffic", field), f"{name} has no price for it ({price})"
    for application, rating_group in traffic.rating_groups.items():
        party = payer_party(application)
        if not any(rating_group in split.rating_groups for split in splits.values() if split.party == party):
            where = (*at, "traffic", "rating_groups", application)
            yield where, f"no {party} split of profile {group.profile!r} lists rating group {rating_group}"
