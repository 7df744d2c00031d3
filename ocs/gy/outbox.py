"""What one connection says, and the answers that it waits for."""

from __future__ import annotations

from ocs.gy.codec import encode
from ocs.gy.events import Request
from ocs.gy.framing import Header, request_header
from ocs.gy.messages import Cer, Dpr, Dwr
from ocs.gy.node import EndToEndIds


class Outbox:
    """Octets to write, in two queues: what the peer layer says by itself may leave before what its owner says."""

    def __init__(self, identifiers: EndToEndIds) -> None:
        self._identifiers = identifiers
        self._next_hop_by_hop = 1
        self._awaited: dict[int, int] = {}
        self._first: list[bytes] = []
        self._last: list[bytes] = []

    def put(self, octets: bytes, *, first: bool = False) -> None:
        """Queues a message."""
        (self._first if first else self._last).append(octets)

    def ask(
        self,
        message: Request | Cer | Dwr | Dpr,
        *,
        first: bool = False,
        retransmitted: bool = False,
        end_to_end: int | None = None,
    ) -> int:
        """Queues a request, whose answer is waited for, and gives its Hop-by-Hop id.

        A repeated request keeps the End-to-End id of the first and has the T bit (RFC 6733 3). ValueError for what
        cannot be encoded.
        """
        if end_to_end is None:
            end_to_end = self._identifiers.take()
        hop_by_hop = self._next_hop_by_hop
        header = request_header(type(message), hop_by_hop, end_to_end, retransmitted=retransmitted)
        self.put(encode(message, header), first=first)
        self._next_hop_by_hop = hop_by_hop + 1 & 0xFFFFFFFF
        self._awaited[hop_by_hop] = header.command_code
        return hop_by_hop

    def is_answered(self, header: Header) -> bool:
        """Whether an answer with that header was waited for; it is no longer."""
        if self._awaited.get(header.hop_by_hop) != header.command_code:
            return False
        del self._awaited[header.hop_by_hop]
        return True

    def forget(self, hop_by_hop: int) -> None:
        """An answer is waited for no longer."""
        self._awaited.pop(hop_by_hop, None)

    def forget_all(self) -> None:
        """No answer will come any more."""
        self._awaited.clear()

    def take_first(self) -> bytes:
        """What the peer layer has queued."""
        octets = b"".join(self._first)
        self._first.clear()
        return octets

    def take(self) -> bytes:
        """All that is queued."""
        octets = self.take_first() + b"".join(self._last)
        self._last.clear()
        return octets
