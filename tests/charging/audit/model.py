"""What the auditor remembers of accounts, sessions and grants, and what it expects of one command."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocs.gy.messages import Cca, CcRequestType, MultipleServicesCreditControl
from tests.charging.audit.books import SECOND, Bucket, Parts, Purse
from tests.charging.audit.world import Peer, Plan, Split

HOUR = 3600 * SECOND
IDLE, TOMBSTONE, GUARD, TX = 48 * HOUR, 24 * HOUR, 30 * SECOND, 10 * SECOND
ANSWERS_KEPT = 4
"""So many answers of a session are sure to be kept; for an older repeat, 5012 is accepted as well."""

Mscc = MultipleServicesCreditControl


@dataclass(eq=False)
class Account:
    """One split of one SIM with one payer: a subscription."""

    imsi: str
    split: Split
    payer: str
    plan: Plan
    name: str
    purse: Purse | None = None
    suspended: bool = False
    terminated: bool = False
    waiting: list[Service] = field(default_factory=list)

    @property
    def exhausted(self) -> bool:
        return self.purse is not None and self.purse.exhausted


@dataclass(eq=False)
class Grant:
    account: Account
    plan: Plan
    parts: Parts
    amount: int
    ends_at: int
    number: int
    given_at: int
    final: bool
    report_by: int | None
    """When it should have been reported at the cycle's end."""
    lapsed: bool = False


@dataclass(eq=False)
class Service:
    session: Session
    rating_group: int | None
    account: Account
    grant: Grant | None = None
    refused: bool = False
    graceful_until: int | None = None


@dataclass(eq=False)
class Session:
    id: str
    imsi: str | None
    apn: str
    peer: Peer
    last_heard: int
    opened_at: int
    closed_at: int | None = None
    is_event: bool = False
    services: dict[int | None, Service] = field(default_factory=dict)
    answered: list[tuple[int, CcRequestType, tuple[Mscc, ...], Cca]] = field(default_factory=list)
    asked: dict[int | None, list[int]] = field(default_factory=dict)
    """RARs without their CCR, by rating group: how often, and when the next is due."""
    aborting: bool = False
    doubted: list[int] = field(default_factory=list)
    """When the client said that it does not know the session."""
    bearer: object = None


@dataclass
class Expected:
    """What ought to have come of one command."""

    pushes: Counter[tuple[str, str, int | None]] = field(default_factory=Counter)
    edrs: list[dict[str, Any]] = field(default_factory=list)
    credits: list[tuple[Account, Bucket]] = field(default_factory=list)


def cycle_end(now: int) -> int:
    """The first of the next month, UTC."""
    day = datetime.fromtimestamp(now // SECOND, UTC)
    year, month = divmod(day.year * 12 + day.month, 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * SECOND


def turn(session: Session) -> int:
    """A session's turn within the minute after a moment that concerns many; any fixed spread would do."""
    return zlib.crc32(session.id.encode()) % 60 * SECOND
