"""The expectations that a scenario file can name. Each judges evidence with arithmetic of its own.

Nothing here imports the engine, its rating, its balances or its billing: a check that shared code with what it checks
would share its mistakes. A check that has seen nothing to judge fails.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import BeforeValidator, Field

from scenarios.checks.base import Check, Finding, Judgement
from scenarios.checks.buckets import BucketsBalance
from scenarios.checks.documents import DocumentsAddUp, ReconciliationAgrees
from scenarios.checks.enterprise import EnterpriseUnaffected
from scenarios.checks.exhaustion import (
    CutsFollowThePlan,
    NextAttemptIsRefused,
    NoOctetAfterTheLast,
    WifiReturnsAfterTopUp,
)
from scenarios.checks.granted import EnterpriseServed, NoOctetWithoutGrant
from scenarios.checks.octets import OctetsAddUp
from scenarios.checks.payers import PayersKeptApart
from scenarios.checks.repeats import ChargedOnce
from scenarios.checks.reservations import ReservationsEnd
from scenarios.checks.services import MessagesAndCallsAddUp

__all__ = ["REGISTRY", "Check", "Expectation", "Finding", "Judgement"]

Expectation = Annotated[
    NoOctetAfterTheLast
    | CutsFollowThePlan
    | NextAttemptIsRefused
    | WifiReturnsAfterTopUp
    | EnterpriseUnaffected
    | PayersKeptApart
    | OctetsAddUp
    | MessagesAndCallsAddUp
    | ChargedOnce
    | ReservationsEnd
    | NoOctetWithoutGrant
    | EnterpriseServed
    | BucketsBalance
    | DocumentsAddUp
    | ReconciliationAgrees,
    Field(discriminator="check"),
    BeforeValidator(lambda value: {"check": value} if isinstance(value, str) else value),
]
"""One line of `expect:`; `- octets_add_up` is short for `- {check: octets_add_up}`."""

REGISTRY: dict[str, type[Check]] = {kind.name(): kind for kind in get_args(get_args(Expectation)[0])}
"""Every expectation by the name that files use."""
