"""A request that comes again is answered as before, and charged no second time."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Literal

from ocs.gy.messages import Cca, CcRequestType
from ocs.units import SECOND
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Evidence, apn_of
from sim.world import Exchange


class ChargedOnce(Check):
    """A request that the OCS got several times gets the same answer each time, and its use is on record once.

    Units that were granted, and whose reservation has ended since, may be granted anew or refused.
    """

    check: Literal["charged_once"]
    needs = ("EDRs",)

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        first = {_key(exchange): exchange for exchange in evidence.exchanges}
        connections: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
        if evidence.repeats:
            for exchange in evidence.exchanges:
                connections[exchange.vehicle, apn_of(exchange.request)].append(exchange)
        for again in evidence.repeats:
            judgement.count("requests that came again")
            before = first[_key(again)]
            others = connections[again.vehicle, apn_of(again.request)]
            if before.answer != again.answer and not (_lapsed(before, again, others) and _granted_anew(before, again)):
                what = f"request {again.request.cc_request_number} of {again.request.session_id} came again and got"
                judgement.wrong(again.vehicle, again.at, 0, f"{what} {_say(again)} instead of {_say(before)}")
        used: Counter[tuple[str, int, int | None]] = Counter()
        names: Counter[str] = Counter()
        for edr in evidence.edrs:
            judgement.count("EDRs")
            used[edr.session_id, edr.cc_request_number, edr.rating_group] += edr.octets_total
            names[edr.edr_id] += 1
        reported: Counter[tuple[str, int, int | None]] = Counter()
        for ask in evidence.asks:
            reported[(*_key(ask.exchange), ask.rating_group)] += ask.used
        for edr in evidence.edrs:
            service = (edr.session_id, edr.cc_request_number, edr.rating_group)
            over = used[service] - reported[service]
            if over > 0 or names[edr.edr_id] > 1:
                vehicle = evidence.vehicle_of.get(edr.physical_imsi, "an unknown car")
                what = f"EDR {edr.edr_id!r}: {used[service]:,} octets on record, {reported[service]:,} reported"
                judgement.wrong(vehicle, edr.event_time, over, what)


def _key(exchange: Exchange) -> tuple[str, int]:
    return exchange.request.session_id, exchange.request.cc_request_number


def _lapsed(before: Exchange, again: Exchange, others: list[Exchange]) -> bool:
    """Whether what was granted may have ended since: by its validity, with its session, or by another on its bearer."""
    services = before.answer.multiple_services_credit_control if isinstance(before.answer, Cca) else ()
    validity = [mscc.validity_time for mscc in services if mscc.validity_time is not None]
    if validity and again.at - before.at >= min(validity) * SECOND:
        return True
    return any(
        before.at <= other.at <= again.at
        and (
            other.request.session_id != before.request.session_id
            or other.request.cc_request_type == CcRequestType.TERMINATION
        )
        for other in others
    )


def _granted_anew(before: Exchange, again: Exchange) -> bool:
    """Whether the answers differ as they may then: units were granted, and are granted again, or refused."""
    if not (isinstance(before.answer, Cca) and isinstance(again.answer, Cca)):
        return False
    return before.answer.result_code == 2001 and again.answer.result_code in (2001, 4012, 5002)


def _say(exchange: Exchange) -> str:
    answer = exchange.answer
    if not isinstance(answer, Cca):
        return "no answer" if answer is None else str(int(answer.result_code))
    parts = [f"{int(answer.result_code)}"]
    for mscc in answer.multiple_services_credit_control:
        granted = mscc.granted_service_unit.cc_total_octets if mscc.granted_service_unit is not None else 0
        parts.append(f"RG {mscc.rating_group} {mscc.result_code} {granted or 0:,} octets")
    return ", ".join(parts)
