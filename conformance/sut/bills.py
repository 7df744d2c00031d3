"""Documents of our own OCS as the rows that hook `invoices` gives: what each document counts of each SIM.

    python -m conformance.sut.bills FOLDER      documents/*.json of a closed cycle, as CSV

A SIM stands on an invoice by its own IMSI, and on a consumer's statement by its virtual SIM.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

COLUMNS = (
    "document", "kind", "payer", "imsi", "virtual_iccid", "plan", "octets", "included", "overage", "period_start",
    "period_end",
)  # fmt: skip


def rows_of(document: dict[str, Any]) -> Iterator[dict[str, object]]:
    """One document, as our OCS writes it in JSON."""
    period = document["billingPeriod"]
    common = {
        "document": document["billNo"],
        "kind": document["@type"],
        "payer": document["billingAccount"]["id"],
        "period_start": period["startDateTime"],
        "period_end": period["endDateTime"],
    }
    for use in document.get("simUse", ()):
        yield {
            **common,
            "imsi": use["imsi"],
            "plan": use["product"]["id"],
            "octets": use["octets"],
            "included": use["octetsInBundle"],
            "overage": use["octetsOverage"],
        }
    for bucket in document.get("bucket", ()):
        yield {
            **common,
            "virtual_iccid": bucket["virtualSim"],
            "plan": bucket["product"]["id"],
            "octets": bucket["octetsUsed"],
        }


def write_csv(file: TextIO, documents: Iterable[dict[str, Any]]) -> None:
    """All of them, with a header."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for document in documents:
        writer.writerows(rows_of(document))


if __name__ == "__main__":
    paths = sorted(Path(sys.argv[1]).glob("documents/*.json"))
    write_csv(sys.stdout, (json.loads(path.read_bytes()) for path in paths))
