"""What every grant asks of a plan, as a plain record: a field of a model that was read from a file takes four times as
long to look up, and a request looks up a dozen.
"""

from __future__ import annotations

import msgspec

from ocs.catalogue.base import TriggerType
from ocs.catalogue.plans import Plan, PrepaidIndividual


def is_wallet(plan: Plan) -> bool:
    """Whether the purses of a plan hold money."""
    return isinstance(plan, PrepaidIndividual) and plan.wallet is not None


class GrantRules(msgspec.Struct, frozen=True, gc=False):
    """The plan's `quota` (see `Quota`), and which of the rarer things the plan has."""

    slice: int
    least_slice: int
    validity: int
    grace: int
    holding_time: int | None
    threshold: int | None
    triggers: tuple[TriggerType, ...]
    prepaid: bool
    wallet: bool
    """Whether its purses hold money."""
    zones: bool
    """Whether the serving network decides on price and service."""
    rates: bool
    """Whether zone or time of day decide on the price."""


def grant_rules(plan: Plan) -> GrantRules:
    """Of a plan."""
    quota = plan.quota
    return GrantRules(
        quota.slice,
        quota.least_slice,
        quota.validity,
        quota.grace,
        quota.holding_time,
        quota.threshold,
        quota.triggers,
        isinstance(plan, PrepaidIndividual),
        is_wallet(plan),
        bool(plan.zones),
        bool(plan.rates),
    )
