"""Whatever charging does, its records close: every worked case of charging, billed and reconciled to the octet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ocs.billing.books import Books
from ocs.billing.close import close_cycle
from ocs.billing.received import heard, received
from ocs.billing.reconcile import reconcile
from ocs.charging.commands import Charge, Outcome, Provision
from ocs.charging.engine import Engine
from ocs.gy.messages import Cca, Ccr
from ocs.inventory.register import Register
from ocs.rating.cycle import cycles_between
from ocs.units import DAY, SECOND
from tests.charging.casebook import load
from tests.charging.player import START, Player, world

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted((Path(__file__).parents[1] / "charging" / "cases").glob("*.yaml"))
    for case in load(path)
]


class Listening(Engine):
    """The engine, with all that it ever said."""

    def __init__(self) -> None:
        super().__init__("ocs.example", "example")
        self.outcomes: list[Outcome] = []
        self.provisionings = []
        self.exchanges: list[tuple[int, Ccr, Cca | None]] = []

    def apply(self, command: Any, now: int) -> Outcome:
        outcome = super().apply(command, now)
        self.outcomes.append(outcome)
        if isinstance(command, Provision) and getattr(outcome.answer, "error", None) is None:
            self.provisionings.append(command.provisioning)
        if isinstance(command, Charge):
            assert isinstance(outcome.answer, Cca)
            self.exchanges.append((now, command.ccr, outcome.answer))
        return outcome


@pytest.mark.parametrize("case", CASES)
def test_the_records_of_a_case_reconcile(case: dict[str, Any]) -> None:
    change = case.get("change", {})
    later = world(case["world"], change | case["later"]).model_copy(update={"sims": ()}) if "later" in case else None
    engine = Listening()
    player = Player(world(case["world"], change), later, engine=engine)
    now = START
    for line in case["steps"].splitlines():
        time, _, event = line.partition("->")[0].strip().partition(" ")
        if event:
            now = START + int(Decimal(time.removesuffix("s")) * SECOND)
            player.play(event.strip(), now)
    player.play("pass", now + 3 * DAY)  # tombstones are gone: nothing is reserved any more
    books = Books(
        Register.of(engine.provisionings),
        tuple(change for outcome in engine.outcomes for change in outcome.changes),
        tuple(edr for outcome in engine.outcomes for edr in outcome.edrs),
        tuple(line for outcome in engine.outcomes for line in outcome.transfers),
    )
    operator = books.register.operator
    imsi_of = {change.msisdn: change.imsi for change in books.history if change.msisdn is not None}
    reports = list(heard(engine.exchanges, imsi_of))
    billed = 0
    for cycle in cycles_between(START, now + 4 * DAY, operator.time_zone, operator.cycle_day):
        close = close_cycle(cycle, books)
        others = (edr for edr in books.edrs if edr.cycle_id != cycle.id)
        usu = received(cycle, reports, close.edrs, others, books.register.apn_aliases())
        outcome = reconcile(close, usu=usu.by_service, usu_by_payer=usu.by_payer)
        assert outcome.differences == ()
        assert [row.usu for row in outcome.rows] == [row.edr for row in outcome.rows]
        billed += sum(row.edr for row in outcome.rows)
    assert billed == sum(edr.octets_total for edr in books.edrs)
