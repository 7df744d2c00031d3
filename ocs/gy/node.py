"""Who we are on Diameter, how patient we are, and the identifiers that all connections of one node share."""

from __future__ import annotations

from typing import Final

import msgspec

from ocs.gy.messages import VENDOR_3GPP
from ocs.units import SECOND


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself in CER and CEA (RFC 6733 5.3). `realm` and `host` are compared without case."""

    host: str
    realm: str
    addresses: tuple[str, ...] = ("127.0.0.1",)
    vendor_id: int = 0
    product_name: str = "splitsim"
    origin_state_id: int | None = None
    supported_vendor_ids: tuple[int, ...] = (VENDOR_3GPP,)


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting times in microseconds. `watchdog` is Tw of RFC 3539 3.4.1: at least six seconds in a real network."""

    capabilities: int = 10 * SECOND
    """From the transport's opening to a CER (as a server) or CEA (as a client)."""
    watchdog: int = 30 * SECOND
    """Silence after which a DWR goes out; twice more and the peer is down."""
    closing: int = 5 * SECOND
    """From a DPR or DPA to the closed transport."""


class EndToEndIds:
    """End-to-End identifiers that no other request of this node bears within four minutes (RFC 6733 3).

    The high 12 bits are the low 12 of the start time, the rest counts: also right after a restart.
    """

    _COUNTED_BITS: Final = 20

    def __init__(self, started_seconds: int) -> None:
        self._next = (started_seconds & 0xFFF) << self._COUNTED_BITS

    def take(self) -> int:
        """The next one, 0 to 2^32 - 1."""
        identifier = self._next
        self._next = (identifier + 1) & 0xFFFFFFFF
        return identifier
