"""A provisioning file with many mistakes reports all of them, each with file, line and field, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocs.charging.commands import Provision, Receipt
from ocs.charging.engine import Engine
from ocs.files import FileError
from ocs.inventory.provisioning import Provisioning, load_provisioning

FILE = Path(__file__).with_name("fifteen_mistakes.yaml")
EXPECTED = [
    (1, "operator.currency", "expected a currency of ISO 4217"),
    (1, "operator.time_zone", "expected an IANA time zone"),
    (4, "accounts.1.parent", "above a sub_account stands account, not the company 'acme'"),
    (5, "accounts.2.retail.wifi.1gb", "5.0 is below the wholesale price, 7.0"),
    (9, "plans.1.postpaid_individual.apn", "unknown field"),
    (13, "plans.3.postpaid_fixed_pool", "expected either an overage price or a stack"),
    (14, "plans.4.postpaid_individual.overage", "a whole number of micros per block"),
    (20, "profiles.1", "splits 'fleet' and 'other' both hold rating group 100 of APN 'fleet.acme'"),
    (26, "profiles.2.splits.0.plan", "'wifi' is a prepaid plan"),
    (27, "profiles.2.splits.1.plan", "'fleet' is a postpaid plan"),
    (30, "sims.1.imsi", "'001010000000001' is used twice"),
    (30, "sims.1.payers.wifi", "'acme' is a company: a customer pays for a b2c split"),
    (31, "sims.2.iccid", "expected check digit 3"),
    (32, "sims.3.imsi", "kept for virtual SIMs"),
    (33, "sims.4.account", "unknown account 'nobody'"),
    (33, "sims.4.plan", "'wifi' is a prepaid plan"),
]


def test_every_mistake_is_reported_with_file_line_and_field() -> None:
    with pytest.raises(FileError) as caught:
        load_provisioning(FILE)
    found = caught.value.mistakes
    assert [(mistake.line, mistake.field) for mistake in found] == [(line, field) for line, field, _ in EXPECTED]
    for mistake, (line, field, message) in zip(found, EXPECTED, strict=True):
        assert str(mistake).startswith(f"{FILE}:{line}: {field}: ")
        assert message in mistake.message
    assert len(found) > 15


def small(**sim: object) -> Provisioning:
    return Provisioning.model_validate(
        {
            "accounts": [{"id": "acme", "kind": "company"}],
            "plans": [
                {
                    "id": "fleet",
                    "kind": "postpaid_individual",
                    "included": 0,
                    "recurring": 0,
                    "overage": {"price": "0.02"},
                }
            ],
            "sims": [
                {
                    "imsi": "001010000000001",
                    "iccid": "8999990100000000013",
                    "account": "acme",
                    "plan": "fleet",
                    **sim,
                }
            ],
        }
    )


@pytest.mark.parametrize(
    ("sim", "message"),
    [
        ({}, "SIM 001010000000001 is there already"),
        ({"imsi": "001010000000002"}, "ICCID 8999990100000000013 belongs to SIM 001010000000001"),
        ({"imsi": "001010000000002", "iccid": "8943010000000000019", "msisdn": "4915100001"}, "MSISDN 4915100001"),
        ({"imsi": "001010000000002", "iccid": "8943010000000000019", "account": "nobody"}, "unknown account 'nobody'"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_said_and_nothing_is_taken_in(sim: dict[str, object], message: str) -> None:
    engine = Engine("ocs", "test")
    first = small(msisdn="4915100001")
    assert engine.apply(Provision(first, "r1"), 1).answer == Receipt("1 SIMs")
    second = small(**sim)
    fresh = {"imsi": "001010000000009", "iccid": "8943010000000000027", "account": "acme", "plan": "fleet"}
    more = second.model_copy(update={"sims": (*second.sims, *small(**fresh).sims)})
    outcome = engine.apply(Provision(more, "r2"), 2)
    assert isinstance(outcome.answer, Receipt)
    assert message in str(outcome.answer.error)
    assert list(engine.state.inventory.by_imsi) == ["001010000000001"]
    assert outcome.changes == []


def test_the_same_request_again_makes_nothing_new() -> None:
    engine = Engine("ocs", "test")
    for moment in (1, 2, 3):
        outcome = engine.apply(Provision(small(), "r1"), moment)
        assert outcome.answer == Receipt("1 SIMs")
        assert bool(outcome.changes) == (moment == 1)
    assert len(engine.state.inventory.by_imsi) == 1
