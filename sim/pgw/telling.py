"""Gy in words, one line for each message, and the Result-Codes counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ocs.gy.messages import (
    Asa,
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    ErrorAnswer,
    MultipleServicesCreditControl,
    Raa,
    Rar,
    ReportingReason,
    ResultCode,
    TariffChangeUsage,
    TerminationCause,
    UsedServiceUnit,
)

_LETTERS = {CcRequestType.INITIAL: "I", CcRequestType.UPDATE: "U", CcRequestType.TERMINATION: "T"}
_PERIODS = {
    TariffChangeUsage.UNIT_BEFORE_TARIFF_CHANGE: " before the tariff change",
    TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE: " after the tariff change",
}


class Teller:
    """A `Reporter` that writes lines. `say` gets each with its session ("" for what concerns the whole gateway)."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self.requests: Counter[str] = Counter()
        """By type: I, U, T."""
        self.codes: Counter[int] = Counter()
        """Result-Codes at command level."""
        self.service_codes: Counter[tuple[int | None, int]] = Counter()
        """Result-Codes by rating group."""
        self.unanswered = 0
        self.pushes = 0
        self._say = say

    def asked(self, request: Ccr, repeated: bool) -> None:
        """See `Reporter`."""
        self.requests[_LETTERS[request.cc_request_type]] += not repeated
        self._say(request.session_id, "-> " + request_in_words(request, repeated))

    def answered(self, request: Ccr, answer: Cca | ErrorAnswer | None) -> None:
        """See `Reporter`."""
        if answer is None:
            self.unanswered += 1
        else:
            self.codes[int(answer.result_code)] += 1
        if isinstance(answer, Cca):
            for mscc in answer.multiple_services_credit_control:
                code = ResultCode.SUCCESS if mscc.result_code is None else mscc.result_code
                self.service_codes[mscc.rating_group, int(code)] += 1
        self._say(request.session_id, "<- " + answer_in_words(answer))

    def pushed(self, push: Rar | Asr, reply: Raa | Asa) -> None:
        """See `Reporter`."""
        self.pushes += 1
        which = "ASR"
        if isinstance(push, Rar):
            which = "RAR" if push.rating_group is None else f"RAR {push.rating_group}"
        self._say(push.session_id, f"<- {which}, answered {code_in_words(reply.result_code)}")

    def connection(self, news: str) -> None:
        """See `Reporter`."""
        self._say("", news)


def request_in_words(request: Ccr, repeated: bool) -> str:
    """`CCR-U 3  200: used 4,000,000 (quota exhausted), asks`."""
    words = f"CCR-{_LETTERS[request.cc_request_type]} {request.cc_request_number}"
    if repeated:
        words += " again"
    if request.termination_cause is not None:
        words += f" ({TerminationCause(request.termination_cause).name.lower().replace('_', ' ')})"
    services = [_service_asks(mscc) for mscc in request.multiple_services_credit_control]
    return "  ".join([words, "; ".join(services)]).rstrip()


def answer_in_words(answer: Cca | ErrorAnswer | None) -> str:
    """`2001 SUCCESS  200: 4,000,000 octets, 3,600 s`."""
    if answer is None:
        return "no answer"
    words = code_in_words(answer.result_code)
    if isinstance(answer, ErrorAnswer):
        return f"{words} (protocol error)" + _message(answer.error_message)
    services = [_service_gets(mscc) for mscc in answer.multiple_services_credit_control]
    return "  ".join([words, "; ".join(services)]).rstrip() + _message(answer.error_message)


def code_in_words(code: int) -> str:
    """`4012 CREDIT_LIMIT_REACHED`."""
    try:
        return f"{int(code)} {ResultCode(code).name}"
    except ValueError:
        return str(code)


def _message(text: str | None) -> str:
    return "" if text is None else f"  ({text})"


def _service_asks(mscc: MultipleServicesCreditControl) -> str:
    words = [
        f"used {_octets(unit):,}" + _PERIODS.get(unit.tariff_change_usage, "")  # type: ignore[arg-type]
        for unit in mscc.used_service_unit
    ]
    reasons = [*mscc.reporting_reason, *(unit.reporting_reason for unit in mscc.used_service_unit[:1])]
    told = [ReportingReason(reason).name.lower().replace("_", " ") for reason in reasons if reason is not None]
    if told:
        words.append(f"({', '.join(told)})")
    if mscc.requested_service_unit is not None:
        words.append("asks")
    return f"{_service(mscc)}: {' '.join(words)}"


def _service(mscc: MultipleServicesCreditControl) -> str:
    return "all" if mscc.rating_group is None else str(mscc.rating_group)


def _octets(used: UsedServiceUnit) -> int:
    """In all, be it told in two parts."""
    if used.cc_total_octets is not None:
        return used.cc_total_octets
    return (used.cc_input_octets or 0) + (used.cc_output_octets or 0)


def _service_gets(mscc: MultipleServicesCreditControl) -> str:
    words = []
    if mscc.result_code is not None and mscc.result_code != ResultCode.SUCCESS:
        words.append(code_in_words(mscc.result_code))
    granted = mscc.granted_service_unit
    if granted is not None and granted.cc_total_octets is not None:
        words.append(f"{granted.cc_total_octets:,} octets")
    if mscc.validity_time is not None:
        words.append(f"{mscc.validity_time:,} s")
    if mscc.final_unit_indication is not None:
        action = mscc.final_unit_indication.final_unit_action.name.lower().replace("_", " ")
        words.append(f"final units, then {action}")
    return f"{_service(mscc)}: {', '.join(words) or 'noted'}"
