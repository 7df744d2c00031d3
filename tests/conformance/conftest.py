"""Systems under test as processes, started once for all tests of this room that a worker runs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.mutants.started import started_node
from conformance.sut.ics import HookSpec, Ics, load_ics
from tests.conformance import foreign_ocs

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node() -> Iterator[Ics]:
    """Our engine, sound."""
    with started_node() as ics:
        yield ics


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Ics]:
    """The small OCS on python-diameter's node, as somebody who knows nothing of it would describe it."""
    port = _free_port()
    pid_file = tmp_path / "pid"
    restart = f"{sys.executable} {foreign_ocs.__file__} restart {port} {pid_file}"
    first = foreign_ocs.start(port, pid_file)
    try:
        ics = _at(load_ics(HERE / "foreign_ocs.yaml"), port)
        yield ics.model_copy(update={"hooks": {"restart": HookSpec(command=restart)}})
    finally:
        foreign_ocs.kill(pid_file)
        first.kill()
        first.wait()


def _has_diameter() -> bool:
    if shutil.which("escript") is None:
        return False
    look = ["erl", "-noshell", "-eval", "halt(case code:which(diameter) of non_existing -> 1; _ -> 0 end)."]
    return subprocess.run(look, timeout=30, check=False).returncode == 0


@pytest.fixture
def erlang() -> Iterator[Ics]:
    """The small OCS on Erlang's diameter."""
    if not _has_diameter():
        pytest.skip("Erlang's diameter is not installed (Debian packages erlang-base, erlang-diameter)")
    port = _free_port()
    command = ["escript", "ocs.erl", str(port)]
    with subprocess.Popen(
        command, cwd=HERE / "erlang", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "listening"
            yield _at(load_ics(HERE / "erlang" / "ocs.yaml"), port)
        finally:
            process.kill()


def _at(ics: Ics, port: int) -> Ics:
    """The same at another port: that of its file may be taken."""
    return ics.model_copy(update={"sut": ics.sut.model_copy(update={"address": f"127.0.0.1:{port}"})})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
