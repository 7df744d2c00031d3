"""The files of a shard: what each row says, and writing them world by world. Needs the extra `report`.

`edrs` and `ledger` hold what the OCS wrote, `sessions`, `truth` and `series` what the cars and the gateway did,
`purchases`, `changes` and `unreported` the rest that bills and checks want. `sums_*` are EDRs and ledger lines added up
(`condense`). Instants are microseconds UTC, volumes octets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from ocs.catalogue.profiles import Party
from ocs.inventory.history import Change
from ocs.records.edr import Edr, Transfer
from ocs.records.parquet import RowGroups, read_parquet
from scenarios.evidence import Purchase


class SessionRow(msgspec.Struct, frozen=True, gc=False):
    """One Gy session."""

    session_id: str
    vehicle: str
    imsi: str
    apn: str
    opened_at: int
    closed_at: int | None
    """When its CCR-T was answered, or it was refused; None: still open at the end."""
    requests: int
    octets: int
    """Reported in it."""
    result_code: int | None
    """Of the last answer."""


class TruthRow(msgspec.Struct, frozen=True, gc=False):
    """What one car moved in one rating group, counted in the data path, and what was reported of it on Gy."""

    vehicle: str
    imsi: str
    apn: str
    rating_group: int
    split_id: str | None
    party: Party | None
    account_id: str
    """Who ought to pay by the scenario."""
    begins_at: int
    ends_at: int
    octets: int
    octets_reported: int


class SeriesRow(msgspec.Struct, frozen=True, gc=False):
    """One hour of all cars of the shard."""

    at: int
    """Where it begins."""
    requests: int
    sessions_opened: int
    refusals: int
    """Answers, or services in them, of 4xxx and 5xxx."""
    octets_b2b: int
    octets_b2c: int


class UnreportedRow(msgspec.Struct, frozen=True, gc=False):
    """Octets that passed and no report covers."""

    vehicle: str
    imsi: str
    apn: str
    rating_group: int
    cause: str
    octets: int


Row = Edr | Transfer | Change | SessionRow | TruthRow | SeriesRow | Purchase | UnreportedRow

FILES: Final[dict[str, type[Row]]] = {
    "edrs": Edr,
    "ledger": Transfer,
    "sessions": SessionRow,
    "truth": TruthRow,
    "series": SeriesRow,
    "purchases": Purchase,
    "changes": Change,
    "unreported": UnreportedRow,
}
"""`NAME.parquet` in the folder of a run, or of each shard: what `splitsim query` shows."""
SUMS: Final[dict[str, type[Row]]] = {"sums_edrs": Edr, "sums_ledger": Transfer}
"""In the folder of each shard, too."""

R = TypeVar("R", bound=msgspec.Struct)


class ShardFiles:
    """Writes all files of a shard, one row group for each world. A context manager."""

    def __init__(self, folder: Path, kinds: Mapping[str, type[Row]] = FILES | SUMS) -> None:
        self._open = ExitStack()
        self._files = {
            name: self._open.enter_context(RowGroups(folder / f"{name}.parquet", record))
            for name, record in kinds.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, name: str, rows: Iterable[Row]) -> None:
        """Rows of one world."""
        self._files[name].add(rows)


def read_all(folders: Iterable[Path], name: str, record: type[R]) -> list[R]:
    """The rows of one kind of all shards, in the order of cars."""
    return [row for folder in folders for row in read_parquet(folder / f"{name}.parquet", record)]
