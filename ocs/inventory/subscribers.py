"""Subscribers compiled for charging: SIM -> APN -> rating group -> the subscription that pays.

A subscription is one split of one SIM with its payer and its plan. That of a B2C split is a virtual SIM with a life
cycle of its own: Provisioned, Active, Exhausted, Suspended, Terminated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Profile, Split
from ocs.inventory.identifiers import mpc_iccid, mpc_imsi
from ocs.inventory.provisioning import Account, Operator, Peer, Provisioning, Sim


class Status(Enum):
    """Of a subscription, or (Active and Suspended only) of a physical SIM."""

    ACTIVE = "active"
    EXHAUSTED = "exhausted"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


@dataclass(slots=True, eq=False)
class Subscription:
    """One split of one SIM, or (`profile` None) the physical SIM itself: who pays, and by which plan."""

    subscription_id: str
    sim: Subscriber
    profile: Profile | None
    split: Split
    plan: Plan
    account_id: str
    mpc_imsi: str | None
    mpc_iccid: str | None
    status: Status = Status.ACTIVE

    @property
    def rating_imsi(self) -> str:
        """The identity that usage is rated on: the virtual SIM for B2C, the physical one for B2B."""
        return self.mpc_imsi if self.split.party == "b2c" and self.mpc_imsi is not None else self.sim.imsi


@dataclass(slots=True, eq=False)
class Route:
    """One APN of one SIM: which subscription pays for which rating group."""

    apn: str
    by_rating_group: dict[int, Subscription] = field(default_factory=dict)
    catch_all: Subscription | None = None
    subscriptions: list[Subscription] = field(default_factory=list)
    """All that can pay on this APN."""
    payers: frozenset[str] = frozenset()
    """The accounts that can pay on this APN."""
    any_consumer: bool = False
    """Whether a B2C split can pay on this APN."""
    sole: Subscription | None = None
    """The only subscription of this APN, if there is but one."""

    def add(self, subscription: Subscription) -> None:
        """Let `subscription` pay for the rating groups of its split."""
        if not subscription.split.rating_groups:
            self.catch_all = subscription
        for rating_group in subscription.split.rating_groups:
            self.by_rating_group[rating_group] = subscription
        self.subscriptions.append(subscription)
        self.sole = subscription if len(self.subscriptions) == 1 else None
        self.payers |= {subscription.account_id}
        self.any_consumer |= subscription.split.party == "b2c"

    def subscription(self, rating_group: int | None) -> Subscription | None:
        """Who pays for `rating_group`; without one, the catch-all if nobody else can pay; None if nobody does.

        There is no falling back to another payer.
        """
        if rating_group is not None:
            return self.by_rating_group.get(rating_group, self.catch_all)
        return self.catch_all if len(self.payers) == 1 else None


@dataclass(slots=True, eq=False)
class Subscriber:
    """A physical SIM with its subscriptions."""

    imsi: str
    iccid: str
    msisdn: str | None
    account_id: str
    provisioned_at: int
    status: Status = Status.ACTIVE
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By split id; that of the physical SIM itself as `sim`."""
    routes: dict[str, Route] = field(default_factory=dict)
    """By APN."""
    own_route: Route | None = None
    """The physical SIM itself: SMS and calls, and every APN where there is no profile."""
    has_profile: bool = True

    def route(self, apn: str) -> Route | None:
        """Who pays on `apn`; None if nobody does. There is no split look-up without a profile."""
        return self.routes.get(apn) if self.has_profile else self.own_route


@dataclass(slots=True)
class Inventory:
    """Everything provisioned so far."""

    operator: Operator = field(default_factory=Operator)
    accounts: dict[str, Account] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    by_imsi: dict[str, Subscriber] = field(default_factory=dict)
    by_msisdn: dict[str, Subscriber] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    """By Origin-Host; a client that is not listed is an ordinary one."""
    serial: int = 0
    """Of the virtual SIM provisioned last."""

    def conflicts(self, provisioning: Provisioning) -> list[str]:
        """Why `provisioning` cannot be added: what it says is there already, and says otherwise."""
        mistakes = []
        for kind, known, items in (
            ("account", self.accounts, provisioning.accounts),
            ("plan", self.plans, provisioning.plans),
            ("profile", self.profiles, provisioning.profiles),
        ):
            for item in items:
                if known.get(item.id, item) != item:
                    mistakes.append(f"{kind} {item.id!r} is there with other content")
        for sim in provisioning.sims:
            if sim.imsi in self.by_imsi:
                mistakes.append(f"SIM {sim.imsi} is there already")
            elif sim.msisdn is not None and sim.msisdn in self.by_msisdn:
                mistakes.append(f"MSISDN {sim.msisdn} belongs to SIM {self.by_msisdn[sim.msisdn].imsi}")
        return mistakes

    def add(self, provisioning: Provisioning, now: int) -> list[Subscriber]:
        """Take in a provisioning without conflicts; returns its SIMs."""
        if not self.by_imsi:
            self.operator = provisioning.operator
        self.accounts.update((account.id, account) for account in provisioning.accounts)
        self.plans.update((plan.id, plan) for plan in provisioning.plans)
        self.profiles.update((profile.id, profile) for profile in provisioning.profiles)
        self.peers.update((peer.origin_host, peer) for peer in provisioning.peers)
        return [self._add_sim(sim, now) for sim in provisioning.sims]

    def _add_sim(self, sim: Sim, now: int) -> Subscriber:
        subscriber = Subscriber(sim.imsi, sim.iccid, sim.msisdn, sim.account, now)
        self.by_imsi[sim.imsi] = subscriber
        if sim.msisdn is not None:
            self.by_msisdn[sim.msisdn] = subscriber
        self._add_own(subscriber, sim)
        if sim.profile is None:
            subscriber.has_profile = False
            return subscriber
        profile = self.profiles[sim.profile]
        for split in profile.splits:
            self.serial += 1
            plan = self.plans[sim.plans.get(split.id, split.plan)]
            payer = split.payer if split.payer is not None else sim.payers[split.id]
            identifiers = mpc_imsi(self.serial), mpc_iccid(self.serial)
            subscription = _subscription(subscriber, profile, split, plan, payer, *identifiers)
            subscriber.routes.setdefault(split.apn, Route(split.apn)).add(subscription)
        return subscriber

    def _add_own(self, subscriber: Subscriber, sim: Sim) -> None:
        """The subscription of the physical SIM itself, if some postpaid plan says what it costs."""
        plan_id, payer = sim.plan, sim.account
        if plan_id is None and sim.profile is not None:
            for split in self.profiles[sim.profile].splits:
                if split.party == "b2b":
                    plan_id, payer = sim.plans.get(split.id, split.plan), split.payer or sim.payers[split.id]
                    break
        if plan_id is not None:
            own = Split(id="sim", party="b2b", payer=payer, apn="*", plan=plan_id)
            subscriber.own_route = Route("*")
            subscriber.own_route.add(_subscription(subscriber, None, own, self.plans[plan_id], payer, None, None))


def _subscription(
    subscriber: Subscriber,
    profile: Profile | None,
    split: Split,
    plan: Plan,
    payer: str,
    imsi: str | None,
    iccid: str | None,
) -> Subscription:
    subscription_id = f"{subscriber.imsi}/{split.id}/1"
    subscription = Subscription(subscription_id, subscriber, profile, split, plan, payer, imsi, iccid)
    subscriber.subscriptions[split.id] = subscription
    return subscription
