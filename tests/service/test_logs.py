"""Lines of the log that take time to come about: deadlines, as text."""

import json
import logging
import time

import pytest

from ocs.bench.loads import WIFI, ccr, imsi, provisioning
from ocs.charging.commands import Charge, Expire, Provision
from ocs.charging.engine import Engine
from ocs.gy.messages import CcRequestType
from ocs.logs import JsonLines, Teller, TextLines

START = 1_767_225_600_000_000


def test_deadlines_are_told_with_session_and_subscriber(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine("ocs.example", "example")
    teller = Teller(lambda: engine.state)
    opened = ccr(CcRequestType.INITIAL, 0, 0, 0, (WIFI,))
    with caplog.at_level(logging.INFO, logger="splitsim"):
        for command in (Provision(provisioning(1), "r1", by="desk"), Charge(opened)):
            teller.on_outcome(command, START, engine.apply(command, START))
        while (deadline := engine.next_deadline()) is not None:
            teller.on_outcome(Expire(), deadline, engine.apply(Expire(), deadline))
    told = [TextLines().format(record).split(" ", 1)[1] for record in caplog.records]
    assert told == [
        'info command done kind=Provision by=desk request_id=r1 reference="1 SIMs"',
        f"info reservation ended amount=1000000 session={opened.session_id} imsi={imsi(0)}",
        f"info bucket ended amount=1000000000000000 imsi={imsi(0)}",
    ]


def test_a_value_that_would_break_its_line_stands_in_quotes() -> None:
    record = logging.makeLogRecord({"msg": "alarm", "levelname": "WARNING", "what": {"text": 'a "b"\nc', "n": 5}})
    assert TextLines().format(record).endswith(' warning alarm text="a \\"b\\"\\nc" n=5')


def test_a_line_of_json_has_whatever_belongs_to_the_event() -> None:
    what = {"reason": ValueError("in use"), "rating_groups": ["200:4012"], "n": 5}
    record = logging.makeLogRecord({"msg": "standing by", "levelname": "WARNING", "what": what, "created": 1.5})
    assert json.loads(JsonLines().format(record)) == {
        "at": "1970-01-01T00:00:01.500Z",
        "level": "warning",
        "event": "standing by",
        "reason": "in use",
        "rating_groups": ["200:4012"],
        "n": 5,
    }


def test_a_flood_of_refusals_is_counted_and_not_told_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    teller = Teller(lambda: Engine("ocs.example", "example").state)
    request = ccr(CcRequestType.INITIAL, 0, 0, 0, (WIFI,))
    with caplog.at_level(logging.INFO, logger="splitsim"):
        for _ in range(500):
            teller.refused(request, 3004)
        time.sleep(1.1)
        teller.refused(request, 3004)
    told = [record for record in caplog.records if record.message == "request refused"]
    held = sum(record.what["number"] for record in caplog.records if record.message == "refusals not told")  # type: ignore[attr-defined]
    assert len(told) + held == 501
    assert held > 250
