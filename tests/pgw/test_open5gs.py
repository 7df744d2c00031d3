"""The Open5GS personality beside a real Open5GS: fed with the same answers and octets, it sends the same messages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.charging.commands import Provision
from ocs.charging.engine import Engine
from ocs.gy.codec import decode, encode
from ocs.gy.messages import (
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    Rar,
    ReportingReason,
)
from ocs.units import SECOND
from scenarios.cars import car_of
from scenarios.issue import issue
from scenarios.loading import library, load
from scenarios.schema import Faults
from sim.link import MemoryLink
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.open5gs import Open5gsSession
from sim.world import GATEWAY, World
from tests.gy import captures
from tests.pgw.words import FINAL

SESSIONS = sorted({capture.file for capture in captures.ALL})
SMF = Settings(
    origin_host="smf.localdomain",
    origin_realm="localdomain",
    destination_realm="localdomain",
    origin_state_id=1_795_403_871,
    personality="open5gs",
)


def bearer_of(ccr: Ccr) -> Bearer:
    """What the CCR-I says of the bearer."""
    assert ccr.service_information is not None
    ps = ccr.service_information.ps_information
    assert ps is not None
    assert ps.user_equipment_info is not None
    assert ps.nsapi
    assert ps.rat_type
    imsi, msisdn = (one.subscription_id_data for one in ccr.subscription_id)
    return Bearer(
        imsi=imsi,
        msisdn=msisdn,
        apn=ps.called_station_id or "",
        imei=ps.user_equipment_info.user_equipment_info_value.decode(),
        charging_id=ps.charging_id or 0,
        pdp_address=ps.pdp_address[0],
        pdp_address_v6=ps.pdp_address[1] if len(ps.pdp_address) > 1 else None,
        sgsn_address=ps.sgsn_address[0],
        ggsn_address=ps.ggsn_address[0],
        nsapi=ps.nsapi[0],
        serving_plmn=ps.sgsn_mcc_mnc or "",
        rat_type=ps.rat_type[0],
        ms_timezone=ps.ms_timezone,
        user_location_info=ps.user_location_info,
    )


@pytest.mark.parametrize("file", SESSIONS)
def test_it_sends_what_a_real_one_sent_octet_by_octet(file: str) -> None:
    session: Open5gsSession | None = None
    compared = 0
    granted_at = 0
    for capture in (capture for capture in captures.ALL if capture.file == file):
        decoded = decode(capture.octets)
        message = decoded.message
        if isinstance(message, Ccr):
            now = (message.event_timestamp or 0) * SECOND
            if session is None:
                session = Open5gsSession(SMF, message.session_id, bearer_of(message))
                session.attach(now, [])
            for used in message.multiple_services_credit_control[0].used_service_unit:
                # Time counted from the grant, to the second as it was told.
                now = max(granted_at + (used.cc_time or 0) * SECOND, 0)
                up, down = used.cc_input_octets or 0, used.cc_output_octets or 0
                if up + down:
                    session.count(100, up, down, now)
            session.tick(now)
            if message.cc_request_type is CcRequestType.TERMINATION:
                session.detach(now)
            request = session.next_request(now)
            assert request is not None, capture.title
            # A second may have begun between the two clocks; everything else is the same.
            request.event_timestamp = message.event_timestamp
            request.route_record = message.route_record
            assert encode(request, decoded.header, decoded.proxy_info) == capture.octets, capture.title
            compared += 1
        elif isinstance(message, Cca):
            assert session is not None
            granted_at = now
            session.on_answer(message, now)
        elif isinstance(message, Rar):
            assert session is not None
            asked = message
        elif capture.command == "RAA":
            assert session is not None
            known = asked.session_id == session.session_id
            reply = session.on_push(asked, now) if known else None
            if reply is not None:
                assert encode(reply, decoded.header, decoded.proxy_info) == capture.octets
                assert session.next_request(now) is None  # and that is all
    assert session is not None
    assert session.ended
    assert compared >= 1
    assert session.unreported == {}


def answer(request: Ccr, *services: MultipleServicesCreditControl, code: int = 2001) -> Cca:
    return Cca(
        session_id=request.session_id,
        result_code=code,
        origin_host="ocs.localdomain",
        origin_realm="localdomain",
        cc_request_type=request.cc_request_type,
        cc_request_number=request.cc_request_number,
        multiple_services_credit_control=services,
    )


def started(*services: MultipleServicesCreditControl) -> Open5gsSession:
    session = Open5gsSession(SMF, "smf;1", Bearer(imsi="001010000000001", apn="internet"))
    session.attach(0, [1])
    request = session.next_request(0)
    assert request is not None
    session.on_answer(answer(request, *services), 0)
    return session


def grant(octets: int | None = None, **others: int) -> MultipleServicesCreditControl:
    return MultipleServicesCreditControl(
        result_code=2001, granted_service_unit=GrantedServiceUnit(cc_total_octets=octets, **others)
    )


@pytest.mark.parametrize(
    "service",
    [
        (),
        (MultipleServicesCreditControl(result_code=2001),),
        (grant(cc_input_octets=1000, cc_output_octets=1000),),
    ],
    ids=["no MSCC", "no GSU", "octets of each direction"],
)
def test_success_without_octets_in_all_is_free_traffic(service: tuple[MultipleServicesCreditControl, ...]) -> None:
    session = started(*service)
    session.count(1, 10**12, 10**12, SECOND)
    assert session.next_request(SECOND) is None
    session.detach(2 * SECOND)
    request = session.next_request(2 * SECOND)
    assert request is not None
    used = request.multiple_services_credit_control[0].used_service_unit[0]
    assert (used.cc_input_octets, used.cc_output_octets, used.cc_total_octets) == (10**12, 10**12, None)


def test_a_grant_of_nothing_is_asked_for_again_and_again() -> None:
    session = started(grant(0))
    for second in (1, 2, 3):
        assert session.next_deadline() == second * SECOND
        session.tick(second * SECOND)
        request = session.next_request(second * SECOND)
        assert request is not None
        assert request.cc_request_number == second
        session.on_answer(answer(request, grant(0)), second * SECOND)


def test_what_is_told_in_a_request_that_is_not_handled_is_forgotten() -> None:
    session = started(grant(1000))
    session.count(1, 400, 600, SECOND)
    request = session.next_request(SECOND)
    assert request is not None
    used = request.multiple_services_credit_control[0].used_service_unit[0]
    assert used.reporting_reason is ReportingReason.QUOTA_EXHAUSTED
    session.on_answer(answer(request, code=5012), SECOND)
    assert session.unreported == {(1, "5012"): 1000}
    last = session.next_request(SECOND)
    assert last is not None
    assert last.cc_request_type is CcRequestType.TERMINATION


def test_a_silent_ocs_leaves_it_hanging_until_the_user_leaves() -> None:
    session = started(grant(1000))
    session.count(1, 400, 600, SECOND)
    request = session.next_request(SECOND)
    assert request is not None
    session.on_answer(None, 11 * SECOND)
    assert (session.next_deadline(), session.passable(1), session.next_request(60 * SECOND)) == (None, 0, None)
    session.detach(60 * SECOND)
    last = session.next_request(60 * SECOND)
    assert last is not None
    assert (last.cc_request_type, last.cc_request_number) == (CcRequestType.TERMINATION, 2)
    assert [(doubt.cc_request_number, doubt.octets) for doubt in session.doubtful] == [(1, 1000)]


def test_an_asr_is_refused() -> None:
    session = started(grant(1000))
    asr = Asr(
        session_id="smf;1",
        origin_host="ocs",
        origin_realm="example",
        destination_realm="localdomain",
        destination_host="smf.localdomain",
    )
    assert session.on_push(asr, SECOND).result_code == 5012
    assert session.is_open


def test_cars_drive_on_such_a_gateway_and_every_octet_is_charged_to_whoever_pays_for_the_apn() -> None:
    file = load(library()["bad_day"])
    sold = file.provisioning
    whole_apns = [
        split.model_copy(update={"rating_groups": ()}) for split in sold.profiles[0].splits
    ]  # it names no rating group, so each APN has to be one payer's
    profile = sold.profiles[0].model_copy(update={"splits": tuple(whole_apns)})
    scenario = file.model_copy(
        update={
            "provisioning": sold.model_copy(update={"profiles": (profile,)}),
            "fleet": file.fleet[:1],
            "timeline": (),
            "faults": Faults(),
        }
    )
    provisioning, sims = issue(scenario)
    link = MemoryLink(Engine("ocs.example", "example"))
    link.command(Provision(provisioning, "start"), scenario.begins)
    group = scenario.fleet[0]
    cars = [car_of(vehicle, sim, group, scenario, provisioning, 1) for vehicle, sim in sims.items()]
    smf = msgspec.structs.replace(GATEWAY, personality="open5gs")
    world = World(cars, (), scenario.begins, scenario.ends, scenario.zone, 1, link, gateway=smf)
    world.run()
    moved: Counter[str] = Counter()
    for step in world.truth.steps:
        moved[step.apn] += step.octets
    charged: Counter[str] = Counter()
    for edr in link.books.edrs:
        charged[edr.apn] += edr.octets_total
        assert (edr.apn, edr.party) in {("fleet.acme", "b2b"), ("wifi", "b2c")}
    assert moved == charged
    free, bought = 3 * 60_000_000, 100_000_000 * len(world.seen.bought)
    assert free < moved["wifi"] <= free + bought
    codes = {
        mscc.result_code
        for exchange in world.seen.exchanges
        if isinstance(exchange.answer, Cca)
        for mscc in exchange.answer.multiple_services_credit_control
    } | {exchange.answer.result_code for exchange in world.seen.exchanges if exchange.answer is not None}
    assert 4012 in codes
    assert not world.seen.unreported


happenings = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([1, 2]), st.sampled_from([1, 2, 4, 4])),
    st.tuples(st.just("pass"), st.sampled_from([1, 2]), st.sampled_from([1, 2, 4, 4])),
    st.tuples(
        st.just("answer"),
        st.sampled_from([2001, 2001, 2001, 4012, 5012]),
        st.sampled_from([None, 2001, 2001, 4010]),
        st.sampled_from([None, 0, 10, 1000, 1000]),
        st.sampled_from([None, 100]),
        st.booleans(),
    ),
    st.tuples(st.just("silence")),
    st.tuples(st.just("time"), st.integers(0, 5)),
    st.tuples(st.just("detach")),
    st.tuples(st.just("lose")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(happenings, max_size=40))
def test_whatever_comes_every_octet_is_told_once_or_has_its_cause(story: list[tuple[Any, ...]]) -> None:
    session = Open5gsSession(SMF, "smf;1", Bearer(imsi="001010000000001", apn="internet"))
    session.attach(0, [1, 2])
    now, outstanding = 0, session.next_request(0)
    passed: Counter[int] = Counter()
    told = 0
    granted = ("answer", 2001, 2001, 1000, None, False)
    for happening in [granted, *story, ("detach",), ("answer", 2001, 2001, None, None, False)]:
        match happening:
            case ["pass", rating_group, quarters] if not session.ended:
                octets = min(session.passable(rating_group), 10_000) * quarters // 4
                session.count(rating_group, octets // 2, octets - octets // 2, now)
                passed[rating_group] += octets
            case ["answer", code, own, octets, threshold, final] if outstanding is not None:
                service = MultipleServicesCreditControl(
                    result_code=own,
                    granted_service_unit=None if octets is None else GrantedServiceUnit(cc_total_octets=octets),
                    volume_quota_threshold=threshold,
                    final_unit_indication=FINAL["final"] if final else None,
                )
                if session.outstanding is outstanding and code in (2001, 4012):
                    told += sum(
                        (used.cc_input_octets or 0) + (used.cc_output_octets or 0)
                        for mscc in outstanding.multiple_services_credit_control
                        for used in mscc.used_service_unit
                    )
                session.on_answer(answer(outstanding, service, code=code), now)
            case ["silence"]:
                session.on_answer(None, now)
            case ["time", seconds]:
                now += seconds * SECOND
            case ["detach"]:
                session.detach(now)
            case ["lose"]:
                session.lose()
        session.tick(now)
        outstanding = session.next_request(now) or session.outstanding
    assert session.ended
    lost = sum(session.unreported.values())
    assert sum(session.reported.values()) == told
    assert sum(passed.values()) == told + lost
    assert sum(doubt.octets for doubt in session.doubtful) <= lost
