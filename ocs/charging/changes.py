"""What changes under open sessions: plans, prices, profiles, payers.

Usage settles under what was in force when its grant was given; only new grants use the new. Services that hold units
given under the old are re-authorised, each by its rating group, and no others.
"""

from __future__ import annotations

from ocs.balances.purse import Purse
from ocs.catalogue.plans import Bundle, Plan, Postpaid, PrepaidIndividual
from ocs.charging.commands import ChangePlan, ChangeProfile, MoveSim, Outcome, Receipt
from ocs.charging.reauthorisation import has_units, reauthorise
from ocs.charging.state import Credit, Due, State, jitter
from ocs.charging.wallet import clash
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.inventory.subscribers import Status, Subscriber, Subscription, Terms
from ocs.units import DAY, SECOND


def begin(state: State, subscription: Subscription, now: int, out: Outcome) -> None:
    """A subscription starts: its purse, what it gets free, its limit for what is left of the billing cycle."""
    plan = subscription.plan
    credit = Credit(subscription, None)
    state.credits[subscription.subscription_id] = credit
    if isinstance(plan, PrepaidIndividual):
        queued = plan.top_up_mode == "queue"
        operator = state.inventory.operator
        credit.purse = Purse(subscription.subscription_id, subscription.account_id, queued, least=plan.least)
        credit.purse.cycles = operator.time_zone, operator.cycle_day
        if subscription.status is not Status.PROVISIONED:
            activate(state, credit, now, out)
    elif plan.limit is not None:
        renew_limit(state, credit, plan.limit, now, out)


def activate(state: State, credit: Credit, now: int, out: Outcome) -> None:
    """A virtual SIM becomes Active: what its plan gives free begins."""
    plan = credit.subscription.plan
    if isinstance(plan, PrepaidIndividual) and credit.purse is not None:
        if plan.free_quota is not None:
            credit.purse.credit(plan.free_quota, now, "free_quota", 0, out.transfers)
        state.moved(credit)


def renew_limit(state: State, credit: Credit, limit_octets: int, now: int, out: Outcome) -> None:
    """A per-SIM limit is an allowance of the billing cycle that costs nothing."""
    subscription = credit.subscription
    if credit.purse is None:
        credit.purse = Purse(subscription.subscription_id, subscription.account_id, queued=True)
    cycle = state.cycle_at(now)
    bundle = Bundle(id="limit", volume=limit_octets, valid=DAY // SECOND)
    credit.purse.credit(bundle, now, f"limit {cycle.id}", 0, out.transfers, ends_at=cycle.end)
    state.moved(credit)


def change_plan(state: State, command: ChangePlan, now: int, out: Outcome) -> Receipt:
    """Another plan for one split of a SIM."""
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    subscriber = state.inventory.by_imsi.get(command.imsi)
    subscription = subscriber.subscriptions.get(command.split_id) if subscriber is not None else None
    if subscriber is None or subscription is None:
        return Receipt("", f"no split {command.split_id!r} of a SIM {command.imsi}")
    if subscription.status is Status.TERMINATED:
        return Receipt("", f"split {command.split_id!r} is terminated")
    sim = subscriber.as_provisioned()
    if command.split_id == "sim":
        wanted = sim.model_copy(update={"plan": command.plan_id})
    else:
        wanted = sim.model_copy(update={"plans": sim.plans | {command.split_id: command.plan_id}})
    mistakes = _mistakes(state, wanted)
    if mistakes:
        return Receipt("", mistakes)
    plan = state.inventory.plans[command.plan_id]
    reason = clash(command.split_id, subscription.plan, plan)
    if reason is not None:
        return Receipt("", reason)
    adopt_plan(state, state.credits[subscription.subscription_id], plan, now, out)
    return done(state, command.request_id, f"{subscription.subscription_id} {plan.id} {plan.version}")


def change_profile(state: State, command: ChangeProfile, now: int, out: Outcome) -> Receipt:
    """Another profile, or other payers. Open services go on with whoever pays for their rating group from now on."""
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    subscriber = state.inventory.by_imsi.get(command.imsi)
    if subscriber is None:
        return Receipt("", f"no SIM {command.imsi}")
    sim = subscriber.as_provisioned().model_copy(
        update={"profile": command.profile_id, "payers": command.payers, "plans": command.plans}
    )
    mistakes = _mistakes(state, sim)
    if mistakes:
        return Receipt("", mistakes)
    for split_id, plan_id in command.plans.items():
        held = subscriber.subscriptions.get(split_id)
        reason = clash(split_id, held.plan, state.inventory.plans[plan_id]) if held is not None else None
        if reason is not None:
            return Receipt("", reason)
    ended, began = state.inventory.rearrange(subscriber, sim, now)
    for subscription in began:
        begin(state, subscription, now, out)
    for subscription in subscriber.subscriptions.values():
        if subscription.profile is not None and subscription not in began:
            plan = state.inventory.plans[sim.plans.get(subscription.split.id, subscription.split.plan)]
            adopt_plan(state, state.credits[subscription.subscription_id], plan, now, out)
    _repoint(state, subscriber, ended, now, out)
    return done(state, command.request_id, f"{command.imsi} {command.profile_id or 'without a profile'}")


def move_sim(state: State, command: MoveSim, now: int, out: Outcome) -> Receipt:
    """Another account owns the SIM. Messages and calls go on under whoever pays for them now."""
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    subscriber = state.inventory.by_imsi.get(command.imsi)
    if subscriber is None:
        return Receipt("", f"no SIM {command.imsi}")
    if subscriber.status is Status.TERMINATED:
        return Receipt("", f"SIM {command.imsi} is retired")
    mistakes = _mistakes(state, subscriber.as_provisioned().model_copy(update={"account": command.account_id}))
    if mistakes:
        return Receipt("", mistakes)
    ended, began = state.inventory.hand_over(subscriber, command.account_id, now)
    for subscription in began:
        begin(state, subscription, now, out)
    _repoint(state, subscriber, ended, now, out)
    return done(state, command.request_id, f"{command.imsi} {command.account_id}")


def _repoint(state: State, subscriber: Subscriber, ended: list[Subscription], now: int, out: Outcome) -> None:
    """Let every open service draw on who pays for it now, and ask for a report where that is somebody else."""
    former = [
        state.credits[subscription.subscription_id] for subscription in (*subscriber.subscriptions.values(), *ended)
    ]
    for credit in former:
        for service in list(credit.services):
            route = service.session.route
            payer = route.subscription(service.rating_group) if route is not None else None
            if payer is credit.subscription:
                continue
            if payer is not None:
                del credit.services[service]
                credit.waiting.pop(service, None)
                service.credit = state.credits[payer.subscription_id]
                service.credit.services[service] = None
            if service.refused is not None or (service.grant is not None and not service.grant.ended):
                reauthorise(state, service, now, out, changed=True)


def adopt_plan(state: State, credit: Credit, plan: Plan, now: int, out: Outcome, paced: bool = False) -> None:
    """Move to another plan or version: a prepaid one at once, a postpaid one with the cycle if billing has started.

    `paced`: the change concerns many, so RARs go out over a while.
    """
    credit.next_plan = plan if plan != credit.subscription.plan else None
    credit.next_why = state.inventory.why
    if credit.next_plan is None:
        return
    if isinstance(plan, PrepaidIndividual) or not credit.in_use:
        switch_plan(state, credit, now, out, paced)
    else:
        state.schedule(state.cycle_at(now).end, Due.PLAN_CHANGE, credit)


def switch_plan(state: State, credit: Credit, now: int, out: Outcome, paced: bool) -> None:
    """Put the next plan in force: what is granted from now on is granted under it."""
    plan, subscription, purse = credit.next_plan, credit.subscription, credit.purse
    if plan is None:
        return
    credit.next_plan = None
    state.inventory.why = credit.next_why
    state.inventory.set_terms(subscription, Terms(subscription.profile, subscription.split, plan), now)
    if isinstance(plan, Postpaid):
        if purse is not None:
            for bucket in list(purse.buckets):
                purse.end(bucket, now, out.transfers)
        if plan.limit is not None:
            renew_limit(state, credit, plan.limit, now, out)
        else:
            credit.purse = None
            if subscription.status is Status.EXHAUSTED:
                subscription.status = Status.ACTIVE
    elif purse is not None:
        purse.set_queued(plan.top_up_mode == "queue", now)
        purse.least = plan.least
        state.moved(credit)
    # At a cycle's end most grants end by themselves (`quota`); a client that splits its report there goes on.
    cycle_begins = now == state.cycle_at(now).start
    for service in credit.services:
        grant, delay = service.grant, jitter(service.session.session_id)
        if service in credit.waiting:
            if paced:
                state.schedule(now + delay, Due.OFFER, service)
            elif has_units(credit):
                reauthorise(state, service, now, out, changed=True)
        elif grant is None or grant.ended or (cycle_begins and grant.switches_at is None):
            continue
        elif paced:
            state.schedule(now + delay, Due.REPORT_MISSING, (service, grant))
        else:
            reauthorise(state, service, now, out, changed=True)


def _mistakes(state: State, sim: Sim) -> str:
    return "; ".join(state.inventory.mistakes(Provisioning(sims=(sim,))))


def done(state: State, request_id: str, reference: str) -> Receipt:
    """An operator's request is done: the same one again gets the same receipt."""
    state.requests[request_id] = reference
    return Receipt(reference)
