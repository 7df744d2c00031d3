"""A client in a process of its own: a fixed number of CCRs in flight, each session with one outstanding.

It has to be quicker than what it measures, or the server waits for it and meets small batches. So it speaks octets:
requests are written once and then patched, of an answer only the Hop-by-Hop id and the first Result-Code are read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from ocs.bench.loads import ccr, identities
from ocs.gy.base import cer, dwa
from ocs.gy.codec import decode, encode
from ocs.gy.framing import FLAG_REQUEST, frames, request_header
from ocs.gy.messages import Asa, Asr, Ccr, CcRequestType, Cer, Dwr, Raa, Rar
from ocs.gy.node import Identity

CONNECTIONS = 4
OUTSTANDING = 16
"""On each connection."""
_RESULT_CODE: Final = (268).to_bytes(4)
_SUCCESS: Final = (2001).to_bytes(4)


@dataclass(frozen=True)
class Load:
    """`sessions` are opened, then `requests` CCR-U go over them in turn. `hot`: all of one SIM."""

    port: int
    sessions: int
    requests: int
    rating_groups: tuple[int, ...]
    hot: bool = False
    warm_up: int = 2_000


@dataclass(frozen=True)
class Measured:
    """What the client saw of the measured part of a load. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def run(load: Load, pipe: Connection) -> None:
    """The client process: says `ready` when all sessions are open and warm, waits for a word, measures, tells."""
    asyncio.run(_run(load, pipe))


async def _run(load: Load, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    lines = [_Line(f"pgw{number}.example", load) for number in range(CONNECTIONS)]
    for line in lines:
        await loop.create_connection(lambda line=line: line, "127.0.0.1", load.port)  # type: ignore[misc]
        await line.opened

    async def spread(count: int) -> list[float]:
        """`count` requests over all lanes; a session belongs to one lane, so that it has one request outstanding."""
        lanes = min(CONNECTIONS * OUTSTANDING, load.sessions)
        for line in lines:
            line.begin()
        for lane in range(lanes):
            lines[lane % CONNECTIONS].add(_turns(lane, lanes, load.sessions, count // lanes))
        return [latency for line in lines for latency in await line.done]

    await spread(load.sessions)
    await spread(load.warm_up)
    pipe.send("ready")
    pipe.recv()
    started = time.perf_counter()
    latencies = sorted(await spread(load.requests))
    seconds = time.perf_counter() - started
    count = len(latencies)
    pipe.send(Measured(count, seconds, latencies[count // 2] * 1000, latencies[count * 99 // 100] * 1000))
    for line in lines:
        line.abort()


def _turns(lane: int, lanes: int, sessions: int, requests: int) -> Iterator[int]:
    """The sessions of one lane, in turn."""
    mine = range(lane, sessions, lanes)
    return (mine[n % len(mine)] for n in range(requests))


class _Requests:
    """The octets of the next request of any session."""

    def __init__(self, origin_host: str, load: Load) -> None:
        self._numbers = [0] * load.sessions
        self._initial = _Template(CcRequestType.INITIAL, origin_host, load)
        self._update = _Template(CcRequestType.UPDATE, origin_host, load)

    def next(self, session: int, hop_by_hop: int) -> bytearray:
        number = self._numbers[session]
        self._numbers[session] = number + 1
        template = self._update if number else self._initial
        return template.written(session, number, hop_by_hop)


class _Template:
    """A request, and where in it stands what differs from one session and number to another."""

    def __init__(self, kind: CcRequestType, origin_host: str, load: Load) -> None:
        self._hot = load.hot
        self._octets, other = (
            encode(ccr(kind, 0, number, 0, load.rating_groups, load.hot, origin_host), request_header(Ccr, 0, 0))
            for number in (0, 1)
        )
        self._number = next(at for at, octet in enumerate(other) if octet != self._octets[at]) - 3
        self._places = [(self._octets.index(text), len(text)) for text in identities(0, 0)]

    def written(self, session: int, number: int, hop_by_hop: int) -> bytearray:
        octets = bytearray(self._octets)
        octets[12:20] = hop_by_hop.to_bytes(4) * 2
        octets[self._number : self._number + 4] = number.to_bytes(4)
        texts = identities(session, 0 if self._hot else session)
        for (start, size), text in zip(self._places, texts, strict=True):
            octets[start : start + size] = text
        return octets


class _Line(asyncio.Protocol):
    """One connection with its lanes."""

    def __init__(self, origin_host: str, load: Load) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[list[float]] = loop.create_future()
        self._us = Identity(host=origin_host, realm="example")
        self._requests = _Requests(origin_host, load)
        self._buffer = bytearray()
        self._waiting: dict[int, tuple[float, Iterator[int]]] = {}
        self._last = 0
        self._latencies: list[float] = []

    def begin(self) -> None:
        """A new round."""
        self.done = asyncio.get_running_loop().create_future()
        self._latencies = []

    def add(self, lane: Iterator[int]) -> None:
        """One more request in flight, for each session of the lane in turn."""
        self._transport.write(self._next(lane))

    def abort(self) -> None:
        """The end."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(encode(cer(self._us, "127.0.0.1"), request_header(Cer, 1, 1)))

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.opened, self.done):
            if not future.done():
                future.set_exception(ConnectionError("the server has closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        messages, _ = frames(self._buffer)
        out = bytearray()
        now = time.perf_counter()
        for message in messages:
            hop_by_hop = int.from_bytes(message[12:16])
            if message[4] & FLAG_REQUEST or hop_by_hop not in self._waiting:
                out += self._other(message)
                continue
            started, lane = self._waiting.pop(hop_by_hop)
            self._latencies.append(now - started)
            at = message.index(_RESULT_CODE, 20) + 8
            if message[at : at + 4] != _SUCCESS:
                self.done.set_exception(RuntimeError(f"refused: {decode(message)}"))
            out += self._next(lane)
        if out:
            self._transport.write(out)
        if not self._waiting and self.opened.done() and not self.done.done():
            self.done.set_result(self._latencies)

    def _next(self, lane: Iterator[int]) -> bytes | bytearray:
        session = next(lane, None)
        if session is None:
            return b""
        self._last += 1
        self._waiting[self._last] = time.perf_counter(), lane
        return self._requests.next(session, self._last)

    def _other(self, octets: bytes) -> bytes:
        """What is no answer to a CCR."""
        decoded = decode(octets)
        message, header = decoded.message, decoded.header.answer()
        if isinstance(message, Dwr):
            return encode(dwa(self._us), header)
        if isinstance(message, Rar | Asr):
            kind = Raa if isinstance(message, Rar) else Asa
            answer = kind(
                session_id=message.session_id, origin_host=self._us.host, origin_realm="example", result_code=2001
            )
            return encode(answer, header)
        self.opened.set_result(None)
        return b""
