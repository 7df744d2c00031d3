"""The link to an OCS that is not ours: over TCP, in real time or as many times faster as asked for.

The world's clock follows the clock on the wall: before anything happens, `pace` waits until its time has come. What the
OCS sends by itself is answered while it waits. An exchange takes its real time, during which the world stands still; a
world that cannot keep up is behind, and makes no pauses until it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ocs.charging.commands import Command, Receipt
from ocs.gy.client import UnreadableAnswerError
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.gy.node import Identity
from ocs.units import SECOND
from sim.link import Books, PushHandler
from sim.pgw.bearer import Settings
from sim.pgw.uplink import Uplink

T = TypeVar("T")

_BREATH: Final = 0.5
"""Seconds that a wait lasts at most before somebody may look whether it is still wanted."""


class Said(NamedTuple):
    """One sending of a request, its answer (None: none came), and how long that took."""

    request: Ccr
    answer: Cca | ErrorAnswer | None
    latency_ns: int


class ForeignLink:
    """See `sim.link.Link`; `speed` seconds of the world pass in one real second, from `begins` on."""

    octets = 0

    def __init__(self, address: tuple[str, int], gateway: Settings, begins: int, speed: int) -> None:
        """Connects.

        Raises:
            OSError: there is no OCS, or it refuses; TimeoutError: it is silent.
        """
        self.books = Books()
        self.on_push: PushHandler = _nobody
        self.said: list[Said] = []
        self.commands = 0
        """Of the operator, that nobody could be told."""
        self.behind = 0
        """Most microseconds of real time by which the world was late."""
        self.seconds = 0.0
        """Of real time, once it is over."""
        self._tx_seconds = gateway.tx_seconds
        self._begins, self._speed = begins, speed
        self._loop = asyncio.new_event_loop()
        identity = Identity(
            host=gateway.origin_host, realm=gateway.origin_realm, origin_state_id=gateway.origin_state_id
        )

        async def connect() -> Uplink:
            uplink = Uplink(address, identity, on_push=lambda push: self.on_push(push))
            await uplink.open()
            return uplink

        try:
            self._uplink = self._do(connect())
        except BaseException:
            self._loop.close()
            raise
        self._started = time.monotonic_ns() // 1000

    def pace(self, moment: int) -> bool:
        """Wait until the world's `moment` has come; False if something has happened before, or might have."""
        left = self._started + (moment - self._begins) // self._speed - time.monotonic_ns() // 1000
        if left <= 0:
            self.behind = max(self.behind, -left)
            self._do(asyncio.sleep(0))
            return True
        seconds = left / SECOND
        self._do(asyncio.sleep(min(seconds, _BREATH)))
        return seconds <= _BREATH

    def exchange(self, request: Ccr, now: int, repeated: bool = False) -> Cca | ErrorAnswer | None:
        """See `Link`; None where no answer came within Tx. It tells the time of the real world."""
        told = msgspec.structs.replace(request, event_timestamp=time.time_ns() // 10**9)
        sent = time.perf_counter_ns()
        answer = self._do(self._exchange(told, repeated))
        self.said.append(Said(request, answer, time.perf_counter_ns() - sent))
        return answer

    def command(self, command: Command, now: int) -> Receipt | None:
        """Nobody can be told."""
        self.commands += 1
        return None

    def next_deadline(self) -> int | None:
        """The OCS has a clock of its own."""
        return None

    def replay(self) -> None:
        """Nobody can kill it from here."""
        raise ValueError("no journal is kept")

    def close(self) -> None:
        """Disconnects, once."""
        if self._loop.is_closed():
            return
        self._do(self._uplink.close())
        self.seconds = (time.monotonic_ns() // 1000 - self._started) / SECOND
        left = asyncio.all_tasks(self._loop)  # Of a wait that was interrupted.
        for task in left:
            task.cancel()
        self._do(_all(left))
        self._loop.close()

    async def _exchange(self, request: Ccr, repeated: bool) -> Cca | ErrorAnswer | None:
        with contextlib.suppress(TimeoutError, ConnectionError, UnreadableAnswerError):
            async with asyncio.timeout(self._tx_seconds):
                client = await self._uplink.client()
                return await client.request(request, retransmitted=repeated)
        return None

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(what)


async def _all(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _nobody(push: Rar | Asr) -> Raa | Asa:
    raise RuntimeError(f"nobody is there to answer {push}")
