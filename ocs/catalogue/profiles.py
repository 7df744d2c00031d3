"""MPC profiles: who pays for which (APN, rating group) of a SIM. Immutable; overlaps are refused on load."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ocs.files import FileModel, Money
from ocs.units import UNSIGNED32_MAX

Party = Literal["b2b", "b2c"]
"""Which kind of payer a split has: the car maker and its like, or a driver."""

_OPERATOR_SUFFIX = re.compile(r"\.mnc\d{2,3}\.mcc\d{3}\.gprs$")


@lru_cache(maxsize=4_096)
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
    apn_aliases: dict[str, str] = Field(default_factory=dict)
    """Other names of APNs, each with the APN that it stands for: a client may send either, in any case."""
    splits: Annotated[tuple[Split, ...], Field(min_length=1)]

    @field_validator("apn_aliases")
    @classmethod
    def _normal(cls, aliases: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for alias, name in aliases.items():
            other, apn = normal_apn(alias), normal_apn(name)
            if other in found:
                raise ValueError(f"alias {alias!r} is there twice")
            found[other] = apn
        for alias, apn in found.items():
            if apn in found:
                raise ValueError(f"alias {alias!r} stands for {apn!r}, which is an alias itself")
        return found

    @field_validator("splits")
    @classmethod
    def _resolved(cls, splits: tuple[Split, ...], info: ValidationInfo) -> tuple[Split, ...]:
        """Splits by the APNs themselves, so that whatever looks at them sees through aliases."""
        aliases: dict[str, str] = info.data.get("apn_aliases", {})
        apns = {aliases.get(split.apn, split.apn) for split in splits}
        lost = [
            f"alias {alias!r} stands for {apn!r}, which no split has"
            for alias, apn in aliases.items()
            if apn not in apns
        ]
        if lost:
            raise ValueError("; ".join(lost))
        return tuple(
            split.model_copy(update={"apn": aliases[split.apn]}) if split.apn in aliases else split for split in splits
        )

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

    def remarks(self) -> Iterator[str]:
        """What is sound, and may surprise whoever sells it."""
        parties: dict[str, set[Party]] = defaultdict(set)
        for split in self.splits:
            parties[split.apn].add(split.party)
        for apn, both in parties.items():
            if len(both) > 1:
                yield (
                    f"profile {self.id!r}: drivers share APN {apn!r} with an enterprise, so a gateway that loses the "
                    "OCS is to retry and then terminate there (RFC 8506 8.14), the enterprise's traffic too"
                )
