"""What the enterprise must not notice: its messages against those of the same cars without consumer service."""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest
from typing import Literal

from ocs.gy.messages import Rar
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Ask, Evidence, apn_of, asks_of
from sim.world import Exchange, Push

Told = tuple[object, ...]


class EnterpriseUnaffected(Check):
    """No enterprise session or MSCC is refused, shortened or re-authorised because of the driver.

    On an APN of its own the enterprise's messages equal those of the run without consumer service; on an APN that it
    shares, its MSCCs do: request, usage, grant, result. Where the network goes wrong, what is lost on a shared APN is
    lost for both, at times of its own; there no MSCC of the enterprise may be refused.
    """

    check: Literal["enterprise_unaffected"]

    needs = ("enterprise MSCCs",)
    needs_twin = True

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        own, shared = _by_apn(evidence, evidence.exchanges)
        twin_own, twin_shared = _by_apn(evidence, evidence.twin.exchanges)
        for key in sorted(own.keys() | twin_own.keys()):
            self._compare_messages(judgement, key, own.get(key, []), twin_own.get(key, []))
        for service in sorted(shared.keys() | twin_shared.keys()):
            if evidence.faulty:
                self._look_for_refusals(judgement, service, shared.get(service, []))
            else:
                self._compare_services(judgement, service, shared.get(service, []), twin_shared.get(service, []))
        anyhow = {_what(push) for push in evidence.twin.pushes}  # its own plan, or its SIM, has changed
        for push in pushes_to_enterprises(evidence):
            if _what(push) in anyhow:
                continue
            group = f" for RG {push.message.rating_group}" if isinstance(push.message, Rar) else ""
            kind = type(push.message).__name__.upper()
            what = f"{kind}{group} touched the enterprise's session {push.message.session_id}"
            judgement.wrong(push.vehicle, push.at, 0, what)

    def _compare_messages(
        self, judgement: Judgement, key: tuple[str, str], ours: list[Exchange], twins: list[Exchange]
    ) -> None:
        vehicle, apn = key
        judgement.count("messages on the enterprise's own APNs", len(ours))
        judgement.count("enterprise MSCCs", sum(len(item.request.multiple_services_credit_control) for item in ours))
        for mine, theirs in zip_longest(ours, twins):
            if mine != theirs:
                what = f"on {apn} {_say(mine)}; without consumer service {_say(theirs)}"
                judgement.wrong(vehicle, (mine or theirs).at, _octets(mine or theirs), what)
                return

    def _look_for_refusals(self, judgement: Judgement, service: tuple[str, str, int], asks: list[Ask]) -> None:
        _, apn, rating_group = service
        judgement.count("MSCCs on shared APNs", len(asks))
        judgement.count("enterprise MSCCs", len(asks))
        for ask in asks:
            if ask.result is not None and ask.result // 1000 == 4:
                judgement.wrong(ask.vehicle, ask.at, ask.used, f"{apn} / RG {rating_group} {_say_service(ask)}")

    def _compare_services(
        self, judgement: Judgement, key: tuple[str, str, int], ours: list[Ask], twins: list[Ask]
    ) -> None:
        vehicle, apn, rating_group = key
        judgement.count("MSCCs on shared APNs", len(ours))
        judgement.count("enterprise MSCCs", len(ours))
        for mine, theirs in zip_longest(ours, twins):
            if _told(mine) != _told(theirs):
                told = f"{_say_service(mine)}; without consumer service {_say_service(theirs)}"
                judgement.wrong(
                    vehicle, (mine or theirs).at, (mine or theirs).used, f"{apn} / RG {rating_group} {told}"
                )
                return


def _by_apn(
    evidence: Evidence, exchanges: list[Exchange]
) -> tuple[dict[tuple[str, str], list[Exchange]], dict[tuple[str, str, int], list[Ask]]]:
    """Whole exchanges on APNs that are the enterprise's alone, and its MSCCs on shared ones."""
    own: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    shared: dict[tuple[str, str, int], list[Ask]] = defaultdict(list)
    for exchange in exchanges:
        apn = apn_of(exchange.request)
        parties = evidence.parties_on(exchange.vehicle, apn)
        if parties == {"b2b"}:
            own[exchange.vehicle, apn].append(exchange)
        elif "b2b" in parties:
            for ask in asks_of(exchange):
                owner = evidence.owner(ask.vehicle, apn, ask.rating_group)
                if owner and owner.party == "b2b" and ask.rating_group is not None:
                    shared[ask.vehicle, apn, ask.rating_group].append(ask)
    return own, shared


def pushes_to_enterprises(evidence: Evidence) -> list[Push]:
    """Pushes that concern the enterprise: for its rating group, or for a whole session in which it has a part."""
    apns = {exchange.request.session_id: apn_of(exchange.request) for exchange in evidence.exchanges}
    found = []
    for push in evidence.pushes:
        apn = apns.get(push.message.session_id, "")
        group = push.message.rating_group if isinstance(push.message, Rar) else None
        owner = evidence.owner(push.vehicle, apn, group) if group is not None else None
        if (owner.party == "b2b") if owner else ("b2b" in evidence.parties_on(push.vehicle, apn)):
            found.append(push)
    return found


def _what(push: Push) -> Told:
    rating_group = push.message.rating_group if isinstance(push.message, Rar) else None
    return push.vehicle, push.at, type(push.message), rating_group


def _told(ask: Ask | None) -> Told | None:
    return (
        None
        if ask is None
        else (ask.asked, ask.reported, ask.used, ask.result, ask.granted, ask.validity, ask.final_unit)
    )


def _octets(exchange: Exchange) -> int:
    return sum(ask.used for ask in asks_of(exchange))


def _say(exchange: Exchange | None) -> str:
    if exchange is None:
        return "there is no such message"
    result = exchange.answer.result_code if exchange.answer else "no answer"
    kind = "IUTE"[exchange.request.cc_request_type - 1]
    return f"CCR-{kind} {exchange.request.cc_request_number} with {_octets(exchange):,} octets got {result}"


def _say_service(ask: Ask | None) -> str:
    if ask is None:
        return "has no such MSCC"
    return f"reported {ask.used:,} octets and got {ask.result} with {ask.granted or 0:,} octets"
