"""ICCID and IMSI: check digits, completion, and numbers of virtual SIMs that nobody else has."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocs.charging.commands import Provision
from ocs.charging.engine import Engine
from ocs.inventory.identifiers import complete_iccid, luhn_digit, mpc_iccid, mpc_imsi
from ocs.inventory.provisioning import Provisioning

VECTORS = ["8943010000000000019", "8943010000000000027", "8999990100000000013", "89999901000000000015"]


def luhn_sum(digits: str) -> int:
    """ISO/IEC 7812-1 annex B as a table, from the right."""
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    return sum(doubled[int(d)] if place % 2 else int(d) for place, d in enumerate(reversed(digits)))


@pytest.mark.parametrize("iccid", VECTORS)
def test_published_vectors(iccid: str) -> None:
    assert complete_iccid(iccid) == iccid
    assert luhn_digit(iccid[:-1]) == iccid[-1]
    assert luhn_sum(iccid) % 10 == 0


def test_an_iccid_without_its_check_digit_is_completed() -> None:
    assert complete_iccid("894301000000000001") == "8943010000000000019"
    assert complete_iccid("899999010000000001") == "8999990100000000013"


@pytest.mark.parametrize(
    ("digits", "message"),
    [
        ("8943010000000000018", "expected check digit 9"),
        ("7943010000000000019", "expected an ICCID"),
        ("89430100000000001", "expected an ICCID"),
        ("894301000000000001a", "expected an ICCID"),
        ("", "expected an ICCID"),
        ("894301000000000000195", "expected an ICCID"),
    ],
)
def test_what_is_no_iccid_is_refused(digits: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        complete_iccid(digits)


@given(st.integers(0, 10**10 - 1))
def test_numbers_of_virtual_sims_are_valid(serial: int) -> None:
    imsi, iccid = mpc_imsi(serial), mpc_iccid(serial)
    assert len(imsi) == 15
    assert imsi.startswith("999")
    assert len(iccid) == 19
    assert complete_iccid(iccid) == iccid
    assert luhn_sum(iccid) % 10 == 0


def batch(numbers: Iterable[int]) -> Provisioning:
    return Provisioning.model_validate(
        {
            "accounts": [{"id": "acme", "kind": "company"}, {"id": "d", "kind": "customer"}],
            "plans": [
                {"id": "f", "kind": "postpaid_individual", "included": 0, "recurring": 0, "overage": {"price": 0}},
                {"id": "w", "kind": "prepaid_individual"},
            ],
            "profiles": [
                {
                    "id": "car",
                    "splits": [
                        {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "fleet", "plan": "f"},
                        {"id": "wifi", "party": "b2c", "payer": "d", "apn": "wifi", "plan": "w"},
                    ],
                }
            ],
            "sims": [
                {
                    "imsi": f"00101{number:010}",
                    "iccid": complete_iccid(f"8999990{number:011}"),
                    "account": "acme",
                    "profile": "car",
                }
                for number in numbers
            ],
        }
    )


def test_parallel_provisioning_makes_unique_numbers_and_one_of_each_request() -> None:
    """Requests reach the engine one at a time, in any order and some of them twice: one process owns a store."""
    batches = {f"r{n}": batch(range(10 * n, 10 * n + 10)) for n in range(3)}
    with ThreadPoolExecutor(3) as pool:
        for order in permutations([*batches, "r0"]):
            engine = Engine("ocs", "test")
            commands = list(pool.map(lambda request: Provision(batches[request], request), order))
            changes = [change for now, command in enumerate(commands) for change in engine.apply(command, now).changes]
            virtual = [change for change in changes if change.mpc_imsi is not None]
            assert len(virtual) == 2 * 30
            assert len({change.mpc_imsi for change in virtual}) == len({change.mpc_iccid for change in virtual}) == 60
            assert len({change.change_id for change in changes}) == len(changes)
