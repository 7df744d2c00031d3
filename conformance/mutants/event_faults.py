"""Mutants of events, re-authorisation and records."""

from __future__ import annotations

from msgspec.structs import replace

from conformance.mutants.charging import (
    Apply,
)
from conformance.mutants.registering import (
    around,
    on_ccr,
)
from ocs.charging.commands import Charge, Command, Outcome, PushAnswered
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    Rar,
    RequestedAction,
)

# --- events -----------------------------------------------------------------------------------------------------------


@on_ccr
def balance_check_debits(ccr: Ccr) -> Ccr:
    """A balance check debits what it asks about."""
    if ccr.requested_action is RequestedAction.CHECK_BALANCE and ccr.cc_request_type is CcRequestType.EVENT:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


@on_ccr
def price_enquiry_debits(ccr: Ccr) -> Ccr:
    """A price enquiry debits what it asks about."""
    if ccr.requested_action is RequestedAction.PRICE_ENQUIRY and ccr.cc_request_type is CcRequestType.EVENT:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


@on_ccr
def refund_debits(ccr: Ccr) -> Ccr:
    """A refund is taken for a debit."""
    if ccr.requested_action is RequestedAction.REFUND_ACCOUNT and ccr.cc_request_type is CcRequestType.EVENT:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


@on_ccr
def action_guessed(ccr: Ccr) -> Ccr:
    """An event without Requested-Action is a debit."""
    if ccr.cc_request_type is CcRequestType.EVENT and ccr.requested_action is None:
        return replace(ccr, requested_action=RequestedAction.DIRECT_DEBITING)
    return ccr


# --- re-authorisation -------------------------------------------------------------------------------------------------


@around
def no_reauthorisation(apply: Apply) -> Apply:
    """A top-up tells nobody: no RAR."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.pushes.clear()
        return outcome

    return charge


@around
def reauthorisation_for_ever(apply: Apply) -> Apply:
    """A RAR is sent again and again until a CCR-U comes."""
    last: dict[str, Rar] = {}

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        for push in outcome.pushes:
            if isinstance(push, Rar):
                last[push.session_id] = push
        if isinstance(command, Charge):
            last.pop(command.ccr.session_id, None)
        elif isinstance(command, PushAnswered) and command.session_id in last and command.result_code == 2001:
            outcome.pushes.append(last[command.session_id])
        return outcome

    return charge


@around
def reauthorisation_insists(apply: Apply) -> Apply:
    """A RAR whose answer is no success is sent again."""
    last: dict[str, Rar] = {}

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        last.update({push.session_id: push for push in outcome.pushes if isinstance(push, Rar)})
        if isinstance(command, PushAnswered) and command.session_id in last and (command.result_code or 0) >= 3000:
            outcome.pushes.append(last[command.session_id])
        return outcome

    return charge


@around
def reauthorisation_of_the_other(apply: Apply) -> Apply:
    """A RAR names the car maker's rating group."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.pushes = [replace(p, rating_group=100) if isinstance(p, Rar) else p for p in outcome.pushes]
        return outcome

    return charge


@around
def records_without_virtual_sim(apply: Apply) -> Apply:
    """Records keep the physical IMSI where the virtual one belongs."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.edrs = [replace(edr, mpc_imsi=edr.physical_imsi) for edr in outcome.edrs]
        return outcome

    return charge


@around
def records_cumulative(apply: Apply) -> Apply:
    """A record holds all octets of the session so far."""
    totals: dict[tuple[str, int | None], int] = {}

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        for number, edr in enumerate(outcome.edrs):
            key = edr.session_id, edr.rating_group
            totals[key] = totals.get(key, 0) + (edr.octets_total or 0)
            outcome.edrs[number] = replace(edr, octets_total=totals[key])
        return outcome

    return charge


@around
def overrun_unrecorded(apply: Apply) -> Apply:
    """Records do not say what exceeded the balance."""

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        outcome.edrs = [
            replace(edr, octets_total=(edr.octets_total or 0) - (edr.octets_overrun or 0), octets_overrun=0)
            for edr in outcome.edrs
        ]
        return outcome

    return charge
