"""Evidence as rows: what the files of a run say of some cars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ocs.gy.messages import Cca, CcRequestType
from ocs.units import HOUR
from scenarios.evidence import Evidence, apn_of
from scenarios.runner import count
from scenarios.sharded.records import Row, SeriesRow, SessionRow, TruthRow, UnreportedRow

Hours = dict[int, list[int]]
"""By the instant at which an hour begins: the columns of its `SeriesRow`."""


def rows_of(evidence: Evidence) -> dict[str, Iterable[Row]]:
    """The rows of each file but `series`, which adds up."""
    return {
        "edrs": evidence.edrs,
        "ledger": evidence.transfers,
        "changes": evidence.changes,
        "sessions": _sessions(evidence),
        "truth": _truth(evidence),
        "purchases": evidence.purchases,
        "unreported": _unreported(evidence),
    }


def no_hours() -> Hours:
    """Nothing has happened yet."""
    return defaultdict(lambda: [0] * 5)


def hour_rows(hours: Hours) -> list[SeriesRow]:
    """The rows of `series`."""
    return [SeriesRow(at, *counts) for at, counts in sorted(hours.items())]


def _truth(evidence: Evidence) -> Iterator[TruthRow]:
    """One row for each rating group of each car, where anything moved or was reported."""
    counted = count(evidence)
    times: dict[tuple[str, str, int], tuple[int, int]] = {}
    for step in evidence.steps:
        key = (step.vehicle, step.apn, step.rating_group)
        begins, ends = times.get(key, (step.start, step.end))
        times[key] = min(begins, step.start), max(ends, step.end)
    for service in sorted(
        counted.truth.keys() | counted.usu.keys(), key=lambda service: (service[:2], str(service[2]))
    ):
        vehicle = evidence.vehicle_of[service.imsi]
        rating_group = service.rating_group or 0
        share = evidence.owner(vehicle, service.apn, rating_group)
        yield TruthRow(
            vehicle,
            service.imsi,
            service.apn,
            rating_group,
            share.split_id if share else None,
            share.party if share else None,
            share.payer if share else "",
            *times.get((vehicle, service.apn, rating_group), (evidence.begins, evidence.begins)),
            counted.truth[service],
            counted.usu[service],
        )


def _unreported(evidence: Evidence) -> Iterator[UnreportedRow]:
    for (vehicle, apn, rating_group, cause), octets in sorted(evidence.unreported.items()):
        yield UnreportedRow(vehicle, evidence.sims[vehicle].imsi, apn, rating_group, cause, octets)


def _sessions(evidence: Evidence) -> list[SessionRow]:
    """One row for each Gy session, in the order in which they began."""
    rows: dict[str, list[int | str | None]] = {}
    for exchange in evidence.exchanges:
        request, answer = exchange.request, exchange.answer
        row = rows.get(request.session_id)
        if row is None:
            imsi = evidence.sims[exchange.vehicle].imsi
            row = rows[request.session_id] = [
                request.session_id, exchange.vehicle, imsi, apn_of(request), exchange.at, None, 0, 0, None,
            ]  # fmt: skip
        row[6] += 1  # type: ignore[operator]
        row[8] = answer.result_code if answer is not None else None
        over = request.cc_request_type == CcRequestType.TERMINATION or row[8] not in (2001, 2002, None)
        if over and row[5] is None:
            row[5] = exchange.at
    for ask in evidence.asks:
        rows[ask.exchange.request.session_id][7] += ask.used  # type: ignore[operator]
    return [SessionRow(*row) for row in rows.values()]  # type: ignore[arg-type]


def take_hours(evidence: Evidence, hours: Hours) -> None:
    """Requests, sessions opened, refusals, octets by party: added to the hours in which they fall."""
    for exchange in evidence.exchanges:
        hour, answer = hours[exchange.at // HOUR * HOUR], exchange.answer
        hour[0] += 1
        hour[1] += exchange.request.cc_request_type == CcRequestType.INITIAL
        if answer is not None and answer.result_code >= 4000:
            hour[2] += 1
        elif isinstance(answer, Cca):
            hour[2] += sum((mscc.result_code or 0) >= 4000 for mscc in answer.multiple_services_credit_control)
    for (vehicle, split_id), steps in evidence.steps_by_share.items():
        place = 3 if evidence.shares[vehicle, split_id].party == "b2b" else 4
        for step in steps:
            hours[step.end // HOUR * HOUR][place] += step.octets
