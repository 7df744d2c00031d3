"""The two life cycles: that of a physical SIM, and that of a subscription (of a B2C split: a virtual SIM).

    Customer Inventory -> In Testing -> Billing Ready -> In Billing      Provisioned -> Active <-> Exhausted (by itself)
                            <->            <->             <->                            <->        <->
                         Suspended (returns to where it was)                                Suspended
                       Retired (from anywhere, for good)                           Terminated (from anywhere, for good)

Any step may be left out on the way to the right. In Testing use is free up to the plan's test allowance; the first B2B
traffic of a SIM that is Billing Ready, or beyond that allowance, puts it In Billing. The two never change each other:
a suspended SIM stops all its splits, a suspended split nothing but itself.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Status(Enum):
    """Of a subscription; of a physical SIM, Active, Suspended and Terminated say whether it is served."""

    PROVISIONED = "provisioned"
    ACTIVE = "active"
    EXHAUSTED = "exhausted"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


class SimState(Enum):
    """Of a physical SIM."""

    CUSTOMER_INVENTORY = "customer_inventory"
    IN_TESTING = "in_testing"
    BILLING_READY = "billing_ready"
    IN_BILLING = "in_billing"
    SUSPENDED = "suspended"
    RETIRED = "retired"


_ORDER: Final = (SimState.CUSTOMER_INVENTORY, SimState.IN_TESTING, SimState.BILLING_READY, SimState.IN_BILLING)
_SERVED: Final = {
    SimState.CUSTOMER_INVENTORY: Status.PROVISIONED,
    SimState.IN_TESTING: Status.ACTIVE,
    SimState.BILLING_READY: Status.ACTIVE,
    SimState.IN_BILLING: Status.ACTIVE,
    SimState.SUSPENDED: Status.SUSPENDED,
    SimState.RETIRED: Status.TERMINATED,
}


def served(state: SimState) -> Status:
    """Whether the network serves a SIM in this state: only where it is Active."""
    return _SERVED[state]


def sim_moves(state: SimState, to: SimState) -> bool:
    """Whether somebody may put a physical SIM from one state into another; what is Retired has ended."""
    if state is SimState.RETIRED:
        return False
    if state is to:
        return True
    if to is SimState.RETIRED:
        return True
    if to is SimState.SUSPENDED:
        return served(state) is Status.ACTIVE
    if state is SimState.SUSPENDED:
        return False  # only back to where it was, which is `active`
    return _ORDER.index(to) > _ORDER.index(state)


def status_moves(status: Status, to: Status) -> bool:
    """Whether somebody may put a subscription from one status into another; what is Terminated has ended."""
    if status is Status.TERMINATED or to in (Status.PROVISIONED, Status.EXHAUSTED):
        return False
    return not (status is Status.PROVISIONED and to is Status.SUSPENDED)
