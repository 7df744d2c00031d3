"""One TCP connection of the tester: blocking, with a deadline on every wait."""

from __future__ import annotations

import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from conformance.tester.observe import NoMessage, Reply
from conformance.tester.request import Node, Request, dwr
from conformance.tester.secure import HandshakeFailed, Security, refusal
from conformance.tester.trace import Trace
from conformance.wire.avp import avp
from conformance.wire.message import ASR, DPR, DWR, HEADER, P_FLAG, RAR, Message, build

_MESSAGE_MAX = 1 << 22
"""Octets above which an announced length is taken for garbage: no Gy answer comes near."""

_MESSAGES_MAX = 5_000
"""Messages on one connection above which they are taken for a flood: no case asks for a fifth of it."""


class Identifiers:
    """Hop-by-Hop and End-to-End ids of one run, from its seed; no two requests share one."""

    def __init__(self, rng: random.Random) -> None:
        self._hop = rng.randrange(1 << 31)
        self._end = rng.randrange(1 << 31)

    def take(self) -> tuple[int, int]:
        """The next pair."""
        self._hop += 1
        self._end += 1
        return self._hop & 0xFFFFFFFF, self._end & 0xFFFFFFFF


PushAnswer = Callable[[Message], int | None]
"""The Result-Code for a RAR or ASR; None leaves it unanswered."""


def agree(push: Message) -> int | None:
    """RAA 2002, because a CCR-U will follow (RFC 8506 5.5); ASA 2001."""
    return 2002 if push.command == RAR else 2001


class Line:
    """A connection. Watchdogs of the other side are answered by themselves; its RARs and ASRs by `push_answer`."""

    def __init__(
        self,
        address: tuple[str, int],
        node: Node,
        trace: Trace,
        number: int,
        ids: Identifiers,
        wait_seconds: float,
        secured: Security | None = None,
    ) -> None:
        """Opens it, with a TLS handshake if it is to be secured.

        Raises:
            OSError: there is no connection; HandshakeFailed among them.
        """
        self.node = node
        self.trace = trace
        self.number = number
        self.ids = ids
        self.wait_seconds = wait_seconds
        self.push_answer: PushAnswer = agree
        self.answers_watchdog = True
        self.pushes: list[Message] = []
        """RARs and ASRs, in order of arrival."""
        self.watchdogs: list[float] = []
        """When DWRs came (`time.monotonic`)."""
        self.disconnects: list[Message] = []
        """DPRs."""
        self.capabilities: Message | None = None
        """The CEA."""
        self.closed_by_peer = False
        self.closed_by_us = False
        self._buffer = bytearray()
        self._inbox: deque[Message] = deque()
        self._spoilt: NoMessage | None = None
        """Why nothing that comes is read any more."""
        self._taken = 0
        self._deaf = False
        """A message of ours could not be sent to its end; nothing that follows it would be understood."""
        self._tls_refusal = ""
        self._socket = socket.create_connection(address, timeout=wait_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trace.event(number, f"{'TLS' if secured else 'TCP'} connection to {address[0]}:{address[1]} opened")
        if secured is not None:
            try:
                self._socket = secured.secured(self._socket, address[0])
            except HandshakeFailed as failed:
                trace.event(number, str(failed))
                raise

    # --- sending ------------------------------------------------------------------------------------------------------

    def stamp(self, request: Request) -> Request:
        """The request with ids where it has none."""
        hop, end = self.ids.take()
        return replace(
            request,
            hop_by_hop=hop if request.hop_by_hop is None else request.hop_by_hop,
            end_to_end=end if request.end_to_end is None else request.end_to_end,
        )

    def send(self, request: Request) -> Request:
        """Sends a request, and gives it back with its ids."""
        request = self.stamp(request)
        self.send_octets(request.octets())
        return request

    def send_octets(self, octets: bytes) -> bool:
        """Sends any octets; False if the connection is gone."""
        self.trace.record(self.number, "pgw", octets)
        return self._write(octets)

    def send_together(self, *requests: Request) -> None:
        """Sends several requests, which have their ids, in one piece."""
        for request in requests:
            self.trace.record(self.number, "pgw", request.octets())
        self._write(b"".join(request.octets() for request in requests))

    def send_in_pieces(self, octets: bytes, size: int, pause_seconds: float = 0.0) -> None:
        """Sends octets `size` at a time."""
        self.trace.record(self.number, "pgw", octets)
        for start in range(0, len(octets), size):
            if not self._write(octets[start : start + size]):
                return
            if pause_seconds:
                time.sleep(pause_seconds)

    def _write(self, octets: bytes) -> bool:
        if self._deaf:
            return False
        try:
            self._socket.settimeout(self.wait_seconds)
            self._socket.sendall(octets)
        except OSError as error:
            self._deaf = True
            self.trace.event(self.number, f"the other side takes no octets: {refusal(error)}")
        return not self._deaf

    # --- receiving ----------------------------------------------------------------------------------------------------

    def ask(self, request: Request, within: float | None = None) -> Reply:
        """Sends a request and waits for its answer."""
        sent = self.send(request)
        return self.answer_to(sent, within)

    def answer_to(self, request: Request, within: float | None = None) -> Reply:
        """The answer to a request that has been sent; `within` seconds, or the Tx of the PIXIT."""
        return self.await_message(
            lambda message: not message.is_request and message.hop_by_hop == request.hop_by_hop, within
        )

    def await_message(self, wanted: Callable[[Message], bool], within: float | None = None) -> Reply:
        """The next message that is wanted; those that are not stay for later."""
        deadline = time.monotonic() + (self.wait_seconds if within is None else within)
        looked_at = 0
        while True:
            while looked_at < len(self._inbox):
                message = self._inbox[looked_at]
                if wanted(message):
                    del self._inbox[looked_at]
                    return message
                looked_at += 1
            if self._spoilt is not None:
                return self._spoilt
            if self.closed_by_peer:
                return NoMessage("closed", self._tls_refusal)
            if not self._receive(deadline):
                return NoMessage("silent", f"within {self.wait_seconds if within is None else within:g} s")

    def await_push(self, within: float) -> Message | None:
        """The next RAR or ASR that nobody has looked at; None if none comes within `within` seconds."""
        count = len(self.pushes)
        self.await_message(lambda _: len(self.pushes) > count, within)
        return self.pushes[count] if len(self.pushes) > count else None

    def listen(self, seconds: float) -> None:
        """Lets time pass, and takes in whatever comes."""
        deadline = time.monotonic() + seconds
        while not self.closed_by_peer and self._spoilt is None and self._receive(deadline):
            pass
        time.sleep(max(0.0, deadline - time.monotonic()) if not self.closed_by_peer else 0)

    def await_close(self, within: float) -> bool:
        """Whether the other side closes within `within` seconds."""
        deadline = time.monotonic() + within
        while not self.closed_by_peer and self._receive(deadline):
            pass
        return self.closed_by_peer

    def _receive(self, deadline: float) -> bool:
        """Takes in one run of octets; False at the deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._socket.settimeout(left)
        try:
            octets = self._socket.recv(65_536)
        except TimeoutError:
            return False
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                self._tls_refusal = refusal(error)
            self._ended(refusal(error))
            return True
        if not octets:
            self._ended("end of stream")
            return True
        if self._spoilt is None:
            self._buffer += octets
            self._cut()
        return True

    def _ended(self, how: str) -> None:
        self.closed_by_peer = True
        self.trace.event(self.number, f"connection closed by the other side: {how}")

    def _cut(self) -> None:
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[1:4], "big")
            if length < HEADER or length % 4 or length > _MESSAGE_MAX or self._buffer[0] != 1:
                self._spoilt = NoMessage("garbled", f"it begins {bytes(self._buffer[:8]).hex()}")
                self.trace.record(self.number, "ocs", bytes(self._buffer))
                return
            if len(self._buffer) < length:
                return
            octets = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._taken += 1
            if self._taken > _MESSAGES_MAX:
                self._spoilt = NoMessage("flooded", f"more than {_MESSAGES_MAX:,}")
                self.trace.event(self.number, self._spoilt.title)
                return
            self.trace.record(self.number, "ocs", octets)
            self._take(Message(octets))

    def _take(self, message: Message) -> None:
        if message.is_request and message.command == DWR:
            self.watchdogs.append(time.monotonic())
            if self.answers_watchdog:
                self._reply(message, 2001)
        elif message.is_request and message.command == DPR:
            self.disconnects.append(message)
            self._reply(message, 2001)
        elif message.is_request and message.command in (RAR, ASR):
            self.pushes.append(message)
            result = self.push_answer(message)
            if result is not None:
                self._reply(message, result)
            self._inbox.append(message)
        else:
            self._inbox.append(message)

    def _reply(self, request: Message, result: int) -> None:
        session = request.tree.first("Session-Id")
        avps = [
            *([session.octets] if session is not None else []),
            avp("Result-Code", result),
            avp("Origin-Host", self.node.host),
            avp("Origin-Realm", self.node.realm),
            *(item.octets for item in request.tree.all("Proxy-Info")),
        ]
        octets = build(
            request.command,
            b"".join(avps),
            flags=request.flags & P_FLAG,
            application=request.application,
            hop_by_hop=request.hop_by_hop,
            end_to_end=request.end_to_end,
        )
        self.send_octets(octets)

    # --- the rest -----------------------------------------------------------------------------------------------------

    def alive(self, within: float | None = None) -> Reply:
        """The DWA to a DWR."""
        return self.ask(dwr(self.node), within)

    @property
    def unclaimed(self) -> list[Message]:
        """Messages that came and that nobody waited for."""
        return list(self._inbox)

    @property
    def tls_title(self) -> str:
        """Version and cipher of TLS; empty without it."""
        if not isinstance(self._socket, ssl.SSLSocket):
            return ""
        cipher = self._socket.cipher()
        return f"{self._socket.version()}, {cipher[0] if cipher else 'no cipher'}"

    @property
    def closed(self) -> bool:
        """Whether either side has closed it."""
        return self.closed_by_peer or self.closed_by_us

    def close(self) -> None:
        """Closes our side."""
        if not self.closed:
            self.trace.event(self.number, "connection closed by the tester")
        self.closed_by_us = True
        self._socket.close()
