"""Messages and calls: what the network did for a car is what its physical SIM pays, and nobody else."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ocs.catalogue.plans import Postpaid
from ocs.records.edr import Edr
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
        sessions: dict[str, list[Edr]] = defaultdict(list)
        for edr in evidence.edrs:
            if edr.unit_type == "octets":
                continue
            sessions[edr.session_id].append(edr)
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
        for edrs in sessions.values():
            self._look_at_price(evidence, judgement, edrs)

    def _look_at_price(self, evidence: Evidence, judgement: Judgement, edrs: list[Edr]) -> None:
        """A message costs its piece, a call whole blocks of all its seconds, however they were reported."""
        vehicle = evidence.vehicle_of.get(edrs[0].physical_imsi, "an unknown car")
        payer = evidence.physical.get(vehicle)
        plan = payer.plan if payer is not None else None
        if not isinstance(plan, Postpaid):
            return
        amount, charged = sum(edr.units_used for edr in edrs), sum(edr.amount_micros or 0 for edr in edrs)
        if edrs[0].unit_type == "units":
            price = Fraction(plan.sms or 0) * amount
        else:
            assert plan.voice is not None
            block, per = plan.voice.block, plan.voice.per
            price = Fraction(plan.voice.price) * -(-amount // block) * block / per
        if charged != price * 10**6:
            what = f"{amount:,} {edrs[0].unit_type} were charged at {Decimal(charged).scaleb(-6)}"
            judgement.wrong(vehicle, edrs[-1].event_time, 0, f"{what}; plan {plan.id!r} says {float(price)}")

    def _look_at_bills(self, evidence: Evidence, judgement: Judgement) -> None:
        recorded: Counter[tuple[str, str]] = Counter()
        cycles = {document.cycle_id for document in evidence.documents}
        for edr in evidence.edrs:
            if edr.unit_type != "octets" and edr.cycle_id in cycles:
                line = "messages" if edr.unit_type == "units" else "calls"
                recorded[edr.account_id or "", line] += edr.amount_micros or 0
        stated: Counter[tuple[str, str]] = Counter()
        for document in evidence.documents:
            for charge in document.applied_customer_billing_rate:
                if charge.type in ("messages", "calls"):
                    stated[document.customer.id, charge.type] += int(charge.exact_amount.value * 10**6)
        for key in sorted(stated.keys() | recorded.keys()):
            if stated[key] != recorded[key]:
                ours, theirs = (Decimal(found[key]).scaleb(-6) for found in (recorded, stated))
                told = f"{theirs} on the documents, {ours} in EDRs"
                judgement.wrong_sum(f"payer {key[0]!r}", 0, f"{key[1]}: {told}")
