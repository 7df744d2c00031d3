"""A gateway worked by hand: bearers come up, move octets and go down by orders over HTTP, in place of cars that drive.

    /attach?imsi=001010000000001&apn=wifi&rating_groups=200+201    the CCR-I asks for them; there may be none
    /use?imsi=001010000000001&rating_group=200&down=5000&up=100    prints how many octets passed
    /change?imsi=001010000000001&trigger=4                         a Trigger-Type (TS 32.299 7.2.236)
    /detach?imsi=001010000000001

GET or POST alike; 200, or 400 or 404 with a line that says what was expected. One SIM has one bearer at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from ocs.units import SECOND
from sim.options import imsi as imsi_of
from sim.pgw.bearer import Bearer
from sim.pgw.drive import Tally
from sim.pgw.gateway import Gateway, LiveSession

_PATIENCE: Final = 0.3
"""Seconds that traffic waits for quota before it gives up."""
_BREATH: Final = 0.01
_IDLE: Final = 3600 * SECOND
_REQUEST_OCTETS: Final = 8_192
_REQUEST_SECONDS: Final = 10.0
_NUMBER_MAX: Final = 2**32 - 1
_VOLUME_MAX: Final = 2**62 - 1
_OTHER_RAT: Final = 1
"""What the bearer goes to when something changes: UTRAN instead of E-UTRAN (TS 29.061 16.4.7)."""


class _OrderError(Exception):
    """An order that cannot be carried out."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class _User:
    """Who is attached."""

    live: LiveSession
    bearer: Bearer
    life: asyncio.Task[None]


class Door:
    """The bearers of one gateway. `first_number`: of the first Session-Id, never used before."""

    def __init__(self, gateway: Gateway, first_number: int) -> None:
        self.tally = Tally()
        self._gateway = gateway
        self._number = first_number
        self._users: dict[str, _User] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._orders: dict[str, Callable[[dict[str, str]], object]] = {
            "/attach": self._attach,
            "/change": self._change,
            "/detach": self._detach,
        }

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Takes orders there from now on. OSError: the address is taken."""
        return await asyncio.start_server(self._serve, host, port, limit=_REQUEST_OCTETS)

    async def close(self) -> None:
        """Detaches everybody, and waits until the OCS has heard or given no answer."""
        for imsi in list(self._users):
            self._detach({"imsi": imsi})
        if self._leaving:
            await asyncio.wait(self._leaving)

    # --- orders -------------------------------------------------------------------------------------------------------

    async def order(self, path: str, query: dict[str, str]) -> tuple[HTTPStatus, str]:
        """Carries out one order; the status, and the text that answers it."""
        try:
            if path == "/use":
                return HTTPStatus.OK, f"{await self._use(query)}\n"
            if path not in self._orders:
                raise _OrderError(HTTPStatus.NOT_FOUND, "expected /attach, /use, /change or /detach")
            self._orders[path](query)
        except _OrderError as error:
            return error.status, f"{error}\n"
        return HTTPStatus.OK, ""

    def _attach(self, query: dict[str, str]) -> None:
        try:
            imsi = imsi_of(query.get("imsi", ""))
        except ValueError as error:
            raise _OrderError(HTTPStatus.BAD_REQUEST, f"imsi: {error}") from None
        if not query.get("apn"):
            raise _OrderError(HTTPStatus.BAD_REQUEST, "apn: expected one")
        groups = [_number("rating_groups", text, _NUMBER_MAX) for text in query.get("rating_groups", "").split()]
        if imsi in self._users:
            raise _OrderError(HTTPStatus.BAD_REQUEST, f"imsi: {imsi} is attached already")
        bearer = Bearer(
            imsi=imsi,
            apn=query["apn"],
            charging_id=self._number % 2**32,
            pdp_address="10.0.0.1",
            sgsn_address="127.0.0.3",
            ggsn_address="127.0.0.4",
        )
        session_id = f"{self._gateway.settings.origin_host};{imsi};{bearer.apn};{self._number}"
        self._number += 1
        live = self._gateway.session(session_id, bearer)
        live.session.attach(self._gateway.clock(), groups)
        self._users[imsi] = _User(live, bearer, asyncio.create_task(self._live(live)))

    def _detach(self, query: dict[str, str]) -> None:
        user = self._user(query)
        del self._users[user.bearer.imsi]
        self._leaving.add(user.life)
        user.life.add_done_callback(self._leaving.discard)
        user.live.session.detach(self._gateway.clock())
        user.live.changed.set()

    def _change(self, query: dict[str, str]) -> None:
        user = self._user(query)
        trigger = _number("trigger", query.get("trigger", ""), _NUMBER_MAX)
        user.bearer = replace(user.bearer, rat_type=_OTHER_RAT)
        user.live.session.change(trigger, user.bearer, self._gateway.clock())
        user.live.changed.set()

    async def _use(self, query: dict[str, str]) -> int:
        """Moves octets as far as quota allows, waiting a little for more of it; how many passed."""
        live = self._user(query).live
        session, clock = live.session, self._gateway.clock
        group = _number("rating_group", query.get("rating_group", ""), _NUMBER_MAX)
        up, down = (_number(way, query.get(way, "0"), _VOLUME_MAX) for way in ("up", "down"))
        passed, waited = 0, 0.0
        while passed < up + down and waited < _PATIENCE:
            session.demand(group, clock())
            live.talk()
            part = min(session.passable(group), up + down - passed)
            if not part:
                waited += _BREATH
                await asyncio.sleep(_BREATH)
                continue
            upward = min(part, max(0, up - passed))
            session.count(group, upward, part - upward, clock())
            passed += part
            live.talk()
        self.tally.moved[group] += passed
        return passed

    def _user(self, query: dict[str, str]) -> _User:
        imsi = query.get("imsi", "")
        if imsi not in self._users:
            raise _OrderError(HTTPStatus.NOT_FOUND, f"imsi: {imsi!r} is not attached")
        return self._users[imsi]

    async def _live(self, live: LiveSession) -> None:
        """Says what the session has to say until it has ended."""
        while not live.session.ended:
            live.talk()
            if not live.session.ended:
                await live.rest(self._gateway.clock() + _IDLE)
        self.tally.take(live.session)
        self._gateway.forget(live)

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                _, target, _ = head.split("\r\n", 1)[0].split(" ")
                url = urlsplit(target)
                status, text = await self.order(url.path, dict(parse_qsl(url.query)))
                body = text.encode()
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()


def _number(name: str, text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > most:
        raise _OrderError(HTTPStatus.BAD_REQUEST, f"{name}: expected a number up to {most}, got {text!r}")
    return int(text)
