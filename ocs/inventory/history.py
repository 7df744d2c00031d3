"""The history of subscriptions and physical SIMs: one record for each change, with who made it, when and why.

A record is the whole of its subject as it stands after the change, so that what was in force at an instant is the last
record up to it. Fields, in this order, are the columns of the table `change`. Instants are microseconds UTC.
"""

from __future__ import annotations

import msgspec

from ocs.catalogue.profiles import Party


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One subscription, or (`subscription_id` None) one physical SIM, from `at` on.

    `change_id` is the subject and a number that rises with each of its changes.
    """

    change_id: str
    at: int
    imsi: str
    iccid: str
    msisdn: str | None
    subscription_id: str | None
    account_id: str
    """Who pays; of a physical SIM: who owns it."""
    customer_id: str
    """The account that owns the SIM."""
    profile_id: str | None
    profile_version: int | None
    split_id: str | None
    """`sim` for the subscription of the physical SIM itself."""
    party: Party | None
    plan_id: str | None
    plan_version: int | None
    mpc_imsi: str | None
    mpc_iccid: str | None
    status: str
    """Of a subscription: provisioned, active, suspended, terminated; of a physical SIM: see `ocs.inventory.lifecycle`.

    An exhausted allowance is no change by anybody: the ledger tells it.
    """
    by: str
    """Who made the change; empty for the system itself."""
    reason: str
    request_id: str
    """Of the command that made the change; empty where a deadline or traffic did."""
