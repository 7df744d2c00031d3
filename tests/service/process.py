"""`splitsim` as a process: served, asked, killed."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import pytest

from splitsim import app

SECONDS = 120
"""For a start or an end: more than enough, also where eight others want the machine."""


def splitsim(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One command, to its end: `serve` as a process, the others in this one, since a start costs more than they do."""
    if words[0] != "serve":
        return _here(words, cwd)
    return subprocess.run(
        [sys.executable, "-m", "splitsim", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


def _here(words: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[str]:
    status: int | str | None = 0
    with (
        contextlib.chdir(cwd),
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as said,
        contextlib.redirect_stderr(io.StringIO()) as wrong,
    ):
        patch.setenv("COLUMNS", "200")
        try:
            app(list(words), prog_name="splitsim")
        except SystemExit as end:
            status = end.code
    assert isinstance(status, int)
    return subprocess.CompletedProcess(words, status, said.getvalue(), wrong.getvalue())


class Served:
    """`splitsim serve` in `cwd`, on a port that the system chooses.

    `ready`: False if it has to wait for something first; `until_ready` then is for the caller to call.
    """

    def __init__(
        self, cwd: Path, *words: str, gy: str = "127.0.0.1:0", ready: bool = True, log: str = "serve.log"
    ) -> None:
        self.log = cwd / log
        with self.log.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "splitsim", "serve", "--gy", gy, "--log-level", "info", *words],
                cwd=cwd,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, "COLUMNS": "200", "XDG_STATE_HOME": str(cwd / "state")},
            )
        self.said: list[str] = []
        if ready:
            self.until_ready()

    def until_ready(self) -> None:
        """Wait for its word, and read where it is."""
        until = time.monotonic() + SECONDS
        assert self.process.stdout is not None
        while "ready\n" not in self.said:
            line = self.process.stdout.readline()
            assert line, f"serve ended: {self.log.read_text()}"
            assert time.monotonic() < until
            self.said.append(line)
        found = re.search(r"Gy on 127\.0\.0\.1:(\d+)", "".join(self.said))
        assert found is not None
        self.port = int(found[1])
        control = re.search(r"control socket: (.+)", "".join(self.said))
        assert control is not None
        self.control = control[1].strip()

    def kill(self) -> None:
        """SIGKILL: no word, no clean-up."""
        self.process.send_signal(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.kill()
        self.process.wait(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
