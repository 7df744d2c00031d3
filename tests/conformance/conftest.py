"""Systems under test as processes, started once for all tests of this room that a worker runs."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.mutants.started import started_node
from conformance.sut.ics import Claims, HookSpec, Ics, Subscriber, Subscribers, Sut, Timers
from tests.conformance import foreign_ocs


@pytest.fixture(scope="session")
def node() -> Iterator[Ics]:
    """Our engine, sound."""
    with started_node() as ics:
        yield ics


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Ics]:
    """The small OCS on python-diameter's node, as somebody who knows nothing of it would describe it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    pid_file = tmp_path / "pid"
    restart = f"{sys.executable} {foreign_ocs.__file__} restart {port} {pid_file}"
    first = foreign_ocs.start(port, pid_file)
    try:
        yield Ics(
            sut=Sut(name="python-diameter's node", address=f"127.0.0.1:{port}"),
            timers=Timers(answer_seconds=0.7, quiet_seconds=0.2, wait_most_seconds=3),
            claims=Claims(peers_restricted=True, rating_group_unknown=False, apn_selects_payer=False),
            subscribers=Subscribers(rich=(Subscriber(imsi="001010000000001", apn="internet", rating_groups=(1, 2)),)),
            hooks={"restart": HookSpec(command=restart)},
        )
    finally:
        foreign_ocs.kill(pid_file)
        first.kill()
        first.wait()
