"""One rating group of a session: what may pass, what has passed, and when it has to be told (TS 32.299 6.5).

A report is due with a reason; it gives back the quota it was counted against, used or not. It asks for units again,
except after the holding time and after final units. What passes between a report and its answer counts against the
units that the answer grants.

Octets counted at an instant have passed up to it: those counted at the very instant when validity ends were valid. So
the data path counts first, and ticks afterwards.
"""

from __future__ import annotations

from typing import Final

from ocs.gy.messages import (
    FinalUnitAction,
    FinalUnitIndication,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    ReportingReason,
    RequestedServiceUnit,
    ResultCode,
    Trigger,
)
from ocs.units import SECOND
from sim.pgw.bearer import Settings
from sim.pgw.meter import OF_A_UNIT_TYPE, Meter
from sim.pgw.stopwatch import Stopwatch

UNLIMITED: Final = 2**62
"""Octets that may pass where credit control sets no limit."""
_AS_LONG_AS_TIME_LASTS: Final = 2**61
"""Octets that may pass where the grant counts time alone."""

_SERVER_CHOOSES: Final = RequestedServiceUnit()
"""Requested-Service-Unit without content: the OCS chooses how much to grant (RFC 8506 8.18)."""
_GOES_ON: Final = (
    ReportingReason.THRESHOLD,
    ReportingReason.FORCED_REAUTHORISATION,
    ReportingReason.RATING_CONDITION_CHANGE,
)
"""Reports that leave the rest of the quota in use until their answer comes."""


class RatingGroup(Meter):
    """The quota of one rating group, and the count of its octets."""

    __slots__ = (
        "_asked",
        "_expires_at",
        "_holding",
        "_holds",
        "_last_use_at",
        "_limit",
        "_mark",
        "_retry_at",
        "_threshold",
        "_time",
        "_trigger",
        "_triggers",
        "asks",
        "final",
        "in_flight",
        "known",
        "number",
        "reason",
        "refusal",
        "uncontrolled",
    )

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.asks = False
        """Units are wanted: the next request asks for them."""
        self.reason: ReportingReason | None = None
        """Why a report is due, if one is."""
        self.known = False
        """A request has spoken of it."""
        self.in_flight = False
        """A request that speaks of it waits for its answer."""
        self.refusal: int | None = None
        """The Result-Code that stands against it; CREDIT_LIMIT_REACHED too once final units are used."""
        self.final: FinalUnitIndication | None = None
        """What comes after the units it holds; in force when `refusal` stands as well (RFC 8506 5.6)."""
        self.uncontrolled = False
        """CREDIT_CONTROL_NOT_APPLICABLE: its octets pass, and nobody wants to know of them."""
        self._limit = 0
        """Octets that may pass in all since the last report."""
        self._mark = 0
        """The use at which something is due next: a threshold, or the limit."""
        self._asked = False
        self._holds = False
        """The OCS has units reserved for it."""
        self._threshold = 0
        self._expires_at: int | None = None
        """The end of Validity-Time, be it a grant's or a refusal's."""
        self._retry_at: int | None = None
        """When new demand may make it ask again in spite of the refusal; None: it may not."""
        self._holding = 0
        self._last_use_at = 0
        self._time: Stopwatch | None = None
        """Of a grant in seconds."""
        self._triggers: tuple[int, ...] = ()
        """Changes of the bearer that the OCS wants to know of at once."""
        self._trigger: int | None = None
        """The one that has come."""

    # --- the data path ------------------------------------------------------------------------------------------------

    def passable(self) -> int:
        """Octets that may pass before the session has something to do."""
        left = self._mark - self.used
        return left if left > 0 else 0

    def count(self, up: int, down: int, now: int) -> None:
        """Octets have passed. ValueError where there was no quota for them."""
        if self.used + up + down > self._mark:
            raise ValueError(f"rating group {self.number}: {up + down} octets passed, {self.passable()} had quota")
        self.add(up, down, now)
        self._last_use_at = now
        if self._time is not None:
            self._time.passed(now)
        if self.used == self._mark:
            self._reached()

    def demand(self, now: int) -> None:
        """Traffic waits."""
        unpaid = self._mark == UNLIMITED and not self._holds and not self.uncontrolled
        if (self._mark > self.used and not unpaid) or (self.in_flight and self._asked):
            return
        if self.refusal is not None:
            if self._retry_at is None or now < self._retry_at:
                return
            self.refusal = self.final = None
        self.asks = True

    def open_up(self) -> None:
        """Everything passes, as long as nothing stands against it (failure under CONTINUE)."""
        if self.refusal is None:
            self._mark = UNLIMITED

    def limit_again(self) -> None:
        """Quota counts again."""
        if self._mark == UNLIMITED and not self.uncontrolled:
            self._set_mark()

    def release(self) -> None:
        """Credit control is over: it passes without being counted here, unless it was refused."""
        self.stop()
        if self.refusal is None:
            self.uncontrolled = True
            self._limit = self._mark = UNLIMITED

    def stop(self) -> None:
        """Nothing passes any more, and nothing is due any more."""
        self._limit = self._mark = self.used
        self._expires_at = self._retry_at = self.reason = None
        self._holds = self.asks = False
        # What time was used is still to be told; that of which nobody has asked ends with the session.

    # --- time, and the OCS's and the network's wishes -----------------------------------------------------------------

    def next_deadline(self) -> int | None:
        """When something will be due by itself."""
        if self.in_flight:
            return None if self._time is None else self._time.next_deadline()
        first = self._expires_at
        if self._time is not None and self._holds and self.reason is None:
            at = self._time.next_deadline()
            if at is not None and (first is None or at < first):
                first = at
        if self._switch_at is not None and (first is None or self._switch_at < first):
            first = self._switch_at
        if self._holding and self._holds and self.reason is None:
            idle_at = self._last_use_at + self._holding
            if first is None or idle_at < first:
                first = idle_at
        return first

    def tick(self, now: int) -> None:
        """Time has passed."""
        if self._time is not None:
            self._spend_time(self._time, now)
        if self.in_flight:
            return
        if self._switch_at is not None and now >= self._switch_at:
            self.change_tariff()
        if self._expires_at is not None and now >= self._expires_at:
            self._expire()
        elif self._holding and self._holds and self.reason is None and now >= self._last_use_at + self._holding:
            self.reason = ReportingReason.QHT

    def reauthorise(self) -> None:
        """The OCS wants a report, and to be asked again (RFC 8506 5.5)."""
        if self.reason is None or not self.asks:
            self.reason = ReportingReason.FORCED_REAUTHORISATION
        self.asks = True
        self.refusal = None

    def rerate(self, trigger: int) -> None:
        """A condition of the bearer has changed; reported where the OCS has armed that trigger (TS 32.299 7.2.236)."""
        if trigger in self._triggers and self._trigger is None and self.reason is None:
            self._trigger = trigger
            if self._holds:
                self._tell_change()

    @property
    def watches_changes(self) -> bool:
        """Its grant has armed a trigger."""
        return bool(self._triggers)

    @property
    def ongoing(self) -> bool:
        """It holds units, waits for some, or was refused some: a re-authorisation of the session concerns it."""
        return self._holds or self.asks or self.refusal is not None

    @property
    def over(self) -> bool:
        """Refused, or at the end of its final units: by itself it will not ask again soon."""
        return self.refusal is not None and (
            self.final is None or self.final.final_unit_action is FinalUnitAction.TERMINATE
        )

    @property
    def graceful(self) -> bool:
        """Redirected or restricted."""
        return self.refusal is not None and not self.over

    # --- requests and their answers -----------------------------------------------------------------------------------

    def request(self, now: int) -> MultipleServicesCreditControl:
        """Its part of a CCR-I or CCR-U: the use so far if there was quota for it, and the wish for units."""
        reason = self.reason
        rest = self._limit - self.used if reason in _GOES_ON else 0
        told = self._holds or self.used or reason is ReportingReason.FINAL
        used = self.report(reason, now) if told else ()
        if self._time is not None and used:
            used[0].cc_time = self._time.report(now, goes_on=reason in _GOES_ON)
            if reason not in _GOES_ON:
                self._time = None
        mscc = MultipleServicesCreditControl(
            requested_service_unit=_SERVER_CHOOSES if self.asks else None,
            used_service_unit=used,
            rating_group=self.number,
            reporting_reason=() if reason is None or reason in OF_A_UNIT_TYPE else (reason,),
        )
        if reason is ReportingReason.RATING_CONDITION_CHANGE and self._trigger is not None:
            mscc.trigger = Trigger(trigger_type=(self._trigger,))
        self._asked = self.asks
        self.known = self.in_flight = True
        self.asks = self._holds = False
        self.reason = self._trigger = self._expires_at = None
        self._threshold = 0
        self._limit = self._mark = rest if rest > 0 else 0
        return mscc

    def closing(self, now: int) -> MultipleServicesCreditControl:
        """Its part of a CCR-T: the use so far, be it nothing."""
        self.reason = ReportingReason.FINAL
        self.asks = False
        return self.request(now)

    def obey(self, mscc: MultipleServicesCreditControl | None, now: int, settings: Settings) -> bool:
        """What the answer says of it; None: nothing. False if it grants units that cannot be counted here.

        An MSCC without Result-Code is a success (RFC 8506 5.1.2).
        """
        self.in_flight = False
        self._limit = self._mark = self.used
        code = ResultCode.SUCCESS if mscc is None or mscc.result_code is None else mscc.result_code
        # A Validity-Time of nothing would have it ask for ever, without time going on.
        validity = None if mscc is None or mscc.validity_time is None else now + (mscc.validity_time or 1) * SECOND
        granted = None if mscc is None else mscc.granted_service_unit
        if code // 1000 != 2:
            self._answer_error(code, validity, now, settings)
        elif granted is not None and _in_other_units(granted):
            return False
        elif mscc is not None and granted is not None and (granted.cc_total_octets or granted.cc_time):
            octets = granted.cc_total_octets
            limit = _AS_LONG_AS_TIME_LASTS if octets is None else octets
            self._grant(mscc, limit, granted.cc_time, granted.tariff_time_change, validity, now, settings)
        elif mscc is not None and mscc.final_unit_indication is not None:
            self._end(mscc.final_unit_indication)
            self._expires_at = validity
            if self.over:
                self.reason = ReportingReason.FINAL
                self._retry_at = now + settings.retry_seconds * SECOND
        elif self._asked:
            # Success, but no units: taking that for free traffic would be a gift (and asking again at once a loop).
            self._refuse(ResultCode.CREDIT_LIMIT_REACHED, validity, now + settings.retry_seconds * SECOND)
        elif self.refusal is not None:
            self._expires_at = validity
            if validity is None:
                self._retry_at = now + settings.retry_seconds * SECOND
        return True

    # --- inside -------------------------------------------------------------------------------------------------------

    def _reached(self) -> None:
        """The use has come to the mark."""
        if self.reason is not None or not self._holds:
            return
        if self.used < self._limit:
            self.reason = ReportingReason.THRESHOLD
            self.asks = True
            self._mark = self._limit
        elif self.final is None:
            self.reason = ReportingReason.QUOTA_EXHAUSTED
            self.asks = True
        else:
            self._end(self.final)
            self.reason = ReportingReason.FINAL if self.over else ReportingReason.QUOTA_EXHAUSTED

    def _spend_time(self, time: Stopwatch, now: int) -> None:
        """Time has come to its threshold, or to its end, after which nothing passes."""
        if time.over(now):
            self._limit = self._mark = self.used
            if self._holds and self.reason is None and not self.in_flight:
                self._reached()
        elif self._holds and self.reason is None and time.due(now):
            time.warned()
            self.reason = ReportingReason.THRESHOLD
            self.asks = True

    def _end(self, final: FinalUnitIndication) -> None:
        """Final units are used: the action begins."""
        self.final = final
        self.refusal = ResultCode.CREDIT_LIMIT_REACHED
        self.asks = False
        self._retry_at = None

    def _expire(self) -> None:
        """Validity-Time is over: of units, which are valid no longer, or of a refusal or redirection."""
        self._expires_at = None
        if self.reason is ReportingReason.FINAL:
            return
        self._limit = self.used
        if self._mark != UNLIMITED:
            self._mark = self.used
        self.refusal = None
        self.asks = True
        if self.reason is None:
            self.reason = ReportingReason.VALIDITY_TIME

    def _answer_error(self, code: int, validity: int | None, now: int, settings: Settings) -> None:
        if code == ResultCode.CREDIT_CONTROL_NOT_APPLICABLE:
            self.refusal = self.final = None
            self.release()
            return
        # A permanent failure is not asked for again (RFC 6733 7.1.5; RFC 8506 4.1.3 of RATING_FAILED).
        retry_at = now + settings.retry_seconds * SECOND if code // 1000 == 4 else None
        self._refuse(code, validity, retry_at)

    def _refuse(self, code: int, validity: int | None, retry_at: int | None) -> None:
        self.refusal = code
        self.final = None
        self.asks = False
        self._expires_at = validity
        self._retry_at = retry_at

    def _grant(
        self,
        mscc: MultipleServicesCreditControl,
        octets: int,
        seconds: int | None,
        tariff_time_change: int | None,
        validity: int | None,
        now: int,
        settings: Settings,
    ) -> None:
        self.refusal = self._retry_at = None
        self.final = mscc.final_unit_indication
        self.asks = False
        self._holds = True
        self._limit = octets
        self._expires_at = validity
        self._last_use_at = now
        holding = mscc.quota_holding_time
        self._holding = (settings.quota_holding_seconds if holding is None else holding) * SECOND
        self._triggers = () if mscc.trigger is None else mscc.trigger.trigger_type
        self._threshold = mscc.volume_quota_threshold or 0
        self._time = None
        if seconds is not None:
            self._time = Stopwatch(seconds, mscc.time_quota_threshold or 0, mscc.quota_consumption_time or 0)
            if self.used:
                self._time.passed(now)
        change_at = 0 if tariff_time_change is None else (tariff_time_change - settings.clock_skew_seconds) * SECOND
        if change_at <= now:
            self.no_tariff_change(now)
        else:
            self.await_tariff_change(change_at)
        if self._trigger is not None:  # It changed while the request was on its way.
            self._tell_change()
        self._set_mark()

    def _tell_change(self) -> None:
        self.reason = ReportingReason.RATING_CONDITION_CHANGE
        self.asks = True

    def _set_mark(self) -> None:
        """Where the next report is due; the use may have come there already."""
        ahead = 0 < self._threshold < self._limit and self.reason is None
        self._mark = self._limit - self._threshold if ahead else self._limit
        if self.used >= self._mark:
            self._reached()


def _in_other_units(granted: GrantedServiceUnit) -> bool:
    """Units that this gateway does not count: money, events, or octets of one direction."""
    return (
        granted.cc_money is not None
        or granted.cc_service_specific_units is not None
        or granted.cc_input_octets is not None
        or granted.cc_output_octets is not None
    )
