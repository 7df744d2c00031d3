"""A small gateway that counts time, keeps credit pools and knows no tariff change: what our own gateway does not do.

It stands in this process, on threads, as somebody would write it in an afternoon; it knows neither Tx nor failure
handling. `fault` names one thing that it gets wrong.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from conformance.sut.ics import Claims, HookName, HookSpec, Http, Ics, Subscriber, Subscribers, Sut, Timers
from conformance.tester.request import Node
from conformance.tester.station import Station
from conformance.wire.avp import avp
from conformance.wire.message import CCR, CER, HEADER, P_FLAG, R_FLAG, Message, build

HOST, REALM = "pgw.foreign.example", "foreign.example"
INITIAL, UPDATE, TERMINATION = 1, 2, 3
THRESHOLD, FINAL, EXHAUSTED = 0, 2, 3
BAD_ANSWER, LOGOUT = 3, 1


@dataclass
class Clock:
    """Seconds used of a time grant: from the first packet on; with `pause`, until so long after the last one."""

    pause: float | None = None
    before: float = 0.0
    start: float | None = None
    last: float = 0.0

    def packet(self, now: float) -> None:
        if self.start is not None and self.pause is not None and now > self.last + self.pause:
            self.before, self.start = self.used(now), None
        self.start = now if self.start is None else self.start
        self.last = now

    def used(self, now: float) -> float:
        if self.start is None:
            return self.before
        end = now if self.pause is None else min(now, self.last + self.pause)
        return self.before + end - self.start


@dataclass
class Group:
    """A rating group: what it holds, and what it has used of it."""

    number: int
    octets: int = 0
    used: int = 0
    seconds: int | None = None
    threshold: int = 0
    clock: Clock = field(default_factory=Clock)
    pool: int | None = None
    told: bool = False


class Gateway:
    """One subscriber at a time."""

    def __init__(self, port: int, fault: str = "") -> None:
        self.fault = fault
        self._lock = threading.RLock()
        self._answered = threading.Condition()
        self._answers: dict[int, Message] = {}
        self._hop = 0
        self._sessions = 0
        self._number = 0
        self._session = ""
        self._imsi = ""
        self.groups: dict[int, Group] = {}
        self._over = False
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ask(
            CER, [*self._identity(), avp("Host-IP-Address", "127.0.0.1"), avp("Vendor-Id", 0),
                  avp("Product-Name", "foreign"), avp("Auth-Application-Id", 4)], application=0, flags=R_FLAG,
        )  # fmt: skip
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def close(self) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._ticker.join(5)
        self._socket.close()

    # --- users --------------------------------------------------------------------------------------------------------

    def attach(self, imsi: str, numbers: list[int]) -> None:
        with self._lock:
            self._sessions += 1
            self._imsi, self._session, self._number = imsi, f"{HOST};{time.time_ns()};{self._sessions}", 0
            self.groups = {number: Group(number) for number in numbers}
            self._ccr(INITIAL, [self._mscc(group, asks=True) for group in self.groups.values()])

    def use(self, number: int, octets: int) -> int:
        with self._lock:
            group, passed = self.groups.get(number), 0
            while group is not None and passed < octets:
                now = time.monotonic()
                if group.seconds is not None and group.clock.used(now) < group.seconds:
                    group.clock.packet(now)
                    passed = octets
                    break
                part = min(self._room(group), octets - passed)
                if not part:
                    break
                group.used += part
                passed += part
                if not self._room(group):
                    self._exhausted(group)
            return passed

    def detach(self) -> None:
        with self._lock:
            if self._session:
                self._terminate(LOGOUT)

    # --- quota --------------------------------------------------------------------------------------------------------

    def _sharing(self, group: Group) -> list[Group]:
        """Those that draw on one credit pool."""
        if group.pool is None or self.fault == "pools_ignored":
            return [group]
        if self.fault == "everything_pooled":
            return list(self.groups.values())
        return [other for other in self.groups.values() if other.pool == group.pool]

    def _room(self, group: Group) -> int:
        return sum(other.octets - other.used for other in self._sharing(group))

    def _exhausted(self, group: Group) -> None:
        told = self._sharing(group)
        self._ccr(UPDATE, [self._mscc(other, asks=True, reason=EXHAUSTED) for other in told])

    def _tick(self) -> None:
        while not self._over:
            time.sleep(0.05)
            with self._lock:
                due = [mscc for group in self.groups.values() if (mscc := self._due(group))]
            if due:
                self._ccr(UPDATE, due)

    def _due(self, group: Group) -> bytes | None:
        if group.seconds is None or group.told:
            return None
        threshold = 0 if self.fault == "time_threshold_ignored" else group.threshold
        if group.clock.used(time.monotonic()) < group.seconds - threshold:
            return None
        group.told = True
        mscc = self._mscc(group, asks=True, reason=THRESHOLD if threshold else EXHAUSTED)
        if self.fault == "cut_at_threshold":
            group.seconds = 0
        return mscc

    # --- Gy -----------------------------------------------------------------------------------------------------------

    def _mscc(self, group: Group, *, asks: bool = False, reason: int | None = None) -> bytes:
        inner = [avp("Requested-Service-Unit", [])] if asks else []
        if reason is not None:
            seconds = round(group.clock.used(time.monotonic()))
            units = [avp("CC-Total-Octets", group.used)] if group.seconds is None else [avp("CC-Time", seconds)]
            inner.append(avp("Used-Service-Unit", [avp("Reporting-Reason", reason), *units]))
        return avp("Multiple-Services-Credit-Control", [*inner, avp("Rating-Group", group.number)])

    def _terminate(self, cause: int) -> None:
        services = [self._mscc(group, reason=FINAL) for group in self.groups.values()]
        self._ccr(TERMINATION, services, avp("Termination-Cause", cause))
        self._session, self.groups = "", {}

    def _ccr(self, kind: int, services: list[bytes], *more: bytes) -> None:
        number, self._number = self._number, self._number + 1
        subscriber = [avp("Subscription-Id-Type", 1), avp("Subscription-Id-Data", self._imsi)]
        answer = self._ask(
            CCR, [avp("Session-Id", self._session), *self._identity(), avp("Destination-Realm", "conformance.example"),
                  avp("Auth-Application-Id", 4), avp("Service-Context-Id", "32251@3gpp.org"),
                  avp("CC-Request-Type", kind), avp("CC-Request-Number", number),
                  avp("Subscription-Id", subscriber), *services, *more],
        )  # fmt: skip
        if kind != TERMINATION:
            with self._lock:
                self._take(answer)

    def _take(self, answer: Message) -> None:
        for service in answer.services:
            group = self.groups.get(service.rating_group or 0)
            if group is None:
                continue
            changes = service.tree.number("Granted-Service-Unit", "Tariff-Time-Change") is not None
            if changes and self.fault != "tariff_change_ignored":
                self._terminate(BAD_ANSWER)
                return
            pause = None if self.fault == "time_runs_on" else service.tree.number("Quota-Consumption-Time")
            group.octets, group.used = service.total_octets or 0, 0
            group.seconds, group.told = service.time_seconds, False
            group.threshold = service.tree.number("Time-Quota-Threshold") or 0
            group.clock = Clock(pause)
            group.pool = service.tree.number("G-S-U-Pool-Reference", "G-S-U-Pool-Identifier")

    def _identity(self) -> list[bytes]:
        return [avp("Origin-Host", HOST), avp("Origin-Realm", REALM)]

    def _ask(self, command: int, avps: list[bytes], application: int = 4, flags: int = R_FLAG | P_FLAG) -> Message:
        self._hop += 1
        hop = self._hop
        octets = build(command, b"".join(avps), flags=flags, application=application, hop_by_hop=hop, end_to_end=hop)
        self._socket.sendall(octets)
        with self._answered:
            assert self._answered.wait_for(lambda: hop in self._answers, 5), "no answer"
            return self._answers.pop(hop)

    def _read(self) -> None:
        buffer = bytearray()
        while octets := self._receive():
            buffer += octets
            while len(buffer) >= HEADER and len(buffer) >= (length := int.from_bytes(buffer[1:4], "big")):
                message = Message(bytes(buffer[:length]))
                del buffer[:length]
                if not message.is_request:
                    with self._answered:
                        self._answers[message.hop_by_hop] = message
                        self._answered.notify_all()

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except OSError:
            return b""


class Door(BaseHTTPRequestHandler):
    """Its hooks."""

    gateway: Gateway

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        text = ""
        if url.path == "/attach":
            self.gateway.attach(query["imsi"], [int(group) for group in query.get("rating_groups", "").split()])
        elif url.path == "/use":
            octets = int(query.get("up", 0)) + int(query.get("down", 0))
            text = str(self.gateway.use(int(query["rating_group"]), octets))
        elif url.path == "/detach":
            self.gateway.detach()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody wants to know."""


@contextmanager
def started(fault: str = "") -> Iterator[tuple[Ics, Station]]:
    """The gateway, connected to a station, and what somebody would write of it."""
    station = Station(Node("ocs.conformance.example", "conformance.example"))
    gateway = Gateway(station.port, fault)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneDoor", (Door,), {"gateway": gateway}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    door = f"http://127.0.0.1:{server.server_address[1]}"
    orders: dict[HookName, str] = {
        "attach": "imsi={imsi}&rating_groups={rating_groups}",
        "use": "rating_group={rating_group}&up={up}&down={down}",
        "detach": "imsi={imsi}",
    }
    try:
        yield (
            Ics(
                sut=Sut(name="a foreign gateway", side="pgw", address=f"127.0.0.1:{station.port}"),
                timers=Timers(answer_seconds=2, quiet_seconds=0.3, tx_seconds=1),
                claims=Claims(counts_time=True, credit_pools=True, tariff_changes=False),
                subscribers=Subscribers(rich=(Subscriber(imsi="001010000000001", apn="x", rating_groups=(10, 20)),)),
                hooks={
                    name: HookSpec(http=Http(method="GET", url=f"{door}/{name}?{told}"))
                    for name, told in orders.items()
                },
            ),
            station,
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
        gateway.close()
        station.close()
