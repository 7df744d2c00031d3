"""The measurements of `splitsim bench bill`: a month closed from Parquet files, documents and rated records written.

Every month is made, summed and billed in processes of their own, so that memory and CPU time are of the one thing that
is measured. Counted is all from reading the history to the last file: JSON documents and rated records, no PDF.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from ocs.bench.month import CYCLE, EDRS_A_SIM, Month
from ocs.bench.rows import Row

SIZES = (1_000, 10_000, 100_000)
BASELINE = "DuckDB: sum of octets by subscription"


class Spent(NamedTuple):
    """CPU seconds, and peak memory of the process in MB."""

    seconds: float
    peak_mb: float
    documents: int = 0


def measure(sims: int = SIZES[-1]) -> Iterator[Row]:
    """A row for each size up to `sims`, each as soon as it is there."""
    for size in sorted({*(size for size in SIZES if size < sims), sims}):
        with tempfile.TemporaryDirectory(prefix="splitsim-bench-") as folder:
            month = Month(size, Path(folder))
            _alone(make, month)
            baseline = _alone(summed, month)
            billed = _alone(bill, month)
        yield Row(
            f"bill_{size // 1000}k" if size % 1000 == 0 else f"bill_{size}",
            billed.seconds,
            "CPU s",
            BASELINE,
            billed.seconds / baseline.seconds,
            {
                "us CPU per EDR": billed.seconds / (size * EDRS_A_SIM) * 1_000_000,
                "peak MB": billed.peak_mb,
                "EDRs": str(size * EDRS_A_SIM),
                "documents": str(billed.documents),
            },
        )


def make(month: Month) -> Spent:
    """Make the files of a month."""
    month.write()
    return _spent(0)


def summed(month: Month) -> Spent:
    """The least that a bill needs of its EDRs: one sum for each subscription."""
    from ocs.billing.view import View

    with View.of_parquet([month.edrs], [month.transfers]) as view:
        started = time.process_time()
        for _ in view.rows("SELECT subscription_id, sum(octets_total) FROM edr GROUP BY subscription_id"):
            pass
        return _spent(started)


def bill(month: Month) -> Spent:
    """Close the month."""
    from ocs.billing.close import closes
    from ocs.billing.printing import write_documents
    from ocs.billing.sums import Summed
    from ocs.billing.view import View
    from ocs.billing.writing import write_rated

    register, documents = month.register(), 0
    started = time.process_time()
    with View.of_parquet([month.edrs], [month.transfers]) as view:
        for close in closes(CYCLE, register, month.history(), Summed(view)):
            documents += len(write_documents(month.folder / "documents", close.documents, pdf=False))
            write_rated(month.folder / "rated.csv", [close])
    return _spent(started, documents)


def _spent(started: float, documents: int = 0) -> Spent:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Spent(time.process_time() - started, peak, documents)


def _alone(work: Callable[[Month], Spent], month: Month) -> Spent:
    """Do something in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(work, month, theirs))
    process.start()
    theirs.close()
    try:
        told: Spent = ours.recv()
    except EOFError:
        raise RuntimeError(f"{work.__name__} of the benchmark has failed") from None
    finally:
        process.join()
    return told


def _tell(work: Callable[[Month], Spent], month: Month, pipe: Connection) -> None:
    pipe.send(work(month))
