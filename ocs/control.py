"""The control socket of a served OCS: one JSON object a line in, one out.

    {"do": "TopUp", "body": {"imsi": "...", "split_id": "wifi", "bundle_id": "1gb", "request_id": "..."}}
    {"reference": "...", "error": null}

`do` names an operator's command of `ocs.charging.commands`, or `align` (the commands that make the inventory say what a
provisioning file says: `ocs.changeset`), `sims`, `usage`, `status`, `metrics`, `checkpoint`,
`shutdown`. Only the user who started the server may connect (mode 0600).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from ocs import overview
from ocs.address import Database, Store
from ocs.changeset import changeset
from ocs.charging.commands import ChangePlan, ChangeProfile, Command, MoveSim, Provision, Receipt, SetStatus, TopUp
from ocs.charging.state import State
from ocs.inventory.provisioning import Provisioning
from ocs.service import EngineFaultError, Service
from ocs.store.journal import StoreError

_COMMANDS: Final = {kind.__name__: kind for kind in (TopUp, SetStatus, ChangePlan, ChangeProfile, MoveSim)}
_VIEWS: Final[dict[str, Callable[[Any, str | None], Any]]] = {"sims": overview.sims, "usage": overview.usage}
_LINE_OCTETS: Final = 64 * 2**20
"""A whole provisioning file stands in one line."""
_SECONDS: Final = 60


class ControlError(Exception):
    """The server cannot be reached, or makes no sense; says why."""


def beside(store: Store) -> Path:
    """Where the control socket of the OCS that owns `store` is, unless it was put elsewhere.

    Beside the file, or, of a database, in the folder for temporary files.
    """
    if isinstance(store, Database):
        return Path(tempfile.gettempdir()) / f"splitsim-{store.key}.control"
    return store.with_name(f"{store.name}.control")


async def listen(
    path: Path, service: Service, shutdown: Callable[[], None], metrics: Callable[[], str] = str
) -> asyncio.Server:
    """Serve the control socket at `path`. `metrics` gives what `ocs.metrics` has counted.

    Raises:
        OSError: it cannot be made.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await _answer(line, service, shutdown, metrics)) + b"\n")
                await writer.drain()
        writer.close()

    if path.is_socket():
        if listens(path):
            raise OSError(errno.EADDRINUSE, "in use by another process")
        path.unlink()  # left by a process that was killed
    mask = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(serve, path, limit=_LINE_OCTETS)
    finally:
        os.umask(mask)


async def _answer(line: bytes, service: Service, shutdown: Callable[[], None], metrics: Callable[[], str]) -> Any:
    try:
        asked = msgspec.json.decode(line, type=dict[str, Any])
        do, body = asked["do"], asked.get("body", {})
        if do == "status":
            return {"ready": service.ready, "journal_rows": service.rows, "journal_lag_rows": service.lag}
        if do == "metrics":
            return {"text": metrics()}
        if do == "shutdown":
            shutdown()
            return Receipt("shutting down")
        if do == "checkpoint":
            return Receipt(f"row {await service.checkpoint()}")
    except (KeyError, ValueError) as error:
        return Receipt("", f"not understood: {error!r}")
    except StoreError as error:
        return Receipt("", f"not done: {error}")
    return await answer(do, body, service)


class Office(Protocol):
    """An OCS that takes orders: one that serves, or a store that none is running on."""

    @property
    def state(self) -> State:
        """What it holds."""

    async def execute(self, command: Command) -> Receipt | None:
        """Do what is ordered, durably.

        Raises:
            StoreError, EngineFaultError: it was not done.
        """


async def answer(do: str, body: dict[str, Any], office: Office) -> Any:
    """What is answered to an order, or shown."""
    try:
        if do in _VIEWS:
            return list(_VIEWS[do](office.state, body.get("imsi")))
        if do == "align":
            return await _align(body, office)
        return await office.execute(_command(do, body))
    except (KeyError, ValueError) as error:  # pydantic's and msgspec's errors are ValueErrors
        return Receipt("", f"not understood: {error!r}")
    except (StoreError, EngineFaultError) as error:
        return Receipt("", f"not done: {error}")


async def _align(body: dict[str, Any], office: Office) -> dict[str, Any]:
    """Do what a provisioning file says; with `dry_run` only tell it. `settle`: open sessions may get another payer."""
    wanted = Provisioning.model_validate_json(msgspec.json.encode(body["provisioning"]))
    who = {name: body.get(name, "") for name in ("request_id", "by", "reason")}
    found = changeset(office.state, wanted, **who)
    mistakes = found.mistakes + ([] if body.get("settle") else found.stranded)
    done = 0
    if not mistakes and not body.get("dry_run"):
        for command in found.commands:
            receipt = await office.execute(command)
            if receipt is not None and receipt.error:
                mistakes += receipt.error.split("; ")
                break
            done += 1
    return {"differences": found.differences, "stranded": found.stranded, "mistakes": mistakes, "done": done}


def listens(path: Path) -> bool:
    """Whether an OCS listens there."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        sock.connect(str(path))
        return True
    return False


def _command(do: str, body: dict[str, Any]) -> Command:
    if do == Provision.__name__:
        provisioning = Provisioning.model_validate_json(msgspec.json.encode(body["provisioning"]))
        others = {name: body[name] for name in ("request_id", "by", "reason") if name in body}
        return Provision(provisioning, **others)
    command: Command = msgspec.convert(body, _COMMANDS[do])  # type: ignore[assignment]
    return command


def ask(path: Path, do: str, body: dict[str, Any] | None = None, *, seconds: float = _SECONDS) -> Any:
    """Send one line to the server at `path`, and give what it answers within `seconds`.

    Raises:
        ControlError: nobody is there, or the answer makes no sense.
    """
    line = msgspec.json.encode({"do": do, "body": body or {}}) + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(seconds)
            sock.connect(str(path))
            sock.sendall(line)
            with sock.makefile("rb") as answers:
                return msgspec.json.decode(answers.readline())
    except FileNotFoundError:
        raise ControlError(f"{path}: no such control socket; is `splitsim serve` running?") from None
    except ConnectionRefusedError:
        raise ControlError(f"{path}: nobody listens there any more; is `splitsim serve` running?") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ControlError(f"{path}: {error}") from None
