"""What serves a vehicle on its way: other nodes, other RATs, other countries; and what the OCS is told of it."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from ocs.units import MINUTE, SECOND
from scenarios.loading import load
from scenarios.runner import Run, run
from sim.fleet.places import EUTRAN, UTRAN, Network, Place
from sim.fleet.streams import stream
from sim.fleet.trips import Trip

HERE = Path(__file__).parent
TRIPS = [Trip(number * 60 * MINUTE, number * 60 * MINUTE + 30 * MINUTE) for number in range(4000)]
ABROAD = ("20801", "22288")


def places(network: Network, trips: list[Trip] = TRIPS) -> list[Place]:
    return list(network.places(stream(1, "car", "places"), iter(trips)))


def test_nodes_change_every_ten_minutes_on_the_way_and_never_while_parked() -> None:
    changes = places(Network())
    assert len(changes) / len(TRIPS) == pytest.approx(3, rel=0.05)
    assert all(change.at % (60 * MINUTE) < 30 * MINUTE for change in changes)
    assert all(change.at % SECOND == 0 for change in changes)
    assert [change.at for change in changes] == sorted(change.at for change in changes)
    assert all(one.node != other.node for one, other in pairwise(changes))
    assert {change.plmn for change in changes} == {"00101"}
    weak = Counter(change.rat_type for change in changes)
    assert weak[UTRAN] / weak.total() == pytest.approx(0.1, abs=0.02)
    assert set(weak) == {UTRAN, EUTRAN}


def test_a_trip_leads_abroad_and_the_next_one_home() -> None:
    changes = places(Network(visited=ABROAD, roaming_share=0.04))
    plmn, crossings = "00101", []
    for change in changes:
        if change.plmn != plmn:
            crossings.append((change.at // (60 * MINUTE), change.plmn))
            plmn = change.plmn
    assert len(crossings) / len(TRIPS) == pytest.approx(0.04, rel=0.25)
    out, back = crossings[::2], crossings[1::2]
    assert all(plmn == "00101" for _, plmn in back)
    assert {plmn for _, plmn in out} == set(ABROAD)
    assert all(home == away + 1 for (away, _), (home, _) in zip(out, back, strict=False))


def test_a_car_that_stays_at_its_node_says_nothing() -> None:
    assert places(Network(node_change_seconds=0)) == []
    assert places(Network(node_change_seconds=0, visited=ABROAD, roaming_share=1.0)) != []


def test_other_borders_move_no_change_of_node() -> None:
    """Before the first border, that is: a crossing is a change too."""
    few, more = places(Network()), places(Network(visited=ABROAD, roaming_share=0.02))
    first = next(number for number, change in enumerate(more) if change.plmn != "00101")
    assert first > 20
    assert few[:first] == more[:first]


@pytest.fixture(scope="module")
def roaming(tmp_path_factory: pytest.TempPathFactory) -> Run:
    text = (HERE / "every_application.yaml").read_text(encoding="utf-8")
    zones = "zones: {home: ['00101'], eu: ['208', '222']}, included_zones: [home], rates: [{zone: eu, price: 0.10}],"
    text = text.replace("recurring: 1.20,", f"recurring: 1.20, {zones}")
    text = text.replace("    drivers:", "    network: {roaming: 0.2, visited: ['20801', '22288']}\n    drivers:")
    path = tmp_path_factory.mktemp("roaming") / "roaming.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load(path), "roaming", 1)


def test_a_plan_with_zones_is_told_of_other_nodes_and_prices_by_the_network(roaming: Run) -> None:
    assert roaming.verdict.passed, [item.judgement.findings for item in roaming.verdict.judged if not item.passed]
    edrs = [edr for edr in roaming.evidence.edrs if edr.party == "b2b"]
    assert {edr.zone for edr in edrs} == {"home", "eu"}
    told = [edr for edr in edrs if edr.reporting_reason == "RATING_CONDITION_CHANGE"]
    assert len(told) > 100
    assert {edr.trigger for edr in told} == {"1"}
    lines = [line for document in roaming.evidence.documents for line in document.applied_customer_billing_rate]
    assert sum(line.type == "overage" for line in lines) > 1


def test_a_plan_without_zones_is_told_of_no_change(roaming: Run) -> None:
    consumer = [edr for edr in roaming.evidence.edrs if edr.party == "b2c"]
    assert len({edr.serving_plmn for edr in consumer}) > 1
    assert all(edr.trigger is None for edr in consumer)
