"""SIMs and driver accounts for the cars of a fleet, issued in order: the same file gives the same identities."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ocs.catalogue.profiles import Profile
from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.provisioning import Account, Provisioning, Sim
from scenarios.schema import Group, Scenario

PLMN = "00101"
"""The test network (TS 23.003): no real subscriber has these IMSIs."""


def issue(scenario: Scenario) -> tuple[Provisioning, dict[str, Sim]]:
    """The scenario's provisioning with a SIM for each car and an account for each driver; and the SIM of each car."""
    sold = scenario.provisioning
    profiles = {profile.id: profile for profile in sold.profiles}
    serials = _free_serials({sim.imsi for sim in sold.sims})
    sims: dict[str, Sim] = {}
    drivers: list[Account] = []
    for group in scenario.fleet:
        for vehicle in group.vehicle_ids():
            payers = dict.fromkeys(_unpaid(profiles[group.profile]), f"{vehicle}-driver")
            drivers += [Account(id=account, kind="customer") for account in dict.fromkeys(payers.values())]
            sims[vehicle] = _sim(next(serials), group, payers)
    whole = sold.model_copy(
        update={"accounts": sold.accounts + tuple(drivers), "sims": sold.sims + tuple(sims.values())}
    )
    return whole, sims


def without_consumers(provisioning: Provisioning) -> Provisioning:
    """The same cars as they would be had no consumer service been sold: only B2B splits are left.

    A profile without any B2B split goes, and its SIMs with it.
    """
    profiles = [
        profile.model_copy(update={"splits": tuple(split for split in profile.splits if split.party == "b2b")})
        for profile in provisioning.profiles
    ]
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


def _unpaid(profile: Profile) -> list[str]:
    return [split.id for split in profile.splits if split.payer is None]


def _free_serials(taken: set[str]) -> Iterator[int]:
    return (serial for serial in count(1) if f"{PLMN}{serial:010d}" not in taken)


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
