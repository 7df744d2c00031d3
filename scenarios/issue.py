"""SIMs and driver accounts for the cars of a fleet, issued in order: the same file gives the same identities."""

from __future__ import annotations

from ocs.catalogue.profiles import Profile
from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.provisioning import Account, Provisioning, Sim
from scenarios.fleet import Group
from scenarios.owners import driver_of
from scenarios.schema import Scenario

PLMN = "00101"
"""The test network (TS 23.003): no real subscriber has these IMSIs."""


def issue(scenario: Scenario, first: int = 0, last: int | None = None) -> tuple[Provisioning, dict[str, Sim]]:
    """The scenario's provisioning with a SIM for each car and an account for each driver; and the SIM of each car.

    Of cars `first` up to, not including, `last` alone (None: to the end), in the order of the fleet; SIMs that the file
    itself lists come with the first car.
    """
    sold = scenario.provisioning
    unpaid = {profile.id: _unpaid(profile) for profile in sold.profiles}
    taken = _taken_serials(sold)
    sims: dict[str, Sim] = {}
    drivers: list[Account] = []
    for number, (group, vehicle) in enumerate(scenario.cars(first, last), first):
        payers = dict.fromkeys(unpaid[group.profile], driver_of(vehicle, 0))
        owners = 1 + len(scenario.sales(vehicle)) if payers else 0
        drivers += [Account(id=driver_of(vehicle, owner), kind="customer") for owner in range(owners)]
        sims[vehicle] = _sim(_free_serial(number, taken), group, payers)
    listed = sold.sims if first == 0 else ()
    whole = sold.model_copy(update={"accounts": sold.accounts + tuple(drivers), "sims": listed + tuple(sims.values())})
    return whole, sims


def virtual_sims_before(scenario: Scenario, first: int) -> int:
    """How many virtual SIMs are issued before those of car `first`: each split of each SIM is one."""
    splits = {profile.id: len(profile.splits) for profile in scenario.provisioning.profiles}
    if first == 0:
        return 0
    found = sum(splits[sim.profile] for sim in scenario.provisioning.sims if sim.profile is not None)
    for group in scenario.fleet:
        found += splits[group.profile] * min(first, group.vehicles)
        first = max(0, first - group.vehicles)
    return found


def without_consumers(provisioning: Provisioning) -> Provisioning:
    """The same cars as they would be had no consumer service been sold: only B2B splits are left.

    A profile without any B2B split goes, and its SIMs with it.
    """
    profiles = [profile.model_copy(update=_b2b_alone(profile)) for profile in provisioning.profiles]
    kept = {profile.id: {split.id for split in profile.splits} for profile in profiles if profile.splits}
    return provisioning.model_copy(
        update={
            "profiles": tuple(profile for profile in profiles if profile.id in kept),
            "sims": tuple(
                sim.model_copy(
                    update={
                        field: {
                            split: name for split, name in getattr(sim, field).items() if split in kept[sim.profile]
                        }
                        for field in ("payers", "plans")
                    }
                )
                if sim.profile
                else sim
                for sim in provisioning.sims
                if sim.profile is None or sim.profile in kept
            ),
        }
    )


def _b2b_alone(profile: Profile) -> dict[str, object]:
    splits = tuple(split for split in profile.splits if split.party == "b2b")
    apns = {split.apn for split in splits}
    aliases = {alias: apn for alias, apn in profile.apn_aliases.items() if apn in apns}
    return {"splits": splits, "apn_aliases": aliases}


def _unpaid(profile: Profile) -> list[str]:
    return [split.id for split in profile.splits if split.payer is None]


def _taken_serials(sold: Provisioning) -> list[int]:
    return sorted(int(sim.imsi[len(PLMN) :]) for sim in sold.sims if sim.imsi.startswith(PLMN) and len(sim.imsi) == 15)


def _free_serial(number: int, taken: list[int]) -> int:
    """The serial of car `number`: they count from 1, those taken left out."""
    serial = number + 1
    for other in taken:
        if other <= serial and other:
            serial += 1
    return serial


def _sim(serial: int, group: Group, payers: dict[str, str]) -> Sim:
    """SIM number `serial`: IMSI in 001/01, ICCID with its Luhn digit, made-up MSISDN."""
    return Sim(
        imsi=f"{PLMN}{serial:010d}",
        iccid=complete_iccid(f"8999901{serial:011d}"),
        msisdn=f"4915{serial:09d}",
        account=group.account,
        profile=group.profile,
        payers=payers,
        plans=group.plans,
    )
