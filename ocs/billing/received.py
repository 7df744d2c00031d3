"""What Gy has reported: the octets of Used-Service-Units, read from the requests themselves.

A witness that shares nothing with charging but the messages. A repeat (same Session-Id, number, type and units) counts
once. Per MSCC and Tariff-Change-Usage value, the units that state a total are added; only if none does, input + output
are (RFC 8506 8.23). A one-time event debits or refunds what its answer grants (RFC 8506 6.3, 6.4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ocs.billing.reconcile import NOBODY, Charged, Service, charged_of
from ocs.catalogue.profiles import normal_apn
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    RequestedAction,
    SubscriptionIdType,
    TariffChangeUsage,
    UsedServiceUnit,
)
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr

_DATA = "32251@3gpp.org"
_LATER = (None, TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE)
_encode = msgspec.msgpack.Encoder().encode


class Key(NamedTuple):
    """One report, as its EDRs name it too."""

    session_id: str
    number: int
    serial: int
    """How many other requests of the session had this number before."""
    rating_group: int | None
    earlier: bool
    """Used before a tariff change, or nobody knows."""


class Heard(NamedTuple):
    """One report: when it came (microseconds UTC), whose it is, how much it says."""

    key: Key
    at: int
    imsi: str
    """Of the session's first request; empty where that names nobody known."""
    apn: str
    octets: int


class Received(NamedTuple):
    """What was received in one cycle, for `ocs.billing.reconcile`."""

    by_service: dict[Service, int]
    by_payer: dict[Charged, int]
    """The same by who paid for each report; what has no EDR stands under nobody."""


def heard(exchanges: Iterable[tuple[int, Ccr, Cca | None]], imsi_of: Mapping[str, str]) -> Iterator[Heard]:
    """Every report of data in `exchanges` (instant, request, answer), in order.

    `imsi_of`: IMSI by MSISDN, for clients that send no IMSI.
    """
    whose: dict[str, tuple[str, str]] = {}
    seen: dict[tuple[str, int], list[bytes]] = defaultdict(list)
    for at, ccr, answer in exchanges:
        if not ccr.service_context_id.endswith(_DATA):
            continue
        imsi, apn = whose.setdefault(ccr.session_id, _whose(ccr, imsi_of))
        services = ccr.multiple_services_credit_control or (
            MultipleServicesCreditControl(
                requested_service_unit=ccr.requested_service_unit, used_service_unit=ccr.used_service_unit
            ),
        )
        said = _encode((ccr.cc_request_type, services))
        before = seen[ccr.session_id, ccr.cc_request_number]
        if said in before:
            continue
        before.append(said)
        serial = len(before) - 1
        for mscc in services:
            reports = _used(mscc.used_service_unit)
            if ccr.cc_request_type is CcRequestType.EVENT:
                reports = _event(ccr, mscc.rating_group, answer)
            for earlier, octets in reports:
                key = Key(ccr.session_id, ccr.cc_request_number, serial, mscc.rating_group, earlier)
                yield Heard(key, at, imsi, apn, octets)


def received(
    cycle: Cycle,
    reports: Sequence[Heard],
    billed: Iterable[Edr],
    others: Iterable[Edr],
    aliases: Collection[tuple[str, str]] = (),
) -> Received:
    """What was received in `cycle`: what its EDRs (`billed`) are about, and what came in it and has no EDR at all.

    `others`: EDRs billed with another cycle, or not yet. `aliases`: of APNs, each with its APN, which EDRs name.
    """
    ours = _by_key(billed)
    rest = [report for report in reports if report.key not in ours]
    sought = {report.key.session_id for report in rest}
    elsewhere = _by_key(edr for edr in others if edr.session_id in sought)
    by_service: dict[Service, int] = defaultdict(int)
    by_payer: dict[Charged, int] = defaultdict(int)
    for key, at, imsi, apn, octets in reports:
        behind = ours.get(key)
        if behind is None:
            if key in elsewhere:
                continue
            unsplit = key._replace(earlier=not key.earlier)  # both periods of a report may stand in one EDR
            behind = ours.get(unsplit)
            if behind is None and (unsplit in elsewhere or not cycle.start <= at < cycle.end):
                continue
        if behind is not None and not behind.physical_imsi:  # of a session never opened: whose it is, is not known
            imsi = apn = ""
        elif behind is not None and aliases and (normal_apn(apn), behind.apn) in aliases:
            apn = behind.apn
        by_service[Service(imsi, apn, key.rating_group)] += octets
        by_payer[charged_of(behind) if behind is not None else NOBODY] += octets
    return Received(by_service, by_payer)


def _by_key(edrs: Iterable[Edr]) -> dict[Key, Edr]:
    return {
        Key(
            edr.session_id,
            edr.cc_request_number,
            int(edr.edr_id.rpartition("/")[2].partition("~")[2] or 0),
            edr.rating_group,
            edr.tariff_change_usage not in _LATER,
        ): edr
        for edr in edrs
        if edr.unit_type == "octets"
    }


def _whose(ccr: Ccr, imsi_of: Mapping[str, str]) -> tuple[str, str]:
    said = {item.subscription_id_type: item.subscription_id_data for item in ccr.subscription_id}
    imsi = said.get(SubscriptionIdType.END_USER_IMSI)
    if imsi is None:
        imsi = imsi_of.get(said.get(SubscriptionIdType.END_USER_E164, ""), "")
    information = ccr.service_information.ps_information if ccr.service_information is not None else None
    return imsi, (information.called_station_id if information is not None else None) or ""


def _used(units: Iterable[UsedServiceUnit]) -> list[tuple[bool, int]]:
    """Octets from before and after a tariff change."""
    by_value: dict[TariffChangeUsage | None, list[UsedServiceUnit]] = defaultdict(list)
    for unit in units:
        by_value[unit.tariff_change_usage].append(unit)
    return [(value not in _LATER, _volume(same)) for value, same in by_value.items()]


def _volume(units: list[UsedServiceUnit]) -> int:
    totals = [unit.cc_total_octets for unit in units if unit.cc_total_octets is not None]
    return sum(totals) if totals else sum((u.cc_input_octets or 0) + (u.cc_output_octets or 0) for u in units)


def _event(ccr: Ccr, rating_group: int | None, answer: Cca | None) -> list[tuple[bool, int]]:
    action = ccr.requested_action
    sign = int(action is RequestedAction.DIRECT_DEBITING) - int(action is RequestedAction.REFUND_ACCOUNT)
    if answer is None or not sign:
        return []
    granted = answer.granted_service_unit
    for mscc in answer.multiple_services_credit_control:
        if mscc.rating_group == rating_group:
            granted = mscc.granted_service_unit
    return [(False, sign * granted.cc_total_octets)] if granted is not None and granted.cc_total_octets else []
