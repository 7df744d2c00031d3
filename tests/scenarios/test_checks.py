"""Each expectation on a month worked by hand (worked examples A to C), and on the same month with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from ocs.charging.engine import Engine
from ocs.gy.messages import GrantedServiceUnit, Rar
from ocs.units import DAY, HOUR, MINUTE
from scenarios.checks import REGISTRY, Judgement
from scenarios.evidence import Evidence, Push, Step
from sim.signals import Served

if TYPE_CHECKING:
    from conftest import Gateway

MB = 1_000_000


def month(
    gateway: type[Gateway], wifi_plan: str = "code", engine: Engine | None = None, consumers: bool = True
) -> Gateway:
    """Both cars use up 10 MB, are refused, buy, and go on; telematics runs beside them."""
    gy = gateway(wifi_plan, engine, consumers)
    _telematics(gy)
    if consumers:
        _own_apn(gy, final=wifi_plan == "final")
    _shared_apn(gy, consumers)
    gy.signal("two-001", 4 * DAY, 0)
    gy.signal("two-001", 4 * DAY + HOUR, 400)
    gy.exchanges.sort(key=lambda exchange: exchange.at)
    return gy


def _telematics(gy: Gateway) -> None:
    gy.say("I", "two-001", "fleet", HOUR, (100, -1, True))
    gy.say("U", "two-001", "fleet", HOUR + 30 * MINUTE, (100, 2 * MB, True))
    gy.say("T", "two-001", "fleet", HOUR + 40 * MINUTE, (100, MB, False))


def _own_apn(gy: Gateway, final: bool) -> None:
    start = 2 * HOUR
    gy.say("I", "two-001", "wifi", start, (200, -1, True))
    gy.say("U", "two-001", "wifi", start + MINUTE, (200, 4 * MB, True))
    gy.say("U", "two-001", "wifi", start + 2 * MINUTE, (200, 4 * MB, True))
    if final:
        gy.say("T", "two-001", "wifi", start + 3 * MINUTE, (200, 2 * MB, False))
    else:
        gy.say("U", "two-001", "wifi", start + 3 * MINUTE, (200, 2 * MB, True))
        gy.say("T", "two-001", "wifi", start + 3 * MINUTE, (200, 0, False))
    gy.say("I", "two-001", "wifi", 3 * HOUR, (200, -1, True), session=2)
    gy.buy("two-001", DAY)
    gy.say("I", "two-001", "wifi", DAY + HOUR, (200, -1, True), session=3)
    gy.say("T", "two-001", "wifi", DAY + HOUR + MINUTE, (200, 3 * MB, False), session=3)


def _shared_apn(gy: Gateway, consumers: bool) -> None:
    def say(kind: str, at: int, *services: tuple[int, int, bool]) -> None:
        mine = [service for service in services if consumers or service[0] == 100]
        if mine:
            gy.say(kind, "one-001", "car", at, *mine)

    start = 2 * DAY
    say("I", start, (100, -1, True), (200, -1, True))
    say("U", start + MINUTE, (200, 4 * MB, True))
    say("U", start + 2 * MINUTE, (200, 4 * MB, True))
    say("U", start + 3 * MINUTE, (100, 3 * MB, True), (200, 2 * MB, True))
    say("U", start + 10 * MINUTE, (200, -1, True))
    if consumers:
        gy.buy("one-001", start + 20 * MINUTE)
    say("U", start + 20 * MINUTE + 1, (200, -1, True))
    say("U", start + 30 * MINUTE, (100, 1 * MB, True))
    say("T", start + 40 * MINUTE, (100, 2 * MB, False), (200, 3 * MB, False))


def judge(name: str, evidence: Evidence) -> Judgement:
    return REGISTRY[name](check=name).judge(evidence)  # type: ignore[call-arg]


def told(name: str, evidence: Evidence) -> list[str]:
    return [finding.message for finding in judge(name, evidence).findings]


@pytest.mark.parametrize("plan", ["code", "final"])
@pytest.mark.parametrize("name", REGISTRY)
def test_a_right_month_passes(gateway: type[Gateway], plan: str, name: str) -> None:
    evidence = month(gateway, plan).evidence(twin=month(gateway, plan, consumers=False))
    assert told(name, evidence) == []


def test_what_was_seen_is_counted(gateway: type[Gateway]) -> None:
    evidence = month(gateway, "final").evidence(twin=month(gateway, consumers=False))
    assert judge("cuts_follow_the_plan", evidence).seen == {
        "by final units": 1,
        "by 4012 for the rating group": 1,
        "cuts": 2,
    }
    assert judge("next_attempt_is_refused", evidence).seen == {"attempts while empty": 2}
    returns = judge("wifi_returns_after_top_up", evidence).seen
    assert (returns["in a new session"], returns["in the open session"]) == (1, 1)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_run_without_anything_to_judge_fails(gateway: type[Gateway], name: str) -> None:
    evidence = gateway().evidence()
    findings = told(name, evidence)
    if name in ("documents_add_up", "buckets_balance"):
        assert findings == []  # a month in which nobody drove has recurring charges and free quotas to judge
    else:
        assert findings[0].startswith("the whole run: nothing was shown, because it holds no ")


def _answer(at: int, **changes: object) -> Callable[[Evidence], None]:
    """The answer at an instant since the start of the month, with other fields."""

    def spoil(evidence: Evidence) -> None:
        for place, exchange in enumerate(evidence.exchanges):
            if exchange.at == evidence.begins + at:
                assert exchange.answer is not None
                answer = msgspec.structs.replace(exchange.answer, **changes)
                evidence.exchanges[place] = replace(exchange, answer=answer)
                return

    return spoil


def _mscc(at: int, rating_group: int, **changes: object) -> Callable[[Evidence], None]:
    """One MSCC of the answer at an instant, with other fields."""

    def spoil(evidence: Evidence) -> None:
        (exchange,) = [item for item in evidence.exchanges if item.at == evidence.begins + at]
        assert exchange.answer is not None
        services = exchange.answer.multiple_services_credit_control  # type: ignore[union-attr]
        changed = tuple(
            msgspec.structs.replace(mscc, **changes) if mscc.rating_group == rating_group else mscc for mscc in services
        )
        _answer(at, multiple_services_credit_control=changed)(evidence)

    return spoil


def _moved(evidence: Evidence) -> None:
    at = evidence.begins + 5 * HOUR
    evidence.steps.append(Step("two-001", "wifi", 200, at - 1, at, 1234))


def _enterprise_pushed(evidence: Evidence) -> None:
    rar = Rar(session_id="pgw;one-001;car;1", origin_host="o", origin_realm="o", destination_realm="p",
              destination_host="p", rating_group=100)  # fmt: skip
    evidence.pushes.append(Push("one-001", evidence.begins + DAY, rar))


def _edr(number: int, **changes: object) -> Callable[[Evidence], None]:
    def spoil(evidence: Evidence) -> None:
        evidence.edrs[number] = msgspec.structs.replace(evidence.edrs[number], **changes)

    return spoil


def _forgotten_push(evidence: Evidence) -> None:
    """The gateway never asks again for the RG that waits in the open session."""
    after = evidence.begins + 2 * DAY + 20 * MINUTE
    evidence.exchanges[:] = [item for item in evidence.exchanges if not after <= item.at < after + 5 * MINUTE]


def _shifted_line(evidence: Evidence) -> None:
    invoice, statement = evidence.documents[0], evidence.documents[1]
    lines = (*invoice.applied_customer_billing_rate, statement.applied_customer_billing_rate[1])
    evidence.documents[0] = msgspec.structs.replace(invoice, applied_customer_billing_rate=lines)


def _lost_record(evidence: Evidence) -> None:
    evidence.edrs.remove(next(edr for edr in reversed(evidence.edrs) if edr.unit_type == "octets"))


def _rounded_line(evidence: Evidence) -> None:
    invoice = evidence.documents[0]
    first, *others = invoice.applied_customer_billing_rate
    assert first.tax_excluded_amount is not None
    money = msgspec.structs.replace(first.tax_excluded_amount, value=first.amount + 1)
    first = msgspec.structs.replace(first, tax_excluded_amount=money)
    evidence.documents[0] = msgspec.structs.replace(invoice, applied_customer_billing_rate=(first, *others))


def _free_bundle(evidence: Evidence) -> None:
    evidence.purchases[-1] = msgspec.structs.replace(evidence.purchases[-1], price_micros=0)


def _overdrawn(evidence: Evidence) -> None:
    place = next(n for n, line in enumerate(evidence.transfers) if line.kind == "posted")
    line = evidence.transfers[place]
    evidence.transfers[place] = msgspec.structs.replace(line, amount=line.amount + 77)


def _unbought(evidence: Evidence) -> None:
    del evidence.purchases[-1]


def _came_again(**changes: object) -> Callable[[Evidence], None]:
    """The report of 02:01 comes once more, and its answer has other fields."""

    def spoil(evidence: Evidence) -> None:
        (first,) = [item for item in evidence.exchanges if item.at == evidence.begins + 2 * HOUR + MINUTE]
        assert first.answer is not None
        answer = msgspec.structs.replace(first.answer, **changes)
        evidence.repeats.append(replace(first, at=first.at + MINUTE, answer=answer))

    return spoil


def _charged_again(evidence: Evidence) -> None:
    evidence.edrs.append(msgspec.structs.replace(evidence.edrs[2], edr_id=evidence.edrs[2].edr_id + "/again"))


def _unreported(cause: str) -> Callable[[Evidence], None]:
    def spoil(evidence: Evidence) -> None:
        evidence.unreported["two-001", "wifi", 200, cause] = 77

    return spoil


def _never_settled(evidence: Evidence) -> None:
    kept = {"pgw;two-001;wifi;1/0/200/001010000000001/wifi/1/trial/1/pending"}
    evidence.transfers[:] = [line for line in evidence.transfers if line.pending_id not in kept]


GRANT = GrantedServiceUnit(cc_total_octets=4 * MB)
CUT = 2 * HOUR + 3 * MINUTE
SHARED = 2 * DAY

SPOILED: list[tuple[str, Callable[[Evidence], None], str]] = [
    ("no_octet_after_the_last", _moved,
     "two-001 at 2026-03-01 05:00:00 CET: 1,234 octets of wifi / RG 200 passed after the allowance was used up"),
    ("cuts_follow_the_plan", _answer(CUT, result_code=2001),
     "two-001 at 2026-03-01 02:03:00 CET: wifi / RG 200 reported 2,000,000 octets and got 2001"),
    ("cuts_follow_the_plan", _mscc(SHARED + 3 * MINUTE, 200, result_code=4010),
     "one-001 at 2026-03-03 00:03:00 CET: car / RG 200 reported 2,000,000 octets and got 4010 in the MSCC"),
    ("cuts_follow_the_plan", _answer(SHARED + 3 * MINUTE, result_code=4012),
     "got 4012 for the whole session; plan 'block' says 4012 in the MSCC alone"),
    ("cuts_follow_the_plan", _answer(2 * HOUR + MINUTE, result_code=4012),
     "two-001 at 2026-03-01 02:01:00 CET: wifi / RG 200 got 4012 although the allowance was not used up"),
    ("next_attempt_is_refused", _mscc(SHARED + 10 * MINUTE, 200, result_code=2001, granted_service_unit=GRANT),
     "one-001 at 2026-03-03 00:10:00 CET: car / RG 200 asked with an empty allowance and got 2001 with"),
    ("wifi_returns_after_top_up", _answer(DAY + HOUR, result_code=4012, multiple_services_credit_control=()),
     "two-001 at 2026-03-02 01:00:00 CET: wifi / RG 200 asked after the top-up of 2026-03-02 00:00:00 CET and"),
    ("wifi_returns_after_top_up", _forgotten_push,
     "one-001 at 2026-03-03 00:20:00 CET: the driver bought, and car / RG 200, whose session was open, was not asked"),
    ("enterprise_unaffected", _mscc(HOUR + 30 * MINUTE, 100, granted_service_unit=GRANT),
     "two-001 at 2026-03-01 01:30:00 CET: on fleet CCR-U 1 with 2,000,000 octets got 2001"),
    ("enterprise_unaffected", _mscc(SHARED + 3 * MINUTE, 100, result_code=4012, granted_service_unit=None),
     "one-001 at 2026-03-03 00:03:00 CET: car / RG 100 reported 3,000,000 octets and got 4012 with 0 octets; without"),
    ("enterprise_unaffected", _enterprise_pushed,
     "one-001 at 2026-03-02 00:00:00 CET: RAR for RG 100 touched the enterprise's session pgw;one-001;car;1"),
    ("payers_kept_apart", _edr(2, account_id="acme", split_id="fleet", party="b2b"),
     "two-001 at 2026-03-01 02:01:00 CET: 4,000,000 octets of wifi / RG 200 were charged to 'acme', split 'fleet'"),
    ("payers_kept_apart", _shifted_line,
     "INV-2026-03-00001 to 'acme': holds line 'code: 1 GB, valid 28 days' (1,000,000,000 octets, 7.00 EUR)"),
    ("payers_kept_apart", _moved, "payer 'd1': the documents are about 13,000,000 octets, by ground truth 13,001,234"),
    ("octets_add_up", _moved, "two-001: split 'wifi': 13,001,234 octets went through, 13,000,000 were reported"),
    ("octets_add_up", _lost_record, "octets were reported, "),
    ("messages_and_calls_add_up", lambda evidence: evidence.edrs.pop(), "400 seconds were served, 300 are in EDRs"),
    ("messages_and_calls_add_up", lambda evidence: evidence.served.append(Served("one-001", "units", 0, 1)),
     "one-001: 1 units were served, 0 are in EDRs"),
    ("messages_and_calls_add_up", _edr(-1, account_id="d1"), "100 seconds were charged to 'd1', split 'sim'"),
    ("messages_and_calls_add_up", _edr(-1, amount_micros=1), "calls: 0.400000 on the documents, 0.300001 in EDRs"),
    ("messages_and_calls_add_up", _edr(-1, units_used=111), "411 seconds were charged at 0.400000"),
    ("octets_add_up", _unreported("no_answer"), "two-001: 77 octets of wifi / RG 200 were not reported: no_answer"),
    ("charged_once", _came_again(result_code=4012, multiple_services_credit_control=()),
     "two-001 at 2026-03-01 02:02:00 CET: request 1 of pgw;two-001;wifi;1 came again and got 4012 instead of 2001, RG"),
    ("charged_once", _charged_again, "8,000,000 octets on record, 4,000,000 reported"),
    ("reservations_end", _never_settled,
     "two-001 at 2026-03-01 02:00:00 CET: 4,000,000 octets of '001010000000001/wifi/1/trial/1' were reserved until"),
    ("no_octet_without_grant", _moved,
     "two-001 at 2026-03-01 05:00:00 CET: 1,234 octets of wifi / RG 200 were not granted"),
    ("enterprise_served", _mscc(SHARED + 3 * MINUTE, 100, result_code=4012, granted_service_unit=None),
     "one-001 at 2026-03-03 00:03:00 CET: car / RG 100 reported 3,000,000 octets and got 4012"),
    ("enterprise_served", _enterprise_pushed, "RAR touched the session pgw;one-001;car;1"),
    ("octets_add_up", _edr(2, octets_overrun=5), "'pgw;two-001;wifi;1/1/200/1' holds 4,000,000 octets, 4,000,005"),
    ("buckets_balance", _overdrawn, "takes 77 octets more than bucket '001010000000001/wifi/1/trial/1' holds"),
    ("buckets_balance", _edr(2, bucket_parts=()), "bucket '001010000000001/wifi/1/trial/1' gave 10,000,000 octets"),
    ("buckets_balance", _unbought, "one-001 at 2026-03-03 00:20:00 CET: 1,000,000,000 octets were credited"),
    ("documents_add_up", _rounded_line, "net, VAT and gross: 2.85 / 0.54 / 3.39 on the document, 3.85 / 0.73 / 4.58"),
    ("documents_add_up", _free_bundle, "STM-2026-03-00002 to 'd2': purchases (octets, price)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spoil", "words"), SPOILED)
def test_one_wrong_thing_is_found_and_named(
    gateway: type[Gateway], name: str, spoil: Callable[[Evidence], None], words: str
) -> None:
    evidence = month(gateway).evidence(twin=month(gateway, consumers=False))
    spoil(evidence)
    assert any(words in message for message in told(name, evidence)), told(name, evidence)


def test_a_repeat_whose_reservation_had_ended_may_be_granted_less(gateway: type[Gateway]) -> None:
    evidence = month(gateway).evidence(twin=month(gateway, consumers=False))
    _came_again(multiple_services_credit_control=())(evidence)
    assert len(told("charged_once", evidence)) == 1
    evidence.repeats[-1] = replace(evidence.repeats[-1], at=evidence.begins + 4 * HOUR)
    assert told("charged_once", evidence) == []


@pytest.mark.parametrize(("cause", "known"), [("pgw_restart", True), ("eaten_by_a_dog", False)])
def test_on_a_bad_network_octets_may_be_unreported_by_a_cause_that_has_a_name(
    gateway: type[Gateway], cause: str, known: bool
) -> None:
    evidence = month(gateway).evidence(twin=month(gateway, consumers=False))
    evidence.faulty = True
    _unreported(cause)(evidence)
    evidence.steps.append(Step("two-001", "wifi", 200, evidence.ends - 2, evidence.ends - 1, 77))
    assert (told("octets_add_up", evidence) == []) is known
    assert told("no_octet_after_the_last", evidence) == []


@pytest.mark.parametrize(("late", "findings"), [(0, 0), (1, 1)])
def test_octets_up_to_the_instant_at_which_validity_ends_are_in_order(
    gateway: type[Gateway], late: int, findings: int
) -> None:
    evidence = month(gateway).evidence(twin=month(gateway, consumers=False))
    # The bundle was bought after a day and is valid for 28.
    end = evidence.begins + 29 * DAY + late
    evidence.steps.append(Step("two-001", "wifi", 200, end - 500, end, 77))
    assert len(told("no_octet_after_the_last", evidence)) == findings
