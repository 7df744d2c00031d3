"""What happens by itself when its time has come. Everything is stamped with its deadline, not with its discovery."""

from __future__ import annotations

from ocs.balances.purse import Bucket
from ocs.catalogue.plans import Postpaid
from ocs.charging.changes import renew_limit, switch_plan
from ocs.charging.commands import Outcome
from ocs.charging.reauthorisation import has_units, reauthorise, reauthorise_waiting, repeat
from ocs.charging.sessions import close, release
from ocs.charging.state import IDLE_LIMIT, TOMBSTONE_LIFE, TX, Credit, Due, Grant, Service, Session, State, jitter
from ocs.inventory.subscribers import Status


def run_due(state: State, now: int, out: Outcome) -> None:
    """Do everything that is due up to `now`, in the order of the deadlines."""
    for at, due, what in state.pop_due(now):
        match due, what:
            case Due.SESSION, Session() as session:
                if session.look_at == at:
                    _look_at(state, session, at, out)
            case Due.BUCKET_END, (Credit() as credit, Bucket() as bucket):
                _end_bucket(state, credit, bucket, at, out)
            case Due.PLAN_CHANGE, Credit() as credit:
                switch_plan(state, credit, at, out, paced=True)
            case Due.REAUTHORISATION, (Session() as session, int() | None as rating_group):
                repeat(state, session, rating_group, at, out)
            case Due.REPORT_MISSING, (Service() as service, Grant() as grant):
                if service.grant is grant and not grant.ended:
                    reauthorise(state, service, at, out)
            case Due.OFFER, Service() as service:
                if service in service.credit.waiting and has_units(service.credit):
                    reauthorise(state, service, at, out, changed=True)
            case Due.CROSSING, Session() as session:
                if session.closed_at is None and session.last_request_at <= at - TX:
                    close(state, session, at, out)


def _look_at(state: State, session: Session, at: int, out: Outcome) -> None:
    """End what has come to its end: reservations, the session, its tombstone; and see when to look again."""
    session.look_at = 0
    if session.closed_at is not None:
        ends_at = session.closed_at + TOMBSTONE_LIFE
        if ends_at > at:
            state.watch(session, ends_at)
        elif state.sessions.get(session.session_id) is session:
            del state.sessions[session.session_id]
            session.services.clear()  # they refer to it: nobody has to look for garbage in a ring
        return
    again_at = None
    for service in session.services.values():
        grant = service.grant
        if grant is None or grant.ended:
            continue
        if grant.ends_at <= at:
            _end_reservation(state, service, grant, at, out)
        elif again_at is None or grant.ends_at < again_at:
            again_at = grant.ends_at
    if again_at is None:
        again_at = session.last_request_at + IDLE_LIMIT
    if again_at > at:
        state.watch(session, again_at)
    else:
        # No request for long and nothing reserved: the client is gone (the role of Tcc, RFC 8506 13).
        close(state, session, at, out)


def _end_reservation(state: State, service: Service, grant: Grant, at: int, out: Outcome) -> None:
    """Validity and grace are over without a report: the reservation is released (RFC 8506 8.33)."""
    release(state, service, at, f"{grant.name}/ended", out)
    reauthorise_waiting(state, grant.credit, at, out)


def _end_bucket(state: State, credit: Credit, bucket: Bucket, at: int, out: Outcome) -> None:
    """Validity over: what is not reserved expires; a per-SIM limit begins anew with the cycle."""
    if bucket.ended or credit.purse is None:
        return
    credit.purse.end(bucket, at, out.transfers)
    plan, status = credit.subscription.plan, credit.subscription.status
    if credit.next_plan is not None:
        switch_plan(state, credit, at, out, paced=True)
    elif not isinstance(plan, Postpaid) or plan.limit is None or status is Status.TERMINATED:
        pass
    elif all(other.ended for other in credit.purse.buckets):
        renew_limit(state, credit, plan.limit, at, out)
        # As many as have met their limit by the end of the cycle: not all of them at once.
        for service in credit.waiting:
            state.schedule(at + jitter(service.session.session_id), Due.OFFER, service)
    state.moved(credit)
