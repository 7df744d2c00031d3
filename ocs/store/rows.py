"""Commands as rows of the journal, and back; records as rows of the tables.

A CCR is kept as its octets came; other commands as msgspec writes them; a record is a JSON array of its columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec

from ocs.charging.commands import (
    ChangePlan,
    ChangeProfile,
    Charge,
    Command,
    Expire,
    MoveSim,
    Outcome,
    Provision,
    PushAnswered,
    SetStatus,
    TopUp,
)
from ocs.gy.codec import decode, encode
from ocs.gy.framing import FLAG_PROXIABLE, FLAG_REQUEST, FLAG_RETRANSMITTED, Header
from ocs.gy.messages import APPLICATION_ID, Ccr
from ocs.inventory.provisioning import Provisioning

VERSION: Final = 4
"""Of a store: its tables and its records' columns. Whoever changes either raises it (`ocs.store.schema.STEPS`)."""
CREDIT_CONTROL: Final = 272
"""Command code of CCR and CCA (RFC 8506 3)."""
_encode: Final = msgspec.json.Encoder().encode
_KINDS: Final = {
    kind.__name__: kind for kind in (TopUp, SetStatus, ChangePlan, ChangeProfile, MoveSim, PushAnswered, Expire)
}


class _Everybody(frozenset[int]):
    """Every vendor: whether a client's AVPs are tolerated was judged when its message came."""

    def __contains__(self, vendor: object) -> bool:
        return True


class Row(msgspec.Struct, frozen=True, gc=False):
    """One command: when it was applied (microseconds UTC), what it was, and what was answered."""

    now: int
    kind: str
    request: bytes
    answer: bytes


def request_octets(command: Command) -> bytes:
    """What a row keeps of a command; of a CCR that came over the wire it keeps the octets as they came."""
    match command:
        case Charge():
            return _written(command)
        case Provision():
            content = command.provisioning.model_dump_json()
            return msgspec.msgpack.encode((command.request_id, content, command.by, command.reason))
        case _:
            return msgspec.msgpack.encode(command)


def command_of(row: Row) -> Command:
    """The command of a row.

    Raises:
        ValueError: not a row that `request_octets` wrote.
    """
    if row.kind == Charge.__name__:
        decoded = decode(row.request, _Everybody())
        if not isinstance(decoded.message, Ccr):
            raise ValueError(f"not a CCR: {decoded.failure}")
        return Charge(decoded.message, decoded.header.retransmitted)
    if row.kind == Provision.__name__:
        request_id, content, by, reason = msgspec.msgpack.decode(row.request, type=tuple[str, str, str, str])
        return Provision(Provisioning.model_validate_json(content), request_id, by, reason)
    command: Command = msgspec.msgpack.decode(row.request, type=_KINDS[row.kind])  # type: ignore[assignment]
    return command


@dataclass(slots=True)
class Filling:
    """What some rows of the journal did, as the tables keep it: texts, so that no outcome has to be remembered."""

    rows: int = 0
    edrs: list[str] = field(default_factory=list)
    transfers: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Self:
        """What rows did, one outcome for each."""
        records = cls()
        for outcome in outcomes:
            records.add(outcome)
        return records

    def add(self, outcome: Outcome) -> None:
        """What the next row did."""
        self.rows += 1
        self.edrs += _texts(outcome.edrs)
        if outcome.transfers:
            self.transfers += _texts(outcome.transfers)
        if outcome.changes:
            self.changes += _texts(outcome.changes)


def _texts(records: Iterable[msgspec.Struct]) -> list[str]:
    return [_encode(record).decode() for record in records]


def _written(command: Charge) -> bytes:
    flags = FLAG_REQUEST | FLAG_PROXIABLE | (FLAG_RETRANSMITTED if command.retransmitted else 0)
    return encode(command.ccr, Header(CREDIT_CONTROL, APPLICATION_ID, flags, 0, 0))
