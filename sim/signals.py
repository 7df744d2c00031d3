"""SMS centre and call control: messages and calls are charged to the physical SIM, as events and by the second.

A message is a direct debit of one unit (CCR-E, TS 32.274), a call a session of CC-Time (TS 32.260) that reports when
its quota, less the threshold, is used, and is cut when it gets no more. While no OCS serves, messages wait and calls
fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    ErrorAnswer,
    MultipleServicesCreditControl,
    ReportingReason,
    RequestedAction,
    RequestedServiceUnit,
    SubscriptionId,
    SubscriptionIdType,
    TerminationCause,
    UsedServiceUnit,
)
from ocs.units import SECOND
from sim.fleet.cars import Car
from sim.fleet.signals import Signal
from sim.pgw.bearer import Settings

SMS_CONTEXT: Final = "32274@3gpp.org"
VOICE_CONTEXT: Final = "32260@3gpp.org"


class Served(NamedTuple):
    """Ground truth: what the network did for a car, whatever was charged for it."""

    vehicle: str
    unit: str
    """`units` of messages, or `seconds` of calls."""
    at: int
    amount: int


class Core:
    """Both of them, in one world."""

    def __init__(
        self,
        settings: Settings,
        first_number: int,
        ends: int,
        exchange: Callable[[str, Ccr], Cca | ErrorAnswer | None],
        call: Callable[[int, Callable[[int], None]], None],
        down_until: Callable[[], int | None],
    ) -> None:
        """All calls are over when the world `ends`.

        `exchange` a car's request; `call` back at an instant; `down_until`: when an OCS will serve again.
        """
        self.served: list[Served] = []
        self.ends, self.exchange, self.call, self.down_until = ends, exchange, call, down_until
        self._settings = settings
        self._first_number = first_number
        self._numbers: dict[tuple[str, str], int] = {}

    def expect(self, car: Car, signals: Iterator[Signal]) -> None:
        """Have a car's signals come about, one after the other."""
        signal = next(signals, None)
        if signal is None:
            return

        def come(now: int) -> None:
            self._begin(car, signal, now)
            self.expect(car, signals)

        self.call(signal.at, come)

    def request(self, car: Car, context: str, session_id: str, kind: CcRequestType, number: int, now: int) -> Ccr:
        """A request without its services."""
        subscription_id = [
            SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=car.imsi)
        ]
        if car.msisdn is not None:
            subscription_id.append(
                SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_E164, subscription_id_data=car.msisdn)
            )
        return Ccr(
            session_id=session_id,
            origin_host=self._settings.origin_host,
            origin_realm=self._settings.origin_realm,
            destination_realm=self._settings.destination_realm,
            service_context_id=context,
            cc_request_type=kind,
            cc_request_number=number,
            destination_host=self._settings.destination_host,
            origin_state_id=self._settings.origin_state_id,
            event_timestamp=now // SECOND,
            subscription_id=tuple(subscription_id),
            multiple_services_indicator=1 if kind is CcRequestType.INITIAL else None,
        )

    def _begin(self, car: Car, signal: Signal, now: int) -> None:
        down = self.down_until()
        if signal.seconds:
            if down is None:
                _Call(self, car, self._session_id(car, "voice"), signal.seconds, now)
        elif down is not None:
            self.call(down, lambda later: self._begin(car, signal, later))
        else:
            self._send(car, now)

    def _send(self, car: Car, now: int) -> None:
        request = self.request(car, SMS_CONTEXT, self._session_id(car, "sms"), CcRequestType.EVENT, 0, now)
        request.requested_action = RequestedAction.DIRECT_DEBITING
        one = RequestedServiceUnit(cc_service_specific_units=1)
        request.multiple_services_credit_control = (MultipleServicesCreditControl(requested_service_unit=one),)
        service = _service(self.exchange(car.vehicle, request))
        if service is not None and service.granted_service_unit is not None:
            self.served.append(Served(car.vehicle, "units", now, 1))

    def _session_id(self, car: Car, kind: str) -> str:
        """Counts per car and kind, as Session-Ids of its data do per APN."""
        number = self._numbers[car.vehicle, kind] = self._numbers.get((car.vehicle, kind), self._first_number) + 1
        return f"{self._settings.origin_host};{car.vehicle};{kind};{number}"


class _Call:
    """One call, from the first request on."""

    def __init__(self, core: Core, car: Car, session_id: str, seconds: int, now: int) -> None:
        self._core, self._car, self._session_id = core, car, session_id
        self._left = seconds
        self._number = 0
        self._since = now
        self._ask(CcRequestType.INITIAL, None, now)

    def _ask(self, kind: CcRequestType, used: UsedServiceUnit | None, now: int) -> None:
        answer = self._say(kind, used, RequestedServiceUnit(), now)
        service = _service(answer)
        granted = service.granted_service_unit.cc_time if service and service.granted_service_unit else None
        if service is None or not granted:
            if answer is not None and answer.result_code // 1000 == 2:
                self._say(CcRequestType.TERMINATION, None, None, now)  # Cut; the session is open still.
            return
        threshold = service.time_quota_threshold or 0
        lasts = granted - threshold if threshold < granted else granted
        if service.validity_time:
            lasts = min(lasts, service.validity_time)
        self._since = now
        self._core.call(now + min(lasts, self._left) * SECOND, lambda later: self._report(threshold > 0, later))

    def _report(self, threshold: bool, now: int) -> None:
        down = self._core.down_until()
        if down is not None:  # The call goes on; it is told of when somebody listens.
            self._core.call(down, lambda later: self._report(threshold, later))
            return
        seconds = min(self._left, (now - self._since) // SECOND)
        self._left -= seconds
        self._core.served.append(Served(self._car.vehicle, "seconds", now, seconds))
        if self._left and now < self._core.ends:
            reason = ReportingReason.THRESHOLD if threshold else ReportingReason.QUOTA_EXHAUSTED
            self._ask(CcRequestType.UPDATE, UsedServiceUnit(reporting_reason=reason, cc_time=seconds), now)
        else:
            self._say(CcRequestType.TERMINATION, UsedServiceUnit(cc_time=seconds), None, now)

    def _say(
        self, kind: CcRequestType, used: UsedServiceUnit | None, wish: RequestedServiceUnit | None, now: int
    ) -> Cca | ErrorAnswer | None:
        request = self._core.request(self._car, VOICE_CONTEXT, self._session_id, kind, self._number, now)
        self._number += 1
        ends = kind is CcRequestType.TERMINATION
        if ends:
            request.termination_cause = TerminationCause.LOGOUT
        request.multiple_services_credit_control = (
            MultipleServicesCreditControl(
                requested_service_unit=wish,
                used_service_unit=() if used is None else (used,),
                reporting_reason=(ReportingReason.FINAL,) if ends else (),
            ),
        )
        return self._core.exchange(self._car.vehicle, request)


def _service(answer: Cca | ErrorAnswer | None) -> MultipleServicesCreditControl | None:
    """The one service of an answer, where it was granted."""
    if not isinstance(answer, Cca) or answer.result_code // 1000 != 2:
        return None
    (service, *_) = answer.multiple_services_credit_control or (None,)
    return None if service is None or (service.result_code or 2001) // 1000 != 2 else service
