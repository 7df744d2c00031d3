"""Messages and calls of postpaid subscriptions: they were priced when they happened, and are only added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ocs.billing.tenure import Tenure
from ocs.billing.usage import Usage
from ocs.catalogue.plans import Postpaid
from ocs.rating.cycle import Cycle


@dataclass(frozen=True, slots=True)
class OnlineCharges:
    """Messages (`units`) or calls (`seconds`) of one postpaid subscription in one cycle."""

    tenure: Tenure
    plan: Postpaid
    unit_type: Literal["units", "seconds"]
    amount: int
    """How many; refunds taken off."""
    micros: int
    late_of: Cycle | None
    """The earlier cycle that they belong to, where they came when it was closed."""


def online_charges(tenure: Tenure, usage: Usage, late_of: Cycle | None = None) -> Iterator[OnlineCharges]:
    """The charges of one subscription."""
    plan = tenure.plan
    if not isinstance(plan, Postpaid):
        return
    if usage.messages or usage.messages_micros:
        yield OnlineCharges(tenure, plan, "units", usage.messages, usage.messages_micros, late_of)
    if usage.seconds or usage.seconds_micros:
        yield OnlineCharges(tenure, plan, "seconds", usage.seconds, usage.seconds_micros, late_of)
