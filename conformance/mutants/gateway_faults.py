"""All mutants of a gateway: those of its messages, and here those of what it does with what it has read."""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec

from conformance.mutants.front import in_services, rebuilt, replaced
from conformance.mutants.mutant import Mutant, fault_of
from conformance.mutants.pgw_faults import FOUND, on_asked, on_told
from conformance.wire.avp import Avp, avp
from conformance.wire.message import Message
from ocs.gy.client import GyClient
from ocs.gy.codec import Decoded
from ocs.gy.messages import Cea, FinalUnitIndication, MultipleServicesCreditControl, ReportingReason
from ocs.gy.peer import Peer
from ocs.gy.transitions import TRANSITIONS, Input, State
from ocs.units import SECOND
from sim.pgw.quota import RatingGroup
from sim.pgw.uplink import Uplink


def _in_class(name: str, fault: str, owner: type, attribute: str, value: object) -> None:
    """A mutant in which a member of one class is another."""
    FOUND.append(Mutant(name, fault, lambda: setattr(owner, attribute, value)))


# --- connections ------------------------------------------------------------------------------------------------------

_in_class(
    "trusted_at_once", "An OCS that was lost is trusted as soon as it is back", Uplink, "is_trusted",
    property(lambda uplink: uplink.is_open),
)  # fmt: skip
_in_class(
    "cause_of_disconnection_ignored", "After any DPR the gateway dials again", GyClient, "dismissed",
    property(lambda _: False),
)  # fmt: skip


def _patient_with_capabilities() -> None:
    """A CEA is waited for as long as it takes."""
    sound = Uplink._dial

    async def dial(uplink: Uplink) -> GyClient:
        uplink._timers = msgspec.structs.replace(uplink._timers, capabilities=3600 * SECOND)
        return await sound(uplink)

    setattr(Uplink, "_dial", dial)  # noqa: B010 - a fault is put into the class on purpose


def _any_answer_opens() -> None:
    """Whatever answers the CER opens the connection."""

    def take_any(peer: Peer, decoded: Decoded, octets: bytes) -> None:
        cea = Cea(
            result_code=2001, origin_host="ocs.conformance.example", origin_realm="conformance.example",
            host_ip_address=("127.0.0.1",), vendor_id=0, product_name="?",
        )  # fmt: skip
        peer._open(cea)

    setattr(Peer, "_take_any", take_any)  # noqa: B010
    TRANSITIONS[State.WAIT_CEA, Input.ANSWER] = ("take_any", State.OPEN)


def _dials_again_once() -> None:
    """A lost connection is dialled again once; if nobody listens then, somebody has to start the gateway anew."""

    async def dial_again(uplink: Uplink) -> GyClient:
        await asyncio.sleep(uplink._timers.reconnect / SECOND)
        with contextlib.suppress(OSError):
            return await uplink._dial()
        nobody: asyncio.Future[GyClient] = asyncio.get_running_loop().create_future()
        return await nobody

    setattr(Uplink, "_dial_again", dial_again)  # noqa: B010


FOUND += [
    Mutant("patient_with_capabilities", fault_of(_patient_with_capabilities), _patient_with_capabilities),
    Mutant("any_answer_opens", fault_of(_any_answer_opens), _any_answer_opens),
    Mutant("dials_again_once", fault_of(_dials_again_once), _dials_again_once),
]


# --- result codes and failures ----------------------------------------------------------------------------------------


def _coded(answer: Message, before: int, after: int) -> bytes:
    good = avp("Result-Code", after)
    told = answer.result_code == before
    return replaced(answer, lambda item: good if told and item.name == "Result-Code" else None)


@on_told
def unknown_class_is_success(answer: Message, _: Message | None) -> list[bytes]:
    """A Result-Code of a class that is not known is no failure."""
    return [_coded(answer, answer.result_code or 0, 2001) if (answer.result_code or 0) >= 6000 else answer.octets]


@on_told
def refusals_by_failure_handling(answer: Message, _: Message | None) -> list[bytes]:
    """Credit-Control-Failure-Handling decides about refusals, too: under CONTINUE the service goes on."""
    lenient = answer.tree.number("Credit-Control-Failure-Handling") == 1
    code = answer.result_code or 0
    return [_coded(answer, code, 4011) if lenient and code in (4010, 4012, 5030) else answer.octets]


@on_told
def free_service_refused(answer: Message, _: Message | None) -> list[bytes]:
    """4011 is a refusal like 4010."""
    return [_coded(answer, 4011, 4010)]


@on_told
def continues_by_itself(answer: Message, _: Message | None) -> list[bytes]:
    """The operator has set CONTINUE, whatever the OCS says."""
    name = "Credit-Control-Failure-Handling"
    if answer.tree.first(name) is None:
        return [answer.octets]
    return [replaced(answer, lambda item: avp(name, 1) if item.name == name else None)]


# --- quota ------------------------------------------------------------------------------------------------------------


def _generous_until_answered() -> None:
    """Traffic passes until the OCS has answered."""
    sound = RatingGroup.request

    def request(group: RatingGroup, now: int) -> MultipleServicesCreditControl:
        asked = sound(group, now)
        group.open_up()
        return asked

    setattr(RatingGroup, "request", request)  # noqa: B010 - a fault is put into the class on purpose


FOUND.append(Mutant("generous_until_answered", fault_of(_generous_until_answered), _generous_until_answered))


def _redirected_for_good() -> None:
    """A RAR does not end a redirection."""
    sound = RatingGroup.reauthorise

    def reauthorise(group: RatingGroup) -> None:
        if group.refusal is None:
            sound(group)

    setattr(RatingGroup, "reauthorise", reauthorise)  # noqa: B010


FOUND.append(Mutant("redirected_for_good", fault_of(_redirected_for_good), _redirected_for_good))


def _reported_without_units() -> None:
    """A redirection without units is reported like one whose units are used."""
    sound = RatingGroup._end

    def end(group: RatingGroup, final: FinalUnitIndication) -> None:
        sound(group, final)
        if group.reason is None and not group._holds:
            group.reason = ReportingReason.QUOTA_EXHAUSTED

    setattr(RatingGroup, "_end", end)  # noqa: B010


FOUND.append(Mutant("reported_without_units", fault_of(_reported_without_units), _reported_without_units))


def _refused_groups_ask_on() -> None:
    """A rating group that was refused is asked for again with its next packet."""
    sound = RatingGroup._refuse

    def refuse(group: RatingGroup, code: int, validity: int | None, _: int | None) -> None:
        sound(group, code, validity, 0)

    setattr(RatingGroup, "_refuse", refuse)  # noqa: B010


FOUND.append(Mutant("refused_groups_ask_on", fault_of(_refused_groups_ask_on), _refused_groups_ask_on))


@on_told
def final_units_without_limit(answer: Message, _: Message | None) -> list[bytes]:
    """Final units of which no number is told are as many as the user likes."""

    def service(item: Avp) -> bytes | None:
        final = item.tree.first("Final-Unit-Indication") is not None and item.tree.first("Granted-Service-Unit") is None
        if item.name != "Multiple-Services-Credit-Control" or not final:
            return None
        return avp(item.name, [avp("Granted-Service-Unit", [avp("CC-Total-Octets", 10**12)]), item.data])

    return [replaced(answer, service)]


@on_told
def every_change_reported(answer: Message, _: Message | None) -> list[bytes]:
    """Where one change of the bearer is to be reported, all are."""
    every = avp("Trigger", [avp("Trigger-Type", kind) for kind in (1, 2, 3, 4)])
    return [in_services(answer, lambda item: every if item.name == "Trigger" else None)]


@on_told
def grace_after_refusal(answer: Message, _: Message | None) -> list[bytes]:
    """After a CCR-U that was refused at command level there is a megabyte of grace."""
    if answer.tree.number("CC-Request-Type") != 2 or (answer.result_code or 0) < 4000:
        return [answer.octets]
    group = next((service.rating_group for service in answer.services), 200)
    unit = avp("Granted-Service-Unit", [avp("CC-Total-Octets", 1_000_000)])
    grace = avp("Multiple-Services-Credit-Control", [unit, avp("Rating-Group", group or 200), avp("Result-Code", 2001)])
    good = Message(_coded(answer, answer.result_code or 0, 2001))
    return [rebuilt(good, [*(item.octets for item in good.tree), grace])]


@on_told
def no_holding_time_is_a_second(answer: Message, _: Message | None) -> list[bytes]:
    """Quota-Holding-Time 0 is taken for the shortest there is."""
    short = avp("Quota-Holding-Time", 1)
    return [in_services(answer, lambda item: short if item.name == "Quota-Holding-Time" and not item.number else None)]


def _since_the_first_answer() -> None:
    """Validity-Time counts from the first answer of a session."""
    began: dict[str, float] = {}

    def told(answer: Message, _: Message | None) -> list[bytes]:
        start = began.setdefault(answer.session_id or "", time.monotonic())
        gone = int(time.monotonic() - start)

        def less(item: Avp) -> bytes | None:
            return avp(item.name, max(1, (item.number or 0) - gone)) if item.name == "Validity-Time" else None

        return [in_services(answer, less)]

    told.__name__, told.__doc__ = "validity_since_the_first_answer", _since_the_first_answer.__doc__
    on_told(told)


_since_the_first_answer()


# --- requests ---------------------------------------------------------------------------------------------------------


@on_asked
def rating_group_untold(request: Message) -> list[bytes]:
    """CCR-I asks for units without naming a rating group."""
    if request.tree.number("CC-Request-Type") != 1:
        return [request.octets]
    return [in_services(request, lambda item: b"" if item.name == "Rating-Group" else None)]


@on_asked
def time_untold(request: Message) -> list[bytes]:
    """Event-Timestamp is not sent."""
    return [replaced(request, lambda item: b"" if item.name == "Event-Timestamp" else None)]


@on_asked
def redirected_users_ask(request: Message) -> list[bytes]:
    """Every CCR-U asks for units, that of a user who is to be redirected as well."""
    if request.tree.number("CC-Request-Type") != 2:
        return [request.octets]

    def service(item: Avp) -> bytes | None:
        lacks = item.name == "Multiple-Services-Credit-Control" and item.tree.first("Requested-Service-Unit") is None
        return avp(item.name, [avp("Requested-Service-Unit", []), item.data]) if lacks else None

    return [replaced(request, service)]


MUTANTS: tuple[Mutant, ...] = tuple(FOUND)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
