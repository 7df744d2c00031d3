"""What a monitoring system asks a served OCS over HTTP.

/metrics   counters and gauges in Prometheus' text format 0.0.4
/health    200 while the Gy process answers, 503 if it does not within five seconds
/ready     200 while requests are served, 503 while the store cannot be written
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from ocs.control import ControlError, ask

_REQUEST_OCTETS: Final = 8_192
_REQUEST_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 5.0
"""For the Gy process."""
_FRESH_SECONDS: Final = 0.2
"""However often a page is asked for, the Gy process is asked no more often than that."""


class _Asked:
    """What the Gy process says, one question at a time."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._turn = asyncio.Lock()
        self._known: dict[str, tuple[float, Any]] = {}

    async def __call__(self, do: str) -> Any:
        """Its answer.

        Raises:
            ControlError: it has none.
        """
        async with self._turn:
            at, answer = self._known.get(do, (0.0, None))
            if time.monotonic() - at > _FRESH_SECONDS:
                answer = await asyncio.to_thread(ask, self._control, do, seconds=_ANSWER_SECONDS)
                self._known[do] = time.monotonic(), answer
            return answer


async def _page(path: str, asked: _Asked) -> tuple[HTTPStatus, str]:
    try:
        match path:
            case "/metrics":
                return HTTPStatus.OK, (await asked("metrics"))["text"]
            case "/health":
                await asked("status")
                return HTTPStatus.OK, "alive\n"
            case "/ready":
                ready = (await asked("status"))["ready"]
                return (HTTPStatus.OK, "ready\n") if ready else (HTTPStatus.SERVICE_UNAVAILABLE, "not ready\n")
    except ControlError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n"
    return HTTPStatus.NOT_FOUND, "/metrics, /health or /ready\n"


async def listen(listener: socket.socket, control: Path) -> asyncio.Server:
    """Serve the pages on a socket that listens already; `control`: where the Gy process is asked."""
    asked = _Asked(control)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _ = head.split("\r\n", 1)[0].split(" ")
                if method in ("GET", "HEAD"):
                    status, body = await _page(target.partition("?")[0], asked)
                else:
                    status, body = HTTPStatus.METHOD_NOT_ALLOWED, "GET or HEAD\n"
                writer.write(_response(status, body, whole=method != "HEAD"))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, sock=listener, limit=_REQUEST_OCTETS)


def _response(status: HTTPStatus, body: str, *, whole: bool) -> bytes:
    content = body.encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (content if whole else b"")
