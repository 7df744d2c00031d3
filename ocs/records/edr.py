"""The event detail record: one per reported service (MSCC) of a CCR, and the ledger line behind a balance.

Both are plain records that never change. Their fields, in this order, are the columns of `edrs.csv`, of
`edrs.parquet` and of the tables `edr` and `transfer`. Instants are microseconds UTC, volumes octets, money micros.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ocs.catalogue.profiles import Party


class BucketPart(msgspec.Struct, frozen=True, gc=False):
    """What one bucket paid of a report, in the bucket's unit."""

    bucket_id: str
    amount: int


class Edr(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one report of used units was, who pays for it, and what was decided (FT-1015.006 asks for both IMSIs).

    `edr_id` is Session-Id / CC-Request-Number / rating group / part, so it depends on nothing but the report.
    `octets_in_bundle`, `octets_overage` and `amount_micros` of a postpaid record stay None online: they depend on the
    cycle's total and are settled when the cycle closes. For a prepaid record
    `octets_total == octets_debited + octets_overrun`.
    """

    edr_id: str
    session_id: str
    cc_request_number: int
    record_type: Literal["start", "interim", "stop", "event"]
    flags: str
    """Space-separated, sorted: `late`, `unattributed`, `time_from_receipt`; empty when none."""
    event_time: int
    usage_start: int
    usage_end: int
    physical_imsi: str
    physical_iccid: str
    msisdn: str | None
    imei: str | None
    mpc_imsi: str | None
    mpc_iccid: str | None
    rating_imsi: str
    account_id: str
    """The payer; empty for an unattributed record."""
    customer_id: str
    profile_id: str | None
    profile_version: int | None
    split_id: str | None
    party: Party | None
    apn: str
    rating_group: int | None
    service_identifier: int | None
    service_context: str
    unit_type: Literal["octets", "seconds", "units"]
    units_used: int
    octets_up: int
    octets_down: int
    octets_total: int
    octets_in_bundle: int | None
    octets_overage: int | None
    octets_debited: int
    octets_overrun: int
    bucket_parts: tuple[BucketPart, ...]
    balance_before: int | None
    balance_after: int | None
    granted: int | None
    plan_id: str | None
    plan_version: int | None
    subscription_id: str | None
    pool_id: str | None
    zone: str
    serving_plmn: str | None
    rat_type: int | None
    charging_id: int | None
    ggsn_address: str | None
    origin_host: str
    reporting_reason: str | None
    trigger: str | None
    tariff_change_usage: int | None
    unit_price_micros: int | None
    amount_micros: int | None
    currency: str
    result_code: int
    termination_cause: int | None
    cycle_id: str


TransferKind = Literal["credit", "pending", "posted", "voided", "expired"]


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One ledger line: units moved in or out of one bucket (two-phase transfer).

    `credit` opens a bucket; `pending` reserves; `posted` and `voided` together settle a pending one, each with a part
    of its amount; `expired` is what the bucket's end takes. `posted` without `pending_id` is a direct debit.
    """

    transfer_id: str
    kind: TransferKind
    bucket_id: str
    subscription_id: str
    account_id: str
    amount: int
    at: int
    cause: str
    """What moved it: an edr_id, a reservation's end, a purchase's request id."""
    pending_id: str | None
    price_micros: int
    """Of a credit: what the payer was charged for the bucket; else 0."""
