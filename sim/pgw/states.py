"""The client of RFC 8506 7, tables 3 and 4, as data. Everything that moves a session from state to state is here.

The RFC's Idle is three states: IDLE has not begun, ENDED is over, and in UNCONTROLLED credit control is over while the
user is served on, without quota (CREDIT_CONTROL_NOT_APPLICABLE, or failure under CONTINUE). Its "service terminated in
queue" is LEAVING. `device requests service`, `RAR received` and the rest of what happens in Open end in a request; what
an answer, or none, does in the three pending states is the table below.

Where the RFC can be read in several ways:

- A silent OCS: after Tx the request is repeated once (T flag); after another Tx it counts as failed. The RFC leaves
  that time open ("e.g. 120 seconds"). A CCR-T is repeated too, whatever the failure handling: it holds the last use.
- The RFC would serve on after Tx under RETRY_AND_TERMINATE as well (5.7, SHOULD). Here only CONTINUE does: what a
  driver has no credit for must not pass.
- CREDIT_LIMIT_REACHED at command level stands in neither table. It ends the service, with a CCR-T where a session is
  open, as every service that ends (5.4); so do transient failures that have no name here.
- Table 4 goes to Idle at once when an update is denied or fails. Where octets are left that the OCS has not got, the
  session tells them in a CCR-T first (see `session`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from ocs.gy.messages import ResultCode


class State(IntEnum):
    """Of one Gy session."""

    IDLE = 0
    PENDING_I = 1
    OPEN = 2
    PENDING_U = 3
    LEAVING = 4
    PENDING_T = 5
    UNCONTROLLED = 6
    ENDED = 7


class Event(IntEnum):
    """What becomes of a request."""

    GRANTED = 0
    """Success at command level; each rating group has its own result."""
    DENIED = 1
    USER_UNKNOWN = 2
    NOT_APPLICABLE = 3
    EXHAUSTED = 4
    FAILED = 5
    """The RFC's failed answer: a permanent failure."""
    NOT_DELIVERED = 6
    """The RFC's temporary error, or failure to send after a repeat."""
    TX_EXPIRED = 7
    """No answer in time, or no way to send, for the first time."""


Fate = tuple[State, State, State]
"""The next state under TERMINATE, CONTINUE and RETRY_AND_TERMINATE, in the order of their values (RFC 8506 8.14)."""


def _always(state: State) -> Fate:
    return state, state, state


_END_UNLESS_CONTINUE: Final[Fate] = (State.ENDED, State.UNCONTROLLED, State.ENDED)

TRANSITIONS: Final[Mapping[tuple[State, Event], Fate]] = {
    (State.PENDING_I, Event.GRANTED): _always(State.OPEN),
    (State.PENDING_I, Event.DENIED): _always(State.ENDED),
    (State.PENDING_I, Event.USER_UNKNOWN): _always(State.ENDED),
    (State.PENDING_I, Event.NOT_APPLICABLE): _always(State.UNCONTROLLED),
    (State.PENDING_I, Event.EXHAUSTED): _always(State.ENDED),
    (State.PENDING_I, Event.FAILED): _END_UNLESS_CONTINUE,
    (State.PENDING_I, Event.NOT_DELIVERED): _END_UNLESS_CONTINUE,
    (State.PENDING_I, Event.TX_EXPIRED): (State.ENDED, State.PENDING_I, State.PENDING_I),
    (State.PENDING_U, Event.GRANTED): _always(State.OPEN),
    (State.PENDING_U, Event.DENIED): _always(State.ENDED),
    (State.PENDING_U, Event.USER_UNKNOWN): _END_UNLESS_CONTINUE,
    (State.PENDING_U, Event.NOT_APPLICABLE): _always(State.UNCONTROLLED),
    (State.PENDING_U, Event.EXHAUSTED): _always(State.LEAVING),
    (State.PENDING_U, Event.FAILED): _END_UNLESS_CONTINUE,
    (State.PENDING_U, Event.NOT_DELIVERED): _END_UNLESS_CONTINUE,
    (State.PENDING_U, Event.TX_EXPIRED): (State.ENDED, State.PENDING_U, State.PENDING_U),
    (State.PENDING_T, Event.GRANTED): _always(State.ENDED),
    (State.PENDING_T, Event.DENIED): _always(State.ENDED),
    (State.PENDING_T, Event.USER_UNKNOWN): _always(State.ENDED),
    (State.PENDING_T, Event.NOT_APPLICABLE): _always(State.ENDED),
    (State.PENDING_T, Event.EXHAUSTED): _always(State.ENDED),
    (State.PENDING_T, Event.FAILED): _always(State.ENDED),
    (State.PENDING_T, Event.NOT_DELIVERED): _always(State.ENDED),
    (State.PENDING_T, Event.TX_EXPIRED): _always(State.PENDING_T),
}

FATES: Final = tuple(tuple(TRANSITIONS.get((state, event), _always(state)) for event in Event) for state in State)
"""The same, to be indexed by state, event and failure handling."""

_LOOP_DETECTED: Final = 3005

_NAMED: Final[Mapping[int, Event]] = {
    ResultCode.UNABLE_TO_DELIVER: Event.NOT_DELIVERED,
    ResultCode.TOO_BUSY: Event.NOT_DELIVERED,
    _LOOP_DETECTED: Event.NOT_DELIVERED,
    ResultCode.END_USER_SERVICE_DENIED: Event.DENIED,
    ResultCode.CREDIT_CONTROL_NOT_APPLICABLE: Event.NOT_APPLICABLE,
    ResultCode.CREDIT_LIMIT_REACHED: Event.EXHAUSTED,
    ResultCode.USER_UNKNOWN: Event.USER_UNKNOWN,
}
_BY_CLASS: Final[Mapping[int, Event]] = {2: Event.GRANTED, 4: Event.EXHAUSTED}

_PROCESSED: Final = frozenset(
    (
        ResultCode.UNKNOWN_SESSION_ID,
        ResultCode.AUTHORIZATION_REJECTED,
        ResultCode.USER_UNKNOWN,
        ResultCode.RATING_FAILED,
    )
)


def event_of(result_code: int) -> Event:
    """What a Result-Code at command level means; an unknown class is a permanent failure (RFC 6733 7.1)."""
    return _NAMED.get(result_code, _BY_CLASS.get(result_code // 1000, Event.FAILED))


def processed(result_code: int) -> bool:
    """Whether an OCS that answers so has taken the used units of the request (RFC 8506 9.1: deducted, though refused).

    Protocol errors and what could not be read or handled have not been.
    """
    return result_code // 1000 in (2, 4) or result_code in _PROCESSED
