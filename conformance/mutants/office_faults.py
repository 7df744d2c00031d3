"""Mutants of the office: orders that are accepted or refused wrongly, identities, records, bills."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from conformance.mutants.charging import Apply
from conformance.mutants.mutant import Mutant, fault_of
from conformance.mutants.registering import CREDIT, around
from ocs.billing import close
from ocs.billing.books import Books
from ocs.billing.close import CycleClose
from ocs.billing.documents import Document, SimUse
from ocs.charging.commands import ChangeProfile, Command, Outcome, Provision, Receipt, TopUp
from ocs.files import FileError
from ocs.inventory import provisioning as files
from ocs.inventory.provisioning import Provisioning
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr

# --- orders -----------------------------------------------------------------------------------------------------------


def _mistakes_accepted() -> None:
    """Orders are taken at once and looked at later: what is wrong with them stands in a log."""
    load = files.load_provisioning

    def lenient(path: Path) -> Provisioning:
        try:
            return load(path)
        except FileError:
            return Provisioning()

    setattr(files, "load_provisioning", lenient)  # noqa: B010 - a fault is put into the room on purpose


CREDIT.append(Mutant("mistakes_accepted", fault_of(_mistakes_accepted), _mistakes_accepted))


def _refusing(name: str, fault: str, wrong: Callable[[Provisioning], bool]) -> None:
    """A mutant that refuses some of the orders that come while it is running."""

    def wrap(apply: Apply) -> Apply:
        def charge(command: Command, now: int) -> Outcome:
            if isinstance(command, Provision) and command.request_id != "start" and wrong(command.provisioning):
                return Outcome(Receipt("", fault), [], [], [], [], [])
            return apply(command, now)

        return charge

    wrap.__name__ = name
    wrap.__doc__ = fault
    around(wrap)


_refusing(
    "rating_group_required",
    "A split without a rating group is refused as incomplete",
    lambda order: any(not split.rating_groups for profile in order.profiles for split in profile.splits),
)
_refusing("pools_unknown", "Pool plans are refused", lambda order: any("pool" in plan.kind for plan in order.plans))
_refusing(
    "consumers_by_shop_only",
    "A prepaid plan is refused where it comes with the SIM",
    lambda order: any(plan.kind == "prepaid_individual" for plan in order.plans),
)


@around
def order_carried_out_again(apply: Apply) -> Apply:
    """An order with the request id of an earlier one is carried out again: the allowance is there twice."""
    seen: set[str] = set()

    def charge(command: Command, now: int) -> Outcome:
        outcome = apply(command, now)
        if isinstance(command, Provision):
            if command.request_id in seen:
                for sim in command.provisioning.sims:
                    apply(TopUp(sim.imsi, "wifi", "more", f"{command.request_id}/{sim.imsi}"), now)
            seen.add(command.request_id)
        return outcome

    return charge


# --- changes ----------------------------------------------------------------------------------------------------------


@around
def profile_change_at_night(apply: Apply) -> Apply:
    """A new profile is confirmed at once, and comes into force with a job at night."""

    def charge(command: Command, now: int) -> Outcome:
        if isinstance(command, ChangeProfile):
            return Outcome(Receipt(command.imsi), [], [], [], [], [])
        return apply(command, now)

    return charge


@around
def owner_inherits(apply: Apply) -> Apply:
    """Whoever buys the car gets the virtual SIM of the one who sold it, with what is left on it."""

    def charge(command: Command, now: int) -> Outcome:
        if isinstance(command, ChangeProfile) and "wifi" in command.payers:
            command = replace(command, payers={**command.payers, "wifi": "driver"})
        return apply(command, now)

    return charge


# --- identities -------------------------------------------------------------------------------------------------------


def _on_records(change: Callable[[Edr], Edr]) -> Callable[[Edr], Edr]:
    """Registers a mutant that writes records wrong; its docstring is its fault."""

    def wrap(apply: Apply) -> Apply:
        def charge(command: Command, now: int) -> Outcome:
            outcome = apply(command, now)
            outcome.edrs = [change(edr) for edr in outcome.edrs]
            return outcome

        return charge

    wrap.__name__ = change.__name__
    wrap.__doc__ = change.__doc__
    around(wrap)
    return change


@_on_records
def identities_of_a_block(edr: Edr) -> Edr:
    """Virtual SIMs that are made at the same time get the first identity of the same block."""
    if edr.mpc_imsi is None or edr.mpc_iccid is None:
        return edr
    return replace(edr, mpc_imsi=edr.mpc_imsi[:-3] + "000", mpc_iccid=edr.mpc_iccid[:-4] + "0000")


@_on_records
def check_digit_forgotten(edr: Edr) -> Edr:
    """The ICCIDs of virtual SIMs end in 0 in place of their check digit."""
    return edr if edr.mpc_iccid is None else replace(edr, mpc_iccid=edr.mpc_iccid[:-1] + "0")


@_on_records
def plan_left_out(edr: Edr) -> Edr:
    """Records of the car maker do not name the plan, which stands in the contract."""
    return replace(edr, plan_id="") if edr.party == "b2b" else edr


@_on_records
def payer_of_the_sim(edr: Edr) -> Edr:
    """Records name the owner of the SIM as the payer, whoever pays."""
    return replace(edr, account_id="acme")


@_on_records
def records_in_kilobytes(edr: Edr) -> Edr:
    """Records count whole kilobytes."""
    return replace(edr, octets_total=(edr.octets_total or 0) // 1000 * 1000)


# --- bills ------------------------------------------------------------------------------------------------------------

Documents = tuple[Document, ...]


def _writing(change: Callable[[Documents], Documents]) -> Callable[[Documents], Documents]:
    """Registers a mutant that writes other documents when a cycle is closed; its docstring is its fault."""

    def install() -> None:
        sound = close.close_cycle

        def close_cycle(cycle: Cycle, books: Books) -> CycleClose:
            closed = sound(cycle, books)
            return dataclasses.replace(closed, documents=change(closed.documents))

        setattr(close, "close_cycle", close_cycle)  # noqa: B010 - a fault is put into the room on purpose

    CREDIT.append(Mutant(change.__name__, fault_of(change), install))
    return change


def _reading(change: Callable[[tuple[Edr, ...]], tuple[Edr, ...]]) -> Callable[[tuple[Edr, ...]], tuple[Edr, ...]]:
    """Registers a mutant that closes cycles from other records; its docstring is its fault."""

    def install() -> None:
        sound = close.close_cycle

        def close_cycle(cycle: Cycle, books: Books) -> CycleClose:
            return sound(cycle, dataclasses.replace(books, edrs=change(books.edrs)))

        setattr(close, "close_cycle", close_cycle)  # noqa: B010 - a fault is put into the room on purpose

    CREDIT.append(Mutant(change.__name__, fault_of(change), install))
    return change


_OF_A_PAYER = (
    "account_id", "split_id", "party", "plan_id", "plan_version", "subscription_id", "mpc_imsi", "mpc_iccid",
)  # fmt: skip
"""What of a record says who pays."""


@_writing
def consumers_without_statement(documents: Documents) -> Documents:
    """Consumers have paid already, so they get no document."""
    return tuple(document for document in documents if document.type != "ConsumerStatement")


@_writing
def statement_of_the_whole_sim(documents: Documents) -> Documents:
    """A consumer's statement lists everything that the SIM has used."""
    uses = tuple(use for document in documents for use in document.sim_use)
    return tuple(
        replace(document, sim_use=uses) if document.type == "ConsumerStatement" else document for document in documents
    )


@_writing
def pool_for_every_sim(documents: Documents) -> Documents:
    """What a pool includes is included for each of its SIMs."""

    def included(use: SimUse) -> SimUse:
        return replace(use, octets_in_bundle=use.octets, octets_overage=0)

    return tuple(replace(document, sim_use=tuple(map(included, document.sim_use))) for document in documents)


@_reading
def interim_records_unbilled(edrs: tuple[Edr, ...]) -> tuple[Edr, ...]:
    """Only the last record of a session is billed."""
    return tuple(edr for edr in edrs if edr.record_type == "stop")


@_reading
def sim_on_one_bill(edrs: tuple[Edr, ...]) -> tuple[Edr, ...]:
    """Bills are made by SIM: all that it has used stands on its owner's."""
    owned = {edr.physical_imsi: edr for edr in edrs if edr.party == "b2b"}

    def billed(edr: Edr) -> Edr:
        owner = owned.get(edr.physical_imsi)
        if edr.party == "b2b" or owner is None:
            return edr
        names = (
            "account_id",
            "split_id",
            "party",
            "plan_id",
            "plan_version",
            "subscription_id",
            "mpc_imsi",
            "mpc_iccid",
        )
        return replace(edr, octets_debited=0, bucket_parts=(), **{name: getattr(owner, name) for name in names})

    return tuple(map(billed, edrs))
