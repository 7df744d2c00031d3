"""All that billing reads: what was sold to whom, what happened to it, what was used, and what was paid."""

from __future__ import annotations

from dataclasses import dataclass

from ocs.inventory.history import Change
from ocs.inventory.register import Register
from ocs.records.edr import Edr, Transfer


@dataclass(frozen=True)
class Books:
    """Plain records: a simulation passes its lists, a served OCS what it reads from its tables."""

    register: Register
    history: tuple[Change, ...]
    edrs: tuple[Edr, ...]
    """At least those of the cycle, with their `cycle_id`; those of other cycles may be among them."""
    transfers: tuple[Transfer, ...]
    """The ledger from the first purchase on, at least to the end of the cycle."""

    late: tuple[Edr, ...] = ()
    """EDRs of cycles that were closed when they came: they go on the bill of the cycle to close, as adjustments.

    `edrs` then holds what was billed in those cycles as well, and none of these.
    """
