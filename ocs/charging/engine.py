"""The engine's door. State is the fold of `apply` over the journal: same commands and instants, same state."""

from __future__ import annotations

from ocs.charging import changes, interrogation, operations, reauthorisation, supervision
from ocs.charging.commands import (
    ChangePlan,
    ChangeProfile,
    Charge,
    Command,
    Expire,
    MoveSim,
    Outcome,
    Precedence,
    Provision,
    PushAnswered,
    SetStatus,
    TopUp,
)
from ocs.charging.identification import precedence
from ocs.charging.state import State
from ocs.gy.messages import Ccr
from ocs.inventory.subscribers import NOBODY, Why

_ROUTINE = (Charge, PushAnswered, Expire)
"""Commands behind which nobody stands who wants something changed."""


class Engine:
    """One OCS's charging, without I/O, clock or chance.

    `origin_host` and `origin_realm` are its DiameterIdentity and realm, as they stand in every answer. With
    `explaining`, outcomes also say which split, plan, bucket and rule gave each service its answer.
    """

    def __init__(self, origin_host: str, origin_realm: str, explaining: bool = False) -> None:
        self.state = State(origin_host, origin_realm, explaining)

    def apply(self, command: Command, now: int) -> Outcome:
        """Do what is due up to `now`, then `command`. `now`: microseconds UTC, never less than before."""
        out = Outcome(None, [], [], [], [], [])
        state = self.state
        if state.deadlines and state.deadlines[0][0] <= now:
            supervision.run_due(state, now, out)
        inventory = state.inventory
        if not isinstance(command, _ROUTINE):
            inventory.why = Why(command.by, command.reason, command.request_id)
        match command:
            case Charge():
                out.answer = interrogation.interrogate(state, command, now, out)
            case TopUp():
                out.answer = operations.top_up(state, command, now, out)
            case SetStatus():
                out.answer = operations.set_status(state, command, now, out)
            case Provision():
                out.answer = operations.provision(state, command, now, out)
            case ChangePlan():
                out.answer = changes.change_plan(state, command, now, out)
            case ChangeProfile():
                out.answer = changes.change_profile(state, command, now, out)
            case MoveSim():
                out.answer = changes.move_sim(state, command, now, out)
            case PushAnswered():
                reauthorisation.push_answered(state, command, now, out)
            case Expire():
                pass
        inventory.why = NOBODY
        if inventory.noted:
            out.changes, inventory.noted = inventory.noted, []
        return out

    def precedence(self, ccr: Ccr) -> Precedence:
        """What to refuse first when there is too much to do (3004, 3002); changes nothing."""
        return precedence(self.state, ccr)

    def next_deadline(self) -> int | None:
        """When something will be due next, in microseconds UTC; perhaps something that has become void."""
        deadlines = self.state.deadlines
        return deadlines[0][0] if deadlines else None
