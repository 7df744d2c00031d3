"""The Gy process's side of the web process: it is started, and started again whenever it ends."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ocs.address import Address

_PAUSE_SECONDS: Final = 1.0
"""From an end that nobody asked for to the next start."""
_PATIENCE_SECONDS: Final = 2.0
"""For a web process to end in order."""


def opened(at: Address) -> socket.socket:
    """A listening socket there; with port 0 the system chooses. It outlives every web process.

    Raises:
        OSError: the address is taken.
    """
    return socket.create_server(at, family=socket.AF_INET6 if ":" in at.host else socket.AF_INET)


async def keep(listener: socket.socket, control: Path, on_trouble: Callable[[str], None]) -> None:
    """Have a web process answer on `listener` until this is cancelled; then it has ended too.

    Each side sees the end of the other by the end of a socket between them, so neither outlives a killed one for long.
    A group of its own keeps the terminal's signals from it: what they mean is decided in one place, the Gy process.
    """
    while True:
        try:
            status = await _one(listener, control)
            on_trouble(f"the web process has ended with status {status}; it is started again")
        except OSError as error:
            on_trouble(f"the web process cannot be started: {error}")
        await asyncio.sleep(_PAUSE_SECONDS)


async def _one(listener: socket.socket, control: Path) -> int:
    """A web process from its start to its end, which comes by itself or when this is cancelled."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        process = subprocess.Popen(
            [sys.executable, "-m", "ocs.web", str(listener.fileno()), str(control)],
            stdin=theirs.fileno(),
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        theirs.close()
        try:
            await asyncio.get_running_loop().sock_recv(ours, 1)
        finally:
            ours.close()
            await asyncio.to_thread(_end, process)
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
