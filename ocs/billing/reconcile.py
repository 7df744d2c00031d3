"""Reconciliation of one cycle: every octet from the data path to the documents, by payer, split and plan.

    truth = USU received + unreported
    USU received = sum of EDRs = in bundle + overage + debited + overrun + unattributed

holds to the octet; rounding is a column of its own. Whatever disagrees is a `Difference`, with the EDRs behind it.
What is compared comes from different hands: EDRs from charging, movements from the ledger, amounts from the documents
as printed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from ocs.billing.close import CycleClose
from ocs.billing.crosscheck import Difference, documents_differ
from ocs.billing.rated import RatedRecord
from ocs.billing.statement import paid_in_money
from ocs.catalogue.profiles import normal_apn
from ocs.records.edr import Edr
from ocs.units import MICROS


class Service(NamedTuple):
    """What the data path and Gy can tell apart: a SIM's APN and rating group."""

    imsi: str
    apn: str
    rating_group: int | None


class Charged(NamedTuple):
    """Who pays for what, by which plan; all empty for usage that nobody can be charged for."""

    account_id: str
    split: str
    """`<profile>/<split>`; `sim` for a SIM without profile."""
    plan_id: str


NOBODY: Final = Charged("", "", "")
_ANY_APN: Final = "*"
"""Of a SIM without a profile."""


class Row(msgspec.Struct, kw_only=True):
    """One payer's use of one split under one plan, in octets. `truth` and `usu` are None where nobody counted them."""

    account_id: str
    split: str
    plan_id: str
    truth: int | None = None
    usu: int | None = None
    edr: int = 0
    in_bundle: int = 0
    overage: int = 0
    debited: int = 0
    overrun: int = 0
    unattributed: int = 0
    rounding_octets: int = 0
    """Charged though not used: blocks are whole."""
    rounding_micros: int = 0
    """Amount of the overage lines less what they come to exactly."""


class BucketRow(msgspec.Struct, frozen=True, kw_only=True):
    """One prepaid bucket. `used` is what EDRs say, the rest is what the ledger says."""

    account_id: str
    bucket_id: str
    unit: str
    """`octets`, or `micros` of a wallet."""
    opening: int
    top_ups: int
    used: int
    expired: int
    closing: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The outcome: it agrees when there is no difference."""

    cycle_id: str
    rows: tuple[Row, ...]
    buckets: tuple[BucketRow, ...]
    differences: tuple[Difference, ...]


def reconcile(
    close: CycleClose,
    *,
    truth: Mapping[Service, int] | None = None,
    usu: Mapping[Service, int] | None = None,
    unreported: Mapping[Service, int] | None = None,
    usu_by_payer: Mapping[Charged, int] | None = None,
) -> Reconciliation:
    """Compare everything that is known of one cycle.

    Args:
        close: what closing the cycle gave, with the cycle's EDRs.
        truth: octets that the data path moved in the cycle, where a simulation counted them.
        usu: octets received in Used-Service-Units in the cycle, where somebody counted them.
        unreported: of the truth, what the client has lost or never reported, by whatever cause.
        usu_by_payer: `usu` again, where it is known of each report who paid; else the payer at the end of the cycle.
    """
    rated = {record.edr_id: record for record in close.rated}
    differences = [
        *services_differ("truth less unreported", close.edrs, truth, unreported),
        *services_differ("USU received", close.edrs, usu),
        *_edrs_differ(close.edrs, rated),
        *_buckets_differ(close),
        *documents_differ(close, rated),
    ]
    return Reconciliation(
        close.cycle.id,
        tuple(_rows(close, rated, truth, usu, usu_by_payer)),
        tuple(_bucket_rows(close)),
        tuple(differences),
    )


def joined(parts: Sequence[Reconciliation]) -> Reconciliation:
    """The outcome for a cycle that was closed in ranges of payers; at least one."""
    return Reconciliation(
        parts[0].cycle_id,
        tuple(
            sorted(
                (row for part in parts for row in part.rows), key=lambda row: (row.account_id, row.split, row.plan_id)
            )
        ),
        tuple(bucket for part in parts for bucket in part.buckets),
        tuple(difference for part in parts for difference in part.differences),
    )


def services_differ(
    what: str,
    edrs: Iterable[Edr],
    counted: Mapping[Service, int] | None,
    less: Mapping[Service, int] | None = None,
) -> list[Difference]:
    """Where octets counted by somebody else are not those of the EDRs.

    `reconcile` does this for a cycle. A run over several cycles, whose truth is counted for the whole, passes all EDRs.
    """
    if counted is None:
        return []
    expected: dict[Service, int] = defaultdict(int)
    for sign, octets_by_service in ((1, counted), (-1, less or {})):
        for service, octets in octets_by_service.items():
            expected[_normal(Service(*service))] += sign * octets
    found: dict[Service, list[Edr]] = defaultdict(list)
    for edr in edrs:
        found[_service(edr)].append(edr)
    differences = []
    for service in sorted(expected.keys() | found.keys(), key=_sortable):
        behind = found.get(service, [])
        octets = sum(edr.octets_total for edr in behind)
        if octets != expected[service]:
            where = f"SIM {service.imsi or '?'}, APN {service.apn or '?'}, RG {_shown(service.rating_group)}"
            ids = tuple(edr.edr_id for edr in behind)
            differences.append(
                Difference(f"octets of EDRs against {what}", where, str(expected[service]), str(octets), ids)
            )
    return differences


def _edrs_differ(edrs: Iterable[Edr], rated: Mapping[str, RatedRecord]) -> Iterable[Difference]:
    """Each EDR's octets are all in bundle, over, debited, overrun or unattributed; each is there once."""
    seen: set[str] = set()
    for edr in edrs:
        where = f"EDR {edr.edr_id}"
        if edr.edr_id in seen:
            yield Difference("records with this id", where, "1", "more", (edr.edr_id,))
        seen.add(edr.edr_id)
        covered = sum(_shares(edr, rated.get(edr.edr_id)))
        if covered != edr.octets_total:
            what = "in bundle + overage + debited + overrun + unattributed"
            yield Difference(what, where, str(edr.octets_total), str(covered), (edr.edr_id,))
        paid = sum(part.amount for part in edr.bucket_parts)
        due = (edr.amount_micros or 0) if paid_in_money(edr) else edr.octets_debited
        if paid != max(0, due):  # a refund opens a bucket
            yield Difference("what buckets paid", where, str(due), str(paid), (edr.edr_id,))
    for edr_id in rated.keys() - seen:
        yield Difference("EDR of a rated record", f"EDR {edr_id}", "1", "0", (edr_id,))


def _shares(edr: Edr, rated: RatedRecord | None) -> tuple[int, int, int, int, int]:
    """In bundle, overage, debited, overrun, unattributed."""
    in_bundle, overage = (rated.octets_in_bundle, rated.octets_overage) if rated is not None else (0, 0)
    unattributed = 0 if edr.account_id else edr.octets_total
    return in_bundle, overage, edr.octets_debited, edr.octets_overrun, unattributed


def _buckets_differ(close: CycleClose) -> Iterable[Difference]:
    """The ledger's use of each bucket is that of the payer's EDRs, and no bucket has given or reserved too much."""
    used = _used_by_bucket(close.edrs)
    for bucket in close.buckets:
        where = f"bucket {bucket.bucket_id}"
        octets, behind = used.pop((bucket.credit.account_id, bucket.bucket_id), (0, ()))
        if octets != bucket.used:
            yield Difference("used of it, EDRs against ledger", where, str(bucket.used), str(octets), behind)
        if not 0 <= bucket.reserved <= bucket.closing:
            limits = f"from 0 to {bucket.closing}"
            yield Difference("reserved of it", where, limits, str(bucket.reserved), behind)
    for (account_id, bucket_id), (octets, behind) in used.items():
        where = f"payer {account_id}, bucket {bucket_id}"
        yield Difference("used of a bucket that is not theirs", where, "0", str(octets), behind)


def _rows(
    close: CycleClose,
    rated: Mapping[str, RatedRecord],
    truth: Mapping[Service, int] | None,
    usu: Mapping[Service, int] | None,
    usu_by_payer: Mapping[Charged, int] | None,
) -> list[Row]:
    rows: dict[Charged, Row] = {}

    def row(charged: Charged) -> Row:
        if charged not in rows:
            rows[charged] = Row(
                account_id=charged.account_id,
                split=charged.split,
                plan_id=charged.plan_id,
                truth=None if truth is None else 0,
                usu=None if usu is None else 0,
            )
        return rows[charged]

    for edr in close.edrs:
        of = row(charged_of(edr))
        in_bundle, overage, debited, overrun, unattributed = _shares(edr, rated.get(edr.edr_id))
        of.edr += edr.octets_total
        of.in_bundle += in_bundle
        of.overage += overage
        of.debited += debited
        of.overrun += overrun
        of.unattributed += unattributed
    for settlement in close.settlements:
        tenure = settlement.tenure
        of = row(Charged(tenure.account_id, tenure.split.id, settlement.plan.id))
        of.rounding_octets += settlement.rounding_octets
        of.rounding_micros -= settlement.micros
    for adjustment in close.adjustments:
        of = row(Charged(adjustment.account_id, adjustment.tenure.split.id, adjustment.plan.id))
        of.rounding_octets += adjustment.rounding_octets
        of.rounding_micros -= adjustment.micros
    for document in close.documents:
        for line in document.applied_customer_billing_rate:
            if line.type in ("overage", "adjustment"):
                of = row(Charged(document.customer.id, line.split.id, line.product.id))
                of.rounding_micros += int(line.amount * MICROS)
    payers = _payers(close)
    for charged, octets in (usu_by_payer or {}).items():
        of = row(charged)
        of.usu = (of.usu or 0) + octets
    for counted, column in ((truth, "truth"), (usu if usu_by_payer is None else None, "usu")):
        for service, octets in (counted or {}).items():
            imsi, apn, rating_group = _normal(Service(*service))
            of = row(
                payers.get(Service(imsi, apn, rating_group))
                or payers.get(Service(imsi, apn, None))
                or payers.get(Service(imsi, _ANY_APN, None))
                or NOBODY
            )
            setattr(of, column, getattr(of, column) + octets)
    return [rows[charged] for charged in sorted(rows)]


def _bucket_rows(close: CycleClose) -> Iterable[BucketRow]:
    used = _used_by_bucket(close.edrs)
    for bucket in close.buckets:
        octets, _ = used.get((bucket.credit.account_id, bucket.bucket_id), (0, ()))
        yield BucketRow(
            account_id=bucket.credit.account_id,
            bucket_id=bucket.bucket_id,
            unit="micros" if bucket.in_money else "octets",
            opening=bucket.opening,
            top_ups=bucket.added,
            used=octets,
            expired=bucket.expired,
            closing=bucket.closing,
            reserved=bucket.reserved,
        )


def _used_by_bucket(edrs: Iterable[Edr]) -> dict[tuple[str, str], tuple[int, tuple[str, ...]]]:
    """By payer and bucket: octets that EDRs took from it, and which EDRs."""
    parts: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for edr in edrs:
        for part in edr.bucket_parts:
            parts[edr.account_id, part.bucket_id].append((part.amount, edr.edr_id))
    return {key: (sum(n for n, _ in paid), tuple(edr_id for _, edr_id in paid)) for key, paid in parts.items()}


def charged_of(edr: Edr) -> Charged:
    """Who paid for the usage of a record."""
    if not edr.account_id:
        return NOBODY
    return Charged(edr.account_id, _split(edr.profile_id, edr.split_id or ""), edr.plan_id or "")


def _payers(close: CycleClose) -> dict[Service, Charged]:
    """Who pays for which service, by the profiles of the cycle; where payers changed in it, the last one."""
    payers = {}
    for tenure in close.tenures.values():
        charged = Charged(tenure.account_id, tenure.split.id, tenure.plan.id)
        split = tenure.sold_split
        if split is not None:
            for rating_group in split.rating_groups or (None,):
                payers[Service(tenure.last.imsi, split.apn, rating_group)] = charged
        elif tenure.has_bundle:
            payers[Service(tenure.last.imsi, _ANY_APN, None)] = charged
    return payers


def _split(profile_id: str | None, split_id: str) -> str:
    return f"{profile_id}/{split_id}" if profile_id is not None else split_id


def _service(edr: Edr) -> Service:
    return Service(edr.physical_imsi, normal_apn(edr.apn), edr.rating_group)


def _normal(service: Service) -> Service:
    return service._replace(apn=normal_apn(service.apn))


def _sortable(service: Service) -> tuple[str, str, int]:
    return service.imsi, service.apn, -1 if service.rating_group is None else service.rating_group


def _shown(rating_group: int | None) -> str:
    return "none" if rating_group is None else str(rating_group)
