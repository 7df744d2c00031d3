"""Rules for credit: grants, refusals, limits of grants, repeated requests (RFC 8506 5, 8, 9; TS 32.299 7.2)."""

from __future__ import annotations

from conformance.watch.messages import paired
from conformance.watch.seen import Seen, rule
from conformance.watch.watcher import units_in
from conformance.wire.message import Message, Service

_TIME, _OCTETS = {"CC-Time"}, {"CC-Total-Octets", "CC-Input-Octets", "CC-Output-Octets"}


def _grants(seen: Seen) -> list[Service]:
    return [service for service in seen.message.services if service.granted] if seen.is_cca else []


def _units(service: Service) -> set[str]:
    return set(units_in(service.tree, "Granted-Service-Unit"))


@rule("RFC8506-5.2-5", lambda seen: bool(_grants(seen)))
def one_of_each_unit(seen: Seen) -> str | None:
    """A unit type stands once in a grant."""
    for service in _grants(seen):
        for grant in service.tree.all("Granted-Service-Unit"):
            names = [item.name for item in grant.tree]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                return f"{', '.join(sorted(twice))} more than once in a Granted-Service-Unit"
    return None


def _has(seen: Seen, name: str) -> bool:
    return seen.is_cca and any(service.tree.first(name) is not None for service in seen.message.services)


def _only_beside(seen: Seen, name: str, units: set[str]) -> str | None:
    for service in seen.message.services:
        if service.tree.first(name) is not None and not _units(service) & units:
            return f"{name} for rating group {service.rating_group} without {' or '.join(sorted(units))}"
    return None


@rule("TS32299-7.2.229-1", lambda seen: _has(seen, "Time-Quota-Threshold"))
def time_threshold(seen: Seen) -> str | None:
    """Time-Quota-Threshold only beside CC-Time."""
    return _only_beside(seen, "Time-Quota-Threshold", _TIME)


@rule("TS32299-QCT-2", lambda seen: _has(seen, "Quota-Consumption-Time"))
def consumption_time(seen: Seen) -> str | None:
    """Quota-Consumption-Time only beside CC-Time."""
    return _only_beside(seen, "Quota-Consumption-Time", _TIME)


@rule("TS32299-UQT-1", lambda seen: _has(seen, "Unit-Quota-Threshold"))
def unit_threshold(seen: Seen) -> str | None:
    """Unit-Quota-Threshold only beside service-specific units."""
    return _only_beside(seen, "Unit-Quota-Threshold", {"CC-Service-Specific-Units"})


@rule("TS32299-VQT-1", lambda seen: _has(seen, "Volume-Quota-Threshold"))
def volume_threshold(seen: Seen) -> str | None:
    """Volume-Quota-Threshold only beside octets, and below the grant."""
    for service in seen.message.services:
        threshold = service.tree.number("Volume-Quota-Threshold")
        if threshold is not None and threshold >= (service.total_octets or 0) and _units(service) & {"CC-Total-Octets"}:
            return f"threshold {threshold} on a grant of {service.total_octets}"
    return _only_beside(seen, "Volume-Quota-Threshold", _OCTETS)


@rule("TS32299-7.2.160-1", lambda seen: seen.is_cca or seen.is_ccr)
def holding_time(seen: Seen) -> str | None:
    """Quota-Holding-Time only inside the MSCC of a CCA."""
    if seen.is_ccr and _anywhere(seen.message, "Quota-Holding-Time"):
        return "Quota-Holding-Time in a CCR"
    return "Quota-Holding-Time outside of MSCC" if seen.message.tree.first("Quota-Holding-Time") is not None else None


def _anywhere(message: Message, name: str) -> bool:
    return message.tree.first(name) is not None or any(s.tree.first(name) is not None for s in message.services)


@rule("TS32299-TRG-1", lambda seen: seen.is_cca and _anywhere(seen.message, "Trigger"))
def trigger(seen: Seen) -> str | None:
    """Trigger inside MSCC, of known types."""
    if seen.message.tree.first("Trigger") is not None:
        return "Trigger outside of MSCC"
    for service in seen.message.services:
        for item in service.tree.all("Trigger", "Trigger-Type"):
            if item.number is None or not (0 <= item.number <= 100):
                return f"Trigger-Type {item.number}"
    return None


@rule("RFC8506-5.1.2-8", lambda seen: bool(_grants(seen)))
def not_mixed(seen: Seen) -> str | None:
    """Limits at one level, not at both."""
    tree = seen.message.tree
    for name in ("Validity-Time", "Final-Unit-Indication"):
        if tree.first(name) is not None and any(s.tree.first(name) is not None for s in seen.message.services):
            return f"{name} at command level and in an MSCC"
    return None


@rule("RFC8506-8.34-2", lambda seen: any(s.final_action == 0 for s in seen.message.services))
def terminate_alone(seen: Seen) -> str | None:
    """TERMINATE needs nothing else."""
    for item in seen.message.tree.all("Multiple-Services-Credit-Control", "Final-Unit-Indication"):
        if item.tree.number("Final-Unit-Action") == 0 and len(item.tree.avps) > 1:
            return "Final-Unit-Indication TERMINATE with more in it"
    return None


@rule("RFC8506-8.68-1", lambda seen: _has(seen, "QoS-Final-Unit-Indication"))
def both_indications(seen: Seen) -> str | None:
    """QoS-Final-Unit-Indication never alone."""
    for service in seen.message.services:
        has_qos = service.tree.first("QoS-Final-Unit-Indication") is not None
        if has_qos and service.tree.first("Final-Unit-Indication") is None:
            return "QoS-Final-Unit-Indication alone"
    return None


def _tariff_usage(seen: Seen) -> list[int | None]:
    if not seen.is_cca:
        return []
    return [item.number for s in seen.message.services for item in s.tree.all("Tariff-Change-Usage")]


@rule("RFC8506-8.27-1", lambda seen: bool(_grants(seen)))
def never_indeterminate(seen: Seen) -> str | None:
    """Grants are before or after a change."""
    return "UNIT_INDETERMINATE in a grant" if 2 in _tariff_usage(seen) else None


@rule("RFC8506-8.16-5", lambda seen: bool(_tariff_usage(seen)))
def two_sides_of_a_change(seen: Seen) -> str | None:
    """One MSCC before a change and one after it."""
    kinds: dict[int | None, set[int | None]] = {}
    for service in seen.message.services:
        for item in service.tree.all("Tariff-Change-Usage"):
            kinds.setdefault(service.rating_group, set()).add(item.number)
    bad = [group for group, found in kinds.items() if found != {0, 1}]
    return f"rating group {bad[0]}: not one MSCC before and one after the change" if bad else None


@rule("RFC8506-5.1.1-6", lambda seen: any(_units(service) & _TIME for service in _grants(seen)))
def no_change_for_time(seen: Seen) -> str | None:
    """No Tariff-Time-Change for continuous time."""
    for service in _grants(seen):
        if _units(service) & _TIME and service.tree.first("Granted-Service-Unit", "Tariff-Time-Change") is not None:
            return "Tariff-Time-Change beside CC-Time"
    return None


def _pools(service: Service) -> list[tuple[int | None, int | None, bool]]:
    return [
        (
            item.tree.number("G-S-U-Pool-Identifier"),
            item.tree.number("CC-Unit-Type"),
            item.tree.first("Unit-Value") is not None,
        )
        for item in service.tree.all("G-S-U-Pool-Reference")
    ]


def _any_pool(seen: Seen) -> bool:
    return seen.is_cca and any(_pools(service) for service in seen.message.services)


@rule("RFC8506-8.30-1", _any_pool)
def pool_complete(seen: Seen) -> str | None:
    """A pool reference is complete."""
    for service in seen.message.services:
        for pool, unit, value in _pools(service):
            if pool is None or unit is None or not value:
                return f"rating group {service.rating_group}: G-S-U-Pool-Reference is not complete"
    return None


@rule("RFC8506-5.1.2-12", _any_pool)
def pool_unit_types(seen: Seen) -> str | None:
    """References to one pool have different unit types."""
    for service in seen.message.services:
        kinds = [(pool, unit) for pool, unit, _ in _pools(service)]
        if len(set(kinds)) < len(kinds):
            return f"rating group {service.rating_group}: two references to one pool with one unit type"
    return None


def _asked(request: Message, service: Service) -> bool | None:
    """Whether the request asks units for this service; None if it does not speak of it."""
    spoken = [s for s in request.services if s.rating_group == service.rating_group]
    if not spoken:
        return None
    return any(s.tree.first("Requested-Service-Unit") is not None for s in spoken)


@rule("RFC8506-5.3-5", lambda seen: paired(seen) and bool(_grants(seen)))
def granted_unasked(seen: Seen) -> str | None:
    """Nothing is granted that was not asked for."""
    assert seen.request is not None
    if seen.request.tree.first("Requested-Service-Unit") is not None:
        return None
    for service in _grants(seen):
        if not _asked(seen.request, service):
            return f"a grant for rating group {service.rating_group}, which asks for none"
    return None


@rule("RFC8506-9.1-3", lambda seen: seen.is_cca and bool(_refusals(seen.message)))
def granted_and_refused(seen: Seen) -> str | None:
    """A refusal grants nothing."""
    code = seen.message.result_code or 0
    if code >= 3000 and seen.message.any_grant:
        return f"command level {code} and a grant"
    for service in seen.message.services:
        if service.granted and (service.result_code or 2001) >= 3000:
            return f"rating group {service.rating_group}: {service.result_code} and a grant"
    return None


def _refusals(message: Message) -> list[int]:
    codes = [message.result_code or 0, *(service.result_code or 0 for service in message.services)]
    return [code for code in codes if code >= 3000]


_CONTENT = ("Multiple-Services-Credit-Control", "Subscription-Id", "Service-Context-Id", "Service-Information")


def _content_of(message: Message) -> list[bytes]:
    """What makes two requests of one number the same, whatever relays have added."""
    return [item.octets for name in _CONTENT for item in message.tree.all(name)]


def _repeated(seen: Seen) -> bool:
    if not seen.is_cca or seen.request is None or seen.session is None:
        return False
    number = seen.request.tree.number("CC-Request-Number")
    known = seen.session.numbers.get(number) if number is not None else None
    return (
        known is not None
        and known[1] is not None
        and known[0].hop_by_hop != seen.request.hop_by_hop
        and known[0].tree.number("CC-Request-Type") == seen.request.tree.number("CC-Request-Type")
        and _content_of(known[0]) == _content_of(seen.request)
    )


@rule("RFC6733-3-9", _repeated)
def repeated_alike(seen: Seen) -> str | None:
    """A repeated request gets its answer again."""
    assert seen.request is not None
    assert seen.session is not None
    first = seen.session.numbers[seen.request.tree.number("CC-Request-Number") or 0][1]
    assert first is not None
    mine, theirs = _essence(seen.message), _essence(first)
    return f"the same request was answered {first.title} before" if mine != theirs else None


def _essence(message: Message) -> object:
    return message.result_code, [
        (s.rating_group, s.result_code, s.total_octets, s.time_seconds, s.final_action) for s in message.services
    ]
