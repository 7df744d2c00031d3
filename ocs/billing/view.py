"""The view that billing reads: EDRs and ledger lines with the columns of `ocs.records`, from files or from a store.

DuckDB reads them, so that sums are made in SQL and records larger than memory are no matter. Both relations have one
column more, `number`: the place of the record in the order in which it was written. Instants are microseconds UTC.
Needs the extra `report`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from ocs.records.columns import Column, Kind, R, columns
from ocs.records.edr import BucketPart, Edr, Transfer

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY: Final = "400MB"
"""What DuckDB may take; more goes to a file."""
_PARTS: Final = '[{"bucket_id":"VARCHAR","amount":"BIGINT"}]'
_PAGE: Final = 10_000
"""Rows fetched at once."""
_RELATIONS: Final[dict[str, type[msgspec.Struct]]] = {"edr": Edr, "transfer": Transfer}


class View:
    """EDRs and ledger lines as the relations `edr` and `transfer` of a DuckDB database that ends with it."""

    def __init__(self) -> None:
        import duckdb

        self._folder = TemporaryDirectory(prefix="splitsim-billing-")
        self.db = duckdb.connect(f"{self._folder.name}/view.duckdb")
        self.db.execute(f"SET memory_limit = '{MEMORY}'")
        self.db.execute("SET preserve_insertion_order = false")  # whoever wants an order says so

    @classmethod
    def of_parquet(cls, edrs: Sequence[Path], transfers: Sequence[Path]) -> Self:
        """Over files as `ocs.records.parquet` writes them, which are read each time anew."""
        view = cls()
        for (name, record), paths in zip(_RELATIONS.items(), (edrs, transfers), strict=True):
            cells = [
                f'epoch_us("{column.name}") AS "{column.name}"' if column.kind is Kind.INSTANT else f'"{column.name}"'
                for column in columns(record)
            ]
            files = ", ".join(map(quoted, paths))
            view.db.execute(
                f"CREATE VIEW {name} AS SELECT {', '.join(cells)}, file_index::BIGINT << 32 | file_row_number "
                f"AS number FROM read_parquet([{files}], file_row_number = true)"
            )
        return view

    @classmethod
    def of_texts(cls, edrs: pa.RecordBatchReader, transfers: pa.RecordBatchReader) -> Self:
        """From rows as a store keeps them: `number`, and `record`, a JSON array of the columns."""
        view = cls()
        for (name, record), rows in zip(_RELATIONS.items(), (edrs, transfers), strict=True):
            layout = columns(record)
            paths = ", ".join(f"'$[{place}]'" for place in range(len(layout)))
            cells = ", ".join(_cell(column, f"cells[{place}]") for place, column in enumerate(layout, 1))
            view.db.register("given", rows)
            view.db.execute(
                f"CREATE TABLE {name} AS SELECT {cells}, number "
                f"FROM (SELECT number, json_extract_string(record, [{paths}]) AS cells FROM given)"
            )
            view.db.unregister("given")
        return view

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the database."""
        self.db.close()
        self._folder.cleanup()

    def records(self, record: type[R], relation: str, condition: str = "true", values: Sequence[Any] = ()) -> list[R]:
        """Whole records, in the order in which they were written."""
        layout = columns(record)
        names = ", ".join(f'"{column.name}"' for column in layout)
        parts = [place for place, column in enumerate(layout) if column.kind is Kind.PARTS]
        query = f"SELECT {names} FROM {relation} WHERE {condition} ORDER BY number"
        found = []
        for row in self.rows(query, values):
            cells = list(row)
            for place in parts:
                cells[place] = tuple([BucketPart(**part) for part in cells[place]])
            found.append(record(*cells))
        return found

    def rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a page at a time."""
        cursor = self.db.cursor().execute(query, list(values))
        while page := cursor.fetchmany(_PAGE):
            yield from page


def quoted(path: Path) -> str:
    """A path as SQL has it."""
    return "'" + str(path).replace("'", "''") + "'"


def _cell(column: Column, text: str) -> str:
    if column.kind in (Kind.COUNT, Kind.INSTANT):
        text = f"{text}::BIGINT"
    elif column.kind is Kind.PARTS:
        text = f"from_json({text}, '{_PARTS}')"
    return f'{text} AS "{column.name}"'
