"""All mutants of an OCS."""

from __future__ import annotations

from conformance.mutants.credit_faults import CREDIT
from conformance.mutants.mutant import Mutant
from conformance.mutants.wire_faults import WIRE

MUTANTS: tuple[Mutant, ...] = (*CREDIT, *WIRE)
"""Those of charging first."""

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
