"""Whole runs: the flagship on few cars, right and with exhaustion handling broken on purpose; the command itself."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ocs.charging.commands import Charge, Command, Outcome, Provision
from ocs.charging.engine import Engine
from ocs.gy.messages import Cca, CcRequestType, GrantedServiceUnit, MultipleServicesCreditControl
from scenarios.loading import library, load
from scenarios.runner import Run, run
from scenarios.schema import Scenario
from tests.scenarios.command import splitsim

FLAGSHIP = load(library()["b2c_exhaustion"])


def few_cars(cars: int = 2, days: int = 12) -> Scenario:
    """The flagship with a few cars of each group and less time; the allowance is cut so that it ends all the same."""
    plans = tuple(
        plan if plan.kind != "prepaid_individual" else plan.model_copy(
            update={"free_quota": plan.free_quota.model_copy(update={"volume": 100_000_000})}
        )
        for plan in FLAGSHIP.provisioning.plans
    )  # fmt: skip
    drivers = {"top_up_probability": 1.0, "delay": 3600, "bundle": "1gb"}
    fleet = tuple(
        group.model_copy(update={"vehicles": cars, "drivers": group.drivers.model_copy(update=drivers)})
        for group in FLAGSHIP.fleet
    )
    sold = FLAGSHIP.provisioning.model_copy(update={"plans": plans})
    changes = {"fleet": fleet, "duration": days * 86_400, "timeline": (), "provisioning": sold}
    return FLAGSHIP.model_copy(update=changes)


def findings(done: Run) -> dict[str, str]:
    """The first finding of every check that failed."""
    return {
        item.check.name(): item.judgement.findings[0].message for item in done.verdict.judged if item.judgement.findings
    }


def test_a_few_cars_keep_every_rule() -> None:
    done = run(few_cars(), "few", 1)
    assert findings(done) == {}
    assert done.verdict.passed


def test_chances_differ_by_seed_and_by_nothing_else() -> None:
    scenario = few_cars(cars=1, days=8)
    first, again, other = (run(scenario, "few", seed).evidence for seed in (1, 1, 2))
    assert first.edrs == again.edrs
    assert first.edrs != other.edrs


def test_a_car_lives_the_same_month_whoever_else_is_on_the_road() -> None:
    scenario = few_cars(cars=2, days=8)
    alone = scenario.model_copy(update={"fleet": scenario.fleet[:1]})
    crowd, few = run(scenario, "few", 1).evidence, run(alone, "few", 1).evidence
    ours = [edr for edr in crowd.edrs if crowd.vehicle_of[edr.physical_imsi].startswith(scenario.fleet[0].name)]
    # MPC identifiers are issued in order of SIMs, and the first group's come first.
    assert ours == few.edrs


class OneMoreSlice(Engine):
    """Grants a slice more, once for each session, where the allowance is exhausted."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.given: set[str] = set()

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        answer = outcome.answer
        if not (isinstance(command, Charge) and isinstance(answer, Cca)):
            return outcome
        if command.ccr.cc_request_type is not CcRequestType.UPDATE or answer.session_id in self.given:
            return outcome
        asked = command.ccr.multiple_services_credit_control
        results = {answer.result_code, *(mscc.result_code for mscc in answer.multiple_services_credit_control)}
        if 4012 in results:
            self.given.add(answer.session_id)
            more = GrantedServiceUnit(cc_total_octets=10_000_000)
            answer.result_code = 2001
            answer.multiple_services_credit_control = tuple(
                MultipleServicesCreditControl(
                    rating_group=mscc.rating_group, result_code=2001, granted_service_unit=more, validity_time=3600
                )
                for mscc in asked
            )
        return outcome


class WifiOnTheCarMaker(Engine):
    """Charges the driver's Wi-Fi to the B2B split of the same car."""

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        if isinstance(command, Provision):
            for subscriber in self.state.inventory.by_imsi.values():
                for route in subscriber.routes.values():
                    for rating_group, subscription in list(route.by_rating_group.items()):
                        if subscription.split.party == "b2c":
                            route.by_rating_group[rating_group] = subscriber.subscriptions["fleet"]
        return outcome


class SpillsOver(Engine):
    """Lets the driver's 4012 refuse the enterprise's rating group of the same session in the next exchange."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.cut: set[str] = set()

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        answer = outcome.answer
        if isinstance(command, Charge) and isinstance(answer, Cca):
            services = answer.multiple_services_credit_control
            if answer.session_id in self.cut:
                refused = [
                    msgspec.structs.replace(mscc, granted_service_unit=None, result_code=4012) for mscc in services
                ]
                answer.multiple_services_credit_control = tuple(refused)
            if any(mscc.result_code == 4012 for mscc in services):
                self.cut.add(answer.session_id)
        return outcome


@pytest.mark.parametrize(
    ("engine", "check", "message"),
    [
        (OneMoreSlice, "no_octet_after_the_last", r"(\d[\d,]*) octets of (wifi|car\.acme) / RG 200 passed after"),
        (WifiOnTheCarMaker, "payers_kept_apart", r"(\d[\d,]*) octets of wifi / RG 200 were charged to 'acme'"),
        (SpillsOver, "enterprise_unaffected", r"car\.acme / RG 100 .*(\d[\d,]*) octets and got 4012"),
    ],
)
def test_a_broken_ocs_is_found_out_and_the_message_says_which_car_when_and_how_many_octets(
    engine: type[Engine], check: str, message: str
) -> None:
    found = findings(run(few_cars(), "few", 1, engine=engine))
    assert re.search(message, found[check]), found
    assert re.search(r"(code|final|shared)-00[12]", found[check])
    assert re.search(r"2026-03-\d\d \d\d:\d\d:\d\d", found[check])


# --- the command, as a process ----------------------------------------------------------------------------------------


def files(folder: Path) -> dict[str, bytes]:
    """What must be the same wherever it ran."""
    paths = [folder / "edrs.csv", folder / "verdict.json", *sorted((folder / "documents").glob("*.json"))]
    return {path.name: path.read_bytes() for path in paths}


def test_wire_and_memory_give_the_same_bytes_and_the_wire_was_used(small: Path, tmp_path: Path) -> None:
    for link in ("memory", "wire"):
        done = splitsim("run", str(small), "--link", link, "--out", link, "--no-report", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.rstrip().endswith("verdict: pass")
    memory, wire = files(tmp_path / "memory"), files(tmp_path / "wire")
    assert len(memory) > 4
    assert memory == wire
    particulars = json.loads((tmp_path / "wire" / "run.json").read_text())
    # A CCR and its CCA are some hundred octets each.
    assert particulars["wire_octets"] > 600 * particulars["credit_control_requests"]
    assert json.loads((tmp_path / "memory" / "run.json").read_text())["wire_octets"] == 0


def test_the_hash_seed_changes_nothing(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hash_seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", hash_seed)
        assert splitsim("run", str(small), "--out", hash_seed, "--no-report", cwd=tmp_path).returncode == 0
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_a_failed_expectation_ends_with_status_1(tmp_path: Path) -> None:
    """Drivers who never run dry: checks of cuts have nothing to look at, which is not a pass."""
    text = library()["b2c_exhaustion"].read_text(encoding="utf-8")
    text = re.sub(r"vehicles: \d+", "vehicles: 1", text).replace("volume: 300 MB", "volume: 900 GB")
    text = text.replace("duration: 31 days", "duration: 2 days")
    text = re.sub(r"timeline:\n.*\n", "timeline: []\n", text)
    (tmp_path / "rich.yaml").write_text(text, encoding="utf-8")
    done = splitsim("run", "rich.yaml", "--out", "out", "--no-report", "--json", cwd=tmp_path)
    assert done.returncode == 1
    verdict: dict[str, Any] = json.loads(done.stdout)
    assert verdict["verdict"] == "fail"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("run", "no_such_scenario"),
            f"unknown scenario 'no_such_scenario'; known: {', '.join(library())}; or give a YAML file",
        ),
        (("run", "missing.yaml"), "missing.yaml: cannot be read: No such file or directory"),
        (("run", "b2c_exhaustion", "--out", "taken"), "--out taken: expected a folder, this is a file"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line_with_status_2(
    words: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    done = splitsim(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (2, expected)
