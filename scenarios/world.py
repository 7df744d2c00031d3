"""Lets `sim` live through a scenario, and turns what it saw into evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Literal

from ocs.catalogue.plans import PrepaidIndividual
from ocs.charging.commands import ChangePlan, ChangeProfile, Provision, SetStatus, TopUp
from ocs.charging.engine import Engine
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.records.edr import Edr, Transfer
from ocs.units import MICROS, SECOND
from scenarios.cars import bundle_of, car_of, plan_of, profile_splits
from scenarios.evidence import Purchase
from scenarios.fleet import group_of
from scenarios.owners import driver_of, split_of_owner
from scenarios.schema import (
    CampaignEvent,
    CarEvent,
    CutEvent,
    KillEvent,
    PlanEvent,
    RestartEvent,
    Scenario,
    SellEvent,
    StatusEvent,
    TopUpEvent,
)
from sim.faults import Faults, LinkFaults, Span
from sim.fleet.cars import Car
from sim.fleet.streams import stream
from sim.foreign import ForeignLink
from sim.link import Books, MemoryLink, WireLink
from sim.link import Link as SimLink
from sim.octets import SampledLink
from sim.pgw.bearer import Settings
from sim.signals import Served
from sim.truth import Step
from sim.world import OCS_HOST, OCS_REALM, Event, Exchange, Push, World

EngineFactory = Callable[[str, str], Engine]
"""Origin-Host and Origin-Realm to an engine."""


class Link(Enum):
    """How the gateway reaches the OCS."""

    MEMORY = "memory"
    WIRE = "wire"


@dataclass(frozen=True)
class Lived:
    """What one world left behind."""

    steps: list[Step]
    exchanges: list[Exchange]
    pushes: list[Push]
    purchases: list[Purchase]
    unreported: dict[tuple[str, str, int, str], int]
    """Octets that passed and were never reported, by car, APN, rating group and cause."""
    repeats: list[Exchange]
    """Requests that the OCS got once more."""
    faults: dict[str, int]
    """What went wrong, in words, and how often."""
    edrs: list[Edr]
    transfers: list[Transfer]
    changes: list[Change]
    """The history of SIMs and subscriptions, as the OCS wrote it."""
    served: list[Served]
    """Messages and calls that came about."""
    wire_octets: int
    ended: int
    """When the world ended, microseconds UTC."""


def live(
    scenario: Scenario,
    sold: Provisioning,
    sims: dict[str, Sim],
    seed: int,
    link: Link,
    engine: EngineFactory,
    progress: Callable[[float], None],
    port: int = 0,
    virtual_sims: int = 0,
    octets_share: float = 0.0,
) -> Lived:
    """One world from the scenario's first instant to its last.

    Args:
        scenario: fleet, time line and time.
        sold: what the OCS is provisioned with; a car does only what a split of its profile in here pays for.
        sims: the SIM of each car.
        seed: of all chance.
        link: how the gateway reaches the OCS.
        engine: makes the OCS's charging.
        progress: told the share of the time that has passed.
        port: TCP port of the OCS on the wire; 0: the system chooses.
        virtual_sims: how many were issued before, in other worlds of the same fleet.
        octets_share: share of the cars whose messages go through real octets even in memory.

    Raises:
        OSError: the port is taken.
        sim.octets.OctetsDifferError: such a message says something else after it.
    """
    cars = _cars(scenario, sold, sims, seed)
    charging = _engine(engine, virtual_sims)
    faults = _faults(scenario) if scenario.faulty else None
    anew = partial(_engine, engine, virtual_sims) if faults is not None and faults.kills else None
    joined: SimLink
    if link is Link.WIRE:
        joined = WireLink(charging, port, anew)
    elif octets_share:
        sampled = {sims[car].imsi for car in cars if stream(seed, car, "octets").random() < octets_share}
        joined = SampledLink(charging, sampled, anew)
    else:
        joined = MemoryLink(charging, anew)
    receipt = joined.command(Provision(sold, "start"), scenario.begins)
    if receipt is None or receipt.error:
        raise ValueError(f"the OCS refuses the provisioning: {receipt.error if receipt else 'no answer'}")
    events = _events(scenario, sims, cars, sold)
    world = World(list(cars.values()), events, scenario.begins, scenario.ends, scenario.zone, seed, joined, faults)
    world.run(progress)
    lived = _lived(world, joined, scenario, sold, sims, cars)
    world.let_go()
    joined.books = Books()
    return lived


def live_abroad(
    scenario: Scenario,
    sold: Provisioning,
    sims: dict[str, Sim],
    seed: int,
    link: ForeignLink,
    gateway: Settings,
    progress: Callable[[float], None],
) -> Lived:
    """One world against an OCS that is not ours, in the time that `link` gives it.

    Args:
        scenario: fleet, time line and time. What its time line has the operator do, or the network, is left out.
        sold: what the OCS ought to be provisioned with.
        sims: the SIM of each car.
        seed: of all chance.
        link: to the OCS.
        gateway: as which it is asked.
        progress: told the share of the time that has passed.
    """
    cars = _cars(scenario, sold, sims, seed)
    world = World(
        list(cars.values()), (), scenario.begins, scenario.ends, scenario.zone, seed, link,
        gateway=gateway, first_number=gateway.origin_state_id or 0,
    )  # fmt: skip
    world.run_paced(link.pace, progress)
    return _lived(world, link, scenario, sold, sims, cars)


def _lived(
    world: World, joined: SimLink, scenario: Scenario, sold: Provisioning, sims: dict[str, Sim], cars: dict[str, Car]
) -> Lived:
    bought = [
        _purchase(sold, sims, cars[item.vehicle], item.split_id, item.bundle_id, item.at) for item in world.seen.bought
    ]
    return Lived(
        steps=world.truth.steps,
        exchanges=world.seen.exchanges,
        pushes=world.seen.pushes,
        purchases=_free_quota(scenario, sold, sims, cars) + bought,
        unreported=dict(world.seen.unreported),
        repeats=world.seen.repeats,
        faults=dict(sorted(world.seen.faults.items())),
        edrs=joined.books.edrs,
        transfers=joined.books.transfers,
        changes=joined.books.changes,
        served=world.seen.served,
        wire_octets=joined.octets,
        ended=world.ended,
    )


def _cars(scenario: Scenario, sold: Provisioning, sims: dict[str, Sim], seed: int) -> dict[str, Car]:
    """The cars whose SIM is provisioned."""
    known = {sim.imsi for sim in sold.sims}
    groups = {group.name: group for group in scenario.fleet}
    return {
        vehicle: car_of(vehicle, sim, groups[group_of(vehicle)], scenario, sold, seed)
        for vehicle, sim in sims.items()
        if sim.imsi in known
    }


def _engine(make: EngineFactory, virtual_sims: int) -> Engine:
    """An OCS's charging that has issued so many virtual SIMs before."""
    charging = make(OCS_HOST, OCS_REALM)
    charging.state.inventory.serial = virtual_sims
    return charging


def _faults(scenario: Scenario) -> Faults:
    """What goes wrong, for the simulator."""
    declared = scenario.faults
    link = LinkFaults(declared.link.loss, declared.link.duplication, declared.link.reordering, declared.link.delay)
    spans: dict[type, list[Span]] = defaultdict(list)
    restarts = []
    for event in scenario.timeline:
        if not isinstance(event, CarEvent):
            start = scenario.local(event.day, event.at)
            if isinstance(event, RestartEvent):
                restarts.append(start)
            else:
                spans[type(event)].append(Span(start, start + event.lasting * SECOND))
    cuts, kills = tuple(spans[CutEvent]), tuple(spans[KillEvent])
    return Faults(link, declared.clock_skew, cuts, tuple(restarts), kills, declared.standby)


def _events(scenario: Scenario, sims: dict[str, Sim], cars: dict[str, Car], sold: Provisioning) -> list[Event]:
    events = []
    for number, event in enumerate(scenario.timeline):
        if not isinstance(event, CarEvent) or isinstance(event, CampaignEvent):
            continue
        at = scenario.local(event.day, event.at)
        for vehicle in cars:
            if event.vehicle != vehicle and event.group != group_of(vehicle):
                continue
            sim, request_id = sims[vehicle], f"timeline/{number}/{vehicle}"
            splits = {split.id: split.party for split in profile_splits(sold, sim)}
            if isinstance(event, SellEvent):
                if cars[vehicle].sales:
                    changed = {split: plan for then, split, plan in scenario.plan_changes(vehicle) if then <= at}
                    sale = _sell(sim, sim.plans | changed, vehicle, cars[vehicle].owner_at(at), request_id)
                    events.append(Event(at, vehicle, sale))
                continue
            if isinstance(event, PlanEvent):
                if event.split in splits:
                    events.append(Event(at, vehicle, ChangePlan(sim.imsi, event.split, event.plan, request_id)))
                continue
            if isinstance(event, StatusEvent):
                if event.split is None or event.split in splits:
                    status: Literal["active", "suspended"] = "suspended" if event.do == "suspend" else "active"
                    command = SetStatus(sim.imsi, event.split, status, event.reason, request_id)
                    events.append(Event(at, vehicle, command))
                continue
            assert isinstance(event, TopUpEvent)
            split_id = event.split or next((name for name, party in splits.items() if party == "b2c"), None)
            if split_id in splits:
                events.append(Event(at, vehicle, TopUp(sim.imsi, split_id, event.bundle, request_id)))
    return events


def _sell(sim: Sim, plans: dict[str, str], vehicle: str, owner: int, request_id: str) -> ChangeProfile:
    """The consumer splits go to the car's next owner."""
    payers = dict.fromkeys(sim.payers, driver_of(vehicle, owner))
    return ChangeProfile(sim.imsi, sim.profile, payers, plans, request_id, reason="car sold")


def _free_quota(scenario: Scenario, sold: Provisioning, sims: dict[str, Sim], cars: dict[str, Car]) -> list[Purchase]:
    """What every virtual SIM gets with its provisioning, of the first owner and of each later one."""
    return [
        _purchase(sold, sims, cars[vehicle], split.id, plan.free_quota.id, at)
        for vehicle in cars
        for at in (scenario.begins, *cars[vehicle].sales)
        for split in profile_splits(sold, sims[vehicle])
        if isinstance(plan := plan_of(sold, sims[vehicle], split.id), PrepaidIndividual) and plan.free_quota is not None
    ]


def _purchase(sold: Provisioning, sims: dict[str, Sim], car: Car, split_id: str, bundle_id: str, at: int) -> Purchase:
    bundle = bundle_of(sold, sims[car.vehicle], split_id, bundle_id)
    assert bundle is not None
    mine = split_of_owner(split_id, car.owner_at(at))
    return Purchase(car.vehicle, mine, bundle_id, at, bundle.volume, bundle.valid, int(bundle.price * MICROS))
