from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocs.records.edr import Edr

FLEET_REPORT: dict[str, Any] = {
    "edr_id": "pgw;001010000000001;fleet.acme;1/1/100/0",
    "session_id": "pgw;001010000000001;fleet.acme;1",
    "cc_request_number": 1,
    "record_type": "interim",
    "flags": "",
    "event_time": 1_772_323_200_000_000,
    "usage_start": 1_772_319_600_000_000,
    "usage_end": 1_772_323_200_000_000,
    "physical_imsi": "001010000000001",
    "physical_iccid": "8999990100000000013",
    "msisdn": "491700000001",
    "imei": None,
    "mpc_imsi": "999990000000001",
    "mpc_iccid": "8999999000000000017",
    "rating_imsi": "001010000000001",
    "account_id": "acme",
    "customer_id": "acme",
    "profile_id": "car",
    "profile_version": 1,
    "split_id": "fleet",
    "party": "b2b",
    "apn": "fleet.acme",
    "rating_group": 100,
    "service_identifier": None,
    "service_context": "32251@3gpp.org",
    "unit_type": "octets",
    "units_used": 1_000,
    "octets_up": 400,
    "octets_down": 600,
    "octets_total": 1_000,
    "octets_in_bundle": None,
    "octets_overage": None,
    "octets_debited": 0,
    "octets_overrun": 0,
    "bucket_parts": (),
    "balance_before": None,
    "balance_after": None,
    "granted": 4_000_000,
    "plan_id": "fleet",
    "plan_version": 1,
    "subscription_id": "001010000000001/fleet/1",
    "pool_id": None,
    "zone": "home",
    "serving_plmn": "26201",
    "rat_type": 6,
    "charging_id": 1,
    "ggsn_address": "127.0.0.1",
    "origin_host": "pgw",
    "reporting_reason": "QUOTA_EXHAUSTED",
    "trigger": None,
    "tariff_change_usage": None,
    "unit_price_micros": 20,
    "amount_micros": None,
    "currency": "EUR",
    "result_code": 2001,
    "termination_cause": None,
    "cycle_id": "2026-03",
}


@pytest.fixture
def edr() -> Callable[..., Edr]:
    """Makes an EDR: a fleet report, but for the fields that are given."""
    return lambda **fields: Edr(**(FLEET_REPORT | fields))
