"""Whose octets: the scenario says who owns which APN and rating group, and every record and bill must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Literal

from ocs.billing.documents import Document
from ocs.inventory.provisioning import Sim
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import PHYSICAL, Evidence, Share


class PayersKeptApart(Check):
    """No octet or cent of one payer is on a record or a document of another.

    By the scenario's own declaration of who pays; and what the documents of a payer are about is, to the octet, what
    that payer's services moved by ground truth, less what nobody could report.
    """

    check: Literal["payers_kept_apart"]
    needs = ("EDRs", "enterprise invoices", "consumer statements")

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        for edr in evidence.edrs:
            judgement.count("EDRs")
            vehicle = evidence.vehicle_of.get(edr.physical_imsi, "an unknown car")
            share = evidence.owner(vehicle, edr.apn, edr.rating_group, edr.event_time)
            payer = share.payer if share else ""
            ought = (payer, share.declared, share.party) if share else (payer, None, None)
            if (edr.account_id, edr.split_id, edr.party) != ought:
                charged = f"charged to {edr.account_id or 'nobody'!r}, split {edr.split_id!r}"
                what = f"{edr.octets_total:,} octets of {edr.apn} / RG {edr.rating_group} were {charged}"
                what = f"{what}; by the scenario {payer or 'nobody'!r} pays for them"
                judgement.wrong(vehicle, edr.event_time, edr.octets_total, what)

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        moved: Counter[str] = Counter()
        for key, steps in evidence.steps_by_share.items():
            moved[evidence.shares[key].payer] += sum(step.octets for step in steps)
        for key, octets in evidence.unreported_by_share.items():
            moved[evidence.shares[key].payer] -= octets
        billed: Counter[str] = Counter()
        cycles = {document.cycle_id for document in evidence.documents}
        for edr in evidence.edrs:
            if edr.cycle_id not in cycles:
                vehicle = evidence.vehicle_of.get(edr.physical_imsi, "")
                share = evidence.owner(vehicle, edr.apn, edr.rating_group, edr.event_time)
                billed[share.payer if share else ""] += edr.octets_total
        shares: dict[str, list[Share]] = defaultdict(list)
        for share in evidence.shares.values():
            shares[share.payer].append(share)
        for document in evidence.documents:
            payer = document.customer.id
            judgement.count("enterprise invoices" if document.type == "EnterpriseInvoice" else "consumer statements")
            billed[payer] += document.octets_overrun
            billed[payer] += sum(use.octets for use in document.sim_use) + sum(
                use.octets_used for use in document.bucket
            )
            self._look_for_strangers(evidence, judgement, document, shares[payer])
        for payer in sorted(moved.keys() | billed.keys()):
            if billed[payer] != moved[payer]:
                more = billed[payer] - moved[payer]
                what = f"the documents are about {billed[payer]:,} octets, by ground truth {moved[payer]:,} moved"
                judgement.wrong_sum(f"payer {payer!r}", abs(more), f"{what}: a difference of {more:+,} octets")

    def _look_for_strangers(
        self, evidence: Evidence, judgement: Judgement, document: Document, shares: list[Share]
    ) -> None:
        """Lines, SIMs and buckets on a document that are not its payer's."""
        sims = [(evidence.sims[share.vehicle], share.declared) for share in shares]
        splits = {f"{sim.profile}/{split_id}" for sim, split_id in sims}
        if any(
            evidence.physical[share.vehicle].payer == document.customer.id for share in shares if share.party == "b2b"
        ):
            splits.add(PHYSICAL)
        imsis = {sim.imsi for sim, _ in sims}
        for line in document.applied_customer_billing_rate:
            if line.split.id not in splits:
                what = f"line {line.name!r} ({line.octets:,} octets, {line.amount} {document.amount_due.unit})"
                self._stranger(judgement, document, line.octets, f"{what} of split {line.split.id!r}")
        for use in document.sim_use:
            if use.imsi not in imsis or use.split.id not in splits:
                self._stranger(judgement, document, use.octets, f"{use.octets:,} octets of {_car(evidence, use.imsi)}")
        for bucket in document.bucket:
            if bucket.bucket_id.split("/")[0] not in imsis:
                car = _car(evidence, bucket.bucket_id.split("/")[0])
                self._stranger(judgement, document, bucket.octets_used, f"{bucket.octets_used:,} octets of {car}")

    def _stranger(self, judgement: Judgement, document: Document, octets: int, what: str) -> None:
        judgement.wrong_sum(f"{document.bill_no} to {document.customer.id!r}", octets, f"holds {what}")


def _car(evidence: Evidence, imsi: str) -> str:
    sim: Sim | None = evidence.sims.get(vehicle := evidence.vehicle_of.get(imsi, ""))
    return f"{vehicle} (SIM {imsi}, profile {sim.profile})" if sim else f"SIM {imsi}"
