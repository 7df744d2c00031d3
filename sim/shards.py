"""Runs a fleet in shards: each a range of cars, worked by itself, leaving a folder of files, the same every time.

    OUT/manifest.json           what the run is: nothing else may be kept in its shards
    OUT/shards/0003/...         the files of one shard
    OUT/shards/0003/done.json   written last: the digest of the manifest, and what the shard has cost

A shard with a good `done.json` is not worked again, so a broken run goes on where it was. Workers are whatever an
`Executor` reaches: this process, processes of this machine, a Dask cluster that shares the folder. Nothing but files
passes between worker and run: a worker tells how far it is in the file `pulse.json` of the folder it works in.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from errno import EEXIST
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, Protocol, TypeVar

ATTEMPTS: Final = 3
"""How often a shard is begun before the run gives up on it."""
_DONE: Final = "done.json"
_PULSE: Final = "pulse.json"
_PULSE_SECONDS: Final = 0.5

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """Cars `first` up to, not including, `last`, counted from 0 in the order of the fleet."""

    number: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Pulse:
    """How far shards are: cars done, credit-control requests, and the virtual instant reached (microseconds UTC)."""

    cars: int = 0
    requests: int = 0
    at: int = 0

    def __add__(self, other: Pulse) -> Pulse:
        return Pulse(self.cars + other.cars, self.requests + other.requests, max(self.at, other.at))


Beat = Callable[[Pulse], None]


class Work(Protocol):
    """What is done for each shard, in whatever process: picklable, and a function of the shard alone."""

    def __call__(self, shard: Shard, folder: Path, beat: Beat) -> None:
        """Leave the shard's files in `folder`, and tell by `beat` how far it is."""


class ShardLostError(RuntimeError):
    """The worker of a shard went away, as often as it was begun."""


def cut(cars: int, shards: int) -> list[Shard]:
    """`cars` in so many shards, but none without a car."""
    number = min(cars, shards)
    borders = [cars * place // number for place in range(number + 1)]
    return [Shard(place, *border) for place, border in enumerate(pairwise(borders))]


class ShardedRun:
    """The shards of one run under `folder`. `manifest`: plain data that says what the run is."""

    def __init__(self, folder: Path, manifest: dict[str, Any], shards: Sequence[Shard]) -> None:
        """Make the folder ready: shards of another run are thrown away.

        Raises:
            OSError: the folder cannot be written, or its `shards` are not those of a run.
        """
        if (folder / "shards").exists() and not (folder / "manifest.json").exists():
            raise FileExistsError(EEXIST, "there is a folder 'shards' that no run has left")
        self.shards = shards
        self._folder = folder / "shards"
        text = json.dumps({**manifest, "shards": [asdict(shard) for shard in shards]}, indent=2, sort_keys=True)
        self._digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
        good = {shard.name for shard in shards if self._is_done(shard)}
        self._thrown_away = 0
        for path in list(self._folder.iterdir()):
            if path.name not in good:
                self._thrown_away += (path / _DONE).exists()
                shutil.rmtree(path)

    def folder(self, shard: Shard) -> Path:
        """Where the files of a shard are, once it is done."""
        return self._folder / shard.name

    def spent(self) -> tuple[float, int | None]:
        """CPU seconds of all shards, and the most memory that a worker has had (MiB), where it is known."""
        done = [json.loads((self.folder(shard) / _DONE).read_bytes()) for shard in self.shards]
        peaks = [item["peak_mebibytes"] for item in done if item["peak_mebibytes"] is not None]
        return sum(item["cpu_seconds"] for item in done), max(peaks, default=None)

    def pending(self) -> list[Shard]:
        """Shards that have to be worked."""
        return [shard for shard in self.shards if not self._is_done(shard)]

    def pulse(self) -> Pulse:
        """How far all shards are, those of an earlier attempt that is still being worked included."""
        total, working = Pulse(), set()
        for path in sorted(self._folder.iterdir()):
            name = path.name.partition("-")[0]
            if name not in working and (found := _read_pulse(path)) is not None:
                total += found
                working.add(name)
        return total

    def run(self, work: Work, crew: Crew, tell: Callable[[str], None], watch: Callable[[Pulse], None]) -> None:
        """Have the pending shards worked by `crew`. `tell`: lines for people; `watch`: called now and then.

        Raises:
            ShardLostError: workers went away again and again.
        """
        waiting: SimpleQueue[tuple[Shard, int]] = SimpleQueue()
        pending = self.pending()
        if self._thrown_away:
            tell(f"{self._thrown_away} shards of another run, or of another version of the program, were thrown away")
        if len(pending) < len(self.shards):
            tell(f"{len(self.shards) - len(pending)} of {len(self.shards)} shards are done already")
        for shard in pending:
            waiting.put((shard, 1))
        stop = threading.Event()
        with ThreadPoolExecutor(crew.size) as foremen:
            tasks = [foremen.submit(self._supervise, work, crew, waiting, tell, stop) for _ in range(crew.size)]
            try:
                while wait(tasks, timeout=_PULSE_SECONDS).not_done:
                    watch(self.pulse())
            finally:
                stop.set()
            for task in tasks:
                task.result()
        watch(self.pulse())

    def _supervise(
        self,
        work: Work,
        crew: Crew,
        waiting: SimpleQueue[tuple[Shard, int]],
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        """Give one worker shard after shard; where it goes away, another takes its place."""
        worker = crew.hire()
        try:
            while not stop.is_set():
                try:
                    shard, attempt = waiting.get_nowait()
                except Empty:
                    return
                try:
                    worker.submit(_work, work, shard, str(self._folder), self._digest).result()
                except crew.losses as loss:
                    worker.shutdown(wait=False)
                    if attempt == ATTEMPTS:
                        stop.set()
                        raise ShardLostError(f"shard {shard.name} was lost {ATTEMPTS} times: {loss}") from None
                    tell(f"a worker went away: shard {shard.name} is begun anew, the others go on")
                    waiting.put((shard, attempt + 1))
                    worker = crew.hire()
                except BaseException:
                    stop.set()
                    raise
        finally:
            worker.shutdown()

    def _is_done(self, shard: Shard) -> bool:
        try:
            return bool(json.loads((self.folder(shard) / _DONE).read_bytes())["manifest"] == self._digest)
        except (OSError, ValueError, KeyError):
            return False


def _work(work: Work, shard: Shard, shards: str, digest: str) -> None:
    """In the worker: into a folder of its own first, so that a worker that was given up on disturbs nobody."""
    parent = Path(shards)
    folder = Path(tempfile.mkdtemp(prefix=f"{shard.name}-", dir=parent))
    beat, began = _Heart(folder), time.process_time()
    work(shard, folder, beat)
    (folder / _PULSE).write_text(json.dumps(asdict(beat.last)), encoding="utf-8")
    spent = {"cpu_seconds": round(time.process_time() - began, 3), "peak_mebibytes": peak_mebibytes()}
    (folder / _DONE).write_text(json.dumps({"manifest": digest, **asdict(shard), **spent}), encoding="utf-8")
    folder.chmod(0o755)
    final = parent / shard.name
    try:
        folder.rename(final)
    except OSError:  # somebody else was faster: the same files
        shutil.rmtree(folder)
    for left in parent.glob(f"{shard.name}-*"):
        shutil.rmtree(left, ignore_errors=True)


def peak_mebibytes() -> int | None:
    """The most memory that this process has ever had; None where the system does not tell (`proc(5)`, VmHWM)."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")), None)


class _Heart:
    """Writes how far a worker is, but not more often than somebody looks."""

    def __init__(self, folder: Path) -> None:
        self.last = Pulse()
        self._file, self._next = folder / _PULSE, 0.0

    def __call__(self, pulse: Pulse) -> None:
        self.last = pulse
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PULSE_SECONDS
            with contextlib.suppress(OSError):  # the shard is another worker's by now
                self._file.write_text(json.dumps(asdict(pulse)), encoding="utf-8")


def _read_pulse(folder: Path) -> Pulse | None:
    try:
        return Pulse(**json.loads((folder / _PULSE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


# --- who works --------------------------------------------------------------------------------------------------------


class Crew(Protocol):
    """Workers, each behind an `Executor` of its own."""

    @property
    def size(self) -> int:
        """How many work at the same time."""

    @property
    def losses(self) -> tuple[type[BaseException], ...]:
        """What an executor raises when its worker went away."""

    def hire(self) -> Executor:
        """One more worker."""


class Here:
    """This process itself."""

    size = 1
    losses: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def hire(self) -> Executor:
        """See `Crew`."""
        return _Inline()


class Processes:
    """Processes of this machine: a pool of one for each worker, since a pool of many dies with one of them."""

    losses: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, size: int) -> None:
        self.size = size

    def hire(self) -> Executor:
        """See `Crew`."""
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


class _Inline(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future
