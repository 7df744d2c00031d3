"""The provisioning file: what is sold and who has it. Scenarios include it; `splitsim serve` starts from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from ocs.catalogue import currency
from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Profile, Split
from ocs.files import FileError, FileModel, Mistake, Money, iana_zone, line_of, read_yaml, validate
from ocs.inventory.identifiers import complete_iccid


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

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        return currency.known(code)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return iana_zone(name)


class Account(FileModel):
    """Somebody who pays. Without a name, documents print one made from the account id."""

    id: Annotated[str, Field(min_length=1)]
    kind: Literal["company", "customer"]
    name: str | None = None
    address: tuple[str, ...] = ()


class Peer(FileModel):
    """What one Gy client understands, by its Origin-Host (real clients differ: see docs/connect-a-pgw.md)."""

    origin_host: Annotated[str, Field(min_length=1)]
    tariff_time_change: bool = False
    """Splits its report at a Tariff-Time-Change; others must end the session when they get one (RFC 8506 5.1.1)."""
    reauthorisation: bool = True
    """Understands RAR."""
    abort: bool = False
    """Understands ASR."""
    thresholds: bool = True
    """Understands the quota thresholds of TS 32.299."""
    graceful_final_units: bool = True
    """Understands redirect and restrict; others get terminate. Must be false where "no units" is read as "free"."""
    tolerate_vendors: tuple[int, ...] = ()
    """Vendors whose unknown M AVPs are skipped inside MSCC and Service-Information."""


class Sim(FileModel):
    """A physical SIM and, through its profile, its virtual ones."""

    imsi: Annotated[str, Field(pattern=r"^\d{6,15}$")]
    iccid: str
    msisdn: Annotated[str, Field(pattern=r"^\d{5,15}$")] | None = None
    account: str
    """The account that owns the SIM."""
    state: Literal["customer_inventory", "in_testing", "billing_ready", "in_billing"] = "in_billing"
    """Where its life cycle begins (`ocs.inventory.lifecycle`)."""
    profile: str | None = None
    """Absent: an ordinary SIM, rated as a whole by its own `plan`."""
    plan: str | None = None
    """The postpaid plan of the physical SIM: its SMS and calls, and all traffic of a SIM without profile.

    Absent: the plan of the profile's first b2b split.
    """
    payers: dict[str, str] = Field(default_factory=dict)
    """Payer account by split id, for splits that name none."""
    plans: dict[str, str] = Field(default_factory=dict)
    """Plan by split id, where it is not the split's own."""
    inactive: tuple[str, ...] = ()
    """B2C splits whose virtual SIM is Provisioned only: it, and its free quota, starts when somebody activates it."""

    @field_validator("iccid")
    @classmethod
    def _complete(cls, digits: str) -> str:
        return complete_iccid(digits)


class Provisioning(FileModel):
    """Accounts, plans, profiles and SIMs of one OCS."""

    operator: Operator = Operator()
    accounts: tuple[Account, ...] = ()
    plans: tuple[Plan, ...] = ()
    profiles: tuple[Profile, ...] = ()
    sims: tuple[Sim, ...] = ()
    peers: tuple[Peer, ...] = ()

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What the parts say against each other, as (location, message): unknown names, doubles, wrong pairings."""
        for field in ("accounts", "plans", "profiles"):
            yield from _doubles(field, [item.id for item in getattr(self, field)])
        yield from _doubles("peers", [peer.origin_host for peer in self.peers], "origin_host")
        accounts = {account.id for account in self.accounts}
        plans = {plan.id: plan for plan in self.plans}
        profiles = {profile.id: profile for profile in self.profiles}
        for number, profile in enumerate(self.profiles):
            for place, split in enumerate(profile.splits):
                at: tuple[str | int, ...] = ("profiles", number, "splits", place)
                if split.payer is not None and split.payer not in accounts:
                    yield (*at, "payer"), f"unknown account {split.payer!r}"
                if split.party == "b2b" and split.payer is None:
                    yield at, "a b2b split names its payer"
                yield from _pairing((*at, "plan"), split, split.plan, plans)
        for field in ("imsi", "iccid", "msisdn"):
            yield from _doubles("sims", [getattr(sim, field) for sim in self.sims], field)
        for number, sim in enumerate(self.sims):
            at = ("sims", number)
            if sim.account not in accounts:
                yield (*at, "account"), f"unknown account {sim.account!r}"
            if sim.plan is not None and sim.plan not in plans:
                yield (*at, "plan"), f"unknown plan {sim.plan!r}"
            elif sim.plan is not None and plans[sim.plan].kind == "prepaid_individual":
                yield (
                    (*at, "plan"),
                    f"{sim.plan!r} is a prepaid plan: it goes to a virtual SIM, not to the physical SIM",
                )
            if sim.profile is None:
                if sim.plan is None:
                    yield at, "a SIM has a profile, or a plan of its own"
                for field in ("payers", "plans"):
                    if getattr(sim, field):
                        yield (*at, field), "a SIM without a profile has no splits"
                continue
            sold = profiles.get(sim.profile)
            if sold is None:
                yield (*at, "profile"), f"unknown profile {sim.profile!r}"
                continue
            splits = {split.id: split for split in sold.splits}
            for field, by_split in (("payers", sim.payers), ("plans", sim.plans)):
                for split_id in by_split:
                    if split_id not in splits:
                        yield (*at, field, split_id), f"profile {sold.id!r} has no split {split_id!r}"
            for split_id, split in splits.items():
                payer = sim.payers.get(split_id)
                if payer is not None and split.payer is not None:
                    yield (*at, "payers", split_id), f"the profile already names the payer, {split.payer!r}"
                elif payer is None and split.payer is None:
                    yield (*at, "payers"), f"split {split_id!r} needs a payer"
                elif payer is not None and payer not in accounts:
                    yield (*at, "payers", split_id), f"unknown account {payer!r}"
                if split_id in sim.plans:
                    yield from _pairing((*at, "plans", split_id), split, sim.plans[split_id], plans)


def _doubles(field: str, names: list[str | None], key: str = "id") -> Iterator[tuple[tuple[str | int, ...], str]]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name is not None and name in seen:
            yield (field, number, key), f"{name!r} is used twice"
        elif name is not None:
            seen.add(name)


def _pairing(
    at: tuple[str | int, ...], split: Split, plan_id: str, plans: dict[str, Plan]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    plan = plans.get(plan_id)
    if plan is None:
        yield at, f"unknown plan {plan_id!r}"
    elif split.party == "b2c" and plan.kind != "prepaid_individual":
        yield at, f"{plan_id!r} is a postpaid plan: it goes to the physical SIM (a b2b split), not to a virtual SIM"
    elif split.party == "b2b" and plan.kind == "prepaid_individual":
        yield at, f"{plan_id!r} is a prepaid plan: it goes to a virtual SIM (a b2c split), not to the physical SIM"


def checked(provisioning: Provisioning, file: str, tree: Any, at: tuple[str | int, ...] = ()) -> Provisioning:
    """`provisioning` itself, when its parts agree; `at` is where it stands in the file's tree.

    Raises:
        FileError: every disagreement, with its line.
    """
    mistakes = [
        Mistake(file, line_of(tree, (*at, *where)), ".".join(map(str, (*at, *where))), message)
        for where, message in provisioning.problems()
    ]
    if mistakes:
        raise FileError(mistakes)
    return provisioning


def load_provisioning(path: Path) -> Provisioning:
    """The provisioning file at `path`.

    Raises:
        FileError: every mistake in it, with its line.
    """
    tree = read_yaml(path)
    return checked(validate(Provisioning, tree, str(path)), str(path), tree)
