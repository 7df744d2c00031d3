"""Subscribers compiled for charging: SIM -> APN -> rating group -> the subscription that pays.

A subscription is one split of one SIM with its payer. What it is sold as - profile, split and plan, each in a version -
are its terms, which may be replaced while it lives; another payer makes it another subscription. That of a B2C split
is a virtual SIM with a life cycle of its own: Provisioned, Active, Exhausted, Suspended, Terminated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from ocs.catalogue.grants import GrantRules, grant_rules
from ocs.catalogue.plans import Bundle, Plan, Postpaid
from ocs.catalogue.profiles import Profile, Split
from ocs.inventory.history import Change
from ocs.inventory.identifiers import mpc_iccid, mpc_imsi
from ocs.inventory.lifecycle import SimState, served
from ocs.inventory.lifecycle import Status as Status
from ocs.inventory.provisioning import Account, Operator, Peer, Provisioning, Sim
from ocs.units import MICROS


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What a subscription is sold as. They never change: new ones replace them, and running grants keep the old."""

    profile: Profile | None
    """None: the physical SIM itself."""
    split: Split
    plan: Plan
    rules: GrantRules = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", grant_rules(self.plan))


@dataclass(slots=True, eq=False)
class Subscription:
    """One split of one SIM, or the physical SIM itself: who pays, and by which terms."""

    subscription_id: str
    sim: Subscriber
    terms: Terms
    account_id: str
    mpc_imsi: str | None
    mpc_iccid: str | None
    rating_imsi: str
    """The identity that usage is rated on: the virtual SIM for B2C, the physical one for B2B."""
    status: Status = Status.ACTIVE
    changes: int = 0
    """How many records of its history there are."""

    @property
    def profile(self) -> Profile | None:
        """The profile that it is part of, in the version now in force."""
        return self.terms.profile

    @property
    def split(self) -> Split:
        """Its split, as now in force."""
        return self.terms.split

    @property
    def plan(self) -> Plan:
        """Its price plan, in the version now in force."""
        return self.terms.plan


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
    state: SimState = SimState.IN_BILLING
    returns_to: SimState = SimState.IN_BILLING
    """Where it goes from Suspended."""
    tested: int = 0
    """Octets of B2B traffic in testing."""
    changes: int = 0
    """How many records of its history there are."""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By split id; that of the physical SIM itself as `sim`."""
    routes: dict[str, Route] = field(default_factory=dict)
    """By APN, and by each of its aliases."""
    pays_itself: bool = False
    """Whether the account that owns it pays for the physical SIM, by a plan of the SIM's own."""
    own_route: Route | None = None
    """The physical SIM itself: SMS and calls, and every APN where there is no profile."""
    has_profile: bool = True
    former: list[Subscription] = field(default_factory=list)
    """Subscriptions that have ended: of splits taken away, of former payers."""

    @property
    def status(self) -> Status:
        """Whether it is served: Active, or not."""
        return served(self.state)

    def route(self, apn: str) -> Route | None:
        """Who pays on `apn`; None if nobody does. There is no split look-up without a profile."""
        return self.routes.get(apn) if self.has_profile else self.own_route

    def add_aliases(self, profile: Profile) -> None:
        """Let the aliases of its APNs lead where the APNs do."""
        self.routes.update((alias, self.routes[apn]) for alias, apn in profile.apn_aliases.items())

    def as_provisioned(self) -> Sim:
        """The SIM as a provisioning file would state it now."""
        splits = {split_id: s for split_id, s in self.subscriptions.items() if s.profile is not None}
        return Sim(
            imsi=self.imsi,
            iccid=self.iccid,
            msisdn=self.msisdn,
            account=self.account_id,
            profile=next((s.profile.id for s in splits.values() if s.profile is not None), None),
            plan=self.subscriptions["sim"].plan.id if "sim" in self.subscriptions else None,
            payers={split_id: s.account_id for split_id, s in splits.items() if s.split.payer is None},
            plans={split_id: s.plan.id for split_id, s in splits.items() if s.plan.id != s.split.plan},
        )


class Why(NamedTuple):
    """Who changes something, for what reason, by which request; all empty where it happens by itself."""

    by: str = ""
    reason: str = ""
    request_id: str = ""


NOBODY: Final = Why()


@dataclass(slots=True)
class Inventory:
    """Everything provisioned so far. `noted` collects the history until somebody takes it."""

    operator: Operator = field(default_factory=Operator)
    accounts: dict[str, Account] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    by_imsi: dict[str, Subscriber] = field(default_factory=dict)
    by_msisdn: dict[str, Subscriber] = field(default_factory=dict)
    by_iccid: dict[str, Subscriber] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    """By Origin-Host; a client that is not listed is an ordinary one."""
    serial: int = 0
    """Of the virtual SIM provisioned last."""
    why: Why = NOBODY
    """What is being done to it just now."""
    noted: list[Change] = field(default_factory=list)

    def note(self, subscription: Subscription, at: int) -> None:
        """Put into the history how a subscription stands since `at`."""
        subscription.changes += 1
        sim, profile, split, plan = subscription.sim, subscription.profile, subscription.split, subscription.plan
        self.noted.append(
            Change(
                f"{subscription.subscription_id}/{subscription.changes:06}", at, sim.imsi, sim.iccid, sim.msisdn,
                subscription.subscription_id, subscription.account_id, sim.account_id,
                profile.id if profile is not None else None, profile.version if profile is not None else None,
                split.id, split.party, plan.id, plan.version, subscription.mpc_imsi, subscription.mpc_iccid,
                (Status.ACTIVE if subscription.status is Status.EXHAUSTED else subscription.status).value, *self.why,
            )
        )  # fmt: skip

    def note_sim(self, subscriber: Subscriber, at: int) -> None:
        """Put into the history how a physical SIM stands since `at`."""
        subscriber.changes += 1
        self.noted.append(
            Change(
                f"{subscriber.imsi}/{subscriber.changes:06}", at, subscriber.imsi, subscriber.iccid, subscriber.msisdn,
                None, subscriber.account_id, subscriber.account_id, None, None, None, None, None, None, None, None,
                subscriber.state.value, *self.why,
            )
        )  # fmt: skip

    def move_sim(self, subscriber: Subscriber, state: SimState, at: int) -> None:
        """Put a physical SIM into another state (`ocs.inventory.lifecycle` says into which)."""
        if state is SimState.SUSPENDED and subscriber.state is not state:
            subscriber.returns_to = subscriber.state
        subscriber.state = state
        self.note_sim(subscriber, at)

    def set_status(self, subscription: Subscription, status: Status, at: int) -> None:
        """Put a subscription into another status, by hand."""
        subscription.status = status
        self.note(subscription, at)

    def set_terms(self, subscription: Subscription, terms: Terms, at: int) -> None:
        """Put other terms in force for what is granted from now on."""
        before = subscription.terms
        if (before.profile, before.split, before.plan) != (terms.profile, terms.split, terms.plan):
            subscription.terms = terms
            self.note(subscription, at)

    def traffic(self, subscription: Subscription, octets: int, at: int) -> None:
        """B2B traffic of a SIM that is not yet billed: it may start billing."""
        subscriber, plan = subscription.sim, subscription.plan
        if subscriber.state is SimState.IN_TESTING:
            subscriber.tested += octets
            if isinstance(plan, Postpaid) and subscriber.tested <= plan.test_allowance:
                return
            reason = "test allowance used up"
        elif subscriber.state is SimState.BILLING_READY:
            reason = "first B2B traffic"
        else:
            return
        self.why = Why(reason=reason)
        self.move_sim(subscriber, SimState.IN_BILLING, at)

    def conflicts(self, provisioning: Provisioning) -> list[str]:
        """Why `provisioning` cannot be added: what is wrong in it, and where it says otherwise than what is there.

        A plan or a profile may come again in a higher version.
        """
        return self.mistakes(provisioning) + self.collisions(provisioning)

    def collisions(self, provisioning: Provisioning) -> list[str]:
        """Where `provisioning` says otherwise than what is there, in all that cannot become otherwise."""
        mistakes = []
        if self.by_imsi and provisioning.names_operator:
            for name in ("time_zone", "cycle_day", "currency"):
                before, after = getattr(self.operator, name), getattr(provisioning.operator, name)
                if before != after:
                    mistakes.append(f"operator.{name}: {before!r} cannot become {after!r}: bills are made by it")
        for account in provisioning.accounts:
            there = self.accounts.get(account.id, account)
            if (there.kind, there.parent) != (account.kind, account.parent):
                under = f" under {there.parent!r}" if there.parent is not None else ""
                mistakes.append(f"account {account.id!r} is there as a {there.kind}{under}: it stays that")
        mistakes += _stale("plan", self.plans, provisioning.plans)
        mistakes += _stale("profile", self.profiles, provisioning.profiles)
        for sim in provisioning.sims:
            if sim.imsi in self.by_imsi:
                mistakes.append(f"SIM {sim.imsi} is there already")
            elif sim.iccid in self.by_iccid:
                mistakes.append(f"ICCID {sim.iccid} belongs to SIM {self.by_iccid[sim.iccid].imsi}")
            elif sim.msisdn is not None and sim.msisdn in self.by_msisdn:
                mistakes.append(f"MSISDN {sim.msisdn} belongs to SIM {self.by_msisdn[sim.msisdn].imsi}")
        return mistakes

    def mistakes(self, provisioning: Provisioning) -> list[str]:
        """What is wrong in `provisioning`, with what it refers to and is there already taken into account."""
        sims, profiles = provisioning.sims, list(provisioning.profiles)
        profiles += _missing(self.profiles, [sim.profile for sim in sims], profiles)
        splits = [split for profile in profiles for split in profile.splits]
        accounts: list[str | None] = [name for sim in sims for name in (sim.account, *sim.payers.values())]
        accounts += [split.payer for split in splits]
        accounts += [above for name in accounts for above in self._above(name)]
        accounts += [above for account in provisioning.accounts for above in self._above(account.parent)]
        plans = [name for sim in sims for name in (sim.plan, *sim.plans.values())]
        plans += [plan_id for name in accounts if name in self.accounts for plan_id in self.accounts[name].retail]
        plans += [plan_id for account in provisioning.accounts for plan_id in account.retail]
        whole = provisioning.model_copy(
            update={
                "profiles": tuple(profiles),
                "accounts": (
                    *provisioning.accounts,
                    *_missing(self.accounts, accounts, provisioning.accounts),
                ),
                "plans": (
                    *provisioning.plans,
                    *_missing(self.plans, plans + [split.plan for split in splits], provisioning.plans),
                ),
            }
        )
        return [f"{'.'.join(map(str, where))}: {message}" for where, message in whole.problems()]

    def price_micros(self, account_id: str, plan: Plan, bundle: Bundle) -> int:
        """What an account pays for a bundle: a reseller's customer, what the reseller asks."""
        for above in self._above(account_id):
            retail = self.accounts[above].retail.get(plan.id, {}).get(bundle.id)
            if retail is not None:
                return int(retail * MICROS)
        return int(bundle.price * MICROS)

    def _above(self, name: str | None) -> Iterator[str]:
        """An account that is there, and those above it."""
        while name is not None and name in self.accounts:
            yield name
            name = self.accounts[name].parent

    def peer(self, origin_host: str) -> Peer | None:
        """What is known of a client, whose name is compared without case (RFC 6733 4.3.1)."""
        return self.peers.get(origin_host.lower())

    def add(self, provisioning: Provisioning, now: int) -> list[Subscriber]:
        """Take in a provisioning without conflicts; returns its SIMs."""
        if not self.by_imsi or provisioning.names_operator:
            self.operator = provisioning.operator
        self.accounts.update((account.id, account) for account in provisioning.accounts)
        self.plans.update((plan.id, plan) for plan in provisioning.plans)
        self.profiles.update((profile.id, profile) for profile in provisioning.profiles)
        self.peers.update((peer.origin_host, peer) for peer in provisioning.peers)
        return [self._add_sim(sim, now) for sim in provisioning.sims]

    def _add_sim(self, sim: Sim, now: int) -> Subscriber:
        subscriber = Subscriber(sim.imsi, sim.iccid, sim.msisdn, sim.account, now, SimState(sim.state))
        self.by_imsi[sim.imsi] = self.by_iccid[sim.iccid] = subscriber
        if sim.msisdn is not None:
            self.by_msisdn[sim.msisdn] = subscriber
        self._add_own(subscriber, sim)
        if sim.profile is None:
            subscriber.has_profile = False
        else:
            profile = self.profiles[sim.profile]
            for split in profile.splits:
                payer = split.payer if split.payer is not None else sim.payers[split.id]
                subscription = self._add_split(subscriber, profile, split, sim, payer)
                subscriber.routes.setdefault(split.apn, Route(split.apn)).add(subscription)
            subscriber.add_aliases(profile)
        self.note_sim(subscriber, now)
        for subscription in subscriber.subscriptions.values():
            self.note(subscription, now)
        return subscriber

    def rearrange(self, subscriber: Subscriber, sim: Sim, now: int) -> tuple[list[Subscription], list[Subscription]]:
        """Give a SIM the splits and payers that `sim` says; returns the subscriptions that end, and those that begin.

        A split that stays with its payer keeps its subscription, under the terms of the new profile but still with its
        plan: when that changes is a question of charging. One that was terminated does not return: it begins anew.
        """
        profile = self.profiles[sim.profile] if sim.profile is not None else None
        before, began = subscriber.subscriptions, []
        wanted = {
            split.id: (split, split.payer or sim.payers[split.id]) for split in (profile.splits if profile else ())
        }
        kept = {
            split_id: subscription
            for split_id, subscription in before.items()
            if split_id == "sim"
            or (
                split_id in wanted
                and subscription.account_id == wanted[split_id][1]
                and subscription.split.party == wanted[split_id][0].party
                and subscription.status is not Status.TERMINATED
            )
        }
        ended = [subscription for split_id, subscription in before.items() if split_id not in kept]
        for subscription in ended:
            if subscription.status is not Status.TERMINATED:
                self.set_status(subscription, Status.TERMINATED, now)
        subscriber.former += ended
        subscriber.subscriptions, subscriber.routes = kept, {}
        subscriber.has_profile = profile is not None
        for split_id, (split, payer) in wanted.items():
            assert profile is not None
            if split_id in kept:
                subscription = kept[split_id]
                self.set_terms(subscription, Terms(profile, split, subscription.plan), now)
            else:
                subscription = self._add_split(subscriber, profile, split, sim, payer)
                self.note(subscription, now)
                began.append(subscription)
            subscriber.routes.setdefault(split.apn, Route(split.apn)).add(subscription)
        if profile is not None:
            subscriber.add_aliases(profile)
        return ended, began

    def hand_over(
        self, subscriber: Subscriber, account_id: str, now: int
    ) -> tuple[list[Subscription], list[Subscription]]:
        """Give a SIM to another account; returns subscriptions that end and begin, like `rearrange`.

        Its splits keep their payers. What the owner pays for itself, the physical SIM, ends and begins anew.
        """
        subscriber.account_id = account_id
        self.note_sim(subscriber, now)
        own = subscriber.subscriptions.get("sim")
        moves = own is not None and subscriber.pays_itself and own.account_id != account_id
        for subscription in subscriber.subscriptions.values():
            if subscription is not own or not moves:
                self.note(subscription, now)
        if own is None or not moves:
            return [], []
        if own.status is not Status.TERMINATED:
            self.set_status(own, Status.TERMINATED, now)
        subscriber.former.append(own)
        split = own.split.model_copy(update={"payer": account_id})
        subscriber.own_route = Route("*")
        began = _subscription(subscriber, None, split, own.plan, account_id, None, None)
        subscriber.own_route.add(began)
        self.note(began, now)
        return [own], [began]

    def _add_split(self, subscriber: Subscriber, profile: Profile, split: Split, sim: Sim, payer: str) -> Subscription:
        self.serial += 1
        plan = self.plans[sim.plans.get(split.id, split.plan)]
        subscription = _subscription(
            subscriber, profile, split, plan, payer, mpc_imsi(self.serial), mpc_iccid(self.serial)
        )  # fmt: skip
        if split.id in sim.inactive:
            subscription.status = Status.PROVISIONED
        return subscription

    def _add_own(self, subscriber: Subscriber, sim: Sim) -> None:
        """The subscription of the physical SIM itself, if some postpaid plan says what it costs."""
        plan_id, payer = sim.plan, sim.account
        subscriber.pays_itself = plan_id is not None
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
    number = 1 + sum(former.split.id == split.id for former in subscriber.former)
    rated_on = imsi if split.party == "b2c" and imsi is not None else subscriber.imsi
    subscription = Subscription(
        f"{subscriber.imsi}/{split.id}/{number}", subscriber, Terms(profile, split, plan), payer, imsi, iccid, rated_on
    )
    subscriber.subscriptions[split.id] = subscription
    return subscription


T = TypeVar("T", Account, Plan, Profile)


def _missing(known: dict[str, T], names: Iterable[str | None], present: Iterable[T]) -> list[T]:
    """Those of `known` that are named but not `present`."""
    there = {item.id for item in present}
    return [known[name] for name in dict.fromkeys(names) if name in known and name not in there]


V = TypeVar("V", Plan, Profile)


def _stale(kind: str, known: dict[str, V], items: Iterable[V]) -> list[str]:
    """A mistake for each of `items` that is there with other content in the same version, or in a higher one."""
    return [
        f"{kind} {item.id!r} is there in version {present.version} with other content"
        for item in items
        if (present := known.get(item.id, item)) != item and item.version <= present.version
    ]
