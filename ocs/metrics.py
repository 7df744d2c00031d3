"""What a served OCS counts, and what stands now, in Prometheus' text format 0.0.4."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from ocs.charging.commands import Charge, Command, Expire, Outcome
from ocs.charging.state import State
from ocs.deadlines import passed
from ocs.gy.events import Event, PeerOpened, RequestRefused
from ocs.gy.messages import Cca, Ccr, CcRequestType, Rar
from ocs.gy.server import GyServer
from ocs.service import Service
from ocs.store.journal import StoreError
from ocs.units import SECOND

_REFUSED: Final = 3000
_BOUNDS: Final = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000)
"""Upper bounds of the classes of durations, in microseconds."""

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts what becomes durable: its `count` is an `on_outcome` of `Service`. `clock`: microseconds UTC."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._requests: Counter[tuple[int, int]] = Counter()
        self._services: Counter[int] = Counter()
        self._refused: Counter[int] = Counter()
        self._commands: Counter[str] = Counter()
        self._durations = [0] * (len(_BOUNDS) + 1)
        self._duration_sum = 0
        self._pushes: Counter[str] = Counter()
        self._passed: Counter[str] = Counter()
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
            for mscc in outcome.answer.multiple_services_credit_control:
                if mscc.result_code is not None and mscc.result_code >= _REFUSED:
                    self._services[mscc.result_code] += 1
        else:
            self._commands[type(command).__name__] += 1
        for edr in outcome.edrs:
            if edr.octets_overrun:
                self._overrun_octets += edr.octets_overrun
        for transfer in outcome.transfers:
            ended = passed(transfer)
            if ended is not None and (ended.what != "session" or isinstance(command, Expire)):
                self._passed[ended.what] += 1
        for push in outcome.pushes:
            self._pushes["RAR" if isinstance(push, Rar) else "ASR"] += 1
        self._alarms += len(outcome.alarms)

    def observe(self, host: str | None, event: Event) -> None:
        """Take in what happens on a connection: an `observe` of `GyServer`."""
        if isinstance(event, PeerOpened):
            self._opened += 1
        elif isinstance(event, RequestRefused):
            self._refused[event.failure.result_code] += 1

    def refused(self, _ccr: Ccr, result: int) -> None:
        """Take in a request that nothing was done about: an `on_refusal` of `Service`."""
        self._refused[result] += 1

    def text(self, service: Service, server: GyServer) -> str:
        """All of it, with what stands now."""
        return "\n".join([*self._counters(), *_standing(service), *_connected(server)]) + "\n"

    def _counters(self) -> Iterator[str]:
        requests: dict[Labels, int] = {
            (("type", CcRequestType(kind).name.lower()), ("result", str(int(code)))): number
            for (kind, code), number in self._requests.items()
        }
        yield from _family("requests_total", "counter", "CCRs answered, by type and Result-Code.", requests)
        services: dict[Labels, int] = {(("result", str(int(code))),): n for code, n in self._services.items()}
        yield from _family(
            "services_refused_total", "counter", "MSCCs that were not granted, by Result-Code.", services
        )
        refused: dict[Labels, int] = {(("result", str(int(code))),): n for code, n in self._refused.items()}
        yield from _family(
            "requests_refused_total", "counter", "Requests that never reached charging, by Result-Code.", refused
        )
        yield from _histogram("request_seconds", self._durations, self._duration_sum)
        commands: dict[Labels, int] = {(("kind", kind),): number for kind, number in self._commands.items()}
        yield from _family("commands_total", "counter", "Other commands done, by kind.", commands)
        pushes: dict[Labels, int] = {(("message", kind),): number for kind, number in self._pushes.items()}
        yield from _family("pushes_total", "counter", "RARs and ASRs made.", pushes)
        ended: dict[Labels, int] = {(("what", what),): number for what, number in self._passed.items()}
        yield from _family("expiries_total", "counter", "Reservations, buckets and sessions ended by time.", ended)
        yield from _family("alarms_total", "counter", "What an operator should have looked at.", {(): self._alarms})
        overrun: dict[Labels, int] = {(): self._overrun_octets}
        yield from _family("overrun_octets_total", "counter", "Used, and covered by no bucket.", overrun)
        yield from _family("peers_opened_total", "counter", "Gy connections opened.", {(): self._opened})


def _standing(service: Service) -> Iterator[str]:
    yield from _family("ready", "gauge", "1 while requests are served.", {(): int(service.ready)})
    yield from _family("journal_rows", "gauge", "Rows in the journal.", {(): service.rows})
    yield from _family("journal_lag_rows", "gauge", "Rows that the tables lack.", {(): service.lag})
    yield from _family("journal_unfolded_rows", "gauge", "Rows that a restart would fold.", {(): service.unfolded})
    try:
        state = service.state
    except StoreError:
        return
    opened, reserved = _held(state)
    yield from _family("sessions_open", "gauge", "Credit-control sessions.", {(): opened})
    yield from _family("reserved_octets", "gauge", "In reservations of prepaid and limited credit.", {(): reserved})


def _connected(server: GyServer) -> Iterator[str]:
    yield from _family("requests_waiting", "gauge", "CCRs that were read and not yet taken up.", {(): server.waiting})
    peers: dict[Labels, int] = {(("peer", host),): 1 for host in server.connected}
    yield from _family("peer_connected", "gauge", "Open Gy connections, by the peer's Origin-Host.", peers)
    yield from _family(
        "connections_half_open",
        "gauge",
        "Connections of peers that have not said who they are.",
        {(): server.half_open},
    )


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
