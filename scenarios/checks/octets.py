"""To the octet: what went through, what was reported and what was written down are the same."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from ocs.records.edr import Edr
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Evidence

CAUSES = ("no_answer", "not_sent", "ccfh_continue", "pgw_restart", "5002")
"""Why octets may be unreported, on a network that goes wrong."""


class OctetsAddUp(Check):
    """Truth = reported + unreported, and reported = EDRs = in bundle + overage + debited + overrun + unattributed.

    For every car and split, to the octet, before any rounding. Reported is what the OCS got, once or several times;
    what it never got has its cause: no answer came (`no_answer`, and `not_sent` after it), the OCS was away and a
    session went on (`ccfh_continue`), the gateway lost it (`pgw_restart`), or the OCS did not know the session any more
    (`5002`). Where a driver can pay, no session goes on without the OCS. Without faults nothing is unreported.
    """

    check: Literal["octets_add_up"]
    needs = ("octets", "EDRs")

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        reported = {key: sum(ask.used for ask in asks if ask.taken) for key, asks in evidence.asks_by_share.items()}
        for (vehicle, apn, rating_group, cause), octets in evidence.unreported.items():
            judgement.count(f"octets unreported: {cause}", octets)
            free = cause == "ccfh_continue" and "b2c" in evidence.parties_on(vehicle, apn)
            if octets and (free or not (evidence.faulty and cause in CAUSES)):
                what = f"{octets:,} octets of {apn} / RG {rating_group} were not reported: {cause}"
                judgement.wrong_sum(vehicle, octets, what)
        recorded: Counter[tuple[str, str]] = Counter()
        for edr in evidence.edrs:
            vehicle = evidence.vehicle_of.get(edr.physical_imsi, "")
            owner = evidence.owner(vehicle, edr.apn, edr.rating_group, edr.event_time)
            recorded[vehicle, owner.split_id if owner else ""] += edr.octets_total
        for key in sorted(evidence.shares):
            vehicle, split_id = key
            moved = sum(step.octets for step in evidence.steps_by_share.get(key, []))
            told, unreported = reported.get(key, 0), evidence.unreported_by_share.get(key, 0)
            judgement.count("octets", moved)
            if moved != told + unreported:
                lost = moved - told - unreported
                what = f"{moved:,} octets went through, {told:,} were reported, {unreported:,} are known as unreported"
                judgement.wrong_sum(vehicle, abs(lost), f"split {split_id!r}: {what}: a difference of {lost:+,} octets")
            if told != recorded[key]:
                lost = told - recorded[key]
                what = f"{told:,} octets were reported, {recorded[key]:,} are in EDRs"
                judgement.wrong_sum(vehicle, abs(lost), f"split {split_id!r}: {what}: a difference of {lost:+,} octets")
        for edr in evidence.edrs:
            judgement.count("EDRs")
            if edr.party != "b2b":
                self._look_at_record(evidence, judgement, edr, None)

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        """What postpaid octets come to is known when the cycle is closed."""
        settled = {record.edr_id: (record.octets_in_bundle, record.octets_overage) for record in evidence.rated}
        for edr in evidence.edrs:
            if edr.party == "b2b":
                self._look_at_record(evidence, judgement, edr, settled.get(edr.edr_id))

    def _look_at_record(
        self, evidence: Evidence, judgement: Judgement, edr: Edr, settled: tuple[int, int] | None
    ) -> None:
        vehicle = evidence.vehicle_of.get(edr.physical_imsi, "an unknown car")
        if edr.party == "b2b":
            parts, names = settled or (0, 0), "in bundle and overage"
        elif edr.party == "b2c":
            parts, names = (edr.octets_debited, edr.octets_overrun), "debited and overrun"
        else:
            parts, names = (edr.octets_total if "unattributed" in edr.flags.split() else 0, 0), "unattributed"
        if sum(parts) != edr.octets_total:
            what = f"EDR {edr.edr_id!r} holds {edr.octets_total:,} octets, {sum(parts):,} of them {names}"
            judgement.wrong(vehicle, edr.event_time, abs(edr.octets_total - sum(parts)), what)
