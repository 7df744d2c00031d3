"""What a `Peer` tells its owner."""

from __future__ import annotations

import msgspec

from ocs.gy.avp import Failure
from ocs.gy.framing import Header
from ocs.gy.messages import Asa, Asr, Cca, Ccr, Cea, Cer, ErrorAnswer, Raa, Rar

Request = Ccr | Rar | Asr
Answer = Cca | Raa | Asa | ErrorAnswer


class CapabilitiesOffered(msgspec.Struct, frozen=True, gc=False):
    """A CER that will do has come: `Peer.admit` or `Peer.reject` has to follow before anything else goes on."""

    capabilities: Cer


class PeerOpened(msgspec.Struct, frozen=True, gc=False):
    """The connection carries requests from now on. `capabilities`: what the peer said of itself."""

    capabilities: Cer | Cea


class RequestArrived(msgspec.Struct, frozen=True, gc=False):
    """A request that could be read; to be answered with `Peer.answer`. `octets`: the whole message."""

    message: Request
    header: Header
    proxy_info: tuple[bytes, ...]
    octets: bytes


class AnswerArrived(msgspec.Struct, frozen=True, gc=False):
    """The answer to the request with that Hop-by-Hop id; `message` is None if it could not be read (see `failure`)."""

    hop_by_hop: int
    message: Answer | None
    failure: Failure | None


class RequestRefused(msgspec.Struct, frozen=True, gc=False):
    """A request that was answered with an error and went no further: for logs and counters."""

    header: Header
    failure: Failure
    octets: bytes


class PeerSuspected(msgspec.Struct, frozen=True, gc=False):
    """The watchdog got no answer: no new requests should go there (RFC 3539 3.4.1)."""


class PeerRecovered(msgspec.Struct, frozen=True, gc=False):
    """A peer that was suspected or probed has spoken again."""


class PeerClosed(msgspec.Struct, frozen=True, gc=False):
    """The connection is over; requests without an answer get none any more."""

    reason: str


Event = (
    CapabilitiesOffered
    | PeerOpened
    | RequestArrived
    | AnswerArrived
    | RequestRefused
    | PeerSuspected
    | PeerRecovered
    | PeerClosed
)
