"""What a flood costs the good peer beside it: its p99 alone, and under the flood, from one run against one served OCS.

The flood is a thousand connections that say nothing, peers that send garbage, and one peer that sends CCR-I as fast as
its connection takes them. Its processes have a lower priority than the server and the good peer: what is measured is
the server's fairness, not the machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from ocs.bench import servers
from ocs.bench.loads import FLEET, ccr, imsi
from ocs.bench.rows import Row
from ocs.gy.client import GyClient
from ocs.gy.codec import encode
from ocs.gy.framing import FLAG_PROXIABLE, FLAG_REQUEST, Header
from ocs.gy.messages import Asa, Asr, CcRequestType, Cer, Raa, Rar
from ocs.gy.node import Identity
from ocs.store.sqlite import SqliteJournal

_GOOD_SESSIONS: Final = 20
_THINK_SECONDS: Final = 0.01
"""Of the good peer, between an answer and the next request of that session."""
_FLOOD_SIMS: Final = 1_000
_SILENT: Final = 1_000
_GARBAGE: Final = (
    b"GET / HTTP/1.1\r\nHost: ocs.example\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01" * 20,
    bytes(1_000),
    b"\x01\xff\xff\xfc" + bytes(60),
)
_NICE: Final = 10
_BOUND: Final = 3.0


def measure(requests: int = 4_000) -> Iterator[Row]:
    """`good_peer_alone`, then `good_peer_flooded`, of `requests` CCR-U each. The bound for the ratio is 3."""
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        processes: list[Any] = []

        def started(run: Any, *words: Any) -> Connection:
            ours, theirs = context.Pipe()
            process = context.Process(target=run, args=(theirs, *words), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            return ours

        try:
            journal = partial(SqliteJournal, Path(folder) / "bench.db")
            server = started(servers.ocs, _GOOD_SESSIONS + _FLOOD_SIMS, journal)
            port = server.recv()
            good = started(_good_peer, port, requests)
            good.recv()
            alone = _p99(good)
            yield Row("good_peer_alone", alone["p99"], "ms p99", "itself", 1.0, {"p50 ms": alone["p50"]})
            flood = started(_flood, port)
            flood.recv()
            flooded = _p99(good)
            flood.send("stop")
            sent: dict[str, float | str] = flood.recv()
            more = {"p50 ms": flooded["p50"], "bound": _BOUND, **sent}
            yield Row(
                "good_peer_flooded", flooded["p99"], "ms p99", "good_peer_alone", flooded["p99"] / alone["p99"], more
            )
        finally:
            for process in processes:
                process.kill()
                process.join()


def _p99(good: Connection) -> dict[str, float]:
    good.send("go")
    latencies: list[float] = sorted(good.recv())
    return {name: latencies[len(latencies) * part // 100] * 1_000 for name, part in (("p50", 50), ("p99", 99))}


# --- the good peer ----------------------------------------------------------------------------------------------------


def _good_peer(pipe: Connection, port: int, requests: int) -> None:
    """Says `ready`, and for each word after that the latencies of so many requests, in seconds."""
    asyncio.run(_good(pipe, port, requests))


async def _good(pipe: Connection, port: int, requests: int) -> None:
    identity = Identity(host="good.example", realm="example")
    client = await GyClient.connect("127.0.0.1", port, identity, on_push=_accept)
    numbers = [0] * _GOOD_SESSIONS

    async def one(session: int) -> float:
        number, numbers[session] = numbers[session], numbers[session] + 1
        kind = CcRequestType.UPDATE if number else CcRequestType.INITIAL
        request = ccr(kind, session, number, session, (FLEET,))
        began = time.perf_counter()
        answer = await client.request(request)
        seconds = time.perf_counter() - began
        if answer.result_code != 2001:
            raise RuntimeError(f"the good peer was refused with {answer.result_code}")
        return seconds

    async def session(number: int, latencies: list[float]) -> None:
        for _ in range(requests // _GOOD_SESSIONS):
            latencies.append(await one(number))
            await asyncio.sleep(_THINK_SECONDS)

    for number in range(_GOOD_SESSIONS):
        await one(number)
    pipe.send("ready")
    while await asyncio.to_thread(pipe.recv):
        latencies: list[float] = []
        await asyncio.gather(*(session(number, latencies) for number in range(_GOOD_SESSIONS)))
        pipe.send(latencies)


def _accept(push: Rar | Asr) -> Raa | Asa:
    kind = Raa if isinstance(push, Rar) else Asa
    return kind(session_id=push.session_id, origin_host="good.example", origin_realm="example", result_code=2001)


# --- the flood --------------------------------------------------------------------------------------------------------


def _flood(pipe: Connection, port: int) -> None:
    """Says `ready` once all of it is under way, and after the next word what it has sent."""
    os.nice(_NICE)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    counted = {"CCR-I": 0, "garbage": 0, "silent": 0}
    for run in (_send_requests, _send_garbage, _say_nothing):
        threading.Thread(target=run, args=(port, counted), daemon=True).start()
    while not all(counted.values()):
        time.sleep(0.05)
    time.sleep(1)
    pipe.send("ready")
    began = time.monotonic()
    before = dict(counted)
    pipe.recv()
    seconds = time.monotonic() - began
    pipe.send({f"{name}/s": (counted[name] - before[name]) / seconds for name in ("CCR-I", "garbage", "silent")})


def _send_requests(port: int, counted: dict[str, int]) -> None:
    sample = 1_234_567_890
    request = ccr(CcRequestType.INITIAL, sample, 0, 0, (FLEET,))
    octets = bytearray(encode(request, Header(272, 4, FLAG_REQUEST | FLAG_PROXIABLE, 0, 0)))
    session, subscriber = octets.index(b"%d" % sample), octets.index(imsi(0).encode())
    numbers = iter(range(10**9, 10**10))
    while True:  # where it is dropped because it reads too slowly, it comes again
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(encode(_CER, Header(257, 0, FLAG_REQUEST, 1, 1)))
            threading.Thread(target=_read, args=(connection,), daemon=True).start()
            for number in numbers:
                octets[session : session + 10] = b"%d" % number
                octets[subscriber : subscriber + 15] = imsi(_GOOD_SESSIONS + number % _FLOOD_SIMS).encode()
                octets[12:16] = (number % 2**32).to_bytes(4)
                connection.sendall(octets)
                counted["CCR-I"] += 1


_CER: Final = Cer(
    origin_host="flood.example",
    origin_realm="example",
    host_ip_address=("127.0.0.1",),
    vendor_id=0,
    product_name="flood",
    auth_application_id=(4,),
)


def _read(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(1 << 20):
            pass


def _send_garbage(port: int, counted: dict[str, int]) -> None:
    for number in range(10**9):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(_GARBAGE[number % len(_GARBAGE)])
            connection.recv(100)
            counted["garbage"] += 1


def _say_nothing(port: int, counted: dict[str, int]) -> None:
    """A thousand connections; where one is dropped, another comes."""
    held: list[socket.socket] = []
    while True:
        with contextlib.suppress(OSError):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            counted["silent"] += 1
        if len(held) > _SILENT:
            held.pop(0).close()
