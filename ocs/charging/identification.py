"""Whose request is it: service context, SIM, APN (rules "Which split pays" 1, 2 and 4)."""

from __future__ import annotations

from typing import NamedTuple

from ocs.catalogue.profiles import normal_apn
from ocs.charging.commands import Precedence
from ocs.charging.state import State
from ocs.gy.failed import failed_avp
from ocs.gy.messages import Ccr, CcRequestType, FailedAvp, PsInformation, ResultCode, SubscriptionIdType
from ocs.inventory.subscribers import Route, Status, Subscriber
from ocs.rating.tariff import Unit

_CONTEXTS: tuple[tuple[str, Unit], ...] = (
    ("32251@3gpp.org", "octets"),
    ("32274@3gpp.org", "units"),
    ("32260@3gpp.org", "seconds"),
)
"""Data, short messages and calls; operators put network and release in front (TS 32.299 7.1.12)."""


class Identified(NamedTuple):
    """A request's subscriber, its APN (empty for SMS and calls), who pays there, and what is counted."""

    subscriber: Subscriber
    apn: str
    route: Route
    unit: Unit


class Unidentified(NamedTuple):
    """A refusal at command level."""

    result_code: ResultCode
    reason: str
    failed: tuple[FailedAvp, ...] = ()


def identify(state: State, ccr: Ccr, alarms: list[str]) -> Identified | Unidentified:
    """The subscriber and route of a CCR that opens a session or is an event. Adds to `alarms` what looks wrong."""
    unit = unit_of(ccr.service_context_id)
    if unit is None:
        failed = failed_avp("Service-Context-Id", ccr.service_context_id)
        return Unidentified(ResultCode.RATING_FAILED, "no such service context", (failed,))
    peer = state.inventory.peer(ccr.origin_host)
    if peer is not None and unit not in peer.units:
        return Unidentified(ResultCode.END_USER_SERVICE_DENIED, f"the client is not granted {unit}")
    subscriber = _subscriber(state, ccr, alarms)
    if subscriber is None:
        return Unidentified(ResultCode.USER_UNKNOWN, "no such subscriber")
    if subscriber.status is not Status.ACTIVE:
        return Unidentified(ResultCode.END_USER_SERVICE_DENIED, f"the SIM is {subscriber.status.value}")
    if unit != "octets":
        # SMS and voice belong to the physical SIM alone: no split is looked up.
        if subscriber.own_route is None:
            return Unidentified(ResultCode.END_USER_SERVICE_DENIED, "the SIM has no plan of its own")
        return Identified(subscriber, "", subscriber.own_route, unit)
    information = ps_information(ccr)
    if information is None or information.called_station_id is None:
        failed = failed_avp("Called-Station-Id", "")
        return Unidentified(ResultCode.RATING_FAILED, "no APN", (failed,))
    apn = normal_apn(information.called_station_id)
    route = subscriber.route(apn)
    if route is None:
        return Unidentified(ResultCode.END_USER_SERVICE_DENIED, "no split holds this APN")
    return Identified(subscriber, route.apn if subscriber.has_profile else apn, route, unit)


def precedence(state: State, ccr: Ccr) -> Precedence:
    """How soon a request may be refused for want of time: new sessions first, consumers before enterprises."""
    if ccr.cc_request_type is CcRequestType.TERMINATION:
        return Precedence.ALWAYS
    if ccr.cc_request_type is CcRequestType.UPDATE or ccr.session_id in state.sessions:
        return Precedence.OPEN_SESSION
    found = identify(state, ccr, [])
    if isinstance(found, Unidentified) or found.route.any_consumer:
        return Precedence.CONSUMER
    return Precedence.ENTERPRISE


def unit_of(service_context_id: str) -> Unit | None:
    """What a service context counts; None for one that is not charged here."""
    for suffix, unit in _CONTEXTS:
        if service_context_id.endswith(suffix):
            return unit
    return None


def ps_information(ccr: Ccr) -> PsInformation | None:
    """The PS-Information of a CCR, if it has one."""
    return ccr.service_information.ps_information if ccr.service_information is not None else None


def _subscriber(state: State, ccr: Ccr, alarms: list[str]) -> Subscriber | None:
    """The IMSI decides; the E.164 number serves only where no IMSI is sent. MPC identifiers are unknown here."""
    imsi = msisdn = None
    for identity in ccr.subscription_id:
        if identity.subscription_id_type is SubscriptionIdType.END_USER_IMSI:
            imsi = identity.subscription_id_data
        elif identity.subscription_id_type is SubscriptionIdType.END_USER_E164:
            msisdn = identity.subscription_id_data
    by_msisdn = state.inventory.by_msisdn.get(msisdn) if msisdn is not None else None
    if imsi is None:
        return by_msisdn
    subscriber = state.inventory.by_imsi.get(imsi)
    if subscriber is not None and by_msisdn is not None and by_msisdn is not subscriber:
        alarms.append(f"{ccr.session_id}: IMSI {imsi} and MSISDN {msisdn} are two SIMs; the IMSI is charged")
    return subscriber
