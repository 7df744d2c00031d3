"""RFC 8506 7, tables 3 and 4: what an answer, or none, does to a session."""

from __future__ import annotations

import pytest

from ocs.gy.messages import CreditControlFailureHandling
from sim.pgw.states import FATES, TRANSITIONS, Event, State, event_of, processed

PENDING = (State.PENDING_I, State.PENDING_U, State.PENDING_T)
TERMINATE, CONTINUE, RETRY = CreditControlFailureHandling


def test_every_event_has_its_place_in_every_pending_state() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in PENDING for event in Event}


@pytest.mark.parametrize(
    ("code", "event"),
    [
        (2001, Event.GRANTED),
        (2002, Event.GRANTED),
        (3002, Event.NOT_DELIVERED),
        (3004, Event.NOT_DELIVERED),
        (3005, Event.NOT_DELIVERED),
        (3003, Event.FAILED),
        (4010, Event.DENIED),
        (4011, Event.NOT_APPLICABLE),
        (4012, Event.EXHAUSTED),
        (4001, Event.EXHAUSTED),
        (5030, Event.USER_UNKNOWN),
        (5002, Event.FAILED),
        (5012, Event.FAILED),
        (5031, Event.FAILED),
        (1001, Event.FAILED),
        (7123, Event.FAILED),
    ],
)
def test_what_a_result_code_means(code: int, event: Event) -> None:
    assert event_of(code) is event


def test_whose_use_was_taken() -> None:
    assert [code for code in range(1000, 8000) if processed(code) and code // 1000 not in (2, 4)] == [
        5002,
        5003,
        5030,
        5031,
    ]


def test_only_continue_and_4011_serve_without_credit_control() -> None:
    """Table by table: where the RFC grants the service and goes to Idle."""
    free = {
        (state, event, handling)
        for (state, event), fate in TRANSITIONS.items()
        for handling, after in zip(CreditControlFailureHandling, fate, strict=True)
        if after is State.UNCONTROLLED
    }
    always = {(state, Event.NOT_APPLICABLE, handling) for state in PENDING[:2] for handling in (TERMINATE, RETRY)}
    assert {entry for entry in free if entry[2] is not CONTINUE} == always
    assert {(state, event) for state, event, handling in free if handling is CONTINUE} == {
        (State.PENDING_I, Event.NOT_APPLICABLE),
        (State.PENDING_I, Event.FAILED),
        (State.PENDING_I, Event.NOT_DELIVERED),
        (State.PENDING_U, Event.NOT_APPLICABLE),
        (State.PENDING_U, Event.FAILED),
        (State.PENDING_U, Event.NOT_DELIVERED),
        (State.PENDING_U, Event.USER_UNKNOWN),
    }


def test_denial_ends_the_service_whatever_the_failure_handling() -> None:
    for event in (Event.DENIED, Event.EXHAUSTED):
        for state in PENDING:
            assert State.UNCONTROLLED not in FATES[state][event]
            assert State.OPEN not in FATES[state][event]
