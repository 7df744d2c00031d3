"""Server-initiated re-authorisation (RFC 8506 5.5): one RAR per rating group, and what follows when it is ignored.

A RAR is done when a CCR for its rating group arrives; the RAA alone proves nothing (Open5GS answers 2001 and reports
nothing). Without such a CCR the RAR is repeated once after a guard time; then the change applies at the next CCR, and
only another change is worth another RAR.
"""

from __future__ import annotations

from ocs.charging.commands import Outcome, PushAnswered
from ocs.charging.standing import barred
from ocs.charging.state import REAUTHORISATION_GUARD, TX, Asked, Credit, Due, Service, Session, State
from ocs.gy.messages import Asr, Rar, ResultCode


def reauthorise(state: State, service: Service, now: int, out: Outcome, changed: bool = False) -> None:
    """Ask the client to report the rating group of a service, unless it has been asked and has not answered yet.

    `changed`: for a reason of its own, so that a RAR ignored before does not stand in the way. A client that does not
    understand RAR meets the change with its next request.
    """
    session, rating_group = service.session, service.rating_group
    if not session.peer.reauthorisation:
        return
    if session.asked is None:
        session.asked = {}
    asked = session.asked.get(rating_group)
    if asked is None or (changed and asked.times > 1 and asked.again_at <= now):
        session.asked[rating_group] = asked = Asked(0, 0)
        _send(state, session, rating_group, asked, now, out)


def has_units(credit: Credit) -> bool:
    """Whether a request for units would be granted some."""
    return (credit.purse is None or credit.purse.gives) and barred(credit) is None


def reauthorise_waiting(state: State, credit: Credit, now: int, out: Outcome) -> None:
    """Credit may have come back: ask every service that waits for some."""
    if credit.waiting and has_units(credit):
        for service in credit.waiting:
            reauthorise(state, service, now, out)


def replenished(state: State, credit: Credit, now: int, out: Outcome) -> None:
    """There is new credit: services that use their final units are asked too, since these are final no more."""
    if barred(credit) is not None:
        return
    for service in credit.services:
        if service in credit.waiting or (service.grant is not None and service.grant.final and not service.grant.ended):
            reauthorise(state, service, now, out, changed=True)


def repeat(state: State, session: Session, rating_group: int | None, now: int, out: Outcome) -> None:
    """The guard time is over: ask once more, if the first RAR is still without its CCR."""
    asked = session.asked.get(rating_group) if session.asked is not None else None
    if session.closed_at is None and asked is not None and asked.times == 1 and asked.again_at == now:
        _send(state, session, rating_group, asked, now, out)


def abort(state: State, session: Session, out: Outcome) -> None:
    """Ask the client to end a session as a whole (RFC 6733 8.5.1): its CCR-T will come."""
    session.aborting = True
    out.pushes.append(
        Asr(
            session_id=session.session_id,
            origin_host=state.origin_host,
            origin_realm=state.origin_realm,
            destination_realm=session.origin_realm,
            destination_host=session.origin_host,
        )
    )


def push_answered(state: State, command: PushAnswered, now: int, out: Outcome) -> None:
    """RAA or ASA. 5002: the client lost the session; wait Tx for a CCR-T on its way, then close it.

    A client that will not abort a session is asked to report instead; it meets the change in the answers.
    """
    session, code = state.sessions.get(command.session_id), command.result_code
    if session is None or session.closed_at is not None:
        return
    if code == ResultCode.UNKNOWN_SESSION_ID:
        state.schedule(now + TX, Due.CROSSING, session)
    elif session.aborting and command.rating_group is None:
        session.aborting = False
        if code != ResultCode.SUCCESS:
            for service in session.services.values():
                if service.grant is not None and not service.grant.ended:
                    reauthorise(state, service, now, out, changed=True)


def _send(state: State, session: Session, rating_group: int | None, asked: Asked, now: int, out: Outcome) -> None:
    asked.times += 1
    asked.again_at = now + REAUTHORISATION_GUARD
    state.schedule(asked.again_at, Due.REAUTHORISATION, (session, rating_group))
    out.pushes.append(
        Rar(
            session_id=session.session_id,
            origin_host=state.origin_host,
            origin_realm=state.origin_realm,
            destination_realm=session.origin_realm,
            destination_host=session.origin_host,
            rating_group=rating_group,
        )
    )
