"""To the cent: every document adds up, and charges what the plans and the scenario's purchases come to."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from ocs.billing.documents import Document
from ocs.catalogue.plans import PostpaidIndividual
from ocs.records.edr import Edr
from ocs.units import utc
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import Evidence, Share

CENT = Decimal("0.01")


class DocumentsAddUp(Check):
    """Every document adds up, and its charges are what plans, use and purchases come to when computed again."""

    check: Literal["documents_add_up"]
    needs = ("documents", "lines")

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        shares: dict[str, list[Share]] = defaultdict(list)
        for share in evidence.shares.values():
            shares[share.payer].append(share)
        for document in evidence.documents:
            judgement.count("documents")
            judgement.count("lines", len(document.applied_customer_billing_rate))
            self._look_at_sums(evidence, judgement, document)
            mine = shares[document.customer.id]
            if document.type == "EnterpriseInvoice":
                self._look_at_invoice(evidence, judgement, document, mine)
            else:
                self._look_at_statement(evidence, judgement, document, mine)

    def _look_at_sums(self, evidence: Evidence, judgement: Judgement, document: Document) -> None:
        lines = document.applied_customer_billing_rate
        total = sum((line.amount for line in lines), Decimal(0))
        rate = Fraction(evidence.provisioning.operator.vat_percent) / 100
        if all(line.tax_included_amount is not None for line in lines):
            tax = _cents(Fraction(total) * rate / (1 + rate))
            net, gross = total - tax, total
        else:
            tax = _cents(Fraction(total) * rate)
            net, gross = total, total + tax
        (item,) = document.tax_item
        stated = (document.tax_excluded_amount.value, item.tax_amount.value, document.tax_included_amount.value)
        self._same(judgement, document, "net, VAT and gross", stated, (net, tax, gross))
        for line in lines:
            self._same(judgement, document, line.name, line.amount, _cents(Fraction(line.exact_amount.value)))
        for bucket in document.bucket:
            closing = bucket.octets_opening + bucket.octets_added - bucket.octets_used - bucket.octets_expired
            self._same(judgement, document, f"closing of bucket {bucket.bucket_id!r}", bucket.octets_closing, closing)

    def _look_at_invoice(
        self, evidence: Evidence, judgement: Judgement, document: Document, shares: list[Share]
    ) -> None:
        recurring, suspended, overage = Fraction(0), Fraction(0), Fraction(0)
        in_bundle, over = 0, 0
        records = _records(evidence, document.cycle_id)
        for share in shares:
            plan = evidence.plan_in(share, document.first_day)
            if isinstance(plan, PostpaidIndividual):
                days, all_days = _days(evidence, document)
                if plan.suspended is not None:
                    first = document.last_day - timedelta(days=days - 1)
                    idle = evidence.days_suspended(share, first, document.last_day)
                    suspended += Fraction(plan.suspended) * idle / all_days
                    days -= idle
                recurring += Fraction(plan.recurring) * days / all_days
                included = plan.included * days // all_days
                edrs = records[share.vehicle, share.split_id]
                beyond, cost = _overage(plan, edrs, included)
                in_bundle += sum(edr.octets_total for edr in edrs) - beyond
                over += beyond
                overage += cost
        lines = document.applied_customer_billing_rate
        for kind, exact, octets in (
            ("recurring", recurring, 0),
            ("suspended", suspended, 0),
            ("usage_in_bundle", Fraction(0), in_bundle),
            ("overage", overage, over),
        ):
            mine = [line for line in lines if line.type == kind]
            stated = sum((line.exact_amount.value for line in mine), Decimal(0))
            if abs(Fraction(stated) - exact) > Fraction(len(mine), 10**12):  # printed with twelve places
                self._same(judgement, document, f"sum of {kind} lines", stated, float(exact))
            self._same(judgement, document, f"octets of {kind} lines", sum(line.octets for line in mine), octets)

    def _look_at_statement(
        self, evidence: Evidence, judgement: Judgement, document: Document, shares: list[Share]
    ) -> None:
        mine = {(share.vehicle, share.split_id) for share in shares}
        bought = sorted(
            (item.volume, Decimal(item.price_micros).scaleb(-6))
            for item in evidence.purchases
            if (item.vehicle, item.split_id) in mine and _in_period(evidence, document, item.at)
        )
        stated = sorted((line.octets, line.amount) for line in document.applied_customer_billing_rate)
        self._same(judgement, document, "purchases (octets, price)", stated, bought)

    def _same(self, judgement: Judgement, document: Document, what: str, stated: object, expected: object) -> None:
        if stated != expected:
            who = f"{document.bill_no} to {document.customer.id!r}"
            judgement.wrong_sum(who, 0, f"{what}: {_plain(stated)} on the document, {_plain(expected)} by the scenario")


class ReconciliationAgrees(Check):
    """The operator's own reconciliation of the cycle lists no difference."""

    check: Literal["reconciliation_agrees"]
    needs = ("EDRs reconciled",)

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        judgement.count("EDRs reconciled", len(evidence.edrs))

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        for difference in evidence.differences:
            judgement.wrong_sum("reconciliation", 0, str(difference))


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return " / ".join(map(_plain, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cents(exact: Fraction) -> Decimal:
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(CENT, ROUND_HALF_UP)


def _days(evidence: Evidence, document: Document) -> tuple[int, int]:
    """Days of the cycle from the day on which the fleet began, and all its days."""
    began = max(utc(evidence.begins).astimezone(evidence.zone).date(), document.first_day)
    return _until(began, document), _until(document.first_day, document)


def _until(first: date, document: Document) -> int:
    return (document.last_day - first).days + 1


def _in_period(evidence: Evidence, document: Document, at: int) -> bool:
    return document.first_day <= utc(at).astimezone(evidence.zone).date() <= document.last_day


def _records(evidence: Evidence, cycle_id: str) -> dict[tuple[str, str], list[Edr]]:
    """The cycle's EDRs by (car, split id), the split by the scenario's declaration."""
    found: dict[tuple[str, str], list[Edr]] = defaultdict(list)
    for edr in evidence.edrs:
        vehicle = evidence.vehicle_of.get(edr.physical_imsi, "")
        owner = evidence.owner(vehicle, edr.apn, edr.rating_group, edr.event_time)
        if owner and edr.cycle_id == cycle_id:
            found[owner.vehicle, owner.split_id].append(edr)
    return found


def _overage(plan: PostpaidIndividual, edrs: list[Edr], included: int) -> tuple[int, Fraction]:
    """Octets beyond the bundle, and what they cost in units of currency: whole blocks, rounded up per cycle or session.

    Each at the price of the zone that the serving network lies in and of the time of day.
    """
    over: dict[tuple[Decimal, str], int] = defaultdict(int)
    used = 0
    for edr in sorted(edrs, key=lambda edr: (edr.event_time, edr.edr_id)):
        zone = _zone(plan, edr.serving_plmn)
        beyond = edr.octets_total
        if plan.included_zones is None or zone in plan.included_zones:
            beyond = max(0, used + edr.octets_total - max(included, used))
            used += edr.octets_total
        over[_price(plan, zone, edr.event_time), edr.session_id if plan.rounding == "session" else ""] += beyond
    block, per = plan.overage.block, plan.overage.per
    cost = sum(Fraction(price) * -(-octets // block) * block / per for (price, _), octets in over.items())
    return sum(over.values()), Fraction(cost)


def _zone(plan: PostpaidIndividual, serving_plmn: str | None) -> str:
    """By the longest prefix; the plan's first zone where no network is known."""
    fits = [
        ("" if prefix == "*" else prefix, zone)
        for zone, prefixes in plan.zones.items()
        for prefix in prefixes
        if prefix == "*" or (serving_plmn or "").startswith(prefix)
    ]
    return max(fits, key=lambda fit: len(fit[0]))[1] if fits else next(iter(plan.zones), "home")


def _price(plan: PostpaidIndividual, zone: str, at: int) -> Decimal:
    """The first rate that fits, else the plan's own price."""
    clock = utc(at).astimezone(ZoneInfo(plan.time_zone or "UTC"))
    minute = clock.hour * 60 + clock.minute
    return next((rate.price for rate in plan.rates if rate.holds(zone, minute)), plan.overage.price)
