"""Price plans, by kind. A plan is bound to a split of a profile and cannot restate APN or rating group."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ocs.catalogue.base import Quota, TriggerType
from ocs.catalogue.postpaid import Postpaid, PostpaidFixedPool, PostpaidFlexPool, PostpaidIndividual, Stack
from ocs.catalogue.prepaid import Bundle, PrepaidIndividual, redirect_address
from ocs.catalogue.prices import Rate, Tier, UnitPrice, VoicePrice

__all__ = [
    "Bundle",
    "Plan",
    "Postpaid",
    "PostpaidFixedPool",
    "PostpaidFlexPool",
    "PostpaidIndividual",
    "PrepaidIndividual",
    "Quota",
    "Rate",
    "Stack",
    "Tier",
    "TriggerType",
    "UnitPrice",
    "VoicePrice",
    "redirect_address",
]

Plan = Annotated[
    PostpaidIndividual | PostpaidFlexPool | PostpaidFixedPool | PrepaidIndividual, Field(discriminator="kind")
]
