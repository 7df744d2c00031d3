"""What the gateway knows of itself and of one PDN connection."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from ocs.gy.messages import CreditControlFailureHandling

Personality = Literal["standard", "open5gs"]
"""A gateway that keeps the standards, or one that is in use."""

CHANGE_IN_SGSN_IP_ADDRESS: Final = 1
CHANGE_IN_RAT: Final = 4


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
    pdp_address_v6: str | None = None
    """Beside the other, of a bearer for both."""
    sgsn_address: str | None = None
    ggsn_address: str | None = None
    nsapi: int = 5
    serving_plmn: str = "00101"
    rat_type: int = 6
    ms_timezone: bytes | None = None
    user_location_info: bytes | None = None


def changes(before: Bearer, after: Bearer) -> list[int]:
    """The Trigger-Types of what is different (TS 32.299 7.2.236): a new serving node first, then a new RAT."""
    different = {
        CHANGE_IN_SGSN_IP_ADDRESS: before.sgsn_address != after.sgsn_address,
        CHANGE_IN_RAT: before.rat_type != after.rat_type,
    }
    return [trigger for trigger, is_so in different.items() if is_so]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway itself. Times in whole seconds.

    `destination_host` None: it is not sent until the first answer has told who the OCS is (RFC 6733 6.1).
    `failure_handling` is in force until the OCS states its own (RFC 8506 5.7).
    `quota_holding_seconds` where a grant names none; 0 switches it off (TS 32.299 7.2.160).
    `retry_seconds`: how long after a refusal new demand makes the gateway ask for that rating group again.
    `personality`: whose habits it has (`sim.pgw.personality`).
    `clock_skew_seconds`: how far the clock by which it tells the time, and knows of tariff changes, is ahead.
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
    clock_skew_seconds: int = 0
    personality: Personality = "standard"
