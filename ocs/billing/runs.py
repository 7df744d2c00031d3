"""Billing runs: which records were there when a cycle was closed, so that it closes the same again whatever comes.

A run is one number: the place, in the table of EDRs, of the last one that it knew. Records that come when their cycle
is closed go on the bill of the next run, as adjustments. Cycles are closed in order, none left out that has records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from ocs.billing.books import Books
from ocs.inventory.history import Change
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr, Transfer


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What there was when a cycle was closed: as many EDRs, ledger lines and changes as that, from the first on."""

    cycle_id: str
    edrs: int
    transfers: int
    changes: int


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """All that a store holds, in the order in which it was written."""

    register: Register
    edrs: Sequence[Edr]
    transfers: Sequence[Transfer]
    changes: Sequence[Change]


def runs_in(folder: Path) -> dict[str, Run]:
    """The runs whose documents are in `folder`, by cycle.

    Raises:
        ValueError: a run that cannot be read.
    """
    found = {}
    for path in sorted(folder.glob("*/run.json")):
        try:
            run = msgspec.json.decode(path.read_bytes(), type=Run)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path}: {error}") from None
        found[run.cycle_id] = run
    return found


def run_of(cycle_id: str, runs: Mapping[str, Run], written: Written) -> Run:
    """The run of a cycle: the one that was, or a new one over all that is written.

    Raises:
        ValueError: a later cycle has been closed, or an earlier one that has records has not.
    """
    if cycle_id in runs:
        return runs[cycle_id]
    later = [closed for closed in runs if closed > cycle_id]
    if later:
        raise ValueError(f"cycle {max(later)} has been closed: {cycle_id} cannot be closed after it")
    earlier = sorted({edr.cycle_id for edr in written.edrs if edr.cycle_id < cycle_id} - set(runs))
    if earlier:
        raise ValueError(f"cycle {earlier[0]} has records and has not been closed: close it before {cycle_id}")
    return Run(
        cycle_id=cycle_id,
        edrs=len(written.edrs),
        transfers=len(written.transfers),
        changes=len(written.changes),
    )


def books_of(cycle: Cycle, run: Run, runs: Mapping[str, Run], written: Written) -> Books:
    """What the run of `cycle` knew."""
    known = written.edrs[: run.edrs]
    before = max((runs[closed].edrs for closed in runs if closed < cycle.id), default=0)
    closed_before = {closed for closed in runs if closed < cycle.id}
    late = {edr.edr_id for edr in _late(known[before:], closed_before)}
    return Books(
        written.register,
        tuple(written.changes[: run.changes]),
        tuple([edr for edr in known if edr.edr_id not in late]),
        tuple(written.transfers[: run.transfers]),
        tuple([edr for edr in known if edr.edr_id in late]),
    )


def _late(edrs: Iterable[Edr], closed: set[str]) -> Iterable[Edr]:
    return (edr for edr in edrs if edr.cycle_id in closed)
