"""What a cycle's EDRs say, as far as settling needs it: octets in the order of events, sums of messages and calls.

A source that can add up by itself (SQL) gives one `Use` for all octets whose order and place are no matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ocs.records.edr import Edr


class Use(NamedTuple):
    """Octets of one subscription, at an instant; sorts in the order of events."""

    at: int
    edr_id: str
    session_id: str
    zone: str
    octets: int


@dataclass(slots=True)
class Usage:
    """One subscription's use in one cycle."""

    octets: list[Use] = field(default_factory=list)
    messages: int = 0
    messages_micros: int = 0
    seconds: int = 0
    seconds_micros: int = 0
    overrun: int = 0

    def take(self, edr: Edr) -> None:
        """Count one EDR in."""
        self.overrun += edr.octets_overrun
        if edr.unit_type == "octets":
            self.octets.append(use_of(edr))
        elif edr.unit_type == "units":
            self.messages += edr.units_used
            self.messages_micros += edr.amount_micros or 0
        else:
            self.seconds += edr.units_used
            self.seconds_micros += edr.amount_micros or 0


NOTHING = Usage()


def use_of(edr: Edr) -> Use:
    """An EDR of octets, as settling reads it."""
    return Use(edr.event_time, edr.edr_id, edr.session_id, edr.zone, edr.octets_total)


def usage_of(edrs: Iterable[Edr]) -> dict[str, Usage]:
    """Use by subscription; what is unattributed is nobody's."""
    found: dict[str, Usage] = {}
    for edr in edrs:
        if edr.subscription_id is not None:
            found.setdefault(edr.subscription_id, Usage()).take(edr)
    return found
