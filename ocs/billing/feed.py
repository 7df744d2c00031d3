"""The billing feed: documents as one CSV file for an accounting system, and the file of what that has rejected.

    feed-2026-04-0001.csv         UTF-8, comma, LF; no clock is in it, so the same documents give the same bytes
      H,splitsim-billing-feed,1,2026-04,1                      format, its version, cycle, sequence number of the file
      D,<number>,<document>,<kind>,<account>,<first day>,<last day>,<due>,<currency>,<net>,<VAT>,<gross>
      L,<number>,<document>,<line>,<type>,<split>,<product>,<version>,<text>,<quantity>,<unit>,<price>,<amount>,<octets>
      T,<records>,<documents>,<lines>,<sum of amounts>,<sum of net>,<sum of VAT>,<sum of gross>,<sum of octets>
    feed-2026-04-0001.csv.done    written last: SHA-256 of the feed, and the number of its records
    feed-2026-04-0001.rej.csv     written by the accounting system
      H,splitsim-billing-reject,1,feed-2026-04-0001.csv
      X,<number>,<code>,<text>
      T,<rejected records>

Records are numbered from 1, header and trailer not counted. Sequence numbers of a cycle rise by one with every file; a
file for what was rejected holds the whole documents concerned.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Final

from ocs.billing.documents import Document
from ocs.files import FileError, Mistake

FORMAT: Final = "splitsim-billing-feed"
REJECT_FORMAT: Final = "splitsim-billing-reject"
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that the accounting system would not take: its number, the document and line that it is, and why."""

    number: int
    bill_no: str
    line_id: str
    """Empty where it is the document itself."""
    code: str
    text: str


def feed_name(cycle_id: str, sequence: int) -> str:
    """The name of a feed file."""
    return f"feed-{cycle_id}-{sequence:04}.csv"


def to_feed(documents: Iterable[Document], cycle_id: str, sequence: int) -> bytes:
    """The content of a feed file. Documents are looked at once, one after another."""
    text, totals = io.StringIO(), _Totals()
    write = csv.writer(text, lineterminator="\n").writerow
    write(["H", FORMAT, VERSION, cycle_id, sequence])
    for document in documents:
        for cells in _records([document]):
            totals.records += 1
            write([cells[0], totals.records, *cells[1:]])
        totals.add(document)
    write(["T", *totals.cells()])
    return text.getvalue().encode()


def write_feed(folder: Path, documents: Iterable[Document], cycle_id: str, sequence: int) -> Path:
    """Write a feed file, and then the marker that says that it is complete; returns the path of the feed."""
    folder.mkdir(parents=True, exist_ok=True)
    path, content = folder / feed_name(cycle_id, sequence), to_feed(documents, cycle_id, sequence)
    path.write_bytes(content)
    path.with_name(f"{path.name}.done").write_text(_mark(content), encoding="ascii")
    return path


def is_complete(path: Path) -> bool:
    """Whether a feed file is there as a whole, by its marker."""
    marker = path.with_name(f"{path.name}.done")
    if not (path.exists() and marker.exists()):
        return False
    return marker.read_text(encoding="ascii") == _mark(path.read_bytes())


def _mark(content: bytes) -> str:
    """What the marker of a feed says; a text may run over several lines, so lines are not records."""
    records = sum(1 for _ in csv.reader(io.StringIO(content.decode()))) - 2
    return f"{sha256(content).hexdigest()} {records}\n"


def read_rejects(path: Path, documents: Sequence[Document]) -> list[Reject]:
    """What a reject file says about the feed of `documents`.

    Raises:
        FileError: every mistake in it: an unknown format, another feed, records that the feed has not, a wrong count.
    """
    file = str(path)
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text in columns"
        raise FileError([Mistake(file, None, "", f"cannot be read: {reason}")]) from None
    mistakes: list[Mistake] = []
    expected = ["H", REJECT_FORMAT, VERSION, f"{path.name.removesuffix('.rej.csv')}.csv"]
    if not rows or rows[0] != expected:
        mistakes.append(Mistake(file, 1, "header", f"expected {','.join(expected)}"))
    records = list(_records(documents))
    rejects, seen = [], set()
    for line, row in enumerate(rows[1:-1], 2):
        if len(row) != 4 or row[0] != "X" or not row[2]:
            mistakes.append(Mistake(file, line, "", "expected X, the number of a record, a code, and a text"))
        elif not (row[1].isascii() and row[1].isdigit() and 1 <= int(row[1]) <= len(records)):
            mistakes.append(
                Mistake(file, line, "number", f"expected a record from 1 to {len(records)} (got {row[1]!r})")
            )
        elif row[1] in seen:
            mistakes.append(Mistake(file, line, "number", f"record {row[1]} is rejected twice"))
        else:
            seen.add(row[1])
            kind, bill_no, *cells = records[int(row[1]) - 1]
            rejects.append(Reject(int(row[1]), bill_no, cells[0] if kind == "L" else "", row[2], row[3]))
    if len(rows) < 2 or rows[-1] != ["T", str(len(rows) - 2)]:
        mistakes.append(Mistake(file, len(rows) or None, "trailer", f"expected T,{max(0, len(rows) - 2)}"))
    if mistakes:
        raise FileError(mistakes)
    return rejects


def rejected(documents: Iterable[Document], rejects: Iterable[Reject]) -> list[Document]:
    """The documents that have to be fed again."""
    numbers = {reject.bill_no for reject in rejects}
    return [document for document in documents if document.bill_no in numbers]


def _records(documents: Iterable[Document]) -> Iterable[list[str]]:
    """Records without their numbers."""
    for document in documents:
        due = document.payment_due_date
        yield [
            "D",
            document.bill_no,
            document.type,
            document.customer.id,
            document.first_day.isoformat(),
            document.last_day.isoformat(),
            due.isoformat() if due is not None else "",
            document.amount_due.unit,
            f"{document.tax_excluded_amount.value:f}",
            f"{_vat(document):f}",
            f"{document.tax_included_amount.value:f}",
        ]
        for line in document.applied_customer_billing_rate:
            yield [
                "L",
                document.bill_no,
                line.id,
                line.type,
                line.split.id,
                line.product.id,
                str(line.product.version or ""),
                line.name,
                f"{line.quantity:f}",
                line.unit,
                f"{line.unit_price.value:f}",
                f"{line.amount:f}",
                str(line.octets),
            ]


@dataclass(slots=True)
class _Totals:
    """The control totals of a feed."""

    records: int = 0
    documents: int = 0
    lines: int = 0
    amounts: Decimal = Decimal(0)
    net: Decimal = Decimal(0)
    vat: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    octets: int = 0

    def add(self, document: Document) -> None:
        self.documents += 1
        self.net += document.tax_excluded_amount.value
        self.vat += _vat(document)
        self.gross += document.tax_included_amount.value
        for line in document.applied_customer_billing_rate:
            self.lines += 1
            self.amounts += line.amount
            self.octets += line.octets

    def cells(self) -> list[str]:
        sums = (self.amounts, self.net, self.vat, self.gross)
        counts = (self.records, self.documents, self.lines)
        return [*map(str, counts), *(f"{amount:f}" for amount in sums), str(self.octets)]


def _vat(document: Document) -> Decimal:
    return sum((item.tax_amount.value for item in document.tax_item), Decimal(0))
