"""Makes the cars of a scenario: what a group declares, as vehicles that the simulator can drive."""

from __future__ import annotations

from ocs.catalogue.plans import Bundle, Plan, PrepaidIndividual
from ocs.catalogue.profiles import Split
from ocs.inventory.provisioning import Provisioning, Sim
from scenarios.schema import Group
from sim.fleet.applications import Telematics, Wifi
from sim.fleet.cars import Car, Use
from sim.fleet.drivers import Habits

ANY_RATING_GROUP = 1
"""What traffic on a catch-all split bears, since the split names no rating group."""


def car_of(vehicle: str, sim: Sim, group: Group, sold: Provisioning) -> Car:
    """A car that does what the splits of its profile pay for: telematics for each B2B split, Wi-Fi for each B2C one."""
    traffic, drivers = group.traffic, group.drivers
    splits = profile_splits(sold, sim)
    b2b = [split for split in splits if split.party == "b2b"]
    b2c = [split for split in splits if split.party == "b2c" and traffic.wifi]
    habits = Habits(drivers.top_up_probability, drivers.delay, drivers.bundle)
    uses = [
        _use("telematics", str(number), Telematics(traffic.telematics // len(b2b), traffic.telematics_sigma), split)
        for number, split in enumerate(b2b)
    ]
    uses += [
        _use(
            "wifi",
            split.id,
            Wifi(traffic.wifi // len(b2c), traffic.wifi_sigma),
            split,
            habits if bundle_of(sold, sim, split.id, drivers.bundle) else Habits(),
        )
        for split in b2c
    ]
    return Car(vehicle, sim.imsi, sim.msisdn, tuple(uses))


def _use(name: str, key: str, model: Telematics | Wifi, split: Split, driver: Habits | None = None) -> Use:
    return Use(name, key, model, split.id, split.apn, rating_group_of(split), driver)


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
