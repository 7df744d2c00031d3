"""Workers of a Dask cluster (extra `cluster`). They have to see the run's folder under the same name."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any, Final, Self

_SECONDS: Final = 10


class Cluster:
    """See `sim.shards.Crew`. Where a worker goes away, Dask gives its shard to another. A context manager."""

    def __init__(self, address: str, seconds: int = _SECONDS) -> None:
        """`address`: HOST:PORT of the scheduler, looked for so many `seconds`.

        Raises:
            OSError: no scheduler is there.
            ModuleNotFoundError: the extra `cluster` is not installed.
        """
        import distributed
        from distributed.scheduler import KilledWorker

        connect: Any = distributed.Client
        try:
            self._client = connect(address, timeout=seconds, set_as_default=False)
        except (OSError, ValueError):
            raise OSError(f"no Dask scheduler at {address}") from None
        self.losses: tuple[type[BaseException], ...] = (KilledWorker,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @property
    def size(self) -> int:
        """One shard for each thread of each worker."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def hire(self) -> Executor:
        """See `sim.shards.Crew`."""
        executor: Executor = self._client.get_executor(pure=False)
        return executor
