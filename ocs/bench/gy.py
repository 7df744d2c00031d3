"""The measurements of `splitsim bench gy`."""

from __future__ import annotations

import gc
import multiprocessing
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ocs.address import Database
from ocs.bench import client, postgres, servers
from ocs.bench.client import Load, Measured
from ocs.bench.loads import FLEET, NAVIGATION, WIFI, ccr, provisioning
from ocs.bench.rows import Row
from ocs.charging.commands import Charge, Provision
from ocs.charging.engine import Engine
from ocs.gy.messages import CcRequestType
from ocs.store.journal import Journal
from ocs.store.recovery import fold
from ocs.store.sqlite import SqliteJournal

MICROS = 1_000_000
_START = 1_767_225_600 * MICROS
"""2026-01-01: when the engine alone is measured, in virtual time."""
_BATCH = 50
NODE = "python-diameter node, fixed grants"


def measure(requests: int = 50_000, node_requests: int = 4_000, many: int = 100_000) -> Iterator[Row]:
    """All rows, each as soon as it is there.

    `requests`: CCR-U measured for each row; `node_requests`: of the python-diameter node, which is slow; `many`: the
    open sessions of `gy_100k_sessions`.
    """
    node, told = _served(servers.python_diameter, Load(0, 100, node_requests, (FLEET,), warm_up=200))
    node_micros = _micros(node, told)
    yield Row("python_diameter_node", node_micros, "us CPU per CCR", "itself", 1.0, _latencies(told))
    engine = _engine_alone(requests)
    yield Row("engine_1rg", engine, "us CPU per CCR", NODE, engine / node_micros)

    def durable(name: str, load: Load, sims: int, baseline: str, against: float) -> Row:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            server, seen = _served(partial(servers.ocs, sims=sims, journal=partial(_journal, path)), load)
            more: dict[str, float | str] = {**_latencies(seen), "durability": "SQLite WAL, fsync a batch"}
            if load.sessions > 1000:
                more["octets a session"] = _octets_a_session()
                more["restart s"] = _restart(path)
        micros = _micros(server, seen)
        return Row(name, micros, "us CPU per CCR", baseline, micros / against, more)

    one = durable("gy_1rg_durable", Load(0, 100, requests, (FLEET,)), 100, NODE, node_micros)
    yield one
    small = "gy_1rg_durable"
    if postgres.there():
        yield _in_postgres(Load(0, 100, requests, (FLEET,)), small, one.value)
    # What a second rating group costs is seen where it is of the same kind as the first.
    yield durable("gy_2rg_durable", Load(0, 100, requests, (FLEET, NAVIGATION)), 100, small, one.value)
    prepaid = durable("gy_1rg_prepaid", Load(0, 100, requests, (WIFI,)), 100, small, one.value)
    yield prepaid
    yield durable("gy_2rg_payers", Load(0, 100, requests, (FLEET, WIFI)), 100, small, one.value)
    # A hot account is a prepaid one: all sessions draw on one bucket. So it is held against as many buckets.
    hot = Load(0, 100, requests, (WIFI,), hot=True)
    yield durable("gy_hot_account", hot, 1, "gy_1rg_prepaid", prepaid.value)
    # As many requests as sessions, so that a checkpoint of them all is part of it.
    yield durable("gy_100k_sessions", Load(0, many, max(requests, many), (FLEET,)), many, small, one.value)


def _in_postgres(load: Load, baseline: str, against: float) -> Row:
    """Our CPU, as in all rows; that of the database's backend stands beside it."""
    cluster = postgres.Cluster()
    try:
        database = cluster.database()
        serve = partial(servers.ocs, sims=100, journal=partial(_postgres_journal, database))
        server, seen = _served(serve, load, partial(postgres.backend_seconds, database))
    finally:
        cluster.remove()
    micros = _micros(server, seen)
    backend = server.beside / seen.requests * MICROS
    more = {**_latencies(seen), "backend us CPU per CCR": backend, "durability": "PostgreSQL, synchronous_commit=on"}
    return Row("gy_1rg_postgres", micros, "us CPU per CCR", baseline, micros / against, more)


def _octets_a_session(sessions: int = 10_000) -> float:
    """What Python has allocated for one open session with one rating group, its reservation and its deadline."""
    engine = Engine("ocs.example", "example")
    engine.apply(Provision(provisioning(sessions), "bench"), _START)
    commands = [Charge(ccr(CcRequestType.INITIAL, n, 0, n, (WIFI,))) for n in range(sessions)]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for command in commands:
        engine.apply(command, _START)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / sessions


def _restart(path: Path) -> float:
    """CPU seconds to fold the engine from the journal that a load has left."""
    journal = SqliteJournal(path)
    started = time.process_time()
    fold(Engine("ocs.example", "example"), journal)
    seconds = time.process_time() - started
    journal.close()
    return seconds


def _journal(path: Path) -> Journal:
    return SqliteJournal(path)


def _postgres_journal(database: Database) -> Journal:
    from ocs.store.postgres import PostgresJournal  # its client need not be there

    journal = PostgresJournal(database)
    journal.checkpoints = None  # nobody starts from it again
    return journal


def _engine_alone(requests: int) -> float:
    """The engine's door with typed messages: no wire, no store; EDRs and ledger lines included."""
    engine = Engine("ocs.example", "example")
    engine.apply(Provision(provisioning(100), "bench"), _START)
    for session in range(100):
        engine.apply(Charge(ccr(CcRequestType.INITIAL, session, 0, session, (FLEET,))), _START)
    gc.collect()
    gc.freeze()  # as the server does: what was there before is not looked at again
    apply, seconds, warm_up = engine.apply, 0.0, 2_000
    for first in range(0, warm_up + requests, _BATCH):
        # Made in batches, outside of what is measured: a served engine meets requests that have just been read.
        commands = [
            Charge(ccr(CcRequestType.UPDATE, n % 100, 1 + n // 100, n % 100, (FLEET,)))
            for n in range(first, first + _BATCH)
        ]
        started = time.process_time()
        for n, command in enumerate(commands, first):
            apply(command, _START + n)
        if first >= warm_up:
            seconds += time.process_time() - started
            measured = first + _BATCH - warm_up
    return seconds / measured * MICROS


class Watched(NamedTuple):
    """CPU seconds of a server before the measured part of the load, and after it; and of what works `beside` it."""

    before: float
    after: float
    beside: float


def _served(
    serve: Callable[..., None], load: Load, beside: Callable[[], float] = lambda: 0.0
) -> tuple[Watched, Measured]:
    """A server under load, and what the client saw."""
    context = multiprocessing.get_context("spawn")
    server_pipe, inner = context.Pipe()
    server = context.Process(target=serve, args=(inner,), daemon=True)
    server.start()
    port = _receive(server_pipe, server, 120)
    client_pipe, inner = context.Pipe()
    load = Load(port, load.sessions, load.requests, load.rating_groups, load.hot, load.warm_up)
    driver = context.Process(target=client.run, args=(load, inner), daemon=True)
    driver.start()
    assert _receive(client_pipe, driver, 600) == "ready"
    before, beside_before = _ask(server_pipe, server, "cpu"), beside()
    client_pipe.send("go")
    told = _receive(client_pipe, driver, 600)
    after, beside_after = _ask(server_pipe, server, "cpu"), beside()
    _ask(server_pipe, server, "stop")
    for process in (driver, server):
        process.join(20)
        if process.is_alive():
            process.kill()
    return Watched(before, after, beside_after - beside_before), told


def _ask(pipe: Any, process: Any, word: str) -> Any:
    pipe.send(word)
    return _receive(pipe, process, 60)


def _receive(pipe: Any, process: Any, seconds: float) -> Any:
    until = time.monotonic() + seconds
    while not pipe.poll(0.2):
        if not process.is_alive():
            raise RuntimeError(f"a process of the benchmark ended with exit code {process.exitcode}")
        if time.monotonic() > until:
            raise TimeoutError("a process of the benchmark is silent")
    return pipe.recv()


def _micros(server: Watched, told: Measured) -> float:
    return (server.after - server.before) / told.requests * MICROS


def _latencies(told: Measured) -> dict[str, float | str]:
    return {"CCR/s": told.requests / told.seconds, "p50 ms": told.p50_ms, "p99 ms": told.p99_ms}
