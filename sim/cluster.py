"""Workers of a Dask cluster (extra `cluster`). They have to see the run's folder under the same name."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any, Final

_SECONDS: Final = 10
"""How long to look for the scheduler."""


class Cluster:
    """See `sim.shards.Crew`. Where a worker goes away, its shard is given to another one."""

    def __init__(self, address: str) -> None:
        """`address`: HOST:PORT of the scheduler.

        Raises:
            OSError: nobody is there.
        """
        from distributed import Client
        from distributed.scheduler import KilledWorker

        self._client: Any = Client(address, timeout=_SECONDS, set_as_default=False)
        self.losses: tuple[type[BaseException], ...] = (KilledWorker,)

    @property
    def size(self) -> int:
        """One shard for each thread of each worker."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def hire(self) -> Executor:
        """See `sim.shards.Crew`."""
        executor: Executor = self._client.get_executor(pure=False)
        return executor
