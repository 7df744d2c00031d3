"""Life cycles of physical and virtual SIMs through the engine's door, and the history that they leave."""

from __future__ import annotations

import pytest

from ocs.charging.commands import ChangePlan, ChangeProfile, MoveSim, Outcome, Receipt, SetStatus
from ocs.gy.messages import Cca
from ocs.inventory.history import Change
from ocs.inventory.lifecycle import SimState, Status, served, sim_moves, status_moves
from ocs.units import SECOND
from tests.charging.player import START, Player, world

CAR = "001010000000001"
STATES = ["customer_inventory", "in_testing", "billing_ready", "in_billing", "suspended", "retired"]


class Desk:
    """An operator at work: commands and traffic, one second after the other."""

    def __init__(self, name: str = "two_apns", **sim: object) -> None:
        fields = {f"sims.0.{field}": value for field, value in sim.items() if field != "test_allowance"}
        if "test_allowance" in sim:
            fields["plans.fleet.test_allowance"] = sim["test_allowance"]
        self.player = Player(world(name, fields))
        self.now = START
        self.history: list[Change] = []
        self.requests = 0

    def _seen(self, outcome: Outcome) -> Outcome:
        self.history += outcome.changes
        return outcome

    def does(self, event: str) -> Outcome:
        self.now += SECOND
        return self._seen(self.player.play(event, self.now))

    def puts(self, split: str | None, status: str, why: str = "asked") -> str | None:
        self.now += SECOND
        self.requests += 1
        command = SetStatus(CAR, split, status, why, f"q{self.requests}", "ann")  # type: ignore[arg-type]
        answer = self._seen(self.player.engine.apply(command, self.now)).answer
        assert isinstance(answer, Receipt)
        return answer.error

    @property
    def state(self) -> str:
        return self.player.engine.state.inventory.by_imsi[CAR].state.value

    def split(self, name: str) -> str:
        return self.player.engine.state.inventory.by_imsi[CAR].subscriptions[name].status.value

    def code(self, event: str) -> int:
        answer = self.does(event).answer
        assert isinstance(answer, Cca)
        codes = {mscc.result_code for mscc in answer.multiple_services_credit_control}
        return max(code for code in (answer.result_code, *codes) if code is not None)


# Which steps of a physical SIM an operator may take, row to column.
SIM_STEPS = """
                   customer_inventory in_testing billing_ready in_billing suspended retired
customer_inventory yes                yes        yes           yes        -         yes
in_testing         -                  yes        yes           yes        yes       yes
billing_ready      -                  -          yes           yes        yes       yes
in_billing         -                  -          -             yes        yes       yes
suspended          -                  -          -             -          yes       yes
retired            -                  -          -             -          -         -
"""
SPLIT_STEPS = """
            provisioned active exhausted suspended terminated
provisioned -           yes    -         -         yes
active      -           yes    -         yes       yes
exhausted   -           yes    -         yes       yes
suspended   -           yes    -         yes       yes
terminated  -           -      -         -         -
"""


def test_the_steps_of_a_physical_sim() -> None:
    heads, *rows = [line.split() for line in SIM_STEPS.strip().splitlines()]
    for state, *allowed in rows:
        found = ["yes" if sim_moves(SimState(state), SimState(to)) else "-" for to in heads]
        assert found == allowed, state


def test_the_steps_of_a_split() -> None:
    heads, *rows = [line.split() for line in SPLIT_STEPS.strip().splitlines()]
    for status, *allowed in rows:
        found = ["yes" if status_moves(Status(status), Status(to)) else "-" for to in heads]
        assert found == allowed, status


@pytest.mark.parametrize("state", STATES[:4])
def test_only_a_sim_that_is_out_of_stock_is_served(state: str) -> None:
    desk = Desk(state=state)
    assert desk.code("f1 fleet.acme I 0 | 1 ask") == (4010 if state == "customer_inventory" else 2001)
    assert (served(SimState(state)) is Status.ACTIVE) == (state != "customer_inventory")


def test_the_first_b2b_traffic_starts_billing() -> None:
    desk = Desk(state="billing_ready")
    desk.does("w1 wifi I 0 | 200 ask")
    desk.does("w1 U 1 | 200 used 1MB ask")
    desk.does("f1 fleet.acme I 0 | 1 ask")
    assert desk.state == "billing_ready"
    desk.does("f1 U 1 | 1 used 1B ask")
    assert desk.state == "in_billing"
    (change,) = desk.history
    assert (change.subscription_id, change.status, change.reason, change.by, change.at) == (
        None, "in_billing", "first B2B traffic", "", desk.now,
    )  # fmt: skip
    desk.does("f1 U 2 | 1 used 1MB ask")
    assert len(desk.history) == 1


def test_a_sim_in_testing_uses_its_allowance_before_billing_starts() -> None:
    desk = Desk(state="in_testing", test_allowance="2 MB")
    desk.does("f1 fleet.acme I 0 | 1 ask")
    desk.does("f1 U 1 | 1 used 2MB ask")
    assert desk.state == "in_testing"
    desk.does("f1 U 2 | 1 used 1B ask")
    assert desk.state == "in_billing"
    assert [change.reason for change in desk.history] == ["test allowance used up"]


def test_a_suspended_sim_stops_all_splits_and_returns_to_where_it_was() -> None:
    desk = Desk(state="billing_ready")
    assert desk.puts(None, "suspended", "stolen") is None
    assert desk.code("f1 fleet.acme I 0 | 1 ask") == desk.code("w1 wifi I 0 | 200 ask") == 4010
    assert (desk.split("fleet"), desk.split("wifi")) == ("active", "active")
    assert desk.puts(None, "active", "found") is None
    assert desk.state == "billing_ready"
    assert desk.code("f2 fleet.acme I 0 | 1 ask") == desk.code("w2 wifi I 0 | 200 ask") == 2001
    told = [(change.status, change.by, change.reason, change.request_id) for change in desk.history]
    assert told == [("suspended", "ann", "stolen", "q1"), ("billing_ready", "ann", "found", "q2")]


def test_a_suspended_b2b_split_leaves_the_paying_driver_alone() -> None:
    desk = Desk()
    assert desk.puts("fleet", "suspended", "unpaid") is None
    assert desk.code("f1 fleet.acme I 0 | 1 ask") == 4010
    assert desk.code("w1 wifi I 0 | 200 ask") == 2001
    assert desk.state == "in_billing"


def test_prepaid_validity_runs_on_while_the_sim_is_suspended() -> None:
    desk = Desk()
    desk.puts(None, "suspended")
    desk.now += 28 * 86_400 * SECOND
    expired = desk.does("pass").transfers
    assert [(line.kind, line.amount) for line in expired] == [("expired", 10_000_000)]


def test_what_is_retired_or_terminated_has_ended() -> None:
    desk = Desk()
    assert desk.puts("wifi", "terminated", "contract ended") is None
    assert "cannot become active" in str(desk.puts("wifi", "active"))
    assert desk.code("w1 wifi I 0 | 200 ask") == 4010
    assert desk.state == "in_billing"
    assert desk.puts(None, "retired", "scrapped") is None
    for status in ("active", "suspended", "in_billing", "retired"):
        assert desk.puts(None, status) is not None, status
    assert desk.code("f1 fleet.acme I 0 | 1 ask") == 4010
    assert [change.status for change in desk.history] == ["terminated", "retired"]


def test_a_sim_never_goes_back() -> None:
    desk = Desk(state="billing_ready")
    assert "cannot become in_testing" in str(desk.puts(None, "in_testing"))
    assert desk.puts(None, "in_billing", "by hand") is None
    assert "cannot become billing_ready" in str(desk.puts(None, "billing_ready"))
    assert desk.history[-1].reason == "by hand"
    assert len(desk.history) == 1


def test_nothing_is_resumed_from_stock() -> None:
    desk = Desk(state="customer_inventory")
    assert "nothing to resume" in str(desk.puts(None, "active"))
    assert desk.puts(None, "in_testing") is None
    assert desk.state == "in_testing"


@pytest.mark.parametrize("verb", ["active", "suspended", "terminated"])
def test_no_step_of_a_virtual_sim_changes_the_physical_one(verb: str) -> None:
    desk = Desk()
    desk.puts("wifi", verb)
    assert (desk.state, desk.split("fleet")) == ("in_billing", "active")
    assert {change.subscription_id for change in desk.history} == {f"{CAR}/wifi/1"}
    assert desk.code("f1 fleet.acme I 0 | 1 ask") == 2001


def test_a_virtual_sim_that_is_only_provisioned_waits_for_its_activation() -> None:
    desk = Desk(inactive=["wifi"])
    assert desk.split("wifi") == "provisioned"
    assert desk.code("w1 wifi I 0 | 200 ask") == 4010
    assert "cannot become suspended" in str(desk.puts("wifi", "suspended"))
    desk.now += 86_400 * SECOND
    activated = desk.now + SECOND
    assert desk.puts("wifi", "active", "driver signed") is None
    assert desk.code("w2 wifi I 0 | 200 ask") == 2001
    assert desk.split("wifi") == "active"
    desk.now = activated + 28 * 86_400 * SECOND - 2 * SECOND
    assert "expired" not in [line.kind for line in desk.does("pass").transfers]
    assert [line.kind for line in desk.does("pass").transfers] == ["expired"]


def test_a_virtual_sim_is_exhausted_and_active_again_by_itself() -> None:
    desk = Desk()
    desk.does("w1 wifi I 0 | 200 ask")
    desk.does("w1 T 1 | 200 used 10MB")
    assert desk.split("wifi") == "exhausted"
    desk.does("topup wifi 1gb")
    assert desk.split("wifi") == "active"
    assert desk.history == []


def test_the_car_is_sold_the_virtual_sim_ends_and_another_one_begins() -> None:
    desk = Desk()
    desk.does("w1 wifi I 0 | 200 ask")
    before = desk.player.engine.state.inventory.by_imsi[CAR].subscriptions["wifi"]
    desk.now += SECOND
    engine = desk.player.engine
    engine.state.inventory.accounts["d2"] = engine.state.inventory.accounts["d1"].model_copy(update={"id": "d2"})
    outcome = engine.apply(ChangeProfile(CAR, "car", {"wifi": "d2"}, {}, "sale", "ann", "car sold"), desk.now)
    assert isinstance(outcome.answer, Receipt)
    assert outcome.answer.error is None
    ended, began = outcome.changes
    assert (ended.subscription_id, ended.account_id, ended.status) == (f"{CAR}/wifi/1", "d1", "terminated")
    assert (began.subscription_id, began.account_id, began.status) == (f"{CAR}/wifi/2", "d2", "active")
    assert {(change.by, change.reason, change.request_id) for change in outcome.changes} == {
        ("ann", "car sold", "sale")
    }
    assert before.mpc_imsi == ended.mpc_imsi != began.mpc_imsi
    assert before.mpc_iccid == ended.mpc_iccid != began.mpc_iccid
    report = desk.does("w1 U 1 | 200 used 1MB ask").edrs
    assert [(edr.account_id, edr.subscription_id) for edr in report] == [("d1", f"{CAR}/wifi/1")]
    assert [line.account_id for line in outcome.transfers if line.kind == "credit"] == ["d2"]


def test_a_plan_that_changes_with_the_cycle_names_who_wanted_it() -> None:
    desk = Desk()
    big = {"id": "big", "kind": "postpaid_individual", "included": 0, "recurring": 1, "overage": {"price": "0.02"}}
    desk.player = Player(world("two_apns", {"plans.big": big}))
    desk.does("f1 fleet.acme I 0 | 1 ask")
    desk.now += SECOND
    outcome = desk.player.engine.apply(ChangePlan(CAR, "fleet", "big", "p1", "bob", "cheaper"), desk.now)
    assert outcome.changes == []
    desk.now += 31 * 86_400 * SECOND
    (change,) = desk.does("pass").changes
    assert (change.plan_id, change.by, change.reason, change.request_id) == ("big", "bob", "cheaper", "p1")
    assert change.at < desk.now - 86_400 * SECOND


def test_a_sim_that_goes_to_another_account_keeps_its_payers_and_begins_anew_for_itself() -> None:
    sold = world(
        "full_car",
        {"accounts.beta": {"id": "beta", "kind": "company"}, "sims.0.plan": "fleet"},
    )
    player = Player(sold)
    engine = player.engine
    outcome = engine.apply(MoveSim(CAR, "beta", "m1", "ann", "car sold"), START + SECOND)
    assert outcome.answer == Receipt(f"{CAR} beta")
    told = {
        (change.subscription_id, change.account_id, change.customer_id, change.status) for change in outcome.changes
    }
    assert (None, "beta", "beta", "in_billing") in told
    assert (f"{CAR}/sim/1", "acme", "beta", "terminated") in told
    assert (f"{CAR}/sim/2", "beta", "beta", "active") in told
    assert (f"{CAR}/fleet/1", "acme", "beta", "active") in told
    assert {(change.by, change.reason) for change in outcome.changes} == {("ann", "car sold")}
    (edr,) = player.play("m1 sms E 0 with action=DIRECT_DEBITING | - ask", START + 2 * SECOND).edrs
    assert (edr.account_id, edr.customer_id, edr.subscription_id) == ("beta", "beta", f"{CAR}/sim/2")
    assert engine.apply(MoveSim(CAR, "beta", "m1"), START + 3 * SECOND).changes == []


@pytest.mark.parametrize(
    ("imsi", "account", "message"),
    [("001010000000099", "acme", "no SIM"), (CAR, "nobody", "unknown account 'nobody'")],
)
def test_a_sim_goes_nowhere_that_is_not_there(imsi: str, account: str, message: str) -> None:
    outcome = Desk().player.engine.apply(MoveSim(imsi, account, "m1"), START + SECOND)
    assert isinstance(outcome.answer, Receipt)
    assert message in str(outcome.answer.error)
    assert outcome.changes == []
