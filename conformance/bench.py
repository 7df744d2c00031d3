"""The bench: what a case has in hand. Lines to the SUT, subscribers, Gy sessions, hooks, and judgement."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from conformance.session import Session
from conformance.sut.hooks import HookMissing, Hooks
from conformance.sut.ics import HookName, Ics, Service, Subscriber, split_address
from conformance.taken import Taken
from conformance.template import load_template
from conformance.tester.line import Identifiers, Line
from conformance.tester.observe import NoMessage, Observation, Reply
from conformance.tester.request import (
    Node,
    cer,
    dpr,
)
from conformance.tester.secure import Security
from conformance.tester.trace import Trace
from conformance.verdicts import Ended, Failed, Finding, Verdict, inconclusive, not_applicable
from conformance.wire.message import Message

T = TypeVar("T")


class Run:
    """What all cases of one run share."""

    def __init__(self, ics: Ics, seed: int = 1, taken: Taken | None = None) -> None:
        """`taken`: shared with other processes that test the same SUT at the same time."""
        self.taken = taken or Taken()
        self.ics = ics
        self.seed = seed
        self.address = split_address(ics.sut.address)
        self.template = load_template(ics.tester.ccr_template) if ics.tester.ccr_template is not None else None
        self.security = ics.tls.opened() if ics.tls is not None else None
        self.hooks = Hooks(ics.hooks)
        self.ids = Identifiers(random.Random(seed))
        self.realm: str | None = ics.sut.realm
        self.sut_host: str | None = None
        """Origin-Host of the SUT, from its CEA."""
        self.sut_realm: str | None = None
        self._lock = threading.Lock()
        self.token = time.time_ns() // 1000 % 10**9
        """Part of every Session-Id, so that two runs of one second never share any."""
        self._serial = 0
        self._nodes = 0

    def serial(self) -> int:
        """A number that no other caller gets."""
        with self._lock:
            self._serial += 1
            return self._serial

    def node_number(self) -> int:
        """The number of a gateway that nobody has played yet."""
        with self._lock:
            while True:
                self._nodes += 1
                if self.taken.take(f"gateway-{self._nodes}"):
                    return self._nodes

    def take(self, role: str) -> Subscriber:
        """A subscriber that no other case has had or will get."""
        stated: tuple[Subscriber, ...] = getattr(self.ics.subscribers, role)
        for number, subscriber in enumerate(stated):
            if self.taken.take(f"{role}-{number}"):
                return subscriber
        raise not_applicable(f"needs {'another' if stated else 'a'} subscriber of role {role}")


class Bench:
    """One case's view of the run."""

    def __init__(self, run: Run, case_id: str, rows: tuple[str, ...]) -> None:
        self.run = run
        self.ics = run.ics
        self.case_id = case_id
        self.rows = rows
        self.trace = Trace()
        self.rng = random.Random(f"{run.seed}/{case_id}")
        self.findings: list[Finding] = []
        self.lines: list[Line] = []
        self.sessions: list[Session] = []
        self._main: Line | None = None
        self._deadline = time.monotonic() + _CASE_SECONDS_MAX

    # --- connections --------------------------------------------------------------------------------------------------

    def node(self) -> Node:
        """A gateway's identity that nobody else uses, if the PIXIT allows several."""
        pattern = self.ics.tester.origin_host
        if "{n}" not in pattern and any(not line.closed for line in self.lines):
            raise not_applicable("needs several Origin-Hosts: tester.origin_host with {n}")
        return Node(pattern.replace("{n}", str(self.run.node_number())), self.ics.tester.origin_realm)

    def raw_line(self, node: Node | None = None, *, security: Security | None = None, plain: bool = False) -> Line:
        """A connection on which nothing has been said: secured as the PIXIT says, or otherwise, or `plain`."""
        line = Line(
            self.run.address,
            node or self.node(),
            self.trace,
            len(self.lines) + 1,
            self.run.ids,
            self.ics.timers.answer_seconds,
            None if plain else security or self.run.security,
        )
        self.lines.append(line)
        return line

    def open_line(self, node: Node | None = None, more: Sequence[bytes] = ()) -> Line:
        """A connection on which CER and CEA have been exchanged."""
        line = self.raw_line(node)
        reply = line.ask(cer(line.node, more=more))
        if not isinstance(reply, Message) or reply.result_code != 2001:
            raise inconclusive(f"no connection: CER was met by {reply.title}")
        line.capabilities = reply
        if self.ics.timers.after_capabilities_seconds:
            line.listen(self.ics.timers.after_capabilities_seconds)
        self.run.sut_host = reply.tree.text("Origin-Host")
        self.run.sut_realm = reply.tree.text("Origin-Realm")
        if self.run.realm is None:
            self.run.realm = self.run.sut_realm
        return line

    @property
    def line(self) -> Line:
        """The main connection of the case, opened when it is first asked for."""
        if self._main is None:
            self._main = self.open_line()
        return self._main

    @property
    def main_line(self) -> Line | None:
        """The main connection, if the case has opened it."""
        return self._main

    def go_on_with(self, line: Line) -> None:
        """Another connection is the main one from now on."""
        self._main = line

    def needs(self, *hooks: HookName) -> None:
        """Nothing of the case is begun where a hook is missing: it is N-A."""
        for name in hooks:
            if not self.run.hooks.has(name):
                raise HookMissing(name)

    def work(self, name: HookName, line: Line, **values: object) -> str:
        """Works a hook while the tester goes on listening on `line`, as a peer does: what comes meanwhile is answered.

        Raises:
            HookMissing, HookFailed: see `Hooks.call`.
        """
        with ThreadPoolExecutor(1) as pool:
            worked = pool.submit(self.run.hooks.call, name, **values)
            while not worked.done():
                line.listen(0.05)
                wait([worked], 0.05 if line.closed else 0)
        return worked.result()

    # --- subscribers and sessions -------------------------------------------------------------------------------------

    def rich(self, rating_groups: int = 1) -> Subscriber:
        """A subscriber with credit for the whole run, with at least so many rating groups."""
        for subscriber in self.ics.subscribers.rich:
            if len(subscriber.rating_groups) >= rating_groups:
                return subscriber
        some = "a subscriber" if rating_groups == 1 else f"a subscriber with {rating_groups} rating groups"
        raise not_applicable(f"needs {some} of role rich")

    def take(self, role: str) -> Subscriber:
        """A subscriber for this case alone."""
        return self.run.take(role)

    def one(self, role: str) -> Subscriber:
        """A subscriber of a role that cases may share."""
        stated: tuple[Subscriber, ...] = getattr(self.ics.subscribers, role)
        if not stated:
            raise not_applicable(f"needs a subscriber of role {role}")
        return stated[0]

    def session(self, subscriber: Subscriber, service: Service | None = None, line: Line | None = None) -> Session:
        """A Gy session that is not yet open; `service`: the consumer's part of the SIM, where that is meant."""
        session = Session(self, subscriber, service or subscriber, line or self.line)
        self.sessions.append(session)
        return session

    def opened(
        self, subscriber: Subscriber, service: Service | None = None, line: Line | None = None, ask: int | None = None
    ) -> tuple[Session, int]:
        """A session with a first grant for its first rating group, and how many octets that is.

        INCONC where the SUT grants nothing: then the case has no ground to stand on.
        """
        session = self.session(subscriber, service, line)
        reply = session.initial(ask=ask)
        octets = reply.granted_octets if isinstance(reply, Message) else 0
        if octets <= 0:
            raise inconclusive(f"CCR-I for IMSI {subscriber.imsi} brought no grant of octets: {reply.title}")
        return session, octets

    # --- judgement ----------------------------------------------------------------------------------------------------

    def expect(
        self, reply: Reply, accepted: Observation, *, tolerated: Observation | None = None, row: str | None = None
    ) -> Reply:
        """Judges a reply: accepted, tolerated (NON-STRICT), or the case fails here."""
        if accepted.holds(reply):
            return reply
        row = row or self.rows[0]
        if tolerated is not None and tolerated.holds(reply):
            self.findings.append(Finding(row, Verdict.NON_STRICT, accepted.text, reply.title))
            return reply
        expected = accepted.text + (f" (tolerated: {tolerated.text})" if tolerated is not None else "")
        raise Failed(Finding(row, Verdict.FAIL, expected, reply.title))

    def check(self, holds: bool, expected: str, seen: str, *rows: str) -> None:
        """The case fails here unless `holds`: the rows named, or the first."""
        if not holds:
            first, *others = rows or self.rows[:1]
            self.findings += [Finding(row, Verdict.FAIL, expected, seen) for row in others]
            raise Failed(Finding(first, Verdict.FAIL, expected, seen))

    def prefer(self, holds: bool, expected: str, seen: str, row: str | None = None) -> None:
        """NON-STRICT unless `holds`."""
        if not holds:
            self.findings.append(Finding(row or self.rows[0], Verdict.NON_STRICT, expected, seen))

    def note(self, seen: str, row: str | None = None) -> None:
        """Behaviour that somebody wants to know."""
        self.findings.append(Finding(row or self.rows[0], Verdict.INFO, "behaviour is recorded", seen))

    def answer(self, reply: Reply) -> Message:
        """The reply as a message; the case fails if there is none."""
        if isinstance(reply, NoMessage):
            raise Failed(Finding(self.rows[0], Verdict.FAIL, "an answer", reply.title))
        return reply

    def success(self, reply: Reply) -> Message:
        """The reply as a message with 2001; INCONC otherwise: this was only on the way to the point."""
        if isinstance(reply, NoMessage) or reply.result_code != 2001:
            raise inconclusive(f"on the way to the point of the case: {reply.title}")
        return reply

    def within(self, seconds: float, fetch: Callable[[], T], good: Callable[[T], bool]) -> T:
        """Fetches until it is good or the time is over; gives the last."""
        deadline = time.monotonic() + seconds
        while True:
            value = fetch()
            if good(value) or time.monotonic() > deadline:
                return value
            time.sleep(min(0.1, seconds / 10))

    # --- the money oracle ---------------------------------------------------------------------------------------------

    def free_octets(self, subscriber: Subscriber, service: Service | None = None, line: Line | None = None) -> int:
        """What the SUT would still grant of a known balance, to the octet, found over Gy and left as it was.

        Sessions are opened one beside the other until one gets nothing; then all are ended with nothing used.
        """
        service = service or subscriber
        most = (service.balance_octets or 0) + 1
        sessions: list[Session] = []
        free = 0
        for _ in range(_PROBES_MAX):
            session = self.session(subscriber, service, line)
            reply = session.initial(ask=self.ics.tester.ask_octets)
            if not isinstance(reply, Message):
                raise inconclusive(f"a balance cannot be looked at: {reply.title}")
            got = reply.granted_octets
            sessions.append(session)
            free += got
            if got == 0 or free > most:
                break
        else:
            raise inconclusive(f"a balance of {most - 1} octets takes over {_PROBES_MAX} grants: give a smaller one")
        for session in reversed(sessions):
            if session.is_open:
                session.terminate()
        return free

    def balance_is(
        self, subscriber: Subscriber, octets: int, service: Service | None = None, row: str | None = None
    ) -> None:
        """The case fails unless the free balance is `octets`."""
        free = self.free_octets(subscriber, service)
        self.check(free == octets, f"{octets} octets free", _free(free, service or subscriber), *([row] if row else []))

    def known_balance(self, role: str = "prepaid") -> tuple[Subscriber, int]:
        """A subscriber for this case alone and its balance, which the SUT agrees on."""
        subscriber = self.take(role)
        balance = subscriber.balance_octets
        if balance is None:
            raise not_applicable(f"subscriber {subscriber.imsi} of role {role} states no balance_octets")
        free = self.free_octets(subscriber)
        if free != balance:
            seen = _free(free, subscriber)
            raise inconclusive(f"PIXIT: {subscriber.imsi} has {balance} octets by the file, by the SUT {seen}")
        return subscriber, balance

    def go_on(self) -> None:
        """Ends a case that has run for too long: an SUT must not be able to keep it going for ever."""
        if time.monotonic() > self._deadline:
            raise Ended(Verdict.INCONC, f"the case took more than {_CASE_SECONDS_MAX} s")

    def close(self) -> None:
        """Ends what is still open, so that the next case finds nothing of this one."""
        for session in self.sessions:
            if session.is_open and not session.line.closed:
                session.terminate(within=self.ics.timers.quiet_seconds)
        for line in self.lines:
            if line.capabilities is not None and not line.closed:
                line.ask(dpr(line.node), within=self.ics.timers.quiet_seconds)
            line.close()


_PROBES_MAX = 64
_CASE_SECONDS_MAX = 120


def _free(octets: int, service: Service) -> str:
    more = service.balance_octets is not None and octets > service.balance_octets
    return f"{octets} octets or more, above the balance: grants are not limited by it" if more else f"{octets} octets"
