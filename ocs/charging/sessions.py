"""Opening and closing of Gy sessions; what a session leaves behind."""

from __future__ import annotations

from ocs.charging.commands import Outcome
from ocs.charging.identification import Identified, ps_information, unit_of
from ocs.charging.reauthorisation import reauthorise_waiting
from ocs.charging.state import TOMBSTONE_LIFE, Conditions, Service, Session, State
from ocs.gy.messages import Ccr, CcRequestType, PsInformation
from ocs.inventory.provisioning import Peer
from ocs.inventory.subscribers import Subscriber
from ocs.rating.tariff import Unit

_ORDINARY = Peer(origin_host="*")


def open_session(state: State, ccr: Ccr, found: Identified, earlier: Session | None, now: int, out: Outcome) -> Session:
    """A new session, or the short-lived one of an event. `earlier`: of the same id, whose answers it takes over.

    An older session on the same bearer is a ghost whose end got lost, and gives its reservations back.
    """
    session = _session(state, ccr, found.subscriber, found.apn, found.unit, earlier, now)
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
    return session


def stray(state: State, ccr: Ccr, now: int) -> Session:
    """A report for a session never opened here: remembered, so that its repeat is known."""
    session = _session(state, ccr, None, "", unit_of(ccr.service_context_id) or "octets", None, now)
    session.closed_at = now
    keep_tombstone(state, session, now)
    return session


def _session(
    state: State,
    ccr: Ccr,
    subscriber: Subscriber | None,
    apn: str,
    unit: Unit,
    earlier: Session | None,
    now: int,
) -> Session:
    peer = state.inventory.peer(ccr.origin_host) or _ORDINARY
    information = ps_information(ccr)
    conditions = Conditions(*_serving(information), *_bearer_marks(information), _imei(ccr))
    session = Session(
        ccr.session_id, ccr.origin_host, ccr.origin_realm, subscriber, apn, unit, peer, conditions, now, now
    )
    if earlier is not None:
        session.answered, session.forgotten, session.highest = earlier.answered, earlier.forgotten, earlier.highest
    return session


def note_conditions(session: Session, ccr: Ccr) -> None:
    """Take over what the request says of serving network and RAT: the next grant is given under it."""
    whole = ccr.service_information
    if whole is not None and whole.ps_information is not None:
        information, known = whole.ps_information, session.conditions
        rat = information.rat_type
        if information.sgsn_mcc_mnc != known.serving_plmn or (rat[0] if rat else None) != known.rat_type:
            plmn, rat_type = _serving(information)
            session.conditions = known._replace(serving_plmn=plmn, rat_type=rat_type)


def _serving(information: PsInformation | None) -> tuple[str | None, int | None]:
    if information is None:
        return None, None
    return information.sgsn_mcc_mnc, information.rat_type[0] if information.rat_type else None


def _bearer_marks(information: PsInformation | None) -> tuple[int | None, str | None]:
    if information is None:
        return None, None
    return information.charging_id, information.ggsn_address[0] if information.ggsn_address else None


def _imei(ccr: Ccr) -> str | None:
    """The equipment's identity as text; gateways send ASCII digits or BCD, in either of two places (RFC 8506 8.49)."""
    equipment, information = ccr.user_equipment_info, ps_information(ccr)
    if equipment is None and information is not None:
        equipment = information.user_equipment_info
    if equipment is None:
        return None
    value = equipment.user_equipment_info_value
    if value.isdigit():
        return value.decode("ascii")
    return "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value).rstrip("f")


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
    if known is None or origin_state_id > known:
        state.origin_states[origin_host] = origin_state_id


def release(state: State, service: Service, now: int, cause: str, out: Outcome) -> None:
    """Give the reservation of a service back unused."""
    grant = service.grant
    if grant is None or grant.ended:
        return
    grant.ended = True
    if grant.purse is not None:
        grant.purse.settle(grant.parts, 0, now, cause, out.transfers)
        grant.parts = []
        state.moved(grant.credit)


def close(state: State, session: Session, now: int, out: Outcome, keep: bool = True) -> None:
    """End a session: every reservation is released, to the good of those who wait for it.

    It is kept as a tombstone, unless it was never really open.
    """
    session.closed_at = now
    credits = dict.fromkeys(service.credit for service in session.services.values())
    for service in session.services.values():
        if service.grant is not None:
            credits[service.grant.credit] = None
        release(state, service, now, f"{session.session_id}/closed", out)
        service.credit.services.pop(service, None)
        service.credit.waiting.pop(service, None)
    if session.bearer is not None and state.bearers.get(session.bearer) is session:
        del state.bearers[session.bearer]
    if keep:
        keep_tombstone(state, session, now)
    else:
        del state.sessions[session.session_id]
        session.services.clear()
    for credit in credits:
        reauthorise_waiting(state, credit, now, out)


def keep_tombstone(state: State, session: Session, now: int) -> None:
    """Remember a closed session until its time is over."""
    state.sessions[session.session_id] = session
    state.watch(session, now + TOMBSTONE_LIFE)
