"""One Gy session of the gateway: RFC 8506 7's client and TS 32.299 6.5's quota management, without I/O or clock.

    session = CtfSession(settings, "pgw.example;car-1;wifi;1", bearer)
    session.attach(now, [200])
    while request := session.next_request(now):
        session.on_answer(exchange(request), now)
    if octets := session.passable(200):
        session.count(200, up, down, now)          # then tick(now), and next_request(now) as above

Instants are whole microseconds UTC and never go back. One request is outstanding at most. A CCR-U speaks of the rating
groups that are due and of no other, so that what one payer's messages say never depends on another's traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ocs.gy.messages import (
    Asa,
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    CreditControlFailureHandling,
    ErrorAnswer,
    FinalUnitIndication,
    MultipleServicesCreditControl,
    Raa,
    Rar,
    ReportingReason,
    ResultCode,
    TerminationCause,
)
from ocs.units import SECOND
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.losses import CCFH_CONTINUE, NO_ANSWER, NOT_APPLICABLE, NOT_SENT, RESTART, Losses
from sim.pgw.messages import acknowledge, pattern, service_information
from sim.pgw.quota import RatingGroup
from sim.pgw.states import FATES, Event, State, event_of, processed

__all__ = ["Bearer", "CtfSession", "Settings", "unknown_session"]

_FAILOVER_SUPPORTED: Final = 1
"""RFC 8506 8.4. Without the AVP it is not."""

_IDLE, _OPEN, _PENDING_U = State.IDLE, State.OPEN, State.PENDING_U
"""Looked at with every CCR; an enum's members are not cheap to find."""
_GONE: Final = (State.PENDING_T, State.UNCONTROLLED, State.ENDED)


class CtfSession(Losses):
    """See the module. `session_id` is the caller's: no other session may bear it (RFC 6733 8.8)."""

    __slots__ = (
        "_attached",
        "_cause",
        "_end_code",
        "_flying",
        "_groups",
        "_handling",
        "_lenient",
        "_moves",
        "_number",
        "_outstanding",
        "_pattern",
        "_repeat_due",
        "_repeated",
        "_settings",
        "_state",
        "_termination",
        "_tx_at",
        "session_id",
    )

    def __init__(self, settings: Settings, session_id: str, bearer: Bearer) -> None:
        super().__init__()
        self.session_id = session_id
        self._settings = settings
        self._state = _IDLE
        self._groups: dict[int, RatingGroup] = {}
        self._flying: list[RatingGroup] = []
        """Those that the request outstanding speaks of."""
        self._attached = False
        self._number = 0
        self._outstanding: Ccr | None = None
        self._tx_at: int | None = None
        self._repeated = self._repeat_due = self._lenient = False
        self._moves = False
        """The OCS has said that another one may go on with the session."""
        self._handling = settings.failure_handling
        self._termination: TerminationCause | None = None
        """Why the session is to end, once it is."""
        self._end_code: int | None = None
        """The Result-Code that ended it."""
        self._cause = ""
        """In UNCONTROLLED: why."""
        self._pattern = pattern(settings, session_id, bearer)
        """What all its requests have in common."""

    # --- the data path's side -----------------------------------------------------------------------------------------

    def attach(self, now: int, rating_groups: Sequence[int]) -> None:
        """The bearer is there; the CCR-I will ask for units of `rating_groups` (it may be none yet)."""
        self._attached = True
        for rating_group in rating_groups:
            self._group(rating_group).demand(now)

    def demand(self, rating_group: int, now: int) -> None:
        """Traffic waits for units of `rating_group`. Calling it again changes nothing.

        Where a refusal stands, the OCS is asked again only after `Settings.retry_seconds`, and never after a permanent
        failure (5xxx).
        """
        if self._termination is None and self._state is not State.ENDED:
            group = self._group(rating_group)
            if self._state is not State.UNCONTROLLED:
                group.demand(now)

    def passable(self, rating_group: int) -> int:
        """Octets that may pass now; then the session has something to do (it may be a threshold). 0: none."""
        group = self._groups.get(rating_group)
        return 0 if group is None else group.passable()

    def count(self, rating_group: int, up: int, down: int, now: int) -> None:
        """Octets have passed up to `now`, at most `passable`. ValueError if it was more."""
        group = self._groups.get(rating_group)
        if group is None:
            raise ValueError(f"rating group {rating_group}: {up + down} octets passed, none had quota")
        group.count(up, down, now)
        if group.uncontrolled:
            self._forgo(group, self._cause or NOT_APPLICABLE)

    def change(self, trigger: int, bearer: Bearer, now: int) -> None:
        """A condition has changed: `trigger` is its Trigger-Type (TS 32.299 7.2.236), `bearer` how things are now.

        Where the OCS has armed that trigger, the use so far is reported; later CCRs tell the new conditions.
        """
        self._pattern.service_information = service_information(bearer)
        for group in self._groups.values():
            group.rerate(trigger)

    def detach(self, now: int) -> None:
        """The bearer is gone; a CCR-T will be sent."""
        self._leave(TerminationCause.LOGOUT)

    # --- Gy's side ----------------------------------------------------------------------------------------------------

    def next_request(self, now: int) -> Ccr | None:
        """What to send now, if anything. `repeated` tells whether it is the one outstanding, once more."""
        if self._outstanding is not None:
            return self._repeat(now) if self._repeat_due else None
        groups = self._groups.values()
        if self._state is _OPEN:
            due = [group for group in groups if group.asks or group.reason is not None]
            if not due:
                return None
            if not self._ends_with(due):
                self._state = _PENDING_U
                return self._send(CcRequestType.UPDATE, due, [group.request(now) for group in due], now)
            self._leave(TerminationCause.ADMINISTRATIVE)
        if self._state is State.LEAVING:
            self._state = State.PENDING_T
            told = [group for group in groups if (group.known or group.used) and not group.uncontrolled]
            return self._send(CcRequestType.TERMINATION, told, [group.closing(now) for group in told], now)
        if self._state is _IDLE and self._attached:
            self._state = State.PENDING_I
            return self._send(CcRequestType.INITIAL, list(groups), [group.request(now) for group in groups], now)
        return None

    def on_answer(self, answer: Cca | ErrorAnswer | None, now: int) -> None:
        """The answer to the request outstanding; None: there was none in time, or the request could not be sent.

        What answers another request, or comes too late, is ignored.
        """
        if self._outstanding is None:
            return
        if answer is None:
            self._no_answer(now)
            return
        code = answer.result_code
        services: tuple[MultipleServicesCreditControl, ...] = ()
        if isinstance(answer, Cca):
            if answer.cc_request_number != self._outstanding.cc_request_number:
                return
            if answer.credit_control_failure_handling is not None:
                self._handling = answer.credit_control_failure_handling
            if answer.cc_session_failover is not None:
                self._moves = answer.cc_session_failover == _FAILOVER_SUPPORTED
            if self._pattern.destination_host is None:
                self._pattern.destination_host = answer.origin_host
            services = answer.multiple_services_credit_control
        if processed(code):
            for group in self._flying:
                group.delivered()
        else:
            for group in self._flying:
                group.returned()
        self._move(event_of(code), code, services, now)

    def on_push(self, push: Rar | Asr, now: int) -> Raa | Asa:
        """A RAR or ASR for this session. Its answer; the CCR that it causes follows by `next_request`."""
        if isinstance(push, Rar):
            return acknowledge(self._settings, push, self._reauthorise(push.rating_group))
        if self._state is State.UNCONTROLLED or self._state is State.ENDED:
            return acknowledge(self._settings, push, ResultCode.UNKNOWN_SESSION_ID)
        self._leave(TerminationCause.ADMINISTRATIVE)
        return acknowledge(self._settings, push, ResultCode.SUCCESS)

    def lose(self, cause: str = RESTART) -> None:
        """The gateway has forgotten the session: nothing more is told of it."""
        self._doubt(cause)
        self._outstanding = self._tx_at = None
        self._give_up(cause)

    def move(self) -> None:
        """Another OCS is to go on with it, or to begin with it: whoever answers next is the one (RFC 8506 5.7)."""
        self._pattern.destination_host = self._settings.destination_host

    @property
    def destination_host(self) -> str | None:
        """Who its requests are for; None: whoever serves the realm."""
        return self._pattern.destination_host

    def next_deadline(self) -> int | None:
        """When `tick` has something to do: Tx, validity, holding time, tariff change. None: never, as things are."""
        first = self._tx_at
        if self._state is _OPEN or self._state is _PENDING_U:
            for group in self._groups.values():
                at = group.next_deadline()
                if at is not None and (first is None or at < first):
                    first = at
        return first

    def tick(self, now: int) -> None:
        """Time has passed; what has passed until now is counted."""
        if self._tx_at is not None and now >= self._tx_at:
            self._no_answer(now)
        if self._state is _OPEN or self._state is _PENDING_U:
            for group in self._groups.values():
                group.tick(now)

    # --- what device, driver and skin can see -------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """The CCR-I was granted, and the session is not about to end."""
        return (self._state is _OPEN or self._state is _PENDING_U) and self._termination is None

    @property
    def ended(self) -> bool:
        """Nothing passes any more and no further request will be made."""
        return self._state is State.ENDED

    @property
    def uncontrolled(self) -> str | None:
        """Why everything passes without credit control, if it does: `ccfh_continue` or `4011`."""
        return self._cause or None

    @property
    def outstanding(self) -> Ccr | None:
        """The request whose answer is still waited for."""
        return self._outstanding

    @property
    def repeated(self) -> bool:
        """The request outstanding has been sent before: T flag, and the End-to-End id of the first (RFC 6733 3)."""
        return self._repeated

    @property
    def may_move(self) -> bool:
        """Whether another OCS may be asked: it has not begun, or the OCS has allowed it (CC-Session-Failover)."""
        return self._moves or self._state is _IDLE or self._state is State.PENDING_I

    def refused(self, rating_group: int) -> int | None:
        """The Result-Code that stands against it; 4012 too where its final units are used. None: nothing does."""
        if self._end_code is not None:
            return self._end_code
        group = self._groups.get(rating_group)
        return None if group is None else group.refusal

    def final_units(self, rating_group: int) -> FinalUnitIndication | None:
        """The final-unit action in force: where to send the user, what to let through (RFC 8506 5.6)."""
        group = self._groups.get(rating_group)
        return None if group is None or group.refusal is None else group.final

    @property
    def watches_changes(self) -> bool:
        """The OCS wants to be told at once of some change of the bearer (TS 32.299 7.2.235)."""
        return any(group.watches_changes for group in self._groups.values())

    @property
    def reported(self) -> dict[int, int]:
        """Octets that the OCS has got, by rating group."""
        return {number: group.reported for number, group in self._groups.items()}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _group(self, number: int) -> RatingGroup:
        group = self._groups.get(number)
        if group is None:
            group = self._groups[number] = RatingGroup(number)
            if self._state is State.UNCONTROLLED:
                group.release()
            elif self._lenient:
                group.open_up()
        return group

    def _ends_with(self, due: list[RatingGroup]) -> bool:
        """Final units of TERMINATE are used, and all there is in the session is at its end (RFC 8506 table 4).

        A rating group that only rests, with nothing reserved, may be asked for again: it keeps the session.
        """
        for group in due:
            if group.reason is ReportingReason.FINAL:
                return all(group.over for group in self._groups.values())
        return False

    def _send(
        self, kind: CcRequestType, groups: list[RatingGroup], services: list[MultipleServicesCreditControl], now: int
    ) -> Ccr:
        request = msgspec.structs.replace(
            self._pattern,
            cc_request_type=kind,
            cc_request_number=self._number,
            event_timestamp=now // SECOND + self._settings.clock_skew_seconds,
            multiple_services_credit_control=tuple(services),
        )
        if kind is CcRequestType.INITIAL:
            request.multiple_services_indicator = 1
        elif kind is CcRequestType.TERMINATION:
            request.termination_cause = self._termination
        self._number += 1
        self._outstanding = request
        self._flying = groups
        self._tx_at = now + self._settings.tx_seconds * SECOND
        return request

    def _repeat(self, now: int) -> Ccr | None:
        self._repeat_due = False
        self._repeated = True
        self._tx_at = now + self._settings.tx_seconds * SECOND
        return self._outstanding

    def _no_answer(self, now: int) -> None:
        """Tx is over, or the request could not be sent."""
        self._tx_at = None
        event = Event.NOT_DELIVERED if self._repeated else Event.TX_EXPIRED
        if FATES[self._state][event][self._failure_handling()] is self._state:
            self._repeat_due = True
            if self._handling is CreditControlFailureHandling.CONTINUE and self._termination is None:
                self._lenient = True
                for group in self._groups.values():
                    group.open_up()
            return
        self._doubt(NO_ANSWER)
        self._move(Event.NOT_DELIVERED, None, (), now)

    def _failure_handling(self) -> CreditControlFailureHandling:
        """RFC 8506 5.7: during graceful service termination a failure always ends the service."""
        if any(group.graceful for group in self._groups.values()):
            return CreditControlFailureHandling.TERMINATE
        return self._handling

    def _move(
        self, event: Event, code: int | None, services: tuple[MultipleServicesCreditControl, ...], now: int
    ) -> None:
        """The request outstanding is done: the next state, and what follows from it."""
        before = self._state
        handling = self._handling if event is Event.GRANTED else self._failure_handling()
        self._state = after = FATES[before][event][handling]
        self._outstanding = self._tx_at = None
        self._repeated = self._repeat_due = False
        if after is _OPEN:
            self._obey(services, now)
            if self._termination is not None:
                self._leave(self._termination)
            return
        for group in self._flying:
            group.in_flight = False
        self._lenient = False
        if after is State.UNCONTROLLED:
            self._release(NOT_APPLICABLE if event is Event.NOT_APPLICABLE else CCFH_CONTINUE)
            return
        if before is not State.PENDING_T:
            self._end_code = code
        untold = before is _PENDING_U and code is not None and code != ResultCode.UNKNOWN_SESSION_ID
        if after is State.LEAVING or (untold and any(group.used for group in self._groups.values())):
            self._state = _OPEN
            self._leave(TerminationCause.ADMINISTRATIVE)
        else:
            self._give_up(NOT_SENT if code is None else str(code))

    def _obey(self, services: tuple[MultipleServicesCreditControl, ...], now: int) -> None:
        """Grants and refusals, of each rating group its own."""
        countable = True
        sole = len(self._groups) == 1
        for group in self._flying:
            own = None
            for mscc in services:
                if mscc.rating_group == group.number or (sole and mscc.rating_group is None):
                    own = mscc
                    break
            countable &= group.obey(own, now, self._settings)
            if group.uncontrolled:
                self._forgo(group, NOT_APPLICABLE)
        if self._lenient:
            self._lenient = False
            for group in self._groups.values():
                group.limit_again()
        if not countable:  # RFC 8506 8.17: units of a type that the client does not know end the session.
            self._leave(TerminationCause.BAD_ANSWER)

    def _leave(self, cause: TerminationCause) -> None:
        """The service ends: at once, or when the answer outstanding has come."""
        if self._termination is None:
            self._termination = cause
        for group in self._groups.values():
            group.stop()
        if self._state is _OPEN:
            self._state = State.LEAVING
        elif self._state is _IDLE or self._state is State.UNCONTROLLED:
            self._state = State.ENDED

    def _give_up(self, cause: str) -> None:
        """The session has ended."""
        self._state = State.ENDED
        for group in self._groups.values():
            self._forgo(group, cause)
            group.stop()

    def _doubt(self, cause: str) -> None:
        """Nobody waits for an answer to what the request outstanding tells."""
        if self._outstanding is not None:
            for group in self._flying:
                self._told_in_vain(self._outstanding.cc_request_number, group.number, cause, group.given_up())

    def _forgo(self, group: RatingGroup, cause: str) -> None:
        """What has passed and is in no report yet never will be."""
        self._lost(group.number, cause, group.forgone())

    def _release(self, cause: str) -> None:
        """Credit control is over; the service is not, unless its end was waiting already."""
        self._cause = cause
        for group in self._groups.values():
            self._forgo(group, cause)
            group.release()
        if self._termination is not None:
            self._leave(self._termination)

    def _reauthorise(self, rating_group: int | None) -> ResultCode:
        """RFC 8506 5.5: 2002 if a CCR-U follows, 2001 if what was asked for is on its way already."""
        if self._state in _GONE or self._state is _IDLE:
            return ResultCode.UNKNOWN_SESSION_ID
        if self._termination is not None:
            return ResultCode.SUCCESS
        if rating_group is not None:
            wanted = [self._group(rating_group)]
        else:
            wanted = [group for group in self._groups.values() if group.ongoing]
        follows = [group for group in wanted if not group.in_flight and not group.uncontrolled]
        for group in follows:
            group.reauthorise()
        return ResultCode.LIMITED_SUCCESS if follows else ResultCode.SUCCESS


def unknown_session(settings: Settings, push: Rar | Asr) -> Raa | Asa:
    """What the gateway answers to a push for a session that it does not have (RFC 6733 8.3.2, 8.5.2)."""
    return acknowledge(settings, push, ResultCode.UNKNOWN_SESSION_ID)
