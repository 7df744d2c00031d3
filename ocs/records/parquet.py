"""Records as Parquet (zstd), for DuckDB and the like. Needs the extra `report`.

Numbers are int64; instants are timestamps of microseconds in UTC without a zone, which every reader shows alike; labels
are dictionaries, since they hardly change from row to row; bucket parts are a list of (bucket_id, amount).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from ocs.records.columns import Column, Kind, R, columns, in_order
from ocs.records.edr import BucketPart


class RowGroups:
    """A new Parquet file that grows by row groups, so that no more than one of them is in memory. A context manager."""

    def __init__(self, path: Path, record: type[msgspec.Struct]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._layout = columns(record)
        self._schema = pa.schema(
            [pa.field(column.name, _type(column), nullable=column.optional) for column in self._layout]
        )
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def add(self, records: Iterable[msgspec.Struct]) -> None:
        """One more row group, in the order of `columns.in_order`; none where there are no records."""
        import pyarrow as pa

        rows = [msgspec.structs.astuple(item) for item in in_order(records)]
        if not rows:
            return
        arrays = [
            _parts(values) if column.kind is Kind.PARTS else pa.array(values, type=field.type)
            for column, field, values in zip(self._layout, self._schema, zip(*rows, strict=True), strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=len(rows))


def write_parquet(path: Path, record: type[R], records: Iterable[R]) -> None:
    """Write records to a new file at `path`, in the order of `columns.in_order`."""
    with RowGroups(path, record) as file:
        file.add(records)


def stream_parquet(paths: Sequence[Path], record: type[R], order: str) -> Iterator[R]:
    """The records of all files, sorted by SQL `order`, few at a time: DuckDB sorts, on disk where memory is short."""
    import duckdb

    layout = columns(record)
    names = ", ".join(
        f"epoch_us({column.name}) AS {column.name}" if column.kind is Kind.INSTANT else column.name for column in layout
    )
    with duckdb.connect() as db:
        db.execute("SET memory_limit = '200MB'; SET TimeZone = 'UTC'")
        found = db.execute(f"SELECT {names} FROM read_parquet(?) ORDER BY {order}", [[str(path) for path in paths]])
        parts = [place for place, column in enumerate(layout) if column.kind is Kind.PARTS]
        while rows := found.fetchmany(5_000):
            for row in rows:
                cells = list(row)
                for place in parts:
                    cells[place] = tuple(BucketPart(**part) for part in cells[place])
                yield record(*cells)


def read_parquet(path: Path, record: type[R]) -> list[R]:
    """The records in the file at `path`, equal to those written.

    Raises:
        ValueError: not a file of such records.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    layout = columns(record)
    table = pq.read_table(path)
    if table.column_names != [column.name for column in layout]:
        raise ValueError(f"{path}: expected the columns {','.join(column.name for column in layout)}")
    values: list[list[Any]] = []
    for column in layout:
        cells = table.column(column.name)
        if column.kind is Kind.INSTANT:
            cells = cells.cast(pa.int64())
        values.append(cells.to_pylist())
        if column.kind is Kind.PARTS:
            values[-1] = [tuple(BucketPart(**part) for part in parts) for parts in values[-1]]
    return [record(*row) for row in zip(*values, strict=True)]


def _parts(cells: Iterable[tuple[BucketPart, ...]]) -> Any:
    """Bucket parts as a column: most records have none, and a dictionary for each part is dear."""
    import pyarrow as pa

    parts: list[BucketPart] = []
    ends = [0]
    for cell in cells:
        parts += cell
        ends.append(len(parts))
    names = pa.array([part.bucket_id for part in parts], type=pa.string())
    amounts = pa.array([part.amount for part in parts], type=pa.int64())
    inside = pa.StructArray.from_arrays([names, amounts], names=["bucket_id", "amount"])
    return pa.ListArray.from_arrays(pa.array(ends, type=pa.int32()), inside)


def _type(column: Column) -> Any:
    import pyarrow as pa

    return {
        Kind.LABEL: pa.dictionary(pa.int32(), pa.string()),
        Kind.IDENTITY: pa.string(),
        Kind.COUNT: pa.int64(),
        Kind.INSTANT: pa.timestamp("us"),
        Kind.PARTS: pa.list_(pa.struct([("bucket_id", pa.string()), ("amount", pa.int64())])),
    }[column.kind]
