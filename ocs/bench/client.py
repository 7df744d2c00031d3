"""A client in a process of its own: a fixed number of CCRs in flight, each session with one outstanding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from ocs.bench.loads import ccr
from ocs.gy.client import GyClient
from ocs.gy.messages import Asa, Asr, CcRequestType, Raa, Rar
from ocs.gy.node import Identity

CONNECTIONS = 4
OUTSTANDING = 16
"""On each connection."""


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
    identity = Identity(host="pgw.example", realm="example")
    clients = [
        await GyClient.connect(
            "127.0.0.1", load.port, Identity(host=f"pgw{n}.example", realm=identity.realm), on_push=_answer
        )
        for n in range(CONNECTIONS)
    ]
    numbers = [0] * load.sessions

    async def one(client: GyClient, session: int) -> float:
        number = numbers[session]
        numbers[session] += 1
        kind = CcRequestType.UPDATE if number else CcRequestType.INITIAL
        request = ccr(kind, session, number, 0 if load.hot else session, load.rating_groups, load.hot)
        started = time.perf_counter()
        answer = await client.request(request)
        if answer.result_code != 2001:
            raise RuntimeError(f"{request.session_id} {number}: {answer.result_code}")
        return time.perf_counter() - started

    async def lane(client: GyClient, mine: Iterator[int], latencies: list[float]) -> None:
        for session in mine:
            latencies.append(await one(client, session))

    async def spread(requests: int) -> list[float]:
        """`requests` over all lanes; a session belongs to one lane, so that it has one request outstanding."""
        latencies: list[float] = []
        lanes = min(CONNECTIONS * OUTSTANDING, load.sessions)
        await asyncio.gather(
            *(
                lane(clients[n % CONNECTIONS], _turns(n, lanes, load.sessions, requests // lanes), latencies)
                for n in range(lanes)
            )
        )
        return latencies

    await spread(load.sessions)
    await spread(load.warm_up)
    pipe.send("ready")
    pipe.recv()
    started = time.perf_counter()
    latencies = sorted(await spread(load.requests))
    seconds = time.perf_counter() - started
    count = len(latencies)
    pipe.send(Measured(count, seconds, latencies[count // 2] * 1000, latencies[count * 99 // 100] * 1000))
    for client in clients:
        client.abort()


def _turns(lane: int, lanes: int, sessions: int, requests: int) -> Iterator[int]:
    """The sessions of one lane, in turn."""
    mine = range(lane, sessions, lanes)
    return (mine[n % len(mine)] for n in range(requests))


def _answer(push: Rar | Asr) -> Raa | Asa:
    kind = Raa if isinstance(push, Rar) else Asa
    return kind(session_id=push.session_id, origin_host="pgw.example", origin_realm="example", result_code=2001)
