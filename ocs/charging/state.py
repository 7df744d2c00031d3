"""All that the engine remembers: sessions, services, grants, credits, and the deadlines that will change them.

A session is one Gy session (one PDN connection); a service is one rating group, or one service identifier, of it; a
grant is what a service may use until it reports. A session that has ended stays as a tombstone for a while, so that
late and repeated requests find it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

import msgspec

from ocs.balances.purse import Bucket, Part, Purse
from ocs.gy.messages import Cca
from ocs.inventory.provisioning import Peer
from ocs.inventory.subscribers import Inventory, Route, Subscriber, Subscription
from ocs.rating.cycle import Cycle, cycle_of
from ocs.rating.tariff import Unit
from ocs.units import HOUR, SECOND

IDLE_LIMIT = 48 * HOUR
"""A session without reservations and without requests for so long is closed (a parked car keeps its session)."""
TOMBSTONE_LIFE = 24 * HOUR
"""How long a closed session is remembered."""
ANSWERS_KEPT = 8
"""Answers of one session kept for repeated requests; an older repeat is recognised, but answered 5012."""
REAUTHORISATION_GUARD = 30 * SECOND
"""How long after a RAR without a CCR-U the RAR is repeated, once."""
TX = 10 * SECOND
"""RFC 8506 13: how long a crossing CCR-T may still be on its way."""
EVENT_TIME_TOLERANCE = 300 * SECOND
"""How far Event-Timestamp may be from the receipt of the request before it is not believed."""

ServiceKey = tuple[int | None, tuple[int, ...]]
"""Rating group and service identifiers: what RFC 8506 8.16 lets a grant refer to."""


class Due(IntEnum):
    """What a deadline is about."""

    RESERVATION_END = 0
    BUCKET_END = 1
    SESSION_IDLE = 2
    TOMBSTONE_END = 3
    REAUTHORISATION = 4
    CROSSING = 5


@dataclass(slots=True, eq=False)
class Credit:
    """What stands behind one subscription: its purse if prepaid, its counter, and the services that draw on it."""

    subscription: Subscription
    purse: Purse | None
    used: int = 0
    """Everything reported so far, in the service's units."""
    services: dict[Service, None] = field(default_factory=dict)
    """Services of open sessions, in the order in which they came (a set that keeps order)."""
    waiting: dict[Service, None] = field(default_factory=dict)
    """Those of them that were refused units and wait for credit."""


class Grant(msgspec.Struct, eq=False):
    """Units handed to one service. Usage settles under the credit in force when it was given."""

    reservation_id: str
    credit: Credit
    amount: int
    given_at: int
    ends_at: int
    """Of the reservation: Validity-Time and grace."""
    validity_seconds: int
    request_number: int
    parts: list[Part]
    final: bool
    switches_at: int | None
    """The tariff switch that the client was told of (Tariff-Time-Change)."""
    ended: bool = False
    """Its reservation ran out unreported: what is reported still is debited, marked `late`."""


@dataclass(slots=True, eq=False)
class Service:
    """One rating group (or service identifier) of one session."""

    session: Session
    key: ServiceKey
    credit: Credit
    unit: Unit
    grant: Grant | None = None
    used: int = 0
    """Units reported so far in this session."""
    graceful_until: int | None = None
    """While final units are over and the client redirects or restricts: until when it may."""
    refused: int | None = None
    """The Result-Code that its last request for units met, if it was an error."""
    reauthorising: int = 0
    """RARs sent that no CCR-U has answered yet: 0, 1 or 2 (the repeat)."""
    reauthorise_again_at: int = 0
    """When the RAR on its way is due for its repeat."""


class Answered(msgspec.Struct, eq=False):
    """A request that was answered, so that its repeat is known."""

    request_type: int
    content: bytes
    answer: Cca
    parts: dict[str, int]
    """Records written under this number, by service: another request with the same number goes on counting."""


@dataclass(slots=True, eq=False)
class Session:
    """One Gy session. `subscriber` and `route` are None for one never opened here: its reports are unattributed."""

    session_id: str
    origin_host: str
    origin_realm: str
    subscriber: Subscriber | None
    route: Route | None
    apn: str
    unit: Unit
    peer: Peer
    opened_at: int
    last_request_at: int
    bearer: tuple[object, ...] | None = None
    """What tells the bearer from others of its SIM and APN; None when the client does not say."""
    services: dict[ServiceKey, Service] = field(default_factory=dict)
    answered: dict[int, Answered] = field(default_factory=dict)
    seen: list[list[int]] = field(default_factory=list)
    """CC-Request-Numbers met, as closed ranges: more of them than answers are kept."""
    closed_at: int | None = None
    unknown_to_updates: bool = False
    """It was an event: remembered for its repeats, but no session to update or end."""

    def remember(self, number: int, answered: Answered) -> None:
        """Keep an answer, and forget the oldest beyond the limit."""
        self.answered[number] = answered
        if len(self.answered) > ANSWERS_KEPT:
            del self.answered[next(iter(self.answered))]
        if self.seen and self.seen[-1][1] == number - 1:
            self.seen[-1][1] = number
        elif not self.has_seen(number):
            self.seen.append([number, number])

    def has_seen(self, number: int) -> bool:
        """Whether a request with this number was processed before."""
        return any(first <= number <= last for first, last in self.seen)


@dataclass(slots=True)
class State:
    """The whole of it."""

    origin_host: str
    origin_realm: str
    explaining: bool = False
    inventory: Inventory = field(default_factory=Inventory)
    credits: dict[str, Credit] = field(default_factory=dict)
    """By subscription id."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """By Session-Id, tombstones included."""
    bearers: dict[tuple[object, ...], Session] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    """Operators' requests done, request id -> reference of what was made."""
    deadlines: list[tuple[int, int, Due, object]] = field(default_factory=list)
    origin_states: dict[str, int] = field(default_factory=dict)
    """The highest Origin-State-Id met, by Origin-Host (RFC 6733 8.16)."""
    scheduled: int = 0
    cycle: Cycle | None = None

    def schedule(
        self, at: int, due: Due, what: Session | Service | tuple[Service, Grant] | tuple[Credit, Bucket]
    ) -> None:
        """Have `what` looked at when `at` has come. Entries are not withdrawn: stale ones do nothing."""
        self.scheduled += 1
        heapq.heappush(self.deadlines, (at, self.scheduled, due, what))

    def watch_started(self, credit: Credit) -> None:
        """Have the ends of the buckets looked at that have started since the last time."""
        if credit.purse is not None and credit.purse.started:
            for bucket in credit.purse.started:
                assert bucket.ends_at is not None
                self.schedule(bucket.ends_at, Due.BUCKET_END, (credit, bucket))
            credit.purse.started.clear()

    def pop_due(self, now: int) -> Iterator[tuple[int, Due, object]]:
        """The deadlines up to `now`, in their order, those included that appear on the way."""
        while self.deadlines and self.deadlines[0][0] <= now:
            at, _, due, what = heapq.heappop(self.deadlines)
            yield at, due, what

    def cycle_at(self, at: int) -> Cycle:
        """The billing cycle that an instant belongs to."""
        cycle = self.cycle
        if cycle is None or not cycle.start <= at < cycle.end:
            operator = self.inventory.operator
            cycle = self.cycle = cycle_of(at, operator.time_zone, operator.cycle_day)
        return cycle

    def cycle_after(self, cycle: Cycle) -> Cycle:
        """The billing cycle that follows."""
        operator = self.inventory.operator
        return cycle_of(cycle.end, operator.time_zone, operator.cycle_day)
