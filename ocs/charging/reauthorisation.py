"""Server-initiated re-authorisation (RFC 8506 5.5): one RAR per rating group, and what follows when it is ignored.

A RAR is done when a CCR for its rating group arrives; the RAA alone proves nothing (Open5GS answers 2001 and reports
nothing). Without such a CCR the RAR is repeated once after a guard time; then the change applies at the next CCR.
"""

from __future__ import annotations

from ocs.charging.commands import Outcome
from ocs.charging.state import REAUTHORISATION_GUARD, Credit, Due, Service, Session, State
from ocs.gy.messages import Asr, Rar


def reauthorise(state: State, service: Service, now: int, out: Outcome) -> None:
    """Ask the client to report one service, unless it has been asked and has not answered yet.

    A client that does not understand RAR meets the change with its next request.
    """
    if service.reauthorising == 0 and service.session.peer.reauthorisation:
        _send(state, service, now, out)


def abort(state: State, session: Session, out: Outcome) -> None:
    """Ask the client to end a session as a whole (RFC 6733 8.5.1): its CCR-T will come."""
    out.pushes.append(
        Asr(
            session_id=session.session_id,
            origin_host=state.origin_host,
            origin_realm=state.origin_realm,
            destination_realm=session.origin_realm,
            destination_host=session.origin_host,
        )
    )


def repeat(state: State, service: Service, now: int, out: Outcome) -> None:
    """The guard time is over: ask once more, if the first RAR is still without its CCR."""
    if service.session.closed_at is None and service.reauthorising == 1 and service.reauthorise_again_at == now:
        _send(state, service, now, out)


def reauthorise_waiting(state: State, credit: Credit, now: int, out: Outcome) -> None:
    """Credit may have come back: ask every service that waits for some."""
    if credit.waiting and credit.purse is not None and credit.purse.free:
        for service in credit.waiting:
            reauthorise(state, service, now, out)


def _send(state: State, service: Service, now: int, out: Outcome) -> None:
    session = service.session
    service.reauthorising += 1
    service.reauthorise_again_at = now + REAUTHORISATION_GUARD
    state.schedule(service.reauthorise_again_at, Due.REAUTHORISATION, service)
    out.pushes.append(
        Rar(
            session_id=session.session_id,
            origin_host=state.origin_host,
            origin_realm=state.origin_realm,
            destination_realm=session.origin_realm,
            destination_host=session.origin_host,
            rating_group=service.key[0],
        )
    )
