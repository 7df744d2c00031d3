"""Rules for what gateways send: CCRs and the behaviour between them (RFC 8506 5, 10.1; TS 32.299 6.5, 7.2)."""

from __future__ import annotations

from conformance.watch.seen import Seen, rule
from conformance.watch.watcher import units_in
from conformance.wire.message import GY, RAR, T_FLAG


def _ccr(seen: Seen) -> bool:
    return seen.is_ccr


def _kind(seen: Seen) -> int | None:
    return seen.message.tree.number("CC-Request-Type")


@rule("RFC6733-6.8-2", _ccr)
def application(seen: Seen) -> str | None:
    """Auth-Application-Id 4, in AVP and header."""
    said = seen.message.tree.number("Auth-Application-Id")
    if said != GY or seen.message.application != GY:
        return f"Auth-Application-Id {said}, header application {seen.message.application}"
    return None


@rule("RFC6733-8.8-2", _ccr)
def session_id_form(seen: Seen) -> str | None:
    """Session-Id begins with the identity of the client."""
    name, host = seen.message.tree.text("Session-Id"), seen.message.tree.text("Origin-Host")
    if name is None or host is None or not name.lower().startswith(host.lower() + ";"):
        return f"Session-Id {name!r} does not begin with {host!r};"
    return None


@rule("RFC8506-8.2-1", lambda seen: seen.is_ccr and seen.session is not None and not seen.message.flags & T_FLAG)
def numbering(seen: Seen) -> str | None:
    """Numbers from 0 on, each once."""
    assert seen.session is not None
    number = seen.message.tree.number("CC-Request-Number")
    if number is None:
        return "no CC-Request-Number"
    if number in seen.session.numbers:
        return f"CC-Request-Number {number} was used before in this session"
    if _kind(seen) == 1 and number != 0:
        return f"CCR-I numbered {number}"
    last = max(seen.session.numbers, default=-1)
    return f"CC-Request-Number {number} after {last}" if number != last + 1 and last >= 0 else None


_CCR_ONCE = (
    "Session-Id", "Origin-Host", "Origin-Realm", "Destination-Realm", "Auth-Application-Id", "Service-Context-Id",
    "CC-Request-Type", "CC-Request-Number",
)  # fmt: skip
_CCR_MOST_ONCE = (
    "Destination-Host", "User-Name", "CC-Sub-Session-Id", "Origin-State-Id", "Event-Timestamp", "Service-Identifier",
    "Termination-Cause", "Requested-Service-Unit", "Requested-Action", "Multiple-Services-Indicator",
    "CC-Correlation-Id", "User-Equipment-Info", "Service-Information",
)  # fmt: skip
_NOT_IN_CCR = (
    "Result-Code", "Granted-Service-Unit", "Validity-Time", "Final-Unit-Indication", "Check-Balance-Result",
    "Cost-Information", "CC-Session-Failover", "Credit-Control-Failure-Handling", "Failed-AVP",
)  # fmt: skip


@rule("RFC8506-10.1-2", _ccr)
def request_table(seen: Seen) -> str | None:
    """Only what the CCR table allows, within its counts."""
    tree = seen.message.tree
    for name in _CCR_ONCE:
        count = len(tree.all(name))
        if count != 1:
            return f"{name} {count} times"
    for name in _CCR_MOST_ONCE:
        if len(tree.all(name)) > 1:
            return f"{name} {len(tree.all(name))} times"
    for name in _NOT_IN_CCR:
        if tree.first(name) is not None:
            return f"{name}, which a CCR must not hold"
    return None


@rule("RFC8506-5.2-2", lambda seen: seen.is_ccr and bool(seen.message.services))
def services_named(seen: Seen) -> str | None:
    """An MSCC names its rating group or service."""
    for service in seen.message.services:
        if service.rating_group is None and not service.service_identifiers:
            return "an MSCC without Rating-Group and Service-Identifier"
    return None


@rule("RFC8506-5.1.2-3", lambda seen: seen.is_ccr and _kind(seen) == 1)
def indicator(seen: Seen) -> str | None:
    """Multiple-Services-Indicator 1 where MSCCs are used."""
    said = seen.message.tree.number("Multiple-Services-Indicator")
    return f"Multiple-Services-Indicator {said} beside MSCC" if said != 1 and seen.message.services else None


@rule("RFC8506-5.2-4", lambda seen: seen.is_ccr and _kind(seen) in (1, 2, 3))
def time_and_identity(seen: Seen) -> str | None:
    """Event-Timestamp and Subscription-Id are there."""
    missing = [name for name in ("Event-Timestamp", "Subscription-Id") if seen.message.tree.first(name) is None]
    return f"without {' and '.join(missing)}" if missing else None


def _reports(seen: Seen) -> bool:
    return seen.is_ccr and any(s.tree.first("Used-Service-Unit") is not None for s in seen.message.services)


@rule("RFC8506-5.3-3", _reports)
def all_granted_types(seen: Seen) -> str | None:
    """Every granted unit type is reported."""
    if seen.session is None:
        return None
    for service in seen.message.services:
        if service.tree.first("Used-Service-Unit") is None:
            continue
        missing = seen.session.granted.get(service.rating_group, set()) - set(
            units_in(service.tree, "Used-Service-Unit")
        )
        if missing:
            return f"rating group {service.rating_group}: {', '.join(sorted(missing))} granted, not reported"
    return None


@rule("RFC8506-5.4-1", lambda seen: seen.is_ccr and _kind(seen) == 3)
def termination_cause(seen: Seen) -> str | None:
    """CCR-T says why."""
    tree = seen.message.tree
    return "CCR-T without Termination-Cause" if tree.first("Termination-Cause") is None else None


@rule("RFC8506-5.2-1", _reports)
def use_without_grant(seen: Seen) -> str | None:
    """No use before a grant."""
    if seen.session is None or not any(answer for _, answer in seen.session.numbers.values()):
        return None
    for service in seen.message.services:
        used = sum(
            item.number or 0
            for item in service.tree.all("Used-Service-Unit", "CC-Total-Octets")
            + service.tree.all("Used-Service-Unit", "CC-Input-Octets")
            + service.tree.all("Used-Service-Unit", "CC-Output-Octets")
        )
        if used and not seen.session.granted.get(service.rating_group):
            return f"rating group {service.rating_group}: {used} octets used, nothing was ever granted"
    return None


@rule("TS32299-7.2.175-11", _ccr)
def reason_in_place(seen: Seen) -> str | None:
    """Reporting-Reason where usage is reported."""
    at_top = seen.message.tree.first("Reporting-Reason") is not None
    return "Reporting-Reason at command level" if at_top else None


_PS = (
    "3GPP-Charging-Id", "PDP-Address", "SGSN-Address", "GGSN-Address", "Called-Station-Id", "3GPP-RAT-Type",
    "3GPP-Charging-Characteristics",
)  # fmt: skip


def _data_session(seen: Seen) -> bool:
    return seen.is_ccr and (seen.message.tree.text("Service-Context-Id") or "").endswith("32251@3gpp.org")


@rule("TS32299-PS-1", _data_session)
def ps_information(seen: Seen) -> str | None:
    """What charging of data needs."""
    found = seen.message.tree.first("Service-Information", "PS-Information")
    if found is None:
        return "no PS-Information"
    missing = [name for name in _PS if found.tree.first(name) is None]
    return f"PS-Information without {', '.join(missing)}" if missing else None


@rule(
    "RFC8506-5.5-3",
    lambda seen: seen.is_answer and seen.message.command == RAR and seen.message.result_code in (2001, 2002),
)
def reauthorised(seen: Seen) -> str | None:
    """RAA says that a CCR-U follows."""
    pending = seen.session is not None and any(answer is None for _, answer in seen.session.numbers.values())
    if seen.message.result_code == 2001 and not pending:
        return "RAA 2001: 2002 would say that a CCR-U follows"
    return None


@rule("RFC6733-3-12", _ccr)
def no_t_at_first(seen: Seen) -> str | None:
    """The T bit only on what was sent before."""
    if not seen.message.flags & T_FLAG or seen.session is None:
        return None
    number = seen.message.tree.number("CC-Request-Number")
    known = number is not None and number in seen.session.numbers
    return None if known else "T bit on a request that was not sent before"
