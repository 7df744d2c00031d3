"""What a monitoring system asks a served OCS over HTTP.

/metrics   counters and gauges in Prometheus' text format 0.0.4
/health    200 as long as the process answers
/ready     200 while requests are served, 503 while the store cannot be written
"""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

from ocs.charging.commands import Charge, Command, Outcome
from ocs.charging.state import State
from ocs.gy.events import Event, PeerOpened
from ocs.gy.messages import Cca, CcRequestType, Rar
from ocs.service import Service
from ocs.store.journal import StoreError
from ocs.units import SECOND

_BOUNDS: Final = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000)
"""Upper bounds of the classes of durations, in microseconds."""
_REQUEST_OCTETS: Final = 8_192
_REQUEST_SECONDS: Final = 5.0

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts what becomes durable: its `count` is an `on_outcome` of `Service`. `clock`: microseconds UTC."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._requests: Counter[tuple[int, int]] = Counter()
        self._commands: Counter[str] = Counter()
        self._durations = [0] * (len(_BOUNDS) + 1)
        self._duration_sum = 0
        self._pushes: Counter[str] = Counter()
        self._alarms = 0
        self._overrun_octets = 0
        self._opened = 0

    def count(self, command: Command, at: int, outcome: Outcome) -> None:
        """Take in one command, taken up at `at` and durable now."""
        if isinstance(command, Charge) and isinstance(outcome.answer, Cca):
            self._requests[command.ccr.cc_request_type, outcome.answer.result_code] += 1
            duration = max(0, self._clock() - at)
            self._durations[bisect_left(_BOUNDS, duration)] += 1
            self._duration_sum += duration
        else:
            self._commands[type(command).__name__] += 1
        for edr in outcome.edrs:
            if edr.octets_overrun:
                self._overrun_octets += edr.octets_overrun
        for push in outcome.pushes:
            self._pushes["RAR" if isinstance(push, Rar) else "ASR"] += 1
        self._alarms += len(outcome.alarms)

    def observe(self, host: str | None, event: Event) -> None:
        """Take in what happens on a connection: an `observe` of `GyServer`."""
        self._opened += isinstance(event, PeerOpened)

    def text(self, service: Service) -> str:
        """All of it, with what stands now."""
        return "\n".join([*self._counters(), *self._standing(service)]) + "\n"

    def _counters(self) -> Iterator[str]:
        requests: dict[Labels, int] = {
            (("type", CcRequestType(kind).name.lower()), ("result", str(int(code)))): number
            for (kind, code), number in self._requests.items()
        }
        yield from _family("requests_total", "counter", "CCRs answered, by type and Result-Code.", requests)
        yield from _histogram("request_seconds", self._durations, self._duration_sum)
        commands: dict[Labels, int] = {(("kind", kind),): number for kind, number in self._commands.items()}
        yield from _family("commands_total", "counter", "Other commands done, by kind.", commands)
        pushes: dict[Labels, int] = {(("message", kind),): number for kind, number in self._pushes.items()}
        yield from _family("pushes_total", "counter", "RARs and ASRs made.", pushes)
        yield from _family("alarms_total", "counter", "What an operator should have looked at.", {(): self._alarms})
        overrun: dict[Labels, int] = {(): self._overrun_octets}
        yield from _family("overrun_octets_total", "counter", "Used, and covered by no bucket.", overrun)
        yield from _family("peers_opened_total", "counter", "Gy connections opened.", {(): self._opened})

    def _standing(self, service: Service) -> Iterator[str]:
        yield from _family("ready", "gauge", "1 while requests are served.", {(): int(service.ready)})
        yield from _family("journal_rows", "gauge", "Rows in the journal.", {(): service.rows})
        yield from _family("journal_lag_rows", "gauge", "Rows that the tables lack.", {(): service.lag})
        try:
            state = service.state
        except StoreError:
            return
        opened, reserved = _held(state)
        yield from _family("sessions_open", "gauge", "Credit-control sessions.", {(): opened})
        yield from _family("reserved_octets", "gauge", "In reservations of prepaid and limited credit.", {(): reserved})


def _held(state: State) -> tuple[int, int]:
    opened = sum(session.closed_at is None for session in state.sessions.values())
    return opened, sum(credit.purse.reserved for credit in state.credits.values() if credit.purse is not None)


def _family(name: str, kind: str, text: str, values: dict[Labels, int]) -> Iterator[str]:
    yield f"# HELP splitsim_{name} {text}"
    yield f"# TYPE splitsim_{name} {kind}"
    for labels, value in sorted(values.items()):
        shown = ",".join(f'{key}="{of}"' for key, of in labels)
        yield f"splitsim_{name}{'{' + shown + '}' if shown else ''} {value}"


def _histogram(name: str, numbers: list[int], total: int) -> Iterator[str]:
    yield f"# HELP splitsim_{name} From the moment a CCR's batch is taken up until it is durable."
    yield f"# TYPE splitsim_{name} histogram"
    below = 0
    for bound, number in zip((*_BOUNDS, None), numbers, strict=True):
        below += number
        yield f'splitsim_{name}_bucket{{le="{"+Inf" if bound is None else _seconds(bound)}"}} {below}'
    yield f"splitsim_{name}_sum {_seconds(total)}"
    yield f"splitsim_{name}_count {below}"


def _seconds(micros: int) -> str:
    whole, part = divmod(micros, SECOND)
    return f"{whole}.{part:06}"


async def listen(host: str, port: int, service: Service, metrics: Metrics) -> asyncio.Server:
    """Serve these pages; with port 0 the system chooses.

    Raises:
        OSError: the address is taken.
    """

    def page(path: str) -> tuple[HTTPStatus, str]:
        match path:
            case "/metrics":
                return HTTPStatus.OK, metrics.text(service)
            case "/health":
                return HTTPStatus.OK, "alive\n"
            case "/ready":
                ready = service.ready
                return (HTTPStatus.OK, "ready\n") if ready else (HTTPStatus.SERVICE_UNAVAILABLE, "not ready\n")
        return HTTPStatus.NOT_FOUND, "/metrics, /health or /ready\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _ = head.split("\r\n", 1)[0].split(" ")
                status, body = page(target.partition("?")[0])
                if method not in ("GET", "HEAD"):
                    status, body = HTTPStatus.METHOD_NOT_ALLOWED, "GET or HEAD\n"
                writer.write(_response(status, body, whole=method != "HEAD"))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, host, port, limit=_REQUEST_OCTETS)


def _response(status: HTTPStatus, body: str, *, whole: bool) -> bytes:
    content = body.encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (content if whole else b"")
