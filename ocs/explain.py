"""Why a session got its answers: the journal folded again by an engine that explains itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ocs.charging.commands import Charge, Decision
from ocs.charging.engine import Engine
from ocs.gy.messages import Cca, CcRequestType
from ocs.store.rows import Row, command_of
from ocs.units import iso


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the session and what stands behind its answer."""

    sequence: int
    """In the journal."""
    at: str
    request_type: str
    request_number: int
    result_code: int
    decisions: list[Decision]
    request: bytes
    answer: bytes
    """Both as they crossed the wire."""


def explain(rows: Sequence[tuple[int, Row]], session_id: str) -> list[Explained]:
    """Every request of one session, in order."""
    engine = Engine("ocs", "ocs", explaining=True)  # who answered is in the rows; no decision depends on it
    name = session_id.encode()
    last = max((place for place, (_, row) in enumerate(rows, 1) if name in row.request), default=0)
    found = []
    for sequence, row in rows[:last]:
        command = command_of(row)
        outcome = engine.apply(command, row.now)
        if isinstance(command, Charge) and command.ccr.session_id == session_id and isinstance(outcome.answer, Cca):
            found.append(
                Explained(
                    sequence=sequence,
                    at=iso(row.now),
                    request_type=CcRequestType(command.ccr.cc_request_type).name,
                    request_number=command.ccr.cc_request_number,
                    result_code=int(outcome.answer.result_code),
                    decisions=outcome.decisions,
                    request=row.request,
                    answer=row.answer,
                )
            )
    return found
