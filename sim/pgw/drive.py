"""Devices in real time: each keeps a PDN connection, moves octets at a rate, and attaches again when it was cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocs.units import SECOND
from sim.pgw.bearer import Bearer
from sim.pgw.gateway import Gateway, LiveSession
from sim.pgw.losses import CCFH_CONTINUE
from sim.pgw.personality import GySession

_BREATH = SECOND // 4
"""Octets are counted at least this often, so that who watches sees them move."""


@dataclass(frozen=True)
class Traffic:
    """What a device wants in one rating group. `octets` None: as much as there is time for; rate in octets a second."""

    rating_group: int
    rate: int
    octets: int | None = None
    uplink_percent: int = 20


@dataclass
class Tally:
    """What became of the octets, by rating group."""

    moved: Counter[int] = field(default_factory=Counter)
    reported: Counter[int] = field(default_factory=Counter)
    unreported: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By rating group and cause."""
    sessions: int = 0

    def take(self, session: GySession) -> None:
        """A session has ended."""
        self.sessions += 1
        self.reported.update(session.reported)
        self.unreported.update(session.unreported)

    def add(self, other: Tally) -> None:
        """Another device's."""
        self.moved.update(other.moved)
        self.reported.update(other.reported)
        self.unreported.update(other.unreported)
        self.sessions += other.sessions


class _Flow:
    """One rating group's traffic: how far it has come."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.left = traffic.octets
        self.since = 0
        self.carried = 0
        """Micro-octets due beyond the whole octets."""

    @property
    def wants(self) -> bool:
        """It is not done."""
        return self.left is None or self.left > 0

    def move(self, session: GySession, now: int) -> int:
        """Octets pass: what time, quota and the flow itself allow."""
        due, self.carried = divmod((now - self.since) * self.traffic.rate + self.carried, SECOND)
        self.since = now
        octets = min(due, session.passable(self.traffic.rating_group))
        if self.left is not None:
            octets = min(octets, self.left)
            self.left -= octets
        if octets:
            up = octets * self.traffic.uplink_percent // 100
            session.count(self.traffic.rating_group, up, octets - up, now)
        return octets

    def next_stop(self, session: GySession) -> int | None:
        """When it will have come to the end of its quota, or of itself."""
        octets = session.passable(self.traffic.rating_group)
        if self.left is not None:
            octets = min(octets, self.left)
        if not octets:
            return None
        return self.since - ((self.carried - octets * SECOND) // self.traffic.rate)


class Device:
    """One PDN connection of one car, attached as often as needed until all is moved or time is over.

    `first_number` is the number of its first session in the Session-Id: one that was never used before.
    """

    def __init__(
        self,
        gateway: Gateway,
        vehicle: str,
        bearer: Bearer,
        traffic: Sequence[Traffic],
        first_number: int,
        reattach_seconds: int,
    ) -> None:
        self.tally = Tally()
        self._gateway = gateway
        self._vehicle = vehicle
        self._bearer = bearer
        self._flows = [_Flow(one) for one in traffic]
        self._number = first_number
        self._reattach = reattach_seconds * SECOND
        self._stop = asyncio.Event()

    async def run(self, until: int) -> None:
        """Work until then (microseconds UTC), and detach."""
        clock = self._gateway.clock
        while not self._done(clock(), until):
            await self._one_session(until)
            again_at = clock() + self._reattach
            if self._done(again_at, until):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._reattach / SECOND):
                    await self._stop.wait()

    def stop(self) -> None:
        """Detach now."""
        self._stop.set()

    def _done(self, now: int, until: int) -> bool:
        return now >= until or self._stop.is_set() or not any(flow.wants for flow in self._flows)

    async def _one_session(self, until: int) -> None:
        gateway = self._gateway
        session_id = f"{gateway.settings.origin_host};{self._vehicle};{self._bearer.apn};{self._number}"
        self._number += 1
        live = gateway.session(session_id, self._bearer)
        session = live.session
        now = gateway.clock()
        for flow in self._flows:
            flow.since = now
        session.attach(now, [flow.traffic.rating_group for flow in self._flows if flow.wants])
        stopping = asyncio.create_task(self._wake_at_stop(live))
        try:
            while not session.ended:
                self._work(live, until)
                if not session.ended:
                    await live.rest(self._next_look(session, until))
        finally:
            stopping.cancel()
            self.tally.take(session)
            gateway.forget(live)

    async def _wake_at_stop(self, live: LiveSession) -> None:
        await self._stop.wait()
        live.changed.set()

    def _work(self, live: LiveSession, until: int) -> None:
        """Move what can be moved, ask for what cannot, and let the session speak."""
        session, now = live.session, self._gateway.clock()
        for flow in self._flows:
            self.tally.moved[flow.traffic.rating_group] += flow.move(session, now)
            if flow.wants and not session.passable(flow.traffic.rating_group):
                session.demand(flow.traffic.rating_group, now)
        back = session.uncontrolled == CCFH_CONTINUE and self._gateway.is_open
        if back or self._done(now, until):
            session.detach(now)
        live.talk()

    def _next_look(self, session: GySession, until: int) -> int:
        now = self._gateway.clock()
        stops = [stop for flow in self._flows if (stop := flow.next_stop(session)) is not None]
        return min([now + _BREATH, *stops] if now >= until else [now + _BREATH, until, *stops])
