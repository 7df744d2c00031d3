"""What every price plan says: how units are handed out, what a megabyte is, and which networks are which zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from ocs.catalogue.prices import PlmnPrefix, Rate, UnitPrice, check_tiers, micros_per_block
from ocs.files import Duration, FileModel, Volume, iana_zone

HOME: Final = "home"
"""The zone of a plan that lists none."""
NOWHERE: Final = "none"
"""Where a plan does not cover the serving network: nothing is granted there, but a report may come from there."""
_MEBI: Final = 1_048_576
_DECIMAL_VOLUME = re.compile(r"[\d.]+ [kMGT]B")

TriggerType = Literal[
    "CHANGE_IN_SGSN_IP_ADDRESS", "CHANGE_IN_QOS", "CHANGE_IN_LOCATION", "CHANGE_IN_RAT", "CHANGE_IN_UE_TIMEZONE"
]
"""Changes that a client can be asked to report (TS 32.299 7.2.236)."""


class Quota(FileModel):
    """How a plan hands out units online (RFC 8506 5.1, TS 32.299 7.2)."""

    slice: Annotated[Volume, Field(gt=0)] = 10_000_000
    """Octets granted at a time, where the client leaves the choice to the OCS; a client's wish is capped at this."""
    least_slice: Annotated[Volume, Field(gt=0)] = 100_000
    """Octets below which a share is not cut when several sessions want the same credit."""
    validity: Annotated[Duration, Field(ge=1, le=2**31)] = 3600
    """Validity-Time in seconds; a grant never outlives the bucket that pays it."""
    grace: Annotated[Duration, Field(ge=0, le=86_400)] = 60
    """Seconds that a reservation outlives its Validity-Time, for the report on its way."""
    holding_time: Annotated[Duration, Field(ge=0, le=2**31)] | None = None
    """Quota-Holding-Time in seconds; absent: the client's default."""
    threshold: Annotated[Volume, Field(gt=0)] | None = None
    """Volume-Quota-Threshold in octets; sent only with grants larger than it, never beside a final unit."""
    triggers: tuple[TriggerType, ...] = ()
    """Changes that the client reports at once (Trigger, TS 32.299 7.2.235); none: the client's own choice."""


class BasePlan(FileModel):
    """What all plans have in common. No APN and no rating group: those are the split's (FT-1015.006)."""

    id: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)] = 1
    name: str = ""
    quota: Quota = Quota()
    megabyte: Literal[1_000_000, 1_048_576] = 1_000_000
    """Octets that kB, MB, GB and TB are counted by in this plan, and on its lines: 10^6 or 2^20 to the MB."""
    zones: dict[Annotated[str, Field(min_length=1)], tuple[PlmnPrefix, ...]] = Field(default_factory=dict)
    """Zones by serving network: the longest prefix decides. None listed: one zone, `home`, which is everywhere."""
    time_zone: str | None = None
    """IANA zone of times of day; the plan's own, never the visited one."""
    rates: tuple[Rate, ...] = ()
    """Prices by zone and time of day, in place of the plan's own: the first that fits."""

    @model_validator(mode="before")
    @classmethod
    def _own_megabyte(cls, tree: object) -> object:
        """Read volumes in the plan's own megabyte."""
        return _binary(tree) if isinstance(tree, Mapping) and tree.get("megabyte") == _MEBI else tree

    @property
    def base_price(self) -> UnitPrice | None:
        """What the plan charges for octets, where no rate says otherwise; None where it sells none by the unit."""
        return None

    @cached_property
    def prices(self) -> tuple[UnitPrice, ...]:
        """The plan's own price, then its rates, all in the same blocks; empty where it sells no octets by the unit."""
        base = self.base_price
        if base is None:
            return ()
        rates = (UnitPrice(price=rate.price, per=base.per, block=base.block, tiers=rate.tiers) for rate in self.rates)
        return (base, *rates)

    @model_validator(mode="after")
    def _rates_fit(self) -> Self:
        base = self.base_price
        if self.rates and base is None:
            raise ValueError("rates need a price of the plan's own, whose blocks they share")
        for rate in self.rates:
            assert base is not None
            check_tiers(rate.tiers, base.block)
            for price in (rate.price, *(tier.price for tier in rate.tiers)):
                micros_per_block(price, base.block, base.per)
            if rate.zone is not None and rate.zone not in self.zones:
                raise ValueError(f"rates: the plan has no zone {rate.zone!r}")
            if rate.start is not None and self.time_zone is None:
                raise ValueError("times of day need a time_zone")
        return self

    @field_validator("zones")
    @classmethod
    def _prefixes_are_distinct(cls, zones: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        prefixes = [prefix for listed in zones.values() for prefix in listed]
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("a network is in one zone only")
        return zones

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        return name if name is None else iana_zone(name)

    def zone_of(self, serving_plmn: str | None) -> str | None:
        """The zone of a serving network (MCC and MNC); the first one where the client names none; None: not covered."""
        if not self.zones:
            return HOME
        if serving_plmn is None:
            return next(iter(self.zones))
        best, found = -1, None
        for zone, prefixes in self.zones.items():
            for prefix in prefixes:
                length = 0 if prefix == "*" else len(prefix)
                if length > best and (prefix == "*" or serving_plmn.startswith(prefix)):
                    best, found = length, zone
        return found


def _binary(tree: Any) -> Any:
    """A tree whose volumes in kB, MB, GB and TB are those in KiB, MiB, GiB and TiB."""
    if isinstance(tree, Mapping):
        return {key: _binary(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_binary(value) for value in tree]
    if isinstance(tree, str) and _DECIMAL_VOLUME.fullmatch(tree):
        return f"{tree[:-2]}{tree[-2].upper()}iB"
    return tree
