"""One Gy connection to an OCS that is dialled again when it is lost (RFC 6733 2.1 and 5.5).

Where the OCS has disconnected and asked not to be called again (5.4.3: BUSY, DO_NOT_WANT_TO_TALK_TO_YOU), it is dialled
when there is something to send, and not before (5.4).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from ocs.gy.client import GyClient, PushHandler
from ocs.gy.link import fresh_identifiers
from ocs.gy.messages import Cca, Ccr, ErrorAnswer
from ocs.gy.node import EndToEndIds, Identity, Timers
from ocs.units import SECOND

_ROUNDS_OF_TRUST: Final = 3
"""DWAs after which an OCS that was lost is trusted again (RFC 3539 3.4.1: state REOPEN)."""


class Uplink:
    """`timers.reconnect` is Tc: the time between attempts. `tell` hears in words when the connection goes and comes."""

    def __init__(
        self,
        address: tuple[str, int],
        identity: Identity,
        *,
        on_push: PushHandler,
        timers: Timers = Timers(),  # noqa: B008 - immutable
        identifiers: EndToEndIds | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.identifiers = identifiers or fresh_identifiers()
        """Shared by all connections of one gateway."""
        self.losses = 0
        """How often the connection has been lost."""
        self._address = address
        self._identity = identity
        self._on_push = on_push
        self._timers = timers
        self._tell = tell
        self._here: asyncio.Future[GyClient] = asyncio.get_running_loop().create_future()
        self._keeping: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        """Somebody has asked for the connection since it was lost."""

    async def open(self) -> None:
        """Dials for the first time.

        Raises:
            OSError: nobody listens, or the OCS refuses (with its reason); TimeoutError: silence.
        """
        self._keeping = asyncio.create_task(self._keep(await self._dial()))
        await asyncio.sleep(0)

    def keep_trying(self) -> None:
        """Dials until somebody listens, in place of `open`."""
        self._keeping = asyncio.create_task(self._keep(None))

    @property
    def is_open(self) -> bool:
        """Requests can be sent."""
        return self._here.done() and self._here.result().is_open

    @property
    def is_trusted(self) -> bool:
        """Nothing speaks against sending new requests there, while there is another OCS (RFC 6733 5.5.4)."""
        if not self.is_open:
            return False
        client = self._here.result()
        return not client.suspected and (not self.losses or client.watchdog_rounds >= _ROUNDS_OF_TRUST)

    async def client(self) -> GyClient:
        """The connection; waits until there is one."""
        while True:
            self._wanted.set()
            client = await asyncio.shield(self._here)
            if client.is_open:
                return client
            await asyncio.sleep(0)  # It has just gone; the keeper is about to notice.

    async def persist(self, request: Ccr) -> tuple[Cca | ErrorAnswer, int]:
        """Sends a request until it is answered: on a new connection with the T bit and the same End-to-End id.

        The answer, and how often the request was sent; UnreadableAnswerError if the answer makes no sense.
        """
        end_to_end = self.identifiers.take()
        times = 0
        while True:
            client = await self.client()
            times += 1
            try:
                return await client.request(request, retransmitted=times > 1, end_to_end=end_to_end), times
            except ConnectionError:
                continue

    async def close(self) -> None:
        """Disconnects in order."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        if self._here.done():
            await self._here.result().close()

    async def _dial(self) -> GyClient:
        host, port = self._address
        return await GyClient.connect(
            host, port, self._identity, on_push=self._on_push, timers=self._timers, identifiers=self.identifiers
        )

    async def _keep(self, client: GyClient | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if client is None:
                client = await self._dial_again()
                self._tell("connected again" if self.losses else "connected")
            self._here.set_result(client)
            reason = await client.closed()
            self.losses += 1
            self._here = loop.create_future()
            self._tell(f"connection lost: {reason}")
            if client.dismissed:
                self._wanted.clear()
                await self._wanted.wait()
            client = None

    async def _dial_again(self) -> GyClient:
        while True:
            await asyncio.sleep(self._timers.reconnect / SECOND)
            with contextlib.suppress(OSError):
                return await self._dial()
