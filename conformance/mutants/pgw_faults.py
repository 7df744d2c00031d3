"""Mutants of a gateway: what it sends and what it reads, changed on its way as a careless client would."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from conformance.mutants.front import Answers, Requests, in_services, install, rebuilt, replaced, without
from conformance.mutants.mutant import Mutant, fault_of
from conformance.wire.avp import Avp, avp
from conformance.wire.message import ASR, CCR, RAR, T_FLAG, Message

FOUND: list[Mutant] = []
"""Written down here and in `gateway_faults`."""


def on_asked(change: Requests) -> Requests:
    """Registers a mutant that sends wrong CCRs; its docstring is its fault."""

    def only_ccr(message: Message) -> list[bytes]:
        return change(message) if message.command == CCR else [message.octets]

    FOUND.append(Mutant(change.__name__, fault_of(change), lambda: install(asked=only_ccr)))
    return change


def on_told(change: Answers) -> Answers:
    """Registers a mutant that misreads CCAs; its docstring is its fault."""

    def only_cca(message: Message, request: Message | None) -> list[bytes]:
        return change(message, request) if message.command == CCR else [message.octets]

    FOUND.append(Mutant(change.__name__, fault_of(change), lambda: install(told=only_cca)))
    return change


def _ignoring(name: str, *avps: str) -> None:
    """A mutant that does not look at some AVPs of an MSCC in answers."""

    def change(answer: Message, _: Message | None) -> list[bytes]:
        return [in_services(answer, lambda item: b"" if item.name in avps else None)]

    change.__name__ = name
    change.__doc__ = f"{' and '.join(avps)} in an MSCC is not looked at."
    on_told(change)


_ignoring("validity_ignored", "Validity-Time")
_ignoring("holding_time_ignored", "Quota-Holding-Time")
_ignoring("threshold_ignored", "Volume-Quota-Threshold")
_ignoring("triggers_ignored", "Trigger")
_ignoring("final_units_ignored", "Final-Unit-Indication")


def _in_grants(answer: Message, change: Callable[[Avp], bytes | None]) -> bytes:
    """An answer each of whose AVPs inside Granted-Service-Units is what `change` makes of it."""

    def unit(item: Avp) -> bytes | None:
        if item.name != "Granted-Service-Unit":
            return None
        return avp(item.name, [one.octets if (new := change(one)) is None else new for one in item.tree])

    return in_services(answer, unit)


@on_told
def tariff_change_ignored(answer: Message, _: Message | None) -> list[bytes]:
    """Tariff-Time-Change is skipped: all that passes has one price."""
    return [_in_grants(answer, lambda item: b"" if item.name == "Tariff-Time-Change" else None)]


@on_told
def money_counted_as_octets(answer: Message, _: Message | None) -> list[bytes]:
    """A grant of money is taken for a grant without limit."""
    plenty = avp("CC-Total-Octets", 10**12)
    return [_in_grants(answer, lambda item: plenty if item.name == "CC-Money" else None)]


@on_told
def unknown_final_action_skipped(answer: Message, _: Message | None) -> list[bytes]:
    """A Final-Unit-Indication with an action that is not known is skipped."""

    def final(item: Avp) -> bytes | None:
        unknown = item.name == "Final-Unit-Indication" and (item.tree.number("Final-Unit-Action") or 0) > 2
        return b"" if unknown else None

    return [in_services(answer, final)]


@on_told
def every_session_moves(answer: Message, _: Message | None) -> list[bytes]:
    """Sessions go on at the second OCS whatever CC-Session-Failover says."""
    return (
        [rebuilt(answer, [*(item.octets for item in answer.tree), avp("CC-Session-Failover", 1)])]
        if (answer.tree.first("CC-Session-Failover") is None)
        else [replaced(answer, lambda item: avp(item.name, 1) if item.name == "CC-Session-Failover" else None)]
    )


@on_told
def no_session_moves(answer: Message, _: Message | None) -> list[bytes]:
    """CC-Session-Failover is not looked at: sessions stay where they began."""
    return [without(answer, "CC-Session-Failover")]


@on_told
def command_level_ignored(answer: Message, _: Message | None) -> list[bytes]:
    """The command's Result-Code is not looked at where an MSCC says 2001."""
    good = avp("Result-Code", 2001)
    return [replaced(answer, lambda item: good if item.name == "Result-Code" else None)]


@on_told
def refusal_of_one_is_of_all(answer: Message, _: Message | None) -> list[bytes]:
    """A refusal of one rating group is taken for the whole session."""
    codes = [service.result_code for service in answer.services if (service.result_code or 2001) >= 3000]
    if not codes:
        return [answer.octets]
    bad = avp("Result-Code", codes[0] or 0)
    return [replaced(answer, lambda item: bad if item.name == "Result-Code" else None)]


@on_told
def failure_handling_ignored(answer: Message, _: Message | None) -> list[bytes]:
    """Credit-Control-Failure-Handling of the OCS is not looked at."""
    return [without(answer, "Credit-Control-Failure-Handling")]


@on_told
def missing_code_is_failure(answer: Message, _: Message | None) -> list[bytes]:
    """An MSCC without Result-Code is a failure."""

    def service(item: Avp) -> bytes | None:
        if item.name != "Multiple-Services-Credit-Control" or item.tree.first("Result-Code") is not None:
            return None
        return avp(item.name, [item.data, avp("Result-Code", 5012)])

    return [replaced(answer, service)]


def _cumulative() -> Requests:
    totals: dict[tuple[str | None, int | None], int] = {}

    def usage_cumulative(request: Message) -> list[bytes]:
        """Used units are counted from the start of the session."""
        groups = iter([service.rating_group for service in request.services])

        def service(item: Avp) -> bytes | None:
            if item.name != "Multiple-Services-Credit-Control":
                return None
            key = request.session_id, next(groups, None)

            def used(one: Avp) -> bytes:
                if one.name != "CC-Total-Octets":
                    return one.octets
                totals[key] = totals.get(key, 0) + (one.number or 0)
                return avp("CC-Total-Octets", totals[key])

            return avp(
                item.name,
                [
                    avp(inner.name, [used(one) for one in inner.tree])
                    if inner.name == "Used-Service-Unit"
                    else inner.octets
                    for inner in item.tree
                ],
            )

        return [replaced(request, service)]

    return usage_cumulative


on_asked(_cumulative())


@on_asked
def final_report_forgotten(request: Message) -> list[bytes]:
    """The final report is forgotten."""
    if request.tree.number("CC-Request-Type") != 3:
        return [request.octets]
    return [without(request, "Multiple-Services-Credit-Control")]


@on_asked
def reasons_missing(request: Message) -> list[bytes]:
    """Reporting-Reason is never sent."""

    def service(item: Avp) -> bytes | None:
        if item.name == "Reporting-Reason":
            return b""
        if item.name == "Used-Service-Unit":
            return avp(item.name, [one.octets for one in item.tree if one.name != "Reporting-Reason"])
        return None

    return [in_services(request, service)]


@on_asked
def directions_swapped(request: Message) -> list[bytes]:
    """Uplink and downlink octets change places."""
    other = {"CC-Input-Octets": "CC-Output-Octets", "CC-Output-Octets": "CC-Input-Octets"}

    def service(item: Avp) -> bytes | None:
        if item.name != "Used-Service-Unit":
            return None
        return avp(item.name, [avp(other.get(one.name, one.name), one.data) for one in item.tree])

    return [in_services(request, service)]


@on_asked
def total_never_reported(request: Message) -> list[bytes]:
    """Only input and output octets are reported, whatever was granted."""

    def service(item: Avp) -> bytes | None:
        if item.name != "Used-Service-Unit":
            return None
        return avp(item.name, [one.octets for one in item.tree if one.name != "CC-Total-Octets"])

    return [in_services(request, service)]


@on_asked
def t_bit_never(request: Message) -> list[bytes]:
    """The T bit is never set."""
    return [rebuilt(request, flags=request.flags & ~T_FLAG)]


@on_asked
def t_bit_always(request: Message) -> list[bytes]:
    """The T bit is always set."""
    return [rebuilt(request, flags=request.flags | T_FLAG)]


@on_asked
def session_id_changes(request: Message) -> list[bytes]:
    """Every CCR has a Session-Id of its own."""
    number = request.tree.number("CC-Request-Number")
    return [
        replaced(
            request, lambda item: avp("Session-Id", f"{item.text};{number}") if item.name == "Session-Id" else None
        )
    ]


@on_asked
def indicator_missing(request: Message) -> list[bytes]:
    """Multiple-Services-Indicator is not sent."""
    return [without(request, "Multiple-Services-Indicator")]


@on_asked
def cause_missing(request: Message) -> list[bytes]:
    """Termination-Cause is not sent."""
    return [without(request, "Termination-Cause")]


@on_asked
def session_id_without_host(request: Message) -> list[bytes]:
    """Session-Ids are random numbers."""

    def bare(item: Avp) -> bytes | None:
        return avp("Session-Id", f"{zlib.crc32(item.data):x}") if item.name == "Session-Id" else None

    return [replaced(request, bare)]


@on_asked
def end_to_end_of_one(request: Message) -> list[bytes]:
    """Every request has the same End-to-End id."""
    return [rebuilt(request, end_to_end=1)]


@on_asked
def information_missing(request: Message) -> list[bytes]:
    """Service-Information is sent in CCR-I alone."""
    first = request.tree.number("CC-Request-Type") == 1
    return [request.octets if first else without(request, "Service-Information")]


@on_asked
def bearer_untold(request: Message) -> list[bytes]:
    """PS-Information holds the APN and nothing else."""

    def only_apn(item: Avp) -> bytes | None:
        if item.name != "Service-Information":
            return None
        names = [one.octets for one in item.tree.all("PS-Information", "Called-Station-Id")]
        return avp(item.name, [avp("PS-Information", names)])

    return [replaced(request, only_apn)]


@on_asked
def reason_at_command_level(request: Message) -> list[bytes]:
    """Reporting-Reason is put beside the MSCCs."""
    if request.tree.number("CC-Request-Type") == 1:
        return [request.octets]
    return [rebuilt(request, [*(item.octets for item in request.tree), avp("Reporting-Reason", 3)])]


@on_asked
def result_code_in_requests(request: Message) -> list[bytes]:
    """CCR-U repeat the Result-Code of the answer before."""
    if request.tree.number("CC-Request-Type") == 1:
        return [request.octets]
    return [rebuilt(request, [*(item.octets for item in request.tree), avp("Result-Code", 2001)])]


@on_asked
def application_left_out(request: Message) -> list[bytes]:
    """Auth-Application-Id is left out: it stands in the header."""
    return [without(request, "Auth-Application-Id")]


@on_asked
def requested_units_in_the_last(request: Message) -> list[bytes]:
    """CCR-T asks for units."""
    if request.tree.number("CC-Request-Type") != 3:
        return [request.octets]

    def service(item: Avp) -> bytes | None:
        asks = avp("Requested-Service-Unit", [])
        return avp(item.name, [item.data, asks]) if item.name == "Multiple-Services-Credit-Control" else None

    return [replaced(request, service)]


def _numbers(change: Callable[[int], int], back: Callable[[int], int]) -> Callable[[], None]:
    """CC-Request-Numbers on the wire are others than those that the gateway knows."""

    def with_number(message: Message, number: Callable[[int], int]) -> list[bytes]:
        if message.command != CCR:
            return [message.octets]

        def one(item: Avp) -> bytes | None:
            return avp(item.name, number(item.number or 0)) if item.name == "CC-Request-Number" else None

        return [replaced(message, one)]

    return lambda: install(
        asked=lambda request: with_number(request, change), told=lambda answer, _: with_number(answer, back)
    )


FOUND.append(
    Mutant(
        "numbers_from_1",
        "CC-Request-Number begins at 1",
        _numbers(lambda number: number + 1, lambda number: number - 1),
    )
)


def _pushes_agreed(answer: Message, _: Message | None) -> list[bytes]:
    if answer.command not in (RAR, ASR):
        return [answer.octets]
    good = avp("Result-Code", 2001)
    return [replaced(answer, lambda item: good if item.name == "Result-Code" else None)]


FOUND.append(
    Mutant(
        "pushes_always_2001",
        "RAR and ASR are answered 2001, whatever they are",
        lambda: install(answers=_pushes_agreed),
    )
)


def _pushes_dropped(request: Message) -> list[bytes]:
    return [] if request.command in (RAR, ASR) else [request.octets]


FOUND.append(Mutant("pushes_unknown", "RAR and ASR are not understood", lambda: install(requests=_pushes_dropped)))
