"""What happens by itself when its time has come. Everything is stamped with its deadline, not with its discovery."""

from __future__ import annotations

from ocs.balances.purse import Bucket
from ocs.catalogue.plans import PostpaidIndividual
from ocs.charging.commands import Outcome
from ocs.charging.operations import renew_limit
from ocs.charging.reauthorisation import reauthorise_waiting, repeat
from ocs.charging.sessions import close, release
from ocs.charging.state import IDLE_LIMIT, Credit, Due, Grant, Service, Session, State
from ocs.charging.usage import note_balance


def run_due(state: State, now: int, out: Outcome) -> None:
    """Do everything that is due up to `now`, in the order of the deadlines."""
    for at, due, what in state.pop_due(now):
        match due, what:
            case Due.RESERVATION_END, (Service() as service, Grant() as grant):
                _end_reservation(state, service, grant, at, out)
            case Due.BUCKET_END, (Credit() as credit, Bucket() as bucket):
                _end_bucket(state, credit, bucket, at, out)
            case Due.SESSION_IDLE, Session() as session:
                _end_idle(state, session, at, out)
            case Due.TOMBSTONE_END, Session() as session:
                state.sessions.pop(session.session_id, None)
            case Due.REAUTHORISATION, Service() as service:
                repeat(state, service, at, out)
            case Due.CROSSING, Session() as session:
                _end_unknown(state, session, at, out)


def _end_reservation(state: State, service: Service, grant: Grant, at: int, out: Outcome) -> None:
    """Validity and grace are over without a report: the reservation is released (RFC 8506 8.33)."""
    if service.grant is grant and not grant.ended:
        release(service, at, f"{grant.reservation_id}/ended", out)
        state.watch_started(grant.credit)
        reauthorise_waiting(state, grant.credit, at, out)


def _end_bucket(state: State, credit: Credit, bucket: Bucket, at: int, out: Outcome) -> None:
    """Validity over: what is not reserved expires; a per-SIM limit begins anew with the cycle."""
    assert credit.purse is not None
    credit.purse.end(bucket, at, out.transfers)
    plan = credit.subscription.plan
    if isinstance(plan, PostpaidIndividual) and plan.limit is not None:
        renew_limit(state, credit, plan.limit, at, out)
        reauthorise_waiting(state, credit, at, out)
    note_balance(credit)
    state.watch_started(credit)


def _end_idle(state: State, session: Session, at: int, out: Outcome) -> None:
    """No request for long and nothing reserved: the client is gone (the role of Tcc, RFC 8506 13)."""
    if session.closed_at is not None:
        return
    busy = [service.grant.ends_at for service in session.services.values() if service.grant and not service.grant.ended]
    look_again_at = max([session.last_request_at + IDLE_LIMIT, *busy])
    if look_again_at > at:
        state.schedule(look_again_at, Due.SESSION_IDLE, session)
    else:
        close(state, session, at, out)


def _end_unknown(state: State, session: Session, at: int, out: Outcome) -> None:
    """The client said that it does not know the session, and no CCR-T was on its way."""
    if session.closed_at is None:
        close(state, session, at, out)
        for service in session.services.values():
            reauthorise_waiting(state, service.credit, at, out)
