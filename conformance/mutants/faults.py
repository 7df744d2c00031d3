"""All mutants of an OCS."""

from __future__ import annotations

from conformance.mutants import (
    answer_faults,
    event_faults,
    grant_faults,
    header_faults,
    office_faults,
    payer_faults,
    peer_faults,
    request_faults,
    session_faults,
    usage_faults,
)
from conformance.mutants.mutant import Mutant
from conformance.mutants.registering import CREDIT
from conformance.mutants.wire_faults import WIRE

ROOMS = (
    session_faults, grant_faults, usage_faults, payer_faults, event_faults, office_faults, request_faults, peer_faults,
    header_faults, answer_faults,
)  # fmt: skip
"""Importing them writes their mutants down."""

MUTANTS: tuple[Mutant, ...] = (*CREDIT, *WIRE)
"""Those of charging first."""

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
