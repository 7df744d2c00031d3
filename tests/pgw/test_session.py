"""What every CCR of the gateway bears, and what the data path may not do."""

from __future__ import annotations

import pytest

from ocs.gy.messages import (
    Asa,
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    Raa,
    Rar,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.units import SECOND
from sim.pgw.session import Bearer, CtfSession, Settings, unknown_session
from tests.pgw.words import answer

SETTINGS = Settings(origin_host="pgw.example", origin_realm="example", destination_realm="ocs.realm")
BEARER = Bearer(
    imsi="001010000000001",
    msisdn="491700000001",
    apn="Fleet.ACME",
    imei="3534906987331900",
    charging_id=77,
    pdp_address="10.45.0.2",
    sgsn_address="192.0.2.7",
    ggsn_address="192.0.2.1",
    nsapi=6,
    serving_plmn="26201",
    rat_type=6,
)
NOW = 1_700_000_000 * SECOND + 999_999


def opened(settings: Settings = SETTINGS, bearer: Bearer = BEARER) -> tuple[CtfSession, Ccr]:
    session = CtfSession(settings, "pgw.example;car-1;Fleet.ACME;1", bearer)
    session.attach(NOW, [100])
    request = session.next_request(NOW)
    assert request is not None
    return session, request


def said(session: CtfSession, words: str, request: Ccr) -> None:
    session.on_answer(answer(words, request), NOW)


def test_a_ccr_tells_who_where_and_when() -> None:
    _, ccr = opened()
    assert ccr.session_id == "pgw.example;car-1;Fleet.ACME;1"
    assert (ccr.origin_host, ccr.origin_realm, ccr.destination_realm) == ("pgw.example", "example", "ocs.realm")
    assert ccr.service_context_id == "32251@3gpp.org"
    assert ccr.event_timestamp == 1_700_000_000
    assert ccr.requested_action is None
    assert [(one.subscription_id_type, one.subscription_id_data) for one in ccr.subscription_id] == [
        (SubscriptionIdType.END_USER_IMSI, "001010000000001"),
        (SubscriptionIdType.END_USER_E164, "491700000001"),
    ]
    assert ccr.user_equipment_info is not None
    assert ccr.user_equipment_info.user_equipment_info_type == 0
    assert ccr.user_equipment_info.user_equipment_info_value == b"3534906987331900"
    assert ccr.service_information is not None
    ps = ccr.service_information.ps_information
    assert ps is not None
    assert (ps.charging_id, ps.pdp_type, ps.pdp_address) == (77, 0, ("10.45.0.2",))
    assert (ps.sgsn_address, ps.ggsn_address) == (("192.0.2.7",), ("192.0.2.1",))
    assert (ps.called_station_id, ps.sgsn_mcc_mnc, ps.nsapi, ps.rat_type) == ("Fleet.ACME", "26201", b"\x06", b"\x06")


def test_what_is_not_known_is_not_sent() -> None:
    _, ccr = opened(bearer=Bearer(imsi="001010000000001", apn="wifi"))
    assert len(ccr.subscription_id) == 1
    assert ccr.user_equipment_info is None
    assert ccr.service_information is not None
    ps = ccr.service_information.ps_information
    assert ps is not None
    assert (ps.charging_id, ps.pdp_address, ps.sgsn_address, ps.ggsn_address) == (None, (), (), ())


def test_from_first_to_last_request() -> None:
    """Numbers from 0, MSI in the first, Destination-Host from the second on, Termination-Cause in the last."""
    session, first = opened()
    said(session, "2001 | 100 2001 1MB", first)
    session.count(100, 400_000, 600_000, NOW + 5 * SECOND)
    second = session.next_request(NOW + 5 * SECOND)
    assert second is not None
    said(session, "2001 | 100 2001 1MB", second)
    session.detach(NOW + 6 * SECOND)
    third = session.next_request(NOW + 6 * SECOND)
    assert third is not None
    requests = [first, second, third]
    assert [r.cc_request_type for r in requests] == [
        CcRequestType.INITIAL,
        CcRequestType.UPDATE,
        CcRequestType.TERMINATION,
    ]
    assert [r.cc_request_number for r in requests] == [0, 1, 2]
    assert [r.multiple_services_indicator for r in requests] == [1, None, None]
    assert [r.destination_host for r in requests] == [None, "ocs.example", "ocs.example"]
    assert [r.termination_cause for r in requests] == [None, None, 1]
    assert [r.event_timestamp for r in requests] == [1_700_000_000, 1_700_000_005, 1_700_000_006]
    assert [r.subscription_id for r in requests] == [first.subscription_id] * 3
    used = second.multiple_services_credit_control[0].used_service_unit
    assert used == (
        UsedServiceUnit(
            reporting_reason=used[0].reporting_reason,
            cc_total_octets=1_000_000,
            cc_input_octets=400_000,
            cc_output_octets=600_000,
        ),
    )


def test_a_destination_host_that_is_set_stands_from_the_beginning_and_stays() -> None:
    settings = Settings(
        origin_host="pgw.example",
        origin_realm="example",
        destination_realm="example",
        destination_host="ocs7.example",
        origin_state_id=5,
    )
    session, first = opened(settings)
    said(session, "2001 | 100 2001 1MB", first)
    session.detach(NOW)
    last = session.next_request(NOW)
    assert last is not None
    assert (first.destination_host, last.destination_host) == ("ocs7.example", "ocs7.example")
    assert (first.origin_state_id, last.origin_state_id) == (5, 5)


def test_a_changed_condition_stands_in_later_requests() -> None:
    session, first = opened()
    said(session, "2001 | 100 2001 1MB trigger 4", first)
    session.change(4, Bearer(imsi=BEARER.imsi, apn=BEARER.apn, rat_type=1), NOW)
    second = session.next_request(NOW)
    assert second is not None
    assert second.service_information is not None
    assert second.service_information.ps_information is not None
    assert second.service_information.ps_information.rat_type == b"\x01"
    assert second.session_id == first.session_id


def test_more_than_passable_does_not_pass() -> None:
    session, first = opened()
    with pytest.raises(ValueError, match="rating group 100: 1 octets passed, 0 had quota"):
        session.count(100, 1, 0, NOW)
    with pytest.raises(ValueError, match="rating group 200: 1 octets passed, none had quota"):
        session.count(200, 1, 0, NOW)
    said(session, "2001 | 100 2001 1MB", first)
    with pytest.raises(ValueError, match="1000001 octets passed, 1000000 had quota"):
        session.count(100, 1_000_001, 0, NOW)
    session.count(100, 1_000_000, 0, NOW)
    assert session.passable(100) == 0


def test_an_answer_to_another_request_is_ignored() -> None:
    session, first = opened()
    said(session, "2001 | 100 2001 1MB", first)
    said(session, "4012", first)
    session.count(100, 1_000_000, 0, NOW)
    second = session.next_request(NOW)
    assert second is not None
    said(session, "4012", first)
    assert session.next_request(NOW) is None
    assert session.is_open
    said(session, "2001 | 100 2001 2MB", second)
    assert session.passable(100) == 2_000_000


def test_detached_before_anything_was_sent() -> None:
    session = CtfSession(SETTINGS, "s", BEARER)
    session.attach(NOW, [100])
    session.detach(NOW)
    assert session.ended
    assert session.next_request(NOW) is None
    assert session.next_deadline() is None


def test_pushes_for_sessions_that_are_not_here() -> None:
    rar = Rar(
        session_id="other",
        origin_host="ocs.example",
        origin_realm="example",
        destination_realm="example",
        destination_host="pgw.example",
    )
    asr = Asr(
        session_id="other",
        origin_host="ocs.example",
        origin_realm="example",
        destination_realm="example",
        destination_host="pgw.example",
    )
    assert unknown_session(SETTINGS, rar) == Raa(
        session_id="other", origin_host="pgw.example", origin_realm="example", result_code=5002
    )
    assert unknown_session(SETTINGS, asr) == Asa(
        session_id="other", origin_host="pgw.example", origin_realm="example", result_code=5002
    )


def test_the_repeat_is_the_request_itself() -> None:
    session, first = opened(Settings(
        origin_host="pgw.example", origin_realm="example", destination_realm="example", failure_handling=2
    ))  # fmt: skip
    assert not session.repeated
    session.on_answer(None, NOW)
    assert session.next_request(NOW) is first
    assert session.repeated
    assert isinstance(answer("2001", first), Cca)
    said(session, "2001 | 100 2001 1MB", first)
    assert not session.repeated
