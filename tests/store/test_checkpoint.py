"""Checkpoints: an engine that goes on from one is the engine that it was, and none is used that could be another's."""

import os
import pickle
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from ocs.charging.commands import Charge, Expire, Provision
from ocs.charging.engine import Engine
from ocs.charging.state import State
from ocs.inventory.provisioning import load_provisioning
from ocs.store import checkpoint as module
from ocs.store.checkpoint import Checkpoint, Checkpoints
from ocs.store.rows import Row
from ocs.units import SECOND
from tests.charging.test_any_order import AnyOrder
from tests.service.test_serve import DEMO, MB, ccr

NOW = 1_772_400_000 * SECOND
ROW = Row(NOW, "Expire", b"", b"")
HOST, REALM = "ocs.example", "example"


def some_engine() -> Engine:
    """A car that has a grant."""
    engine = Engine(HOST, REALM)
    engine.apply(Provision(load_provisioning(DEMO), "demo"), NOW)
    engine.apply(Charge(ccr("I", 0, (200, -1, True))), NOW)
    return engine


def row_at(sequence: int) -> Row | None:
    """A journal with seven rows."""
    return ROW if sequence == 7 else None


def kept(path: Path) -> State | None:
    found = Checkpoints(path).read(HOST, REALM, row_at)
    return None if found is None else found.state


def test_an_engine_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    engine = some_engine()
    Checkpoints(tmp_path / "c").write(Checkpoint(7, NOW, engine.state), ROW)
    found = Checkpoints(tmp_path / "c").read(HOST, REALM, row_at)
    assert found is not None
    assert (found.sequence, found.now) == (7, NOW)
    again = Engine(HOST, REALM)
    again.state = found.state
    for request in (ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 4 * MB, True)), ccr("T", 2, (200, 5, False))):
        assert again.apply(Charge(request), NOW + SECOND) == engine.apply(Charge(request), NOW + SECOND)
    assert os.listdir(tmp_path) == ["c"]


class Checkpointed(AnyOrder):
    """Any order of what can happen, with engines that go on from a checkpoint; the auditor judges what they do."""

    @rule()
    def a_restart_from_a_checkpoint(self) -> None:
        path = Path(self.folder.name) / "c"
        Checkpoints(path).write(Checkpoint(7, NOW, self.engine.state), ROW)
        found = Checkpoints(path).read("ocs", "home", row_at)
        assert found is not None
        self.engine = Engine("ocs", "home")
        self.engine.state = found.state

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


TestCheckpointed = Checkpointed.TestCase
TestCheckpointed.settings = settings(
    max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def test_a_child_writes_what_was_there_when_it_began(tmp_path: Path) -> None:
    engine, checkpoints = some_engine(), Checkpoints(tmp_path / "c")
    assert checkpoints.finish() is None
    checkpoints.begin(Checkpoint(7, NOW, engine.state), ROW)
    engine.apply(Charge(ccr("T", 1, (200, 5, False))), NOW)
    assert checkpoints.writing
    assert checkpoints.finish(wait=True)
    assert not checkpoints.writing
    state = kept(tmp_path / "c")
    assert state is not None
    (session,) = state.sessions.values()
    assert session.closed_at is None
    assert next(iter(engine.state.sessions.values())).closed_at == NOW


def test_a_child_keeps_neither_files_nor_sockets_nor_handlers_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    engine, checkpoints = some_engine(), Checkpoints(tmp_path / "c")
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    monkeypatch.setattr(os, "nice", lambda _: signal.pause())  # the child stays where it is about to write
    try:
        checkpoints.begin(Checkpoint(7, NOW, engine.state), ROW)
        os.close(writing)
        assert os.read(reading, 1) == b""  # nobody has the other end any more
        os.kill(checkpoints._child or 0, signal.SIGTERM)
        assert checkpoints.finish(wait=True) is False
        assert heard == []
    finally:
        signal.signal(signal.SIGTERM, before)
        checkpoints.give_up()
        os.close(reading)
    assert kept(tmp_path / "c") is None


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    engine, checkpoints = some_engine(), Checkpoints(tmp_path / "c")
    checkpoints.write(Checkpoint(7, NOW, engine.state), ROW)
    before = (tmp_path / "c").read_bytes()
    engine.state.requests["x"] = lambda: None  # type: ignore[assignment]
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoints.write(Checkpoint(7, NOW, engine.state), ROW)
    checkpoints.begin(Checkpoint(7, NOW, engine.state), ROW)
    assert checkpoints.finish(wait=True) is False
    assert (tmp_path / "c").read_bytes() == before
    assert os.listdir(tmp_path) == ["c"]


@pytest.mark.parametrize("at", [0, 100, -1, -5, -60, -200])
def test_a_damaged_file_is_not_used(tmp_path: Path, at: int) -> None:
    path = tmp_path / "c"
    Checkpoints(path).write(Checkpoint(7, NOW, some_engine().state), ROW)
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)
    assert kept(path) is None
    for length in (0, 3, 50, len(octets) - 1):
        path.write_bytes(octets[:length])
        assert kept(path) is None


def test_it_is_for_one_code_one_identity_and_one_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c"
    Checkpoints(path).write(Checkpoint(7, NOW, some_engine().state), ROW)
    assert kept(path) is not None
    checkpoints = Checkpoints(path)
    assert checkpoints.read(HOST, "other", row_at) is None
    assert checkpoints.read(HOST, REALM, lambda _: Row(NOW, "Expire", b"", b"other")) is None
    assert checkpoints.read(HOST, REALM, lambda _: None) is None
    monkeypatch.setattr(module, "_code", lambda: "another version")
    assert kept(path) is None


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("made-by-a-file",)


def test_a_file_makes_nothing_but_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = some_engine().state
    for planted in (Evil(), Expire, load_provisioning):
        state.requests["x"] = planted  # type: ignore[assignment]
        Checkpoints(tmp_path / "c").write(Checkpoint(7, NOW, state), ROW)
        found = kept(tmp_path / "c")
        assert (found is None) == (planted is not Expire)
    assert not (tmp_path / "made-by-a-file").exists()
