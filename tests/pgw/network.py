"""A whole OCS in this loop, and a wire to it that can be cut, over real TCP on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ocs.charging.commands import Command, Outcome, Provision, Receipt
from ocs.charging.engine import Engine
from ocs.gy.codec import decode
from ocs.gy.framing import Header, frames, read_header
from ocs.gy.messages import Cca, Ccr
from ocs.gy.node import Identity, Timers
from ocs.gy.server import GyServer
from ocs.inventory.provisioning import Provisioning
from ocs.records.edr import Edr
from ocs.service import Service
from ocs.store.journal import MemoryJournal
from ocs.units import SECOND
from sim.pgw.bearer import Settings
from sim.pgw.gateway import Gateway
from sim.pgw.telling import Teller

IMSI = "001010000000001"


def now() -> int:
    return time.time_ns() // 1000


@dataclass
class Ocs:
    """Engine, service and Gy server, with the records that they write."""

    service: Service
    server: GyServer
    edrs: list[Edr] = field(default_factory=list)

    async def do(self, command: Command) -> None:
        receipt = await self.service.execute(command)
        assert isinstance(receipt, Receipt)
        assert receipt.error is None, receipt.error

    def used(self, rating_group: int) -> int:
        return sum(edr.octets_total for edr in self.edrs if edr.rating_group == rating_group)


@contextlib.asynccontextmanager
async def ocs(provisioning: Provisioning) -> AsyncIterator[Ocs]:
    server = GyServer(Identity(host="ocs.example", realm="example"))
    edrs: list[Edr] = []

    def note(_command: Command, _now: int, outcome: Outcome) -> None:
        edrs.extend(outcome.edrs)

    service = Service(Engine("ocs.example", "example"), MemoryJournal(), server, now, on_outcome=note)
    await server.start("127.0.0.1", 0)
    serving = asyncio.create_task(service.run())
    found = Ocs(service, server, edrs)
    await found.do(Provision(provisioning, "world"))
    try:
        yield found
    finally:
        await service.stop()
        await serving


@dataclass
class Seen:
    """A CCR on the wire, and its header."""

    ccr: Ccr
    header: Header


class Wire:
    """What lies between gateway and OCS. It looks at what goes by."""

    def __init__(self, port: int) -> None:
        self.requests: list[Seen] = []
        self.answers: list[Cca] = []
        self.deaf = False
        """What the OCS says is lost."""
        self.down = False
        """Nobody gets through."""
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def listen(self) -> None:
        self._listener = await asyncio.start_server(self._join, "127.0.0.1", 0)

    @property
    def address(self) -> tuple[str, int]:
        assert self._listener is not None
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, far_writer}
        for source, sink, up in ((reader, far_writer, True), (far_reader, writer, False)):
            task = asyncio.create_task(self._carry(source, sink, up))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, up: bool) -> None:
        buffer = bytearray()
        with contextlib.suppress(ConnectionError):
            while octets := await source.read(65_536):
                buffer += octets
                messages, _ = frames(buffer)
                for message in messages:
                    self._look(message)
                if up or not self.deaf:
                    sink.write(octets)
        sink.close()

    def _look(self, octets: bytes) -> None:
        message = decode(octets).message
        if isinstance(message, Ccr):
            self.requests.append(Seen(message, read_header(octets)[0]))
        elif isinstance(message, Cca):
            self.answers.append(message)


@contextlib.asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    found = Wire(port)
    await found.listen()
    try:
        yield found
    finally:
        await found.close()


@contextlib.asynccontextmanager
async def gateway(address: tuple[str, int], **stated: object) -> AsyncIterator[tuple[Gateway, Teller, list[str]]]:
    """A gateway that is swift to connect again, what it counts, and its lines."""
    lines: list[str] = []
    teller = Teller(lambda session_id, words: lines.append(f"{session_id} {words}".strip()))
    settings = Settings(origin_host="pgw.example", origin_realm="example", destination_realm="example", **stated)  # type: ignore[arg-type]
    found = Gateway(settings, address, teller, now, Timers(reconnect=SECOND // 20))
    await found.open()
    try:
        yield found, teller, lines
    finally:
        await found.close()
