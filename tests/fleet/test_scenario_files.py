"""What a scenario file says of its fleet: lived through with every application, and told when it is wrong."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from ocs.files import FileError
from ocs.units import DAY, HOUR, SECOND, utc
from scenarios.cars import car_of
from scenarios.evidence import apn_of
from scenarios.fleet import assumption
from scenarios.issue import issue
from scenarios.loading import library, load
from scenarios.runner import Run, run, witness
from scenarios.schema import Scenario
from scenarios.sharded.run import run_fleet
from sim.connection import _Running, _used_up
from sim.fleet.drivers import Taste, Willing
from sim.fleet.streams import stream

EVERY_APPLICATION = Path(__file__).parent / "every_application.yaml"
BEGINS = load(EVERY_APPLICATION).begins


@pytest.fixture(scope="module")
def lived() -> Run:
    return run(load(EVERY_APPLICATION), "every_application", 1)


def test_every_application_is_charged_to_its_payer(lived: Run) -> None:
    assert lived.verdict.passed, [item.judgement.findings for item in lived.verdict.judged if not item.passed]
    moved: Counter[int] = Counter()
    for step in lived.evidence.steps:
        moved[step.rating_group] += step.octets
    assert set(moved) == {100, 101, 102, 200}
    assert all(octets > 1_000_000 for octets in moved.values())


def test_a_campaign_with_a_window_moves_nothing_by_day(lived: Run) -> None:
    ours = [step for step in lived.evidence.steps if step.rating_group == 102]
    zone = lived.scenario.zone
    hours = Counter(utc(step.start).astimezone(zone).hour for step in ours)
    assert set(hours) & {23, 0, 1, 2, 3}
    first = lived.scenario.timeline[0]
    nights = [step for step in ours if step.octets and utc(step.start).astimezone(zone).hour in (23, 0, 1, 2, 3)]
    assert min(step.start for step in nights) >= lived.scenario.local(first.day, "23:00")


def test_shares_of_classes_are_kept_and_do_not_depend_on_the_size_of_the_fleet() -> None:
    scenario = load(EVERY_APPLICATION)
    large = scenario.of_size(600)
    kinds = _kinds(large)
    counted = Counter(kinds.values())
    for name, share in large.fleet[0].classes.items():
        assert counted[name] / 600 == pytest.approx(share / 9, abs=0.05)
    assert _kinds(scenario).items() <= kinds.items()


def _kinds(scenario: Scenario) -> dict[str, str]:
    sold, sims = issue(scenario)
    group = scenario.fleet[0]
    return {name: car_of(name, sim, group, scenario, sold, 1).kind.name for name, sim in sims.items()}


@pytest.mark.parametrize(
    ("right", "wrong", "where", "what"),
    [
        ("shared_car: 1}", "bus: 1, tram: 2}", "fleet.0.class", "unknown class 'bus', 'tram'; known: commuter"),
        ("class: {commuter: 4", "class: {commuter: 0", "fleet.0.class.commuter", "greater than 0"),
        ("navigation: 101", "navigation: 200", "navigation", "no b2b split of profile 'car' lists rating group 200"),
        ("emergency_call_test: 2 days", "emergency_call_test: soon", "emergency_call_test", "expected a duration"),
        ("most: 150 MB", "most: 1 MB", "timeline.0.campaign", "most must not be less than least"),
        ('from: "23:00"', 'from: "25:00"', "window.from", "expected a time of day"),
        ("share: 0.5", "split: wifi", "timeline.1.split", "a campaign is paid by a b2b split"),
        ("share: 0.5", "split: none", "timeline.1.split", "has no split 'none'"),
        ("bundle: 1gb", "bundle: 1gb, willingness: {}", "fleet.0.drivers", "choose for themselves: no bundle"),
        ("top_up_probability: 0.7, delay: 1 h, bundle: 1gb", "willingness: {median: 0}", "median", "greater than 0"),
        ("share: 0.5", "share: 1.5", "timeline.1.campaign.share", "less than or equal to 1"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, right: str, wrong: str, where: str, what: str) -> None:
    text = EVERY_APPLICATION.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "wrong.yaml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(FileError) as told:
        load(path)
    assert [m for m in told.value.mistakes if where in m.field and what in m.message and m.line], str(told.value)


def test_drivers_who_weigh_prices_buy_and_give_up_by_themselves(tmp_path: Path) -> None:
    text = EVERY_APPLICATION.read_text(encoding="utf-8")
    text = text.replace("top_up_probability: 0.7, delay: 1 h, bundle: 1gb", "willingness: {median: 30}, patience: 1")
    text = text.replace("apn: car.acme, rating_groups: [200, 201]", "apn: wifi, rating_groups: [200]")
    text = text.replace("price: 7.00}]", "price: 7.00}, {id: small, volume: 30 MB, valid: 1 day, price: 1.00}]")
    path = tmp_path / "willing.yaml"
    path.write_text(text, encoding="utf-8")
    lived = run(load(path), "willing", 1)
    assert lived.verdict.passed, [item.judgement.findings for item in lived.verdict.judged if not item.passed]
    bought = Counter(purchase.bundle_id for purchase in lived.evidence.purchases)
    assert bought["trial"] == 12
    assert bought["1gb"] + bought["small"] > 3


def test_what_is_assumed_of_drivers_is_told() -> None:
    scenario = load(library()["car_life"])
    assert assumption(scenario.fleet).startswith(
        "28 days of Wi-Fi are worth 12.00 (car) to half of the drivers: nobody"
    )
    assert assumption(load(EVERY_APPLICATION).fleet) == ""


def test_a_driver_whose_patience_is_over_attaches_no_more(tmp_path: Path) -> None:
    text = EVERY_APPLICATION.read_text(encoding="utf-8")
    text = text.replace("top_up_probability: 0.7, delay: 1 h, bundle: 1gb", "willingness: {median: 0.01}, patience: 1")
    text = text.replace("apn: car.acme, rating_groups: [200, 201]", "apn: wifi, rating_groups: [200]")
    path = tmp_path / "poor.yaml"
    path.write_text(text, encoding="utf-8")
    evidence, _ = witness(load(path), 1)
    refused: dict[str, list[int]] = defaultdict(list)
    for exchange in evidence.exchanges:
        if apn_of(exchange.request) == "wifi" and exchange.answer and exchange.answer.result_code == 4012:
            refused[exchange.vehicle].append(exchange.at)
    assert len(refused) > 6
    given_up = 0
    for vehicle, moments in refused.items():
        patience = Willing(stream(1, vehicle, "driver", "wifi"), Taste((), patience_cuts=1.0), BEGINS).patience
        cuts = [moments[0]]
        for at in moments:
            if at - cuts[-1] >= DAY:
                cuts.append(at)
        assert len(cuts) <= patience + 1
        if len(cuts) == patience + 1:
            given_up += 1
            assert moments[-1] - cuts[-1] < 4 * HOUR  # The trip that they are on.
    assert given_up > 3


def test_a_fleet_in_shards_is_the_same_to_the_byte_with_all_that_cars_can_do(tmp_path: Path) -> None:
    text = EVERY_APPLICATION.read_text(encoding="utf-8").replace("duration: 5 days", "duration: 2 days")
    text = text.replace("recurring: 1.20,", "recurring: 1.20, sms: 0.05, zones: {home: ['001'], eu: ['*']},")
    text = text.replace("vehicles: 12", "vehicles: 5\n    network: {roaming: 0.5, visited: ['20801']}")
    text = text.replace("navigation: 60 MB", "navigation: 60 MB\n      wake_up_messages: 90")
    path = tmp_path / "fleet.yaml"
    path.write_text(text.replace("top_up_probability: 0.7, delay: 1 h, bundle: 1gb", "willingness: {median: 20}"))
    whole, parts = run(load(path), "fleet", 1), run_fleet(load(path), "fleet", 1, tmp_path / "run", shards=3)
    assert len(parts.shards) == 3
    assert parts.evidence.documents == whole.evidence.documents
    assert parts.verdict.as_data() == whole.verdict.as_data()


def test_several_flows_share_a_quota_to_the_microsecond() -> None:
    flows = [_Running(BEGINS, 0, 10**9, 1_234), _Running(BEGINS - 777, 5, 10**9, 98_765)]

    def due(at: int) -> int:
        return sum((at - flow.since) * flow.rate // SECOND - flow.passed for flow in flows)

    for octets in (1, 1_000, 10_000_000):
        at = _used_up(flows, octets, BEGINS)
        assert due(at) >= octets
        assert at == BEGINS or due(at - 1) < octets
