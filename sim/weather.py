"""Carries messages between the gateway's connections and the OCS through all that `sim.faults` can do to them.

A request is sent, and that is all its sender knows. It arrives later, once, twice or never; so does its answer. What
the OCS got is noted here, since only this side knows it: a report whose answer was lost is no lost report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import msgspec

from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar, ResultCode
from ocs.units import MINUTE
from sim.connection import Connection
from sim.faults import Faults, Path, skew_seconds
from sim.fleet.streams import stream
from sim.pgw.bearer import Settings
from sim.pgw.messages import acknowledge
from sim.pgw.personality import GySession

AFTERMATH: Final = 5 * MINUTE
"""So long before the end of a world with faults all sessions are closed, so that what is lost is repeated in time."""

Answer = Cca | ErrorAnswer


class Flight(NamedTuple):
    """A request on its way."""

    connection: Connection
    session: GySession
    request: Ccr
    repeated: bool
    node: int
    """The OCS that it was sent to."""


class Weather:
    """`call` has something done at an instant; `post` brings a request to the OCS, with or without the T bit.

    `note` is told of every request that the OCS got, with its answer, and whether it had come before.
    """

    def __init__(
        self,
        faults: Faults,
        seed: int,
        clock: Callable[[], int],
        call: Callable[[int, Callable[[], None]], None],
        post: Callable[[Ccr, bool], Answer | None],
        note: Callable[[Flight, Answer, bool], None],
    ) -> None:
        self.faults = faults
        self.counts: Counter[str] = Counter()
        """What went wrong, in words, and how often."""
        self._seed = seed
        self._clock, self._call, self._post, self._note = clock, call, post, note
        self._received: set[tuple[str, int]] = set()
        """Session-Id and CC-Request-Number of what the OCS got."""
        self._paths: dict[tuple[str, str], Path] = {}
        self._homes: dict[str, int] = {}
        """Which OCS each session is with."""

    def settings(self, common: Settings, vehicle: str) -> Settings:
        """The gateway as one car meets it: with the clock that serves it."""
        skew = skew_seconds(stream(self._seed, vehicle, "clock"), self.faults.clock_skew_seconds)
        return msgspec.structs.replace(common, clock_skew_seconds=skew)

    def down_until(self, now: int) -> int | None:
        """While no OCS serves: when one will."""
        return self.faults.killed_until(now)

    def got(self, session_id: str, cc_request_number: int) -> bool:
        """Whether the OCS has got that request, if only once its sender had given it up."""
        return (session_id, cc_request_number) in self._received

    # --- requests and answers -----------------------------------------------------------------------------------------

    def send(self, connection: Connection, session: GySession, request: Ccr) -> None:
        """Put a request on its way; `Connection.answered` hears of its answer, if one comes."""
        now = self._clock()
        copies = self._path(connection).request()
        if session.repeated:
            self.counts["requests repeated"] += 1
        reachable = self._reachable(session, now)
        flight = Flight(connection, session, request, session.repeated, self.faults.node_at(now))
        if not reachable:
            self.counts["requests that could not be sent"] += 1
            self._call(now, lambda: self._bring(flight, None))
        elif not copies or self.faults.cut_at(now):
            self.counts["requests lost"] += 1
        else:
            self.counts["requests that arrived twice"] += len(copies) - 1
            for delay, answers in copies:
                self._call(now + delay, partial(self._arrive, flight, answers))

    def _reachable(self, session: GySession, now: int) -> bool:
        """Whether the session's OCS is the one that serves, or may be changed for that one (CC-Session-Failover).

        While none serves, nobody knows it yet: requests vanish.
        """
        node = self.faults.node_at(now)
        if self._homes.setdefault(session.session_id, node) == node:
            return True
        if not session.may_move:
            return False
        self.counts["sessions moved to the other OCS"] += 1
        self._homes[session.session_id] = node
        session.move()
        return True

    def _arrive(self, flight: Flight, answers: tuple[int, ...]) -> None:
        now, request = self._clock(), flight.request
        if self._lost(now) or flight.node != self.faults.node_at(now):
            self.counts["requests lost"] += 1
            return
        answer = self._post(request, flight.repeated)
        if answer is None:
            self.counts["requests lost"] += 1
            return
        key = (request.session_id, request.cc_request_number)
        self._note(flight, answer, key in self._received)
        self._received.add(key)
        if not answers or self.faults.cut_at(now):
            self.counts["answers lost"] += 1
            return
        for delay in answers:
            self._call(now + delay, partial(self._bring, flight, answer))

    def _bring(self, flight: Flight, answer: Answer | None) -> None:
        now = self._clock()
        if self.faults.cut_at(now) and answer is not None:
            self.counts["answers lost"] += 1
        elif flight.session.outstanding is not flight.request:
            self.counts["answers that nobody waited for"] += 1
        else:
            flight.connection.answered(flight.session, answer, now)

    # --- pushes -------------------------------------------------------------------------------------------------------

    def stopped(self, push: Rar | Asr, connection: Connection | None, settings: Settings) -> Raa | Asa | None:
        """What the network itself answers to a push that does not come through; None for one that does."""
        lost = connection is not None and self._path(connection).push_is_lost()
        if not lost and not self.faults.cut_at(self._clock()):
            return None
        self.counts["pushes lost"] += 1
        return acknowledge(settings, push, ResultCode.UNABLE_TO_DELIVER)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _lost(self, now: int) -> bool:
        return self.faults.cut_at(now) or self.faults.killed_until(now) is not None

    def _path(self, connection: Connection) -> Path:
        key = (connection.vehicle, connection.apn)
        path = self._paths.get(key)
        if path is None:
            streams = [stream(self._seed, *key, purpose) for purpose in ("requests", "pushes")]
            path = self._paths[key] = Path(streams[0], streams[1], self.faults.link)
        return path
