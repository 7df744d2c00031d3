"""One world: cars, a gateway, a link to the OCS and a clock, on SimPy.

The clock counts whole microseconds UTC. Every connection, and the OCS's own deadlines, wait in one SimPy timeout each;
a wait that another one has replaced fires in vain (SimPy does not take events back). Nothing of a car depends on other
cars: their random streams, Session-Ids and messages are their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs
from simpy import Environment
from simpy import Event as SimPyEvent

from ocs.charging.commands import Command, Expire, TopUp
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar
from ocs.units import DAY, SECOND
from sim.connection import Application, Connection
from sim.faults import Faults
from sim.fleet.cars import Attachment, Car, Use, attachments, key_of_owner, signals
from sim.fleet.drivers import Driver
from sim.fleet.places import Place
from sim.fleet.streams import stream
from sim.link import GATEWAY_HOST, Link
from sim.pgw.bearer import Bearer, Settings, changes
from sim.pgw.losses import Doubt
from sim.pgw.personality import GySession, new_session
from sim.pgw.session import unknown_session
from sim.signals import Core, Served
from sim.truth import Truth
from sim.weather import AFTERMATH, Flight, Weather

GATEWAY: Final = Settings(origin_host=GATEWAY_HOST, origin_realm="example", destination_realm="example")
"""The simulated packet gateway."""
RUN_ENDED: Final = "run_ended"
"""Cause of octets that were unreported when the world ended: there ought to be none."""
OCS_HOST: Final = "ocs.example"
OCS_REALM: Final = "example"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of the gateway and its answer; None where no answer came."""

    vehicle: str
    at: int
    """When the OCS got it."""
    request: Ccr
    answer: Cca | ErrorAnswer | None


@dataclass(frozen=True, slots=True)
class Push:
    """A request of the OCS to the gateway."""

    vehicle: str
    at: int
    message: Rar | Asr


@dataclass(frozen=True, slots=True)
class Bought:
    """A bundle that the OCS has credited."""

    vehicle: str
    split_id: str
    bundle_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the operator does to a car at a declared time: a purchase, or any other command."""

    at: int
    vehicle: str
    command: Command


@dataclass(slots=True)
class Seen:
    """What a gateway's log would hold."""

    exchanges: list[Exchange] = field(default_factory=list)
    repeats: list[Exchange] = field(default_factory=list)
    """Requests that the OCS got once more."""
    pushes: list[Push] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    """Messages and calls that came about."""
    bought: list[Bought] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    """What went wrong, in words, and how often."""
    unreported: dict[tuple[str, str, int, str], int] = field(default_factory=lambda: defaultdict(int))
    """Octets that passed and were never reported, by (vehicle, APN, rating group, cause)."""


class World:
    """`cars` from `begins` until `ends`; every session is closed in the last second.

    `first_number`: of the sessions of each connection, where an OCS may have met earlier ones.
    """

    def __init__(
        self,
        cars: Sequence[Car],
        events: Iterable[Event],
        begins: int,
        ends: int,
        zone: ZoneInfo,
        seed: int,
        link: Link,
        faults: Faults | None = None,
        gateway: Settings = GATEWAY,
        first_number: int = 0,
    ) -> None:
        self.truth = Truth()
        self.seen = Seen()
        self._env = Environment(initial_time=begins)
        self._begins, self._ends, self._zone, self._seed = begins, ends, zone, seed
        self.ended = ends
        """When the world ended: before its time, where somebody has interrupted it."""
        self._closing = ends - (SECOND if faults is None else AFTERMATH)
        self._link = link
        link.on_push = self._on_push
        self._deadline = self._waker(self._expire)
        self._sessions: dict[str, tuple[GySession, Connection]] = {}
        self._gateway = gateway
        self._numbers: dict[tuple[str, str], int] = defaultdict(lambda: first_number)
        self._bearers: dict[tuple[str, str], Bearer] = {}
        self._connections: dict[tuple[str, str], Connection] = {}
        """By vehicle and APN."""
        self._wakers: dict[tuple[str, str], Callable[[int], None]] = {}
        self._cars: dict[str, Car] = {}
        self._drivers: dict[tuple[str, str, int], Driver] = {}
        """By vehicle, split, and how many owners the car has had before."""
        self._apns: dict[tuple[str, str], str] = {}
        """Of those that drivers pay for, by vehicle and split."""
        self._weather: Weather | None = None
        self._doubtful: list[tuple[Connection, str, Doubt]] = []
        """With their connection and Session-Id: what the OCS got, and nobody knows, is not unreported."""
        if faults is not None:
            self._brew(faults)
        self._signals = Core(gateway, first_number, self._closing, self._charge, self._in_time, self._down_until)
        self.seen.served = self._signals.served
        for car in cars:
            self._add(car)
        for event in events:
            self._at(event)

    def run(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Let the time pass. `progress` is told the share of it that has passed (0 to 1), once a day."""
        self._watch_deadline()
        for until in (*range(self._begins + DAY, self._ends, DAY), self._ends):
            self._env.run(until=until)
            progress((until - self._begins) / (self._ends - self._begins))
        if self._weather is not None:
            self._clear_up(self._weather)
        self._link.close()

    def let_go(self) -> None:
        """Forget what was seen: a world is a knot that the garbage collector has to untie, and the less is in there."""
        self.seen, self.truth = Seen(), Truth()

    def run_paced(self, pace: Callable[[int], bool], progress: Callable[[float], None] = lambda share: None) -> None:
        """The same in the time that `pace` gives: it waits for an instant, and is asked again where it says False.

        KeyboardInterrupt closes the sessions that are open, and that is the end.
        """
        try:
            while (moment := int(min(self._env.peek(), self._ends))) < self._ends:
                if pace(moment):
                    self._env.step()
                progress((self._now - self._begins) / (self._ends - self._begins))
        except KeyboardInterrupt:
            self.ended = self._now
            for connection in self._connections.values():
                connection.hang_up(self._now)
        self._link.close()

    # --- cars ---------------------------------------------------------------------------------------------------------

    def _add(self, car: Car) -> None:
        self._cars[car.vehicle] = car

        def stays(use: Use, owner: int) -> bool:
            return self._driver(car, use, owner).stays

        for attachment in attachments(car, self._seed, self._begins, self._closing, self._zone, stays):
            applications = [
                Application(
                    use.rating_group,
                    flows,
                    use.model.uplink_percent,
                    self._refused(car, use) if use.driver is not None else None,
                    use.model.on_demand,
                )
                for use, flows in attachment.uses
            ]
            self._connect(car, attachment, applications)
        for coming in signals(car, self._seed, self._begins, self._closing, self._zone):
            self._signals.expect(car, coming)

    def _connect(self, car: Car, attachment: Attachment, applications: list[Application]) -> None:
        apn, windows, places = attachment.apn, attachment.windows, attachment.places
        key = (car.vehicle, apn)
        self._bearers[key] = bearer = Bearer(imsi=car.imsi, msisdn=car.msisdn, apn=apn)
        if car.network is not None:
            self._bearers[key] = _served_from(bearer, car.network.start())
        self._wakers[key] = schedule = self._waker(lambda now: self._connections[key].wake(now))
        self._connections[key] = Connection(car.vehicle, apn, applications, windows, places, self, self.truth, schedule)

    def _driver(self, car: Car, use: Use, owner: int) -> Driver:
        """Who drives while the car has that owner: one for all that a split pays."""
        key = (car.vehicle, use.split_id, owner)
        if key not in self._drivers:
            assert use.driver is not None
            random = stream(self._seed, car.vehicle, "driver", use.split_id, *key_of_owner(owner))
            since = car.sales[owner - 1] if owner else self._begins
            self._drivers[key] = use.driver.driver(random, since)
            self._apns[car.vehicle, use.split_id] = use.apn
        return self._drivers[key]

    def _refused(self, car: Car, use: Use) -> Callable[[int], None]:
        """Tells the driver of refusals, who may then buy; but not for a car that will be another's by then."""

        def refused(now: int) -> None:
            owner = car.owner_at(now)
            wish = self._driver(car, use, owner).cut(now)
            if wish is not None and car.owner_at(wish.at) == owner:
                request_id = f"{car.vehicle}/{use.split_id}/{wish.at}"
                self._at(Event(wish.at, car.vehicle, TopUp(car.imsi, use.split_id, wish.bundle_id, request_id)))

        return refused

    # --- the gateway --------------------------------------------------------------------------------------------------

    def attach(self, connection: Connection) -> GySession:
        """A new Gy session; its Session-Id counts per vehicle and APN, so that one APN never shifts another."""
        key = (connection.vehicle, connection.apn)
        self._numbers[key] += 1
        gateway = self._gateway
        session_id = ";".join((gateway.origin_host, *key, str(self._numbers[key])))
        settings = gateway if self._weather is None else self._weather.settings(gateway, connection.vehicle)
        session = new_session(settings, session_id, self._bearers[key])
        self._sessions[session_id] = session, connection
        return session

    def exchange(self, connection: Connection, session: GySession, request: Ccr) -> Cca | ErrorAnswer | None:
        """A request to the OCS and its answer; None where that takes its time."""
        if self._weather is not None:
            self._weather.send(connection, session, request)
            return None
        answer = self._post(request, session.repeated)
        if answer is None:
            self._call(self._now, lambda _: connection.answered(session, None, self._now))
        if answer is not None or not session.repeated:
            self.seen.exchanges.append(Exchange(connection.vehicle, self._now, request, answer))
        return answer

    def moved(self, connection: Connection, place: Place, session: GySession | None, now: int) -> None:
        """Something else serves the connection now, and its session, if it has one."""
        key = (connection.vehicle, connection.apn)
        before = self._bearers[key]
        self._bearers[key] = bearer = _served_from(before, place)
        if session is not None:
            for trigger in changes(before, bearer):
                session.change(trigger, bearer, now)

    def _post(self, request: Ccr, repeated: bool = False) -> Cca | ErrorAnswer | None:
        answer = self._link.exchange(request, self._now, repeated)
        self._watch_deadline()
        return answer

    def _charge(self, vehicle: str, request: Ccr) -> Cca | ErrorAnswer | None:
        """A request for a message or a call, and its answer."""
        answer = self._post(request)
        self.seen.exchanges.append(Exchange(vehicle, self._now, request, answer))
        return answer

    def detached(self, session: GySession) -> None:
        """The session has ended."""
        _, connection = self._sessions.pop(session.session_id)
        for (rating_group, cause), octets in session.unreported.items():
            self.seen.unreported[connection.vehicle, connection.apn, rating_group, cause] += octets
        if session.doubtful:
            self._doubtful += [(connection, session.session_id, doubt) for doubt in session.doubtful]

    def _on_push(self, push: Rar | Asr) -> Raa | Asa:
        found = self._sessions.get(push.session_id)
        if self._weather is not None:
            stopped = self._weather.stopped(push, found[1] if found else None, self._gateway)
            if stopped is not None:
                return stopped
        if found is None:
            return unknown_session(self._gateway, push)
        session, connection = found
        now = self._now
        self.seen.pushes.append(Push(connection.vehicle, now, push))
        connection.catch_up(now)
        answer = session.on_push(push, now)
        self._wakers[connection.vehicle, connection.apn](now)
        return answer

    # --- faults -------------------------------------------------------------------------------------------------------

    def _brew(self, faults: Faults) -> None:
        """Have everything happen that is to go wrong."""

        def note(flight: Flight, answer: Cca | ErrorAnswer, again: bool) -> None:
            exchange = Exchange(flight.connection.vehicle, self._now, flight.request, answer)
            (self.seen.repeats if again else self.seen.exchanges).append(exchange)

        def call(moment: int, what: Callable[[], None]) -> None:
            self._call(moment, lambda _: what())

        weather = Weather(faults, self._seed, lambda: self._now, call, self._post, note)
        self._weather, self.seen.faults = weather, weather.counts
        for moment in faults.restarts:
            call(moment, self._restart)
        for span in faults.kills:
            call(span.start, self._kill)

    def _restart(self) -> None:
        """The gateway forgets its sessions."""
        self.seen.faults["sessions lost by a gateway's restart"] += len(self._sessions)
        for connection in list(self._connections.values()):
            connection.restarted(self._now)

    def _kill(self) -> None:
        """The engine is thrown away; what its journal says will serve when the OCS is back."""
        self.seen.faults["OCS killed and replayed"] += 1
        self._link.replay()

    def _clear_up(self, weather: Weather) -> None:
        """Nothing more will happen: find out what has become of octets that are nobody's knowledge."""
        for session, _ in list(self._sessions.values()):
            session.lose(RUN_ENDED)
            self.detached(session)
        for connection, session_id, doubt in self._doubtful:
            number, rating_group, cause, octets = doubt
            if weather.got(session_id, number):
                self.seen.unreported[connection.vehicle, connection.apn, rating_group, cause] -= octets

    def _down_until(self) -> int | None:
        """While no OCS serves: when one will."""
        return None if self._weather is None else self._weather.down_until(self._now)

    # --- the operator, and the OCS's own deadlines --------------------------------------------------------------------

    def _act(self, event: Event) -> None:
        now, command = self._now, event.command
        if (until := self._down_until()) is not None:
            self._call(until, lambda _: self._act(event))
            return
        receipt = self._link.command(command, now)
        self._watch_deadline()
        if isinstance(command, TopUp) and receipt is not None and receipt.error is None:
            self.seen.bought.append(Bought(event.vehicle, command.split_id, command.bundle_id, now))
            owner = self._cars[event.vehicle].owner_at(now)
            driver = self._drivers.get((event.vehicle, command.split_id, owner))
            if driver is not None:
                driver.bought(command.bundle_id, now)
                self._connections[event.vehicle, self._apns[event.vehicle, command.split_id]].credit_came(now)

    def _expire(self, now: int) -> None:
        if (until := self._down_until()) is not None:
            self._deadline(until)
            return
        self._link.command(Expire(), now)
        self._watch_deadline()

    def _watch_deadline(self) -> None:
        deadline = self._link.next_deadline()
        if deadline is not None and deadline < self._ends:
            self._deadline(max(deadline, self._now))

    # --- the clock ----------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> int:
        return self._env.now  # type: ignore[return-value] # whole microseconds go in, and so they come out

    def _at(self, event: Event) -> None:
        if event.at < self._closing:
            self._call(event.at, lambda _: self._act(event))

    def _in_time(self, moment: int, what: Callable[[int], None]) -> None:
        """Call `what` at an instant, or when the world closes, if that is sooner."""
        if self._now < self._closing:
            self._call(min(moment, self._closing), lambda _: what(self._now))

    def _call(self, moment: int, callback: Callable[[SimPyEvent], None]) -> None:
        timeout = self._env.timeout(moment - self._now)
        assert timeout.callbacks is not None
        timeout.callbacks.append(callback)

    def _waker(self, wake: Callable[[int], None]) -> Callable[[int], None]:
        """Something that sleeps: calling it with an instant has `wake` called then, and not at the instant before."""
        due: list[int] = [-1]

        def at(moment: int) -> None:
            if due[0] == moment:
                return
            due[0] = moment
            self._call(moment, fire)

        def fire(_: SimPyEvent) -> None:
            now = self._now
            if due[0] == now:
                due[0] = -1
                wake(now)

        return at


def _served_from(bearer: Bearer, place: Place) -> Bearer:
    return structs.replace(bearer, serving_plmn=place.plmn, rat_type=place.rat_type, sgsn_address=place.node)
