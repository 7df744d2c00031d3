"""The provisioning file: what is sold and who has it. Scenarios include it; `splitsim serve` starts from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, field_validator

from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Profile, Split
from ocs.files import FileError, FileModel, Mistake, in_order, line_of, read_whole, read_yaml
from ocs.inventory.accounts import Account as Account
from ocs.inventory.accounts import Operator as Operator
from ocs.inventory.accounts import Problem, Where, account_problems, pays_for
from ocs.inventory.identifiers import MPC_PREFIX, complete_iccid


class Peer(FileModel):
    """What one Gy client understands, by its Origin-Host (real clients differ: see docs/connect-a-pgw.md)."""

    origin_host: Annotated[str, Field(min_length=1), AfterValidator(str.lower)]
    """In any case; kept in lower case."""
    units: tuple[Literal["octets", "seconds", "units"], ...] = ("octets", "seconds", "units")
    """What it can be granted; service that is counted otherwise is refused (4010)."""
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
    """Not one of the numbers that are kept for virtual SIMs."""
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

    @field_validator("imsi")
    @classmethod
    def _not_virtual(cls, digits: str) -> str:
        if digits.startswith(MPC_PREFIX):
            raise ValueError(f"numbers from {MPC_PREFIX} on are kept for virtual SIMs")
        return digits

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

    @property
    def names_operator(self) -> bool:
        """Whether it says anything about the operator; else whoever is there stays as they are."""
        return self.operator != Operator()

    def problems(self) -> Iterator[Problem]:
        """What the parts say against each other, as (location, message): unknown names, doubles, wrong pairings."""
        for field in ("accounts", "plans", "profiles"):
            yield from _doubles(field, [item.id for item in getattr(self, field)])
        yield from _doubles("peers", [peer.origin_host for peer in self.peers], "origin_host")
        for field in ("imsi", "iccid", "msisdn"):
            yield from _doubles("sims", [getattr(sim, field) for sim in self.sims], field)
        known = _Known(
            {account.id: account for account in self.accounts},
            {plan.id: plan for plan in self.plans},
            {profile.id: profile for profile in self.profiles},
        )
        yield from account_problems(self.accounts, known.plans)
        for number, profile in enumerate(self.profiles):
            for place, split in enumerate(profile.splits):
                yield from _split_problems(("profiles", number, "splits", place), split, known)
        for number, sim in enumerate(self.sims):
            yield from _sim_problems(("sims", number), sim, known)


class _Known(NamedTuple):
    """What names refer to."""

    accounts: dict[str, Account]
    plans: dict[str, Plan]
    profiles: dict[str, Profile]


def _split_problems(at: Where, split: Split, known: _Known) -> Iterator[Problem]:
    if split.payer is not None:
        yield from _payer_problems((*at, "payer"), split, split.payer, known)
    elif split.party == "b2b":
        yield at, "a b2b split names its payer"
    if split.fee and split.party == "b2c":
        yield (*at, "fee"), "only a b2b split has a fee: nothing of it goes on a driver's statement"
    yield from _pairing((*at, "plan"), split, split.plan, known.plans)


def _sim_problems(at: Where, sim: Sim, known: _Known) -> Iterator[Problem]:
    owner = known.accounts.get(sim.account)
    if owner is None:
        yield (*at, "account"), f"unknown account {sim.account!r}"
    elif owner.kind == "reseller":
        yield (*at, "account"), f"{sim.account!r} is a reseller: it sells plans and owns no SIM"
    if sim.plan is not None and sim.plan not in known.plans:
        yield (*at, "plan"), f"unknown plan {sim.plan!r}"
    elif sim.plan is not None and known.plans[sim.plan].kind == "prepaid_individual":
        yield (*at, "plan"), f"{sim.plan!r} is a prepaid plan: it goes to a virtual SIM, not to the physical SIM"
    if sim.profile is None:
        if sim.plan is None:
            yield at, "a SIM has a profile, or a plan of its own"
        for field in ("payers", "plans", "inactive"):
            if getattr(sim, field):
                yield (*at, field), "a SIM without a profile has no splits"
        return
    sold = known.profiles.get(sim.profile)
    if sold is None:
        yield (*at, "profile"), f"unknown profile {sim.profile!r}"
        return
    splits = {split.id: split for split in sold.splits}
    for field, names in (("payers", sim.payers), ("plans", sim.plans)):
        for split_id in names:
            if split_id not in splits:
                yield (*at, field, split_id), f"profile {sold.id!r} has no split {split_id!r}"
    for number, split_id in enumerate(sim.inactive):
        if split_id not in splits or splits[split_id].party != "b2c":
            yield (*at, "inactive", number), f"profile {sold.id!r} has no b2c split {split_id!r}"
    for split_id, split in splits.items():
        payer = sim.payers.get(split_id)
        if payer is not None and split.payer is not None:
            yield (*at, "payers", split_id), f"the profile already names the payer, {split.payer!r}"
        elif payer is None and split.payer is None:
            yield (*at, "payers"), f"split {split_id!r} needs a payer"
        elif payer is not None:
            yield from _payer_problems((*at, "payers", split_id), split, payer, known)
        if split_id in sim.plans:
            yield from _pairing((*at, "plans", split_id), split, sim.plans[split_id], known.plans)


def _payer_problems(at: Where, split: Split, payer: str, known: _Known) -> Iterator[Problem]:
    account = known.accounts.get(payer)
    if account is None:
        yield at, f"unknown account {payer!r}"
    elif not pays_for(account, split.party):
        expected = "a customer" if split.party == "b2c" else "a company, an account or a sub_account"
        yield at, f"{payer!r} is a {account.kind}: {expected} pays for a {split.party} split"


def _doubles(field: str, names: list[str | None], key: str = "id") -> Iterator[Problem]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name is not None and name in seen:
            yield (field, number, key), f"{name!r} is used twice"
        elif name is not None:
            seen.add(name)


def _pairing(at: Where, split: Split, plan_id: str, plans: dict[str, Plan]) -> Iterator[Problem]:
    plan = plans.get(plan_id)
    if plan is None:
        yield at, f"unknown plan {plan_id!r}"
    elif split.party == "b2c" and plan.kind != "prepaid_individual":
        yield at, f"{plan_id!r} is a postpaid plan: it goes to the physical SIM (a b2b split), not to a virtual SIM"
    elif split.party == "b2b" and plan.kind == "prepaid_individual":
        yield at, f"{plan_id!r} is a prepaid plan: it goes to a virtual SIM (a b2c split), not to the physical SIM"


def checked(provisioning: Provisioning, file: str, tree: Any, at: Where = ()) -> Provisioning:
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
        FileError: every mistake in it, with its line, in order of lines.
    """
    mistakes: list[Mistake] = []
    provisioning = read_whole(Provisioning, read_yaml(path), str(path), mistakes, set())
    if mistakes or provisioning is None:
        raise FileError(in_order(mistakes))
    return provisioning
