"""The operator's commands: provisioning, top-up, suspension. Each is done once per request id."""

from __future__ import annotations

from ocs.balances.purse import Purse
from ocs.catalogue.plans import Bundle, PrepaidIndividual
from ocs.charging.commands import Outcome, Provision, PushAnswered, Receipt, SetStatus, TopUp
from ocs.charging.quota import barred
from ocs.charging.reauthorisation import abort, reauthorise, reauthorise_waiting
from ocs.charging.state import TX, Credit, Due, Session, State
from ocs.charging.usage import note_balance
from ocs.gy.messages import ResultCode
from ocs.inventory.subscribers import Status, Subscription
from ocs.units import DAY, MICROS, SECOND


def provision(state: State, command: Provision, now: int, out: Outcome) -> Receipt:
    """Take in accounts, plans, profiles and SIMs - all of them or, if anything stands against it, none."""
    if command.request_id in state.requests:
        return Receipt(state.requests[command.request_id])
    conflicts = state.inventory.conflicts(command.provisioning)
    if conflicts:
        return Receipt("", "; ".join(conflicts))
    for subscriber in state.inventory.add(command.provisioning, now):
        for subscription in subscriber.subscriptions.values():
            _open_credit(state, subscription, now, out)
    return _done(state, command.request_id, f"{len(command.provisioning.sims)} SIMs")


def _open_credit(state: State, subscription: Subscription, now: int, out: Outcome) -> None:
    plan = subscription.plan
    credit = Credit(subscription, None)
    state.credits[subscription.subscription_id] = credit
    if isinstance(plan, PrepaidIndividual):
        credit.purse = Purse(subscription.subscription_id, subscription.account_id, plan.top_up_mode == "queue")
        if plan.free_quota is not None:
            _credit(state, credit, plan.free_quota, now, "free_quota", out)
        note_balance(credit)
    elif plan.limit is not None:
        credit.purse = Purse(subscription.subscription_id, subscription.account_id, queued=True)
        renew_limit(state, credit, plan.limit, now, out)


def renew_limit(state: State, credit: Credit, limit_octets: int, now: int, out: Outcome) -> None:
    """A per-SIM limit is an allowance of the billing cycle that costs nothing."""
    assert credit.purse is not None
    cycle = state.cycle_at(now)
    bundle = Bundle(id="limit", volume=limit_octets, valid=DAY // SECOND)
    credit.purse.credit(bundle, now, f"limit {cycle.id}", 0, out.transfers, ends_at=cycle.end)
    state.watch_started(credit)
    note_balance(credit)


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
    for service in credit.services:
        if service.grant is not None and service.grant.final and not service.grant.ended:
            reauthorise(state, service, now, out)
    reauthorise_waiting(state, credit, now, out)
    return _done(state, command.request_id, bucket_id)


def _credit(state: State, credit: Credit, bundle: Bundle, now: int, cause: str, out: Outcome) -> str:
    assert credit.purse is not None
    bucket = credit.purse.credit(bundle, now, cause, int(bundle.price * MICROS), out.transfers)
    state.watch_started(credit)
    note_balance(credit)
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
    status = Status(command.status)
    if command.split_id is None:
        if subscriber.status is Status.TERMINATED:
            return Receipt("", f"SIM {command.imsi} is terminated")
        subscriber.status = status
        concerned = list(subscriber.subscriptions.values())
    else:
        found = _subscription(state, command.imsi, command.split_id)
        if isinstance(found, str):
            return Receipt("", found)
        if found.status is Status.TERMINATED:
            return Receipt("", f"split {command.split_id!r} is terminated")
        found.status = status
        concerned = [found]
    aborted: set[str] = set()
    for subscription in concerned:
        credit = state.credits[subscription.subscription_id]
        note_balance(credit)
        for service in credit.services:
            session = service.session
            if session.session_id in aborted:
                continue
            if _to_abort(session, state):
                aborted.add(session.session_id)
                abort(state, session, out)
            elif service.grant is not None or (status is Status.ACTIVE and service.refused is not None):
                reauthorise(state, service, now, out)
    return _done(state, command.request_id, f"{command.imsi} {command.split_id or ''} {status.value}")


def _to_abort(session: Session, state: State) -> bool:
    """Whether nobody who can pay on the session's APN is served any more, and the client understands ASR."""
    route = session.route
    return (
        session.peer.abort
        and route is not None
        and all(barred(state.credits[s.subscription_id]) is not None for s in route.subscriptions)
    )


def push_answered(state: State, command: PushAnswered, now: int) -> None:
    """RAA or ASA. 5002: the client lost the session; wait Tx for a CCR-T on its way, then close it."""
    session = state.sessions.get(command.session_id)
    if session is not None and command.result_code == ResultCode.UNKNOWN_SESSION_ID:
        state.schedule(now + TX, Due.CROSSING, session)


def _subscription(state: State, imsi: str, split_id: str) -> Subscription | str:
    subscriber = state.inventory.by_imsi.get(imsi)
    if subscriber is None:
        return f"no SIM {imsi}"
    return subscriber.subscriptions.get(split_id) or f"SIM {imsi} has no split {split_id!r}"


def _done(state: State, request_id: str, reference: str) -> Receipt:
    state.requests[request_id] = reference
    return Receipt(reference)
