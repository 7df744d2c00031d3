"""The operator and the accounts under it: a tree, in which the kind of an account says what may stand above it.

    CSP (the operator) > company > account > sub-account       enterprises: they own SIMs and pay for B2B splits
                       > reseller > customer                   drivers: they pay for B2C splits
                       > customer                              drivers who deal with the operator itself

An account without `parent` stands directly under the operator. A reseller sells prepaid bundles at its own price.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from ocs.catalogue import currency
from ocs.catalogue.plans import Plan, PrepaidIndividual
from ocs.catalogue.profiles import Party
from ocs.files import FileModel, Money, iana_zone

Kind = Literal["csp", "company", "account", "sub_account", "reseller", "customer"]
Where = tuple[str | int, ...]
"""A place in a provisioning file."""
Problem = tuple[Where, str]
"""Where in a provisioning file something is wrong, and what."""

_ABOVE: Final[dict[Kind, tuple[Kind | None, ...]]] = {
    "csp": (None,),
    "company": (None, "csp"),
    "account": ("company",),
    "sub_account": ("account",),
    "reseller": (None, "csp"),
    "customer": (None, "csp", "reseller"),
}
"""What may stand above an account; None: nothing but the operator."""


class Costs(FileModel):
    """What service costs the operator itself, so that margin means something."""

    sim: Annotated[Money, Field(ge=0)] = Decimal(0)
    """Monthly, of each physical SIM in billing."""
    activation: Annotated[Money, Field(ge=0)] = Decimal(0)
    """Once, of each physical SIM."""
    traffic: dict[str, Annotated[Money, Field(ge=0)]] = Field(default_factory=dict)
    """Of a MB (10^6 octets), by zone; `*` for every zone that is not listed."""


class Operator(FileModel):
    """The CSP that runs the OCS and writes the documents."""

    name: str = "Demo Mobile"
    address: tuple[str, ...] = ("1 Exchange Square", "10115 Berlin", "Germany")
    vat_id: str = "DE000000000"
    iban: str = "DE00 0000 0000 0000 0000 00"
    time_zone: str = "Europe/Berlin"
    cycle_day: Annotated[int, Field(ge=1, le=28)] = 1
    currency: str = "EUR"
    """ISO 4217; amounts have as many decimal places as its minor unit."""
    vat_percent: Annotated[Money, Field(ge=0, le=100)] = Field(default="19", validate_default=True)
    consumer_prices_include_vat: bool = True
    costs: Costs = Costs()
    session_failover: bool = False
    """Another OCS takes over this one's journal when it dies: sessions may go on there (RFC 8506 8.4)."""

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        return currency.known(code)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return iana_zone(name)


class Account(FileModel):
    """Somebody who pays, or stands above those who do. Without a name, documents print one made from the id."""

    id: Annotated[str, Field(min_length=1)]
    kind: Kind
    parent: str | None = None
    name: str | None = None
    address: tuple[str, ...] = ()
    vat_id: str = ""
    iban: str = ""
    retail: dict[str, dict[str, Annotated[Money, Field(ge=0)]]] = Field(default_factory=dict)
    """Of a reseller: its prices, by plan and bundle; what is not listed it sells at the operator's."""


def pays_for(account: Account, party: Party) -> bool:
    """Whether an account of this kind may pay for a split of this party."""
    return account.kind == "customer" if party == "b2c" else account.kind in ("company", "account", "sub_account")


def account_problems(accounts: Iterable[Account], plans: Mapping[str, Plan]) -> Iterator[Problem]:
    """What accounts say against each other, and against the plans."""
    accounts = list(accounts)
    known = {account.id: account for account in accounts}
    for number, account in enumerate(accounts):
        at: Where = ("accounts", number)
        above = known.get(account.parent) if account.parent is not None else None
        if account.parent is not None and above is None:
            yield (*at, "parent"), f"unknown account {account.parent!r}"
        elif above is not None and _leads_back(account, known):
            yield (*at, "parent"), f"account {account.id!r} stands above itself"
        elif (above.kind if above is not None else None) not in _ABOVE[account.kind]:
            expected = " or ".join(kind for kind in _ABOVE[account.kind] if kind is not None) or "no parent"
            found = f"the {above.kind} {above.id!r}" if above is not None else "nothing"
            yield (*at, "parent"), f"above a {account.kind} stands {expected}, not {found}"
        if account.retail and account.kind != "reseller":
            yield (*at, "retail"), "only a reseller has prices of its own"
            continue
        for plan_id, prices in account.retail.items():
            yield from _retail_problems((*at, "retail", plan_id), plans.get(plan_id), plan_id, prices)


def _retail_problems(at: Where, plan: Plan | None, plan_id: str, prices: Mapping[str, Decimal]) -> Iterator[Problem]:
    if not isinstance(plan, PrepaidIndividual):
        yield at, f"unknown plan {plan_id!r}" if plan is None else f"{plan_id!r} is no prepaid plan"
        return
    for bundle_id, price in prices.items():
        bundle = plan.bundle(bundle_id)
        if bundle is None:
            yield (*at, bundle_id), f"plan {plan_id!r} sells no bundle {bundle_id!r}"
        elif price < bundle.wholesale_price:
            yield (*at, bundle_id), f"{price} is below the wholesale price, {bundle.wholesale_price}"


def _leads_back(account: Account, known: Mapping[str, Account]) -> bool:
    seen, above = {account.id}, account.parent
    while above is not None and above in known:
        if above in seen:
            return above == account.id
        seen.add(above)
        above = known[above].parent
    return False
