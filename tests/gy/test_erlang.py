"""Erlang's diameter as a strict client (tests/gy/erlang): it drops what its dictionary, which is not ours, forbids."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest

from ocs.gy.messages import ErrorAnswer
from tests.gy import octets
from tests.gy.serving import OCS, Charging, serving, wired
from tests.gy.test_client import cca
from tests.gy.test_peers import Listener, cea_to
from tests.gy.test_server import rar

FOLDER = Path(__file__).parent / "erlang"


@cache
def has_diameter() -> bool:
    if shutil.which("escript") is None:
        return False
    look = ["erl", "-noshell", "-eval", "halt(case code:which(diameter) of non_existing -> 1; _ -> 0 end)."]
    return subprocess.run(look, timeout=30, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not has_diameter(), reason="Erlang's diameter is not installed (Debian packages erlang-base, erlang-diameter)"
)


class Gateway:
    """The client process: a line in, a line out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def started(cls, port: int) -> AsyncIterator[Gateway]:
        process = await asyncio.create_subprocess_exec(
            "escript", "gateway.erl", str(port), cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def line(self) -> str:
        assert self._process.stdout is not None
        return (await asyncio.wait_for(self._process.stdout.readline(), 20)).decode().rstrip()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def ask(self, line: str) -> str:
        self.say(line)
        return await self.line()

    async def leave(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await asyncio.wait_for(self._process.wait(), 20)


@wired
async def test_sessions_with_our_ocs() -> None:
    ocs = Charging()
    async with serving(decide=ocs) as served, Gateway.started(served.server.port) as pgw:
        assert await pgw.line() == "open"
        # Session, type, number, rating group, octets used, APN -> result, and for each service group, result, grant.
        assert await pgw.ask("wifi I 0 200 - wifi") == "2001 200:2001:4000000"
        assert await pgw.ask("wifi U 1 200 3000000 wifi") == "2001 200:2001:4000000"
        push = served.server.push(rar(session_id="wifi"))
        assert push is not None
        served.server.flush()
        assert await pgw.line() == "pushed wifi"
        answer = await push
        assert answer is not None
        assert answer.result_code == 2001
        assert await pgw.ask("wifi U 2 200 4000000 wifi") == "2001 200:2001:3000000"
        assert (await pgw.ask("wifi U 3 200 3000000 wifi")).startswith("4012")
        assert (await pgw.ask("wifi T 4 200 0 wifi")).startswith("2001")
        assert (await pgw.ask("again I 0 200 - wifi")).startswith("4012")
        assert (await pgw.ask("nowhere I 0 1 - nowhere")).startswith("4010")
        assert (await pgw.ask("never U 5 1 10 wifi")).startswith("5002")
        served.decide = lambda incoming: ErrorAnswer(
            session_id=incoming.message.session_id, result_code=3004, origin_host=OCS.host, origin_realm=OCS.realm
        )
        assert await pgw.ask("busy I 0 1 - wifi") == "error 3004"
        assert await pgw.leave() == 0
    assert sum(edr.octets_total or 0 for edr in ocs.edrs if edr.rating_group == 200) == 10_000_000


@wired
async def test_it_is_strict() -> None:
    async with Listener.listening() as ocs, Gateway.started(ocs.port) as pgw:
        raw = await ocs.accepted.get()
        await raw.send(cea_to(await raw.receive(), "ocs.example"))
        assert await pgw.line() == "open"
        for spoil in (
            lambda request: cca(request, without=416),
            lambda request: cca(request, octets.u32(448, 60), octets.u32(448, 60)),
            lambda request: cca(request, octets.avp(9999, b"what?")),
            lambda request: cca(request, octets.avp(448, b"\0")),
            lambda request: cca(request, result_code=3004),
        ):
            pgw.say("s I 0 1 - wifi")
            await raw.send(spoil(await raw.receive()))
            assert "2001" not in (line := await pgw.line()), line
            assert not line.startswith("error"), line
