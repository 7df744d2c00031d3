"""Whether a subscription may be served at all, before any question of units."""

from __future__ import annotations

import msgspec

from ocs.catalogue.plans import PrepaidIndividual
from ocs.charging.state import Credit, Session
from ocs.gy.messages import ResultCode
from ocs.inventory.lifecycle import SimState
from ocs.inventory.subscribers import Status

# Members of enumerations that every request is held against: looked up once.
_ACTIVE, _EXHAUSTED, _IN_BILLING = Status.ACTIVE, Status.EXHAUSTED, SimState.IN_BILLING


class Refusal(msgspec.Struct, eq=False, gc=False):
    """No units: the Result-Code, the rule behind it, and whether it ends the whole session."""

    result_code: ResultCode
    rule: str
    ends_session: bool = False


def barred(credit: Credit) -> Refusal | None:
    """Whether life cycle alone forbids service: the SIM or the split is suspended or has ended."""
    subscription = credit.subscription
    sim = subscription.sim
    if sim.state is not _IN_BILLING and sim.status is not _ACTIVE:
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, f"the SIM is {sim.status.value}")
    status = subscription.status
    if status is not _ACTIVE and status is not _EXHAUSTED:
        return Refusal(ResultCode.END_USER_SERVICE_DENIED, f"the split is {status.value}")
    return None


def exhausted(credit: Credit, session: Session) -> Refusal:
    """Nothing remains and nothing is reserved: 4012, at command level where the plan ends the session with it.

    Only where nobody else can pay on the APN: another payer's rating groups must not notice.
    """
    plan, route = credit.subscription.terms.plan, session.route
    ends_session = (
        isinstance(plan, PrepaidIndividual)
        and plan.on_exhaustion == "end_session"
        and route is not None
        and route.sole is credit.subscription
    )
    return Refusal(ResultCode.CREDIT_LIMIT_REACHED, "allowance exhausted: nothing remains or is reserved", ends_session)
