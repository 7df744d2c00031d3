"""A `Peer` without a network: what it hears and when is up to the test, what it says and tells is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ocs.gy.codec import decode
from ocs.gy.events import Event, PeerClosed, RequestArrived
from ocs.gy.framing import frames
from ocs.gy.messages import Cca, Ccr
from ocs.gy.node import EndToEndIds, Identity, Limits, Timers
from ocs.gy.peer import Peer
from ocs.gy.transitions import State
from ocs.units import SECOND
from tests.gy import octets

OCS = Identity(host="ocs.example", realm="example", origin_state_id=7)
TIMERS = Timers(
    watchdog=30 * SECOND, capabilities=10 * SECOND, closing=5 * SECOND, probe=3 * SECOND, message=8 * SECOND
)


@dataclass
class Line:
    """A peer of ours, and what it has said and told so far. `now` in seconds."""

    initiator: bool = False
    limits: Limits = field(default_factory=Limits)
    serves: tuple[Any, ...] = (Ccr,)
    tolerance: dict[str, frozenset[int]] = field(default_factory=dict)
    now: float = 0.0
    events: list[Event] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peer = Peer(
            OCS,
            initiator=self.initiator,
            identifiers=EndToEndIds(0),
            timers=TIMERS,
            limits=self.limits,
            serves=self.serves,
            tolerance=lambda host: self.tolerance.get(host, frozenset()),
        )
        self.peer.connected(0)
        self._collect()

    def hear(self, *messages: bytes, admit: bool = True) -> Line:
        self.peer.receive(b"".join(messages), int(self.now * SECOND))
        if admit and self.peer.state is State.HELD:
            self.peer.admit(int(self.now * SECOND))
        while self.peer.has_backlog:
            self.peer.receive(b"", int(self.now * SECOND))
        self._collect()
        return self

    def wait(self, until: float) -> Line:
        """Time passes, and the peer is woken when it wants to be."""
        while (deadline := self.peer.next_deadline()) is not None and deadline <= until * SECOND:
            self.now = deadline / SECOND
            self.peer.tick(deadline)
            self._collect()
        self.now = until
        return self

    def stop(self, cause: int = 0) -> Line:
        self.peer.stop(int(self.now * SECOND), cause)
        self._collect()
        return self

    def answer(self, arrived: RequestArrived, result_code: int = 2001) -> Line:
        self.peer.answer(arrived, grant(arrived, result_code))
        self._collect()
        return self

    def _collect(self) -> None:
        written, failure = frames(bytearray(self.peer.outgoing()))
        assert failure is None
        self.octets += written
        for message in written:
            decoded = decode(message)
            assert decoded.failure is None
            self.sent.append(decoded.message)
            self.headers.append(decoded.header)
        self.events += self.peer.events()

    @property
    def state(self) -> State:
        return self.peer.state

    @property
    def closed_because(self) -> str | None:
        return next((event.reason for event in self.events if isinstance(event, PeerClosed)), None)

    def arrived(self) -> list[RequestArrived]:
        return [event for event in self.events if isinstance(event, RequestArrived)]

    def of(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.events)


def grant(arrived: RequestArrived, result_code: int = 2001) -> Cca:
    ccr = arrived.message
    assert isinstance(ccr, Ccr)
    return Cca(
        session_id=ccr.session_id,
        result_code=result_code,
        origin_host=OCS.host,
        origin_realm=OCS.realm,
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
    )


def opened(**more: Any) -> Line:
    line = Line(**more).hear(octets.cer())
    assert line.state is State.OPEN
    line.sent.clear()
    line.headers.clear()
    line.events.clear()
    return line


def cea(*more: bytes, result_code: int = 2001, hop_by_hop: int = 1) -> bytes:
    avps = (
        octets.u32(268, result_code),
        octets.ORIGIN_HOST,
        octets.ORIGIN_REALM,
        octets.HOST_IP_ADDRESS,
        octets.VENDOR_ID,
        octets.PRODUCT_NAME,
        octets.AUTH_APPLICATION_ID,
        *more,
    )
    return cea_header(*avps, hop_by_hop=hop_by_hop)


def cea_header(*avps: bytes, hop_by_hop: int = 1, flags: int = 0) -> bytes:
    return octets.message(*avps, code=257, application=0, flags=flags, hop_by_hop=hop_by_hop)
