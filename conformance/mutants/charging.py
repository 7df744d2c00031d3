"""Faults of charging: functions put around the engine's one door."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from ocs.charging.commands import Charge, Command, Outcome
from ocs.gy.messages import Cca, Ccr, FailedAvp, GrantedServiceUnit, MultipleServicesCreditControl, ResultCode
from ocs.inventory.provisioning import Provisioning

Apply = Callable[[Command, int], Outcome]
"""`Engine.apply`, or what stands in front of it."""
Wrap = Callable[[Apply], Apply]

WRAPS: list[Wrap] = []
"""What a mutant has put around the engine of this process."""
PROVISIONING: list[Callable[[Provisioning], Provisioning]] = []
"""What a mutant does to the catalogue on its way in."""


def answered(outcome: Outcome) -> Cca:
    """The CCA of an outcome."""
    assert isinstance(outcome.answer, Cca)
    return outcome.answer


def refusal(ccr: Ccr, code: int, like: Cca | None = None) -> Outcome:
    """An outcome that did nothing but refuse."""
    host, realm = (
        ("ocs.splitsim.example", "splitsim.example") if like is None else (like.origin_host, like.origin_realm)
    )
    answer = Cca(
        session_id=ccr.session_id,
        result_code=code,
        origin_host=host,
        origin_realm=realm,
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
        failed_avp=(FailedAvp(octets=bytes.fromhex("000001a04000000c00000000")),) if code >= 5004 else (),
    )
    return Outcome(answer, [], [], [], [], [])


def services(ccr: Ccr, change: Callable[[MultipleServicesCreditControl], MultipleServicesCreditControl]) -> Ccr:
    """A CCR each of whose MSCCs is what `change` makes of it."""
    return replace(ccr, multiple_services_credit_control=tuple(change(m) for m in ccr.multiple_services_credit_control))


def refused(answer: Cca, code: int = ResultCode.CREDIT_LIMIT_REACHED) -> bool:
    """Whether an answer refuses with `code`, at command level or in an MSCC."""
    return answer.result_code == code or any(m.result_code == code for m in answer.multiple_services_credit_control)


def granting(ccr: Ccr, answer: Cca, octets: int, groups: Iterable[int | None], **more: object) -> Cca:
    """An answer that grants `octets` to rating groups, whatever it said of them before."""
    wanted = set(groups)
    unit = GrantedServiceUnit(cc_total_octets=octets)
    kept = [m for m in answer.multiple_services_credit_control if m.rating_group not in wanted]
    new = [
        MultipleServicesCreditControl(
            rating_group=m.rating_group,
            granted_service_unit=unit,
            result_code=ResultCode.SUCCESS,
            **more,  # type: ignore[arg-type]
        )
        for m in ccr.multiple_services_credit_control
        if m.rating_group in wanted
    ]
    return replace(answer, result_code=ResultCode.SUCCESS, multiple_services_credit_control=(*kept, *new))


def with_ccr(change: Callable[[Ccr], Ccr]) -> Wrap:
    """A wrap that changes every CCR on its way in; the answer keeps the identity of what was sent."""

    def wrap(apply: Apply) -> Apply:
        def charge(command: Command, now: int) -> Outcome:
            if not isinstance(command, Charge):
                return apply(command, now)
            outcome = apply(replace(command, ccr=change(command.ccr)), now)
            answer = answered(outcome)
            outcome.answer = replace(
                answer,
                session_id=command.ccr.session_id,
                cc_request_number=command.ccr.cc_request_number,
                cc_request_type=command.ccr.cc_request_type,
            )
            return outcome

        return charge

    return wrap


def with_answer(change: Callable[[Ccr, Cca], Cca]) -> Wrap:
    """A wrap that changes every CCA on its way out."""

    def wrap(apply: Apply) -> Apply:
        def charge(command: Command, now: int) -> Outcome:
            outcome = apply(command, now)
            if isinstance(command, Charge):
                outcome.answer = change(command.ccr, answered(outcome))
            return outcome

        return charge

    return wrap


def at_apn(ccr: Ccr, apn: str | None) -> Ccr:
    """The CCR with another APN."""
    information = ccr.service_information
    if information is None or information.ps_information is None:
        return ccr
    inner = replace(information.ps_information, called_station_id=apn)
    return replace(ccr, service_information=replace(information, ps_information=inner))


def on_bearer_of(ccr: Ccr, name: str) -> Ccr:
    """The CCR with a Charging-Id that no other session has."""
    information = ccr.service_information
    if information is None or information.ps_information is None:
        return ccr
    inner = replace(information.ps_information, charging_id=zlib.crc32(name.encode()))
    return replace(ccr, service_information=replace(information, ps_information=inner))


def apn_of(ccr: Ccr) -> str | None:
    """Its APN."""
    information = ccr.service_information
    return information.ps_information.called_station_id if information and information.ps_information else None
