"""The mutants of a gateway."""

from __future__ import annotations

from conformance.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
