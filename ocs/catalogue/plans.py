"""Price plans. A plan is bound to a split of a profile and cannot restate APN or rating group (FT-1015.006)."""

from __future__ import annotations

from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ocs.files import Duration, FileModel, Money, Volume
from ocs.units import MICROS

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
        _whole_micros_per_block(self.price, self.block, self.per)
        return self

    @property
    def micros_per_block(self) -> int:
        """Micros of one block."""
        return _whole_micros_per_block(self.price, self.block, self.per)


class UnitPrice(FileModel):
    """A price of `price` per `per` octets, charged in whole blocks of `block` octets."""

    price: Annotated[Money, Field(ge=0)]
    per: Annotated[Volume, Field(gt=0)] = 1_000_000
    block: Annotated[Volume, Field(gt=0)] = 1_000

    @model_validator(mode="after")
    def _whole_micros(self) -> UnitPrice:
        _whole_micros_per_block(self.price, self.block, self.per)
        return self

    @property
    def micros_per_block(self) -> int:
        """Micros of one block."""
        return _whole_micros_per_block(self.price, self.block, self.per)


class _Plan(FileModel):
    id: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)] = 1
    name: str = ""
    quota: Quota = Quota()


class PostpaidIndividual(_Plan):
    """Each SIM alone: included volume, overage priced, unused volume not refunded. Goes to B2B splits only."""

    kind: Literal["postpaid_individual"]
    included: Volume
    recurring: Annotated[Money, Field(ge=0)]
    overage: UnitPrice
    rounding: Literal["cycle", "session"] = "cycle"
    """Where the rounding to whole blocks happens."""
    limit: Annotated[Volume, Field(gt=0)] | None = None
    """Octets per SIM and billing cycle above which service is refused (4012); absent: never."""
    sms: Annotated[Money, Field(ge=0)] | None = None
    """Price of a short message; absent: not sold."""
    voice: VoicePrice | None = None
    """Price of calls; absent: not sold."""


class Bundle(FileModel):
    """An allowance that a driver buys, or gets free: `volume` octets, `valid` seconds from its start."""

    id: Annotated[str, Field(min_length=1)]
    volume: Annotated[Volume, Field(gt=0)]
    valid: Annotated[Duration, Field(gt=0)]
    price: Annotated[Money, Field(ge=0)] = Decimal(0)


class PrepaidIndividual(_Plan):
    """A driver's own allowance with a hard stop at zero. Goes to B2C splits (virtual SIMs) only."""

    kind: Literal["prepaid_individual"]
    free_quota: Bundle | None = None
    """Allowance at price zero that starts with the virtual SIM."""
    bundles: tuple[Bundle, ...] = ()
    top_up_mode: Literal["queue", "parallel"] = "queue"
    end_signal: Literal["result_code", "final_unit"] = "result_code"
    on_exhaustion: Literal["end_session", "block_rg"] = "end_session"
    final_unit_action: Literal["terminate", "redirect", "restrict"] = "terminate"
    """What the client does after the final units, with `end_signal: final_unit` (RFC 8506 8.35)."""
    redirect_to: str | None = None
    """Where `redirect` leads: an http or https URL, an IPv4 or an IPv6 address."""
    restrict_to: tuple[str, ...] = ()
    """What `restrict` leaves open: IPFilterRules (RFC 6733 4.3.1), or `filter:NAME` for a rule set of the client's."""

    @model_validator(mode="after")
    def _bundles_are_distinct(self) -> PrepaidIndividual:
        names = [bundle.id for bundle in self.bundles] + ([self.free_quota.id] if self.free_quota else [])
        if len(set(names)) < len(names):
            raise ValueError("bundle ids must be unique within the plan")
        if self.free_quota and self.free_quota.price:
            raise ValueError("free_quota.price must be 0")
        return self

    @model_validator(mode="after")
    def _action_is_complete(self) -> PrepaidIndividual:
        if self.final_unit_action == "redirect":
            redirect_address(self.redirect_to or "")
        if self.final_unit_action == "restrict" and not self.restrict_to:
            raise ValueError("final_unit_action restrict needs restrict_to")
        return self

    def bundle(self, bundle_id: str) -> Bundle | None:
        """The bundle on sale under `bundle_id`, or None."""
        return next((bundle for bundle in self.bundles if bundle.id == bundle_id), None)


def _whole_micros_per_block(price: Decimal, block: int, per: int) -> int:
    exact = price * MICROS * block / per
    if exact != exact.to_integral_value():
        raise ValueError("expected a price that is a whole number of micros per block")
    return int(exact)


def redirect_address(text: str) -> Literal["ipv4", "ipv6", "url"]:
    """Which kind of redirect target `text` is (RFC 8506 8.38; sip is left out).

    Raises:
        ValueError: none of them.
    """
    if text.startswith(("http://", "https://")) and len(text.partition("://")[2]) > 0:
        return "url"
    try:
        return "ipv4" if ip_address(text).version == 4 else "ipv6"
    except ValueError:
        raise ValueError("redirect_to: expected an http or https URL, an IPv4 or an IPv6 address") from None


Plan = Annotated[PostpaidIndividual | PrepaidIndividual, Field(discriminator="kind")]
