"""The same records closed twice: added up by Python, and by SQL over the view of a store or of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pyarrow as pa

from ocs.billing.books import Books
from ocs.billing.close import CycleClose, closes
from ocs.billing.sums import Summed
from ocs.billing.view import View
from ocs.rating.cycle import Cycle
from ocs.records.edr import Edr, Transfer
from ocs.records.parquet import write_parquet


def as_rows(records: Iterable[msgspec.Struct]) -> list[pa.RecordBatch]:
    """Records as a store gives them, in two pages."""
    texts = [msgspec.json.encode(msgspec.structs.astuple(record)).decode() for record in records]
    schema = pa.schema([("number", pa.int64()), ("record", pa.string())])
    rows = pa.table({"number": list(range(1, len(texts) + 1)), "record": texts}, schema=schema)
    return rows.to_batches(max_chunksize=len(texts) // 2 + 1)


def store_view(books: Books) -> View:
    return View.of_texts(as_rows(books.edrs), as_rows(books.transfers))


def file_view(books: Books, folder: Path) -> View:
    write_parquet(folder / "edrs.parquet", Edr, books.edrs)
    write_parquet(folder / "transfers.parquet", Transfer, books.transfers)
    return View.of_parquet([folder / "edrs.parquet"], [folder / "transfers.parquet"])


def closed(cycle: Cycle, books: Books, view: View, at_once: int | None = None) -> list[CycleClose]:
    return list(closes(cycle, books.register, books.history, Summed(view, books.late), at_once=at_once))


def assert_equal(close: CycleClose, other: list[CycleClose]) -> None:
    """`other`: ranges of payers that together are the whole."""
    assert [d for c in other for d in c.documents if d.type != "ResellerSettlement"] == sorted(
        [d for d in close.documents if d.type != "ResellerSettlement"],
        key=lambda d: next(n for n, c in enumerate(other) if d.customer.id in c.payers),
    )
    assert [d for d in close.documents if d.type == "ResellerSettlement"] == [
        d for d in other[-1].documents if d.type == "ResellerSettlement"
    ]
    for name in ("settlements", "charges", "buckets", "edrs"):
        ours, theirs = list(getattr(close, name)), [item for c in other for item in getattr(c, name)]
        assert len(ours) == len(theirs), name
        assert all(item in theirs for item in ours), name
