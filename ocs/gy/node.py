"""Who we are on Diameter, how patient we are, how much we bear, and the identifiers that a node's connections share."""

from __future__ import annotations

from typing import Final

import msgspec

from ocs.gy.messages import VENDOR_3GPP
from ocs.units import SECOND


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself in CER and CEA (RFC 6733 5.3). `realm` and `host` are compared without case.

    `addresses` is for nodes that are reached at others than the address of the connection, which is said otherwise.
    """

    host: str
    realm: str
    addresses: tuple[str, ...] = ()
    vendor_id: int = 0
    product_name: str = "splitsim"
    origin_state_id: int | None = None
    supported_vendor_ids: tuple[int, ...] = (VENDOR_3GPP,)


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting times in microseconds. `watchdog` is Tw of RFC 3539 3.4.1: at least six seconds in a real network."""

    capabilities: int = 10 * SECOND
    """From the transport's opening to a CER (as a server) or CEA (as a client); also for a TLS handshake."""
    watchdog: int = 30 * SECOND
    """Silence after which a DWR goes out; twice more and the peer is down."""
    probe: int = 3 * SECOND
    """For any word of an old connection when a new one bears the same Origin-Host."""
    message: int = 10 * SECOND
    """From the first octets of a message to its last."""
    closing: int = 5 * SECOND
    """From a DPR or DPA to the closed transport."""
    reconnect: int = 30 * SECOND
    """Tc of RFC 6733 2.1: between attempts to reach a peer that we dial."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one node bears, so that no peer takes what belongs to the others."""

    peers: int = 256
    """Open connections; a CER above it is answered with 5012."""
    half_open: int = 128
    """Connections that have not said who they are; above it the oldest of them is dropped."""
    unsent_octets: int = 8 * 2**20
    """Waiting for a peer that does not read; above it the connection is dropped."""
    in_hand: int = 8_192
    """Requests of one connection without an answer; above it, it is not read until half of them have theirs."""
    waiting: int = 2_048
    """Requests not yet taken; above it those of the busiest peers are refused, new sessions first (see `overload`)."""
    octets_at_once: int = 24_576
    """Of one connection handled before the others get their turn; a message counts for 1,024 at least."""
    batch: int = 64
    """Requests handed to the owner at once, an equal share of each connection."""


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
