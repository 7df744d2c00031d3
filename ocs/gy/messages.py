"""The messages of the Gy reference point as typed records.

A field is named after its AVP: lower case, hyphens to underscores, the prefix `3GPP-` dropped, so `CC-Total-Octets` is
`cc_total_octets` and `3GPP-RAT-Type` is `rat_type`. The annotation is the grammar: `X` exactly once, `X | None` at most
once, `tuple[X, ...]` any number. Fields stand in the order in which they are written to the wire; `Session-Id` is
always first (RFC 6733 8.8). `codec` derives everything it does from these classes and from `dictionary`.

Header fields that route a message (Hop-by-Hop, End-to-End, P and T bits) belong to the peer layer and are not here;
nor is Proxy-Info, which the peer layer echoes (RFC 6733 6.2).

Sources: RFC 6733 5 (base), RFC 8506 3 and 8 (credit control), TS 32.299 6.4 and 7.2 (PS information).
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

APPLICATION_ID = 4
"""Diameter Credit-Control Application (RFC 8506 1.3)."""
VENDOR_3GPP = 10415


class CcRequestType(IntEnum):
    """RFC 8506 8.3."""

    INITIAL = 1
    UPDATE = 2
    TERMINATION = 3
    EVENT = 4


class RequestedAction(IntEnum):
    """RFC 8506 8.41."""

    DIRECT_DEBITING = 0
    REFUND_ACCOUNT = 1
    CHECK_BALANCE = 2
    PRICE_ENQUIRY = 3


class CheckBalanceResult(IntEnum):
    """RFC 8506 8.6."""

    ENOUGH_CREDIT = 0
    NO_CREDIT = 1


class SubscriptionIdType(IntEnum):
    """RFC 8506 8.47."""

    END_USER_E164 = 0
    END_USER_IMSI = 1
    END_USER_SIP_URI = 2
    END_USER_NAI = 3
    END_USER_PRIVATE = 4


class TariffChangeUsage(IntEnum):
    """RFC 8506 8.27."""

    UNIT_BEFORE_TARIFF_CHANGE = 0
    UNIT_AFTER_TARIFF_CHANGE = 1
    UNIT_INDETERMINATE = 2


class ReportingReason(IntEnum):
    """TS 32.299 7.2.175."""

    THRESHOLD = 0
    QHT = 1
    FINAL = 2
    QUOTA_EXHAUSTED = 3
    VALIDITY_TIME = 4
    OTHER_QUOTA_TYPE = 5
    RATING_CONDITION_CHANGE = 6
    FORCED_REAUTHORISATION = 7
    POOL_EXHAUSTED = 8
    UNUSED_QUOTA_TIMER = 9


class FinalUnitAction(IntEnum):
    """RFC 8506 8.35."""

    TERMINATE = 0
    REDIRECT = 1
    RESTRICT_ACCESS = 2


class RedirectAddressType(IntEnum):
    """RFC 8506 8.38."""

    IPV4 = 0
    IPV6 = 1
    URL = 2
    SIP_URI = 3


class CreditControlFailureHandling(IntEnum):
    """RFC 8506 8.14."""

    TERMINATE = 0
    CONTINUE = 1
    RETRY_AND_TERMINATE = 2


class TerminationCause(IntEnum):
    """RFC 6733 8.15 (those that a gateway uses)."""

    LOGOUT = 1
    SERVICE_NOT_PROVIDED = 2
    BAD_ANSWER = 3
    ADMINISTRATIVE = 4
    LINK_BROKEN = 5
    AUTH_EXPIRED = 6
    USER_MOVED = 7
    SESSION_TIMEOUT = 8


class ResultCode(IntEnum):
    """Result-Code values in use (RFC 6733 7.1, RFC 8506 9)."""

    SUCCESS = 2001
    LIMITED_SUCCESS = 2002
    COMMAND_UNSUPPORTED = 3001
    UNABLE_TO_DELIVER = 3002
    REALM_NOT_SERVED = 3003
    TOO_BUSY = 3004
    APPLICATION_UNSUPPORTED = 3007
    INVALID_HDR_BITS = 3008
    INVALID_AVP_BITS = 3009
    UNKNOWN_PEER = 3010
    END_USER_SERVICE_DENIED = 4010
    CREDIT_CONTROL_NOT_APPLICABLE = 4011
    CREDIT_LIMIT_REACHED = 4012
    AVP_UNSUPPORTED = 5001
    UNKNOWN_SESSION_ID = 5002
    AUTHORIZATION_REJECTED = 5003
    INVALID_AVP_VALUE = 5004
    MISSING_AVP = 5005
    AVP_NOT_ALLOWED = 5008
    AVP_OCCURS_TOO_MANY_TIMES = 5009
    NO_COMMON_APPLICATION = 5010
    UNSUPPORTED_VERSION = 5011
    UNABLE_TO_COMPLY = 5012
    INVALID_AVP_LENGTH = 5014
    INVALID_MESSAGE_LENGTH = 5015
    NO_COMMON_SECURITY = 5017
    USER_UNKNOWN = 5030
    RATING_FAILED = 5031


class _Record(msgspec.Struct, gc=False):
    """A message or a Grouped AVP; compares by value."""


class SubscriptionId(_Record, kw_only=True):
    """RFC 8506 8.46."""

    subscription_id_type: SubscriptionIdType
    subscription_id_data: str


class UnitValue(_Record, kw_only=True):
    """RFC 8506 8.8: value_digits x 10^exponent."""

    value_digits: int
    exponent: int | None = None


class CcMoney(_Record, kw_only=True):
    """RFC 8506 8.22. `currency_code`: ISO 4217 numeric."""

    unit_value: UnitValue
    currency_code: int | None = None


class RequestedServiceUnit(_Record, kw_only=True):
    """RFC 8506 8.18. All fields None: the server chooses the quota."""

    cc_time: int | None = None
    cc_money: CcMoney | None = None
    cc_total_octets: int | None = None
    cc_input_octets: int | None = None
    cc_output_octets: int | None = None
    cc_service_specific_units: int | None = None


class GrantedServiceUnit(_Record, kw_only=True):
    """RFC 8506 8.17. `tariff_time_change`: Unix seconds."""

    tariff_time_change: int | None = None
    cc_time: int | None = None
    cc_money: CcMoney | None = None
    cc_total_octets: int | None = None
    cc_input_octets: int | None = None
    cc_output_octets: int | None = None
    cc_service_specific_units: int | None = None


class UsedServiceUnit(_Record, kw_only=True):
    """RFC 8506 8.19, with the Reporting-Reason of TS 32.299 7.2.175."""

    reporting_reason: ReportingReason | None = None
    tariff_change_usage: TariffChangeUsage | None = None
    cc_time: int | None = None
    cc_total_octets: int | None = None
    cc_input_octets: int | None = None
    cc_output_octets: int | None = None
    cc_service_specific_units: int | None = None


class RedirectServer(_Record, kw_only=True):
    """RFC 8506 8.37."""

    redirect_address_type: RedirectAddressType
    redirect_server_address: str


class FinalUnitIndication(_Record, kw_only=True):
    """RFC 8506 8.34."""

    final_unit_action: FinalUnitAction
    restriction_filter_rule: tuple[str, ...] = ()
    filter_id: tuple[str, ...] = ()
    redirect_server: RedirectServer | None = None


class AllocationRetentionPriority(_Record, kw_only=True):
    """TS 29.212 5.3.32."""

    priority_level: int
    pre_emption_capability: int | None = None
    pre_emption_vulnerability: int | None = None


class QosInformation(_Record, kw_only=True):
    """TS 29.212 5.3.16 (AVP `QoS-Information`); carried, not used for charging."""

    qos_class_identifier: int | None = None
    allocation_retention_priority: AllocationRetentionPriority | None = None
    apn_aggregate_max_bitrate_ul: int | None = None
    apn_aggregate_max_bitrate_dl: int | None = None


class Trigger(_Record, kw_only=True):
    """TS 32.299 7.2.235."""

    trigger_type: tuple[int, ...] = ()


class MultipleServicesCreditControl(_Record, kw_only=True):
    """RFC 8506 8.16 as extended by TS 32.299 7.1.9: one service or rating group of a CCR or CCA."""

    granted_service_unit: GrantedServiceUnit | None = None
    requested_service_unit: RequestedServiceUnit | None = None
    used_service_unit: tuple[UsedServiceUnit, ...] = ()
    tariff_change_usage: TariffChangeUsage | None = None
    service_identifier: tuple[int, ...] = ()
    rating_group: int | None = None
    validity_time: int | None = None
    result_code: int | None = None
    final_unit_indication: FinalUnitIndication | None = None
    time_quota_threshold: int | None = None
    volume_quota_threshold: int | None = None
    unit_quota_threshold: int | None = None
    quota_holding_time: int | None = None
    quota_consumption_time: int | None = None
    reporting_reason: tuple[ReportingReason, ...] = ()
    trigger: Trigger | None = None
    qos_information: QosInformation | None = None


class UserEquipmentInfo(_Record, kw_only=True):
    """RFC 8506 8.49."""

    user_equipment_info_type: int
    user_equipment_info_value: bytes


class PsInformation(_Record, kw_only=True):
    """TS 32.299 7.2.158. `charging_id` is the Unsigned32 of TS 29.061 16.4.7; addresses are dotted or colon text."""

    charging_id: int | None = None
    pdp_type: int | None = None
    pdp_address: tuple[str, ...] = ()
    sgsn_address: tuple[str, ...] = ()
    ggsn_address: tuple[str, ...] = ()
    called_station_id: str | None = None
    selection_mode: str | None = None
    charging_characteristics: str | None = None
    sgsn_mcc_mnc: str | None = None
    nsapi: bytes | None = None
    ms_timezone: bytes | None = None
    user_location_info: bytes | None = None
    rat_type: bytes | None = None
    user_equipment_info: UserEquipmentInfo | None = None


class ServiceInformation(_Record, kw_only=True):
    """TS 32.299 7.2.192."""

    ps_information: PsInformation | None = None


class Ccr(_Record, kw_only=True):
    """Credit-Control-Request (RFC 8506 3.1, TS 32.299 6.4.2). `event_timestamp`: Unix seconds."""

    session_id: str
    origin_host: str
    origin_realm: str
    destination_realm: str
    auth_application_id: int = APPLICATION_ID
    service_context_id: str
    cc_request_type: CcRequestType
    cc_request_number: int
    destination_host: str | None = None
    user_name: str | None = None
    origin_state_id: int | None = None
    event_timestamp: int | None = None
    subscription_id: tuple[SubscriptionId, ...] = ()
    service_identifier: int | None = None
    termination_cause: int | None = None
    requested_service_unit: RequestedServiceUnit | None = None
    requested_action: RequestedAction | None = None
    used_service_unit: tuple[UsedServiceUnit, ...] = ()
    aoc_request_type: int | None = None
    multiple_services_indicator: int | None = None
    multiple_services_credit_control: tuple[MultipleServicesCreditControl, ...] = ()
    user_equipment_info: UserEquipmentInfo | None = None
    service_information: ServiceInformation | None = None
    route_record: tuple[str, ...] = ()


class CostInformation(_Record, kw_only=True):
    """RFC 8506 8.7. `currency_code`: ISO 4217 numeric."""

    unit_value: UnitValue
    currency_code: int
    cost_unit: str | None = None


class FailedAvp(_Record, kw_only=True):
    """RFC 6733 7.5: the offending AVP, or a zero-filled example of it, as octets padded to four."""

    octets: bytes


class Cca(_Record, kw_only=True):
    """Credit-Control-Answer (RFC 8506 3.2, TS 32.299 6.4.3)."""

    session_id: str
    result_code: int
    origin_host: str
    origin_realm: str
    auth_application_id: int = APPLICATION_ID
    cc_request_type: CcRequestType
    cc_request_number: int
    cc_session_failover: int | None = None
    multiple_services_credit_control: tuple[MultipleServicesCreditControl, ...] = ()
    granted_service_unit: GrantedServiceUnit | None = None
    validity_time: int | None = None
    final_unit_indication: FinalUnitIndication | None = None
    cost_information: CostInformation | None = None
    check_balance_result: CheckBalanceResult | None = None
    credit_control_failure_handling: CreditControlFailureHandling | None = None
    error_message: str | None = None
    failed_avp: tuple[FailedAvp, ...] = ()


class Rar(_Record, kw_only=True):
    """Re-Auth-Request (RFC 8506 5.5, RFC 6733 8.3.1)."""

    session_id: str
    origin_host: str
    origin_realm: str
    destination_realm: str
    destination_host: str
    auth_application_id: int = APPLICATION_ID
    re_auth_request_type: int = 0
    rating_group: int | None = None


class Raa(_Record, kw_only=True):
    """Re-Auth-Answer (RFC 6733 8.3.2); Open5GS adds Auth-Application-Id."""

    session_id: str
    auth_application_id: int | None = None
    origin_host: str
    origin_realm: str
    result_code: int
    error_message: str | None = None


class Asr(_Record, kw_only=True):
    """Abort-Session-Request (RFC 6733 8.5.1)."""

    session_id: str
    origin_host: str
    origin_realm: str
    destination_realm: str
    destination_host: str
    auth_application_id: int = APPLICATION_ID


class Asa(_Record, kw_only=True):
    """Abort-Session-Answer (RFC 6733 8.5.2)."""

    session_id: str
    result_code: int
    origin_host: str
    origin_realm: str


class VendorSpecificApplicationId(_Record, kw_only=True):
    """RFC 6733 6.11: exactly one of the two application ids."""

    auth_application_id: int | None = None
    acct_application_id: int | None = None
    vendor_id: int | None = None


class Cer(_Record, kw_only=True):
    """Capabilities-Exchange-Request (RFC 6733 5.3.1)."""

    origin_host: str
    origin_realm: str
    origin_state_id: int | None = None
    host_ip_address: tuple[str, ...] = ()
    vendor_id: int
    product_name: str
    firmware_revision: int | None = None
    inband_security_id: tuple[int, ...] = ()
    auth_application_id: tuple[int, ...] = ()
    acct_application_id: tuple[int, ...] = ()
    vendor_specific_application_id: tuple[VendorSpecificApplicationId, ...] = ()
    supported_vendor_id: tuple[int, ...] = ()


class Cea(_Record, kw_only=True):
    """Capabilities-Exchange-Answer (RFC 6733 5.3.2)."""

    result_code: int
    origin_host: str
    origin_realm: str
    host_ip_address: tuple[str, ...] = ()
    vendor_id: int
    product_name: str
    origin_state_id: int | None = None
    error_message: str | None = None
    failed_avp: tuple[FailedAvp, ...] = ()
    supported_vendor_id: tuple[int, ...] = ()
    auth_application_id: tuple[int, ...] = ()
    inband_security_id: tuple[int, ...] = ()
    acct_application_id: tuple[int, ...] = ()
    vendor_specific_application_id: tuple[VendorSpecificApplicationId, ...] = ()
    firmware_revision: int | None = None


class Dwr(_Record, kw_only=True):
    """Device-Watchdog-Request (RFC 6733 5.5.1)."""

    origin_host: str
    origin_realm: str
    origin_state_id: int | None = None


class Dwa(_Record, kw_only=True):
    """Device-Watchdog-Answer (RFC 6733 5.5.2)."""

    result_code: int
    origin_host: str
    origin_realm: str
    error_message: str | None = None
    failed_avp: tuple[FailedAvp, ...] = ()
    origin_state_id: int | None = None


class Dpr(_Record, kw_only=True):
    """Disconnect-Peer-Request (RFC 6733 5.4.1). Disconnect-Cause: 0 REBOOTING, 1 BUSY, 2 DO_NOT_WANT_TO_TALK_TO_YOU."""

    origin_host: str
    origin_realm: str
    disconnect_cause: int


class Dpa(_Record, kw_only=True):
    """Disconnect-Peer-Answer (RFC 6733 5.4.2)."""

    result_code: int
    origin_host: str
    origin_realm: str
    error_message: str | None = None
    failed_avp: tuple[FailedAvp, ...] = ()


class ErrorAnswer(_Record, kw_only=True):
    """The answer-message of RFC 6733 7.2: a protocol error (3xxx), sent with the E bit."""

    session_id: str | None = None
    result_code: int
    origin_host: str
    origin_realm: str
    error_message: str | None = None
    failed_avp: tuple[FailedAvp, ...] = ()


class Refusal(_Record, kw_only=True):
    """The answer to a request that could not be read (5xxx): its command's answer as far as that can be filled in.

    Only ever written: what arrives is read as the answer of its command. RFC 6733 7.1.5; RFC 8506 3.2.
    """

    session_id: str | None = None
    result_code: int
    origin_host: str
    origin_realm: str
    auth_application_id: int | None = None
    cc_request_type: CcRequestType | None = None
    cc_request_number: int | None = None
    error_message: str | None = None
    failed_avp: tuple[FailedAvp, ...] = ()


Message = Ccr | Cca | Rar | Raa | Asr | Asa | Cer | Cea | Dwr | Dwa | Dpr | Dpa | ErrorAnswer | Refusal
