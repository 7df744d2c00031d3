"""A GyServer that grants, and a peer that speaks octets, over real TCP on the loopback."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec

import msgspec

from ocs.charging.commands import Charge, Provision, Receipt
from ocs.charging.engine import Engine
from ocs.gy.avp import Avp, walk
from ocs.gy.codec import decode
from ocs.gy.connection import Incoming
from ocs.gy.framing import HEADER_OCTETS
from ocs.gy.messages import (
    Asa,
    Asr,
    Cca,
    Ccr,
    ErrorAnswer,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    Raa,
    Rar,
)
from ocs.gy.node import Identity, Timers
from ocs.gy.server import GyServer
from ocs.inventory.provisioning import load_provisioning
from ocs.records.edr import Edr, Transfer
from ocs.units import SECOND
from tests.gy import octets

P = ParamSpec("P")

OCS = Identity(host="ocs.example", realm="example")
SWIFT = Timers(
    capabilities=SECOND // 2, watchdog=60 * SECOND, probe=SECOND // 5, message=SECOND // 2, closing=SECOND // 2
)
"""Timers that a test can wait for; the watchdog keeps out of the way."""
PATIENCE = 10.0
"""Seconds after which a test gives up."""


def wired(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Runs a test in an event loop of its own, for 30 s at most."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


def grant(ccr: Ccr, result_code: int = 2001) -> Cca:
    """1,000 octets for each MSCC."""
    services = tuple(
        MultipleServicesCreditControl(
            granted_service_unit=GrantedServiceUnit(cc_total_octets=1_000),
            rating_group=mscc.rating_group,
            validity_time=600,
            result_code=2001,
        )
        for mscc in ccr.multiple_services_credit_control
    )
    return Cca(
        session_id=ccr.session_id,
        result_code=result_code,
        origin_host=OCS.host,
        origin_realm=OCS.realm,
        cc_request_type=ccr.cc_request_type,
        cc_request_number=ccr.cc_request_number,
        multiple_services_credit_control=services,
    )


def decoded_ccr(number: int = 0, **changes: Any) -> Ccr:
    """A CCR-I as a gateway's code has it in hand."""
    ccr = decode(octets.ccr(_415=octets.u32(415, number))).message
    assert isinstance(ccr, Ccr)
    return msgspec.structs.replace(ccr, **changes)


def obliging(push: Rar | Asr) -> Raa | Asa:
    """Answers pushes as a gateway that knows the session."""
    answer = Raa if isinstance(push, Rar) else Asa
    return answer(session_id=push.session_id, result_code=2001, origin_host="pgw.example", origin_realm="example")


@dataclass
class Served:
    """A running server, and its owner; `taken`: the batches that the owner has taken so far."""

    server: GyServer
    decide: Callable[[Incoming], Cca | ErrorAnswer]
    taken: list[list[Incoming]] = field(default_factory=list)
    owner: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Lets the owner take, answer and flush from now on."""
        if self.owner is None:
            self.owner = asyncio.create_task(self._own())

    async def _own(self) -> None:
        while batch := await self.server.take():
            self.taken.append(batch)
            for incoming in batch:
                incoming.respond(self.decide(incoming))
            self.server.flush()

    def waiting(self) -> int:
        """Requests that have arrived and are not taken."""
        return sum(len(connection.waiting) for connection in self.server._connections)

    @property
    def requests(self) -> list[Ccr]:
        return [incoming.message for batch in self.taken for incoming in batch]


@asynccontextmanager
async def serving(
    *,
    decide: Callable[[Incoming], Cca | ErrorAnswer] = lambda incoming: grant(incoming.message),
    address: str = "127.0.0.1",
    identity: Identity = OCS,
    tls: Any = None,
    timers: Timers = SWIFT,
    idle: bool = False,
    **options: Any,
) -> AsyncIterator[Served]:
    """`idle`: obliging takes requests until `go`."""
    server = GyServer(identity, timers=timers, **options)
    await server.start(address, 0, tls)
    served = Served(server, decide)
    if not idle:
        served.go()
    try:
        yield served
    finally:
        served.go()
        await server.stop()
        assert served.owner is not None
        await served.owner


class Raw:
    """A peer that says what octets it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = bytearray()

    @classmethod
    async def connect(cls, port: int, address: str = "127.0.0.1", **options: Any) -> Raw:
        return cls(*await asyncio.open_connection(address, port, **options))

    @classmethod
    async def opened(cls, port: int, host: str = "pgw.example", **options: Any) -> Raw:
        raw = await cls.connect(port, **options)
        answer = await raw.ask(octets.cer(host=host))
        assert answer.message.result_code == 2001, answer
        return raw

    async def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(messages))
        await self.writer.drain()

    async def message(self, seconds: float = PATIENCE) -> bytes:
        """The next message, whole; EOFError if the connection ends before."""
        async with asyncio.timeout(seconds):
            while True:
                if len(self.received) >= 4:
                    size = int.from_bytes(self.received[1:4])
                    if len(self.received) >= size:
                        message = bytes(self.received[:size])
                        del self.received[:size]
                        return message
                data = await self.reader.read(65_536)
                if not data:
                    raise EOFError
                self.received += data

    async def receive(self, seconds: float = PATIENCE) -> Any:
        """The next message, decoded."""
        decoded = decode(await self.message(seconds))
        assert decoded.failure is None, decoded.failure
        return decoded

    async def ask(self, *messages: bytes) -> Any:
        await self.send(*messages)
        return await self.receive()

    async def closed(self, seconds: float = PATIENCE) -> bool:
        """Whether the other side ends the connection within that time; what it says until then is kept."""
        try:
            async with asyncio.timeout(seconds):
                while data := await self.reader.read(65_536):
                    self.received += data
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    async def alive(self) -> bool:
        """Whether a DWR is answered."""
        answer = await self.ask(octets.dwr(hop_by_hop=0xA11CE))
        return bool(answer.header.hop_by_hop == 0xA11CE and answer.message.result_code == 2001)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Raw:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def avps_of(message: bytes) -> tuple[Avp, ...]:
    avps, failure = walk(message[HEADER_OCTETS:])
    assert failure is None
    return avps


async def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Waits for something that comes about in this process."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


WORLD = Path(__file__).parent.parent / "charging" / "worlds" / "two_apns.yaml"


class Charging:
    """The engine behind a served Gy: a car with telematics (APN fleet.acme) and Wi-Fi (APN wifi, 10 MB free)."""

    def __init__(self, world: Path = WORLD, identity: Identity = OCS) -> None:
        self.engine = Engine(identity.host, identity.realm)
        self.now = 1_790_000_000 * SECOND
        outcome = self.engine.apply(Provision(load_provisioning(world), "start"), self.now)
        assert isinstance(outcome.answer, Receipt)
        assert outcome.answer.error is None
        self.edrs: list[Edr] = outcome.edrs
        self.transfers: list[Transfer] = outcome.transfers

    def __call__(self, incoming: Incoming) -> Cca:
        return self.charge(incoming.message, incoming.retransmitted)

    def charge(self, ccr: Ccr, retransmitted: bool = False) -> Cca:
        outcome = self.engine.apply(Charge(ccr, retransmitted), self.now)
        self.edrs += outcome.edrs
        self.transfers += outcome.transfers
        assert isinstance(outcome.answer, Cca)
        return outcome.answer
