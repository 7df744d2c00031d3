"""What a plan charges for use: whole micros per block, in tiers, by zone and time of day."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from ocs.files import Duration, FileModel, Money, Volume
from ocs.units import MICROS

Steps = tuple[tuple[int, int], ...]
"""Micros of a block from so many octets of cumulative use on, in rising order; the first from 0 on."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _minute_of_day(text: object) -> object:
    if isinstance(text, int):
        return text
    found = _CLOCK.fullmatch(str(text))
    if found is None:
        raise ValueError("expected a time of day such as '22:00'")
    return int(found[1]) * 60 + int(found[2])


ClockTime = Annotated[int, BeforeValidator(_minute_of_day, json_schema_input_type=str), Field(ge=0, lt=1440)]
"""Minutes since midnight on the wall clock, written as `22:00`."""
PlmnPrefix = Annotated[str, Field(pattern=r"^(\*|\d{3}|\d{5,6})$")]
"""A country (MCC), a network (MCC and MNC), or `*` for all."""


class VoicePrice(FileModel):
    """Calls of the physical SIM: `price` per `per` seconds, charged in whole blocks of `block` seconds."""

    price: Annotated[Money, Field(ge=0)]
    per: Annotated[Duration, Field(gt=0)] = 60
    block: Annotated[Duration, Field(gt=0)] = 1
    slice: Annotated[Duration, Field(gt=0)] = 300
    """Seconds granted at a time (CC-Time)."""
    threshold: Annotated[Duration, Field(gt=0)] | None = None
    """Time-Quota-Threshold in seconds; sent only with grants larger than it."""
    consumption_time: Annotated[Duration, Field(gt=0)] | None = None
    """Quota-Consumption-Time in seconds: silence after which the clock stands."""

    @model_validator(mode="after")
    def _whole_micros(self) -> VoicePrice:
        micros_per_block(self.price, self.block, self.per)
        return self

    @cached_property
    def micros_per_block(self) -> int:
        """Micros of one block."""
        return micros_per_block(self.price, self.block, self.per)


class Tier(FileModel):
    """Another price for use above so many octets of the cycle (or of the session, where the plan rounds by session)."""

    above: Annotated[Volume, Field(gt=0)]
    price: Annotated[Money, Field(ge=0)]


class UnitPrice(FileModel):
    """A price of `price` per `per` octets, charged in whole blocks of `block` octets; in tiers where there are any."""

    price: Annotated[Money, Field(ge=0)]
    per: Annotated[Volume, Field(gt=0)] = 1_000_000
    block: Annotated[Volume, Field(gt=0)] = 1_000
    tiers: tuple[Tier, ...] = ()

    @model_validator(mode="after")
    def _whole_micros(self) -> UnitPrice:
        check_tiers(self.tiers, self.block)
        for price in (self.price, *(tier.price for tier in self.tiers)):
            micros_per_block(price, self.block, self.per)
        return self

    @cached_property
    def micros_per_block(self) -> int:
        """Micros of one block, in the first tier."""
        return micros_per_block(self.price, self.block, self.per)

    @property
    def steps(self) -> Steps:
        """The tiers as `ocs.rating.price` reads them."""
        return (
            (0, self.micros_per_block),
            *((tier.above, micros_per_block(tier.price, self.block, self.per)) for tier in self.tiers),
        )


class Rate(FileModel):
    """A price in place of the plan's own: in a zone, at a time of day, or both. Blocks are those of the plan's price.

    `from` and `to` are wall-clock times in the plan's `time_zone`; a period may run over midnight.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    name: str = ""
    zone: str | None = None
    start: ClockTime | None = Field(default=None, alias="from")
    to: ClockTime | None = None
    price: Annotated[Money, Field(ge=0)]
    tiers: tuple[Tier, ...] = ()

    @model_validator(mode="after")
    def _is_bounded(self) -> Rate:
        if (self.start is None) != (self.to is None) or (self.start is not None and self.start == self.to):
            raise ValueError("a time of day has a from and another to")
        if self.zone is None and self.start is None:
            raise ValueError("a rate names a zone or a time of day; the price for all else is the plan's own")
        return self

    def holds(self, zone: str, minute: int) -> bool:
        """Whether it is the price of use in `zone` at `minute` of the day."""
        if self.zone is not None and self.zone != zone:
            return False
        if self.start is None or self.to is None:
            return True
        if self.start < self.to:
            return self.start <= minute < self.to
        return minute >= self.start or minute < self.to


def micros_per_block(price: Decimal, block: int, per: int) -> int:
    """Micros of one block at `price` per `per` units.

    Raises:
        ValueError: not a whole number.
    """
    exact = price * MICROS * block / per
    if exact != exact.to_integral_value():
        raise ValueError("expected a price that is a whole number of micros per block")
    return int(exact)


def check_tiers(tiers: tuple[Tier, ...], block: int) -> None:
    """Tiers rise, and begin with a block.

    Raises:
        ValueError: they do not.
    """
    bounds = [tier.above for tier in tiers]
    if bounds != sorted(set(bounds)):
        raise ValueError("tiers stand in rising order")
    if any(bound % block for bound in bounds):
        raise ValueError("a tier begins after a whole number of blocks")
