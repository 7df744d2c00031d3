"""A PostgreSQL of one's own, for a measurement or a test: on loopback, unprivileged, in a folder of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ocs.address import Database

_HOMES: Final = Path("/usr/lib/postgresql")
_SECONDS: Final = 60


def there() -> bool:
    """Whether it and its client are installed, and a user for it."""
    unprivileged = os.geteuid() != 0 or shutil.which("runuser") is not None
    return unprivileged and find_spec("psycopg") is not None and any(_HOMES.glob("*/bin/initdb"))


class Cluster:
    """A new cluster with one superuser, `splitsim`, no password, and PostgreSQL's own settings; `remove` ends it.

    Raises:
        OSError, subprocess.SubprocessError: it cannot be started.
    """

    def __init__(self) -> None:
        self._programs = max(_HOMES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])).parent
        self._as: list[str] = []
        self._databases = itertools.count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="splitsim-postgres-"))
        if os.geteuid() == 0:
            self._as = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.folder, "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._run("initdb", "--no-sync", "-D", "data", "-A", "trust", "-U", "splitsim", "--no-locale", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        """Until it can be used."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories=''"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def pull(self) -> None:
        """Stop it at once, as if it had crashed."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def freeze(self) -> None:
        """Stop every process of it where it stands: connections are accepted by the system, and nobody ever answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):  # the postmaster first: no child comes to be meanwhile
            os.kill(process, number)

    def database(self) -> Database:
        """A new one, empty."""
        name = f"ocs{next(self._databases)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "splitsim", name)
        return Database(f"postgresql://splitsim@127.0.0.1:{self.port}/{name}")

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        try:
            self.pull()
        finally:
            shutil.rmtree(self.folder)

    def _run(self, program: str, *words: str) -> None:
        with (self.folder / "said").open("wb") as said:  # not a pipe, which pg_ctl's server would keep open
            subprocess.run(
                [*self._as, str(self._programs / program), *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=_SECONDS,
                check=True,
            )


def backend_seconds(database: Database) -> float:
    """CPU seconds that the backend of the OCS which owns `database` has used so far."""
    import psycopg

    with psycopg.connect(database.url) as db:
        rows = db.execute("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'splitsim on %'").fetchall()
    spent = 0
    for (pid,) in rows:
        cells = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent += int(cells[11]) + int(cells[12])
    return spent / os.sysconf("SC_CLK_TCK")
