"""What an outcome looks like in the words of a worked case, and where it is not what the case says."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ocs.charging.commands import Outcome, Receipt
from ocs.gy.dictionary import BY_CODE
from ocs.gy.messages import (
    Cca,
    CheckBalanceResult,
    CreditControlFailureHandling,
    FinalUnitAction,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    Rar,
)
from ocs.records.edr import Edr
from ocs.units import SECOND
from tests.charging.player import START, Player, octets

ACTIONS = {
    FinalUnitAction.TERMINATE: "final",
    FinalUnitAction.REDIRECT: "redirect",
    FinalUnitAction.RESTRICT_ACCESS: "restrict",
}


def described(mscc: MultipleServicesCreditControl) -> str:
    """An MSCC of an answer in the words of a case."""
    words = ["-" if mscc.rating_group is None else str(mscc.rating_group), str(mscc.result_code)]
    words.extend(f"si {identifier}" for identifier in mscc.service_identifier)
    if mscc.granted_service_unit is not None:
        granted = mscc.granted_service_unit
        words.append(units(granted))
        if granted.tariff_time_change is not None:
            words.append(f"change {granted.tariff_time_change - START // SECOND}")
    if mscc.validity_time is not None:
        words.append(f"{mscc.validity_time}s")
    if mscc.final_unit_indication is not None:
        words.append(ACTIONS[mscc.final_unit_indication.final_unit_action])
    if mscc.volume_quota_threshold is not None:
        words.append(f"threshold {mscc.volume_quota_threshold}")
    if mscc.quota_holding_time is not None:
        words.append(f"holding {mscc.quota_holding_time}s")
    if mscc.time_quota_threshold is not None:
        words.append(f"threshold {mscc.time_quota_threshold}t")
    if mscc.quota_consumption_time is not None:
        words.append(f"consumption {mscc.quota_consumption_time}s")
    if mscc.trigger is not None:
        words.extend(f"trigger {kind}" for kind in mscc.trigger.trigger_type)
    return " ".join(words)


def units(granted: GrantedServiceUnit) -> str:
    """What is granted: octets, seconds (`t`) or service-specific units (`u`)."""
    if granted.cc_time is not None:
        return f"{granted.cc_time}t"
    if granted.cc_service_specific_units is not None:
        return f"{granted.cc_service_specific_units}u"
    return str(granted.cc_total_octets)


def edr_words(edr: Edr, like: str) -> str:
    """A record in the words of a case; some columns only where the case speaks of them."""
    amount = str(edr.units_used) + {"octets": "", "seconds": "t", "units": "u"}[edr.unit_type]
    words = ["-" if edr.rating_group is None else str(edr.rating_group), amount, *edr.flags.split()]
    if edr.octets_overrun:
        words.append(f"overrun {edr.octets_overrun}")
    if " cost " in like:
        words.append(f"cost {edr.amount_micros}")
    if " cycle " in like:
        words.append(f"cycle {edr.cycle_id}")
    if " plan " in like:
        words.append(f"plan {edr.plan_id}.{edr.plan_version}")
    if " payer " in like:
        words.append(f"payer {edr.account_id}")
    if " plmn " in like:
        words.append(f"plmn {edr.serving_plmn}")
    if " zone " in like:
        words.append(f"zone {edr.zone}")
    if " rate " in like:
        words.append(f"rate {edr.unit_price_micros}")
    if " pool " in like:
        words.append(f"pool {edr.pool_id}")
    if " balance " in like:
        words.append(f"balance {edr.balance_before}>{edr.balance_after}")
    if " parts " in like:
        words.append("parts " + "+".join(str(part.amount) for part in edr.bucket_parts))
    if " reason " in like:
        words.append(f"reason {edr.reporting_reason}")
    return " ".join(words)


def exact(text: str) -> str:
    """The words of a case with every volume in octets."""
    words = text.split()
    return " ".join(str(octets(w)) if w[:1].isdigit() and w.endswith("B") else w for w in words)


def check(player: Player, outcome: Outcome, expected: str) -> Iterator[tuple[str, object, object]]:
    """(what, expected, seen) of everything that a step states."""
    result, *facts = [part.strip() for part in expected.split("|")]
    answer = outcome.answer
    match result.split():
        case ["none"]:
            yield "answer", None, answer
        case ["ok"]:
            assert isinstance(answer, Receipt)
            yield "error", None, answer.error
        case ["refused"]:
            assert isinstance(answer, Receipt)
            yield "refused", True, answer.error is not None
        case [code, *more]:
            assert isinstance(answer, Cca)
            yield "Result-Code", int(code), answer.result_code
            for word, value in zip(more[::2], more[1::2], strict=True):
                if word == "ccfh":
                    ought = None if value == "none" else CreditControlFailureHandling[value]
                    yield word, ought, answer.credit_control_failure_handling
                elif word == "failed":
                    found = [int.from_bytes(avp.octets[:4], "big") for avp in answer.failed_avp]
                    yield word, value, BY_CODE[found[0], 0].name if found else None
                elif word == "balance":
                    yield word, CheckBalanceResult[value], answer.check_balance_result
                elif word == "cost":
                    cost = answer.cost_information
                    yield word, (int(value), -6), cost and (cost.unit_value.value_digits, cost.unit_value.exponent)
                elif word == "units":
                    granted = answer.granted_service_unit
                    yield word, exact(value), granted and units(granted)
                elif word == "fui":
                    final = answer.final_unit_indication
                    yield word, value, final and ACTIONS[final.final_unit_action]
                else:
                    raise AssertionError(f"no such word: {word}")
    pushes = [
        f"rar {push.session_id} {'-' if push.rating_group is None else push.rating_group}"
        if isinstance(push, Rar)
        else f"asr {push.session_id}"
        for push in outcome.pushes
    ]
    yield "pushes", [fact for fact in facts if fact.startswith(("rar ", "asr "))], pushes
    edrs = [exact(fact.removeprefix("edr ")) for fact in facts if fact.startswith("edr ")]
    if edrs == ["none"]:
        yield "records", [], outcome.edrs
    elif edrs:
        like = " ".join(edrs)
        yield "records", edrs, [edr_words(edr, f" {like} ") for edr in outcome.edrs]
    yield "alarm", "alarm" in facts, bool(outcome.alarms)
    for fact in facts:
        match fact.split():
            case ["rar" | "asr" | "edr" | "alarm", *_]:
                pass
            case ["why", *words]:
                rules = [decision.rule for decision in outcome.decisions]
                yield "why", True, any(" ".join(words) in rule for rule in rules) or rules
            case ["vsim", split, status]:
                subscriber = player.engine.state.inventory.by_imsi[player.imsi]
                yield fact, status, subscriber.subscriptions[split].status.value
            case [split, amounts] if "/" in amounts:
                name, _, number = split.partition("#")
                seen = player.balances.of(f"{player.imsi}/{name}/{number or 1}")
                yield split, tuple(int(Decimal(part) * 10**6) for part in amounts.split("/")), seen
            case _:
                assert isinstance(answer, Cca)
                seen_services = [described(mscc) for mscc in answer.multiple_services_credit_control]
                yield "services", [exact(text) for text in fact.split(";")], seen_services
