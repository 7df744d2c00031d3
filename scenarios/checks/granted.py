"""What Gy alone shows of any OCS: nothing passes without a grant, and the enterprise is served."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from scenarios.checks.base import Check, Judgement
from scenarios.checks.enterprise import pushes_to_enterprises
from scenarios.evidence import Ask, Evidence, is_initial
from sim.truth import Step

UNLIMITED = 2**63
NOT_APPLICABLE = 4011
"""CREDIT_CONTROL_NOT_APPLICABLE: everything passes."""


class NoOctetWithoutGrant(Check):
    """No octet passes that the OCS has not granted: ground truth against the grants on Gy, one after the other.

    A grant counts from its answer; what is left of it is void once its report is answered. Judged where messages take
    no time and are not lost: a gateway that serves on while the OCS is away is another matter.
    """

    check: Literal["no_octet_without_grant"]
    needs = ("grants", "octets")
    on_gy = True

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        services: dict[tuple[str, str, int | None], list[tuple[int, int, Step | Ask]]] = defaultdict(list)
        for step in evidence.steps:
            services[step.vehicle, step.apn, step.rating_group].append((step.end, 0, step))
        for ask in evidence.asks:
            services[ask.vehicle, ask.apn, ask.rating_group].append((ask.at, 1, ask))
        for (vehicle, apn, rating_group), events in services.items():
            events.sort(key=lambda event: event[:2])
            moved = limit = 0
            for at, _, what in events:
                if isinstance(what, Ask):
                    limit = self._limit(judgement, what, moved, limit)
                    continue
                moved += what.octets
                judgement.count("octets", what.octets)
                if moved > limit and not evidence.faulty:
                    over = moved - limit
                    judgement.wrong(vehicle, at, over, f"{over:,} octets of {apn} / RG {rating_group} were not granted")
                    limit = moved

    def _limit(self, judgement: Judgement, ask: Ask, moved: int, limit: int) -> int:
        """Up to where octets may pass after an exchange."""
        if ask.result is None or ask.result == NOT_APPLICABLE:
            return UNLIMITED  # The network's fault, or free by the OCS's own word.
        if ask.granted:
            judgement.count("grants")
            return moved + ask.granted
        if ask.asked or ask.reported or is_initial(ask):
            return moved
        return limit


class EnterpriseServed(Check):
    """No enterprise MSCC is refused, and no enterprise session is re-authorised or aborted, whatever drivers do.

    For an OCS of which only Gy can be seen; `enterprise_unaffected` says more where the run can be compared.
    """

    check: Literal["enterprise_served"]
    needs = ("enterprise MSCCs",)
    on_gy = True

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        for ask in evidence.asks:
            owner = evidence.owner(ask.vehicle, ask.apn, ask.rating_group)
            if owner is None or owner.party != "b2b":
                continue
            judgement.count("enterprise MSCCs")
            if ask.result is not None and ask.result // 1000 in (4, 5):
                what = f"{ask.apn} / RG {ask.rating_group} reported {ask.used:,} octets and got {ask.result}"
                judgement.wrong(ask.vehicle, ask.at, ask.used, what)
        for push in pushes_to_enterprises(evidence):
            kind = type(push.message).__name__.upper()
            judgement.wrong(push.vehicle, push.at, 0, f"{kind} touched the session {push.message.session_id}")
