"""Makes the cars of a scenario: what a group declares, as vehicles that the simulator can drive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ocs.catalogue.plans import Bundle, Plan, PrepaidIndividual
from ocs.catalogue.profiles import Split
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.units import MICROS, SECOND
from scenarios.fleet import Group, OwnApplication, Traffic
from scenarios.fleet import Network as NetworkOfFile
from scenarios.schema import CampaignEvent, Scenario
from sim.fleet.applications import CallTest, Heartbeats, Navigation, Streaming, Telematics, Wifi
from sim.fleet.applications import Campaign as CampaignModel
from sim.fleet.cars import Car, Use
from sim.fleet.classes import CLASSES, VehicleClass
from sim.fleet.drivers import Habits, Offer, Taste
from sim.fleet.places import Network
from sim.fleet.signals import Breakdowns, WakeUps
from sim.fleet.streams import stream
from sim.fleet.traffic import MONTH_DAYS, Model

ANY_RATING_GROUP = 1
"""What traffic on a catch-all split bears, since the split names no rating group."""


def car_of(vehicle: str, sim: Sim, group: Group, scenario: Scenario, sold: Provisioning, seed: int) -> Car:
    """A car that does what the splits of its profile in `sold` pay for."""
    splits = profile_splits(sold, sim)
    b2b = [split for split in splits if split.party == "b2b"]
    b2c = [split for split in splits if split.party == "b2c"]
    uses = [*_own_uses(group.traffic, b2b), *_campaigns(vehicle, scenario, group, b2b)] if b2b else []
    for split in b2c:
        uses += _driver_uses(group.traffic, b2c, split, _driver(group, sold, sim, split))
    return Car(
        vehicle,
        sim.imsi,
        sim.msisdn,
        tuple(uses),
        _kind(vehicle, group, seed),
        trips=None if group.trips is None else group.trips.of(vehicle),
        signals=tuple(_signals(group.traffic)),
        network=_network(group.network),
        sales=scenario.sales(vehicle) if b2c else (),
    )


def _signals(traffic: Traffic) -> Iterator[WakeUps | Breakdowns]:
    if traffic.wake_up_messages:
        yield WakeUps(traffic.wake_up_messages)
    if traffic.breakdown_calls:
        yield Breakdowns(traffic.breakdown_calls)


def _network(declared: NetworkOfFile | None) -> Network | None:
    if declared is None:
        return None
    return Network(declared.home, declared.visited, declared.roaming, declared.node_change)


def _driver(group: Group, sold: Provisioning, sim: Sim, split: Split) -> Habits | Taste:
    """How those behave who pay for a split."""
    declared = group.drivers
    if declared.willingness is None:
        sells = bundle_of(sold, sim, split.id, declared.bundle) is not None
        return Habits(declared.top_up_probability, declared.delay, declared.bundle) if sells else Habits()
    plan = plan_of(sold, sim, split.id)
    assert isinstance(plan, PrepaidIndividual)
    return Taste(
        tuple(Offer(item.id, _octets(plan, item), item.valid, int(item.price * MICROS)) for item in plan.bundles),
        _octets(plan, plan.free_quota) if plan.free_quota is not None else 0,
        (group.traffic.wifi + group.traffic.streaming) * 28 // MONTH_DAYS or 1,
        int(declared.willingness.median * MICROS),
        declared.willingness.sigma,
        declared.patience,
        declared.delay,
    )


def _octets(plan: PrepaidIndividual, bundle: Bundle) -> int:
    """What a bundle is good for; of a wallet, at its own price."""
    if bundle.credit is None or plan.wallet is None or not plan.wallet.price:
        return bundle.volume
    return int(bundle.credit / plan.wallet.price * plan.wallet.per)


def _kind(vehicle: str, group: Group, seed: int) -> VehicleClass:
    """Its class, by the group's shares."""
    names = list(group.classes)
    drawn = stream(seed, vehicle, "class").choices(names, list(group.classes.values()))[0] if names[1:] else names[0]
    return CLASSES[drawn]


def _own_uses(traffic: Traffic, b2b: list[Split]) -> Iterator[Use]:
    """What the car itself does."""
    beats = traffic.heartbeats
    heartbeats = Heartbeats(beats.share, beats.least, beats.most, beats.synchronised)
    for number, split in enumerate(b2b):
        model = Telematics(traffic.telematics // len(b2b), traffic.telematics_sigma, heartbeats)
        yield Use("telematics", str(number), model, split.id, split.apn, rating_group_of(split))
    if traffic.navigation:
        yield _own_use("navigation", "", Navigation(traffic.navigation), traffic, b2b)
    if traffic.emergency_call_test is not None:
        yield _own_use("emergency_call_test", "", CallTest(traffic.emergency_call_test), traffic, b2b)


def _campaigns(vehicle: str, scenario: Scenario, group: Group, b2b: list[Split]) -> Iterator[Use]:
    for number, event in enumerate(scenario.timeline):
        if isinstance(event, CampaignEvent) and (event.vehicle == vehicle or event.group == group.name):
            opens = scenario.local(event.day, event.at)
            model = CampaignModel(
                opens,
                opens + event.lasting * SECOND,
                event.least,
                event.least if event.most is None else event.most,
                event.share,
                event.rate,
                None if event.window is None else (event.window.start, event.window.to),
            )
            payers = [split for split in b2b if event.split in (None, split.id)]
            if payers:
                yield _own_use("campaign", str(number), model, group.traffic, payers)


def _own_use(name: OwnApplication, key: str, model: Model, traffic: Traffic, payers: list[Split]) -> Use:
    """An application under a rating group of its own, if it has one, else under its payer's first."""
    own = traffic.rating_groups.get(name)
    split = next((split for split in payers if own in split.rating_groups), payers[0])
    rating_group = own if own is not None and own in split.rating_groups else rating_group_of(split)
    return Use(name, key, model, split.id, split.apn, rating_group)


def _driver_uses(traffic: Traffic, b2c: list[Split], split: Split, driver: Habits | Taste) -> Iterator[Use]:
    """What those who ride along do, paid by one split."""
    share = traffic.wifi_share
    if traffic.wifi:
        model = Wifi(traffic.wifi // len(b2c), traffic.wifi_sigma)
        yield Use("wifi", split.id, model, split.id, split.apn, rating_group_of(split), driver, share)
    if traffic.streaming:
        own = _own_use("streaming", split.id, Streaming(traffic.streaming // len(b2c)), traffic, [split])
        yield replace(own, driver=driver, share=share)


def bundle_of(sold: Provisioning, sim: Sim, split_id: str, bundle_id: str | None) -> Bundle | None:
    """What a driver may buy for a split under a name; None: the plan does not have it."""
    plan = plan_of(sold, sim, split_id)
    if not isinstance(plan, PrepaidIndividual) or bundle_id is None:
        return None
    if plan.free_quota is not None and plan.free_quota.id == bundle_id:
        return plan.free_quota
    return plan.bundle(bundle_id)


def plan_of(sold: Provisioning, sim: Sim, split_id: str) -> Plan | None:
    """The plan of one split of a SIM."""
    plans = {plan.id: plan for plan in sold.plans}
    return next(
        (plans[sim.plans.get(split.id, split.plan)] for split in profile_splits(sold, sim) if split.id == split_id),
        None,
    )


def profile_splits(sold: Provisioning, sim: Sim) -> tuple[Split, ...]:
    """The splits of a SIM's profile."""
    return next((profile.splits for profile in sold.profiles if profile.id == sim.profile), ())


def rating_group_of(split: Split) -> int:
    """What a split's traffic bears where nothing else is said."""
    return split.rating_groups[0] if split.rating_groups else ANY_RATING_GROUP
