"""The bench for cases of a gateway: the tester is the OCS, hooks attach subscribers and move octets."""

from __future__ import annotations

import time
from collections.abc import Callable

from conformance.sut.hooks import Hooks
from conformance.sut.ics import Ics, Subscriber
from conformance.tester.station import Script, Station, grant
from conformance.tester.trace import Trace
from conformance.verdicts import Failed, Finding, Verdict, inconclusive, not_applicable
from conformance.wire.message import CCR, CER, DWR, Message

INITIAL, UPDATE, TERMINATION = 1, 2, 3
ROUNDS_OF_TRUST = 3
"""Watchdogs that are answered before a peer that was lost is trusted again."""


class GatewayRun:
    """What all cases of one run share: the station that the gateway dials."""

    def __init__(self, ics: Ics, station: Station, seed: int = 1) -> None:
        self.ics = ics
        self.station = station
        self.seed = seed
        self.hooks = Hooks(ics.hooks)


class GatewayBench:
    """One case's view of the run."""

    def __init__(self, run: GatewayRun, case_id: str, rows: tuple[str, ...]) -> None:
        self.run = run
        self.ics = run.ics
        self.case_id = case_id
        self.rows = rows
        self.findings: list[Finding] = []
        self.station = run.station
        self.trace = run.station.trace = Trace()
        if run.station.alternate is not None:
            run.station.alternate.trace = self.trace
        self._start = len(run.station.received)
        self._attached: list[Subscriber] = []
        self.script(self.granting(1_000_000))

    # --- the gateway's users ------------------------------------------------------------------------------------------

    def subscriber(self, rating_groups: int = 1) -> Subscriber:
        """A subscriber of the gateway with at least so many rating groups."""
        for subscriber in self.ics.subscribers.rich:
            if len(subscriber.rating_groups) >= rating_groups:
                return subscriber
        raise not_applicable(f"needs a subscriber of role rich with {rating_groups} rating groups")

    def attach(self, subscriber: Subscriber, groups: int = 1) -> Message:
        """A bearer comes up; the CCR-I that follows. INCONC without one."""
        wanted = " ".join(map(str, subscriber.rating_groups[:groups]))
        self._attached.append(subscriber)
        self.run.hooks.call("attach", imsi=subscriber.imsi, apn=subscriber.apn, rating_groups=wanted)
        return self.ccr(INITIAL)

    def attach_only(self, subscriber: Subscriber) -> None:
        """A bearer comes up, whoever hears of it."""
        self._attached.append(subscriber)
        wanted = str(subscriber.rating_groups[0])
        self.run.hooks.call("attach", imsi=subscriber.imsi, apn=subscriber.apn, rating_groups=wanted)

    def use(self, subscriber: Subscriber, octets: int, group: int | None = None, up: int = 0) -> int:
        """Traffic of a rating group, downlink and `up`; how much of it the gateway let pass."""
        group = subscriber.rating_groups[0] if group is None else group
        text = self.run.hooks.call("use", imsi=subscriber.imsi, rating_group=group, down=octets, up=up)
        try:
            return int(text.strip() or -1)
        except ValueError:
            raise inconclusive(f"hook use printed {text.strip()!r}, not the octets that passed") from None

    def detach(self, subscriber: Subscriber) -> None:
        """The bearer goes down."""
        self._attached = [one for one in self._attached if one is not subscriber]
        self.run.hooks.call("detach", imsi=subscriber.imsi)

    def alternate(self) -> Station:
        """The tester as the gateway's second OCS: it grants, and it has heard nothing yet. The first one is trusted."""
        second = self.station.alternate
        if second is None:
            raise not_applicable("needs a gateway that dials sut.alternate as its second OCS")
        second.listen()
        if not self.until(lambda: second.connections > 0, self.ics.timers.reconnect_seconds + 1):
            raise inconclusive("the gateway does not dial sut.alternate")
        rounds = ROUNDS_OF_TRUST * (self.ics.timers.watchdog_seconds + 2)
        if not self.until(self._trusts, rounds):
            raise inconclusive(f"not {ROUNDS_OF_TRUST} watchdogs within {rounds:g} s after a new connection")
        self.quiet()
        second.script = self.granting(1_000_000, station=second)
        second.received.clear()
        return second

    def _trusts(self) -> bool:
        """The first OCS has never been lost, or has given three watchdogs since (RFC 3539 3.4.1)."""
        commands = [message.command for message in list(self.station.received)]
        last = max(place for place, command in enumerate(commands) if command == CER)
        return commands.count(CER) == 1 or commands[last:].count(DWR) >= ROUNDS_OF_TRUST

    # --- what the tester answers and sees -----------------------------------------------------------------------------

    def script(self, script: Script) -> None:
        """How CCRs are answered from now on."""
        self.station.script = script

    def granting(self, octets: int, *more: bytes, code: int = 2001, station: Station | None = None) -> Script:
        """A script: `octets` for every MSCC that asks, with `more` in it; the others get their Result-Code."""
        who = station or self.station

        def answer(ccr: Message) -> bytes:
            services = []
            for service in ccr.services:
                asks = service.tree.first("Requested-Service-Unit") is not None
                services.append(grant(service.rating_group, octets, more=more) if asks else grant(service.rating_group))
            if ccr.tree.number("CC-Request-Type") == TERMINATION:
                services = []
            return who.answer(ccr, *services, code=code)

        return answer

    def ccrs(self, kind: int | None = None) -> list[Message]:
        """CCRs of this case."""
        return [
            one
            for one in list(self.station.received[self._start :])
            if one.command == CCR and (kind is None or one.tree.number("CC-Request-Type") == kind)
        ]

    def ccr(self, kind: int, *, number: int = 1, within: float | None = None) -> Message:
        """The CCR of a type, the `number`th of this case; the case fails if it does not come."""
        seconds = self.ics.timers.answer_seconds if within is None else within
        found = self.maybe_ccr(kind, number=number, within=seconds)
        if found is None:
            words = {1: "CCR-I", 2: "CCR-U", 3: "CCR-T"}[kind]
            raise Failed(
                Finding(self.rows[0], Verdict.FAIL, f"{words} number {number} within {seconds:g} s", "it does not come")
            )
        return found

    def maybe_ccr(self, kind: int, *, number: int = 1, within: float | None = None) -> Message | None:
        """As `ccr`, but None if it does not come."""
        seconds = self.ics.timers.quiet_seconds if within is None else within
        self.station.await_request(lambda _: len(self.ccrs(kind)) >= number, seconds, self._start)
        found = self.ccrs(kind)
        return found[number - 1] if len(found) >= number else None

    def quiet(self, seconds: float | None = None) -> None:
        """Lets time pass."""
        time.sleep(self.ics.timers.quiet_seconds if seconds is None else seconds)

    def until(self, good: Callable[[], bool], within: float) -> bool:
        """Whether something comes true in time."""
        deadline = time.monotonic() + within
        while not good():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    # --- judgement ----------------------------------------------------------------------------------------------------

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

    def close(self) -> None:
        """Takes every bearer down, with an OCS that answers everything."""
        self.script(self.granting(1_000_000))
        self.station.capabilities = self.station.capable
        self.station.watchdog = self.station.plain
        self.station.listen()
        if self.station.alternate is not None:
            self.station.alternate.script = self.granting(1_000_000, station=self.station.alternate)
        for subscriber in list(self._attached):
            self.detach(subscriber)
        self.quiet(0.05)


def used_octets(ccr: Message, group: int | None = None) -> int:
    """CC-Total-Octets of the reports in a CCR, of one rating group if it is given."""
    return sum(
        item.number or 0
        for service in ccr.services
        if group is None or service.rating_group == group
        for item in service.tree.all("Used-Service-Unit", "CC-Total-Octets")
    )
