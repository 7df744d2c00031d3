"""What the gateway knows of itself and of one PDN connection, and how it stands in a CCR (TS 32.299 6.4.2, 7.2.158)."""

from __future__ import annotations

import msgspec

from ocs.gy.messages import (
    CreditControlFailureHandling,
    PsInformation,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UserEquipmentInfo,
)

_IMEISV = 0
"""User-Equipment-Info-Type (RFC 8506 8.50); the value is its digits, as in 3GPP-IMEISV (TS 29.061 16.4.7)."""


class Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """One PDN connection of one SIM. Addresses are text; `nsapi` and `rat_type` are those of TS 29.061 16.4.7.

    `charging_id` 0: none is known, none is sent.
    """

    imsi: str
    msisdn: str | None = None
    apn: str
    imei: str | None = None
    charging_id: int = 0
    pdp_address: str | None = None
    sgsn_address: str | None = None
    ggsn_address: str | None = None
    nsapi: int = 5
    serving_plmn: str = "00101"
    rat_type: int = 6


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway itself. Times in whole seconds.

    `destination_host` None: it is not sent until the first answer has told who the OCS is (RFC 6733 6.1).
    `failure_handling` is in force until the OCS states its own (RFC 8506 5.7).
    `quota_holding_seconds` where a grant names none; 0 switches it off (TS 32.299 7.2.160).
    `retry_seconds`: how long after a refusal new demand makes the gateway ask for that rating group again.
    """

    origin_host: str
    origin_realm: str
    destination_realm: str
    destination_host: str | None = None
    origin_state_id: int | None = None
    service_context_id: str = "32251@3gpp.org"
    tx_seconds: int = 10
    failure_handling: CreditControlFailureHandling = CreditControlFailureHandling.TERMINATE
    quota_holding_seconds: int = 0
    retry_seconds: int = 600


def subscription_ids(bearer: Bearer) -> tuple[SubscriptionId, ...]:
    """IMSI, and E.164 where it is known (RFC 8506 8.46)."""
    imsi = SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=bearer.imsi)
    if bearer.msisdn is None:
        return (imsi,)
    e164 = SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_E164, subscription_id_data=bearer.msisdn)
    return imsi, e164


def equipment(bearer: Bearer) -> UserEquipmentInfo | None:
    """User-Equipment-Info (RFC 8506 8.49), where the equipment is known."""
    if bearer.imei is None:
        return None
    return UserEquipmentInfo(user_equipment_info_type=_IMEISV, user_equipment_info_value=bearer.imei.encode("ascii"))


def service_information(bearer: Bearer) -> ServiceInformation:
    """Service-Information/PS-Information: the conditions that the OCS rates by."""
    return ServiceInformation(
        ps_information=PsInformation(
            charging_id=bearer.charging_id or None,
            pdp_type=0,
            pdp_address=() if bearer.pdp_address is None else (bearer.pdp_address,),
            sgsn_address=() if bearer.sgsn_address is None else (bearer.sgsn_address,),
            ggsn_address=() if bearer.ggsn_address is None else (bearer.ggsn_address,),
            called_station_id=bearer.apn,
            selection_mode="0",
            charging_characteristics="0800",
            sgsn_mcc_mnc=bearer.serving_plmn,
            nsapi=bytes((bearer.nsapi,)),
            rat_type=bytes((bearer.rat_type,)),
        )
    )
