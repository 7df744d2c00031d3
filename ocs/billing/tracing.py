"""What stands behind a line of a document: the records that it adds up, each with the request that it came from."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ocs.billing.close import CycleClose
from ocs.billing.documents import Document, Line
from ocs.billing.wording import price_in_words
from ocs.catalogue.plans import Postpaid
from ocs.rating.rates import rate_at
from ocs.records.edr import Edr, Transfer


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """One record behind a line: an EDR with what the line has of it, or the purchase of a bundle."""

    record_id: str
    at: int
    imsi: str
    session_id: str
    """Of the EDR: `splitsim explain SESSION NUMBER` shows the request. Empty for a purchase."""
    cc_request_number: int | None
    octets: int
    micros: int


def find_line(close: CycleClose, line_id: str) -> tuple[Document, Line] | None:
    """The document and line with an id; None where there is none."""
    for document in close.documents:
        for line in document.applied_customer_billing_rate:
            if line.id == line_id:
                return document, line
    return None


def behind(close: CycleClose, document: Document, line: Line) -> list[Behind]:
    """The records behind a line; none for what is charged by the month."""
    found = {
        "usage_in_bundle": _use,
        "usage_in_test": _use,
        "overage": _use,
        "adjustment": _use,
        "messages": _events,
        "calls": _events,
    }.get(line.type, _purchases)
    return sorted(found(close, document, line), key=lambda item: (item.at, item.record_id))


def _use(close: CycleClose, document: Document, line: Line) -> Iterator[Behind]:
    rated = {record.edr_id: record for record in close.rated}
    for edr in close.edrs:
        record = rated.get(edr.edr_id)
        if record is None or edr.account_id != document.customer.id or record.plan_id != line.product.id:
            continue
        late = edr.cycle_id != close.cycle.id
        if late != (line.type == "adjustment") or not _is_of(edr, line, close):
            continue
        tested = _tested(close, edr)
        if line.type == "adjustment":
            yield _of_edr(edr, edr.octets_total, record.amount_micros)
        elif line.type == "usage_in_test":
            if tested:
                yield _of_edr(edr, edr.octets_total, 0)
        elif line.type == "usage_in_bundle":
            if record.octets_in_bundle and not tested:
                yield _of_edr(edr, record.octets_in_bundle, 0)
        elif record.octets_overage and line.name.endswith(f"data over bundle{_price_of(close, edr)}"):
            yield _of_edr(edr, record.octets_overage, record.amount_micros)


def _events(close: CycleClose, document: Document, line: Line) -> Iterator[Behind]:
    unit = "units" if line.type == "messages" else "seconds"
    for edr in close.edrs:
        late = edr.cycle_id != close.cycle.id
        if edr.unit_type == unit and edr.account_id == document.customer.id and late == (", late, of " in line.name):
            yield _of_edr(edr, edr.units_used, edr.amount_micros or 0)


def _purchases(close: CycleClose, document: Document, line: Line) -> Iterator[Behind]:
    """The purchase that a line of a statement is; for a reseller, all purchases that a line counts."""
    if line.type not in ("purchase", "free_quota", "refund"):
        return
    for place, bucket in enumerate(
        [bucket for bucket in close.buckets if bucket.added and bucket.credit.account_id == document.customer.id], 1
    ):
        if line.id == f"{document.bill_no}-{place}":
            yield _of_purchase(bucket.credit)


def _is_of(edr: Edr, line: Line, close: CycleClose) -> bool:
    """Whether an EDR is of the split that a line is for; a pool's line is for all that share it."""
    tenure = close.tenures.get(edr.subscription_id or "")
    if tenure is None:
        return False
    pooled = [item for item in close.settlements if item.pool_id is not None and item.plan.id == line.product.id]
    return bool(pooled) or tenure.split.id == line.split.id


def _price_of(close: CycleClose, edr: Edr) -> str:
    """What the line of the price that an EDR is charged at is called by; tiers share their EDRs."""
    plan = close.tenures[edr.subscription_id or ""].plan
    assert isinstance(plan, Postpaid)
    return price_in_words(plan, rate_at(plan, edr.zone, edr.event_time), 0)[0]


def _tested(close: CycleClose, edr: Edr) -> bool:
    tenure = close.tenures[edr.subscription_id or ""]
    return tenure.billed_from is None or edr.event_time < tenure.billed_from


def _of_edr(edr: Edr, octets: int, micros: int) -> Behind:
    return Behind(
        record_id=edr.edr_id,
        at=edr.event_time,
        imsi=edr.physical_imsi,
        session_id=edr.session_id,
        cc_request_number=edr.cc_request_number,
        octets=octets,
        micros=micros,
    )


def _of_purchase(line: Transfer) -> Behind:
    return Behind(
        record_id=line.cause,
        at=line.at,
        imsi=line.subscription_id.split("/")[0],
        session_id="",
        cc_request_number=None,
        octets=line.amount,
        micros=line.price_micros,
    )
