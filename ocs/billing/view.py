"""The view that billing reads: EDRs and ledger lines with the columns of `ocs.records`, from files or from a store.

DuckDB reads them, so that sums are made in SQL and records larger than memory are no matter. Both relations have one
column more, `number`: the place of the record in the order in which it was written. Instants are microseconds UTC.
Needs the extra `report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
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
                f"CREATE VIEW written_{name} AS SELECT {', '.join(cells)}, file_index::BIGINT << 32 | file_row_number "
                f"AS number FROM read_parquet([{files}], file_row_number = true)"
            )
        view._show("true", "true")
        return view

    @classmethod
    def of_texts(cls, edrs: Iterable[pa.RecordBatch], transfers: Iterable[pa.RecordBatch]) -> Self:
        """From rows as a store keeps them: `number`, from 1 on, and `record`, a JSON array of the columns."""
        view = cls()
        try:
            view.db.execute("BEGIN")
            for name, batches in zip(_RELATIONS, (edrs, transfers), strict=True):
                view._copy(name, batches)
            view._show("true", "true")
            view.db.execute("COMMIT")
        except BaseException:
            view.close()
            raise
        return view

    def _copy(self, name: str, batches: Iterable[pa.RecordBatch]) -> None:
        import pyarrow as pa

        layout = columns(_RELATIONS[name])
        paths = ", ".join(f"'$[{place}]'" for place in range(len(layout)))
        cells = ", ".join(_cell(column, f"cells[{place}]") for place, column in enumerate(layout, 1))
        query = (
            f"SELECT {cells}, number FROM (SELECT number, json_extract_string(record, [{paths}]) AS cells FROM given)"
        )
        into = f"CREATE TABLE written_{name} AS"
        none = pa.record_batch({"number": pa.array([], pa.int64()), "record": pa.array([], pa.string())})
        for batch in chain([none], batches):
            self.db.register("given", pa.Table.from_batches([batch]))
            self.db.execute(f"{into} {query}")
            self.db.unregister("given")
            into = f"INSERT INTO written_{name}"

    def limit(self, edrs: int, transfers: int, billed: int = 0, closed: Sequence[str] = ()) -> list[Edr]:
        """Let the relations have the first so many records alone, and without those that came late, which it returns.

        Late are EDRs after the first `billed`, of cycles that were `closed` then.
        """
        late = f"number > {billed} AND cycle_id IN ({', '.join(map(quoted, closed))})" if closed else "false"
        self._show(f"number <= {edrs} AND NOT ({late})", f"number <= {transfers}")
        return self.records(Edr, "written_edr", f"number <= {edrs} AND {late}")

    def _show(self, edrs: str, transfers: str) -> None:
        for name, condition in zip(_RELATIONS, (edrs, transfers), strict=True):
            self.db.execute(f"CREATE OR REPLACE VIEW {name} AS FROM written_{name} WHERE {condition}")

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
        labels = [place for place, column in enumerate(layout) if column.kind is Kind.LABEL]
        same: dict[Any, Any] = {}  # one object for each label: most of a record is labels
        query = f"SELECT {names} FROM {relation} WHERE {condition} ORDER BY number"
        found = []
        for row in self.rows(query, values):
            cells = list(row)
            for place in labels:
                cells[place] = same.setdefault(cells[place], cells[place])
            for place in parts:
                cells[place] = tuple([BucketPart(**part) for part in cells[place]])
            found.append(record(*cells))
        return found

    def rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a page at a time."""
        cursor = self.db.cursor().execute(query, list(values))
        while page := cursor.fetchmany(_PAGE):
            yield from page


def quoted(text: str | Path) -> str:
    """A text as SQL has it."""
    return "'" + str(text).replace("'", "''") + "'"


def _cell(column: Column, text: str) -> str:
    if column.kind in (Kind.COUNT, Kind.INSTANT):
        text = f"{text}::BIGINT"
    elif column.kind is Kind.PARTS:
        text = f"from_json({text}, '{_PARTS}')"
    return f'{text} AS "{column.name}"'
