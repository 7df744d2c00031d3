"""One Diameter connection without the connection: octets in, events and octets out (RFC 6733 5, RFC 3539 3.4).

The skin around it (asyncio, a blocking socket, a test) carries octets, tells the time and closes the transport:

    events = peer.connected(now)          once the transport is open
    events = peer.receive(octets, now)    whenever octets arrive
    events = peer.tick(now)               when `next_deadline()` has come
    events = peer.lost(now)               when the transport is gone
    transport.write(peer.outgoing())      after each of these
    if peer.state is State.CLOSED: transport.close()

Requests of the other side come out as `RequestArrived`, answers as `AnswerArrived`. What needs no thought of the owner
is dealt with here: capabilities, watchdog, disconnection, and the answers to requests that cannot be read, are unknown,
or are for another realm or host.
"""

from __future__ import annotations

from collections.abc import Callable

from ocs.gy import capabilities
from ocs.gy.avp import Failure
from ocs.gy.codec import Decoded, decode, encode
from ocs.gy.events import (
    Answer,
    AnswerArrived,
    Event,
    PeerClosed,
    PeerOpened,
    PeerSuspected,
    Request,
    RequestArrived,
    RequestRefused,
)
from ocs.gy.framing import Header, frames, is_protocol_error, request_header
from ocs.gy.grammar import STRICT, Tolerance
from ocs.gy.messages import (
    APPLICATION_ID,
    Asa,
    Asr,
    Cca,
    Ccr,
    Cea,
    Cer,
    Dpa,
    Dpr,
    Dwa,
    Dwr,
    ErrorAnswer,
    FailedAvp,
    Raa,
    Rar,
    Refusal,
    ResultCode,
)
from ocs.gy.node import EndToEndIds, Identity, Timers
from ocs.gy.transitions import BASE_INPUTS, TRANSITIONS, Input, State


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
        watchdog_jitter: int = 0,
        tolerance: Callable[[str], Tolerance] = lambda _: STRICT,
        serves: tuple[type[Request], ...] = (Ccr, Rar, Asr),
    ) -> None:
        self.local = local
        self.initiator = initiator
        self.state = State.NEW
        self.host: str | None = None
        """Origin-Host of the peer, once it has said it."""
        self._identifiers = identifiers
        self.timers = timers
        self._watchdog = timers.watchdog + watchdog_jitter
        self._tolerance_of = tolerance
        self._serves = serves
        self._tolerance = STRICT
        self._buffer = bytearray()
        self._events: list[Event] = []
        self._reflexes: list[bytes] = []
        self._outgoing: list[bytes] = []
        self._next_hop_by_hop = 1
        self._awaited: dict[int, int] = {}
        self._deadline: int | None = None
        self._watched = False
        self._cause = 0
        self._now = 0

    # --- the skin's side ----------------------------------------------------------------------------------------------

    def connected(self, now: int) -> list[Event]:
        """The transport is open: an initiator sends its CER, a responder waits for one."""
        self._now = now
        self._step(Input.CONNECTED if self.initiator else Input.ACCEPTED)
        return self._take_events()

    def receive(self, octets: bytes, now: int) -> list[Event]:
        """Octets from the transport, cut anywhere."""
        self._now = now
        self._buffer += octets
        messages, failure = frames(self._buffer)
        for message in messages:
            decoded = decode(message, self._tolerance)
            self._step(_input(decoded.header), decoded, message)
        if failure is not None:
            self._step(Input.BROKEN)
        return self._take_events()

    def tick(self, now: int) -> list[Event]:
        """Time has passed; does something only when `next_deadline()` has come."""
        self._now = now
        if self._deadline is not None and now >= self._deadline:
            self._step(Input.TIMEOUT)
        return self._take_events()

    def lost(self, now: int) -> list[Event]:
        """The transport is gone."""
        self._now = now
        self._step(Input.LOST)
        return self._take_events()

    def next_deadline(self) -> int | None:
        """When `tick` has something to do if nothing arrives before."""
        return self._deadline

    def outgoing(self) -> bytes:
        """All octets to write now, in one piece; they are handed out once."""
        octets = self.reflexes() + b"".join(self._outgoing)
        self._outgoing.clear()
        return octets

    def reflexes(self) -> bytes:
        """Only what the peer layer says by itself (CEA, DWA, errors): for a skin that holds the owner's words back."""
        octets = b"".join(self._reflexes)
        self._reflexes.clear()
        return octets

    # --- the owner's side ---------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Requests may be sent."""
        return self.state in {State.OPEN, State.SUSPECT}

    def send_request(self, message: Request, *, retransmitted: bool = False, end_to_end: int | None = None) -> int:
        """Queues a request and gives its Hop-by-Hop id, which its answer will bear.

        A repeated request keeps the End-to-End id of the first and has the T bit (RFC 6733 3).
        """
        if end_to_end is None:
            end_to_end = self._identifiers.take()
        hop_by_hop = self._take_hop_by_hop()
        header = request_header(type(message), hop_by_hop, end_to_end, retransmitted=retransmitted)
        self._outgoing.append(encode(message, header))
        self._awaited[hop_by_hop] = header.command_code
        return hop_by_hop

    def forget(self, hop_by_hop: int) -> None:
        """The owner waits no longer: a late answer will be discarded."""
        self._awaited.pop(hop_by_hop, None)

    def answer(self, request: RequestArrived, message: Answer) -> bytes:
        """Queues the answer to a request, with its ids, P bit and Proxy-Info (RFC 6733 6.2); gives its octets."""
        octets = self._encoded_answer(request.header, request.proxy_info, message)
        self._outgoing.append(octets)
        return octets

    def stop(self, now: int, cause: int = 0) -> list[Event]:
        """Disconnects in order: DPR, then closed when the DPA has come or the time is over. `cause`: RFC 6733 5.4.3."""
        self._now = now
        self._cause = cause
        self._step(Input.STOP)
        return self._take_events()

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

    def _await_capabilities(self, decoded: Decoded | None, octets: bytes) -> None:
        self._deadline = self._now + self.timers.capabilities

    def _send_cer(self, decoded: Decoded | None, octets: bytes) -> None:
        self._deadline = self._now + self.timers.capabilities
        self._ask(capabilities.request(self.local))

    def _answer_cer(self, decoded: Decoded, octets: bytes) -> None:
        cer = decoded.message
        failure = capabilities.judge(cer) if isinstance(cer, Cer) else decoded.failure
        if failure is not None and is_protocol_error(failure.result_code):
            self._refuse(decoded, octets, failure)
        else:
            self._reply(decoded, capabilities.answer(self.local, failure))
        if failure is not None:
            self._close(f"CER refused: {failure.text}")
        elif isinstance(cer, Cer):
            self._open(cer)

    def _take_cea(self, decoded: Decoded, octets: bytes) -> None:
        cea = decoded.message
        if self._awaited.pop(decoded.header.hop_by_hop, None) is None:
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
        self.host = peer.origin_host
        self._tolerance = self._tolerance_of(peer.origin_host)
        self._alive()
        self._events.append(PeerOpened(peer))

    def _refuse_cer(self, decoded: Decoded, octets: bytes) -> None:
        # Capabilities of an open connection cannot be changed by CER (RFC 6733 5.3; RFC 6737 is for that).
        self._alive()
        self._refuse(decoded, octets, Failure(ResultCode.UNABLE_TO_COMPLY, b"", "CER on an open connection"))

    def _answer_dwr(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        if decoded.failure is not None:
            self._refuse(decoded, octets, decoded.failure)
            return
        local = self.local
        answer = Dwa(
            result_code=ResultCode.SUCCESS,
            origin_host=local.host,
            origin_realm=local.realm,
            origin_state_id=local.origin_state_id,
        )
        self._reply(decoded, answer)

    def _take_dwa(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        self._awaited.pop(decoded.header.hop_by_hop, None)

    def _answer_dpr(self, decoded: Decoded, octets: bytes) -> None:
        self._deadline = self._now + self.timers.closing
        if decoded.failure is not None:
            self._refuse(decoded, octets, decoded.failure)
            return
        local = self.local
        self._reply(decoded, Dpa(result_code=ResultCode.SUCCESS, origin_host=local.host, origin_realm=local.realm))

    def _send_dpr(self, decoded: Decoded | None, octets: bytes) -> None:
        self._deadline = self._now + self.timers.closing
        local = self.local
        # Behind what the owner has queued: nothing of it is lost.
        self._outgoing.append(
            self._request(Dpr(origin_host=local.host, origin_realm=local.realm, disconnect_cause=self._cause))
        )

    def _take_request(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        message = decoded.message
        if isinstance(message, Ccr | Rar | Asr):
            failure = self._misrouted(message)
            if failure is None:
                self._events.append(RequestArrived(message, decoded.header, decoded.proxy_info, octets))
                return
            decoded.session_id = message.session_id
        else:
            failure = decoded.failure
        if failure is not None:
            self._refuse(decoded, octets, failure)

    def _misrouted(self, message: Request) -> Failure | None:
        """3001, and 3003 and 3002 of RFC 6733 6.1.4: names of hosts and realms are compared without case."""
        if not isinstance(message, self._serves):
            return Failure(ResultCode.COMMAND_UNSUPPORTED, b"", f"{type(message).__name__.upper()} is not served here")
        if message.destination_realm.lower() != self.local.realm.lower():
            return Failure(ResultCode.REALM_NOT_SERVED, b"", "Destination-Realm is not served here")
        host = message.destination_host
        if host is not None and host.lower() != self.local.host.lower():
            return Failure(ResultCode.UNABLE_TO_DELIVER, b"", "Destination-Host is not this node")
        return None

    def _take_answer(self, decoded: Decoded, octets: bytes) -> None:
        self._alive()
        hop_by_hop = decoded.header.hop_by_hop
        # Answers nobody waits for are dropped without a word (RFC 6733 6.2.1).
        if self._awaited.get(hop_by_hop) != decoded.header.command_code:
            return
        del self._awaited[hop_by_hop]
        message = decoded.message
        answer = message if isinstance(message, Cca | Raa | Asa | ErrorAnswer) else None
        self._events.append(AnswerArrived(hop_by_hop, answer, decoded.failure))

    def _watch(self, decoded: Decoded | None, octets: bytes) -> None:
        if self._watched:
            self.state = State.SUSPECT
            self._events.append(PeerSuspected())
        else:
            local = self.local
            self._ask(Dwr(origin_host=local.host, origin_realm=local.realm, origin_state_id=local.origin_state_id))
            self._watched = True
        self._deadline = self._now + self._watchdog

    def _ignore(self, decoded: Decoded | None, octets: bytes) -> None:
        """Nothing to do."""

    def _finish(self, decoded: Decoded | None, octets: bytes) -> None:
        self._close("disconnected")

    def _close(self, reason: str) -> None:
        self.state = State.CLOSED
        self._deadline = None
        self._awaited.clear()
        self._buffer.clear()
        self._events.append(PeerClosed(reason))

    # --- small parts --------------------------------------------------------------------------------------------------

    def _alive(self) -> None:
        """A message has come: the watchdog starts anew. While closing, the deadline stays."""
        self._watched = False
        if self.state is State.OPEN:
            self._deadline = self._now + self._watchdog

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take_hop_by_hop(self) -> int:
        hop_by_hop = self._next_hop_by_hop
        self._next_hop_by_hop = hop_by_hop + 1 & 0xFFFFFFFF
        return hop_by_hop

    def _request(self, message: Cer | Dwr | Dpr) -> bytes:
        header = request_header(type(message), self._take_hop_by_hop(), self._identifiers.take())
        self._awaited[header.hop_by_hop] = header.command_code
        return encode(message, header)

    def _ask(self, message: Cer | Dwr) -> None:
        self._reflexes.append(self._request(message))

    def _reply(self, decoded: Decoded, message: Cea | Dwa | Dpa) -> None:
        self._reflexes.append(encode(message, decoded.header.answer(), decoded.proxy_info))

    def _refuse(self, decoded: Decoded, octets: bytes, failure: Failure) -> None:
        """Answers a request with an error; one that bears Command-level ids if it is a CCR (RFC 8506 3.2)."""
        header, local = decoded.header, self.local
        session = header.application_id == APPLICATION_ID
        refusal = Refusal(
            session_id=decoded.session_id,
            result_code=failure.result_code,
            origin_host=local.host,
            origin_realm=local.realm,
            auth_application_id=APPLICATION_ID if session else None,
            cc_request_type=decoded.cc_request_type,
            cc_request_number=decoded.cc_request_number,
            error_message=failure.text,
            failed_avp=(FailedAvp(octets=failure.failed_avp),) if failure.failed_avp else (),
        )
        self._reflexes.append(self._encoded_answer(header, decoded.proxy_info, refusal))
        self._events.append(RequestRefused(header, failure, octets))

    def _encoded_answer(self, header: Header, proxy_info: tuple[bytes, ...], message: Answer | Refusal) -> bytes:
        """3xxx goes out with the E bit and in the form of RFC 6733 7.2, all else in that of its command."""
        error = is_protocol_error(message.result_code)
        if error and not isinstance(message, ErrorAnswer):
            message = ErrorAnswer(
                session_id=message.session_id,
                result_code=message.result_code,
                origin_host=message.origin_host,
                origin_realm=message.origin_realm,
                error_message=getattr(message, "error_message", None),
                failed_avp=getattr(message, "failed_avp", ()),
            )
        return encode(message, header.answer(error), proxy_info)


def _input(header: Header) -> Input:
    base = BASE_INPUTS.get((header.command_code, header.request))
    if base is not None:
        return base
    return Input.REQUEST if header.request else Input.ANSWER
