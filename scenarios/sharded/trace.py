"""One car of a run, lived through again: what it moved, what was said on Gy, what the OCS wrote, in order of time.

Nothing of it needs to have been kept: scenario, seed and the number of the car give the same life again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from ocs.gy.messages import Asr, Cca, CcRequestType, MultipleServicesCreditControl, Rar
from ocs.records.edr import Transfer
from ocs.units import SECOND
from scenarios.cars import car_of
from scenarios.evidence import Evidence, asks_of, local
from scenarios.fleet import group_of
from scenarios.runner import witness
from scenarios.schema import Scenario
from sim.fleet.cars import driven
from sim.fleet.traffic import LINGER
from sim.world import Exchange, Push

_KINDS: Final = {kind: f"CCR-{kind.name[0]}" for kind in CcRequestType}


class Line(NamedTuple):
    """One thing that happened."""

    at: int
    """Microseconds UTC."""
    what: str
    """`trip`, `octets`, `CCR-I`, `CCA`, `RAR`, `ledger`, `bought`, ..."""
    session: str
    """APN and number of the Gy session, where it belongs to one."""
    detail: str


def place_of(scenario: Scenario, vehicle: str) -> int | None:
    """Where a car stands in the order of the fleet, from 0; None if it is not there."""
    before = 0
    for group in scenario.fleet:
        number = vehicle.rpartition("-")[2]
        if group.name == group_of(vehicle) and number.isdecimal():
            place = int(number) - 1
            return before + place if group.vehicle_ids(place, place + 1) == [vehicle] else None
        before += group.vehicles
    return None


def live_again(scenario: Scenario, seed: int, vehicle: str) -> Evidence:
    """What the car of a run left behind.

    Raises:
        ValueError: there is no such car.
    """
    place = place_of(scenario, vehicle)
    if place is None:
        there = (
            f"{group.vehicle_ids(0, 1)[0]} to {group.vehicle_ids(group.vehicles - 1)[0]}" for group in scenario.fleet
        )
        raise ValueError(f"unknown vehicle {vehicle!r}; there are {', '.join(there)}")
    evidence, _ = witness(scenario, seed, first=place, last=place + 1, twin=False)
    return evidence


def trips_of(scenario: Scenario, seed: int, vehicle: str, evidence: Evidence) -> list[Line]:
    """When the car drove."""
    groups = {group.name: group for group in scenario.fleet}
    car = car_of(vehicle, evidence.sims[vehicle], groups[group_of(vehicle)], scenario, evidence.provisioning, seed)
    return [
        Line(trip.start, "trip", "", f"until {local(trip.end, evidence.zone)}")
        for trip in driven(car, seed, scenario.begins, scenario.ends - SECOND - LINGER, scenario.zone)
    ]


class Bucket(NamedTuple):
    """One prepaid bucket as it stands, by the ledger."""

    name: str
    used: int
    reserved: int
    expired: int
    left: int


def buckets_of(transfers: list[Transfer]) -> list[Bucket]:
    """Every bucket after these ledger lines."""
    found: dict[str, dict[str, int]] = {}
    for line in transfers:
        bucket = found.setdefault(line.bucket_id, dict.fromkeys(("credit", "posted", "expired", "pending"), 0))
        if line.kind in bucket:
            bucket[line.kind] += line.amount
        if line.pending_id is not None:
            bucket["pending"] -= line.amount
    return [
        Bucket(
            name.partition("/")[2], b["posted"], b["pending"], b["expired"],
            b["credit"] - b["posted"] - b["expired"] - b["pending"],
        )
        for name, b in found.items()
    ]  # fmt: skip


def sessions_of(exchanges: list[Exchange]) -> list[str]:
    """Gy sessions that are open after these exchanges: APN and number."""
    still: dict[str, None] = {}
    for exchange in exchanges:
        request, answer = exchange.request, exchange.answer
        if request.cc_request_type is CcRequestType.EVENT:
            continue
        over = answer is not None and answer.result_code not in (2001, 2002)
        if request.cc_request_type is CcRequestType.TERMINATION or over:
            still.pop(request.session_id, None)
        else:
            still[request.session_id] = None
    return [_session(session_id) for session_id in still]


def trace(evidence: Evidence) -> list[Line]:
    """Everything that was moved, said and written, in order of time."""
    lines = [*_moved(evidence)]
    for exchange in evidence.exchanges:
        lines += _said(exchange)
    lines += [*_pushed(evidence.pushes), *_bought(evidence), *_booked(evidence.transfers)]
    return sorted(lines, key=lambda line: line.at)


def _moved(evidence: Evidence) -> Iterator[Line]:
    """Octets of the data path, those of one flow together."""
    for (vehicle, split_id), steps in evidence.steps_by_share.items():
        share = evidence.shares[vehicle, split_id]
        totals = accumulate(step.octets for step in steps)
        for step, total in zip(steps, totals, strict=True):
            detail = f"{step.octets:,} octets, RG {step.rating_group}, {share.payer} pays ({total:,} so far)"
            yield Line(step.end, "octets", step.apn, detail)


def _said(exchange: Exchange) -> Iterator[Line]:
    request, answer = exchange.request, exchange.answer
    session = _session(request.session_id)
    asks = [ask for ask in asks_of(exchange) if ask.asked or ask.reported]
    said = [
        f"RG {ask.rating_group}: " + " and ".join(
            [f"used {ask.used:,}"] * ask.reported + ["asks for units"] * ask.asked
        ) for ask in asks
    ]  # fmt: skip
    yield Line(exchange.at, f"{_KINDS[request.cc_request_type]} {request.cc_request_number}", session, "; ".join(said))
    if answer is None:
        yield Line(exchange.at, "no answer", session, "")
        return
    services = answer.multiple_services_credit_control if isinstance(answer, Cca) else ()
    told = [str(answer.result_code), *map(_granted, services)]
    yield Line(exchange.at, "CCA", session, "; ".join(told))


def _granted(mscc: MultipleServicesCreditControl) -> str:
    parts = [f"RG {mscc.rating_group}: {mscc.result_code or 2001}"]
    if mscc.granted_service_unit is not None and mscc.granted_service_unit.cc_total_octets is not None:
        parts.append(f"{mscc.granted_service_unit.cc_total_octets:,} octets granted")
    if mscc.validity_time is not None:
        parts.append(f"for {mscc.validity_time} s")
    if mscc.final_unit_indication is not None:
        parts.append(f"the last ({mscc.final_unit_indication.final_unit_action.name})")
    return " ".join(parts)


def _pushed(pushes: list[Push]) -> Iterator[Line]:
    for push in pushes:
        message: Rar | Asr = push.message
        group = f"RG {message.rating_group}" if isinstance(message, Rar) and message.rating_group is not None else ""
        yield Line(push.at, type(message).__name__.upper(), _session(message.session_id), group)


def _booked(transfers: list[Transfer]) -> Iterator[Line]:
    for line in transfers:
        yield Line(line.at, "ledger", "", f"{line.kind} {line.amount:,} of {line.bucket_id.partition('/')[2]}")


def _bought(evidence: Evidence) -> Iterator[Line]:
    for item in evidence.purchases:
        how = "bought" if item.price_micros else "given"
        yield Line(
            item.at, how, "", f"{item.bundle_id}: {item.volume:,} octets for {item.price_micros / 1_000_000:.2f}"
        )


def _session(session_id: str) -> str:
    return " ".join(session_id.split(";")[-2:])
