"""A PostgreSQL of our own for tests: Debian's, on loopback, as an unprivileged user, in a folder that goes with it."""

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from ocs.address import Database

_HOMES = Path("/usr/lib/postgresql")
_numbers = itertools.count(1)


def programs() -> Path | None:
    """The folder of the newest `initdb`."""
    found = sorted(_HOMES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """A cluster with one superuser, `splitsim`, and no password. The port is one that the system has chosen."""

    def __init__(self) -> None:
        bin_folder = programs()
        if bin_folder is None:
            pytest.skip("needs PostgreSQL (Debian: postgresql)")
        self._bin = bin_folder
        self._as: tuple[str, ...] = ()
        self.folder = Path(tempfile.mkdtemp(prefix="splitsim-postgres-"))
        if os.geteuid() == 0:
            self._as = ("runuser", "-u", "postgres", "--")
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-N", "-D", "data", "-A", "trust", "-U", "splitsim", "--no-locale", "-E", "UTF8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Until it can be used."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories=''"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def pull(self) -> None:
        """Stop it at once, as if it had crashed."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def database(self) -> Database:
        """A new one, empty."""
        name = f"ocs{next(_numbers)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "splitsim", name)
        return Database(f"postgresql://splitsim@127.0.0.1:{self.port}/{name}")

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.pull()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as, str(self._bin / program), *words]
        said = self.folder / "said"
        with said.open("wb") as file:  # not a pipe, which pg_ctl's server would keep open
            done = subprocess.run(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=60, check=False
            )
        assert done.returncode == 0, said.read_text()
