"""Messages and calls: what the network did for a car is what its physical SIM pays, and nobody else."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ocs.catalogue.plans import Plan, Postpaid
from scenarios.checks.base import Check, Judgement
from scenarios.evidence import PHYSICAL, Evidence


class MessagesAndCallsAddUp(Check):
    """Every message and every second of a call is in an EDR of its SIM, and on its payer's invoice at its price."""

    check: Literal["messages_and_calls_add_up"]
    needs = ("messages", "seconds of calls")

    def _look(self, evidence: Evidence, judgement: Judgement) -> None:
        served: Counter[tuple[str, str]] = Counter()
        for item in evidence.served:
            judgement.count("messages" if item.unit == "units" else "seconds of calls", item.amount)
            served[item.vehicle, item.unit] += item.amount
        recorded: Counter[tuple[str, str]] = Counter()
        for edr in evidence.edrs:
            if edr.unit_type == "octets":
                continue
            vehicle = evidence.vehicle_of.get(edr.physical_imsi, "an unknown car")
            recorded[vehicle, edr.unit_type] += edr.units_used
            payer = evidence.physical.get(vehicle)
            if payer is None or (edr.account_id, edr.split_id) != (payer.payer, PHYSICAL):
                what = f"{edr.units_used:,} {edr.unit_type} were charged to {edr.account_id!r}, split {edr.split_id!r}"
                ought = payer.payer if payer else "nobody"
                judgement.wrong(vehicle, edr.event_time, 0, f"{what}; {ought!r} pays for the physical SIM")
        for key in sorted(served.keys() | recorded.keys()):
            if served[key] != recorded[key]:
                vehicle, unit = key
                what = f"{served[key]:,} {unit} were served, {recorded[key]:,} are in EDRs"
                judgement.wrong_sum(vehicle, 0, what)

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        """Each record is priced by the plan: a message by the piece, a call by whole blocks of its session."""
        expected: Counter[tuple[str, str]] = Counter()
        cycles = {document.cycle_id for document in evidence.documents}
        calls: Counter[tuple[str, str, str]] = Counter()
        for edr in evidence.edrs:
            payer = evidence.physical.get(evidence.vehicle_of.get(edr.physical_imsi, ""))
            if payer is None or edr.unit_type == "octets" or edr.cycle_id not in cycles:
                continue
            if edr.unit_type == "units":
                expected[payer.payer, "messages"] += edr.units_used * _micros(payer.plan)
            else:
                calls[payer.payer, payer.plan.id, edr.session_id] += edr.units_used
        plans = {plan.id: plan for plan in evidence.provisioning.plans}
        for (payer_id, plan_id, _), seconds in calls.items():
            plan = plans[plan_id]
            assert isinstance(plan, Postpaid)
            assert plan.voice is not None
            blocks = -(-seconds // plan.voice.block)
            expected[payer_id, "calls"] += int(
                Fraction(plan.voice.price) * blocks * plan.voice.block * 10**6 / plan.voice.per
            )
        stated: Counter[tuple[str, str]] = Counter()
        for document in evidence.documents:
            for line in document.applied_customer_billing_rate:
                if line.type in ("messages", "calls"):
                    stated[document.customer.id, line.type] += int(line.exact_amount.value * 10**6)
        for key in sorted(stated.keys() | expected.keys()):
            if stated[key] != expected[key]:
                ours, theirs = (Decimal(found[key]).scaleb(-6) for found in (expected, stated))
                told = f"{theirs} on the documents, {ours} by the plan"
                judgement.wrong_sum(f"payer {key[0]!r}", 0, f"{key[1]}: {told}")


def _micros(plan: Plan) -> int:
    assert isinstance(plan, Postpaid)
    return int((plan.sms or Decimal(0)) * 10**6)
