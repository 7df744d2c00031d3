"""Checkpoints: the engine's state in a file beside the store, so that a restart folds only the rows that came after it.

A checkpoint saves time and decides nothing. It is used by the code that wrote it and no other, for the journal that it
was made from; where anything differs, all rows are folded. While the OCS serves, a child process writes it, from its
copy of the memory as of the moment of the fork.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import io
import os
import pickle
import platform
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import msgspec
import pydantic

import ocs
from ocs.charging.state import State
from ocs.store.rows import Row

_ROOMS: Final = ("balances", "catalogue", "charging", "gy", "inventory", "rating", "records", "files.py", "units.py")
"""Where the code is that makes and reads a state."""
_FOREIGN: Final = {
    ("msgspec._utils", "rebuild"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("decimal", "Decimal"),
}
"""What a state is made of besides classes of ours."""
_HEAD_OCTETS: Final = 4
_NICE: Final = 10
"""The child lets the server go first."""
_ROWS: Final = 50_000
"""What a restart folds in two or three seconds. With more sessions than that: as many rows as there are sessions, since
to read a checkpoint takes as long for a session as to fold a row, and to make one holds requests up."""
_SHARE: Final = 5
"""The time between two of them is at least so many times what one takes."""


class Checkpoint(NamedTuple):
    """The state after row `sequence` of the journal, applied at `now`."""

    sequence: int
    now: int
    state: State


class _Head(msgspec.Struct, frozen=True):
    """What stands behind the state in the file. `made_by` and `row` say for whom it is."""

    made_by: str
    sequence: int
    now: int
    row: bytes
    digest: bytes


class Checkpoints:
    """The last checkpoint of one store, in the file at `path`. One may be on its way in a child process."""

    def __init__(self, path: Path) -> None:
        _code()  # as it was started, whatever the files become while it runs
        self._path = path
        self._child: int | None = None
        self._began = 0.0
        self._seconds = 0.0
        """What the last one took in the child."""
        self._begun = 0
        """The row of the last one begun."""
        self._sessions = 0
        """How many sessions that had."""
        self.written = 0
        """The row of the last one written or read."""

    def is_due(self, last: int) -> bool:
        """Whether one should be begun, when the journal has come to row `last`."""
        rested = time.monotonic() - self._began >= _SHARE * self._seconds
        rows = max(_ROWS, self._sessions)
        return self._child is None and last - max(self._begun, self.written) >= rows and rested

    def read(self, origin_host: str, origin_realm: str, row_at: Callable[[int], Row | None]) -> Checkpoint | None:
        """The checkpoint, if there is one for this code, this identity and the journal with these rows."""
        try:
            octets = memoryview(self._path.read_bytes())
            at = len(octets) - _HEAD_OCTETS
            at -= int.from_bytes(octets[at:])
            head = msgspec.msgpack.decode(octets[max(at, 0) : -_HEAD_OCTETS], type=_Head)
            row = row_at(head.sequence)
            if head.made_by != _mark(origin_host, origin_realm) or row is None or head.row != _digest(row):
                return None
            if hashlib.blake2b(octets[:at]).digest() != head.digest:
                return None
            state: State = _Unpickler(io.BytesIO(octets[:at])).load()
        except Exception:  # whatever a file holds, all rows can be folded instead
            return None
        self.written = head.sequence
        return Checkpoint(head.sequence, head.now, state)

    def write(self, checkpoint: Checkpoint, row: Row) -> None:
        """Put `checkpoint` in the place of the one before; `row` is the journal's row `checkpoint.sequence`.

        Raises:
            OSError: it cannot be written; the one before is still there.
        """
        state = checkpoint.state
        made_by = _mark(state.origin_host, state.origin_realm)
        unfinished = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                hashed = _Hashed(file)
                pickle.Pickler(hashed, 5).dump(state)
                head = msgspec.msgpack.encode(
                    _Head(made_by, checkpoint.sequence, checkpoint.now, _digest(row), hashed.digest())
                )
                file.write(head + len(head).to_bytes(_HEAD_OCTETS))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._path)
            self.written = checkpoint.sequence
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise

    # --- in a child ---------------------------------------------------------------------------------------------------

    @property
    def writing(self) -> bool:
        """Whether a child is at it."""
        return self._child is not None

    def begin(self, checkpoint: Checkpoint, row: Row) -> None:
        """Have a child write what is `checkpoint` now; the state may change as soon as this returns.

        Raises:
            OSError: there can be no child.
        """
        signals = {signal.SIGINT, signal.SIGTERM}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            child = os.fork()
            if child == 0:
                self._be_the_child(checkpoint, row)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._child, self._began, self._begun = child, time.monotonic(), checkpoint.sequence
        self._sessions = len(checkpoint.state.sessions)

    def finish(self, *, wait: bool = False) -> bool | None:
        """Whether the child has written its checkpoint; None if it is not ready yet, or there is none."""
        if self._child is None:
            return None
        child, status = os.waitpid(self._child, 0 if wait else os.WNOHANG)
        if child == 0:
            return None
        self._child = None
        self._seconds = time.monotonic() - self._began
        if status == 0:
            self.written = self._begun
        return status == 0

    def give_up(self) -> None:
        """End a child that is not ready yet."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self.finish(wait=True)
            with contextlib.suppress(OSError):
                for left in self._path.parent.glob(f"{self._path.name}.*"):
                    left.unlink()

    def _be_the_child(self, checkpoint: Checkpoint, row: Row) -> NoReturn:
        """Nothing of the server's is touched: its sockets, its store and its lock belong to the parent."""
        status = 1
        try:
            gc.disable()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
            os.nice(_NICE)
            self.write(checkpoint, row)
            status = 0
        finally:
            os._exit(status)


class _Hashed:
    """A file to write to, and the digest of what was written."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._write = file.write
        self._hash = hashlib.blake2b()
        self.digest = self._hash.digest

    def write(self, octets: Any) -> int:
        """Of a file."""
        self._hash.update(octets)
        return self._write(octets)


class _Unpickler(pickle.Unpickler):
    """Makes what states are made of, and nothing else that a file may ask for."""

    def find_class(self, module: str, name: str) -> Any:
        """`UnpicklingError` for what no state has."""
        room = module.split(".")[1:2]
        ours = module.startswith("ocs.") and (room[0] in _ROOMS or f"{room[0]}.py" in _ROOMS)
        if "." in name or not (ours or (module, name) in _FOREIGN):
            raise pickle.UnpicklingError(f"{module}.{name}")
        found = super().find_class(module, name)
        if ours and not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return found


def _mark(origin_host: str, origin_realm: str) -> str:
    """Who makes states of this shape: the code, what it stands on, and the identity that all answers have."""
    versions = f"{platform.python_version()} {msgspec.__version__} {pydantic.VERSION}"
    return f"{_code()} {versions} {origin_host} {origin_realm}"


@functools.cache
def _code() -> str:
    found = hashlib.sha256()
    folder = Path(ocs.__file__).parent
    for room in _ROOMS:
        place = folder / room
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


def _digest(row: Row) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode(row)).digest()
