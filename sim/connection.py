"""One PDN connection of one car: the data path between its applications and the gateway's quota.

Octets of a flow pass at the flow's rate, as long as the session has quota for their rating group. Everything that can
change that - a flow begins or is done, quota is used up, the session has something to say, a trip begins or ends - is a
moment known by arithmetic, and the connection sleeps until the first of them. Where quota is certain to last, it sleeps
over flows that begin and end, too: whoever looks next catches up with them, moment by moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from ocs.gy.messages import Cca, Ccr, ErrorAnswer
from ocs.units import SECOND
from sim.fleet.cars import Window
from sim.fleet.drivers import RETRY_SECONDS
from sim.fleet.places import Place
from sim.fleet.traffic import Flow
from sim.pgw.losses import CCFH_CONTINUE
from sim.pgw.personality import GySession
from sim.truth import Truth


class Gateway(Protocol):
    """What a connection needs of the PGW."""

    def attach(self, connection: Connection) -> GySession:
        """A new Gy session for this connection."""

    def exchange(self, connection: Connection, session: GySession, request: Ccr) -> Cca | ErrorAnswer | None:
        """A request to the OCS and its answer; None while it is on its way: `Connection.answered` brings it."""

    def moved(self, connection: Connection, place: Place, session: GySession | None, now: int) -> None:
        """Something else serves the connection now, and its session, if it has one."""

    def detached(self, session: GySession) -> None:
        """The session has ended."""


@dataclass(slots=True)
class _Running:
    """A flow on its way: what has passed of it since `since`, and what has not."""

    since: int
    passed: int
    left: int
    rate: int

    def done_at(self) -> int:
        """When its last octet will have passed, if nothing stops it."""
        return self.since - (-(self.passed + self.left) * SECOND // self.rate)


class Application:
    """One application's traffic on a connection: flows one after the other, all in one rating group."""

    def __init__(
        self,
        rating_group: int,
        flows: Iterator[Flow],
        uplink_percent: int,
        refused: Callable[[int], None] | None = None,
        on_demand: bool = False,
    ) -> None:
        self.rating_group = rating_group
        self.on_demand = on_demand
        """Its units are asked for when its octets come, not when the session begins."""
        self.refused = refused
        """Who is told, and when, that a flow met a refusal: its driver; None where the car itself wants octets."""
        self.running: _Running | None = None
        self._flows = flows
        self._uplink_percent = uplink_percent
        self._ahead = deque(islice(flows, 1))
        """Flows that have been asked for and not yet begun: one at least, unless there are none left."""
        self._passed = 0

    def wants(self, now: int) -> bool:
        """Whether a flow is running or begins now."""
        if self.running is None and self._ahead and self._ahead[0].at <= now:
            self.begin(now)
        return self.running is not None

    def begin(self, now: int) -> _Running:
        """The next flow begins."""
        flow = self._ahead.popleft()
        if not self._ahead:
            self._ahead.extend(islice(self._flows, 1))
        self.running = running = _Running(now, 0, flow.octets, flow.rate)
        return running

    def next_start(self) -> int | None:
        """When the next flow begins, if none is running."""
        return self._ahead[0].at if self._ahead else None

    def octets_before(self, moment: int) -> int:
        """Octets that may pass before a moment: all of those flows that are running or begin before."""
        ahead = self._ahead
        while ahead and ahead[-1].at < moment and (flow := next(self._flows, None)) is not None:
            ahead.append(flow)
        octets = self.running.left if self.running is not None else 0
        for flow in ahead:
            if flow.at >= moment:
                break
            octets += flow.octets
        return octets

    def uplink(self, octets: int) -> int:
        """How many of the next `octets` go up."""
        before = self._passed * self._uplink_percent // 100
        self._passed += octets
        return self._passed * self._uplink_percent // 100 - before


class Connection:
    """An APN of a car. `schedule` has `wake` called at an instant, in place of the one asked for before."""

    def __init__(
        self,
        vehicle: str,
        apn: str,
        applications: list[Application],
        windows: Iterator[Window],
        places: Iterator[Place],
        gateway: Gateway,
        truth: Truth,
        schedule: Callable[[int], None],
    ) -> None:
        self.vehicle = vehicle
        self.apn = apn
        self._applications = applications
        self._asks_first = list(dict.fromkeys(app.rating_group for app in applications if not app.on_demand)) or [
            applications[0].rating_group
        ]
        """What the CCR-I asks for: on an APN that the car uses itself, the car's own; drivers come when they come."""
        by_group: dict[int, list[Application]] = defaultdict(list)
        for application in applications:
            by_group[application.rating_group].append(application)
        self._shared = [sharing for sharing in by_group.values() if len(sharing) > 1]
        """Those that use one quota."""
        self._windows = windows
        self._window = next(windows, None)
        self._places = places
        self._place = next(places, None)
        """What will serve it next."""
        self._gateway = gateway
        self._truth = truth
        self._schedule = schedule
        self._session: GySession | None = None
        self._before: GySession | None = None
        """The session that has ended last: why there is none."""
        self._leaving: list[GySession] = []
        """Detached, and still at their last requests."""
        self._anew_at: int | None = None
        """While a session goes on without credit control because the OCS was away: when another one is tried."""
        self._passed_until = 0
        self._tried_at = 0
        self._asleep = False
        """Over flows: nothing but them happens until it wakes."""
        self._plan(0)

    def wake(self, now: int) -> None:
        """Do what is due, and sleep again."""
        self.catch_up(now)
        self._move(now)
        self._move_window(now)
        for application in self._applications:
            if application.wants(now):
                self._serve(application, now)
        self._talk(now)
        self._begin_anew(now)
        self._give_up(now)
        self._plan(now)

    def answered(self, session: GySession, answer: Cca | ErrorAnswer | None, now: int) -> None:
        """The answer to a request that took its time; None: it could not be sent."""
        self.catch_up(now)
        if session is self._session:
            for application in self._applications:
                flow = application.running
                if flow is not None and session.passable(application.rating_group) == 0:
                    flow.since, flow.passed = now, 0  # It stood still, and does not make up for it.
        session.on_answer(answer, now)
        self.wake(now)

    def restarted(self, now: int) -> None:
        """The gateway has lost its sessions; the device attaches again at once."""
        self.catch_up(now)
        for session in (self._session, *self._leaving):
            if session is not None:
                session.lose()
                self._gateway.detached(session)
        self._session = self._before = None
        self._leaving = []
        self._tried_at = 0
        self.wake(now)

    def hang_up(self, now: int) -> None:
        """Whoever runs this has had enough: detach, and be quiet."""
        self._window = None
        self._detach(now)

    def credit_came(self, now: int) -> None:
        """The driver has bought: where the session is gone, the device attaches again at once."""
        self.catch_up(now)
        if self._session is None and self._in_window(now):
            self._attach(now)
        self.wake(now)

    # --- the data path ------------------------------------------------------------------------------------------------

    def catch_up(self, now: int) -> None:
        """Let everything pass that has passed by now, flows that began and ended since the last look included."""
        session = self._session
        if self._asleep and session is not None:
            if self._shared:
                self._run_together(now)
            else:
                for application in self._applications:
                    self._run_through(application, session, now)
        self._asleep = False
        self._pass(now)

    def _run_through(self, application: Application, session: GySession, now: int) -> None:
        """Let the flows of one application pass that are done before `now`."""
        looked, free = self._passed_until, 0
        while True:
            flow = application.running
            if flow is None:
                start = application.next_start()
                if start is None or start >= now or free >= now:
                    return
                flow = application.begin(start if start > free else free)
            free = flow.done_at()
            if free >= now:
                return
            began = flow.since if flow.since > looked else looked
            self._let_pass(application, session, flow.left, began, free)
            application.running = None

    def _run_together(self, now: int) -> None:
        """The same where applications use one quota: moment by moment."""
        while (moment := self._next_of_flows()) is not None and moment < now:
            self._pass(moment)
            for application in self._applications:
                application.wants(moment)

    def _next_of_flows(self) -> int | None:
        """When the next flow begins or is done, while quota lasts."""
        first: int | None = None
        for application in self._applications:
            flow = application.running
            moment = flow.done_at() if flow is not None else application.next_start()
            if moment is not None and (first is None or moment < first):
                first = moment
        return first

    def _lasts(self, session: GySession, until: int) -> bool:
        """Whether there is quota for all that can want to pass before a moment, and more."""
        if not session.is_open or session.outstanding is not None:
            return False
        wanted: dict[int, int] = {}
        for application in self._applications:
            if octets := application.octets_before(until):
                wanted[application.rating_group] = wanted.get(application.rating_group, 0) + octets
        return all(octets < session.passable(rating_group) for rating_group, octets in wanted.items())

    def _pass(self, now: int) -> None:
        """Let pass what time and quota allowed since the last look."""
        session, start = self._session, self._passed_until
        self._passed_until = now
        if session is None:
            return
        for application in self._applications:
            flow = application.running
            if flow is None:
                continue
            due = (now - flow.since) * flow.rate // SECOND - flow.passed
            octets = min(due, flow.left, session.passable(application.rating_group))
            if octets > 0:
                began = flow.since if flow.since > start else start
                self._let_pass(application, session, octets, began, now)
                flow.passed += octets
                flow.left -= octets
                if not flow.left:
                    application.running = None

    def _let_pass(self, application: Application, session: GySession, octets: int, began: int, now: int) -> None:
        rating_group = application.rating_group
        self._truth.passed(self.vehicle, self.apn, rating_group, began, now, octets)
        up = application.uplink(octets)
        session.count(rating_group, up, octets - up, now)

    def _serve(self, application: Application, now: int) -> None:
        """A flow is there: if it cannot pass, ask for units, or for a session."""
        if self._session is None and self._in_window(now) and now - self._tried_at >= RETRY_SECONDS * SECOND:
            self._attach(now)
        session, flow = self._session, application.running
        if session is not None and flow is not None and session.passable(application.rating_group) == 0:
            session.demand(application.rating_group, now)
            flow.since, flow.passed = now, 0

    def _give_up(self, now: int) -> None:
        """A flow that was refused is over; its driver may buy."""
        session = self._session or self._before
        for application in self._applications:
            if application.running is None:
                continue
            refused = session is not None and session.refused(application.rating_group) is not None
            if refused or self._session is None:
                application.running = None
                if refused and application.refused is not None and self._in_window(now):
                    application.refused(now)

    # --- attach, Gy, detach -------------------------------------------------------------------------------------------

    def _in_window(self, now: int) -> bool:
        return self._window is not None and self._window.start <= now < self._window.end

    def _move_window(self, now: int) -> None:
        while self._window is not None and self._window.end <= now:
            self._detach(now)
            for application in self._applications:
                if application.refused is not None:
                    application.running = None
            self._window = next(self._windows, None)
            self._tried_at = 0
        if self._window is not None and self._window.start <= now and not self._tried_at:
            self._attach(now)

    def _move(self, now: int) -> None:
        """Be served by what serves the car by now."""
        while self._place is not None and self._place.at <= now:
            self._gateway.moved(self, self._place, self._session, now)
            self._place = next(self._places, None)

    def _attach(self, now: int) -> None:
        self._move(now)
        self._tried_at = now
        self._session = self._gateway.attach(self)
        self._session.attach(now, self._asks_first)
        self._talk(now)

    def _detach(self, now: int) -> None:
        session = self._session
        if session is None:
            return
        session.detach(now)
        self._talk(now)
        if self._session is not None:  # Its answers take their time.
            self._leaving.append(session)
            self._session = None

    def _begin_anew(self, now: int) -> None:
        """RFC 8506 5.7 lets a user be served on while the OCS is away; when it is back, its quota counts again."""
        session = self._session
        if session is None or session.uncontrolled != CCFH_CONTINUE:
            self._anew_at = None
        elif self._anew_at is None:
            self._anew_at = now + RETRY_SECONDS * SECOND
        elif now >= self._anew_at:
            self._anew_at = None
            self._detach(now)
            self._attach(now)

    def _talk(self, now: int) -> None:
        session = self._session
        if session is not None and self._converse(session, now):
            self._session, self._before = None, session
        if self._leaving:
            self._leaving = [session for session in self._leaving if not self._converse(session, now)]

    def _converse(self, session: GySession, now: int) -> bool:
        """Send what it has to say. Whether it has ended."""
        session.tick(now)
        while (request := session.next_request(now)) is not None:
            answer = self._gateway.exchange(self, session, request)
            if answer is None:
                break
            session.on_answer(answer, now)
        if session.ended:
            self._gateway.detached(session)
        return session.ended

    def _plan(self, now: int) -> None:
        """Sleep until the first moment at which something is due: over flows, where quota lasts."""
        session, moments = self._session, []
        if self._window is not None:
            attached = self._window.start <= now
            moments.append(self._window.end if attached else self._window.start)
        if session is not None:
            if (deadline := session.next_deadline()) is not None:
                moments.append(deadline)
            if self._place is not None and session.watches_changes:
                moments.append(self._place.at)
        if self._leaving:
            moments += [at for leaving in self._leaving if (at := leaving.next_deadline()) is not None]
        if self._anew_at is not None:
            moments.append(self._anew_at)
        self._asleep = session is not None and bool(moments) and self._lasts(session, min(moments))
        if not self._asleep:
            moments += self._moments_of_flows(now)
        if moments:
            self._schedule(max(now, min(moments)))

    def _moments_of_flows(self, now: int) -> Iterator[int]:
        """When flows begin, are done, or have used up their quota."""
        session = self._session
        for application in self._applications:
            flow = application.running
            if flow is None:
                start = application.next_start()
                if start is not None:
                    yield start
            elif session is not None:
                octets = min(flow.left, session.passable(application.rating_group))
                if octets:
                    yield flow.since - (-(flow.passed + octets) * SECOND // flow.rate)
        if session is not None:
            for sharing in self._shared:
                flows = [application.running for application in sharing if application.running is not None]
                octets = session.passable(sharing[0].rating_group)
                if octets and len(flows) > 1:
                    yield _used_up(flows, octets, now)


def _used_up(flows: list[_Running], octets: int, now: int) -> int:
    """The first instant at which several flows have passed so many octets together, or would have, were they longer."""

    def due(at: int) -> int:
        return sum((at - flow.since) * flow.rate // SECOND - flow.passed for flow in flows)

    alone = now + (octets + len(flows)) * SECOND // max(flow.rate for flow in flows) + 1
    return bisect_left(range(now, alone + 1), octets, key=due) + now
