"""One Gy session as an Open5GS v2.7.7 SMF has it: what it sends, what it ignores, and what it gets wrong.

Told from captured messages of a real one, octet by octet where they show it. What it does not know of Gy it does not do
here either: one MSCC for the whole bearer, without rating group; no CC-Total-Octets in what it reports; no failure
handling, no repeat, no failover; a RAR is acknowledged and forgotten; success without units is free traffic.

Not seen in any capture, and so a guess: what passes while a report waits for its answer (here: what is left of the
quota), what a silent OCS does to it (the session hangs until the user leaves), and ASR (refused).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import msgspec

from ocs.gy.messages import (
    APPLICATION_ID,
    AllocationRetentionPriority,
    Asa,
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    ErrorAnswer,
    FinalUnitIndication,
    MultipleServicesCreditControl,
    QosInformation,
    Raa,
    Rar,
    ReportingReason,
    RequestedAction,
    RequestedServiceUnit,
    ResultCode,
    ServiceInformation,
    TerminationCause,
    UsedServiceUnit,
    UserEquipmentInfo,
)
from ocs.units import SECOND
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.losses import NO_ANSWER, NOT_SENT, RESTART, Losses
from sim.pgw.messages import acknowledge, pattern, service_information
from sim.pgw.quota import UNLIMITED
from sim.pgw.states import processed

_WISH: Final = RequestedServiceUnit(cc_total_octets=1_000_000)
_QOS: Final = QosInformation(
    qos_class_identifier=9,
    allocation_retention_priority=AllocationRetentionPriority(
        priority_level=8, pre_emption_capability=1, pre_emption_vulnerability=1
    ),
    apn_aggregate_max_bitrate_ul=50_000_000,
    apn_aggregate_max_bitrate_dl=100_000_000,
)
_BREATH: Final = SECOND
"""A grant of nothing makes it ask again at once, for ever. Here once a second, or no time would pass."""


class _State(IntEnum):
    IDLE = 0
    PENDING = 1
    OPEN = 2
    LEAVING = 3
    CLOSING = 4
    ENDED = 5


class Open5gsSession(Losses):
    """See the module, and `CtfSession` for what the methods mean: both are `GySession`s."""

    def __init__(self, settings: Settings, session_id: str, bearer: Bearer) -> None:
        super().__init__()
        self.session_id = session_id
        self._settings = settings
        self._state = _State.IDLE
        self._attached = False
        self._number = 0
        self._pattern = pattern(settings, session_id, bearer)
        self._pattern.origin_state_id = self._pattern.user_equipment_info = None
        self._pattern.requested_action = RequestedAction.DIRECT_DEBITING
        self._pattern.aoc_request_type = 1
        self._bearer = bearer
        self._outstanding: Ccr | None = None
        self._up = self._down = 0
        self._used: dict[int, int] = defaultdict(int)
        """Octets that are in no report yet, by rating group: the OCS is told their sum."""
        self._sent: dict[int, int] = {}
        """Those of the report on its way."""
        self._since = 0
        """From when on they are counted."""
        self._limit = self._mark = 0
        """Octets that may pass in all since then; and where the next report is due."""
        self._time_ends_at: int | None = None
        self._validity_ends_at: int | None = None
        self._asks_at: int | None = None
        self._final = False
        self._reason: ReportingReason | None = None
        self._told_reason: ReportingReason | None = ReportingReason.FINAL
        """What the CCR-T says."""
        self._end_code: int | None = None
        self._reported: dict[int, int] = defaultdict(int)

    # --- the data path's side -----------------------------------------------------------------------------------------

    def attach(self, now: int, rating_groups: Sequence[int]) -> None:
        """It asks for the bearer as a whole."""
        self._attached = True

    def demand(self, rating_group: int, now: int) -> None:
        """It has asked already."""

    def passable(self, rating_group: int) -> int:
        """The same for every rating group."""
        return max(0, self._mark - sum(self._used.values())) if self._state in _PASSING else 0

    def count(self, rating_group: int, up: int, down: int, now: int) -> None:
        """ValueError if it was more than `passable`."""
        if up + down > self.passable(rating_group):
            raise ValueError(f"{up + down} octets passed, {self.passable(rating_group)} had quota")
        self._up += up
        self._down += down
        self._used[rating_group] += up + down
        if sum(self._used.values()) == self._mark and self._state is _State.OPEN:
            if self._mark < self._limit:
                self._reason, self._mark = ReportingReason.THRESHOLD, self._limit
            elif self._final:
                self._end_code = ResultCode.CREDIT_LIMIT_REACHED
                self._leave()
            elif self._reason is None:
                self._reason = ReportingReason.QUOTA_EXHAUSTED

    def change(self, trigger: int, bearer: Bearer, now: int) -> None:
        """Later CCRs tell the new conditions; no trigger is known."""
        self._bearer = bearer

    def detach(self, now: int) -> None:
        """The bearer is gone; a CCR-T is sent, even while a CCR-U waits."""
        if self._state is _State.IDLE or (self._state is _State.PENDING and self._number == 1):
            self._doubt(NO_ANSWER)
            self._state, self._outstanding = _State.ENDED, None
        elif self._state in (_State.OPEN, _State.PENDING):
            self._doubt(NO_ANSWER)
            self._outstanding = None
            self._leave()

    # --- Gy's side ----------------------------------------------------------------------------------------------------

    def next_request(self, now: int) -> Ccr | None:
        """What to send now, if anything."""
        if self._outstanding is not None:
            return None
        if self._state is _State.IDLE and self._attached:
            self._state, self._since = _State.PENDING, now
            return self._send(CcRequestType.INITIAL, now, MultipleServicesCreditControl(requested_service_unit=_WISH))
        if self._state is _State.LEAVING:
            self._state = _State.CLOSING
            told = () if self._told_reason is None else (self._told_reason,)
            mscc = MultipleServicesCreditControl(used_service_unit=self._report(None, now), reporting_reason=told)
            return self._send(CcRequestType.TERMINATION, now, mscc)
        if self._state is _State.OPEN and self._reason is not None:
            self._state, reason, self._reason = _State.PENDING, self._reason, None
            outside = reason is ReportingReason.VALIDITY_TIME
            rest = self._limit - sum(self._used.values())
            mscc = MultipleServicesCreditControl(
                requested_service_unit=_WISH,
                used_service_unit=self._report(None if outside else reason, now),
                reporting_reason=(reason,) if outside else (),
            )
            self._limit = self._mark = max(0, rest)
            self._time_ends_at = self._validity_ends_at = self._asks_at = None
            return self._send(CcRequestType.UPDATE, now, mscc)
        return None

    def on_answer(self, answer: Cca | ErrorAnswer | None, now: int) -> None:
        """Silence changes nothing, but for the end of a session."""
        request = self._outstanding
        if request is None:
            return
        closing = self._state is _State.CLOSING
        if answer is None:
            if closing:
                self._doubt(NO_ANSWER)
                self._outstanding = None
                self._end(NOT_SENT)
            return
        if isinstance(answer, Cca) and answer.cc_request_number != request.cc_request_number:
            return
        self._outstanding = None
        if isinstance(answer, Cca) and self._pattern.destination_host is None:
            self._pattern.destination_host = answer.origin_host
        code = int(answer.result_code)
        self._settle(code)
        if closing:
            self._end(str(code))
            return
        services = answer.multiple_services_credit_control if isinstance(answer, Cca) else ()
        service = services[0] if services else None
        own = None if service is None else service.result_code
        initial = request.cc_request_type is CcRequestType.INITIAL
        if code != ResultCode.SUCCESS:
            self._end_code = code
            if initial:
                self._end(str(code))
            else:
                self._refused()
        elif own is not None and own != ResultCode.SUCCESS:
            self._end_code = int(own)
            self._told_reason = None if initial else ReportingReason.FINAL
            self._refused()
        else:
            self._state = _State.OPEN
            self._obey(service, now)

    def on_push(self, push: Rar | Asr, now: int) -> Raa | Asa:
        """RAR: success, and that is all."""
        if isinstance(push, Asr):
            return acknowledge(self._settings, push, ResultCode.UNABLE_TO_COMPLY)
        known = self._state in _PASSING
        reply = acknowledge(self._settings, push, ResultCode.SUCCESS if known else ResultCode.UNKNOWN_SESSION_ID)
        assert isinstance(reply, Raa)
        reply.auth_application_id = APPLICATION_ID
        return reply

    def lose(self, cause: str = RESTART) -> None:
        """The gateway has forgotten it."""
        self._doubt(cause)
        self._outstanding = None
        self._end(cause)

    def move(self) -> None:
        """It never does."""

    def next_deadline(self) -> int | None:
        """Time quota, validity, and the next question after a grant of nothing."""
        if self._state is not _State.OPEN:
            return None
        moments = (self._time_ends_at, self._validity_ends_at, self._asks_at)
        return min((at for at in moments if at is not None), default=None)

    def tick(self, now: int) -> None:
        """Time has passed; what has passed until now is counted."""
        if self._state is not _State.OPEN or self._reason is not None:
            return
        if any(at is not None and now >= at for at in (self._time_ends_at, self._asks_at)):
            self._reason = ReportingReason.QUOTA_EXHAUSTED
        elif self._validity_ends_at is not None and now >= self._validity_ends_at:
            self._reason = ReportingReason.VALIDITY_TIME

    # --- what device, driver and skin can see -------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """See `CtfSession`."""
        return self._state is _State.OPEN or (self._state is _State.PENDING and self._number > 1)

    @property
    def ended(self) -> bool:
        """See `CtfSession`."""
        return self._state is _State.ENDED

    @property
    def uncontrolled(self) -> str | None:
        """It knows no failure handling; success without units, which it takes for free traffic, is told at the end."""
        return None

    @property
    def outstanding(self) -> Ccr | None:
        """See `CtfSession`."""
        return self._outstanding

    @property
    def repeated(self) -> bool:
        """It never repeats."""
        return False

    @property
    def may_move(self) -> bool:
        """It has one OCS."""
        return False

    @property
    def watches_changes(self) -> bool:
        """It knows no triggers."""
        return False

    @property
    def destination_host(self) -> str | None:
        """See `CtfSession`."""
        return self._pattern.destination_host

    def refused(self, rating_group: int) -> int | None:
        """See `CtfSession`."""
        return self._end_code

    def final_units(self, rating_group: int) -> FinalUnitIndication | None:
        """It has nowhere to send the user."""
        return None

    @property
    def reported(self) -> dict[int, int]:
        """See `CtfSession`."""
        return self._reported

    # --- inside -------------------------------------------------------------------------------------------------------

    def _send(self, kind: CcRequestType, now: int, mscc: MultipleServicesCreditControl) -> Ccr:
        mscc.qos_information = _QOS
        initial = kind is CcRequestType.INITIAL
        self._outstanding = request = msgspec.structs.replace(
            self._pattern,
            cc_request_type=kind,
            cc_request_number=self._number,
            event_timestamp=now // SECOND + self._settings.clock_skew_seconds,
            termination_cause=TerminationCause.LOGOUT if kind is CcRequestType.TERMINATION else None,
            multiple_services_indicator=0 if initial else None,
            multiple_services_credit_control=(mscc,),
            service_information=_conditions(self._bearer, initial),
        )
        self._number += 1
        return request

    def _report(self, reason: ReportingReason | None, now: int) -> tuple[UsedServiceUnit, ...]:
        used = UsedServiceUnit(
            reporting_reason=reason,
            cc_time=(now - self._since) // SECOND,
            cc_input_octets=self._up,
            cc_output_octets=self._down,
        )
        self._sent, self._used = dict(self._used), defaultdict(int)
        self._up = self._down = 0
        self._since = now
        return (used,)

    def _settle(self, code: int) -> None:
        """What was told is told, or, where the OCS did not take it, forgotten."""
        for rating_group, octets in self._sent.items():
            if processed(code):
                self._reported[rating_group] += octets
            else:
                self._lost(rating_group, str(code), octets)
        self._sent = {}

    def _doubt(self, cause: str) -> None:
        for rating_group, octets in self._sent.items():
            self._told_in_vain(self._number - 1, rating_group, cause, octets)
        self._sent = {}

    def _obey(self, service: MultipleServicesCreditControl | None, now: int) -> None:
        """The grant. Without octets in all, or time, there is no limit."""
        granted = None if service is None else service.granted_service_unit
        octets = None if granted is None else granted.cc_total_octets
        self._since = now
        self._limit = UNLIMITED if octets is None else octets
        threshold = 0 if service is None or octets is None else service.volume_quota_threshold or 0
        self._mark = self._limit - threshold if 0 < threshold < self._limit else self._limit
        self._final = service is not None and service.final_unit_indication is not None and octets is not None
        if granted is not None and granted.cc_time is not None:
            self._time_ends_at = now + granted.cc_time * SECOND
        if service is not None and service.validity_time is not None:
            self._validity_ends_at = now + (service.validity_time or 1) * SECOND
        if octets == 0:
            self._asks_at = now + _BREATH
        elif sum(self._used.values()) >= self._mark:
            self._reason = ReportingReason.QUOTA_EXHAUSTED

    def _refused(self) -> None:
        self._state = _State.OPEN
        self._leave()

    def _leave(self) -> None:
        self._state = _State.LEAVING
        self._mark = self._limit = sum(self._used.values())
        self._reason = None

    def _end(self, cause: str) -> None:
        self._state = _State.ENDED
        for rating_group, octets in self._used.items():
            self._lost(rating_group, cause, octets)
        self._used.clear()


_PASSING: Final = (_State.OPEN, _State.PENDING)


def _conditions(bearer: Bearer, initial: bool) -> ServiceInformation:
    """3GPP-PDP-Type in the CCR-I alone, and the equipment in here."""
    conditions = service_information(bearer)
    known = conditions.ps_information
    assert known is not None
    if not initial:
        known.pdp_type = None
    if bearer.imei is not None:
        known.user_equipment_info = UserEquipmentInfo(
            user_equipment_info_type=0, user_equipment_info_value=bearer.imei.encode("ascii")
        )
    return conditions
