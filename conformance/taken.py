"""What the cases of a run have taken, so that no two of them get the same subscriber or play the same gateway."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Taken:
    """Names that are taken: by threads of this process, or with `folder` by all processes that share it."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> bool:
        """Whether the name was free; from now on it is not."""
        with self._lock:
            if name in self._names:
                return False
            self._names.add(name)
        if self._folder is None:
            return True
        try:
            os.close(os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    @contextmanager
    def at_the_sut(self, *, alone: bool) -> Iterator[None]:
        """Beside other processes, or `alone`: then those that are there are waited for, and others wait."""
        if self._folder is None:
            yield
            return
        with (self._folder / "gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
