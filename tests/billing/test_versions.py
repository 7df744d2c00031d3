"""A plan in a higher version rules the next cycle; a pool is one until then, whoever joins it."""

from ocs.billing.books import Books
from ocs.billing.close import CycleClose, close_cycle
from ocs.billing.reconcile import reconcile
from ocs.charging.commands import Outcome, Provision, Receipt
from ocs.charging.engine import Engine
from ocs.inventory.provisioning import Sim
from ocs.inventory.register import Register
from ocs.rating.cycle import cycle_named
from ocs.units import DAY
from tests.charging.player import START, Player, world

POOL = {"plans.fleet.kind": "postpaid_flex_pool", "plans.fleet.included": "31 MB", "plans.fleet.recurring": 3.1}


class Kept(Engine):
    def __init__(self) -> None:
        super().__init__("ocs.example", "example")
        self.outcomes: list[Outcome] = []

    def apply(self, command: object, now: int) -> Outcome:
        self.outcomes.append(super().apply(command, now))  # type: ignore[arg-type]
        return self.outcomes[-1]


def test_a_sim_that_joins_a_pool_after_a_new_version_is_in_the_pool_as_it_is_until_the_cycle_ends() -> None:
    engine = Kept()
    player = Player(world("two_apns", POOL), engine=engine)
    player.play("f1 fleet.acme I 0 | 1 ask", START)  # in use: the new version rules from April on
    dearer = world("two_apns", POOL | {"plans.fleet.version": 2, "plans.fleet.recurring": 6.2})
    second = dearer.sims[0].model_dump() | {"imsi": "001010000000002", "iccid": "8943010000000000019", "msisdn": None}
    later = dearer.model_copy(update={"sims": (Sim.model_validate(second),)})
    answer = engine.apply(Provision(later, "v2"), START + 9 * DAY).answer  # on 11 March: 21 of 31 days
    assert answer == Receipt("1 SIMs")
    player.play("g1 fleet.acme I 0 | 1 ask", START + 10 * DAY)
    player.play("g1 T 1 | 1 used 51MB", START + 11 * DAY)

    def close(cycle: str) -> CycleClose:
        records = [(outcome.changes, outcome.edrs, outcome.transfers) for outcome in engine.outcomes]
        changes, edrs, transfers = (
            tuple(item for part in parts for item in part) for parts in zip(*records, strict=True)
        )
        return close_cycle(cycle_named(cycle, "Europe/Berlin", 1), Books(register, changes, edrs, transfers))

    register = Register.of([player.provisioning, later])
    march = close("2026-03")
    (invoice,) = (document for document in march.documents if document.type == "EnterpriseInvoice")
    # 30 of 31 days and 21 of 31 days at 3.10; 30 MB and 21 MB included, all of it used by the first SIM.
    in_bundle = [line.octets for line in invoice.applied_customer_billing_rate if line.type == "usage_in_bundle"]
    assert in_bundle == [51_000_000]
    assert str(invoice.tax_excluded_amount.value) == "5.10"
    assert reconcile(march).differences == ()
    player.play("pass", START + 40 * DAY)
    april = close("2026-04")
    (invoice,) = (document for document in april.documents if document.type == "EnterpriseInvoice")
    assert str(invoice.tax_excluded_amount.value) == "12.40"
