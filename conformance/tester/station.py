"""The tester as an OCS: it listens, answers by the script of a case, and pushes. One thread for each connection."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Sequence

from conformance.tester.line import Identifiers
from conformance.tester.request import Node
from conformance.tester.trace import Trace
from conformance.wire.avp import avp
from conformance.wire.message import ASR, CCR, CER, DPR, DWR, GY, HEADER, P_FLAG, R_FLAG, RAR, Message, build

Script = Callable[[Message], bytes | None]
"""What a request is answered with; None: nothing."""


def grant(
    rating_group: int | None, octets: int | None = None, *, code: int | None = 2001, more: Sequence[bytes] = ()
) -> bytes:
    """An MSCC of an answer. `more` goes into the MSCC."""
    inner = []
    if octets is not None:
        inner.append(avp("Granted-Service-Unit", [avp("CC-Total-Octets", octets)]))
    if rating_group is not None:
        inner.append(avp("Rating-Group", rating_group))
    if code is not None:
        inner.append(avp("Result-Code", code))
    return avp("Multiple-Services-Credit-Control", [*inner, *more])


_SECOND = 100
"""The connections of a second OCS are numbered from here on."""


class Station:
    """An OCS of the tester's own. `script` answers CCRs; the peer layer is answered by itself unless told otherwise."""

    def __init__(self, node: Node, address: tuple[str, int] = ("127.0.0.1", 0), before: int = 0) -> None:
        """`before`: the number after which its connections are numbered, so that two stations can share a trace."""
        self.node = node
        self.alternate: Station | None = None
        """The tester as a second OCS of the same gateway, if it knows one."""
        self.trace = Trace()
        self.script: Script = lambda ccr: self.answer(ccr)
        self.capabilities: Script = lambda cer: self.capable(cer)
        self.watchdog: Script = lambda dwr: self.plain(dwr)
        self.received: list[Message] = []
        """Requests of the gateway, in order of arrival."""
        self.arrived: list[float] = []
        """When each came (`time.monotonic`)."""
        self.answers: list[Message] = []
        """Its answers to pushes."""
        self._changed = threading.Condition()
        self._connections: dict[int, socket.socket] = {}
        self._ids = Identifiers(random.Random(time.time_ns()))
        self._count = before
        self._address = address
        self._listener: socket.socket | None = None
        self.listen()

    def add_alternate(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> Station:
        """Plays a second OCS too, at that address, which listens when a case wants it: until then there is but one.

        OSError: the address is taken.
        """
        node = Node(f"second.{self.node.host}", self.node.realm)
        self.alternate = Station(node, address, before=_SECOND)
        self.alternate.deafen()
        return self.alternate

    # --- listening ----------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that it listens on, or did."""
        return self._address[1]

    def listen(self) -> None:
        """Takes connections from now on, if it does not already."""
        if self._listener is not None:
            return
        self._listener = socket.create_server(self._address)
        self._address = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def deafen(self) -> None:
        """Takes no more connections; those that are there stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def drop(self) -> None:
        """Closes every connection."""
        for line, connection in list(self._connections.items()):
            self.trace.event(line, "connection closed by the tester")
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends."""
        if self.alternate is not None:
            self.alternate.close()
        self.deafen()
        self.drop()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._count += 1
            self.trace.event(self._count, "connection opened by the gateway")
            self._connections[self._count] = connection
            threading.Thread(target=self._serve, args=(self._count, connection), daemon=True).start()

    def _serve(self, line: int, connection: socket.socket) -> None:
        buffer = bytearray()
        while True:
            try:
                octets = connection.recv(65_536)
            except OSError:
                octets = b""
            if not octets:
                break
            buffer += octets
            while len(buffer) >= HEADER and len(buffer) >= (length := int.from_bytes(buffer[1:4], "big")) >= HEADER:
                message = Message(bytes(buffer[:length]))
                del buffer[:length]
                self._take(line, connection, message)
        with self._changed:
            self._connections.pop(line, None)
            self.trace.event(line, "connection closed")
            self._changed.notify_all()
        connection.close()

    def _take(self, line: int, connection: socket.socket, message: Message) -> None:
        self.trace.record(line, "pgw", message.octets)
        if message.is_request:
            reply = self._reply(message)
            with self._changed:
                self.received.append(message)
                self.arrived.append(time.monotonic())
                self._changed.notify_all()
            if reply is not None:
                self._send(line, connection, reply)
        else:
            with self._changed:
                self.answers.append(message)
                self._changed.notify_all()

    def _reply(self, message: Message) -> bytes | None:
        if message.command == CER:
            return self.capabilities(message)
        if message.command == DWR:
            return self.watchdog(message)
        if message.command == DPR:
            return self.plain(message)
        return self.script(message)

    def _send(self, line: int, connection: socket.socket, octets: bytes) -> None:
        self.trace.record(line, "ocs", octets)
        try:
            connection.sendall(octets)
        except OSError:
            self.trace.event(line, "the gateway takes no octets")

    # --- answers ------------------------------------------------------------------------------------------------------

    def _identity(self) -> list[bytes]:
        return [avp("Origin-Host", self.node.host), avp("Origin-Realm", self.node.realm)]

    def capable(self, cer: Message, code: int = 2001) -> bytes:
        """CEA."""
        avps = [
            avp("Result-Code", code),
            *self._identity(),
            avp("Host-IP-Address", self.node.address),
            avp("Vendor-Id", 0),
            avp("Product-Name", "splitsim conformance"),
            avp("Supported-Vendor-Id", 10415),
            avp("Auth-Application-Id", GY),
        ]
        return self._answer(cer, avps)

    def plain(self, request: Message, code: int = 2001) -> bytes:
        """DWA or DPA."""
        return self._answer(request, [avp("Result-Code", code), *self._identity()])

    def answer(
        self, ccr: Message, *services: bytes, code: int = 2001, more: Sequence[bytes] = (), flags: int = 0
    ) -> bytes:
        """CCA with these MSCCs."""
        session = ccr.tree.first("Session-Id")
        avps = [
            *([session.octets] if session is not None else []),
            avp("Result-Code", code),
            *self._identity(),
            avp("Auth-Application-Id", GY),
            *(item.octets for item in ccr.tree if item.name in ("CC-Request-Type", "CC-Request-Number")),
            *services,
            *more,
        ]
        return self._answer(ccr, avps, flags)

    def _answer(self, request: Message, avps: Sequence[bytes], flags: int = 0) -> bytes:
        return build(
            request.command,
            b"".join(avps),
            flags=request.flags & P_FLAG | flags,
            application=request.application,
            hop_by_hop=request.hop_by_hop,
            end_to_end=request.end_to_end,
        )

    # --- pushes -------------------------------------------------------------------------------------------------------

    def push(
        self, command: int, session_id: str, to: Message, rating_group: int | None = None, within: float = 3.0
    ) -> Message | None:
        """Sends a RAR or ASR to whoever sent `to`, and gives the answer; None if none comes."""
        hop, end = self._ids.take()
        avps = [
            avp("Session-Id", session_id),
            *self._identity(),
            avp("Destination-Realm", to.tree.text("Origin-Realm") or ""),
            avp("Destination-Host", to.tree.text("Origin-Host") or ""),
            avp("Auth-Application-Id", GY),
            *([avp("Re-Auth-Request-Type", 0)] if command == RAR else []),
            *([avp("Rating-Group", rating_group)] if rating_group is not None else []),
        ]
        octets = build(command, b"".join(avps), flags=R_FLAG | P_FLAG, hop_by_hop=hop, end_to_end=end)
        self.send(octets)
        return self.await_answer(lambda message: message.hop_by_hop == hop, within)

    def reauthorise(self, ccr: Message, rating_group: int | None = None) -> Message | None:
        """RAR for the session of a CCR."""
        return self.push(RAR, ccr.session_id or "", ccr, rating_group)

    def abort(self, ccr: Message) -> Message | None:
        """ASR for the session of a CCR."""
        return self.push(ASR, ccr.session_id or "", ccr)

    def disconnect(self, cause: int) -> Message | None:
        """DPR; gives the DPA."""
        hop, end = self._ids.take()
        avps = [*self._identity(), avp("Disconnect-Cause", cause)]
        self.send(build(DPR, b"".join(avps), flags=R_FLAG, application=0, hop_by_hop=hop, end_to_end=end))
        return self.await_answer(lambda message: message.hop_by_hop == hop, 3.0)

    def send(self, octets: bytes) -> None:
        """Sends octets on the newest connection."""
        if self._connections:
            line = max(self._connections)
            self._send(line, self._connections[line], octets)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def await_request(self, wanted: Callable[[Message], bool], within: float, start: int = 0) -> Message | None:
        """The first request from number `start` on that is wanted; None if none comes."""
        return self._await(lambda: next((one for one in self.received[start:] if wanted(one)), None), within)

    def await_answer(self, wanted: Callable[[Message], bool], within: float) -> Message | None:
        """An answer to a push."""
        return self._await(lambda: next((one for one in self.answers if wanted(one)), None), within)

    def _await(self, find: Callable[[], Message | None], within: float) -> Message | None:
        deadline = time.monotonic() + within
        with self._changed:
            while True:
                found = find()
                left = deadline - time.monotonic()
                if found is not None or left <= 0:
                    return found
                self._changed.wait(left)

    def ccrs(self, kind: int | None = None) -> list[Message]:
        """The CCRs so far, of one CC-Request-Type if it is given."""
        return [
            one
            for one in list(self.received)
            if one.command == CCR and (kind is None or one.tree.number("CC-Request-Type") == kind)
        ]
