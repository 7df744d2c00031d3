"""Grants in seconds: when time counts, when it stops, and what is told of it (TS 32.299 7.2.159 and 7.2.229)."""

from __future__ import annotations

import pytest

from ocs.gy.messages import (
    Cca,
    Ccr,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    ReportingReason,
)
from ocs.units import SECOND
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.session import CtfSession

WIFI = 200
PGW = Settings(origin_host="pgw.example", origin_realm="example", destination_realm="example")


def grant(seconds: int | None, octets: int | None = None, **beside: int) -> MultipleServicesCreditControl:
    return MultipleServicesCreditControl(
        rating_group=WIFI,
        result_code=2001,
        granted_service_unit=GrantedServiceUnit(cc_time=seconds, cc_total_octets=octets),
        **beside,  # type: ignore[arg-type]
    )


def answered(session: CtfSession, request: Ccr | None, service: MultipleServicesCreditControl, second: float) -> None:
    assert request is not None
    answer = Cca(
        session_id=request.session_id,
        result_code=2001,
        origin_host="ocs.example",
        origin_realm="example",
        cc_request_type=request.cc_request_type,
        cc_request_number=request.cc_request_number,
        multiple_services_credit_control=(service,),
    )
    session.on_answer(answer, int(second * SECOND))


def started(service: MultipleServicesCreditControl) -> CtfSession:
    session = CtfSession(PGW, "pgw;1", Bearer(imsi="001010000000001", apn="wifi"))
    session.attach(0, [WIFI])
    answered(session, session.next_request(0), service, 0)
    return session


def passes(session: CtfSession, second: float, octets: int = 100) -> None:
    session.count(WIFI, 0, octets, int(second * SECOND))
    session.tick(int(second * SECOND))


def told(session: CtfSession, second: float) -> tuple[int | None, int | None, set[ReportingReason | None]]:
    """Seconds, octets and reasons of the request that is due."""
    now = int(second * SECOND)
    session.tick(now)
    request = session.next_request(now)
    assert request is not None
    (service,) = request.multiple_services_credit_control
    (used,) = service.used_service_unit
    reasons = {*service.reporting_reason, used.reporting_reason} - {None}
    return used.cc_time, used.cc_total_octets, reasons


def test_time_begins_with_the_first_octet_and_then_goes_on_until_it_is_used_up() -> None:
    session = started(grant(10))
    assert session.next_deadline() is None
    passes(session, 100)
    assert session.next_deadline() == 110 * SECOND
    assert session.passable(WIFI) > 10**12
    session.tick(110 * SECOND - 1)
    assert session.next_request(110 * SECOND - 1) is None
    assert told(session, 110) == (10, 100, {ReportingReason.QUOTA_EXHAUSTED})
    assert session.passable(WIFI) == 0


def test_time_stops_with_the_traffic_where_the_ocs_says_so() -> None:
    session = started(grant(10, quota_consumption_time=2))
    passes(session, 0)
    passes(session, 1)
    assert session.next_deadline() is None  # it will have stopped before
    passes(session, 100)  # 3 s are used: one, and the two of waiting
    passes(session, 101.5)
    session.detach(200 * SECOND)
    seconds, octets, reasons = told(session, 200)
    assert (seconds, octets, reasons) == (3 + 3, 400, {ReportingReason.FINAL})  # 1.5 s and 2 s: whole seconds are told


def test_steady_traffic_uses_time_up_in_spite_of_quota_consumption_time() -> None:
    session = started(grant(5, quota_consumption_time=2))
    for second in range(5):
        passes(session, second)
    assert session.next_deadline() == 5 * SECOND
    assert told(session, 5) == (5, 500, {ReportingReason.QUOTA_EXHAUSTED})


def test_a_threshold_is_told_and_the_rest_goes_on_until_the_answer() -> None:
    session = started(grant(10, time_quota_threshold=4))
    passes(session, 0)
    assert session.next_deadline() == 6 * SECOND
    session.tick(6 * SECOND)
    request = session.next_request(6 * SECOND)
    assert request is not None
    (used,) = request.multiple_services_credit_control[0].used_service_unit
    assert (used.cc_time, used.reporting_reason) == (6, ReportingReason.THRESHOLD)
    assert session.passable(WIFI) > 0
    assert session.next_deadline() == 10 * SECOND
    session.tick(10 * SECOND)
    assert session.passable(WIFI) == 0


def test_the_new_grant_counts_from_its_answer() -> None:
    session = started(grant(10, time_quota_threshold=4))
    passes(session, 0)
    session.tick(6 * SECOND)
    request = session.next_request(6 * SECOND)
    passes(session, 7)
    answered(session, request, grant(10), 8)
    assert session.next_deadline() == 18 * SECOND
    assert told(session, 18) == (10, 100, {ReportingReason.QUOTA_EXHAUSTED})


@pytest.mark.parametrize(("octets", "second", "seconds"), [(200, 1, 1), (10**9, 10, 10)])
def test_time_and_octets_together_whichever_ends_first(octets: int, second: int, seconds: int) -> None:
    session = started(grant(10, octets))
    passes(session, 0)
    if octets == 200:
        passes(session, 1)
    found = told(session, second)
    assert found[0] == seconds
    assert found[2] == {ReportingReason.QUOTA_EXHAUSTED}


def test_validity_ends_a_grant_in_seconds_too() -> None:
    session = started(grant(100, validity_time=30))
    passes(session, 10)
    assert told(session, 30) == (20, 100, {ReportingReason.VALIDITY_TIME})
    assert session.passable(WIFI) == 0
