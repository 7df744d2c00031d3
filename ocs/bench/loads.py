"""The SIMs and CCRs that the measurements use."""

from __future__ import annotations

from decimal import Decimal

from ocs.catalogue.plans import Bundle, PostpaidIndividual, PrepaidIndividual, Quota, UnitPrice
from ocs.catalogue.profiles import Profile, Split
from ocs.gy.messages import (
    AllocationRetentionPriority,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    QosInformation,
    ReportingReason,
    RequestedAction,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
    UserEquipmentInfo,
)
from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.provisioning import Account, Provisioning, Sim

SLICE_OCTETS = 1_000_000
FLEET, NAVIGATION, WIFI = 100, 101, 200
"""Rating groups: two of the car maker, one of the driver."""
EVENT_SECONDS = 1_767_225_600
"""Event-Timestamp of every request: 2026-01-01. A served OCS sees that it is stale, and takes the time of receipt."""
_APN = "car.acme"
_CHARGING_IDS = 0x5A000000


def provisioning(sims: int) -> Provisioning:
    """Cars with one APN for both payers: a postpaid split, and a prepaid one with an allowance that never ends."""
    quota = Quota(slice=SLICE_OCTETS)
    endless = Bundle(id="endless", volume=10**15, valid=366 * 86_400)
    price = UnitPrice(price=Decimal("0.02"))
    plans = (
        PostpaidIndividual(
            id="fleet",
            kind="postpaid_individual",
            included=50_000_000,
            recurring=Decimal("1.2"),
            overage=price,
            quota=quota,
        ),
        PrepaidIndividual(
            id="wifi", kind="prepaid_individual", free_quota=endless, quota=quota, on_exhaustion="block_rg"
        ),
    )
    splits = (
        Split(id="fleet", party="b2b", payer="acme", apn=_APN, rating_groups=(FLEET, NAVIGATION), plan="fleet"),
        Split(id="wifi", party="b2c", payer="driver", apn=_APN, rating_groups=(WIFI,), plan="wifi"),
    )
    return Provisioning(
        accounts=(Account(id="acme", kind="company"), Account(id="driver", kind="customer")),
        plans=plans,
        profiles=(Profile(id="car", splits=splits),),
        sims=tuple(
            Sim(imsi=imsi(n), iccid=complete_iccid(f"8999901{n:011d}"), account="acme", profile="car")
            for n in range(sims)
        ),
    )


def imsi(number: int) -> str:
    """The IMSI of SIM `number` (from 0)."""
    return f"00101{number:010d}"


def _msisdn(number: int) -> str:
    return f"49170{number:07d}"


def _session_id(session: int) -> str:
    return f"pgw.example;1795403934;{session:06d};bench"


def identities(session: int, sim: int) -> tuple[bytes, ...]:
    """What tells the octets of one session's requests from another's: of the same lengths for all (up to a million)."""
    return (
        _session_id(session).encode(),
        imsi(sim).encode(),
        _msisdn(sim).encode(),
        (_CHARGING_IDS + session).to_bytes(4),
    )


def ccr(
    kind: CcRequestType,
    session: int,
    number: int,
    sim: int,
    rating_groups: tuple[int, ...],
    hot: bool = False,
    origin_host: str = "pgw.example",
) -> Ccr:
    """Request `number` of a session: reports a slice for each rating group (not in a CCR-I) and asks for the next.

    It has the AVPs that a real gateway (Open5GS) was seen to send, and a rating group: about 850 octets with one.
    `hot`: one SIM has all sessions, and no NSAPI tells its bearers apart; the Charging-Id does.
    """
    initial = kind is CcRequestType.INITIAL
    subscriber = (
        (SubscriptionIdType.END_USER_IMSI, imsi(sim)),
        (SubscriptionIdType.END_USER_E164, _msisdn(sim)),
    )
    used = UsedServiceUnit(
        reporting_reason=ReportingReason.QUOTA_EXHAUSTED,
        cc_time=0,
        cc_input_octets=SLICE_OCTETS // 5,
        cc_output_octets=SLICE_OCTETS - SLICE_OCTETS // 5,
    )
    return Ccr(
        session_id=_session_id(session),
        origin_host=origin_host,
        origin_realm="example",
        destination_realm="example",
        service_context_id="32251@3gpp.org",
        cc_request_type=kind,
        cc_request_number=number,
        destination_host=None if initial else "ocs.example",
        event_timestamp=EVENT_SECONDS,
        subscription_id=tuple(
            SubscriptionId(subscription_id_type=kind, subscription_id_data=data) for kind, data in subscriber
        ),
        requested_action=RequestedAction.DIRECT_DEBITING,
        aoc_request_type=1,
        multiple_services_indicator=1 if initial else None,
        multiple_services_credit_control=tuple(
            MultipleServicesCreditControl(
                requested_service_unit=RequestedServiceUnit(cc_total_octets=SLICE_OCTETS),
                used_service_unit=() if initial else (used,),
                rating_group=rating_group,
                qos_information=_QOS,
            )
            for rating_group in rating_groups
        ),
        service_information=ServiceInformation(
            ps_information=PsInformation(
                charging_id=_CHARGING_IDS + session,
                pdp_address=("10.45.0.2",),
                sgsn_address=("192.0.2.3",),
                ggsn_address=("192.0.2.4",),
                called_station_id=_APN,
                selection_mode="0",
                charging_characteristics="0800",
                sgsn_mcc_mnc="00101",
                nsapi=None if hot else b"\x05",
                ms_timezone=b"\x40\x00",
                user_location_info=bytes.fromhex("8200f110000100f11000019b01"),
                rat_type=b"\x06",
                user_equipment_info=UserEquipmentInfo(
                    user_equipment_info_type=0, user_equipment_info_value=b"3534900698733190"
                ),
            )
        ),
    )


_QOS = QosInformation(
    qos_class_identifier=9,
    allocation_retention_priority=AllocationRetentionPriority(
        priority_level=8, pre_emption_capability=1, pre_emption_vulnerability=1
    ),
    apn_aggregate_max_bitrate_ul=50_000_000,
    apn_aggregate_max_bitrate_dl=100_000_000,
)
