"""`report.html`: one file that refers to nothing outside itself, light or dark as the reader's system is."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from ocs.billing.documents import Document
from ocs.billing.printing import addressed
from scenarios.evidence import Evidence
from scenarios.report import balance, endings, splitmap
from scenarios.report.data import balance_data, endings_data, protagonist, split_map_data
from scenarios.report.style import DARK, LIGHT, Theme, megabytes, png
from scenarios.runner import Run


class _Drawn(Protocol):
    """What one picture shows."""

    def rows(self) -> list[dict[str, object]]: ...


@dataclass(frozen=True)
class Picture:
    """One picture in both themes, with the words around it and the data behind it."""

    name: str
    heading: str
    text: str
    alt: str
    light: bytes
    dark: bytes
    rows: list[dict[str, object]]


def write_report(run: Run, folder: Path, note: str) -> None:
    """Write `report.html`, `figures/*.png` and the data behind each picture as `figures/*.csv` into `folder`."""
    pictures = list(draw_all(run.evidence, note))
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        (figures / f"{picture.name}.png").write_bytes(picture.light)
        (figures / f"{picture.name}.csv").write_text(_csv(picture.rows), encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("scenarios"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(page=_page(run, pictures, note))
    (folder / "report.html").write_text(page, encoding="utf-8")


def draw_all(evidence: Evidence, note: str) -> list[Picture]:
    """Every picture of the report."""
    story = protagonist(evidence)
    vehicle = story.share.vehicle
    month = balance_data(evidence, story)
    ends = endings_data(evidence)
    flows = split_map_data(evidence)

    def both(draw: Any, data: _Drawn) -> tuple[bytes, bytes]:
        def one(theme: Theme) -> bytes:
            figure: Figure = draw(data, theme, note)
            return png(figure)

        return one(LIGHT), one(DARK)

    return [
        Picture(
            "balance",
            "One car's month",
            f"{vehicle} is the car whose driver was cut off and came back most. Each step down is a slice that the "
            "gateway reported; at zero Wi-Fi stops, and with a purchase it returns. Below, on the same clock, the car "
            "maker's telematics by ground truth.",
            f"Balance of the driver of {vehicle} over time, above the telematics octets of the same car",
            *both(balance.draw, month),
            month.rows(),
        ),
        Picture(
            "endings",
            "How service ended",
            "Every end of service for a rating group, by cause and by who pays. The network ends consumer service "
            "only; the enterprise's ends when the car is parked.",
            "Endings of service counted by cause and party",
            *both(endings.draw, ends),
            ends.rows(),
        ),
        Picture(
            "splitmap",
            "The split map",
            "From SIMs through APN and rating group, split and plan, to the payer and the bill. Bands are as wide as "
            "the octets (above) and the money (below) that take this way.",
            "Bands from SIMs to bills, in octets and in money, coloured by party",
            *both(splitmap.draw, flows),
            flows.rows(),
        ),
    ]


def _csv(rows: list[dict[str, object]]) -> str:
    target = io.StringIO()
    writer = csv.DictWriter(target, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def _page(run: Run, pictures: list[Picture], note: str) -> dict[str, Any]:
    evidence, verdict = run.evidence, run.verdict
    data = verdict.as_data()
    return {
        "title": verdict.title,
        "description": run.scenario.description,
        "verdict": verdict.word,
        "note": note,
        "numbers": _numbers(evidence),
        "checks": data["checks"],
        "faults": [(f"{number:,}", what) for what, number in evidence.faults.items() if number],
        "lost": _lost(evidence),
        "pictures": [
            {
                "heading": picture.heading,
                "text": picture.text,
                "alt": picture.alt,
                "light": base64.b64encode(picture.light).decode("ascii"),
                "dark": base64.b64encode(picture.dark).decode("ascii"),
            }
            for picture in pictures
        ],
        "reconciliation": _reconciliation(run),
        "bills_text": f"{len(evidence.documents)} documents were written. Side by side: the car maker's invoice and "
        "the statement of the driver whose month is drawn above.",
        "bills": [_bill(addressed(document)) for document in _side_by_side(evidence)],
    }


def _numbers(evidence: Evidence) -> list[tuple[str, str]]:
    sessions = {exchange.request.session_id for exchange in evidence.exchanges}
    moved = {"b2b": 0, "b2c": 0}
    for key, steps in evidence.steps_by_share.items():
        moved[evidence.shares[key].party] += sum(step.octets for step in steps)
    return [
        (f"{len(evidence.sims):,}", "cars, one SIM each"),
        (f"{len(sessions):,}", "Gy sessions"),
        (f"{len(evidence.exchanges):,}", "credit-control requests"),
        (megabytes(moved["b2b"]), "telematics"),
        (megabytes(moved["b2c"]), "Wi-Fi"),
        (f"{len(evidence.documents):,}", "bills"),
    ]


_CAUSES = {
    "no_answer": "told in a request that never arrived, and was given up",
    "not_sent": "passed after it, before the session was given up",
    "ccfh_continue": "passed without credit control, because the OCS was away and had said CONTINUE",
    "pgw_restart": "lost with the sessions of a gateway that restarted",
    "5002": "in a session that the OCS did not know any more",
}


def _lost(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    """Octets that nobody could report: party, octets, cause, and the cause in words."""
    lost: dict[tuple[str, str], int] = {}
    for (vehicle, apn, rating_group, cause), octets in evidence.unreported.items():
        share = evidence.owner(vehicle, apn, rating_group)
        key = (share.party if share is not None else "", cause)
        lost[key] = lost.get(key, 0) + octets
    return [
        (party, f"{octets:,}", cause, _CAUSES.get(cause, ""))
        for (party, cause), octets in sorted(lost.items())
        if octets
    ]


def _reconciliation(run: Run) -> dict[str, Any]:
    names = ("payer", "split", "plan", "truth", "reported", "EDRs", "in bundle", "overage", "debited", "overrun")
    parties = {share.payer: share.party for share in run.evidence.shares.values()}
    drivers: dict[tuple[str, str], list[int]] = {}
    rows = []
    for reconciliation in run.reconciliations:
        for row in reconciliation.rows:
            figures = [row.truth or 0, row.usu or 0, row.edr, row.in_bundle, row.overage, row.debited, row.overrun]
            if parties.get(row.account_id) == "b2c":
                sums = drivers.setdefault((row.split, row.plan_id), [0] * (len(figures) + 1))
                drivers[row.split, row.plan_id] = [a + b for a, b in zip(sums, [*figures, 1], strict=True)]
            else:
                cells = [row.account_id or "nobody", row.split, row.plan_id, *(f"{figure:,}" for figure in figures)]
                rows.append({"party": parties.get(row.account_id, ""), "cells": cells})
    for (split, plan), (*figures, count) in drivers.items():
        cells = [f"{count} drivers", split, plan, *(f"{figure:,}" for figure in figures)]
        rows.append({"party": "b2c", "cells": cells})
    return {"columns": names, "rows": rows}


def _side_by_side(evidence: Evidence) -> list[Document]:
    """The first invoice, and the statement of the driver whose month is drawn."""
    driver = protagonist(evidence).share.payer
    invoices = [document for document in evidence.documents if document.type == "EnterpriseInvoice"]
    statements = [document for document in evidence.documents if document.customer.id == driver]
    return invoices[:1] + statements[:1]


def _bill(document: Document) -> dict[str, Any]:
    invoice = document.type == "EnterpriseInvoice"
    (tax,) = document.tax_item
    totals = [
        ("net", document.tax_excluded_amount.value),
        (f"VAT {tax.tax_rate.normalize():f} %", tax.tax_amount.value),
        ("gross", document.tax_included_amount.value),
    ]
    uses = [f"{megabytes(item.octets_used)} used of {item.name}" for item in document.bucket]
    return {
        "party": "b2b" if invoice else "b2c",
        "title": "Enterprise invoice" if invoice else "Consumer statement",
        "payer": document.customer.name,
        "number": document.bill_no,
        "period": f"{document.first_day} to {document.last_day}",
        "currency": document.amount_due.unit,
        "lines": [
            {
                "text": line.name,
                "detail": line.description or (line.date if not invoice else ""),
                "amount": f"{line.amount:,.2f}",
            }
            for line in document.applied_customer_billing_rate
        ],
        "uses": uses,
        "totals": [(name, f"{amount:,.2f}") for name, amount in totals],
    }
