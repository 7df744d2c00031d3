"""Profiles and plans: what a split may say, which plan goes where, and what giving a profile to a SIM makes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from ocs.catalogue.profiles import Profile
from ocs.charging.commands import ChangeProfile, Provision, Receipt
from ocs.charging.engine import Engine
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from tests.charging.player import START, Player, world

PRICE = {"price": "0.02"}
PLANS: list[dict[str, Any]] = [
    {"id": "one", "kind": "postpaid_individual", "included": 0, "recurring": 0, "overage": PRICE},
    {"id": "flex", "kind": "postpaid_flex_pool", "included": 0, "recurring": 0, "overage": PRICE},
    {"id": "fixed", "kind": "postpaid_fixed_pool", "included": 0, "recurring": 0, "overage": PRICE},
    {"id": "wifi", "kind": "prepaid_individual", "bundles": []},
]
B2B = {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "fleet", "rating_groups": [100], "plan": "one"}
B2C = {"id": "wifi", "party": "b2c", "apn": "internet", "rating_groups": [200, 201], "plan": "wifi"}


def provisioning(*splits: dict[str, Any], sold: list[dict[str, Any]] = PLANS, **sim: Any) -> Provisioning:
    return Provisioning.model_validate(
        {
            "accounts": [{"id": "acme", "kind": "company"}, {"id": "d1", "kind": "customer"}],
            "plans": sold,
            "profiles": [{"id": "car", "splits": list(splits)}],
            "sims": [
                {
                    "imsi": "001010000000001",
                    "iccid": "8999990100000000013",
                    "account": "acme",
                    "profile": "car",
                    "payers": {"wifi": "d1"} if any(split["id"] == "wifi" for split in splits) else {},
                    **sim,
                }
            ],
        }
    )


def problems(found: Provisioning) -> list[str]:
    return [what for _, what in found.problems()]


def given(sold: Provisioning) -> list[Change]:
    outcome = Engine("ocs", "test").apply(Provision(sold, "r"), 1)
    assert isinstance(outcome.answer, Receipt)
    assert outcome.answer.error is None
    return outcome.changes


def test_a_profile_makes_numbers_for_every_split_and_leaves_the_physical_sim_as_it_is() -> None:
    sim, *subscriptions = given(provisioning(B2B, B2C))
    assert (sim.imsi, sim.iccid, sim.mpc_imsi) == ("001010000000001", "8999990100000000013", None)
    by_split = {change.split_id: change for change in subscriptions}
    for split in ("fleet", "wifi"):
        assert by_split[split].mpc_imsi is not None
        assert by_split[split].mpc_iccid is not None
        assert (by_split[split].imsi, by_split[split].iccid) == (sim.imsi, sim.iccid)
    assert by_split["fleet"].mpc_imsi != by_split["wifi"].mpc_imsi
    assert (by_split["wifi"].party, by_split["wifi"].status) == ("b2c", "active")


@pytest.mark.parametrize("rating_groups", [[], [100], [100, 101, 102]])
def test_a_split_has_an_apn_and_rating_groups_where_applicable(rating_groups: list[int]) -> None:
    assert problems(provisioning(B2B | {"rating_groups": rating_groups})) == []


def test_a_split_without_apn_is_refused() -> None:
    with pytest.raises(ValidationError, match="apn"):
        provisioning({key: value for key, value in B2B.items() if key != "apn"})


@pytest.mark.parametrize(
    ("apn", "groups", "message"),
    [
        ("fleet", [100], "both hold rating group 100 of APN 'fleet'"),
        ("FLEET.mnc001.mcc001.gprs", [7, 100], "both hold rating group 100 of APN 'fleet'"),
        ("fleet", [], None),
        ("other", [100], None),
    ],
)
def test_who_pays_for_an_apn_and_a_rating_group_is_one(apn: str, groups: list[int], message: str | None) -> None:
    other = B2B | {"id": "other", "apn": apn, "rating_groups": groups}
    if message is None:
        assert problems(provisioning(B2B, other)) == []
    else:
        with pytest.raises(ValidationError, match=message):
            provisioning(B2B, other)


def test_an_apn_has_one_catch_all() -> None:
    catch_all = B2B | {"rating_groups": []}
    with pytest.raises(ValidationError, match="both hold the catch-all of APN 'fleet'"):
        provisioning(catch_all, catch_all | {"id": "other"})


@pytest.mark.parametrize("plan", ["one", "flex", "fixed"])
def test_a_postpaid_plan_goes_to_the_physical_sim_and_to_no_virtual_one(plan: str) -> None:
    assert problems(provisioning(B2B | {"plan": plan}, B2C)) == []
    assert problems(provisioning(B2B, B2C, plan=plan)) == []
    assert any("not to a virtual SIM" in what for what in problems(provisioning(B2B, B2C | {"plan": plan})))
    assert any("not to a virtual SIM" in what for what in problems(provisioning(B2B, B2C, plans={"wifi": plan})))


def test_a_prepaid_plan_goes_to_a_virtual_sim_and_to_no_physical_one() -> None:
    assert problems(provisioning(B2B, B2C)) == []
    assert any("not to the physical SIM" in what for what in problems(provisioning(B2B | {"plan": "wifi"}, B2C)))
    assert any("not to the physical SIM" in what for what in problems(provisioning(B2B, B2C, plan="wifi")))


@pytest.mark.parametrize("field", ["apn", "rating_group", "rating_groups"])
@pytest.mark.parametrize("plan", range(len(PLANS)))
def test_a_plan_that_names_an_apn_or_a_rating_group_is_refused(plan: int, field: str) -> None:
    plans = [*PLANS]
    plans[plan] = plans[plan] | {field: "fleet" if field == "apn" else [100]}
    with pytest.raises(ValidationError, match=f"{field}\n  Extra inputs are not permitted"):
        provisioning(B2B, B2C, sold=plans)


def test_a_profile_that_is_taken_away_closes_its_virtual_sims_and_keeps_their_history() -> None:
    engine = Engine("ocs", "test")
    engine.apply(Provision(provisioning(B2B, B2C, plan="one"), "r1"), 1)
    outcome = engine.apply(ChangeProfile("001010000000001", None, {}, {}, "r2", "ann", "contract ended"), 2)
    assert {(change.split_id, change.status, change.by) for change in outcome.changes} == {
        ("fleet", "terminated", "ann"),
        ("wifi", "terminated", "ann"),
    }
    former = engine.state.inventory.by_imsi["001010000000001"].former
    assert [subscription.subscription_id for subscription in former] == [
        "001010000000001/fleet/1",
        "001010000000001/wifi/1",
    ]


def test_what_is_provisioned_is_written_down_and_read_back_as_it_is() -> None:
    plans = [*PLANS]
    plans[0] = plans[0] | {
        "megabyte": 1048576,
        "included": "50 MB",
        "zones": {"home": ["00101"], "eu": ["262", "208"]},
        "time_zone": "Europe/Berlin",
        "rates": [{"zone": "eu", "price": "0.1"}, {"from": "22:00", "to": "06:00", "price": "0.01"}],
        "overage": {"price": "0.02", "block": "1 MB", "per": "1 MB", "tiers": [{"above": "10 MB", "price": "0.01"}]},
    }
    sold = provisioning(B2B | {"fee": "0.25"}, B2C, sold=plans, state="billing_ready", inactive=["wifi"])
    again = Provisioning.model_validate_json(sold.model_dump_json())
    assert again == sold
    assert again.plans[0] == sold.plans[0]


def profile(aliases: dict[str, str], *apns: str) -> Profile:
    splits = [{**B2B, "id": f"s{number}", "apn": apn} for number, apn in enumerate(apns)]
    return Profile.model_validate({"id": "car", "apn_aliases": aliases, "splits": splits})


def test_a_split_has_the_apn_that_its_alias_stands_for() -> None:
    found = profile({"Old.mnc001.mcc001.gprs": "FLEET"}, "OLD", "other")
    assert found.apn_aliases == {"old": "fleet"}
    assert [split.apn for split in found.splits] == ["fleet", "other"]


@pytest.mark.parametrize(
    ("aliases", "apns", "message"),
    [
        ({"old": "fleet"}, ["fleet", "OLD"], "splits 's0' and 's1' both hold rating group 100 of APN 'fleet'"),
        ({"old": "fleet", "older": "old"}, ["fleet"], "alias 'older' stands for 'old', which is an alias itself"),
        ({"fleet": "Fleet"}, ["fleet"], "alias 'fleet' stands for 'fleet', which is an alias itself"),
        ({"old": "flet"}, ["fleet"], "alias 'old' stands for 'flet', which no split has"),
        ({"old": "fleet", "OLD": "wifi"}, ["fleet", "wifi"], "alias 'OLD' is there twice"),
    ],
)
def test_aliases_that_leave_open_which_apn_is_meant_are_refused(
    aliases: dict[str, str], apns: list[str], message: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        profile(aliases, *apns)


def test_records_name_the_apn_whatever_alias_the_client_sends() -> None:
    player = Player(world("two_apns", {"profiles.car.apn_aliases": {"telematics": "fleet.acme"}}))
    player.play("s1 Telematics I 0 | 1 ask", START)
    (edr,) = player.play("s1 U 1 | 1 used 1MB", START + 1).edrs
    assert edr.apn == "fleet.acme"


def test_a_profile_that_puts_both_parties_on_one_apn_is_told_so() -> None:
    assert list(provisioning(B2B, B2C).profiles[0].remarks()) == []
    (remark,) = provisioning(B2B, {**B2C, "apn": "FLEET"}).profiles[0].remarks()
    assert "drivers share APN 'fleet' with an enterprise" in remark
