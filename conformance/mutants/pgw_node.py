"""One gateway as a process: that of `splitsim pgw`, with a small HTTP door in place of cars that drive.

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
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.gy.node import Timers
from ocs.units import SECOND
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.gateway import Gateway, LiveSession

HOST, REALM = "pgw.splitsim.example", "splitsim.example"
_PATIENCE_SECONDS = 0.3
"""How long traffic waits for quota before it gives up."""


def now() -> int:
    """Microseconds UTC."""
    return time.time_ns() // 1000


class Nobody:
    """Is told of everything, and does nothing with it."""

    def asked(self, request: Ccr, repeated: bool) -> None:
        """A request goes out."""

    def answered(self, request: Ccr, answer: Cca | ErrorAnswer | None) -> None:
        """Its answer."""

    def pushed(self, push: Rar | Asr, reply: Raa | Asa) -> None:
        """A push and its reply."""

    def connection(self, news: str) -> None:
        """The connection went or came."""


class Users:
    """Those who are attached, by IMSI, worked over HTTP."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._here: dict[str, tuple[LiveSession, Bearer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def operate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of the door."""
        line = (await reader.readline()).decode("latin-1")
        while (await reader.readline()).strip():
            pass
        url = urlsplit(line.split(" ")[1])
        body = (await self._operation(url.path, dict(parse_qsl(url.query)))).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def _operation(self, path: str, query: dict[str, str]) -> str:
        imsi = query.get("imsi", "")
        if path == "/attach":
            self._attach(imsi, query["apn"], [int(group) for group in query.get("rating_groups", "").split()])
        elif imsi not in self._here:
            return "0"
        elif path == "/use":
            up, down = int(query.get("up", 0)), int(query.get("down", 0))
            return str(await self._use(imsi, int(query["rating_group"]), up, down))
        elif path == "/change":
            live, bearer = self._here[imsi]
            live.session.change(int(query["trigger"]), replace(bearer, rat_type=1), now())
            live.talk()
        elif path == "/detach":
            live, _ = self._here.pop(imsi)
            live.session.detach(now())
            live.talk()
        return ""

    def _attach(self, imsi: str, apn: str, groups: list[int]) -> None:
        self._count += 1
        bearer = Bearer(
            imsi=imsi, apn=apn, charging_id=self._count, pdp_address="10.0.0.1", sgsn_address="127.0.0.3",
            ggsn_address="127.0.0.4",
        )  # fmt: skip
        live = self.gateway.session(f"{HOST};{int(time.time())};{self._count}", bearer)
        self._here[imsi] = live, bearer
        live.session.attach(now(), groups)
        task = asyncio.create_task(self._live(live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, live: LiveSession) -> None:
        """Says what the session has to say until it has ended."""
        while not live.session.ended:
            live.talk()
            await live.rest(now() + 3600 * SECOND)
        self.gateway.forget(live)

    async def _use(self, imsi: str, group: int, up: int, down: int) -> int:
        """Moves octets as far as quota allows, waiting a little for more of it; how many passed."""
        session = self._here[imsi][0].session
        live, passed = self._here[imsi][0], 0
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while passed < up + down and time.monotonic() < deadline:
            session.demand(group, now())
            live.talk()
            part = min(session.passable(group), up + down - passed)
            if part == 0:
                await asyncio.sleep(0.01)
                continue
            upward = min(part, max(0, up - passed))
            session.count(group, upward, part - upward, now())
            passed += part
            live.talk()
        return passed


async def run(arguments: argparse.Namespace) -> None:
    """Until it is killed."""
    host, _, port = arguments.ocs.rpartition(":")
    settings = Settings(
        origin_host=HOST, origin_realm=REALM, destination_realm="conformance.example", tx_seconds=arguments.tx,
        retry_seconds=1, origin_state_id=int(time.time()),
    )  # fmt: skip
    timers = Timers(
        capabilities=2 * SECOND,
        watchdog=int(arguments.watchdog * SECOND),
        closing=SECOND,
        reconnect=int(arguments.reconnect * SECOND),
    )
    gateway = Gateway(settings, (host, int(port)), Nobody(), now, timers)
    await gateway.open()
    door = await asyncio.start_server(Users(gateway).operate, "127.0.0.1", 0)
    print(json.dumps({"http": door.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


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
