"""The account tree: what may stand above what, and what a reseller may ask."""

from __future__ import annotations

from typing import Any

import pytest

from ocs.charging.commands import Provision, Receipt, TopUp
from ocs.charging.engine import Engine
from ocs.inventory.provisioning import Provisioning

PLANS = [
    {"id": "fleet", "kind": "postpaid_individual", "included": 0, "recurring": 0, "overage": {"price": 0}},
    {
        "id": "wifi",
        "kind": "prepaid_individual",
        "bundles": [
            {"id": "1gb", "volume": "1 GB", "valid": "28 days", "price": "7.00", "wholesale": "4.00"},
            {"id": "day", "volume": "1 GB", "valid": "1 day", "price": "2.00"},
        ],
    },
]
TREE = [
    {"id": "csp", "kind": "csp"},
    {"id": "acme", "kind": "company", "parent": "csp"},
    {"id": "acme-eu", "kind": "account", "parent": "acme"},
    {"id": "acme-it", "kind": "sub_account", "parent": "acme-eu"},
    {"id": "share", "kind": "reseller", "parent": "csp", "retail": {"wifi": {"1gb": "9.00"}}},
    {"id": "d1", "kind": "customer", "parent": "share"},
    {"id": "d2", "kind": "customer"},
]


def problems(*changed: dict[str, Any], splits: list[dict[str, Any]] | None = None) -> list[str]:
    accounts = {account["id"]: account for account in [*TREE, *changed]}
    profiles = [{"id": "car", "splits": splits}] if splits else []
    tree = {"accounts": list(accounts.values()), "plans": PLANS, "profiles": profiles}
    return [f"{where}: {what}" for where, what in Provisioning.model_validate(tree).problems()]


def test_a_tree_of_every_kind() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ({"id": "x", "kind": "company", "parent": "nobody"}, "unknown account 'nobody'"),
        ({"id": "x", "kind": "company", "parent": "acme"}, "above a company stands csp, not the company 'acme'"),
        ({"id": "x", "kind": "account"}, "above a account stands company, not nothing"),
        ({"id": "x", "kind": "sub_account", "parent": "acme"}, "above a sub_account stands account"),
        ({"id": "x", "kind": "customer", "parent": "acme"}, "above a customer stands csp or reseller"),
        ({"id": "x", "kind": "reseller", "parent": "share"}, "above a reseller stands csp"),
        ({"id": "x", "kind": "csp", "parent": "acme"}, "above a csp stands no parent"),
        ({"id": "acme-eu", "kind": "account", "parent": "acme-eu"}, "stands above itself"),
        ({"id": "acme", "kind": "company", "parent": "acme-it"}, "account 'acme' stands above itself"),
        ({"id": "share", "kind": "reseller", "retail": {"wifi": {"1gb": "3.99"}}}, "below the wholesale price, 4.00"),
        ({"id": "share", "kind": "reseller", "retail": {"wifi": {"day": "1.99"}}}, "below the wholesale price, 2.00"),
        ({"id": "share", "kind": "reseller", "retail": {"wifi": {"week": "3"}}}, "sells no bundle 'week'"),
        ({"id": "share", "kind": "reseller", "retail": {"fleet": {"1gb": "3"}}}, "'fleet' is no prepaid plan"),
        ({"id": "share", "kind": "reseller", "retail": {"none": {"1gb": "3"}}}, "unknown plan 'none'"),
        ({"id": "d1", "kind": "customer", "retail": {"wifi": {"1gb": "9"}}}, "only a reseller has prices of its own"),
    ],
)
def test_what_does_not_fit_is_said(account: dict[str, Any], message: str) -> None:
    found = problems(account)
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("party", "payer", "fits"),
    [
        ("b2b", "acme", True),
        ("b2b", "acme-eu", True),
        ("b2b", "acme-it", True),
        ("b2b", "d1", False),
        ("b2b", "share", False),
        ("b2b", "csp", False),
        ("b2c", "d1", True),
        ("b2c", "d2", True),
        ("b2c", "acme", False),
        ("b2c", "share", False),
    ],
)
def test_enterprises_pay_for_b2b_and_customers_for_b2c(party: str, payer: str, fits: bool) -> None:
    plan = "fleet" if party == "b2b" else "wifi"
    split = {"id": "s", "party": party, "payer": payer, "apn": "a", "plan": plan}
    assert (problems(splits=[split]) == []) == fits


@pytest.mark.parametrize(("driver", "bundle", "micros"), [("d1", "1gb", 9), ("d1", "day", 2), ("d2", "1gb", 7)])
def test_a_driver_pays_what_the_reseller_asks(driver: str, bundle: str, micros: int) -> None:
    splits = [
        {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "f", "plan": "fleet"},
        {"id": "wifi", "party": "b2c", "apn": "w", "plan": "wifi"},
    ]
    sim = {"imsi": "001010000000001", "iccid": "8999990100000000013", "account": "acme", "profile": "car"}
    sold = Provisioning.model_validate(
        {
            "accounts": TREE,
            "plans": PLANS,
            "profiles": [{"id": "car", "splits": splits}],
            "sims": [sim | {"payers": {"wifi": driver}}],
        }
    )
    engine = Engine("ocs", "test")
    engine.apply(Provision(sold, "r1"), 1)
    outcome = engine.apply(TopUp("001010000000001", "wifi", bundle, "r2"), 2)
    assert isinstance(outcome.answer, Receipt)
    assert outcome.answer.error is None
    assert [line.price_micros for line in outcome.transfers] == [micros * 10**6]
