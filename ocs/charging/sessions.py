"""Opening and closing of Gy sessions; what a session leaves behind."""

from __future__ import annotations

from ocs.charging.commands import Outcome
from ocs.charging.state import IDLE_LIMIT, TOMBSTONE_LIFE, Due, Service, Session, State
from ocs.charging.usage import note_balance
from ocs.gy.messages import Ccr
from ocs.inventory.subscribers import Route, Subscriber


def open_session(state: State, ccr: Ccr, subscriber: Subscriber, route: Route, now: int, out: Outcome) -> Session:
    """A new session; an older one on the same bearer is a ghost whose end got lost, and gives its reservations back."""
    session = Session(ccr.session_id, ccr.origin_host, ccr.origin_realm, subscriber, route, now, now)
    session.bearer = _bearer(ccr, subscriber, route)
    if session.bearer is not None:
        ghost = state.bearers.get(session.bearer)
        if ghost is not None:
            close(state, ghost, now, out)
        state.bearers[session.bearer] = session
    state.sessions[session.session_id] = session
    state.schedule(now + IDLE_LIMIT, Due.SESSION_IDLE, session)
    return session


def _bearer(ccr: Ccr, subscriber: Subscriber, route: Route) -> tuple[object, ...] | None:
    """What two sessions of one bearer share: peer, SIM, APN, PDN type and NSAPI, else Charging-Id and GGSN."""
    information = ccr.service_information.ps_information if ccr.service_information is not None else None
    if information is None:
        return None
    if information.nsapi is not None:
        return ccr.origin_host, subscriber.imsi, route.apn, information.pdp_type, information.nsapi
    if information.charging_id is not None and information.ggsn_address:
        return ccr.origin_host, subscriber.imsi, route.apn, information.charging_id, information.ggsn_address
    return None


def release(service: Service, now: int, cause: str, out: Outcome) -> None:
    """Give the reservation of a service back unused."""
    grant = service.grant
    if grant is None or grant.ended:
        return
    grant.ended = True
    if grant.credit.purse is not None and grant.parts:
        grant.credit.purse.settle(grant.parts, 0, now, cause, out.transfers)
        grant.parts = []
        note_balance(grant.credit)


def close(state: State, session: Session, now: int, out: Outcome, keep: bool = True) -> None:
    """End a session: every reservation is released. It is kept as a tombstone, unless it was never really open."""
    session.closed_at = now
    for service in session.services.values():
        release(service, now, f"{session.session_id}/closed", out)
        service.credit.services.pop(service, None)
        service.credit.waiting.pop(service, None)
    if session.bearer is not None and state.bearers.get(session.bearer) is session:
        del state.bearers[session.bearer]
    if keep:
        forget(state, session, now)
    else:
        del state.sessions[session.session_id]


def forget(state: State, session: Session, now: int) -> None:
    """Keep a closed session as a tombstone until its time is over."""
    state.sessions[session.session_id] = session
    state.schedule(now + TOMBSTONE_LIFE, Due.TOMBSTONE_END, session)
