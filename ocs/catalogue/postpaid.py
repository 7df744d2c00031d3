"""Postpaid plans: each SIM alone, or SIMs in a pool. They go to B2B splits, to the physical SIM (FT-1015.006)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ocs.catalogue.base import HOME, BasePlan
from ocs.catalogue.prices import UnitPrice, VoicePrice
from ocs.files import FileModel, Money, Volume


class Postpaid(BasePlan):
    """What all postpaid plans have in common. They go to B2B splits, which is to the physical SIM."""

    recurring: Annotated[Money, Field(ge=0)]
    """Monthly: of each SIM, of a fixed pool as a whole."""
    included: Volume
    """Octets a month: of each SIM, of a fixed pool as a whole."""
    included_zones: tuple[str, ...] | None = None
    """Zones whose use draws on what is included; absent: all."""
    overage: UnitPrice | None = None
    """Price of what is not included."""
    rounding: Literal["cycle", "session"] = "cycle"
    """Where the rounding to whole blocks happens, and what tiers count."""
    activation: Annotated[Money, Field(ge=0)] = Decimal(0)
    """Once, when billing starts."""
    suspended: Annotated[Money, Field(ge=0)] | None = None
    """Monthly, for whole days on which the SIM or its split is suspended, in place of `recurring`; absent: the same."""
    limit: Annotated[Volume, Field(gt=0)] | None = None
    """Octets per SIM and billing cycle above which service is refused (4012); absent: never."""
    test_allowance: Volume = 0
    """Octets that a SIM in testing uses free; beyond them its billing starts."""
    sms: Annotated[Money, Field(ge=0)] | None = None
    """Price of a short message; absent: not sold."""
    voice: VoicePrice | None = None
    """Price of calls; absent: not sold."""

    @model_validator(mode="after")
    def _zones_are_there(self) -> Self:
        for zone in self.included_zones or ():
            if zone not in (self.zones or (HOME,)):
                raise ValueError(f"included_zones: the plan has no zone {zone!r}")
        if self.included_zones is not None and self.overage is None:
            raise ValueError("included_zones need an overage price, for use in the other zones")
        return self

    @property
    def base_price(self) -> UnitPrice | None:
        """See `BasePlan`."""
        return self.overage

    def pool_id(self, account_id: str) -> str | None:
        """The pool that a payer's SIMs under this plan share: `<account>/<plan>`; None where each stands alone."""
        return None


class PostpaidIndividual(Postpaid):
    """Each SIM alone: included volume, overage priced, unused volume not refunded."""

    kind: Literal["postpaid_individual"]
    overage: UnitPrice


class PostpaidFlexPool(Postpaid):
    """All SIMs of a payer under the plan bring what they include into one pool, and any may use it."""

    kind: Literal["postpaid_flex_pool"]
    overage: UnitPrice
    leaving: Literal["keeps", "prorates", "peak"] = "keeps"
    """What a SIM that leaves takes along: nothing before the cycle ends; the days left; or the cycle counts as many
    SIMs as the pool had at once, at most, none of them prorated."""
    alert: Annotated[Volume, Field(gt=0)] | None = None
    """Octets of pool use that raise an alert; absent: all that is included. Nothing is ever refused."""

    def pool_id(self, account_id: str) -> str | None:
        """See `Postpaid`."""
        return f"{account_id}/{self.id}"


class Stack(FileModel):
    """Another block for a fixed pool that is used up, as often as needed: `volume` octets at `recurring`."""

    volume: Annotated[Volume, Field(gt=0)]
    recurring: Annotated[Money, Field(ge=0)]


class PostpaidFixedPool(Postpaid):
    """One volume at one recurring charge for all SIMs of a payer under the plan, however many they are."""

    kind: Literal["postpaid_fixed_pool"]
    stack: Stack | None = None
    """More blocks when the pool is used up, in place of an overage price."""
    alert: Annotated[Volume, Field(gt=0)] | None = None
    """Octets of pool use that raise an alert; absent: all that is included. Nothing is ever refused."""

    @model_validator(mode="after")
    def _overage_or_stack(self) -> PostpaidFixedPool:
        if (self.overage is None) == (self.stack is None):
            raise ValueError("expected either an overage price or a stack")
        return self

    def pool_id(self, account_id: str) -> str | None:
        """See `Postpaid`."""
        return f"{account_id}/{self.id}"
