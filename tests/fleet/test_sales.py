"""A car is sold: the driver's virtual SIM ends, the next owner gets one, and the enterprise notices nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocs.files import FileError
from ocs.units import DAY
from scenarios.loading import load
from scenarios.report.data import split_map_data
from scenarios.runner import Run, run
from sim.fleet.applications import Wifi
from sim.fleet.cars import Car, Use, attachments
from sim.fleet.drivers import Habits
from sim.fleet.traffic import Flow
from splitsim import app
from tests.fleet.test_fleet import BEGINS, BERLIN

FILE = Path(__file__).parent / "every_application.yaml"


def _file(folder: Path, *events: str) -> Path:
    text = FILE.read_text(encoding="utf-8").replace("vehicles: 12", "vehicles: 4")
    events = events or (
        '{day: 3, at: "12:10", do: sell, group: mixed}',
        '{day: 4, at: "17:20", do: sell, vehicle: mixed-002}',
    )
    text = text.replace("timeline:\n", "timeline:\n" + "".join(f"  - {event}\n" for event in events))
    path = folder / "sales.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(load(_file(tmp_path_factory.mktemp("sales"))), "sales", 1)


def test_every_expectation_holds_over_a_sale(lived: Run) -> None:
    assert lived.verdict.passed, [item.judgement.findings for item in lived.verdict.judged if not item.passed]


def test_each_owner_has_an_account_a_virtual_sim_and_a_statement_of_their_own(lived: Run) -> None:
    sale = lived.scenario.sales("mixed-001")[0]
    wifi = [edr for edr in lived.evidence.edrs if edr.split_id == "wifi" and edr.physical_imsi.endswith("1")]
    before, after = ([edr for edr in wifi if (edr.event_time > sale) is late] for late in (False, True))
    assert {edr.account_id for edr in before} == {"mixed-001-driver"}
    assert {edr.account_id for edr in after} == {"mixed-001-driver-2"}
    assert len({edr.mpc_imsi for edr in wifi}) == 2
    billed = {document.customer.id for document in lived.evidence.documents}
    assert {"mixed-001-driver", "mixed-001-driver-2", "mixed-002-driver-3"} <= billed


def test_what_is_left_of_the_sellers_allowance_is_nothing_to_the_buyer(lived: Run) -> None:
    trials = [item for item in lived.evidence.purchases if item.bundle_id == "trial"]
    assert [item.split_id for item in trials if item.vehicle == "mixed-002"] == ["wifi", "wifi/2", "wifi/3"]


def _flows(sales: tuple[int, ...], gone: frozenset[int] = frozenset()) -> list[Flow]:
    use = Use("wifi", "w", Wifi(1_000_000_000), "w", "wifi", 200, Habits())
    car = Car("car-1", "001010000000001", None, (use,), sales=sales)
    (part,) = attachments(car, 1, BEGINS, BEGINS + 20 * DAY, BERLIN, lambda use, owner: owner not in gone)
    ((_, flows),) = part.uses
    return list(flows)


def test_the_first_owner_does_the_same_whether_or_not_the_car_will_be_sold() -> None:
    sale = BEGINS + 10 * DAY
    alone, first, second = _flows(()), [], []
    for flow in _flows((sale,)):
        (first if flow.at < sale else second).append(flow)
    assert first == [flow for flow in alone if flow.at < sale][: len(first)]
    assert len(first) > 20
    assert second
    assert not set(second) & set(alone)


def test_the_next_owner_uses_wifi_though_the_first_has_given_it_up() -> None:
    sale = BEGINS + 10 * DAY
    assert _flows((sale,), frozenset({0})) == [flow for flow in _flows((sale,)) if flow.at >= sale]
    assert _flows((), frozenset({0})) == []


@pytest.mark.parametrize(
    ("event", "where", "what"),
    [
        ('{day: 3, at: "12:10", do: sell, group: mixed, split: wifi}', "split", "a car is sold as a whole"),
        ('{day: 3, at: "12:10", do: sell}', "sell", "either a group or a vehicle"),
    ],
)
def test_mistakes(tmp_path: Path, event: str, where: str, what: str) -> None:
    with pytest.raises(FileError) as told:
        load(_file(tmp_path, event))
    assert where in told.value.mistakes[0].field
    assert what in told.value.mistakes[0].message


def test_a_scenario_that_sells_cars_does_not_run_in_shards(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["run", str(_file(tmp_path)), "--shards", "2", "--out", str(tmp_path / "out")])
    assert told.exit_code == 2
    assert "a scenario that sells cars is one world" in told.output


def test_the_report_knows_every_owner(lived: Run) -> None:
    flows = split_map_data(lived.evidence).flows
    assert sum(flow.octets for flow in flows) == sum(edr.octets_total for edr in lived.evidence.edrs)
    assert {flow.names[2] for flow in flows} == {"car: fleet", "car: wifi"}
