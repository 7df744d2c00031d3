"""Prepaid plans: a driver's own allowance. They go to B2C splits, which is to virtual SIMs (FT-1015.006)."""

from __future__ import annotations

from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ocs.catalogue.base import BasePlan
from ocs.catalogue.prices import UnitPrice
from ocs.files import Duration, FileModel, Money, Volume
from ocs.units import MICROS

_LONGER_THAN_A_CYCLE = 32 * 86_400


class Bundle(FileModel):
    """What a driver buys, or gets free, at once: octets, or money for a wallet; `valid` seconds from its start."""

    id: Annotated[str, Field(min_length=1)]
    volume: Volume = 0
    """Octets, of a plan that sells allowances."""
    credit: Annotated[Money, Field(gt=0)] | None = None
    """Money, of a plan with a wallet."""
    valid: Annotated[Duration, Field(gt=0)]
    """Seconds from its start. `cycle`, in a file, stands for until the end of the billing cycle in which it starts."""
    with_cycle: bool = False
    """It ends with the billing cycle, if `valid` is not over before."""
    price: Annotated[Money, Field(ge=0)] = Decimal(0)
    """What the driver pays; a reseller may ask for more."""
    wholesale: Annotated[Money, Field(ge=0)] | None = None
    """What a reseller pays for it, without VAT; absent: `price`."""

    @model_validator(mode="before")
    @classmethod
    def _valid_for_the_cycle(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("valid") == "cycle":
            return {**fields, "valid": _LONGER_THAN_A_CYCLE, "with_cycle": True}
        return fields

    @model_validator(mode="after")
    def _one_of_two(self) -> Bundle:
        if (self.volume > 0) == (self.credit is not None):
            raise ValueError("expected either a volume or a credit, above zero")
        return self

    @property
    def units(self) -> int:
        """What it puts into a purse: octets, or micros of money."""
        return self.volume if self.credit is None else int(self.credit * MICROS)

    @property
    def wholesale_price(self) -> Decimal:
        """What a reseller pays for it."""
        return self.price if self.wholesale is None else self.wholesale


class PrepaidIndividual(BasePlan):
    """A driver's own allowance with a hard stop at zero. Goes to B2C splits (virtual SIMs) only.

    With `wallet` it is money that is bought, and octets are paid from it at that price.
    """

    kind: Literal["prepaid_individual"]
    wallet: UnitPrice | None = None
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
    def _bundles_fit(self) -> PrepaidIndividual:
        for bundle in (*self.bundles, *([self.free_quota] if self.free_quota else [])):
            if (bundle.credit is None) != (self.wallet is None):
                unit = "a volume" if self.wallet is None else "a credit, for its wallet"
                raise ValueError(f"bundle {bundle.id!r}: the plan sells bundles with {unit}")
        return self

    @property
    def base_price(self) -> UnitPrice | None:
        """See `BasePlan`."""
        return self.wallet

    @property
    def least(self) -> int:
        """What a purse must hold to give anything: an octet, or the price of a block of them, the cheapest."""
        return max(1, min((micros for price in self.prices for _, micros in price.steps), default=1))

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
