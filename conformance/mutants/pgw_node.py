"""One gateway as a process: our charging trigger function on one Gy connection, worked over a small HTTP door.

    python -m conformance.mutants.pgw_node HOST:PORT [--tx S] [--reconnect S] [--mutant NAME]

It prints one line of JSON with the port of the door: `/attach?imsi=&apn=&rating_groups=`, `/use?imsi=&rating_group=&up=
&down=` (prints the octets that passed), `/change?imsi=&trigger=`, `/detach?imsi=`. A test bed, not a product.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from conformance.mutants.pgw_faults import BY_NAME
from ocs.gy.client import GyClient, UnreadableAnswerError
from ocs.gy.link import fresh_identifiers
from ocs.gy.messages import Asa, Asr, Cca, ErrorAnswer, Raa, Rar
from ocs.gy.node import Identity, Timers
from ocs.units import SECOND
from sim.pgw.session import Bearer, CtfSession, Settings, unknown_session

HOST, REALM = "pgw.splitsim.example", "splitsim.example"


def now() -> int:
    """Microseconds UTC."""
    return time.time_ns() // 1000


class Gateway:
    """Sessions over one connection that is dialled again when it is lost."""

    def __init__(self, address: tuple[str, int], settings: Settings, timers: Timers, reconnect_seconds: float) -> None:
        self.address = address
        self.settings = settings
        self.timers = timers
        self.reconnect_seconds = reconnect_seconds
        self.client: GyClient | None = None
        self.sessions: dict[str, CtfSession] = {}
        self.bearers: dict[str, Bearer] = {}
        self.by_id: dict[str, CtfSession] = {}
        self._identifiers = fresh_identifiers()
        self._first_sent: dict[str, int] = {}
        self._busy: set[CtfSession] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def stay_connected(self) -> None:
        """Dials, and dials again."""
        identity = Identity(host=HOST, realm=REALM, origin_state_id=int(time.time()))
        while True:
            try:
                self.client = await GyClient.connect(
                    *self.address, identity, on_push=self.on_push, timers=self.timers, identifiers=self._identifiers
                )
                self.pump_all()
                await self.client.closed()
            except (OSError, TimeoutError):
                pass
            self.client = None
            await asyncio.sleep(self.reconnect_seconds)

    def on_push(self, push: Rar | Asr) -> Raa | Asa | ErrorAnswer:
        """RAR or ASR; its CCR follows."""
        session = self.by_id.get(push.session_id)
        if session is None or session.ended:
            return unknown_session(self.settings, push)
        answer = session.on_push(push, now())
        asyncio.get_running_loop().call_soon(self.pump, session)
        return answer

    def pump_all(self) -> None:
        """Whatever waits may go."""
        for session in list(self.sessions.values()):
            self.pump(session)

    def pump(self, session: CtfSession) -> None:
        """Sends what the session wants to send, unless it waits for an answer."""
        if session in self._busy:
            return
        session.tick(now())
        request = session.next_request(now())
        if request is None:
            self._sleep(session)
            return
        self._busy.add(session)
        task = asyncio.ensure_future(self._exchange(session, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, session: CtfSession, request: object) -> None:
        answer: Cca | ErrorAnswer | None = None
        try:
            if self.client is not None and self.client.is_open:
                async with asyncio.timeout(self.settings.tx_seconds):
                    answer = await self.client.request(request, retransmitted=session.repeated)  # type: ignore[arg-type]
        except (ConnectionError, TimeoutError, UnreadableAnswerError):
            answer = None
        session.on_answer(answer, now())
        self._busy.discard(session)
        self.pump(session)

    def _sleep(self, session: CtfSession) -> None:
        deadline = session.next_deadline()
        if deadline is not None and not session.ended:
            delay = max(0.0, (deadline - now()) / SECOND)
            asyncio.get_running_loop().call_later(min(delay, 3600.0) + 0.001, self.pump, session)

    # --- the door -----------------------------------------------------------------------------------------------------

    async def operate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP, as little of it as a hook needs."""
        line = (await reader.readline()).decode("latin-1")
        while (await reader.readline()).strip():
            pass
        url = urlsplit(line.split(" ")[1])
        query = dict(parse_qsl(url.query))
        text = await self._operation(url.path, query)
        body = text.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def _operation(self, path: str, query: dict[str, str]) -> str:
        imsi = query.get("imsi", "")
        if path == "/attach":
            self._count += 1
            bearer = Bearer(
                imsi=imsi, apn=query["apn"], charging_id=self._count, pdp_address="10.0.0.1",
                sgsn_address="127.0.0.3", ggsn_address="127.0.0.4",
            )  # fmt: skip
            session = CtfSession(self.settings, f"{HOST};{int(time.time())};{self._count}", bearer)
            self.sessions[imsi] = self.by_id[session.session_id] = session
            self.bearers[imsi] = bearer
            session.attach(now(), [int(group) for group in query.get("rating_groups", "").split()])
            self.pump(session)
        elif path == "/use":
            up, down = int(query.get("up", 0)), int(query.get("down", 0))
            return str(await self._use(imsi, int(query["rating_group"]), up, down))
        elif path == "/change" and imsi in self.sessions:
            bearer = replace(self.bearers[imsi], rat_type=1)
            self.sessions[imsi].change(int(query["trigger"]), bearer, now())
            self.pump(self.sessions[imsi])
        elif path == "/detach" and imsi in self.sessions:
            session = self.sessions.pop(imsi)
            session.detach(now())
            self.pump(session)
        return ""

    async def _use(self, imsi: str, group: int, up: int, down: int) -> int:
        """Moves octets as far as quota allows, waiting a little for more of it; how many passed."""
        session = self.sessions.get(imsi)
        passed = 0
        deadline = time.monotonic() + 0.3
        while session is not None and passed < up + down and time.monotonic() < deadline:
            session.demand(group, now())
            self.pump(session)
            part = min(session.passable(group), up + down - passed)
            if part == 0:
                await asyncio.sleep(0.01)
                continue
            upward = min(part, max(0, up - passed))
            session.count(group, upward, part - upward, now())
            passed += part
            session.tick(now())
            self.pump(session)
        return passed


async def run(arguments: argparse.Namespace) -> None:
    """Until it is killed."""
    host, _, port = arguments.ocs.rpartition(":")
    settings = Settings(
        origin_host=HOST, origin_realm=REALM, destination_realm="conformance.example", tx_seconds=arguments.tx,
        retry_seconds=1,
    )  # fmt: skip
    timers = Timers(capabilities=2 * SECOND, watchdog=int(arguments.watchdog * SECOND), closing=SECOND)
    gateway = Gateway((host, int(port)), settings, timers, arguments.reconnect)
    door = await asyncio.start_server(gateway.operate, "127.0.0.1", 0)
    print(json.dumps({"http": door.sockets[0].getsockname()[1]}), flush=True)
    await gateway.stay_connected()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ocs")
    parser.add_argument("--tx", type=int, default=1)
    parser.add_argument("--reconnect", type=float, default=0.3)
    parser.add_argument("--watchdog", type=float, default=2.0)
    parser.add_argument("--mutant", choices=sorted(BY_NAME))
    arguments = parser.parse_args()
    if arguments.mutant is not None:
        BY_NAME[arguments.mutant].install()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(arguments))


if __name__ == "__main__":
    main()
