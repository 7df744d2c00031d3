"""Messages of a ladder as words, and answers from words. Octets stand as `4MB`, `0.3MB`, `100kB` or bare numbers.

Requests: `I|U|T <number> [repeat] [cause <Termination-Cause>] | <service>; <service> ...`, where a service reads
`<rating group> [used V] [before V] [after V] [ask] [reason R] [trigger N]`.
Answers: `<Result-Code> [ccfh X] | <service>; ...`, where a service reads `<rating group, or -> <Result-Code, or -> [V]
[<n>t] [<validity>s] [final|redirect|restrict] [change <seconds from the start>] [threshold V] [holding Ns] [trigger N]`
(`<n>e`: events; codes 3xxx come as a protocol error). `silence` is no answer at all.
"""

from __future__ import annotations

from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    CreditControlFailureHandling,
    ErrorAnswer,
    FinalUnitAction,
    FinalUnitIndication,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    RedirectAddressType,
    RedirectServer,
    RequestedServiceUnit,
    TariffChangeUsage,
    TerminationCause,
    Trigger,
    UsedServiceUnit,
)
from ocs.units import SECOND
from tests.charging.player import START, octets
from tests.charging.seen import described

KINDS = {CcRequestType.INITIAL: "I", CcRequestType.UPDATE: "U", CcRequestType.TERMINATION: "T"}
PARTS = {
    None: "used",
    TariffChangeUsage.UNIT_BEFORE_TARIFF_CHANGE: "before",
    TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE: "after",
}
FINAL = {
    "final": FinalUnitIndication(final_unit_action=FinalUnitAction.TERMINATE),
    "redirect": FinalUnitIndication(
        final_unit_action=FinalUnitAction.REDIRECT,
        redirect_server=RedirectServer(
            redirect_address_type=RedirectAddressType.URL, redirect_server_address="https://topup.example/"
        ),
    ),
    "restrict": FinalUnitIndication(final_unit_action=FinalUnitAction.RESTRICT_ACCESS, filter_id=("topup",)),
}


def request_words(ccr: Ccr, repeated: bool) -> str:
    """A CCR; whatever every CCR must bear is checked on the way."""
    words = [KINDS[ccr.cc_request_type], str(ccr.cc_request_number)]
    if repeated:
        words.append("repeat")
    if ccr.termination_cause is not None:
        words += ["cause", TerminationCause(ccr.termination_cause).name]
    assert (ccr.termination_cause is not None) == (ccr.cc_request_type is CcRequestType.TERMINATION)
    services = [_service_words(mscc) for mscc in ccr.multiple_services_credit_control]
    return " ".join(words) + (" | " + "; ".join(services) if services else "")


def _service_words(mscc: MultipleServicesCreditControl) -> str:
    words = [str(mscc.rating_group)]
    reasons = [reason.name for reason in mscc.reporting_reason]
    for used in mscc.used_service_unit:
        words.append(f"{PARTS[used.tariff_change_usage]} {_total(used)}")
    if mscc.used_service_unit and mscc.used_service_unit[0].reporting_reason is not None:
        assert len({used.reporting_reason for used in mscc.used_service_unit}) == 1
        reasons.append(f"in-unit {mscc.used_service_unit[0].reporting_reason.name}")
    if mscc.requested_service_unit is not None:
        assert mscc.requested_service_unit == RequestedServiceUnit(), "the OCS is to choose the quota"
        words.append("ask")
    words += [f"reason {reason}" for reason in reasons]
    if mscc.trigger is not None:
        words += [f"trigger {kind}" for kind in mscc.trigger.trigger_type]
    return " ".join(words)


def _total(used: UsedServiceUnit) -> int:
    assert used.cc_total_octets is not None
    assert used.cc_total_octets == (used.cc_input_octets or 0) + (used.cc_output_octets or 0)
    return used.cc_total_octets


def answer_words(answer: Cca) -> str:
    """A CCA as the words that `answer` reads."""
    words = [str(int(answer.result_code))]
    if answer.credit_control_failure_handling is not None:
        words.append(f"ccfh {answer.credit_control_failure_handling.name}")
    services = [described(mscc) for mscc in answer.multiple_services_credit_control]
    return " ".join(words) + (" | " + "; ".join(services) if services else "")


def answer(words: str, ccr: Ccr) -> Cca | ErrorAnswer | None:
    """The answer to `ccr` that the words tell."""
    if words == "silence":
        return None
    head, _, tail = words.partition("|")
    code, *more = head.split()
    if code.startswith("3"):
        return ErrorAnswer(result_code=int(code), origin_host="relay.example", origin_realm="example")
    return Cca(
        session_id=ccr.session_id,
        result_code=int(code),
        origin_host="ocs.example",
        origin_realm="example",
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
        credit_control_failure_handling=CreditControlFailureHandling[more[1]] if more[:1] == ["ccfh"] else None,
        multiple_services_credit_control=tuple(_service(text) for text in tail.split(";") if text.strip()),
    )


def _service(text: str) -> MultipleServicesCreditControl:
    group, code, *words = text.split()
    mscc = MultipleServicesCreditControl(
        rating_group=None if group == "-" else int(group), result_code=None if code == "-" else int(code)
    )
    granted = GrantedServiceUnit()
    rest = iter(words)
    for word in rest:
        if word in FINAL:
            mscc.final_unit_indication = FINAL[word]
        elif word == "change":
            granted.tariff_time_change = START // SECOND + int(next(rest))
        elif word == "threshold":
            mscc.volume_quota_threshold = octets(next(rest))
        elif word == "holding":
            mscc.quota_holding_time = int(next(rest).removesuffix("s"))
        elif word == "trigger":
            mscc.trigger = Trigger(trigger_type=(*(mscc.trigger.trigger_type if mscc.trigger else ()), int(next(rest))))
        elif word.endswith("s"):
            mscc.validity_time = int(word.removesuffix("s"))
        elif word.endswith("e"):
            granted.cc_service_specific_units = int(word.removesuffix("e"))
        else:
            granted.cc_total_octets = octets(word)
    if granted != GrantedServiceUnit():
        mscc.granted_service_unit = granted
    return mscc
