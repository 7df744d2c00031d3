"""A provisioning file against what is there: every difference is told, the commands make it so, nothing is left."""

from typing import Any

import pytest

from ocs.changeset import Changeset, changeset, parts_of
from ocs.charging.commands import ChangePlan, Charge, MoveSim, Provision, Receipt, SetStatus
from ocs.charging.engine import Engine
from ocs.inventory.provisioning import Provisioning
from tests.charging.player import START, Player, world

FIRST, SECOND = "sims.0", "sims.1"


class Desk:
    """A world that is there, and files that say it otherwise."""

    def __init__(self, name: str = "two_apns") -> None:
        self.name = name
        self.player = Player(world(name))
        self.now = START

    def wanted(self, **change: Any) -> Provisioning:
        return world(self.name, {name.replace("__", "."): value for name, value in change.items()})

    def against(self, wanted: Provisioning) -> Changeset:
        return changeset(self.player.engine.state, wanted, "r", "desk", "test")

    def do(self, found: Changeset) -> None:
        assert found.mistakes == []
        for command in found.commands:
            self.now += 1
            answer = self.player.engine.apply(command, self.now).answer
            assert isinstance(answer, Receipt)
            assert answer.error is None


def told(found: Changeset) -> list[str]:
    return [str(item) for item in found.differences]


def test_what_stands_as_the_file_says_is_no_difference() -> None:
    desk = Desk()
    found = desk.against(desk.wanted())
    assert (found.differences, found.mistakes, found.commands) == ([], [], [])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"accounts__new": {"id": "d9", "kind": "customer"}}, ["+ account d9"]),
        ({"operator": {"vat_percent": 16}}, ["~ operator Demo Mobile: vat_percent 19 -> 16"]),
        ({"accounts__acme__name": "Other"}, ["~ account acme: name ACME Cars -> Other"]),
        (
            {"plans__fleet__version": 2, "plans__fleet__recurring": 2},
            ["~ plan fleet: version 1 -> 2, recurring 1.2 -> 2"],
        ),
        (
            {"accounts__new": {"id": "d9", "kind": "customer"}, "sims__0__payers__wifi": "d9"},
            ["+ account d9", "~ SIM 001010000000001: payer of wifi d1 -> d9"],
        ),
        (
            {"accounts__new": {"id": "beta", "kind": "company"}, "sims__0__account": "beta"},
            ["+ account beta", "~ SIM 001010000000001: account acme -> beta"],
        ),
        (
            {"profiles__car__version": 2, "profiles__car__splits__fleet__rating_groups": [1, 2]},
            ["~ profile car: ", "~ SIM 001010000000001: profile car 1 -> car 2"],
        ),
        ({"peers": [{"origin_host": "pgw.example", "abort": True}]}, ["+ peer pgw.example"]),
    ],
)
def test_every_difference_is_told_and_done(change: dict[str, Any], expected: list[str]) -> None:
    desk = Desk()
    wanted = desk.wanted(**change)
    found = desk.against(wanted)
    assert [line[: len(start)] for line, start in zip(told(found), expected, strict=True)] == expected
    desk.do(found)
    assert told(desk.against(wanted)) == []
    if any(item.kind == "SIM" for item in found.differences):
        history = [change for command in found.commands for change in (command.by, command.reason)]  # type: ignore[union-attr]
        assert set(history) == {"desk", "test"}


def test_another_plan_of_a_split_is_a_change_and_what_waits_for_the_cycle_is_none() -> None:
    desk = Desk()
    dearer = {**desk.wanted().model_dump(mode="json")["plans"][0], "id": "dear", "recurring": "3"}
    wanted = desk.wanted(plans__new=dearer, sims__0__plans={"fleet": "dear"})
    desk.player.play("f1 fleet.acme I 0 | 1 ask", START)  # in use: postpaid plans change with the cycle
    found = desk.against(wanted)
    assert told(found) == ["+ plan dear", "~ SIM 001010000000001: plan of fleet fleet -> dear"]
    assert isinstance(found.commands[1], ChangePlan)
    desk.do(found)
    assert told(desk.against(wanted)) == []


def test_open_sessions_that_would_lose_their_payer_are_told() -> None:
    desk = Desk("shared_apn")
    driver = {"accounts__new": {"id": "d9", "kind": "customer"}, "sims__0__payers__wifi": "d9"}
    assert desk.against(desk.wanted(**driver)).stranded == []
    desk.player.play("s1 car I 0 | 100 ask; 200 ask", START)
    found = desk.against(desk.wanted(**driver))
    assert found.stranded == ["session s1: rating group 200 on APN car is paid by d1, would be by d9"]
    bare = desk.wanted(
        profiles__new={
            "id": "b2b",
            "splits": [{"id": "fleet", "party": "b2b", "payer": "acme", "apn": "car", "plan": "fleet"}],
        },
        sims__0__profile="b2b",
        sims__0__payers={},
    )
    assert desk.against(bare).stranded == ["session s1: rating group 200 on APN car is paid by d1, would be by acme"]
    own = {"accounts__new": {"id": "beta", "kind": "company"}, "sims__0__account": "beta"}
    assert desk.against(desk.wanted(**own)).stranded == []  # the splits keep their payers


def test_what_cannot_become_otherwise_is_a_mistake_and_all_of_them_are_told() -> None:
    desk = Desk()
    wanted = desk.wanted(
        sims__0__msisdn="4999999999",
        sims__0__iccid="8943010000000000019",
        plans__fleet__recurring=9,
        operator={"currency": "USD"},
    )
    said = "\n".join(desk.against(wanted).mistakes)
    for wrong in (
        "another card is another SIM",
        "it keeps that",
        "version 1 with other content",
        "'EUR' cannot become",
    ):
        assert wrong in said


def test_a_retired_sim_and_a_split_that_has_ended_do_not_come_back() -> None:
    desk = Desk()
    desk.player.play("terminate wifi", START)
    assert told(desk.against(desk.wanted())) == []
    command = SetStatus("001010000000001", None, "retired", "scrapped", "x")
    desk.player.engine.apply(command, START)
    assert told(desk.against(desk.wanted())) == []
    more = {"accounts__new": {"id": "beta", "kind": "company"}, "sims__0__account": "beta"}
    assert desk.against(desk.wanted(**more)).mistakes == ["SIM 001010000000001 is retired"]
    assert isinstance(desk.against(desk.wanted(**more)).commands[-1], MoveSim)


def test_parts_hold_all_that_they_refer_to_and_add_up_to_the_whole() -> None:
    whole = world("full_car")
    parts = list(parts_of(whole, size=1))
    assert [sim for part in parts for sim in part.sims] == list(whole.sims)
    assert {account.id for part in parts for account in part.accounts} == {account.id for account in whole.accounts}
    for part in parts:
        assert list(part.problems()) == []
    engine = Engine("ocs", "ocs")
    for number, part in enumerate(parts):
        for command in changeset(engine.state, part, f"r/{number}").commands:
            answer = engine.apply(command, 1).answer
            assert isinstance(answer, Receipt)
            assert answer.error is None
    alone = Engine("ocs", "ocs")
    alone.apply(Provision(whole, "r"), 1)
    ours, theirs = engine.state.inventory, alone.state.inventory
    assert [sim.as_provisioned() for sim in ours.by_imsi.values()] == [
        s.as_provisioned() for s in theirs.by_imsi.values()
    ]
    assert ours.serial == theirs.serial


def test_charging_notices_nothing_of_a_file_that_changes_nothing() -> None:
    desk = Desk()
    desk.player.play("f1 fleet.acme I 0 | 1 ask", START)
    assert desk.player.last is not None
    desk.do(desk.against(desk.wanted()))
    assert isinstance(desk.player.last, Charge)
    assert desk.player.play("f1 U 1 | 1 used 1MB ask", START + 5).alarms == []
