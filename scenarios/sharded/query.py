"""SQL over what a run has left (DuckDB): the views are the files of `records`, of all its shards.

Instants are timestamps in UTC (that of a ledger line, purchase, change or hour is `time`), volumes octets, money
micros. Needs the extra `report`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scenarios.sharded.records import FILES


class QueryError(ValueError):
    """The run cannot be read, or the SQL not be understood."""


class Answer(NamedTuple):
    """The columns of an answer, and its rows as they come."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]


def query(folder: Path, sql: str) -> Answer:
    """Ask the run in `folder`.

    Raises:
        QueryError: one line that says what is wrong.
    """
    import duckdb

    files = {name: _files(folder, name) for name in FILES}
    if not files["edrs"]:
        raise QueryError(
            f"--run {folder}: expected the folder of a run, with records (not after --no-report) or shards in it"
        )
    db = duckdb.connect()
    try:
        db.execute("SET memory_limit = '400MB'; SET TimeZone = 'UTC'")
        for name, paths in files.items():
            rows = db.read_parquet([str(path) for path in paths])
            # `at` is a keyword of DuckDB's.
            cells = [f'"{name}" AS "time"' if name == "at" else f'"{name}"' for name in rows.columns]
            if name == "series":
                cells = [cells[0], *(f"sum({cell})::BIGINT AS {cell}" for cell in cells[1:])]
                rows = rows.aggregate(", ".join(cells)).order('"time"')
            else:
                rows = rows.project(", ".join(cells))
            rows.create_view(name)
        found = db.execute(sql)
        columns = [column[0] for column in found.description or ()]
        return Answer(columns, _rows(found))
    except duckdb.Error as error:
        raise QueryError(_line(error)) from None


def _files(folder: Path, name: str) -> list[Path]:
    return sorted(
        [*folder.glob(f"records/{name}.parquet"), *folder.glob(f"shards/[0-9][0-9][0-9][0-9]/{name}.parquet")]
    )


def _rows(found: Any) -> Iterator[tuple[Any, ...]]:
    while rows := found.fetchmany(1_000):
        yield from rows


def _line(error: Exception) -> str:
    """The first line of what DuckDB says: the others repeat the SQL."""
    return " ".join(str(error).strip().splitlines()[0].split())
