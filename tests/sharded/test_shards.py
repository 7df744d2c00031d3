"""Shards as such: what a worker leaves, what happens when one goes away, what a second run finds."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.cluster import Cluster
from sim.shards import ATTEMPTS, Beat, Here, Processes, Pulse, Shard, ShardedRun, ShardLostError, cut


@dataclass(frozen=True)
class Counting:
    """Writes its cars down; in shard `fatal` the worker is killed `times` times."""

    traces: Path
    fatal: int = -1
    times: int = 0

    def __call__(self, shard: Shard, folder: Path, beat: Beat) -> None:
        beat(Pulse(0, 0, 1))
        begun = self.traces / f"{shard.number}-{len(list(self.traces.glob(f'{shard.number}-*')))}"
        begun.touch()
        if shard.number == self.fatal and begun.name < f"{shard.number}-{self.times}":
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "cars").write_text(" ".join(map(str, range(shard.first, shard.last))))
        beat(Pulse(shard.last - shard.first, 10, 2))


def sharded(folder: Path, number: int, **more: object) -> ShardedRun:
    return ShardedRun(folder, {"seed": 1, **more}, cut(10, number))


def cars(run: ShardedRun) -> str:
    return " ".join((run.folder(shard) / "cars").read_text() for shard in run.shards)


def test_shards_are_of_one_size() -> None:
    assert cut(10, 3) == [Shard(0, 0, 3), Shard(1, 3, 6), Shard(2, 6, 10)]
    assert cut(2, 3) == [Shard(0, 0, 1), Shard(1, 1, 2)]


@pytest.mark.parametrize("number", [1, 3, 10, 99])
def test_every_car_is_in_one_shard(tmp_path: Path, number: int) -> None:
    run = sharded(tmp_path, number)
    assert len(run.shards) == min(10, number)
    run.run(Counting(tmp_path), Here(), print, lambda pulse: None)
    assert cars(run) == "0 1 2 3 4 5 6 7 8 9"
    assert run.pulse() == Pulse(10, 10 * len(run.shards), 2)


def test_a_killed_worker_costs_its_shard_only(tmp_path: Path) -> None:
    lines: list[str] = []
    run = sharded(tmp_path / "out", 4)
    run.run(Counting(tmp_path, fatal=1, times=1), Processes(2), lines.append, lambda pulse: None)
    assert cars(run) == "0 1 2 3 4 5 6 7 8 9"
    assert lines == ["a worker went away: shard 0001 is begun anew, the others go on"]
    assert sorted(path.name for path in tmp_path.glob("?-?")) == ["0-0", "1-0", "1-1", "2-0", "3-0"]
    assert not list((tmp_path / "out" / "shards").glob("*-*"))


def test_a_run_goes_on_where_it_broke_off_and_nothing_else_is_kept(tmp_path: Path) -> None:
    lost = sharded(tmp_path / "out", 4)
    with pytest.raises(ShardLostError, match="shard 0002 was lost 3 times"):
        lost.run(Counting(tmp_path, fatal=2, times=ATTEMPTS), Processes(1), print, lambda pulse: None)
    lines: list[str] = []
    again = sharded(tmp_path / "out", 4)
    again.run(Counting(tmp_path), Here(), lines.append, lambda pulse: None)
    assert lines == ["3 of 4 shards are done already"]
    assert cars(again) == "0 1 2 3 4 5 6 7 8 9"
    assert not (tmp_path / "0-1").exists()
    other = sharded(tmp_path / "out", 4, seed=2)
    assert len(other.pending()) == 4
    assert not list((tmp_path / "out" / "shards").iterdir())
    other.run(Counting(tmp_path), Here(), lines.append, lambda pulse: None)
    assert lines[1:] == ["4 shards of another run, or of another version of the program, were thrown away"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "precious").touch()
    with pytest.raises(FileExistsError):
        sharded(tmp_path, 1)
    assert (tmp_path / "shards" / "precious").exists()


def test_a_mistake_in_the_work_ends_the_run(tmp_path: Path) -> None:
    run = sharded(tmp_path / "out", 2)
    with pytest.raises(FileNotFoundError):
        run.run(Counting(tmp_path / "missing"), Here(), print, lambda pulse: None)


@pytest.fixture
def cluster() -> Iterator[str]:
    """A Dask scheduler and two workers, each a process of its own, on ports that the system chooses."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, protocol="tcp://"
    ) as local:
        yield local.scheduler_address


def test_a_cluster_gives_the_shard_of_a_killed_worker_to_another(tmp_path: Path, cluster: str) -> None:
    run = sharded(tmp_path / "out", 4)
    with Cluster(cluster) as crew:
        assert crew.size == 2
        run.run(Counting(tmp_path, fatal=1, times=1), crew, print, lambda pulse: None)
    assert cars(run) == "0 1 2 3 4 5 6 7 8 9"
    assert sorted(path.name for path in tmp_path.glob("?-?")) == ["0-0", "1-0", "1-1", "2-0", "3-0"]


def test_nobody_at_the_address_of_a_cluster() -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with pytest.raises(OSError, match="no Dask scheduler"):
        Cluster("127.0.0.1:1", seconds=1)
