"""Messages that are written and read again on their way change nothing, and would be found out if they did."""

import pytest

from ocs.charging.commands import Command, Outcome
from ocs.charging.engine import Engine
from ocs.gy.messages import Cca
from scenarios.loading import library, load
from scenarios.runner import witness
from sim.octets import OctetsDifferError

SCENARIO = load(library()["b2c_exhaustion"]).of_size(3).model_copy(update={"timeline": (), "duration": 6 * 86_400})


def test_cars_whose_messages_are_octets_do_as_the_others() -> None:
    typed, none = witness(SCENARIO, 1, twin=False)
    written, octets = witness(SCENARIO, 1, twin=False, octets_share=1.0)
    some, fewer = witness(SCENARIO, 1, twin=False, octets_share=0.4)
    assert typed.edrs == written.edrs == some.edrs
    assert typed.exchanges == written.exchanges
    assert none == 0 < fewer < octets


class Careless(Engine):
    """Answers what no decoder would give back."""

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        if isinstance(outcome.answer, Cca):
            services = list(outcome.answer.multiple_services_credit_control)
            outcome.answer.multiple_services_credit_control = services  # type: ignore[assignment]
        return outcome


def test_an_answer_that_octets_do_not_hold_ends_the_run() -> None:
    witness(SCENARIO, 1, twin=False, engine=Careless, last=1)
    with pytest.raises(OctetsDifferError, match="written Cca"):
        witness(SCENARIO, 1, twin=False, engine=Careless, last=1, octets_share=1.0)
