"""What CCRs may carry and what answers and pushes always carry, beyond what a worked case says in its words."""

from __future__ import annotations

import msgspec
import pytest

from ocs.charging.commands import Charge, MoveSim, Outcome, Precedence, Provision, SetStatus, TopUp
from ocs.charging.engine import Engine
from ocs.gy.messages import (
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    QosInformation,
    Rar,
    ReportingReason,
    RequestedAction,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    Trigger,
    UsedServiceUnit,
    UserEquipmentInfo,
)
from ocs.units import SECOND
from tests.charging.player import START, world

IMSI, MSISDN = "001010000000001", "491700000001"
ASK = RequestedServiceUnit()


def identity(kind: SubscriptionIdType, data: str) -> SubscriptionId:
    return SubscriptionId(subscription_id_type=kind, subscription_id_data=data)


BY_IMSI = identity(SubscriptionIdType.END_USER_IMSI, IMSI)
BY_MSISDN = identity(SubscriptionIdType.END_USER_E164, MSISDN)


def mscc(group: int | None, ask: RequestedServiceUnit | None = ASK, **fields: object) -> MultipleServicesCreditControl:
    return MultipleServicesCreditControl(rating_group=group, requested_service_unit=ask, **fields)  # type: ignore[arg-type]


def ccr(kind: CcRequestType = CcRequestType.INITIAL, number: int = 0, **fields: object) -> Ccr:
    base = Ccr(
        session_id="s1",
        origin_host="pgw.example",
        origin_realm="visited.example",
        destination_realm="home.example",
        service_context_id="32251@3gpp.org",
        cc_request_type=kind,
        cc_request_number=number,
        subscription_id=(BY_IMSI,),
        multiple_services_indicator=1,
        multiple_services_credit_control=(mscc(200),),
        service_information=ServiceInformation(ps_information=PsInformation(called_station_id="car")),
    )
    return msgspec.structs.replace(base, **fields)


class Desk:
    """An engine in the world of one file, told one thing after the other, a second apart."""

    def __init__(self, name: str, change: dict[str, object] | None = None) -> None:
        self.engine, self.now = Engine("ocs.home", "home.example"), START
        self.engine.apply(Provision(world(name, change), "world"), START)

    def __call__(self, command: Charge | TopUp | SetStatus | MoveSim | Ccr) -> Outcome:
        self.now += SECOND
        return self.engine.apply(Charge(command) if isinstance(command, Ccr) else command, self.now)

    def answer(self, request: Ccr) -> Cca:
        answer = self(request).answer
        assert isinstance(answer, Cca)
        return answer


def test_an_answer_says_what_its_request_was_and_who_answers() -> None:
    answer = Desk("full_car").answer(ccr(number=7))
    assert (answer.session_id, answer.cc_request_type, answer.cc_request_number) == ("s1", CcRequestType.INITIAL, 7)
    assert (answer.origin_host, answer.origin_realm, answer.auth_application_id) == ("ocs.home", "home.example", 4)


def test_refusals_say_it_too() -> None:
    desk = Desk("full_car")
    for request in (ccr(subscription_id=()), ccr(CcRequestType.UPDATE, 3, session_id="s9")):
        answer = desk.answer(request)
        assert answer.result_code != 2001
        assert (answer.session_id, answer.cc_request_number) == (request.session_id, request.cc_request_number)
        assert (answer.origin_host, answer.auth_application_id) == ("ocs.home", 4)


def test_sixty_four_services_in_one_request_are_answered_in_one_answer() -> None:
    desk = Desk("full_car", {"plans.wifi.free_quota.volume": "1 GB"})
    at = ServiceInformation(ps_information=PsInformation(called_station_id="internet"))
    answer = desk.answer(
        ccr(service_information=at, multiple_services_credit_control=tuple(mscc(group) for group in range(64)))
    )
    assert [m.rating_group for m in answer.multiple_services_credit_control] == list(range(64))
    assert {m.result_code for m in answer.multiple_services_credit_control} == {2001}
    assert answer.granted_service_unit is None
    assert answer.validity_time is None


def test_one_unit_type_in_a_grant_and_the_same_one_all_along() -> None:
    desk = Desk("full_car")
    grants = [desk.answer(ccr()).multiple_services_credit_control[0].granted_service_unit]
    for number in (1, 2):
        used = (UsedServiceUnit(cc_total_octets=10, cc_time=3),)
        request = ccr(
            CcRequestType.UPDATE, number, multiple_services_credit_control=(mscc(200, used_service_unit=used),)
        )
        grants.append(desk.answer(request).multiple_services_credit_control[0].granted_service_unit)
    for grant in grants:
        assert grant is not None
        assert {name for name in grant.__struct_fields__ if getattr(grant, name) is not None} == {"cc_total_octets"}


def test_what_3gpp_adds_to_an_mscc_is_taken() -> None:
    desk = Desk("full_car")
    desk(ccr())
    full = mscc(
        200,
        used_service_unit=(UsedServiceUnit(cc_total_octets=5),),
        reporting_reason=(ReportingReason.RATING_CONDITION_CHANGE,),
        trigger=Trigger(trigger_type=(4, 2)),
        qos_information=QosInformation(qos_class_identifier=9),
    )
    outcome = desk(ccr(CcRequestType.UPDATE, 1, multiple_services_credit_control=(full,)))
    (edr,) = outcome.edrs
    assert (edr.units_used, edr.reporting_reason, edr.trigger) == (5, "RATING_CONDITION_CHANGE", "4")


@pytest.mark.parametrize("indicator", [None, 0, 1])
def test_multiple_services_indicator_changes_nothing_where_msccs_name_their_rating_group(indicator: int | None) -> None:
    answer = Desk("full_car").answer(ccr(multiple_services_indicator=indicator))
    assert answer.multiple_services_credit_control[0].granted_service_unit is not None


def test_what_open5gs_sends_beside_is_no_reason_to_refuse() -> None:
    request = ccr(
        multiple_services_indicator=0,
        requested_action=RequestedAction.DIRECT_DEBITING,
        aoc_request_type=1,
        multiple_services_credit_control=(mscc(None, RequestedServiceUnit(cc_total_octets=1_000_000)),),
        service_information=ServiceInformation(ps_information=PsInformation(called_station_id="internet")),
    )
    (granted,) = Desk("full_car").answer(request).multiple_services_credit_control
    assert granted.granted_service_unit is not None
    assert granted.granted_service_unit.cc_total_octets == 1_000_000


@pytest.mark.parametrize(
    "identities",
    [
        (BY_IMSI, BY_MSISDN),
        (BY_MSISDN, BY_IMSI),
        (BY_IMSI,),
        (BY_MSISDN,),
        (identity(SubscriptionIdType.END_USER_NAI, "x@y"), BY_IMSI),
        (
            BY_IMSI,
            identity(SubscriptionIdType.END_USER_SIP_URI, "s"),
            identity(SubscriptionIdType.END_USER_PRIVATE, "p"),
        ),
    ],
    ids=["both", "both, the other way", "IMSI", "E.164", "NAI first", "others behind"],
)
def test_the_same_sim_by_any_of_its_names(identities: tuple[SubscriptionId, ...]) -> None:
    desk = Desk("full_car")
    assert desk.answer(ccr(subscription_id=identities)).result_code == 2001
    used = (UsedServiceUnit(cc_total_octets=9),)
    request = ccr(CcRequestType.UPDATE, 1, multiple_services_credit_control=(mscc(200, used_service_unit=used),))
    assert desk(request).edrs[0].physical_imsi == IMSI


def test_a_later_request_needs_no_subscription_id() -> None:
    desk = Desk("full_car")
    desk(ccr())
    used = (UsedServiceUnit(cc_total_octets=9),)
    later = ccr(
        CcRequestType.UPDATE, 1, subscription_id=(), service_information=None,
        multiple_services_credit_control=(mscc(200, used_service_unit=used),),
    )  # fmt: skip
    outcome = desk(later)
    assert isinstance(outcome.answer, Cca)
    assert outcome.answer.result_code == 2001
    assert outcome.edrs[0].account_id == "d1"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"3568640012345678", "3568640012345678"),
        (bytes.fromhex("5386460021436587"), "3568640012345678"),
        (bytes.fromhex("53864600214365f7"), "356864001234567"),
        (b"", ""),
    ],
    ids=["ASCII", "BCD", "BCD of 15 digits", "nothing"],
)
def test_the_equipment_is_told_in_the_record_however_it_is_written(value: bytes, told: str) -> None:
    equipment = UserEquipmentInfo(user_equipment_info_type=0, user_equipment_info_value=value)
    within = ServiceInformation(
        ps_information=PsInformation(called_station_id="car", user_equipment_info=equipment)
    )  # fmt: skip
    for place in ({"user_equipment_info": equipment}, {"service_information": within}):
        desk = Desk("full_car")
        desk(ccr(**place))
        used = (UsedServiceUnit(cc_total_octets=9),)
        request = ccr(CcRequestType.UPDATE, 1, multiple_services_credit_control=(mscc(200, used_service_unit=used),))
        assert desk(request).edrs[0].imei == told


def test_a_record_names_who_owns_the_sim_at_its_time() -> None:
    desk = Desk("full_car")
    desk(ccr())
    used = (UsedServiceUnit(cc_total_octets=9),)
    owners = []
    for number in (1, 2):
        request = ccr(
            CcRequestType.UPDATE, number, multiple_services_credit_control=(mscc(200, used_service_unit=used),)
        )
        owners.append(desk(request).edrs[0].customer_id)
        desk(MoveSim(IMSI, "insurer", "m1"))
    assert owners == ["acme", "insurer"]


def test_two_addresses_and_odd_location_and_rat_are_no_reason_to_refuse() -> None:
    information = PsInformation(
        called_station_id="car",
        pdp_address=("10.0.0.1", "2001:db8::1"),
        user_location_info=b"\xff",
        rat_type=b"",
        ms_timezone=b"\x99\x99\x99",
        ggsn_address=(),
    )
    desk = Desk("full_car")
    assert desk.answer(ccr(service_information=ServiceInformation(ps_information=information))).result_code == 2001


def test_units_at_command_level_beside_msccs_count_once_and_are_told_to_the_operator() -> None:
    desk = Desk("full_car")
    desk(ccr())
    used = (UsedServiceUnit(cc_total_octets=9),)
    both = ccr(
        CcRequestType.UPDATE, 1, used_service_unit=used,
        multiple_services_credit_control=(mscc(200, used_service_unit=used),),
    )  # fmt: skip
    outcome = desk(both)
    assert [edr.units_used for edr in outcome.edrs] == [9]
    assert len(outcome.alarms) == 1


def test_a_rar_says_whom_it_is_for_and_of_what() -> None:
    desk = Desk("shared_apn", {"plans.wifi.free_quota.volume": "1 MB"})
    desk(ccr())
    (push,) = desk(TopUp(IMSI, "wifi", "1gb", "r1")).pushes
    assert push == Rar(
        session_id="s1",
        origin_host="ocs.home",
        origin_realm="home.example",
        destination_realm="visited.example",
        destination_host="pgw.example",
        auth_application_id=4,
        re_auth_request_type=0,
        rating_group=200,
    )


def test_an_asr_says_whom_it_is_for() -> None:
    desk = Desk("shared_apn", {"peers": [{"origin_host": "pgw.example", "abort": True}]})
    desk(ccr())
    (push,) = desk(SetStatus(IMSI, None, "suspended", "stolen", "r1")).pushes
    assert push == Asr(
        session_id="s1",
        origin_host="ocs.home",
        origin_realm="home.example",
        destination_realm="visited.example",
        destination_host="pgw.example",
        auth_application_id=4,
    )


def test_what_to_refuse_first_under_load() -> None:
    desk = Desk("full_car")
    fleet = ServiceInformation(ps_information=PsInformation(called_station_id="fleet.acme"))
    precedence = desk.engine.precedence
    assert precedence(ccr()) is Precedence.CONSUMER
    assert precedence(ccr(service_information=fleet)) is Precedence.ENTERPRISE
    assert precedence(ccr(subscription_id=())) is Precedence.CONSUMER
    assert precedence(ccr(CcRequestType.UPDATE, 1)) is Precedence.OPEN_SESSION
    assert precedence(ccr(CcRequestType.TERMINATION, 1)) is Precedence.ALWAYS
    desk(ccr())
    assert precedence(ccr()) is Precedence.OPEN_SESSION
    assert sorted(Precedence)[-2:] == [Precedence.ENTERPRISE, Precedence.CONSUMER]


def test_asking_for_the_precedence_changes_nothing() -> None:
    desk, other = Desk("full_car"), Desk("full_car")
    mixed = ccr(subscription_id=(BY_IMSI, identity(SubscriptionIdType.END_USER_E164, "491700000002")))
    desk.engine.precedence(mixed)
    assert desk(mixed) == other(mixed)
