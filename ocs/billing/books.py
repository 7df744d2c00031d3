"""All that billing reads: what was sold to whom, what happened to it, what was used, and what was paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.inventory.register import Register
from ocs.inventory.subscribers import Inventory
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

    @classmethod
    def of(
        cls,
        provisioning: Provisioning,
        provisioned_at: Mapping[str, int],
        edrs: Iterable[Edr],
        transfers: Iterable[Transfer],
    ) -> Books:
        """The books where nothing has changed since provisioning.

        `provisioned_at`: for each IMSI the instant at which its SIM was provisioned; SIMs that are missing never were.
        """
        inventory = Inventory()
        sims = sorted(
            (sim for sim in provisioning.sims if sim.imsi in provisioned_at), key=lambda sim: provisioned_at[sim.imsi]
        )
        for at, group in groupby(sims, key=lambda sim: provisioned_at[sim.imsi]):
            inventory.add(provisioning.model_copy(update={"sims": tuple(group)}), at)
        return cls(Register.of([provisioning]), tuple(inventory.noted), tuple(edrs), tuple(transfers))
