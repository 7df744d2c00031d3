"""One OCS as a process: our engine behind our Gy server, with a mutant's fault in it, or none.

    python -m conformance.mutants.node PROVISIONING.yaml [--mutant NAME] [--watchdog S] [--capabilities S]

It prints one line of JSON when it listens: the ports of Gy and of a small HTTP door for top-ups, suspensions and EDRs.
Nothing is kept over a restart. It is a test bed, not a product: `splitsim serve` is that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from conformance.mutants.charging import PROVISIONING, WRAPS, Apply
from conformance.mutants.faults import BY_NAME
from ocs.charging.commands import Charge, Command, Expire, Outcome, Provision, PushAnswered, Receipt, SetStatus, TopUp
from ocs.charging.engine import Engine
from ocs.gy.messages import Asr, Cca, ErrorAnswer, Rar
from ocs.gy.node import Identity, Timers
from ocs.gy.server import GyServer, PushAnswer
from ocs.inventory.provisioning import load_provisioning
from ocs.records.edr import Edr
from ocs.records.text import write_csv
from ocs.units import SECOND

HOST = "ocs.splitsim.example"
REALM = "splitsim.example"


class MutantOcs:
    """Engine and server in one loop."""

    def __init__(self, timers: Timers) -> None:
        self.engine = Engine(HOST, REALM)
        self._apply: Apply = self.engine.apply
        for wrap in WRAPS:
            self._apply = wrap(self._apply)
        self.server = GyServer(Identity(host=HOST, realm=REALM, origin_state_id=int(time.time())), timers=timers)
        self.edrs: list[Edr] = []
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None
        self._answers: set[asyncio.Task[None]] = set()

    def apply(self, command: Command) -> Outcome:
        """One command; pushes are queued behind its answer."""
        self._last = max(self._last, time.time_ns() // 1000)
        outcome = self._apply(command, self._last)
        self.edrs += outcome.edrs
        return outcome

    def push_all(self, outcome: Outcome) -> None:
        """Sends the RARs and ASRs of an outcome, and takes in what answers them."""
        for push in outcome.pushes:
            future = self.server.push(push)
            if future is not None:
                task = asyncio.ensure_future(self._answered(push, future))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)

    async def _answered(self, push: Rar | Asr, future: asyncio.Future[PushAnswer]) -> None:
        answer = await future
        group = push.rating_group if isinstance(push, Rar) else None
        code = getattr(answer, "result_code", None)
        self.push_all(self.apply(PushAnswered(push.session_id, group, code)))
        self.settle()

    def settle(self) -> None:
        """Lets queued messages go, and sets the clock for the engine's next deadline."""
        self.server.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.engine.next_deadline()
        if deadline is not None:
            delay = max(0.0, (deadline - time.time_ns() // 1000) / SECOND)
            self._timer = asyncio.get_running_loop().call_later(min(delay, 3600.0), self._due)

    def _due(self) -> None:
        self.push_all(self.apply(Expire()))
        self.settle()

    async def run(self) -> None:
        """Answers until the server is stopped."""
        while batch := await self.server.take():
            for incoming in batch:
                outcome = self.apply(Charge(incoming.message, incoming.retransmitted))
                answer = outcome.answer
                assert isinstance(answer, Cca | ErrorAnswer)
                incoming.respond(answer)
                self.push_all(outcome)
            self.settle()

    # --- the operator's door ------------------------------------------------------------------------------------------

    async def operate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP, as little of it as a hook needs: `GET /topup?imsi=...`."""
        line = (await reader.readline()).decode("latin-1")
        while (await reader.readline()).strip():
            pass
        status, text = self._operation(line.split(" ")[1] if " " in line else "/")
        body = text.encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1") + body
        )
        await writer.drain()
        writer.close()

    def _operation(self, target: str) -> tuple[str, str]:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        request_id = query.get("id") or f"op/{time.time_ns()}"
        command: Command
        if url.path == "/topup":
            command = TopUp(query["imsi"], query["split"], query["bundle"], request_id)
        elif url.path in ("/suspend", "/resume"):
            split = query.get("split") or None
            if url.path == "/suspend":
                command = SetStatus(query["imsi"], split, "suspended", "conformance", request_id)
            else:
                command = SetStatus(query["imsi"], split, "active", "conformance", request_id)
        elif url.path == "/edrs":
            return "200 OK", self._csv()
        else:
            return "404 Not Found", ""
        outcome = self.apply(command)
        self.push_all(outcome)
        self.settle()
        receipt = outcome.answer
        assert isinstance(receipt, Receipt)
        return ("409 Conflict", receipt.error) if receipt.error else ("200 OK", receipt.reference)

    def _csv(self) -> str:
        path = Path(f"/dev/shm/edrs-{time.time_ns()}.csv") if Path("/dev/shm").is_dir() else Path("edrs.csv")
        try:
            write_csv(path, Edr, self.edrs)
            return path.read_text()
        finally:
            path.unlink(missing_ok=True)


async def serve(provisioning: Path, timers: Timers) -> None:
    """Runs one OCS until SIGTERM."""
    ocs = MutantOcs(timers)
    catalogue = load_provisioning(provisioning)
    for change in PROVISIONING:
        catalogue = change(catalogue)
    outcome = ocs.apply(Provision(catalogue, "start"))
    assert isinstance(outcome.answer, Receipt)
    if outcome.answer.error:
        raise SystemExit(outcome.answer.error)
    await ocs.server.start("127.0.0.1", 0)
    door = await asyncio.start_server(ocs.operate, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(ocs.server.stop()))
    print(json.dumps({"gy": ocs.server.port, "http": door.sockets[0].getsockname()[1]}), flush=True)
    ocs.settle()
    await ocs.run()
    door.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("provisioning", type=Path)
    parser.add_argument("--mutant", choices=sorted(BY_NAME))
    parser.add_argument("--watchdog", type=float, default=30.0)
    parser.add_argument("--capabilities", type=float, default=10.0)
    arguments = parser.parse_args()
    if arguments.mutant is not None:
        BY_NAME[arguments.mutant].install()
    timers = Timers(watchdog=int(arguments.watchdog * SECOND), capabilities=int(arguments.capabilities * SECOND))
    asyncio.run(serve(arguments.provisioning, timers))


if __name__ == "__main__":
    main()
