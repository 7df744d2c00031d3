"""Mutants of answers as they are put together: what stands beside a grant, at which level, and in which unit."""

from __future__ import annotations

from collections.abc import Callable

from conformance.mutants.front import in_services, rebuilt, replaced
from conformance.mutants.wire_faults import on_answers
from conformance.wire.avp import Avp, avp
from conformance.wire.message import CCR, Message

_TOTAL_OCTETS = 2


def _in_every_service(name: str, fault: str, change: Callable[[Avp], bytes | None]) -> None:
    """A mutant each of whose MSCCs is what `change` makes of it; None leaves it as it is."""

    def answers(answer: Message, _: Message | None) -> list[bytes]:
        if answer.command != CCR:
            return [answer.octets]

        def service(item: Avp) -> bytes | None:
            return change(item) if item.name == "Multiple-Services-Credit-Control" else None

        return [replaced(answer, service)]

    answers.__name__ = name
    answers.__doc__ = fault
    on_answers(answers)


def _beside_grants(name: str, fault: str, *avps: bytes) -> None:
    """A mutant that puts AVPs into every MSCC with a grant."""

    def granted(item: Avp) -> bytes | None:
        return avp(item.name, [item.data, *avps]) if item.tree.first("Granted-Service-Unit") is not None else None

    _in_every_service(name, fault, granted)


def _inside_grants(name: str, fault: str, change: Callable[[Avp], bytes | None]) -> None:
    """A mutant each of whose Granted-Service-Units in an MSCC is what `change` makes of it."""

    def answers(answer: Message, _: Message | None) -> list[bytes]:
        return [in_services(answer, lambda item: change(item) if item.name == "Granted-Service-Unit" else None)]

    answers.__name__ = name
    answers.__doc__ = fault
    on_answers(answers)


# --- AVPs that do not belong to octets --------------------------------------------------------------------------------

_beside_grants(
    "thresholds_of_every_unit", "Grants of octets bear a Time-Quota-Threshold, too", avp("Time-Quota-Threshold", 10)
)
_beside_grants(
    "threshold_of_a_gigabyte", "Volume-Quota-Threshold is a gigabyte, whatever is granted",
    avp("Volume-Quota-Threshold", 10**9),
)  # fmt: skip
_beside_grants("unit_threshold_everywhere", "Unit-Quota-Threshold stands beside grants of octets",
               avp("Unit-Quota-Threshold", 1))  # fmt: skip
_beside_grants(
    "consumption_time_everywhere", "Quota-Consumption-Time stands beside every grant", avp("Quota-Consumption-Time", 10)
)
_beside_grants("units_indeterminate", "Grants are marked UNIT_INDETERMINATE", avp("Tariff-Change-Usage", 2))
_beside_grants("units_before_change_alone", "Grants are for before a tariff change, and none is for after it",
               avp("Tariff-Change-Usage", 0))  # fmt: skip
_beside_grants("unknown_trigger", "Triggers of a kind that only this OCS knows are armed",
               avp("Trigger", [avp("Trigger-Type", 4711)]))  # fmt: skip
_beside_grants("pool_by_number_alone", "G-S-U-Pool-Reference names a pool, and no unit",
               avp("G-S-U-Pool-Reference", [avp("G-S-U-Pool-Identifier", 1)]))  # fmt: skip
_POOL = avp(
    "G-S-U-Pool-Reference",
    [
        avp("G-S-U-Pool-Identifier", 1),
        avp("CC-Unit-Type", _TOTAL_OCTETS),
        avp("Unit-Value", [avp("Value-Digits", 1)]),
    ],
)
_beside_grants("pool_twice", "A pool is referred to twice in the same unit", _POOL, _POOL)


@on_answers
def holding_time_of_the_session(answer: Message, _: Message | None) -> list[bytes]:
    """Quota-Holding-Time stands at command level, for all services."""
    if answer.command != CCR or not answer.any_grant:
        return [answer.octets]
    return [rebuilt(answer, [*(item.octets for item in answer.tree), avp("Quota-Holding-Time", 60)])]


@on_answers
def trigger_of_the_session(answer: Message, _: Message | None) -> list[bytes]:
    """Triggers are armed at command level, for all services."""
    if answer.command != CCR or not answer.any_grant:
        return [answer.octets]
    trigger = avp("Trigger", [avp("Trigger-Type", 4)])
    return [rebuilt(answer, [*(item.octets for item in answer.tree), trigger])]


# --- grants -----------------------------------------------------------------------------------------------------------


@on_answers
def grant_at_command_level(answer: Message, _: Message | None) -> list[bytes]:
    """The grant stands beside the MSCC, at command level."""
    if answer.command != CCR:
        return [answer.octets]
    grants = [item.octets for item in answer.tree.all("Multiple-Services-Credit-Control", "Granted-Service-Unit")]
    bare = Message(in_services(answer, lambda item: b"" if item.name == "Granted-Service-Unit" else None))
    return [rebuilt(bare, [*(item.octets for item in bare.tree), *grants[:1]])]


def _twice(item: Avp) -> bytes:
    return avp(item.name, [item.data, *(one.octets for one in item.tree.all("CC-Total-Octets"))])


_inside_grants("octets_twice", "CC-Total-Octets stands twice in a grant", _twice)


def _in_seconds(item: Avp) -> bytes | None:
    octets = item.tree.number("CC-Total-Octets")
    return None if octets is None else avp(item.name, [avp("CC-Time", min(octets // 1_000_000, 2**31))])


@on_answers
def other_unit_in_updates(answer: Message, _: Message | None) -> list[bytes]:
    """CCR-U are granted seconds where CCR-I was granted octets."""
    if answer.tree.number("CC-Request-Type") != 2:
        return [answer.octets]
    return [in_services(answer, lambda item: _in_seconds(item) if item.name == "Granted-Service-Unit" else None)]


def _with_tariff_change(item: Avp) -> bytes | None:
    if item.tree.first("CC-Time") is None:
        return None
    return avp(item.name, [avp("Tariff-Time-Change", 4_000_000_000), item.data])


_inside_grants("tariff_change_of_time", "Grants of time tell when the tariff changes", _with_tariff_change)


def _of_one_group(item: Avp) -> bytes | None:
    rest = [one.octets for one in item.tree if one.name != "Rating-Group"]
    return avp(item.name, rest)


_in_every_service("rating_group_lost", "MSCCs of an answer do not name their rating group", _of_one_group)


@on_answers
def one_service_answered(answer: Message, _: Message | None) -> list[bytes]:
    """The first MSCC of a request is answered, and no other."""
    services = [item.octets for item in answer.tree.all("Multiple-Services-Credit-Control")]
    if len(services) < 2:
        return [answer.octets]
    kept = [item.octets for item in answer.tree if item.name != "Multiple-Services-Credit-Control"]
    return [rebuilt(answer, [*kept, services[0]])]


# --- final units ------------------------------------------------------------------------------------------------------


def _final(name: str, fault: str, change: Callable[[Avp], bytes | None]) -> None:
    """A mutant each of whose Final-Unit-Indications is what `change` makes of it."""

    def answers(answer: Message, _: Message | None) -> list[bytes]:
        return [in_services(answer, lambda item: change(item) if item.name == "Final-Unit-Indication" else None)]

    answers.__name__ = name
    answers.__doc__ = fault
    on_answers(answers)


def _with_address(item: Avp) -> bytes | None:
    if item.tree.number("Final-Unit-Action") != 0:
        return None
    server = [avp("Redirect-Address-Type", 2), avp("Redirect-Server-Address", "http://topup.example/")]
    return avp(item.name, [item.data, avp("Redirect-Server", server)])


_final("terminate_with_address", "TERMINATE bears the address of the top-up page as well", _with_address)
_final("action_left_out", "Final-Unit-Indication without Final-Unit-Action means TERMINATE",
       lambda item: avp(item.name, [one.octets for one in item.tree if one.name != "Final-Unit-Action"]))  # fmt: skip
_final("final_units_of_rfc_8506_only", "Final units are told in QoS-Final-Unit-Indication alone",
       lambda item: avp("QoS-Final-Unit-Indication", item.data))  # fmt: skip


@on_answers
def final_units_in_place_of_4012(answer: Message, _: Message | None) -> list[bytes]:
    """An empty account is told by Final-Unit-Indication: TERMINATE without a grant, in place of 4012."""
    if answer.tree.number("CC-Request-Type") != 1 or answer.result_code not in (2001, 4012):
        return [answer.octets]
    empty = answer.result_code == 4012 or any(service.result_code == 4012 for service in answer.services)
    if not empty:
        return [answer.octets]
    good, final = avp("Result-Code", 2001), avp("Final-Unit-Indication", [avp("Final-Unit-Action", 0)])

    def told(item: Avp) -> bytes | None:
        if item.name == "Result-Code":
            return good
        if item.name != "Multiple-Services-Credit-Control":
            return None
        inner = [good if one.name == "Result-Code" else one.octets for one in item.tree]
        return avp(item.name, [*inner, final])

    return [replaced(answer, told)]


@on_answers
def report_without_validity(answer: Message, request: Message | None) -> list[bytes]:
    """The answer to a report that asks for nothing has no Validity-Time."""
    asks = request is None or any(service.tree.first("Requested-Service-Unit") for service in request.services)
    if asks or answer.tree.number("CC-Request-Type") != 2:
        return [answer.octets]
    return [in_services(answer, lambda item: b"" if item.name == "Validity-Time" else None)]


# --- events -----------------------------------------------------------------------------------------------------------


@on_answers
def events_without_units(answer: Message, _: Message | None) -> list[bytes]:
    """The answer to an event does not say how much was debited or refunded."""
    if answer.tree.number("CC-Request-Type") != 4:
        return [answer.octets]
    kept = [item.octets for item in answer.tree if item.name != "Granted-Service-Unit"]
    bare = Message(rebuilt(answer, kept))
    return [in_services(bare, lambda item: b"" if item.name == "Granted-Service-Unit" else None)]


@on_answers
def price_untold(answer: Message, _: Message | None) -> list[bytes]:
    """A price enquiry is answered without Cost-Information."""
    return [replaced(answer, lambda item: b"" if item.name == "Cost-Information" else None)]


@on_answers
def balance_untold(answer: Message, _: Message | None) -> list[bytes]:
    """A balance check is answered by its Result-Code alone."""
    return [replaced(answer, lambda item: b"" if item.name == "Check-Balance-Result" else None)]
