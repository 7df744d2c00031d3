"""The process: `python -m ocs.web LISTENER CONTROL`, the file descriptor of a listening socket and a path.

Standard input is a socket to the Gy process; its end is the end of this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from pathlib import Path

from ocs.web.pages import listen


async def _run(listener: socket.socket, control: Path) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_reader(sys.stdin.fileno(), over.set)
    server = await listen(listener, control)
    await over.wait()
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])))
