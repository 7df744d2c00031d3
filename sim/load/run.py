"""A load: sessions of many SIMs, so that requests leave at a rate whatever the answers take (an open loop).

Every session is a true credit-control client (`CtfSession`): it uses up what it is granted, reports and asks again, and
ends after so many CCR-U, or when it is refused. A request that has lost its connection is repeated on the next one, T
bit set, with its End-to-End id, until it is answered. A SIM has one session at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple, TextIO

from ocs.gy.client import UnreadableAnswerError
from ocs.gy.link import fresh_identifiers
from ocs.gy.messages import Asa, Asr, Ccr, Raa, Rar
from ocs.gy.node import Identity, Timers
from ocs.units import SECOND
from sim.load.tally import Part, Result, Tally
from sim.options import microseconds_utc, numbered_imsi
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.session import CtfSession, unknown_session
from sim.pgw.uplink import Uplink

_PULSE_SECONDS: Final = 0.002
"""Requests that are due leave together, so often."""


class Target(NamedTuple):
    """What a session uses, and who pays for it: `party` is a name that the results are told by."""

    party: str
    apn: str
    rating_group: int


@dataclass(frozen=True, kw_only=True)
class Load:
    """`rate` requests a second for `seconds`, from `sims` SIMs that follow `imsi`, on `connections` of their own.

    Sessions use `targets` in turn.

    Every session sends a CCR-I, `updates` CCR-U and a CCR-T. When time is over, open sessions are ended at the same
    rate; what has no answer `patience_seconds` after that counts as unanswered. An answer that takes longer than
    `tx_seconds` is a timeout: a gateway would not have waited for it. Each connection has an Origin-Host of
    its own, as an OCS takes only one of each (RFC 6733 5.6.4).
    """

    address: tuple[str, int]
    rate: int
    seconds: float
    imsi: str = "001010000000001"
    sims: int = 1
    targets: tuple[Target, ...] = (Target("b2c", "internet", 200),)
    connections: int = 1
    updates: int = 2
    host: str = "load.example"
    realm: str = "example"
    reconnect_seconds: int = 1
    patience_seconds: float = 10.0
    tx_seconds: float = 10.0


async def run(load: Load, stop: asyncio.Event | None = None, log: TextIO | None = None) -> Result:
    """Let it run, until its time is over or `stop` is set. `log` gets a line of JSON for each answer.

    Raises:
        OSError: there is no OCS, or it refuses; TimeoutError: it is silent.
    """
    return await _Running(load, stop or asyncio.Event(), log).run()


class _Running:
    def __init__(self, load: Load, stop: asyncio.Event, log: TextIO | None) -> None:
        self._load = load
        self._stop = stop
        self._tally = Tally(int(load.tx_seconds * 10**9), log)
        self._started = int(time.time())
        self._settings = [
            Settings(
                origin_host=f"{number}.{load.host}" if load.connections > 1 else load.host,
                origin_realm=load.realm,
                destination_realm=load.realm,
                origin_state_id=self._started,
                retry_seconds=0,
            )
            for number in range(1, load.connections + 1)
        ]
        self._sessions: dict[str, CtfSession] = {}
        self._free = deque(range(load.sims))
        self._turns: deque[asyncio.Future[None]] = deque()
        """Sessions whose next request is ready, and waits for its turn."""
        self._lives: set[asyncio.Task[None]] = set()
        self._over = False
        self._number = 0
        self._last_answer = time.perf_counter()

    async def run(self) -> Result:
        load = self._load
        timers = Timers(reconnect=load.reconnect_seconds * SECOND)
        identifiers = fresh_identifiers()
        self._uplinks = [
            Uplink(
                load.address,
                Identity(host=own.origin_host, realm=own.origin_realm, origin_state_id=own.origin_state_id),
                on_push=lambda push: self._on_push(push),
                timers=timers,
                identifiers=identifiers,
            )
            for own in self._settings
        ]
        await asyncio.gather(*(uplink.open() for uplink in self._uplinks))
        begun = time.perf_counter()
        await self._pace(begun)
        self._over = True
        await self._finish()
        seconds = self._last_answer - begun
        losses = sum(uplink.losses for uplink in self._uplinks)
        await asyncio.gather(*(uplink.close() for uplink in self._uplinks))
        return self._tally.result(seconds, losses)

    async def _pace(self, begun: float) -> None:
        """Give turns at the rate; where no session waits for one, a new one begins."""
        load, given = self._load, 0
        while (elapsed := time.perf_counter() - begun) < load.seconds and not self._stop.is_set():
            due = int(elapsed * load.rate) + 1
            while given < due and (self._give_turn() or self._begin()):
                given += 1
            given = max(given, due - load.rate)  # What could not be sent for want of SIMs is not made good for ever.
            await asyncio.sleep(_PULSE_SECONDS)

    async def _finish(self) -> None:
        """End what is open, at the same rate, and wait for the answers."""
        load = self._load
        begun, given = time.perf_counter(), 0
        closing = len(self._sessions) / load.rate
        while self._lives and (elapsed := time.perf_counter() - begun) < closing + load.patience_seconds:
            due = int(elapsed * load.rate) + 1
            while given < due and self._give_turn():
                given += 1
            given = max(given, due - load.rate)
            await asyncio.sleep(_PULSE_SECONDS)
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)

    def _give_turn(self) -> bool:
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False

    def _begin(self) -> bool:
        if not self._free:
            return False
        life = asyncio.create_task(self._live(self._free.popleft()))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return True

    async def _live(self, sim: int) -> None:
        """One session, from its CCR-I to its end."""
        load = self._load
        self._number += 1
        target = load.targets[self._number % len(load.targets)]
        place = self._number % load.connections
        settings, uplink = self._settings[place], self._uplinks[place]
        session_id = f"{settings.origin_host};sim-{sim + 1};{target.apn};{self._started * 1_000_000 + self._number}"
        bearer = Bearer(imsi=numbered_imsi(load.imsi, sim), apn=target.apn, charging_id=self._number % 2**32)
        session = self._sessions[session_id] = CtfSession(settings, session_id, bearer)
        part = self._tally.part(target)
        part.sessions += 1
        try:
            session.attach(microseconds_utc(), [target.rating_group])
            while (request := session.next_request(microseconds_utc())) is not None:
                await self._exchange(uplink, session, request, part)
                await self._use(session, target.rating_group, request.cc_request_number)
        finally:
            del self._sessions[session_id]
            self._free.append(sim)

    async def _exchange(self, uplink: Uplink, session: CtfSession, request: Ccr, part: Part) -> None:
        sent = time.perf_counter_ns()
        part.unanswered += 1
        try:
            answer, times = await uplink.persist(request)
        except UnreadableAnswerError:
            session.on_answer(None, microseconds_utc())
            return
        self._last_answer = time.perf_counter()
        part.unanswered -= 1
        part.repeated += times > 1
        self._tally.answered(part, request, answer, time.perf_counter_ns() - sent)
        session.on_answer(answer, microseconds_utc())

    async def _use(self, session: CtfSession, rating_group: int, number: int) -> None:
        """Use up what was granted, and wait for a turn to say so."""
        load = self._load
        if not session.ended:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            await turn
        now = microseconds_utc()
        session.tick(now)
        octets = session.passable(rating_group)
        if self._over or number >= load.updates or not octets or session.uncontrolled is not None:
            session.detach(now)
        else:
            session.count(rating_group, octets // 5, octets - octets // 5, now)

    def _on_push(self, push: Rar | Asr) -> Raa | Asa:
        session = self._sessions.get(push.session_id)
        if session is None:
            return unknown_session(self._settings[0], push)
        return session.on_push(push, microseconds_utc())
