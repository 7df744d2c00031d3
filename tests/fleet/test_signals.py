"""Messages and calls: how many there are, when, and that they are charged to the physical SIM alone."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ocs.charging.commands import Charge, Command, Outcome
from ocs.charging.engine import Engine
from ocs.files import FileError
from ocs.gy.messages import CcRequestType
from ocs.units import DAY, SECOND, instant, utc
from scenarios.loading import load
from scenarios.runner import Link, Run, run
from sim.fleet.classes import CLASSES
from sim.fleet.signals import Breakdowns, Signal, WakeUps
from sim.fleet.streams import stream
from sim.fleet.traffic import Journey
from sim.fleet.trips import Trip, trips

BERLIN = ZoneInfo("Europe/Berlin")
BEGINS = instant(datetime(2026, 6, 1, tzinfo=BERLIN))
ENDS = BEGINS + 30 * DAY
KIND = CLASSES["commuter"]
PRICES = "sms: 0.05, voice: {price: 0.06, per: 1 min, block: 10 s, slice: 5 min, threshold: 30 s},"


def journeys() -> Iterator[tuple[str, list[Trip], Journey]]:
    for number in range(200):
        plan = list(trips(stream(1, str(number), "trips"), KIND, BEGINS, ENDS, BERLIN))
        yield str(number), plan, Journey(iter(plan), KIND, BEGINS, ENDS, BERLIN)


def drawn(model: WakeUps | Breakdowns) -> list[tuple[list[Trip], list[Signal]]]:
    return [(plan, list(model.signals(stream(1, name, "signals"), whole))) for name, plan, whole in journeys()]


def test_parked_cars_are_woken_so_often_and_not_at_night() -> None:
    found = drawn(WakeUps(20))
    assert sum(len(signals) for _, signals in found) / 200 == pytest.approx(20 * 0.94, rel=0.06)
    hours: Counter[int] = Counter()
    for plan, signals in found:
        for at, seconds in signals:
            assert seconds == 0
            assert at % SECOND == 0
            assert not any(trip.start <= at < trip.end for trip in plan)
            hours[utc(at).astimezone(BERLIN).hour] += 1
    assert sum(hours[hour] for hour in range(5)) < 0.1 * hours.total()


def test_cars_break_down_on_the_road() -> None:
    found = drawn(Breakdowns(4))
    assert sum(len(signals) for _, signals in found) / 200 == pytest.approx(4, rel=0.12)
    lengths = [signal.seconds for _, signals in found for signal in signals]
    assert sum(lengths) / len(lengths) == pytest.approx(420, rel=0.12)
    for plan, signals in found:
        assert all(any(trip.start <= signal.at < trip.end for trip in plan) for signal in signals)


def _file(folder: Path, prices: str = PRICES) -> Path:
    text = (Path(__file__).parent / "every_application.yaml").read_text(encoding="utf-8")
    text = text.replace("recurring: 1.20,", f"recurring: 1.20, {prices}")
    text = text.replace("      navigation:", "      wake_up_messages: 60\n      breakdown_calls: 15\n      navigation:")
    text = text.replace("octets_add_up,", "octets_add_up, messages_and_calls_add_up,")
    path = folder / "signals.yaml"
    path.write_text(text.replace("duration: 5 days", "duration: 2 days"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(load(_file(tmp_path_factory.mktemp("signals"))), "signals", 1)


def test_messages_and_calls_are_on_the_invoice_of_the_physical_sims_payer(lived: Run) -> None:
    assert lived.verdict.passed, [item.judgement.findings for item in lived.verdict.judged if not item.passed]
    contexts = Counter(
        (edr.service_context, edr.unit_type, edr.split_id) for edr in lived.evidence.edrs if edr.unit_type != "octets"
    )
    assert set(contexts) == {("32274@3gpp.org", "units", "sim"), ("32260@3gpp.org", "seconds", "sim")}
    kinds = {line.type for document in lived.evidence.documents for line in document.applied_customer_billing_rate}
    assert {"messages", "calls"} <= kinds


def test_a_call_reports_when_its_quota_less_the_threshold_is_used(lived: Run) -> None:
    calls = [edr for edr in lived.evidence.edrs if edr.unit_type == "seconds"]
    assert {edr.units_used for edr in calls if edr.reporting_reason == "THRESHOLD"} == {270}
    ended = {edr.session_id for edr in calls if edr.record_type == "stop"}
    assert ended == {edr.session_id for edr in calls}


def test_the_wire_tells_the_same_story(lived: Run, tmp_path: Path) -> None:
    wire = run(load(_file(tmp_path)), "signals", 1, Link.WIRE)
    assert wire.evidence.edrs == lived.evidence.edrs


def test_a_plan_without_a_price_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError) as told:
        load(_file(tmp_path, ""))
    assert [mistake.message for mistake in told.value.mistakes] == [
        "plan 'tele' has no price for it (sms)",
        "plan 'tele' has no price for it (voice)",
    ]


class Forgetful(Engine):
    """Loses the records of messages."""

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        if isinstance(command, Charge) and command.ccr.cc_request_type is CcRequestType.EVENT:
            outcome.edrs.clear()
        return outcome


def test_a_message_without_a_record_is_found(tmp_path: Path) -> None:
    judged = {item.check.name(): item for item in run(load(_file(tmp_path)), "x", 1, engine=Forgetful).verdict.judged}
    found = judged["messages_and_calls_add_up"].judgement.findings
    assert found
    assert "units were served, 0 are in EDRs" in found[0].message
