"""Final units (RFC 8506 5.6): terminate, redirect, restrict, and the graceful dance around the latter two.

After the final units of redirect or restrict the client reports without asking (answered 2001, no units, a
Validity-Time); when that time ends it asks again, and gets units if somebody has paid meanwhile, else 4012. A client
that opens a session on an empty allowance is sent to the top-up page at once.
"""

from __future__ import annotations

from ocs.catalogue.plans import Plan, PrepaidIndividual, redirect_address
from ocs.charging.state import Credit, Service
from ocs.charging.usage import Exchange
from ocs.gy.messages import (
    FinalUnitAction,
    FinalUnitIndication,
    MultipleServicesCreditControl,
    RedirectAddressType,
    RedirectServer,
    ResultCode,
)
from ocs.inventory.provisioning import Peer
from ocs.units import SECOND

_FILTER = "filter:"
_ADDRESS_TYPES = {
    "ipv4": RedirectAddressType.IPV4,
    "ipv6": RedirectAddressType.IPV6,
    "url": RedirectAddressType.URL,
}


def indication(plan: Plan, peer: Peer) -> FinalUnitIndication | None:
    """What the last slice of `plan` says to `peer`; None where the plan ends by Result-Code."""
    if not isinstance(plan, PrepaidIndividual) or plan.end_signal != "final_unit":
        return None
    if plan.final_unit_action == "redirect" and plan.redirect_to is not None and peer.graceful_final_units:
        kind = _ADDRESS_TYPES[redirect_address(plan.redirect_to)]
        server = RedirectServer(redirect_address_type=kind, redirect_server_address=plan.redirect_to)
        return FinalUnitIndication(final_unit_action=FinalUnitAction.REDIRECT, redirect_server=server)
    if plan.final_unit_action == "restrict" and peer.graceful_final_units:
        return FinalUnitIndication(
            final_unit_action=FinalUnitAction.RESTRICT_ACCESS,
            restriction_filter_rule=tuple(rule for rule in plan.restrict_to if not rule.startswith(_FILTER)),
            filter_id=tuple(rule.removeprefix(_FILTER) for rule in plan.restrict_to if rule.startswith(_FILTER)),
        )
    return FinalUnitIndication(final_unit_action=FinalUnitAction.TERMINATE)


def graceful(credit: Credit, peer: Peer) -> FinalUnitIndication | None:
    """The indication of a service that may stay open without units; None where its end is an end."""
    found = indication(credit.subscription.terms.plan, peer)
    return None if found is None or found.final_unit_action is FinalUnitAction.TERMINATE else found


def graceful_answer(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl
) -> MultipleServicesCreditControl | None:
    """Units were asked for and none are left: the indication without units, while its time lasts (RFC 8506 5.6.2)."""
    found = graceful(service.credit, exchange.session.peer)
    if found is None:
        return None
    if service.graceful_until is None:
        service.graceful_until = exchange.now + service.credit.subscription.terms.plan.quota.validity * SECOND
    return _answer(exchange, service, mscc, found)


def after_final_units(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl
) -> MultipleServicesCreditControl | None:
    """The report that follows the final units: no units, and a Validity-Time to come back after (RFC 8506 5.6.2).

    A service that ends with them waits as well, as long as its session goes on: with new credit it is asked to return.
    """
    credit, peer = service.credit, exchange.session.peer
    plan = credit.subscription.terms.plan
    if indication(plan, peer) is None:
        return None
    credit.waiting[service] = None
    if graceful(credit, peer) is None:
        return None
    service.graceful_until = exchange.now + plan.quota.validity * SECOND
    return _answer(exchange, service, mscc, None)


def _answer(
    exchange: Exchange, service: Service, mscc: MultipleServicesCreditControl, found: FinalUnitIndication | None
) -> MultipleServicesCreditControl | None:
    assert service.graceful_until is not None
    left_seconds = (service.graceful_until - exchange.now) // SECOND
    if left_seconds <= 0:
        return None
    return MultipleServicesCreditControl(
        service_identifier=mscc.service_identifier,
        rating_group=mscc.rating_group,
        validity_time=left_seconds,
        result_code=ResultCode.SUCCESS,
        final_unit_indication=found,
    )
