"""A provisioning file against what is there: how they differ, what stands in the way, and the commands that do it.

The file says how what it names is to be; what it does not name stays. A SIM that is there keeps its numbers and its
place in the life cycle; its account, profile, payers and plans become those of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Profile, Split
from ocs.charging.commands import ChangePlan, ChangeProfile, Command, MoveSim, Provision
from ocs.charging.state import Service, State
from ocs.charging.wallet import clash
from ocs.files import FileModel
from ocs.inventory.lifecycle import SimState, Status
from ocs.inventory.provisioning import Account, Provisioning, Sim
from ocs.inventory.subscribers import Subscriber, Subscription

PART: int = 250
"""SIMs provisioned at once: a running OCS answers its clients between two parts."""


class Difference(msgspec.Struct, frozen=True):
    """Something that is new (`+`), or that becomes otherwise (`~`)."""

    sign: Literal["+", "~"]
    kind: Literal["operator", "account", "plan", "profile", "peer", "SIM"]
    id: str
    what: str = ""
    """Of what becomes otherwise: each field, with the value before and after."""

    def __str__(self) -> str:
        return f"{self.sign} {self.kind} {self.id}{': ' if self.what else ''}{self.what}"


class Changeset(msgspec.Struct, frozen=True):
    """What makes the inventory say what a file says."""

    differences: list[Difference]
    mistakes: list[str]
    """Why nothing is done."""
    stranded: list[str]
    """Services of open sessions that somebody else would pay for, or nobody."""
    commands: list[Command]
    """In order. Each has a request id of its own, made of that of the whole."""


def parts_of(wanted: Provisioning, size: int = PART) -> Iterator[Provisioning]:
    """The file in parts of `size` SIMs, each with all that it refers to; accounts that no SIM refers to come first."""
    accounts = {account.id: account for account in wanted.accounts}
    payers = [split.payer for profile in wanted.profiles for split in profile.splits if split.payer is not None]
    named = {name for sim in wanted.sims for name in (sim.account, *sim.payers.values())}
    alone = [name for name in accounts if name not in named]
    yield wanted.model_copy(update={"accounts": _with_above([*payers, *alone], accounts), "sims": ()})
    for first in range(0, len(wanted.sims), size):
        sims = wanted.sims[first : first + size]
        names = [*payers, *(name for sim in sims for name in (sim.account, *sim.payers.values()))]
        yield wanted.model_copy(update={"accounts": _with_above(names, accounts), "sims": sims})


def _with_above(names: Iterable[str], accounts: dict[str, Account]) -> tuple[Account, ...]:
    """Accounts, and those above them."""
    found: dict[str, Account] = {}
    for name in names:
        above: str | None = name
        while above is not None and above in accounts and above not in found:
            found[above] = accounts[above]
            above = accounts[above].parent
    return tuple(found.values())


def changeset(state: State, wanted: Provisioning, request_id: str, by: str = "", reason: str = "") -> Changeset:
    """How `state` differs from `wanted`, and what is to be done about it."""
    inventory = state.inventory
    differences = [*_differing("account", inventory.accounts, wanted.accounts)]
    differences += _differing("plan", inventory.plans, wanted.plans)
    differences += _differing("profile", inventory.profiles, wanted.profiles)
    differences += _differing("peer", inventory.peers, wanted.peers, "origin_host")
    profiles = inventory.profiles | {profile.id: profile for profile in wanted.profiles}
    plans = inventory.plans | {plan.id: plan for plan in wanted.plans}
    new: list[Sim] = []
    commands: list[Command] = []
    mistakes: list[str] = []
    stranded: list[str] = []
    for sim in wanted.sims:
        subscriber = inventory.by_imsi.get(sim.imsi)
        if subscriber is None:
            new.append(sim)
            differences.append(Difference("+", "SIM", sim.imsi))
            continue
        mistakes += _numbers_differ(subscriber, sim)
        profile = profiles.get(sim.profile) if sim.profile is not None else None
        if sim.profile is not None and (profile is None or any(_payer(s, sim) is None for s in profile.splits)):
            continue  # `mistakes` of the inventory tells it
        changed = _Changed(state, subscriber, sim, profile, plans)
        if changed.what:
            differences.append(Difference("~", "SIM", sim.imsi, ", ".join(changed.what)))
            commands += changed.commands(request_id, by, reason)
            stranded += changed.stranded()
            mistakes += changed.wrong
            if subscriber.state is SimState.RETIRED:
                mistakes.append(f"SIM {sim.imsi} is retired")
    if wanted.names_operator and wanted.operator != inventory.operator and inventory.by_imsi:
        name = wanted.operator.name
        differences.insert(0, Difference("~", "operator", name, _fields(inventory.operator, wanted.operator)))
    changing = {(item.kind, item.id) for item in differences}
    fresh = wanted.model_copy(
        update={
            "accounts": tuple(item for item in wanted.accounts if ("account", item.id) in changing),
            "plans": tuple(item for item in wanted.plans if ("plan", item.id) in changing),
            "profiles": tuple(item for item in wanted.profiles if ("profile", item.id) in changing),
            "peers": tuple(item for item in wanted.peers if ("peer", item.origin_host) in changing),
            "sims": tuple(new),
        }
    )
    mistakes = inventory.mistakes(wanted) + inventory.collisions(fresh) + mistakes
    if len(differences) > sum(item.sign == "~" and item.kind == "SIM" for item in differences):
        commands.insert(0, Provision(fresh, f"{request_id}/new", by, reason))
    return Changeset(differences, mistakes, stranded, commands)


def changed_sims(state: State, wanted: Provisioning) -> set[str]:
    """IMSIs of SIMs that are there otherwise than `wanted` says."""
    found = {item.id for item in changeset(state, wanted, "").differences if item.kind == "SIM" and item.sign == "~"}
    known = state.inventory.by_imsi
    return found | {s.imsi for s in wanted.sims if s.imsi in known and any(_numbers_differ(known[s.imsi], s))}


def _differing(
    kind: Literal["account", "plan", "profile", "peer"],
    known: dict[str, Any],
    wanted: Iterable[FileModel],
    key: str = "id",
) -> Iterator[Difference]:
    for item in wanted:
        name = getattr(item, key)
        if name not in known:
            yield Difference("+", kind, name)
        elif known[name] != item:
            yield Difference("~", kind, name, _fields(known[name], item))


def _fields(before: FileModel, after: FileModel) -> str:
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return ", ".join(
        f"{name} {_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)


def _numbers_differ(subscriber: Subscriber, sim: Sim) -> Iterator[str]:
    if subscriber.iccid != sim.iccid:
        yield f"SIM {sim.imsi} has ICCID {subscriber.iccid}, not {sim.iccid}: another card is another SIM"
    if subscriber.msisdn != sim.msisdn:
        yield f"SIM {sim.imsi} has MSISDN {subscriber.msisdn or 'none'}, not {sim.msisdn or 'none'}: it keeps that"


def _payer(split: Split, sim: Sim) -> str | None:
    return split.payer if split.payer is not None else sim.payers.get(split.id)


class _Changed:
    """A SIM that is there, and how the file wants it."""

    def __init__(
        self, state: State, subscriber: Subscriber, sim: Sim, profile: Profile | None, plans: Mapping[str, Plan]
    ) -> None:
        self._state, self._subscriber, self._sim, self._profile = state, subscriber, sim, profile
        self._held = {
            split_id: subscription
            for split_id, subscription in subscriber.subscriptions.items()
            if subscription.profile is not None
        }
        self._catalogue = plans
        self.wrong: list[str] = []
        self._plans: dict[str, str] = {}
        """Other plans, by split."""
        self._another_profile = False
        self.what = list(self._differences())

    def _differences(self) -> Iterator[str]:
        subscriber, sim, profile = self._subscriber, self._sim, self._profile
        if subscriber.account_id != sim.account:
            yield f"account {subscriber.account_id} -> {sim.account}"
        before = next((held.profile for held in self._held.values()), None)
        if _name(before) != _name(profile):
            self._another_profile = True
            yield f"profile {_name(before)} -> {_name(profile)}"
        for split in profile.splits if profile is not None else ():
            held, payer = self._held.get(split.id), _payer(split, sim)
            if held is not None and held.account_id != payer:
                self._another_profile = True
                yield f"payer of {split.id} {held.account_id} -> {payer}"
            elif held is not None and held.status is not Status.TERMINATED:
                yield from self._plan_differs(held, sim.plans.get(split.id, split.plan))
        own = subscriber.subscriptions.get("sim")
        if sim.plan is not None and own is not None:
            yield from self._plan_differs(own, sim.plan)

    def _plan_differs(self, held: Subscription, plan_id: str) -> Iterator[str]:
        planned = self._state.credits[held.subscription_id].next_plan or held.plan
        if planned.id != plan_id:
            plan = self._catalogue.get(plan_id)
            reason = clash(held.split.id, held.plan, plan) if plan is not None else None
            if reason is not None:
                self.wrong.append(f"SIM {self._sim.imsi}: {reason}")
            self._plans[held.split.id] = plan_id
            yield f"plan of {held.split.id} {planned.id} -> {plan_id}"

    def commands(self, request_id: str, by: str, reason: str) -> Iterator[Command]:
        """What makes it so."""
        sim, base = self._sim, f"{request_id}/{self._sim.imsi}"
        if self._subscriber.account_id != sim.account:
            yield MoveSim(sim.imsi, sim.account, f"{base}/account", by, reason)
        if self._another_profile:
            yield ChangeProfile(sim.imsi, sim.profile, sim.payers, sim.plans, f"{base}/profile", by, reason)
        for split_id, plan_id in self._plans.items():
            if split_id == "sim" or not self._another_profile:
                yield ChangePlan(sim.imsi, split_id, plan_id, f"{base}/{split_id}", by, reason)

    def stranded(self) -> Iterator[str]:
        """Services of open sessions that whoever pays for them now would not pay for any more."""
        if not self._another_profile:
            return
        for held in self._subscriber.subscriptions.values():
            for service in self._state.credits[held.subscription_id].services:
                after = self._pays(service)
                if service.session.unit == "octets" and after != held.account_id:
                    group = (
                        "no rating group" if service.rating_group is None else f"rating group {service.rating_group}"
                    )
                    yield (
                        f"session {service.session.session_id}: {group} on APN {service.session.apn} "
                        f"is paid by {held.account_id}, would be by {after or 'nobody'}"
                    )

    def _pays(self, service: Service) -> str | None:
        """Who would pay for a service of an open session."""
        profile, sim = self._profile, self._sim
        if profile is None:
            return sim.account
        splits = [split for split in profile.splits if split.apn == service.session.apn]
        named = [split for split in splits if service.rating_group in split.rating_groups]
        chosen = named or [split for split in splits if not split.rating_groups]
        return _payer(chosen[0], sim) if chosen else None


def _name(profile: Profile | None) -> str:
    return f"{profile.id} {profile.version}" if profile is not None else "none"
