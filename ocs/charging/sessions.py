"""Opening and closing of Gy sessions; what a session leaves behind."""

from __future__ import annotations

from ocs.charging.commands import Outcome
from ocs.charging.identification import Identified, ps_information, unit_of
from ocs.charging.reauthorisation import reauthorise_waiting
from ocs.charging.state import IDLE_LIMIT, TOMBSTONE_LIFE, Due, Service, Session, State
from ocs.charging.usage import note_balance
from ocs.gy.messages import Ccr, CcRequestType
from ocs.inventory.provisioning import Peer

_ORDINARY = Peer(origin_host="*")


def open_session(state: State, ccr: Ccr, found: Identified, now: int, out: Outcome) -> Session:
    """A new session, or the short-lived one of an event.

    An older session on the same bearer is a ghost whose end got lost, and gives its reservations back.
    """
    peer = _peer(state, ccr)
    session = Session(
        ccr.session_id, ccr.origin_host, ccr.origin_realm, found.subscriber, found.route, found.apn, found.unit,
        peer, now, now,
    )  # fmt: skip
    if ccr.cc_request_type is CcRequestType.EVENT:
        session.unknown_to_updates = True
        session.closed_at = now
        return session
    session.bearer = _bearer(ccr, found)
    if session.bearer is not None:
        ghost = state.bearers.get(session.bearer)
        if ghost is not None:
            close(state, ghost, now, out)
        state.bearers[session.bearer] = session
    state.sessions[session.session_id] = session
    state.schedule(now + IDLE_LIMIT, Due.SESSION_IDLE, session)
    return session


def stray(state: State, ccr: Ccr, now: int) -> Session:
    """A report for a session never opened here: remembered, so that its repeat is known."""
    unit, peer = unit_of(ccr.service_context_id) or "octets", _peer(state, ccr)
    session = Session(ccr.session_id, ccr.origin_host, ccr.origin_realm, None, None, "", unit, peer, now, now)
    session.closed_at = now
    keep_tombstone(state, session, now)
    return session


def _peer(state: State, ccr: Ccr) -> Peer:
    return state.inventory.peers.get(ccr.origin_host, _ORDINARY)


def _bearer(ccr: Ccr, found: Identified) -> tuple[object, ...] | None:
    """What two sessions of one bearer share: peer, SIM, APN, PDN type and NSAPI, else Charging-Id and GGSN."""
    information = ps_information(ccr)
    if information is None:
        return None
    if information.nsapi is not None:
        return ccr.origin_host, found.subscriber.imsi, found.apn, information.pdp_type, information.nsapi
    if information.charging_id is not None and information.ggsn_address:
        return ccr.origin_host, found.subscriber.imsi, found.apn, information.charging_id, information.ggsn_address
    return None


def note_origin_state(state: State, origin_host: str, origin_state_id: int, now: int, out: Outcome) -> None:
    """A higher Origin-State-Id: the client has restarted and lost its sessions (RFC 6733 8.6, 8.16)."""
    known = state.origin_states.get(origin_host)
    if known is not None and origin_state_id > known:
        for session in [s for s in state.sessions.values() if s.origin_host == origin_host and s.closed_at is None]:
            close(state, session, now, out)
            for service in session.services.values():
                reauthorise_waiting(state, service.credit, now, out)
    if known is None or origin_state_id > known:
        state.origin_states[origin_host] = origin_state_id


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
        keep_tombstone(state, session, now)
    else:
        del state.sessions[session.session_id]


def keep_tombstone(state: State, session: Session, now: int) -> None:
    """Remember a closed session until its time is over."""
    state.sessions[session.session_id] = session
    state.schedule(now + TOMBSTONE_LIFE, Due.TOMBSTONE_END, session)
