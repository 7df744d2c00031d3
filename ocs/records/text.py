"""Records as CSV: UTF-8, comma, LF, a header of field names.

Instants are ISO 8601 UTC with microseconds, None is empty, bucket parts are `bucket=amount;...`. Equal records give
equal bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from ocs.records.columns import Column, Kind, R, columns, in_order
from ocs.records.edr import BucketPart
from ocs.units import instant, iso

_ESCAPES = {"%": "%25", ";": "%3B", "=": "%3D"}


def write_csv(path: Path, record: type[R], records: Iterable[R]) -> None:
    """Write records to a new file at `path`, in the order of `columns.in_order`."""
    write_csv_as_given(path, record, in_order(records))


def write_csv_as_given(path: Path, record: type[R], records: Iterable[R]) -> None:
    """Write records to a new file at `path`, one after the other, already in order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        to_csv(file, record, records)


def to_csv(file: TextIO, record: type[R], records: Iterable[R]) -> None:
    """Write records to a file that is open, as `write_csv` does."""
    layout = columns(record)
    special = [(place, _WRITERS[column.kind]) for place, column in enumerate(layout) if column.kind in _WRITERS]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in layout])
    for item in in_order(records):
        row = list(msgspec.structs.astuple(item))
        for place, write in special:
            row[place] = None if row[place] is None else write(row[place])
        writer.writerow(row)


def read_csv(path: Path, record: type[R]) -> list[R]:
    """The records in the file at `path`, equal to those written.

    An optional text that was empty is read as None: on paper the two look alike.

    Raises:
        ValueError: not a file of such records, with the line at which it shows.
    """
    layout = columns(record)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        names = [column.name for column in layout]
        if next(reader, None) != names:
            raise ValueError(f"{path}:1: expected the columns {','.join(names)}")
        records = []
        for row in reader:
            try:
                values = [_read(column, cell) for column, cell in zip(layout, row, strict=True)]
                as_array = record.__struct_config__.array_like
                records.append(msgspec.convert(values if as_array else dict(zip(names, values, strict=True)), record))
            except ValueError as error:  # msgspec's ValidationError is one
                raise ValueError(f"{path}:{reader.line_num}: {error}") from None
    return records


def _write_parts(parts: tuple[BucketPart, ...]) -> str:
    return ";".join(f"{_escape(part.bucket_id)}={part.amount}" for part in parts)


def _read_parts(cell: str) -> tuple[BucketPart, ...]:
    pairs = [part.partition("=") for part in cell.split(";")] if cell else []
    return tuple(BucketPart(_unescape(bucket_id), int(amount)) for bucket_id, _, amount in pairs)


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _unescape(text: str) -> str:
    for letter, escape in reversed(_ESCAPES.items()):  # the escape of the escape sign last
        text = text.replace(escape, letter)
    return text


def _read_instant(cell: str) -> int:
    return instant(datetime.fromisoformat(cell))


_WRITERS: dict[Kind, Callable[[Any], str]] = {Kind.INSTANT: iso, Kind.PARTS: _write_parts}
_READERS: dict[Kind, Callable[[str], object]] = {
    Kind.COUNT: int,
    Kind.INSTANT: _read_instant,
    Kind.PARTS: _read_parts,
}


def _read(column: Column, cell: str) -> object:
    if column.optional and not cell:
        return None
    return _READERS[column.kind](cell) if column.kind in _READERS else cell
