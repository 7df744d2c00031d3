"""All that the engine remembers: sessions, services, grants, credits, and the deadlines that will change them.

A session is one Gy session (one PDN connection); a service is one rating group, or one service identifier, of it; a
grant is what a service may use until it reports. A session that has ended stays as a tombstone for a while, so that
late and repeated requests find it.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from ocs.balances.purse import Bucket, Part, Purse
from ocs.catalogue.plans import Plan, UnitPrice
from ocs.gy.messages import Cca, MultipleServicesCreditControl
from ocs.inventory.provisioning import Peer
from ocs.inventory.subscribers import NOBODY, Inventory, Route, Status, Subscriber, Subscription, Terms, Why
from ocs.rating.cycle import Cycle, cycle_of
from ocs.rating.tariff import Unit
from ocs.units import HOUR, SECOND

IDLE_LIMIT = 48 * HOUR
"""A session without reservations and without requests for so long is closed (a parked car keeps its session)."""
TOMBSTONE_LIFE = 24 * HOUR
"""How long a closed session is remembered."""
REAUTHORISATION_GUARD = 30 * SECOND
"""How long after a RAR without a CCR-U the RAR is repeated, once."""
TX = 10 * SECOND
"""RFC 8506 13: how long a message may still be on its way."""
EVENT_TIME_TOLERANCE = 300 * SECOND
"""How far Event-Timestamp may be from the receipt of the request before it is not believed."""
JITTER_SECONDS = 60
"""What many sessions would do at one moment (a cycle's end) they do spread over so many seconds after it."""

_ACTIVE, _EXHAUSTED = Status.ACTIVE, Status.EXHAUSTED

ServiceKey = int | None | tuple[int | None, ...]
"""What RFC 8506 8.16 lets a grant refer to: the rating group, or with service identifiers a tuple of both."""


class Due(IntEnum):
    """What a deadline is about."""

    SESSION = 0
    """A reservation, the session or its tombstone may have come to its end."""
    BUCKET_END = 1
    PLAN_CHANGE = 2
    REAUTHORISATION = 3
    """A RAR may want its repeat."""
    REPORT_MISSING = 4
    """A grant that should have been reported at the cycle's end."""
    OFFER = 5
    """A service waits, and its turn has come to be told that there is credit."""
    CROSSING = 6
    """A session that the client does not know, unless it was heard of since."""


@dataclass(slots=True, eq=False)
class Credit:
    """What stands behind one subscription: its purse if prepaid or limited, and the services that draw on it."""

    subscription: Subscription
    purse: Purse | None
    """Octets only: messages and calls are priced, not counted down."""
    in_use: bool = False
    """Whether units were ever granted: then billing has started, and a postpaid plan changes with the cycle only."""
    next_plan: Plan | None = None
    """What a postpaid subscription changes to at the end of the billing cycle."""
    next_why: Why = NOBODY
    """Who wanted that."""
    services: dict[Service, None] = field(default_factory=dict)
    """Services of open sessions, in the order in which they came (a set that keeps order)."""
    waiting: dict[Service, None] = field(default_factory=dict)
    """Those of them that were refused units and wait for credit."""


class Conditions(NamedTuple):
    """What the client says of the bearer: serving network and RAT may change within a session, the rest does not."""

    serving_plmn: str | None
    rat_type: int | None
    charging_id: int | None
    ggsn_address: str | None
    imei: str | None


class Columns(NamedTuple):
    """The columns that the records of a service share, as long as the first three are the same (`records`)."""

    terms: Terms | None
    conditions: Conditions
    customer_id: str
    zone: str
    unit_micros: int | None
    """Where no time of day changes it."""
    who: tuple[Any, ...]
    terms_and_bearer: tuple[Any, ...]


class Grant(msgspec.Struct, eq=False):
    """Units handed to one service. Usage settles under what was in force when they were given."""

    name: str
    """Of its reservation: Session-Id / CC-Request-Number / service."""
    credit: Credit
    terms: Terms
    conditions: Conditions
    purse: Purse | None
    """Where its units are reserved; None where nothing has to be."""
    parts: list[Part]
    amount: int
    given_at: int
    ends_at: int
    """Of the reservation: Validity-Time and grace."""
    request_number: int
    final: bool
    switches_at: int | None
    """The tariff switch that the client was told of (Tariff-Time-Change)."""
    ended: bool = False
    """Its reservation ran out unreported: what is reported still is debited, marked `late`."""


@dataclass(slots=True, eq=False)
class Service:
    """One rating group (or service identifier) of one session."""

    session: Session
    rating_group: int | None
    credit: Credit
    grant: Grant | None = None
    used: int = 0
    """Units reported so far in this session, under `rated`."""
    rated: Plan | UnitPrice | None = None
    """The plan, or price of a wallet, that `used` is priced by: another one starts at its first block again."""
    graceful_until: int | None = None
    """While final units are over and the client redirects or restricts: until when it may."""
    refused: int | None = None
    """The Result-Code that its last request for units met, if it was an error."""
    columns: Columns | None = None
    """Of its last record."""


class Answered(msgspec.Struct, eq=False, gc=False):
    """A request that was answered, so that its repeat is known (`answers`)."""

    number: int
    digest: int
    serial: int
    """How many requests with this number were processed before: keeps the names of records and reservations apart."""
    answer: Cca


class Asked(msgspec.Struct, eq=False, gc=False):
    """A RAR that no CCR has answered yet."""

    times: int
    again_at: int


@dataclass(slots=True, eq=False)
class Session:
    """One Gy session. `subscriber` is None for one never opened here: its reports are unattributed."""

    session_id: str
    origin_host: str
    origin_realm: str
    subscriber: Subscriber | None
    apn: str
    unit: Unit
    peer: Peer
    conditions: Conditions
    opened_at: int
    last_request_at: int
    look_at: int = 0
    """When its next `Due.SESSION` is due; 0: it has none."""
    bearer: tuple[object, ...] | None = None
    """What tells the bearer from others of its SIM and APN; None when the client does not say."""
    services: dict[ServiceKey, Service] = field(default_factory=dict)
    asked: dict[int | None, Asked] | None = None
    """RARs without their CCR, by rating group."""
    aborting: bool = False
    """An ASR is on its way."""
    answered: list[Answered] = field(default_factory=list)
    forgotten: bytes | bytearray = b""
    """Numbers and digests of older ones."""
    highest: int = -1
    """The highest CC-Request-Number met."""
    closed_at: int | None = None
    unknown_to_updates: bool = False
    """It was an event: remembered for its repeats, but no session to update or end."""

    @property
    def route(self) -> Route | None:
        """Who pays for what in this session, by the profile that its SIM has now; None if nobody does."""
        subscriber = self.subscriber
        if subscriber is None:
            return None
        return subscriber.route(self.apn) if self.unit == "octets" else subscriber.own_route


def key_of(mscc: MultipleServicesCreditControl) -> ServiceKey:
    """Which service of its session an MSCC speaks of."""
    return (mscc.rating_group, *mscc.service_identifier) if mscc.service_identifier else mscc.rating_group


def jitter(session_id: str) -> int:
    """A session's own delay after a moment that concerns many, in microseconds."""
    return zlib.crc32(session_id.encode()) % JITTER_SECONDS * SECOND


Subject = Session | Credit | Service | tuple[Service, Grant] | tuple[Session, int | None] | tuple[Credit, Bucket]


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
    deadlines: list[tuple[int, int, Due, Subject]] = field(default_factory=list)
    origin_states: dict[str, int] = field(default_factory=dict)
    """The highest Origin-State-Id met, by Origin-Host (RFC 6733 8.16)."""
    scheduled: int = 0
    cycle: Cycle | None = None

    def schedule(self, at: int, due: Due, what: Subject) -> None:
        """Have `what` looked at when `at` has come. Entries are not withdrawn: stale ones do nothing."""
        self.scheduled += 1
        heapq.heappush(self.deadlines, (at, self.scheduled, due, what))

    def watch(self, session: Session, at: int) -> None:
        """Have a session looked at when `at` has come, or before: one entry a session, not one a grant."""
        if session.look_at == 0 or at < session.look_at:
            session.look_at = at
            self.schedule(at, Due.SESSION, session)

    def moved(self, credit: Credit) -> None:
        """To be called after every movement of a purse.

        A virtual SIM is Exhausted while nothing remains and nothing is reserved; credit makes it Active again. Buckets
        that have started have their ends watched.
        """
        purse, subscription = credit.purse, credit.subscription
        if purse is None:
            return
        if purse.started:
            for bucket in purse.started:
                assert bucket.ends_at is not None
                self.schedule(bucket.ends_at, Due.BUCKET_END, (credit, bucket))
            purse.started.clear()
        if subscription.status is _ACTIVE or subscription.status is _EXHAUSTED:
            subscription.status = _ACTIVE if purse.gives or purse.reserved else _EXHAUSTED

    def pop_due(self, now: int) -> Iterator[tuple[int, Due, Subject]]:
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
