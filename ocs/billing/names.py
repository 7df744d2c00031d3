"""Names and addresses for payers who have none: the same for the same account, whoever prints, whenever.

Needs the extra `report`. The generator is seeded by the account's id alone, so that a payer is called the same whatever
else is printed, on whatever machine.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from faker import Faker


def invent(account_id: str, kind: Literal["company", "customer"]) -> tuple[str, tuple[str, ...]]:
    """Name and address lines of an account."""
    faker = _faker()
    faker.seed_instance(int.from_bytes(sha256(account_id.encode()).digest()[:8]))
    name = faker.company() if kind == "company" else f"{faker.first_name()} {faker.last_name()}"
    return name, (faker.street_address(), f"{faker.postcode()} {faker.city()}", "Germany")


@cache
def _faker() -> Faker:
    from faker import Faker

    return Faker("de_DE")
