"""What the operator's desk shows: SIMs with their subscriptions, and what is left of each bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ocs.charging.state import State
from ocs.inventory.subscribers import Subscriber
from ocs.units import iso


class SimRow(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription: a split of a SIM, or the physical SIM itself (`split` "sim")."""

    imsi: str
    iccid: str
    account: str
    """Who owns the SIM."""
    sim_state: str
    sim_status: str
    profile: str | None
    """With its version; None: the physical SIM itself."""
    split: str
    party: str
    payer: str
    apn: str
    rating_groups: list[int]
    plan: str
    status: str
    mpc_imsi: str | None
    mpc_iccid: str | None
    open_sessions: int


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription's credit in octets; None for a plan without an allowance online: its EDRs tell its use."""

    subscription_id: str
    imsi: str
    split: str
    payer: str
    plan: str
    status: str
    reserved: int | None
    remaining: int | None
    buckets: list[str]
    """`id: remaining octets, end`, in drawing order."""


def sims(state: State, imsi: str | None = None) -> Iterator[SimRow]:
    """Every subscription, or those of one SIM, in the order of provisioning."""
    for subscriber in _chosen(state, imsi):
        for split_id, subscription in subscriber.subscriptions.items():
            credit = state.credits.get(subscription.subscription_id)
            yield SimRow(
                imsi=subscriber.imsi,
                iccid=subscriber.iccid,
                account=subscriber.account_id,
                sim_state=subscriber.state.value,
                sim_status=subscriber.status.value,
                profile=f"{subscription.profile.id} {subscription.profile.version}" if subscription.profile else None,
                split=split_id,
                party=subscription.split.party,
                payer=subscription.account_id,
                apn=subscription.split.apn,
                rating_groups=list(subscription.split.rating_groups),
                plan=subscription.plan.id,
                status=subscription.status.value,
                mpc_imsi=subscription.mpc_imsi,
                mpc_iccid=subscription.mpc_iccid,
                open_sessions=len({service.session.session_id for service in credit.services}) if credit else 0,
            )


def _chosen(state: State, imsi: str | None) -> Iterable[Subscriber]:
    if imsi is None:
        return state.inventory.by_imsi.values()
    found = state.inventory.by_imsi.get(imsi)
    return [found] if found is not None else []


def usage(state: State, imsi: str | None = None) -> Iterator[UsageRow]:
    """Credit of every subscription, or of those of one SIM, the former ones too."""
    credits = state.credits
    if imsi is not None:
        held = [s for one in _chosen(state, imsi) for s in (*one.subscriptions.values(), *one.former)]
        credits = {s.subscription_id: credits[s.subscription_id] for s in held}
    for subscription_id, credit in credits.items():
        subscription, purse = credit.subscription, credit.purse
        yield UsageRow(
            subscription_id=subscription_id,
            imsi=subscription_id.split("/")[0],
            split=subscription.split.id,
            payer=subscription.account_id,
            plan=subscription.plan.id,
            status=subscription.status.value,
            reserved=None if purse is None else purse.reserved,
            remaining=None if purse is None else purse.free,
            buckets=[] if purse is None else [_bucket(b.bucket_id, b.remaining, b.ends_at) for b in purse.buckets],
        )


def _bucket(bucket_id: str, remaining: int, ends_at: int | None) -> str:
    end = "not started" if ends_at is None else f"until {iso(ends_at)[:19]}Z"
    return f"{bucket_id}: {remaining:,} octets {end}"
