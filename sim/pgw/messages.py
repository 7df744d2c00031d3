"""What the gateway's messages have in common (RFC 8506 3.1, TS 32.299 6.4.2 and 7.2.158)."""

from __future__ import annotations

from ocs.gy.messages import (
    Asa,
    Asr,
    Ccr,
    CcRequestType,
    PsInformation,
    Raa,
    Rar,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UserEquipmentInfo,
)
from sim.pgw.bearer import Bearer, Settings

_IPV4, _IPV6, _IPV4V6 = 0, 2, 3
"""3GPP-PDP-Type (TS 29.061 16.4.7)."""
_IMEISV = 0
"""User-Equipment-Info-Type (RFC 8506 8.50); the value is its digits, as in 3GPP-IMEISV (TS 29.061 16.4.7)."""


def pattern(settings: Settings, session_id: str, bearer: Bearer) -> Ccr:
    """What all requests of a session have in common; type, number, time and services are still to come."""
    return Ccr(
        session_id=session_id,
        origin_host=settings.origin_host,
        origin_realm=settings.origin_realm,
        destination_realm=settings.destination_realm,
        service_context_id=settings.service_context_id,
        cc_request_type=CcRequestType.UPDATE,
        cc_request_number=0,
        destination_host=settings.destination_host,
        origin_state_id=settings.origin_state_id,
        subscription_id=_subscription_ids(bearer),
        user_equipment_info=_equipment(bearer),
        service_information=service_information(bearer),
    )


def acknowledge(settings: Settings, push: Rar | Asr, result_code: int) -> Raa | Asa:
    """The RAA or ASA (RFC 6733 8.3.2, 8.5.2)."""
    kind = Raa if isinstance(push, Rar) else Asa
    return kind(
        session_id=push.session_id,
        origin_host=settings.origin_host,
        origin_realm=settings.origin_realm,
        result_code=result_code,
    )


def service_information(bearer: Bearer) -> ServiceInformation:
    """Service-Information/PS-Information: the conditions that the OCS rates by."""
    addresses = tuple([at for at in (bearer.pdp_address, bearer.pdp_address_v6) if at is not None])
    return ServiceInformation(
        ps_information=PsInformation(
            charging_id=bearer.charging_id or None,
            pdp_type=_IPV4V6 if len(addresses) > 1 else _IPV6 if bearer.pdp_address_v6 is not None else _IPV4,
            pdp_address=addresses,
            sgsn_address=() if bearer.sgsn_address is None else (bearer.sgsn_address,),
            ggsn_address=() if bearer.ggsn_address is None else (bearer.ggsn_address,),
            called_station_id=bearer.apn,
            selection_mode="0",
            charging_characteristics="0800",
            sgsn_mcc_mnc=bearer.serving_plmn,
            nsapi=bytes((bearer.nsapi,)),
            ms_timezone=bearer.ms_timezone,
            user_location_info=bearer.user_location_info,
            rat_type=bytes((bearer.rat_type,)),
        )
    )


def _subscription_ids(bearer: Bearer) -> tuple[SubscriptionId, ...]:
    """IMSI, and E.164 where it is known (RFC 8506 8.46)."""
    imsi = SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=bearer.imsi)
    if bearer.msisdn is None:
        return (imsi,)
    e164 = SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_E164, subscription_id_data=bearer.msisdn)
    return imsi, e164


def _equipment(bearer: Bearer) -> UserEquipmentInfo | None:
    """User-Equipment-Info (RFC 8506 8.49), where the equipment is known."""
    if bearer.imei is None:
        return None
    return UserEquipmentInfo(user_equipment_info_type=_IMEISV, user_equipment_info_value=bearer.imei.encode("ascii"))
