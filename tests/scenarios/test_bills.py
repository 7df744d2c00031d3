"""A run is billed from what its OCS wrote down: a store that was told the same says the same on every document."""

from collections.abc import Iterable
from pathlib import Path

from typer.testing import CliRunner

from ocs.billing.documents import Document
from ocs.billing.printing import write_documents
from ocs.charging.commands import ChangePlan, ChangeProfile, Command, MoveSim, Outcome, Receipt, SetStatus, TopUp
from ocs.charging.engine import Engine
from ocs.inventory.provisioning import Account
from ocs.store.recovery import fold
from ocs.store.rows import Row, request_octets
from ocs.store.sqlite import SqliteJournal
from ocs.units import DAY
from scenarios.issue import issue
from scenarios.loading import library, load
from scenarios.runner import Run, run
from scenarios.schema import Group, PlanEvent, Scenario, SellEvent, StatusEvent, TopUpEvent
from sim.world import OCS_HOST, OCS_REALM
from splitsim import app

FLAGSHIP = load(library()["b2c_exhaustion"])
CYCLES = ("2026-03", "2026-04")


def two_cars() -> Scenario:
    """Two cars of the flagship for five weeks, with prices that show what happens on the way."""
    plans = tuple(
        plan.model_copy(update={"suspended": plan.recurring / 2, "activation": plan.recurring})
        if plan.kind == "postpaid_individual"
        else plan.model_copy(update={"free_quota": plan.free_quota.model_copy(update={"volume": 40_000_000})})
        if plan.kind == "prepaid_individual" and plan.free_quota is not None
        else plan
        for plan in FLAGSHIP.provisioning.plans
    )
    dearer = plans[0].model_copy(update={"id": "telematics-20", "included": 5_000_000})
    more = (Account(id="beta", kind="company"), Account(id="buyer", kind="customer"))
    sold = FLAGSHIP.provisioning
    sold = sold.model_copy(update={"plans": (*plans, dearer), "accounts": (*sold.accounts, *more)})
    code, _, shared = FLAGSHIP.fleet
    fleet = tuple(group.model_copy(update={"vehicles": 1, "traffic": traffic(group)}) for group in (code, shared))
    changes = {"fleet": fleet, "duration": 35 * 86_400, "timeline": (), "provisioning": sold}
    return FLAGSHIP.model_copy(update=changes)


def traffic(group: Group) -> object:
    return group.traffic.model_copy(update={"telematics": 20_000_000, "wifi": 200_000_000})


class Written(Engine):
    """Keeps every command as a row of a journal. `orders`: what an operator commands at some instant, between them."""

    def __init__(self, *names: str, orders: Iterable[tuple[int, Command]] = ()) -> None:
        super().__init__(*names)
        self.rows: list[Row] = []
        self.orders = list(orders)

    def apply(self, command: Command, now: int) -> Outcome:
        ordered = []
        while self.orders and self.orders[0][0] <= now:
            ordered.append(self.apply_now(self.orders.pop(0)[1], now))
        outcome = self.apply_now(command, now)
        for earlier in reversed(ordered):
            assert isinstance(earlier.answer, Receipt)
            assert earlier.answer.error is None
            outcome.edrs[:0], outcome.transfers[:0] = earlier.edrs, earlier.transfers
            outcome.changes = [*earlier.changes, *outcome.changes]
            outcome.pushes[:0] = earlier.pushes
        return outcome

    def apply_now(self, command: Command, now: int) -> Outcome:
        self.rows.append(Row(now, type(command).__name__, request_octets(command), b""))
        return super().apply(command, now)


def lived(scenario: Scenario, orders: Iterable[tuple[int, Command]] = ()) -> tuple[Run, list[Row]]:
    """A run, and the rows of the journal of its OCS; the twin without consumers comes after it, without orders."""
    engines: list[Written] = []

    def engine(*names: str) -> Engine:
        engines.append(Written(*names, orders=() if engines else orders))
        return engines[-1]

    done = run(scenario, "bills", 1, engine=engine)
    return done, engines[0].rows


def billed_by_the_store(rows: list[Row], folder: Path) -> dict[str, bytes]:
    """Every document that `splitsim bill` writes from a store with these rows."""
    folder.mkdir()
    journal = SqliteJournal(folder / "ocs.db")
    journal.append(rows)
    fold(Engine(OCS_HOST, OCS_REALM), journal)
    journal.close()
    for cycle in CYCLES:
        words = ["bill", "--cycle", cycle, "--db", f"sqlite:///{folder}/ocs.db", "--out", str(folder), "--early"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    return contents(folder)


def billed_by_the_run(documents: list[Document], folder: Path) -> dict[str, bytes]:
    write_documents(folder, documents, pdf=False)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*-2026-*.json")}


def test_a_scenario_is_billed_as_a_store_would(tmp_path: Path) -> None:
    timeline = (
        StatusEvent(do="suspend", day=5, at="08:00", vehicle="code-001"),
        StatusEvent(do="resume", day=12, at="08:00", vehicle="code-001"),
        StatusEvent(do="suspend", day=6, at="08:00", vehicle="shared-001", split="fleet"),
        StatusEvent(do="resume", day=33, at="08:00", vehicle="shared-001", split="fleet"),
        PlanEvent(do="plan", day=8, at="08:00", vehicle="code-001", split="fleet", plan="telematics-20"),
        SellEvent(do="sell", day=20, at="08:00", vehicle="code-001"),
        TopUpEvent(do="top_up", day=9, at="08:00", vehicle="shared-001", bundle="1gb"),
    )
    done, rows = lived(two_cars().model_copy(update={"timeline": timeline}))
    documents = done.evidence.documents
    kinds = {line.type for document in documents for line in document.applied_customer_billing_rate}
    assert {"suspended", "purchase"} <= kinds
    ours = billed_by_the_run(documents, tmp_path / "run")
    assert len(ours) == 8  # an invoice and three statements a month
    assert "telematics-20" in {
        plan for d in documents for plan in (x.product.id for x in d.applied_customer_billing_rate)
    }
    assert ours == billed_by_the_store(rows, tmp_path / "store")


def test_changes_of_plan_and_of_owner_are_billed_as_a_store_would(tmp_path: Path) -> None:
    scenario = two_cars()
    _, sims = issue(scenario)
    first, second = sims["code-001"], sims["shared-001"]
    sale = ChangeProfile(first.imsi, "two-apns", {"wifi": "buyer"}, {"fleet": "telematics-20"}, "r3")
    commands: list[tuple[int, Command]] = [
        (3, TopUp(first.imsi, "wifi", "1gb", "r1")),
        (8, ChangePlan(first.imsi, "fleet", "telematics-20", "r2")),
        (10, sale),
        (14, SetStatus(second.imsi, None, "suspended", "stolen", "r4")),
        (20, SetStatus(second.imsi, None, "active", "found", "r5")),
        (25, MoveSim(second.imsi, "beta", "r6")),
        (32, ChangeProfile(second.imsi, "two-apns", {"wifi": "shared-001-driver"}, {}, "r7")),
    ]
    done, rows = lived(scenario, [(scenario.begins + day * DAY, command) for day, command in commands])
    documents = done.evidence.documents
    assert {document.customer.id for document in documents} > {"acme", "buyer", "code-001-driver"}
    plans = {line.product.id for document in documents for line in document.applied_customer_billing_rate}
    assert "telematics-20" in plans
    ours = billed_by_the_run(documents, tmp_path / "run")
    assert ours == billed_by_the_store(rows, tmp_path / "store")


def test_documents_are_checked_by_the_plan_of_their_cycle() -> None:
    dearer = two_cars().provisioning
    plans = tuple(
        plan.model_copy(update={"recurring": plan.recurring * 3, "included": 0}) if plan.id == "telematics-20" else plan
        for plan in dearer.plans
    )
    change = PlanEvent(do="plan", day=30, at="08:00", group="code", split="fleet", plan="telematics-20")
    sold = dearer.model_copy(update={"plans": plans})
    changed = two_cars().model_copy(update={"timeline": (change,), "provisioning": sold, "duration": 33 * 86_400})
    done, _ = lived(changed)
    (april,) = (d for d in done.evidence.documents if d.bill_no.startswith("INV-2026-04"))
    assert {line.product.id for line in april.applied_customer_billing_rate} == {"telematics-50", "telematics-20"}
    judged = next(item for item in done.verdict.judged if item.check.name() == "documents_add_up")
    assert judged.judgement.findings == []


def test_an_enterprise_whose_sim_is_suspended_is_not_taken_for_touched_by_the_driver() -> None:
    timeline = (
        StatusEvent(do="suspend", day=2, at="08:00", vehicle="code-001"),
        StatusEvent(do="resume", day=4, at="08:00", vehicle="code-001"),
    )
    done, _ = lived(two_cars().model_copy(update={"timeline": timeline, "duration": 5 * 86_400}))
    judged = {item.check.name(): item.judgement.findings for item in done.verdict.judged}
    assert judged["enterprise_unaffected"] == []
    # Its plan has a price for whole days suspended: 3 March.
    (line,) = (
        line
        for document in done.evidence.documents
        for line in document.applied_customer_billing_rate
        if line.type == "suspended"
    )
    assert line.description == "1 of 31 days at 0.60"
    assert judged["documents_add_up"] == []


def test_a_change_of_plan_is_for_a_b2b_split_and_to_a_postpaid_plan() -> None:
    moment = {"do": "plan", "day": 2, "at": "08:00", "vehicle": "code-001"}
    wrong = (
        PlanEvent.model_validate(moment | {"plan": "telematics-20"}),
        PlanEvent.model_validate(moment | {"split": "wifi", "plan": "wifi-code"}),
        PlanEvent.model_validate(moment | {"split": "fleet", "plan": "none"}),
    )
    found = list(two_cars().model_copy(update={"timeline": wrong}).problems())
    assert [(place[1], place[2], message.split(":")[0]) for place, message in found] == [
        (0, "split", "name the b2b split whose plan changes"),
        (1, "split", "name the b2b split whose plan changes"),
        (1, "plan", "'wifi-code'"),
        (2, "plan", "'none'"),
    ]
