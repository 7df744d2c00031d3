"""Billing runs: which records were there when a cycle was closed, so that it closes the same again whatever comes.

A run is one number: the place, in the table of EDRs, of the last one that it knew. Records that come when their cycle
is closed go on the bill of the next run, as adjustments. Cycles are closed in order, none left out that has records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ocs.billing.books import Books
from ocs.billing.sums import Summed
from ocs.billing.view import View
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr, Transfer


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What there was when a cycle was closed: as many EDRs, ledger lines and changes as that, from the first on."""

    cycle_id: str
    edrs: int
    transfers: int
    changes: int
    sold: int | None = None
    """As many provisionings: who pays has a name and an address of that time. None: runs of before that was kept."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """All that a store holds, in the order in which it was written."""

    sold: Sequence[Provisioning]
    edrs: Sequence[Edr]
    transfers: Sequence[Transfer]
    changes: Sequence[Change]

    @property
    def extent(self) -> Extent:
        """How much that is."""
        cycles = frozenset(edr.cycle_id for edr in self.edrs)
        return Extent(len(self.edrs), len(self.transfers), len(self.changes), len(self.sold), cycles)


class Extent(NamedTuple):
    """How much a store holds: so many EDRs, ledger lines, changes and provisionings, and EDRs of these cycles."""

    edrs: int
    transfers: int
    changes: int
    sold: int
    cycles: frozenset[str]

    @classmethod
    def of(cls, view: View, changes: int, sold: int) -> Extent:
        """Of records behind a view."""
        ((edrs, cycles),) = view.rows("SELECT count(*), coalesce(list(DISTINCT cycle_id), []) FROM edr")
        ((transfers,),) = view.rows("SELECT count(*) FROM transfer")
        return cls(edrs, transfers, changes, sold, frozenset(cycles))


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


def run_of(cycle_id: str, runs: Mapping[str, Run], written: Extent) -> Run:
    """The run of a cycle: the one that was, or a new one over all that is written.

    Raises:
        ValueError: a later cycle has been closed, or an earlier one that has records has not.
    """
    if cycle_id in runs:
        return runs[cycle_id]
    later = [closed for closed in runs if closed > cycle_id]
    if later:
        raise ValueError(f"cycle {max(later)} has been closed: {cycle_id} cannot be closed after it")
    earlier = sorted({known for known in written.cycles if known < cycle_id} - set(runs))
    if earlier:
        raise ValueError(f"cycle {earlier[0]} has records and has not been closed: close it before {cycle_id}")
    return Run(
        cycle_id=cycle_id,
        edrs=written.edrs,
        transfers=written.transfers,
        changes=written.changes,
        sold=written.sold,
    )


def books_of(cycle: Cycle, run: Run, runs: Mapping[str, Run], written: Written) -> Books:
    """What the run of `cycle` knew."""
    known = written.edrs[: run.edrs]
    before, closed_before = _before(cycle, runs)
    late = {edr.edr_id for edr in _late(known[before:], closed_before)}
    return Books(
        Register.of(written.sold[: run.sold]),
        tuple(written.changes[: run.changes]),
        tuple([edr for edr in known if edr.edr_id not in late]),
        tuple(written.transfers[: run.transfers]),
        tuple([edr for edr in known if edr.edr_id in late]),
    )


def records_of(cycle: Cycle, run: Run, runs: Mapping[str, Run], view: View) -> Summed:
    """What the run of `cycle` knew, of records behind a view."""
    billed, closed = _before(cycle, runs)
    return Summed(view, view.limit(run.edrs, run.transfers, billed, sorted(closed)))


def _before(cycle: Cycle, runs: Mapping[str, Run]) -> tuple[int, set[str]]:
    """EDRs that were known when the cycle before was closed, and the cycles closed until then."""
    closed = {known for known in runs if known < cycle.id}
    return max((runs[known].edrs for known in closed), default=0), closed


def _late(edrs: Iterable[Edr], closed: set[str]) -> Iterable[Edr]:
    return (edr for edr in edrs if edr.cycle_id in closed)
