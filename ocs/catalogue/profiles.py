"""MPC profiles: who pays for which (APN, rating group) of a SIM. Immutable; overlaps are refused on load."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ocs.files import FileModel, Money
from ocs.units import UNSIGNED32_MAX

Party = Literal["b2b", "b2c"]
"""Which kind of payer a split has: the car maker and its like, or a driver."""

_OPERATOR_SUFFIX = re.compile(r"\.mnc\d{2,3}\.mcc\d{3}\.gprs$")


def normal_apn(name: str) -> str:
    """An APN as it is compared: lower case, without the operator identifier (TS 23.003 9.1)."""
    return _OPERATOR_SUFFIX.sub("", name.lower())


RatingGroup = Annotated[int, Field(ge=0, le=UNSIGNED32_MAX)]


class Split(FileModel):
    """One payer's part of a profile: exactly one APN, and its rating groups; none listed makes it the catch-all."""

    id: Annotated[str, Field(min_length=1)]
    party: Party
    payer: str | None = None
    """The paying account; absent where each SIM names its own payer (drivers)."""
    apn: Annotated[str, Field(min_length=1)]
    rating_groups: tuple[RatingGroup, ...] = ()
    plan: Annotated[str, Field(min_length=1)]
    fee: Annotated[Money, Field(ge=0)] = Decimal(0)
    """Monthly, of each SIM, for being one of several on it; to the payer of a b2b split, prorated like the plan."""

    @field_validator("apn")
    @classmethod
    def _normal(cls, name: str) -> str:
        return normal_apn(name)


class Profile(FileModel):
    """A named set of splits given to SIMs."""

    id: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)] = 1
    splits: Annotated[tuple[Split, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_overlap(self) -> Profile:
        mistakes = []
        names: set[str] = set()
        owners: dict[tuple[str, int | None], str] = {}
        for split in self.splits:
            if split.id in names:
                mistakes.append(f"split id {split.id!r} is used twice")
            names.add(split.id)
            if split.id == "sim":
                mistakes.append("split id 'sim' is taken: it stands for the physical SIM itself")
            for rating_group in split.rating_groups or (None,):
                other = owners.setdefault((split.apn, rating_group), split.id)
                if other != split.id:
                    what = f"rating group {rating_group}" if rating_group is not None else "the catch-all"
                    mistakes.append(f"splits {other!r} and {split.id!r} both hold {what} of APN {split.apn!r}")
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self
