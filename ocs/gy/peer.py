"""One Diameter connection without the connection: octets in, events and octets out (RFC 6733 5, RFC 3539 3.4).

The skin around it (asyncio, a blocking socket, a test) carries octets, tells the time and closes the transport:

    peer.connected(now)          once the transport is open
    peer.receive(octets, now)    whenever octets arrive; with none of them as long as `has_backlog`
    peer.tick(now)               when `next_deadline()` has come
    peer.lost(now)               when the transport is gone

and after each of these

    for event in peer.events(): ...
    transport.write(peer.outgoing())
    if peer.state is State.CLOSED: transport.close()

It reads the transport only while `wants_octets`. Requests of the other side come out as `RequestArrived`, answers as
`AnswerArrived`. What needs no thought of the owner is dealt with here: capabilities, watchdog, disconnection, and the
answers to requests that cannot be read, are unknown, or are for another realm or host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ocs.gy import base, capabilities
from ocs.gy.answers import in_form_of_its_command, misrouted, refusal, write_answer
from ocs.gy.avp import Failure
from ocs.gy.codec import Decoded, decode, encode
from ocs.gy.events import (
    Answer,
    AnswerArrived,
    CapabilitiesOffered,
    Event,
    PeerClosed,
    PeerOpened,
    PeerRecovered,
    PeerSuspected,
    Request,
    RequestArrived,
    RequestRefused,
)
from ocs.gy.framing import Header, is_protocol_error
from ocs.gy.grammar import STRICT, Tolerance
from ocs.gy.inbox import Inbox
from ocs.gy.messages import Asa, Asr, Cca, Ccr, Cea, Cer, Dpa, Dpr, Dwa, ErrorAnswer, Raa, Rar, ResultCode
from ocs.gy.node import EndToEndIds, Identity, Limits, Timers
from ocs.gy.outbox import Outbox
from ocs.gy.transitions import BASE_INPUTS, TRANSITIONS, Input, State

_LEAST_EFFORT_OCTETS: Final = 1_024
"""What a message counts for at least when turns are shared out (see `Limits.octets_at_once`)."""
_REQUESTS: Final = (Ccr, Rar, Asr)
_REBOOTING: Final = 0
"""The Disconnect-Cause after which a peer may be called again (RFC 6733 5.4.3)."""


class Peer:
    """The state machine of one connection.

    `initiator`: we opened the transport, so we send the CER. `identifiers` is shared by all connections of a node.
    `watchdog_jitter`: microseconds by which this connection's Tw differs, drawn by the skin (RFC 3539 3.4.1: +-2 s).
    `tolerance`: how unknown AVPs are met, from the peer profile that belongs to an Origin-Host. `serves`: the requests
    that the owner answers; others are unknown commands to it (3001).
    """

    def __init__(
        self,
        local: Identity,
        *,
        initiator: bool,
        identifiers: EndToEndIds,
        timers: Timers = Timers(),  # noqa: B008 - immutable
        limits: Limits = Limits(),  # noqa: B008 - immutable
        watchdog_jitter: int = 0,
        tolerance: Callable[[str], Tolerance] = lambda _: STRICT,
        serves: tuple[type[Request], ...] = (Ccr, Rar, Asr),
    ) -> None:
        self.local = local
        self.initiator = initiator
        self.state = State.NEW
        self.host: str | None = None
        """Origin-Host of the peer, once it has said it."""
        self.in_hand = 0
        """Requests that have come out and have no answer yet."""
        self.dismissed = False
        """The peer has disconnected and does not want to be called again (RFC 6733 5.4.3)."""
        self.watchdog_rounds = 0
        """DWAs so far: after a failure a peer is trusted again when it has given three (RFC 3539 3.4.1)."""
        self.timers = timers
        self._limits = limits
        self._watchdog = timers.watchdog + watchdog_jitter
        self._tolerance_of = tolerance
        self._serves = serves
        self._tolerance = STRICT
        self._inbox = Inbox()
        self._outbox = Outbox(identifiers)
        self._saturated = False
        self._events: list[Event] = []
        self._deadline: int | None = None
        self._watched = False
        self._suspect = False
        self._offer: tuple[Decoded, bytes] | None = None
        self._rejection: Failure | None = None
        self._cause = 0
        self._now = 0

    # --- the skin's side ----------------------------------------------------------------------------------------------

    def connected(self, now: int, address: str = "127.0.0.1") -> None:
        """The transport is open: an initiator sends its CER, a responder waits for one. `address`: our end of it."""
        self._now = now
        self._address = address
        self._step(Input.CONNECTED if self.initiator else Input.ACCEPTED)

    def receive(self, octets: bytes, now: int) -> None:
        """Octets from the transport, cut anywhere. Handles some messages; if `has_backlog`, call it again for more."""
        if self.state is State.CLOSED:
            return
        self._now = now
        self._inbox.put(octets, now)
        handled = 0
        while self.has_backlog and handled < self._limits.octets_at_once:
            message = self._inbox.take()
            handled += max(len(message), _LEAST_EFFORT_OCTETS)
            decoded = self._decoded(message)
            self._step(_input(decoded.header), decoded, message)
        if self._inbox.broken:
            self._step(Input.BROKEN)

    def tick(self, now: int) -> None:
        """Time has passed; does something only when `next_deadline()` has come."""
        self._now = now
        if self._saturated and self.is_open:
            # It is we who do not listen: silence and unfinished messages are not the peer's.
            self._deadline = now + self._watchdog
            self._inbox.begun_at = None
        elif self._inbox.begun_at is not None and now >= self._inbox.begun_at + self.timers.message:
            self._step(Input.STALLED)
        elif self._deadline is not None and now >= self._deadline:
            self._step(Input.TIMEOUT)

    def lost(self, now: int, reason: str | None = None) -> None:
        """The transport is gone, or never came to be; `reason` if more is known."""
        self._now = now
        if reason is not None and self.state is not State.CLOSED:
            self._close(reason)
        self._step(Input.LOST)

    def next_deadline(self) -> int | None:
        """When `tick` has something to do if nothing arrives before."""
        begun_at = self._inbox.begun_at
        if begun_at is None or self._deadline is None:
            return self._deadline
        return min(self._deadline, begun_at + self.timers.message)

    @property
    def has_backlog(self) -> bool:
        """Whole messages wait and can be handled."""
        return len(self._inbox) > 0 and not self._saturated and self.state is not State.HELD

    @property
    def wants_octets(self) -> bool:
        """The transport should be read."""
        return not self._saturated and not len(self._inbox)

    def events(self) -> list[Event]:
        """What has happened since this was last called."""
        events, self._events = self._events, []
        return events

    def outgoing(self) -> bytes:
        """All octets to write now, in one piece; they are handed out once."""
        return self._outbox.take()

    def reflexes(self) -> bytes:
        """Only what the peer layer says by itself (CEA, DWA, errors): for a skin that holds the owner's words back."""
        return self._outbox.take_first()

    # --- the owner's side ---------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Requests may be sent."""
        return self.state in {State.OPEN, State.SUSPECT}

    def admit(self, now: int) -> None:
        """After `CapabilitiesOffered`: answers the CER, and the connection is open."""
        self._now = now
        self._step(Input.ADMITTED)

    def reject(self, now: int, failure: Failure | None) -> None:
        """After `CapabilitiesOffered`: closes, with a CEA that tells the failure, or without a word."""
        self._now = now
        self._rejection = failure
        self._step(Input.REJECTED)

    def probe(self, now: int) -> None:
        """Asks an open peer for a sign of life: `PeerRecovered` or, when `Timers.probe` has passed, `PeerClosed`."""
        self._now = now
        self._step(Input.PROBED)

    def send_request(self, message: Request, *, retransmitted: bool = False, end_to_end: int | None = None) -> int:
        """Queues a request and gives its Hop-by-Hop id, which its answer will bear. See `Outbox.ask`."""
        return self._outbox.ask(message, retransmitted=retransmitted, end_to_end=end_to_end)

    def forget(self, hop_by_hop: int) -> None:
        """The owner waits no longer: a late answer will be discarded."""
        self._outbox.forget(hop_by_hop)

    def answer(self, request: RequestArrived, message: Answer) -> bytes:
        """Queues the answer to a request, with its ids, P bit and Proxy-Info (RFC 6733 6.2); gives its octets."""
        octets = self.encode_answer(request, message)
        self.queue_answer(octets)
        return octets

    def encode_answer(self, request: RequestArrived, message: Answer) -> bytes:
        """The octets of an answer, which `queue_answer` will send."""
        error = isinstance(message, ErrorAnswer) and not is_protocol_error(message.result_code)
        sent = in_form_of_its_command(message, request.message) if error else message  # type: ignore[arg-type]
        return write_answer(request.header, request.proxy_info, sent)

    def queue_answer(self, octets: bytes) -> None:
        """Queues an answer; its request is no longer in hand."""
        self._outbox.put(octets)
        self._out_of_hand()

    def decline(self, request: RequestArrived, failure: Failure) -> None:
        """Answers a request at once with an error, ahead of what is queued."""
        message = request.message
        decoded = Decoded(request.header, None, request.proxy_info, session_id=message.session_id)
        if isinstance(message, Ccr):
            decoded.cc_request_type, decoded.cc_request_number = message.cc_request_type, message.cc_request_number
        self._refuse(decoded, request.octets, failure)
        self._out_of_hand()

    def stop(self, now: int, cause: int = 0) -> None:
        """Disconnects in order: DPR, DPA, what is in hand answered, closed; in `Timers.closing` at the latest.

        `cause`: RFC 6733 5.4.3.
        """
        self._now = now
        self._cause = cause
        self._step(Input.STOP)

    # --- the machine --------------------------------------------------------------------------------------------------

    def _step(self, happened: Input, decoded: Decoded | None = None, octets: bytes = b"") -> None:
        if self.state is State.CLOSED:
            return
        transition = TRANSITIONS.get((self.state, happened))
        if transition is None:
            self._close(f"{happened.value} while '{self.state.value}'")
            return
        action, self.state = transition
        getattr(self, f"_{action}")(decoded, octets)

    def _await_cer(self, decoded: Decoded | None, octets: bytes) -> None:
        self._deadline = self._now + self.timers.capabilities

    def _send_cer(self, decoded: Decoded | None, octets: bytes) -> None:
        self._deadline = self._now + self.timers.capabilities
        self._outbox.ask(base.cer(self.local, self._address), first=True)

    def _hear_cer(self, decoded: Decoded, octets: bytes) -> None:
        cer = decoded.message
        self._offer = decoded, octets
        self._rejection = capabilities.judge(cer) if isinstance(cer, Cer) else decoded.failure
        if self._rejection is not None:
            self._step(Input.REJECTED)
        elif isinstance(cer, Cer):
            self.host = cer.origin_host
            # Whoever decides may have to probe another connection first.
            self._deadline = self._now + self.timers.capabilities + self.timers.probe
            self._events.append(CapabilitiesOffered(cer))

    def _answer_cer(self, decoded: Decoded | None, octets: bytes) -> None:
        assert self._offer is not None
        offer, _ = self._offer
        assert isinstance(offer.message, Cer)
        self._reply(offer, base.cea(self.local, self._address, None))
        self._open(offer.message)

    def _turn_away(self, decoded: Decoded | None, octets: bytes) -> None:
        assert self._offer is not None
        failure = self._rejection
        if failure is not None:
            self._refuse_capabilities(*self._offer, failure)
        self._close(f"CER refused: {failure.text}" if failure else "another connection with this peer stays")

    def _take_cea(self, decoded: Decoded, octets: bytes) -> None:
        cea = decoded.message
        if not self._outbox.is_answered(decoded.header):
            self._close("CEA with an unknown Hop-by-Hop id")
        elif not isinstance(cea, Cea):
            text = cea.result_code if isinstance(cea, ErrorAnswer) else decoded.failure and decoded.failure.text
            self._close(f"CEA: {text}")
        elif cea.result_code != ResultCode.SUCCESS:
            self._close(f"CEA: Result-Code {cea.result_code}")
        elif (failure := capabilities.judge(cea)) is not None:
            self._close(f"CEA: {failure.text}")
        else:
            self._open(cea)

    def _open(self, peer: Cer | Cea) -> None:
        self._offer = None
        self.host = peer.origin_host
        self._tolerance = self._tolerance_of(peer.origin_host)
        self._alive()
        self._events.append(PeerOpened(peer))

    def _refuse_cer(self, decoded: Decoded, octets: bytes) -> None:
        # Capabilities of an open connection cannot be changed by CER (RFC 6733 5.3; RFC 6737 is for that).
        self._alive()
        failure = decoded.failure or Failure(ResultCode.UNABLE_TO_COMPLY, b"", "CER on an open connection")
        self._refuse_capabilities(decoded, octets, failure)

    def _answer_dwr(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        if decoded.failure is not None:
            self._refuse(decoded, octets, decoded.failure)
            return
        self._reply(decoded, base.dwa(self.local))

    def _take_dwa(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        self.watchdog_rounds += self._outbox.is_answered(decoded.header)

    def _answer_dpr(self, decoded: Decoded, octets: bytes) -> None:
        self._deadline = self._now + self.timers.closing
        self.dismissed = isinstance(decoded.message, Dpr) and decoded.message.disconnect_cause != _REBOOTING
        self._confirm_dpr(decoded, octets)

    def _confirm_dpr(self, decoded: Decoded, octets: bytes) -> None:
        if decoded.failure is not None:
            self._refuse(decoded, octets, decoded.failure)
            return
        self._reply(decoded, base.dpa(self.local))

    def _send_dpr(self, decoded: Decoded | None, octets: bytes) -> None:
        self._deadline = self._now + self.timers.closing
        # Behind what the owner has queued: nothing of it is lost.
        self._outbox.ask(base.dpr(self.local, self._cause))

    def _take_dpa(self, decoded: Decoded, octets: bytes) -> None:
        if not self._outbox.is_answered(decoded.header):
            self.state = State.CLOSING
        elif not self.in_hand:
            self._step(Input.ANSWERED)

    def _take_request(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        message = decoded.message
        if isinstance(message, _REQUESTS):
            if isinstance(message, self._serves):
                failure = misrouted(message, self.local)
            else:
                text = f"{type(message).__name__.upper()} is not served here"
                failure = Failure(ResultCode.COMMAND_UNSUPPORTED, b"", text)
            if failure is None:
                self.in_hand += 1
                self._saturated = self._saturated or self.in_hand >= self._limits.in_hand
                self._events.append(RequestArrived(message, decoded.header, decoded.proxy_info, octets))
                return
            decoded.session_id = message.session_id
        else:
            failure = decoded.failure
        if failure is not None:
            self._refuse(decoded, octets, failure)

    def _take_answer(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        # Answers nobody waits for are dropped without a word (RFC 6733 6.2.1).
        if not self._outbox.is_answered(decoded.header):
            return
        message = decoded.message
        answer = message if isinstance(message, Cca | Raa | Asa | ErrorAnswer) else None
        self._events.append(AnswerArrived(decoded.header.hop_by_hop, answer, decoded.failure))

    def _watch(self, decoded: Decoded | None, octets: bytes) -> None:
        if self._watched:
            self._suspect_from_now()
        else:
            self._ask_for_life()
        self._deadline = self._now + self._watchdog

    def _probe(self, decoded: Decoded | None, octets: bytes) -> None:
        self._ask_for_life()
        self._suspect_from_now()
        self._deadline = self._now + self.timers.probe

    def _discard(self, decoded: Decoded | None, octets: bytes) -> None:
        if decoded is not None:
            self._alive()

    def _finish(self, decoded: Decoded | None, octets: bytes) -> None:
        self._close("disconnected")

    def _close(self, reason: str) -> None:
        self.state = State.CLOSED
        self._deadline = None
        self._outbox.forget_all()
        self._inbox.clear()
        self._events.append(PeerClosed(reason))

    # --- small parts --------------------------------------------------------------------------------------------------

    def _decoded(self, message: bytes) -> Decoded:
        """A message as its sender is to be read, which is not the peer if that is a relay."""
        decoded = decode(message, self._tolerance)
        failure, sender = decoded.failure, decoded.origin_host
        if (
            failure is not None
            and failure.result_code == ResultCode.AVP_UNSUPPORTED
            and sender not in {None, self.host}
        ):
            return decode(message, self._tolerance_of(sender or ""))
        return decoded

    def _alive(self) -> None:
        """A message has come: the watchdog starts anew. While closing, the deadline stays."""
        self._watched = False
        if self.state is State.OPEN:
            self._deadline = self._now + self._watchdog
            if self._suspect:
                self._suspect = False
                self._events.append(PeerRecovered())

    def _ask_for_life(self) -> None:
        self._outbox.ask(base.dwr(self.local), first=True)
        self._watched = True

    def _suspect_from_now(self) -> None:
        self.state = State.SUSPECT
        self._suspect = True
        self._events.append(PeerSuspected())

    def _out_of_hand(self) -> None:
        self.in_hand -= 1
        if self._saturated and self.in_hand <= self._limits.in_hand // 2:
            self._saturated = False
        if not self.in_hand and self.state is State.DRAINING:
            self._step(Input.ANSWERED)

    def _reply(self, decoded: Decoded, message: Cea | Dwa | Dpa) -> None:
        self._outbox.put(encode(message, decoded.header.answer(), decoded.proxy_info), first=True)

    def _refuse_capabilities(self, decoded: Decoded, octets: bytes, failure: Failure) -> None:
        """Answers a CER with an error: a whole CEA, unless it is a protocol error or hardly a CER."""
        if is_protocol_error(failure.result_code) or decoded.header.application_id:
            self._refuse(decoded, octets, failure)
        else:
            self._reply(decoded, base.cea(self.local, self._address, failure))
            self._events.append(RequestRefused(decoded.header, failure, octets))

    def _refuse(self, decoded: Decoded, octets: bytes, failure: Failure) -> None:
        """Answers a request with an error."""
        answer = write_answer(decoded.header, decoded.proxy_info, refusal(decoded, failure, self.local))
        self._outbox.put(answer, first=True)
        self._events.append(RequestRefused(decoded.header, failure, octets))


def _input(header: Header) -> Input:
    base = BASE_INPUTS.get((header.command_code, header.request))
    if base is not None:
        return base
    return Input.REQUEST if header.request else Input.ANSWER
