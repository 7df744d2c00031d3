"""Rated records as CSV. Where SQL has made them, SQL writes them: none comes to Python."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ocs.billing.close import CycleClose
from ocs.billing.rated import RatedRecord


def write_rated(path: Path, closes: Iterable[CycleClose]) -> None:
    """Begin a file with nothing but a header, or add to it the records of ranges of payers, in order."""
    fresh = not path.exists()
    with path.open("ab") as file, TemporaryDirectory(dir=path.parent) as folder:
        if fresh:
            file.write(",".join(RatedRecord.__struct_fields__).encode() + b"\n")
        for close in closes:
            part = Path(folder) / "part.csv"
            close.records.write_rated(close.settlements, part)
            with part.open("rb") as written:
                shutil.copyfileobj(written, file)
            part.unlink()
            text = StringIO()
            csv.writer(text, lineterminator="\n").writerows(map(msgspec.structs.astuple, close.adjusted))
            file.write(text.getvalue().encode())
