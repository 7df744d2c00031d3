"""How long nobody is served when an OCS is killed that has a standby: from SIGKILL to the first answer.

Two processes as an operator starts them, `splitsim serve` and `splitsim serve --standby`, on one store. The standby
has folded along what there was when the other is killed; the first answer is that to a CCR-U of a session that the
killed one had opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ocs.bench import postgres
from ocs.bench.loads import WIFI, ccr, provisioning
from ocs.bench.rows import Row
from ocs.gy.client import GyClient
from ocs.gy.messages import Asa, Asr, CcRequestType, Raa, Rar
from ocs.gy.node import Identity

_BOUND_SECONDS: Final = 5.0
_IN_FLIGHT: Final = 64


def measure(sessions: int = 10_000) -> Iterator[Row]:
    """`takeover_sqlite`, and `takeover_postgres` where there is one, with so many open sessions."""
    with tempfile.TemporaryDirectory() as folder:
        yield _measured("takeover_sqlite", Path(folder), "sqlite:///ocs.db", sessions)
    if postgres.there():
        cluster = postgres.Cluster()
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield _measured("takeover_postgres", Path(folder), cluster.database().url, sessions)
        finally:
            cluster.remove()


def _measured(name: str, folder: Path, url: str, sessions: int) -> Row:
    (folder / "sims.yaml").write_text(provisioning(sessions).model_dump_json(exclude_defaults=True))
    with contextlib.ExitStack() as processes:
        primary = processes.enter_context(_serving(folder, url))
        port = _port(primary)
        standby = processes.enter_context(_serving(folder, url, "--standby"))
        asyncio.run(_open(port, sessions))
        _caught_up(standby, sessions + 1)
        primary.kill()
        killed = time.monotonic()
        port = _port(standby)
        listening = time.monotonic() - killed
        asyncio.run(_ask(port, sessions - 1))
        answered = time.monotonic() - killed
    more: dict[str, float | str] = {"sessions": f"{sessions:,}", "listening s": listening}
    return Row(
        name, answered, "s to the first answer", f"bound of {_BOUND_SECONDS:g} s", answered / _BOUND_SECONDS, more
    )


@contextlib.contextmanager
def _serving(folder: Path, url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "splitsim", "serve", "--gy", "127.0.0.1:0", "--provision", "sims.yaml", "--db", url,
         "--log-level", "debug" if words else "warning", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE if words else None, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


def _port(process: subprocess.Popen[str]) -> int:
    """Where it listens, as soon as it does."""
    assert process.stdout is not None
    port = 0
    for line in process.stdout:
        if found := re.match(r"Gy on 127\.0\.0\.1:(\d+)", line):
            port = int(found[1])
        if line == "ready\n":
            return port
    raise RuntimeError("the served OCS has ended")


def _caught_up(standby: subprocess.Popen[str], rows: int) -> None:
    """Wait until it has folded so many rows along: provisioning, and a CCR-I for each session."""
    assert standby.stderr is not None
    for line in standby.stderr:
        if (found := re.search(r"folded along rows=(\d+)", line)) and int(found[1]) >= rows:
            return
    raise RuntimeError("the standby has ended")


async def _open(port: int, sessions: int) -> None:
    client = await _connected(port)
    turn = asyncio.Semaphore(_IN_FLIGHT)

    async def one(number: int) -> None:
        async with turn:
            answer = await client.request(ccr(CcRequestType.INITIAL, number, 0, number, (WIFI,)))
            if answer.result_code != 2001:
                raise RuntimeError(f"session {number}: {answer.result_code}")

    await asyncio.gather(*(one(number) for number in range(sessions)))
    await client.close()


async def _ask(port: int, session: int) -> None:
    client = await _connected(port)
    answer = await client.request(ccr(CcRequestType.UPDATE, session, 1, session, (WIFI,)))
    if answer.result_code != 2001:
        raise RuntimeError(f"session {session} is not known any more: {answer.result_code}")
    await client.close()


async def _connected(port: int) -> GyClient:
    return await GyClient.connect("127.0.0.1", port, Identity(host="pgw.example", realm="example"), on_push=_accept)


def _accept(push: Rar | Asr) -> Raa | Asa:
    kind = Raa if isinstance(push, Rar) else Asa
    return kind(session_id=push.session_id, origin_host="pgw.example", origin_realm="example", result_code=2001)
