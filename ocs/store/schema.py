"""What stands in a store: the journal, how far the tables behind it have come, and records as rows.

Records are JSON arrays, one a row, under a view that has their columns: a row of 57 columns costs five times as much to
insert, and whoever reads by SQL can pay for the columns instead. More views say what people ask a store first.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from ocs.inventory.history import Change
from ocs.records.columns import Kind, columns
from ocs.records.edr import Edr, Transfer
from ocs.store.rows import VERSION

STEPS: Final[dict[int, tuple[str, ...]]] = {4: ()}
"""Statements that bring a store to a version (`ocs.store.rows.VERSION`) from the one before.

The views are made anew after the last.
"""

METADATA: Final = sa.MetaData()
_Integer: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Json: Final = sa.Text().with_variant(postgresql.JSON(), "postgresql")
"""Inserting it costs PostgreSQL half of what `jsonb` does."""

JOURNAL: Final = sa.Table(
    "journal",
    METADATA,
    sa.Column("sequence", _Integer, primary_key=True, autoincrement=False),
    sa.Column("now", _Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
)
# Provisioning is looked up at each start, among millions of requests; this costs their rows nothing.
_PROVISION: Final = sa.text("kind = 'Provision'")
sa.Index("journal_provision", JOURNAL.c.sequence, sqlite_where=_PROVISION, postgresql_where=_PROVISION)

POSITION: Final = sa.Table(
    "position",
    METADATA,
    sa.Column("filled", _Integer, nullable=False),
    sa.Column("probes", _Integer, nullable=False),
)
"""One row: the sequence number that the tables have come to; and attempts to write after a failure."""


def _records(name: str) -> sa.Table:
    return sa.Table(
        f"{name}_record",
        METADATA,
        sa.Column("number", _Integer, primary_key=True),
        sa.Column("record", _Json, nullable=False),
    )


EDR_RECORD: Final = _records("edr")
TRANSFER_RECORD: Final = _records("transfer")
CHANGE_RECORD: Final = _records("change")


def _view(name: str, query: Any) -> sa.TableClause:
    VIEWS[name] = query
    return sa.table(name, *(sa.column(column.name, column.type) for column in query.selected_columns))


class _Cell(GenericFunction[Any]):
    """One cell of a record, by its place in the array: text, or an integer if its type says so."""

    name = "cell"
    inherit_cache = True


@compiles(_Cell, "sqlite")
def _cell_of_sqlite(element: _Cell, compiler: Any, **_: Any) -> str:
    record, place = element.clauses
    return f"json_extract({compiler.process(record)}, '$[{place.value}]')"


@compiles(_Cell, "postgresql")
def _cell_of_postgresql(element: _Cell, compiler: Any, **_: Any) -> str:
    record, place = element.clauses
    text = f"({compiler.process(record)} ->> {place.value})"
    return f"CAST({text} AS BIGINT)" if isinstance(element.type, sa.Integer) else text


def _columns(name: str, record: type[msgspec.Struct], table: sa.Table) -> sa.TableClause:
    return _view(
        name,
        sa.select(
            *(
                _Cell(
                    table.c.record,
                    place,
                    type_=_Integer if column.kind in (Kind.COUNT, Kind.INSTANT) else sa.Text(),
                ).label(column.name)
                for place, column in enumerate(columns(record))
            )
        ),
    )


VIEWS: Final[dict[str, sa.Select[Any]]] = {}
EDR: Final = _columns("edr", Edr, EDR_RECORD)
TRANSFER: Final = _columns("transfer", Transfer, TRANSFER_RECORD)
CHANGE: Final = _columns("change", Change, CHANGE_RECORD)


def _sum(octets: Any) -> Any:
    """PostgreSQL's sum of integers is no integer."""
    return sa.cast(sa.func.sum(octets), _Integer)


def _moved(condition: sa.ColumnElement[bool]) -> Any:
    return _sum(sa.case((condition, TRANSFER.c.amount), else_=0))


def _balances() -> sa.Select[Any]:
    """Buckets, by the ledger. Credited = used + reserved + expired + remaining."""
    kind, settles = TRANSFER.c.kind, TRANSFER.c.pending_id.is_not(None)
    credited, used, expired = _moved(kind == "credit"), _moved(kind == "posted"), _moved(kind == "expired")
    reserved = _moved(kind == "pending") - _moved(settles)
    return sa.select(
        sa.func.max(TRANSFER.c.subscription_id).label("subscription_id"),
        TRANSFER.c.bucket_id,
        sa.func.max(TRANSFER.c.account_id).label("account_id"),
        credited.label("credited"),
        used.label("used"),
        reserved.label("reserved"),
        expired.label("expired"),
        (credited - used - reserved - expired).label("remaining"),
    ).group_by(TRANSFER.c.bucket_id)


def _sessions() -> sa.Select[Any]:
    """Sessions that have reported. `ended`: 1 once a CCR-T has come."""
    return sa.select(
        EDR.c.session_id,
        sa.func.max(EDR.c.physical_imsi).label("physical_imsi"),
        sa.func.max(EDR.c.apn).label("apn"),
        sa.func.min(EDR.c.usage_start).label("first_use"),
        sa.func.max(EDR.c.event_time).label("last_report"),
        sa.func.count().label("records"),
        _sum(EDR.c.octets_total).label("octets_total"),
        _sum(EDR.c.octets_overrun).label("octets_overrun"),
        sa.func.max(sa.case((EDR.c.record_type == "stop", 1), else_=0)).label("ended"),
    ).group_by(EDR.c.session_id)


def _subscriptions() -> sa.Select[Any]:
    """Subscriptions as they stand, by the last record of each one's history."""
    record = CHANGE_RECORD
    place = [column.name for column in columns(Change)].index("subscription_id")
    key = _Cell(record.c.record, place, type_=sa.Text())
    latest = sa.select(sa.func.max(record.c.number)).where(key.is_not(None)).group_by(key)
    return VIEWS["change"].where(record.c.number.in_(latest))


BALANCE: Final = _view("balance", _balances())
SESSION: Final = _view("session", _sessions())
SUBSCRIPTION: Final = _view("subscription", _subscriptions())


def statements(dialect: sa.Dialect | None = None) -> list[str]:
    """What makes an empty store; SQLite's unless another dialect is given."""
    dialect = dialect or sqlite.dialect()
    made: list[sa.schema.ExecutableDDLElement] = [sa.schema.CreateTable(table) for table in METADATA.sorted_tables]
    made += [sa.schema.CreateIndex(index) for table in METADATA.sorted_tables for index in table.indexes]
    return [
        *(str(statement.compile(dialect=dialect)) for statement in made),
        *_views(dialect),
        "INSERT INTO position VALUES (0, 0)",
    ]


def migration(version: int, dialect: sa.Dialect | None = None) -> list[str] | None:
    """What brings a store of `version` to `VERSION`, in one transaction; None if there is no way."""
    steps = range(version + 1, VERSION + 1)
    if version > VERSION or any(step not in STEPS for step in steps):
        return None
    dropped = [f"DROP VIEW IF EXISTS {name}" for name in reversed(VIEWS)]
    return [*(text for step in steps for text in STEPS[step]), *dropped, *_views(dialect or sqlite.dialect())]


def _views(dialect: sa.Dialect) -> list[str]:
    return [
        f"CREATE VIEW {name} AS {query.compile(dialect=dialect, compile_kwargs={'literal_binds': True})}"
        for name, query in VIEWS.items()
    ]
