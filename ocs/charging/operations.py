"""The operator's commands: provisioning, top-up, suspension. Each is done once per request id."""

from __future__ import annotations

from ocs.catalogue.plans import Bundle, PrepaidIndividual
from ocs.charging.changes import activate, adopt_plan, begin, done
from ocs.charging.commands import Outcome, Provision, Receipt, SetStatus, TopUp
from ocs.charging.reauthorisation import abort, reauthorise, replenished
from ocs.charging.standing import barred
from ocs.charging.state import Credit, Session, State
from ocs.inventory.lifecycle import SimState, Status, sim_moves, status_moves
from ocs.inventory.subscribers import Subscriber, Subscription


def provision(state: State, command: Provision, now: int, out: Outcome) -> Receipt:
    """Take in accounts, plans, profiles and SIMs - all of them or, if anything stands against it, none."""
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    inventory, provisioning = state.inventory, command.provisioning
    conflicts = inventory.conflicts(provisioning)
    if conflicts:
        return Receipt("", "; ".join(conflicts))
    renewed = {plan.id: plan for plan in provisioning.plans if inventory.plans.get(plan.id, plan) != plan}
    for subscriber in inventory.add(provisioning, now):
        for subscription in subscriber.subscriptions.values():
            begin(state, subscription, now, out)
    if renewed:
        for credit in state.credits.values():
            planned = credit.next_plan or credit.subscription.plan
            if planned.id in renewed and credit.subscription.status is not Status.TERMINATED:
                adopt_plan(state, credit, renewed[planned.id], now, out, paced=True)
    return done(state, command.request_id, f"{len(provisioning.sims)} SIMs")


def top_up(state: State, command: TopUp, now: int, out: Outcome) -> Receipt:
    """Sell one bundle. Services that wait, or use their final units, are re-authorised (RFC 8506 5.5)."""
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    found = _subscription(state, command.imsi, command.split_id)
    if isinstance(found, str):
        return Receipt("", found)
    plan = found.plan
    if not isinstance(plan, PrepaidIndividual):
        return Receipt("", f"split {command.split_id!r} is postpaid: there is nothing to top up")
    bundle = plan.bundle(command.bundle_id)
    if bundle is None:
        return Receipt("", f"plan {plan.id!r} sells no bundle {command.bundle_id!r}")
    if found.status is Status.TERMINATED:
        return Receipt("", f"split {command.split_id!r} is terminated")
    credit = state.credits[found.subscription_id]
    bucket_id = _credit(state, credit, bundle, now, command.request_id, out)
    replenished(state, credit, now, out)
    return done(state, command.request_id, bucket_id)


def _credit(state: State, credit: Credit, bundle: Bundle, now: int, cause: str, out: Outcome) -> str:
    assert credit.purse is not None
    subscription = credit.subscription
    price = state.inventory.price_micros(subscription.account_id, subscription.plan, bundle)
    bucket = credit.purse.credit(bundle, now, cause, price, out.transfers)
    state.moved(credit)
    return bucket.bucket_id


def set_status(state: State, command: SetStatus, now: int, out: Outcome) -> Receipt:
    """Suspend, resume or terminate a SIM or one split of it; open services are re-authorised and meet the new status.

    The other splits of the SIM notice nothing of a split's change.
    """
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    subscriber = state.inventory.by_imsi.get(command.imsi)
    if subscriber is None:
        return Receipt("", f"no SIM {command.imsi}")
    if command.split_id is None:
        to = _sim_state(subscriber, command.status)
        if not sim_moves(subscriber.state, to) and command.status != "active":
            return Receipt("", f"SIM {command.imsi} is {subscriber.state.value} and cannot become {command.status}")
        if to in (SimState.CUSTOMER_INVENTORY, SimState.RETIRED) and command.status == "active":
            return Receipt("", f"SIM {command.imsi} is {subscriber.state.value}: there is nothing to resume")
        state.inventory.move_sim(subscriber, to, now)
        active, concerned = subscriber.status is Status.ACTIVE, list(subscriber.subscriptions.values())
    else:
        found = _subscription(state, command.imsi, command.split_id)
        if isinstance(found, str):
            return Receipt("", found)
        status = next((status for status in Status if status.value == command.status), Status.PROVISIONED)
        if not status_moves(found.status, status):
            return Receipt("", f"split {command.split_id!r} is {found.status.value} and cannot become {command.status}")
        first = found.status is Status.PROVISIONED
        state.inventory.set_status(found, status, now)
        if first and status is Status.ACTIVE:
            activate(state, state.credits[found.subscription_id], now, out)
        active, concerned = status is Status.ACTIVE, [found]
    aborted: set[str] = set()
    for subscription in concerned:
        credit = state.credits[subscription.subscription_id]
        state.moved(credit)
        for service in credit.services:
            session = service.session
            if session.session_id in aborted:
                continue
            if _to_abort(session, state):
                aborted.add(session.session_id)
                abort(state, session, out)
            elif service.grant is not None or (active and service.refused is not None):
                reauthorise(state, service, now, out, changed=True)
    return done(state, command.request_id, f"{command.imsi} {command.split_id or ''} {command.status}")


def _sim_state(subscriber: Subscriber, status: str) -> SimState:
    """The state that a command means for this SIM."""
    if status == "active":
        return subscriber.returns_to if subscriber.state is SimState.SUSPENDED else subscriber.state
    return SimState.RETIRED if status == "terminated" else SimState(status)


def _to_abort(session: Session, state: State) -> bool:
    """Whether nobody who can pay on the session's APN is served any more, and the client understands ASR."""
    route = session.route
    return (
        session.peer.abort
        and route is not None
        and all(barred(state.credits[s.subscription_id]) is not None for s in route.subscriptions)
    )


def _subscription(state: State, imsi: str, split_id: str) -> Subscription | str:
    subscriber = state.inventory.by_imsi.get(imsi)
    if subscriber is None:
        return f"no SIM {imsi}"
    return subscriber.subscriptions.get(split_id) or f"SIM {imsi} has no split {split_id!r}"
