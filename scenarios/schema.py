"""The scenario file: who pays for what, which cars, what happens when, and what must hold at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ocs.catalogue.plans import PrepaidIndividual
from ocs.catalogue.profiles import Split
from ocs.files import Duration, FileModel
from ocs.inventory.provisioning import Provisioning
from ocs.units import instant
from scenarios.checks import Expectation
from scenarios.fleet import Campaign, Group, group_of, group_problems

Where = tuple[str | int, ...]


class _Moment(FileModel):
    day: Annotated[int, Field(ge=1)]
    """1 is the day on which the scenario starts."""
    at: str
    """Local time of the operator, as `HH:MM`."""

    @field_validator("at")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            return datetime.strptime(text, "%H:%M").replace(tzinfo=UTC).strftime("%H:%M")
        except ValueError:
            raise ValueError("expected a time of day such as '08:30'") from None


class _Event(_Moment):
    group: str | None = None
    vehicle: str | None = None
    """Either every car of a group, or one car such as `own-003`."""
    split: str | None = None

    @model_validator(mode="after")
    def _one_target(self) -> _Event:
        if (self.group is None) == (self.vehicle is None):
            raise ValueError("expected either a group or a vehicle")
        return self


class TopUpEvent(_Event):
    """A purchase, whether or not the driver has been cut off; `split` only where the car has several drivers."""

    do: Literal["top_up"]
    bundle: str


class StatusEvent(_Event):
    """Suspend or resume the SIM as a whole, or one split of it."""

    do: Literal["suspend", "resume"]
    reason: str = "by the operator"


class CampaignEvent(Campaign, _Event):
    """The car maker's servers offer a download to the cars, paid by their first B2B split or the one named."""

    do: Literal["campaign"]


class CutEvent(_Moment):
    """Nothing comes through between gateway and OCS."""

    do: Literal["cut"]
    lasting: Annotated[Duration, Field(gt=0, alias="for")]


class KillEvent(_Moment):
    """The OCS dies; `for` so long nobody serves. What serves then, it or its standby, is what the journal says."""

    do: Literal["kill_ocs"]
    lasting: Annotated[Duration, Field(gt=0, alias="for")] = 60


class RestartEvent(_Moment):
    """The gateway loses its sessions, and what it has not reported; nobody tells the OCS."""

    do: Literal["restart_pgw"]


FaultEvent = CutEvent | KillEvent | RestartEvent


class SellEvent(_Event):
    """The car gets another owner: their virtual SIMs are new, the earlier owner's end. The car maker's splits go on."""

    do: Literal["sell"]


class PlanEvent(_Event):
    """Another price plan for a b2b split: from the next billing cycle on, as the SIM is in billing."""

    do: Literal["plan"]
    plan: str


CarEvent = TopUpEvent | StatusEvent | CampaignEvent | SellEvent | PlanEvent
Event = Annotated[CarEvent | FaultEvent, Field(discriminator="do")]

Chance = Annotated[float, Field(ge=0, le=1)]


class LinkFaults(FileModel):
    """What may happen to each message between gateway and OCS, either way; drawn for each car."""

    loss: Chance = 0.0
    duplication: Chance = 0.0
    reordering: Chance = 0.0
    """Chance that a message is held up for longer than Tx, so that its repeat, or what follows, overtakes it."""
    delay: Annotated[Duration, Field(le=60)] = 0
    """Mean time on the way."""


class Faults(FileModel):
    """What goes wrong all the time. Cuts, restarts and kills stand in the time line."""

    link: LinkFaults = LinkFaults()
    clock_skew: Annotated[Duration, Field(le=3_600)] = 0
    """The clock by which a car is served is wrong by at most so much, either way."""
    standby: bool = False
    """A second OCS on the same journal serves after a kill. Open sessions move to it where the operator's
    `session_failover` allows it; the others fail."""


class Scenario(FileModel):
    """One scenario file. `provisioning` (or `include`, a file of the same form) says what is sold and who pays."""

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    start: date
    """First day, from its midnight in the operator's time zone."""
    duration: Annotated[Duration, Field(gt=0, le=366 * 86_400, multiple_of=86_400)]
    """Whole calendar days in the operator's time zone: the night in which clocks change has its real length."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    provisioning: Provisioning
    fleet: tuple[Group, ...]
    timeline: tuple[Event, ...] = ()
    faults: Faults = Faults()
    expect: tuple[Expectation, ...]

    @field_validator("expect", "fleet", mode="before")
    @classmethod
    def _at_least_one(cls, items: object) -> object:
        if items in ([], ()):
            raise ValueError("expected at least one item")
        return items

    @property
    def zone(self) -> ZoneInfo:
        """The operator's time zone."""
        return ZoneInfo(self.provisioning.operator.time_zone)

    @property
    def begins(self) -> int:
        """First instant, microseconds UTC."""
        return self.local(1, "00:00")

    @property
    def ends(self) -> int:
        """First instant after the scenario, microseconds UTC."""
        return self.local(self.duration // 86_400 + 1, "00:00")

    @property
    def vehicles(self) -> int:
        """How many cars there are."""
        return sum(group.vehicles for group in self.fleet)

    def cars(self, first: int = 0, last: int | None = None) -> Iterator[tuple[Group, str]]:
        """Cars with their groups, in the order of the fleet: all, or those from `first` to before `last`."""
        before = 0
        for group in self.fleet:
            end = None if last is None else max(0, last - before)
            for vehicle in group.vehicle_ids(max(0, first - before), end):
                yield group, vehicle
            before += group.vehicles

    def of_size(self, vehicles: int) -> Scenario:
        """The same with another number of cars, its groups in proportion; cars of a time line must still be there.

        Raises:
            ValueError: fewer cars than groups.
        """
        if vehicles < len(self.fleet):
            raise ValueError(f"expected at least {len(self.fleet)}: one car for each group")
        sizes: list[int] = []
        whole = self.vehicles
        for place, group in enumerate(self.fleet):
            groups_left = len(self.fleet) - place - 1
            left = vehicles - sum(sizes)
            sizes.append(max(1, min(left - groups_left, left * group.vehicles // whole)))
            whole -= group.vehicles
        fleet = [group.model_copy(update={"vehicles": size}) for group, size in zip(self.fleet, sizes, strict=True)]
        return self.model_copy(update={"fleet": tuple(fleet)})

    @property
    def faulty(self) -> bool:
        """Something is to go wrong on the network's side."""
        return self.faults != Faults() or any(isinstance(event, FaultEvent) for event in self.timeline)

    @property
    def sells(self) -> bool:
        """Whether any car is sold: then all cars live in one world."""
        return any(isinstance(event, SellEvent) for event in self.timeline)

    def suspensions(self, vehicle: str) -> list[tuple[str | None, int, int | None]]:
        """When a car's SIM (None) or one of its splits is suspended: which, from when, until when; None: to the end."""
        since: dict[str | None, int] = {}
        found: list[tuple[str | None, int, int | None]] = []
        events = [event for event in self.timeline if isinstance(event, StatusEvent)]
        for event in sorted(events, key=lambda event: self.local(event.day, event.at)):
            if event.vehicle == vehicle or event.group == group_of(vehicle):
                at = self.local(event.day, event.at)
                if event.do == "suspend":
                    since.setdefault(event.split, at)
                elif event.split in since:
                    found.append((event.split, since.pop(event.split), at))
        return found + [(split_id, at, None) for split_id, at in since.items()]

    def plan_changes(self, vehicle: str) -> list[tuple[int, str, str]]:
        """When splits of a car get other plans: the instant, the split, the plan, in order of time."""
        return sorted(
            (self.local(event.day, event.at), event.split or "", event.plan)
            for event in self.timeline
            if isinstance(event, PlanEvent) and (event.vehicle == vehicle or event.group == group_of(vehicle))
        )

    def sales(self, vehicle: str) -> tuple[int, ...]:
        """When a car gets another owner, in order of time."""
        sold = [
            self.local(event.day, event.at)
            for event in self.timeline
            if isinstance(event, SellEvent) and (event.vehicle == vehicle or event.group == group_of(vehicle))
        ]
        return tuple(sorted(set(sold)))

    def local(self, day: int, at: str) -> int:
        """The instant of a local time on a day (1: the first)."""
        return instant(self._moment(day, at))

    def _moment(self, day: int, at: str) -> datetime:
        return datetime.combine(self.start + timedelta(days=day - 1), time.fromisoformat(at), self.zone)

    def problems(self) -> Iterator[tuple[Where, str]]:
        """What the parts say against each other, as (location, message): unknown names, doubles, impossible times."""
        seen: set[str] = set()
        for number, group in enumerate(self.fleet):
            if group.name in seen:
                yield ("fleet", number, "name"), f"{group.name!r} is used twice"
            seen.add(group.name)
            yield from self._group_problems(("fleet", number), group)
        vehicles = {vehicle: group for group in self.fleet for vehicle in group.vehicle_ids()}
        groups = {group.name: group for group in self.fleet}
        for number, event in enumerate(self.timeline):
            at: Where = ("timeline", number)
            yield from self._time_problems(at, event)
            if not isinstance(event, CarEvent):
                continue
            if isinstance(event, SellEvent) and self.faulty:
                yield (*at, "do"), "on a network that goes wrong nobody would know whose the octets are that get lost"
            group_or_none = groups.get(event.group or "") or vehicles.get(event.vehicle or "")
            if group_or_none is None:
                field, name = ("group", event.group) if event.group is not None else ("vehicle", event.vehicle)
                yield (*at, field), f"unknown {field} {name!r}"
            else:
                yield from self._event_problems(at, event, group_or_none)

    def splits(self, group: Group) -> dict[str, Split]:
        """The splits of the group's profile, by id; empty where the profile is unknown."""
        found = next((profile for profile in self.provisioning.profiles if profile.id == group.profile), None)
        return {split.id: split for split in found.splits} if found else {}

    def consumer_plans(self, group: Group) -> dict[str, PrepaidIndividual] | None:
        """The prepaid plan of each of the group's B2C splits, by split id; None where one is unknown or postpaid."""
        plans = {plan.id: plan for plan in self.provisioning.plans}
        found: dict[str, PrepaidIndividual] = {}
        for split in self.splits(group).values():
            plan = plans.get(group.plans.get(split.id, split.plan))
            if split.party == "b2c" and not isinstance(plan, PrepaidIndividual):
                return None
            if isinstance(plan, PrepaidIndividual):
                found[split.id] = plan
        return found

    def _group_problems(self, at: Where, group: Group) -> Iterator[tuple[Where, str]]:
        if group.account not in {account.id for account in self.provisioning.accounts}:
            yield (*at, "account"), f"unknown account {group.account!r}"
        splits = self.splits(group)
        if not splits:
            yield (*at, "profile"), f"unknown profile {group.profile!r}"
            return
        plans = {plan.id: plan for plan in self.provisioning.plans}
        for split_id, plan_id in group.plans.items():
            if split_id not in splits:
                yield (*at, "plans", split_id), f"profile {group.profile!r} has no split {split_id!r}"
            elif plan_id not in plans:
                yield (*at, "plans", split_id), f"unknown plan {plan_id!r}"
            elif (splits[split_id].party == "b2c") != isinstance(plans[plan_id], PrepaidIndividual):
                yield (
                    (*at, "plans", split_id),
                    f"{plan_id!r}: a b2c split takes a prepaid plan, a b2b split a postpaid one",
                )
        yield from group_problems(at, group, splits, plans)
        consumer = self.consumer_plans(group)
        if group.drivers.bundle is not None and consumer is not None:
            yield from _sold((*at, "drivers", "bundle"), group.drivers.bundle, list(consumer.values()))

    def _time_problems(self, at: Where, event: _Moment) -> Iterator[tuple[Where, str]]:
        days = self.duration // 86_400
        if event.day > days:
            yield (*at, "day"), f"expected a day from 1 to {days}"
            return
        local = self._moment(event.day, event.at)
        if local.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            yield (
                (*at, "at"),
                f"{event.at} does not exist on {local.date()} in {self.zone.key}: clocks go forward over it",
            )

    def _event_problems(self, at: Where, event: CarEvent, group: Group) -> Iterator[tuple[Where, str]]:
        splits = self.splits(group)
        if event.split is not None and event.split not in splits:
            yield (*at, "split"), f"profile {group.profile!r} has no split {event.split!r}"
        elif isinstance(event, SellEvent):
            if event.split is not None:
                yield (*at, "split"), "a car is sold as a whole"
            elif splits and not any(split.party == "b2c" for split in splits.values()):
                yield (*at, "do"), f"profile {group.profile!r} has no b2c split, so nothing would change"
        elif isinstance(event, PlanEvent):
            plan = next((plan for plan in self.provisioning.plans if plan.id == event.plan), None)
            if splits and (event.split is None or splits[event.split].party != "b2b"):
                yield (*at, "split"), "name the b2b split whose plan changes: drivers keep theirs"
            if plan is None or isinstance(plan, PrepaidIndividual):
                yield (*at, "plan"), f"{event.plan!r}: expected a postpaid plan of this file"
        elif isinstance(event, CampaignEvent):
            if splits and splits.get(event.split or "", next(iter(splits.values()))).party != "b2b":
                yield (*at, "split"), "a campaign is paid by a b2b split: name one"
        elif isinstance(event, TopUpEvent) and splits:
            plans = self.consumer_plans(group)
            if plans is None:
                return
            chosen = [plans[event.split]] if event.split in plans else list(plans.values())
            if event.split is None and len(chosen) > 1:
                yield (*at, "split"), f"group {group.name!r} has several b2c splits: name one of {', '.join(plans)}"
            else:
                yield from _sold((*at, "bundle"), event.bundle, chosen)


def _sold(at: Where, bundle: str, plans: list[PrepaidIndividual]) -> Iterator[tuple[Where, str]]:
    on_sale = [known.id for plan in plans for known in plan.bundles]
    if bundle not in on_sale:
        yield at, f"unknown bundle {bundle!r}; on sale: {', '.join(on_sale) or 'none'}"
