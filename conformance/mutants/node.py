"""One OCS as a process: our engine behind our Gy server, with a mutant's fault in it, or none.

    python -m conformance.mutants.node PROVISIONING.yaml [--mutant NAME] [--watchdog S] [--capabilities S]

It prints one line of JSON when it listens: the ports of Gy and of a small HTTP door for orders, EDRs and bills. The
orders of hook provision are files beside PROVISIONING.yaml. Nothing is kept over a restart. It is a test bed, not a
product: `splitsim serve` is that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from conformance.mutants.charging import PROVISIONING, WRAPS, Apply
from conformance.mutants.faults import BY_NAME
from conformance.sut.bills import write_csv
from conformance.sut.world import ALTERATIONS
from ocs.billing import close
from ocs.billing.books import Books
from ocs.billing.documents import to_json
from ocs.charging.commands import (
    ChangeProfile,
    Charge,
    Command,
    Expire,
    Outcome,
    Provision,
    PushAnswered,
    Receipt,
    SetStatus,
    TopUp,
)
from ocs.charging.engine import Engine
from ocs.files import FileError
from ocs.gy.messages import Asr, Cca, ErrorAnswer, Rar
from ocs.gy.node import Identity, Timers
from ocs.gy.server import GyServer, PushAnswer
from ocs.inventory import provisioning as files
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.inventory.register import Register
from ocs.rating.cycle import cycle_named
from ocs.records.edr import Edr, Transfer
from ocs.records.text import to_csv
from ocs.units import SECOND

HOST = "ocs.splitsim.example"
REALM = "splitsim.example"


class MutantOcs:
    """Engine and server in one loop."""

    def __init__(self, timers: Timers, folder: Path) -> None:
        self._folder = folder
        self.engine = Engine(HOST, REALM)
        self._apply: Apply = self.engine.apply
        for wrap in WRAPS:
            self._apply = wrap(self._apply)
        self.server = GyServer(Identity(host=HOST, realm=REALM, origin_state_id=int(time.time())), timers=timers)
        self._edrs: list[Edr] = []
        self._transfers: list[Transfer] = []
        self._changes: list[Change] = []
        self._provisioned: list[Provisioning] = []
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None
        self._answers: set[asyncio.Task[None]] = set()

    def apply(self, command: Command) -> Outcome:
        """One command; pushes are queued behind its answer."""
        self._last = max(self._last, time.time_ns() // 1000)
        outcome = self._apply(command, self._last)
        self._edrs += outcome.edrs
        self._transfers += outcome.transfers
        self._changes += outcome.changes
        return outcome

    def provision(self, path: Path, request_id: str) -> Outcome:
        """A file of accounts, plans, profiles and SIMs. FileError says what is wrong with it."""
        provisioning = files.load_provisioning(path)
        for change in PROVISIONING:
            provisioning = change(provisioning)
        outcome = self.apply(Provision(provisioning, request_id))
        if not _error(outcome):
            self._provisioned.append(provisioning)
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
        status, text = await self._operation(line.split(" ")[1] if " " in line else "/")
        body = text.encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1") + body
        )
        await writer.drain()
        writer.close()

    async def _operation(self, target: str) -> tuple[str, str]:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/edrs":
            return "200 OK", self._records()
        if url.path == "/invoices":
            return "200 OK", await asyncio.to_thread(self._bills)
        try:
            outcome = self._order(url.path, query)
        except FileError as error:
            return "409 Conflict", str(error)
        except KeyError:
            return "404 Not Found", ""
        self.push_all(outcome)
        self.settle()
        refusal = _error(outcome)
        return ("409 Conflict", refusal) if refusal else ("200 OK", "")

    def _order(self, path: str, query: dict[str, str]) -> Outcome:
        """KeyError: there is no such order."""
        request_id = query.get("id") or f"op/{time.time_ns()}"
        if path == "/provision":
            return self.provision(self._folder / f"{query['what']}{query['imsi']}.yaml", request_id)
        imsi, split = query["imsi"], query.get("split") or None
        if path == "/alter":
            profile, payers = ALTERATIONS[query["what"]]
            return self.apply(ChangeProfile(imsi, profile, payers, {}, request_id))
        if path == "/topup":
            return self.apply(TopUp(imsi, query["split"], query["bundle"], request_id))
        status: Literal["suspended", "active"] = {"/suspend": "suspended", "/resume": "active"}[path]  # type: ignore[assignment]
        return self.apply(SetStatus(imsi, split, status, "conformance", request_id))

    def _records(self) -> str:
        text = StringIO()
        to_csv(text, Edr, self._edrs)
        return text.getvalue()

    def _bills(self) -> str:
        """Closes the cycle that runs, as if it ended now."""
        register = Register.of(list(self._provisioned))
        cycle = cycle_named(f"{datetime.now(UTC):%Y-%m}", register.operator.time_zone, register.operator.cycle_day)
        closed = close.close_cycle(
            cycle, Books(register, tuple(self._changes), tuple(self._edrs), tuple(self._transfers))
        )
        text = StringIO()
        write_csv(text, (json.loads(to_json(document)) for document in closed.documents))
        return text.getvalue()


def _error(outcome: Outcome) -> str | None:
    assert isinstance(outcome.answer, Receipt)
    return outcome.answer.error


async def serve(provisioning: Path, timers: Timers) -> None:
    """Runs one OCS until SIGTERM."""
    ocs = MutantOcs(timers, provisioning.parent)
    if error := _error(ocs.provision(provisioning, "start")):
        raise SystemExit(error)
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
