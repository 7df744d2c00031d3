"""What an engine is done with comes apart by itself: a served OCS does not look for garbage rings (`ocs.service`)."""

import gc

from ocs.bench.loads import FLEET, WIFI, ccr, provisioning
from ocs.charging.commands import Charge, Expire, Provision
from ocs.charging.engine import Engine
from ocs.gy.messages import CcRequestType
from ocs.units import DAY

START = 1_767_225_600_000_000


def test_sessions_that_are_over_leave_no_ring_behind() -> None:
    engine = Engine("ocs.example", "example")
    engine.apply(Provision(provisioning(2), "r1"), START)

    def live(numbers: range, now: int) -> None:
        """Sessions that end in order, and, with the odd numbers, those that are never heard of again."""
        for number in numbers:
            for kind in CcRequestType.INITIAL, CcRequestType.UPDATE, CcRequestType.TERMINATION:
                if kind is not CcRequestType.TERMINATION or number % 2 == 0:
                    engine.apply(Charge(ccr(kind, number, kind - 1, number % 2, (FLEET, WIFI))), now)
        while (deadline := engine.next_deadline()) is not None and deadline < now + 4 * DAY:
            engine.apply(Expire(), deadline)
        assert not engine.state.sessions

    live(range(10), START)
    gc.collect()
    gc.disable()
    try:
        live(range(10, 30), START + 4 * DAY)
        assert gc.collect() == 0
    finally:
        gc.enable()
