"""What stands in a store: the journal, how far the tables behind it have come, and records as rows.

Records are JSON arrays, one a row, under a view that has their columns: a row of 57 columns costs five times as much to
insert, and whoever reads by SQL can pay for the columns instead. More views say what people ask a store first.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from ocs.inventory.history import Change
from ocs.records.columns import Kind, columns
from ocs.records.edr import Edr, Transfer

METADATA: Final = sa.MetaData()

JOURNAL: Final = sa.Table(
    "journal",
    METADATA,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("now", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
)
# Provisioning is looked up at each start, among millions of requests; this costs their rows nothing.
sa.Index("journal_provision", JOURNAL.c.sequence, sqlite_where=sa.text("kind = 'Provision'"))

POSITION: Final = sa.Table(
    "position",
    METADATA,
    sa.Column("filled", sa.Integer, nullable=False),
    sa.Column("probes", sa.Integer, nullable=False),
)
"""One row: the sequence number that the tables have come to; and attempts to write after a failure."""


def _records(name: str) -> sa.Table:
    return sa.Table(
        f"{name}_record",
        METADATA,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
    )


EDR_RECORD: Final = _records("edr")
TRANSFER_RECORD: Final = _records("transfer")
CHANGE_RECORD: Final = _records("change")


def _view(name: str, query: Any) -> sa.TableClause:
    VIEWS[name] = query
    return sa.table(name, *(sa.column(column.name, column.type) for column in query.selected_columns))


def _columns(name: str, record: type[msgspec.Struct], table: sa.Table) -> sa.TableClause:
    return _view(
        name,
        sa.select(
            *(
                sa.func.json_extract(
                    table.c.record,
                    f"$[{place}]",
                    type_=sa.Integer() if column.kind in (Kind.COUNT, Kind.INSTANT) else sa.Text(),
                ).label(column.name)
                for place, column in enumerate(columns(record))
            )
        ),
    )


VIEWS: Final[dict[str, sa.Select[Any]]] = {}
EDR: Final = _columns("edr", Edr, EDR_RECORD)
TRANSFER: Final = _columns("transfer", Transfer, TRANSFER_RECORD)
CHANGE: Final = _columns("change", Change, CHANGE_RECORD)


def _sum(condition: sa.ColumnElement[bool]) -> Any:
    return sa.func.sum(sa.case((condition, TRANSFER.c.amount), else_=0))


def _balances() -> sa.Select[Any]:
    """Buckets, by the ledger. Credited = used + reserved + expired + remaining."""
    kind, settles = TRANSFER.c.kind, TRANSFER.c.pending_id.is_not(None)
    credited, used, expired = _sum(kind == "credit"), _sum(kind == "posted"), _sum(kind == "expired")
    reserved = _sum(kind == "pending") - _sum(settles)
    return sa.select(
        TRANSFER.c.subscription_id,
        TRANSFER.c.bucket_id,
        TRANSFER.c.account_id,
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
        EDR.c.physical_imsi,
        EDR.c.apn,
        sa.func.min(EDR.c.usage_start).label("first_use"),
        sa.func.max(EDR.c.event_time).label("last_report"),
        sa.func.count().label("records"),
        sa.func.sum(EDR.c.octets_total).label("octets_total"),
        sa.func.sum(EDR.c.octets_overrun).label("octets_overrun"),
        sa.func.max(EDR.c.record_type == "stop").label("ended"),
    ).group_by(EDR.c.session_id)


def _subscriptions() -> sa.Select[Any]:
    """Subscriptions as they stand, by the last record of each one's history."""
    record = CHANGE_RECORD
    place = [column.name for column in columns(Change)].index("subscription_id")
    key = sa.func.json_extract(record.c.record, f"$[{place}]")
    latest = sa.select(sa.func.max(record.c.number)).where(key.is_not(None)).group_by(key)
    return VIEWS["change"].where(record.c.number.in_(latest))


BALANCE: Final = _view("balance", _balances())
SESSION: Final = _view("session", _sessions())
SUBSCRIPTION: Final = _view("subscription", _subscriptions())


def statements() -> list[str]:
    """What makes an empty SQLite store."""
    dialect = sqlite.dialect()
    made: list[sa.schema.ExecutableDDLElement] = [sa.schema.CreateTable(table) for table in METADATA.sorted_tables]
    made += [sa.schema.CreateIndex(index) for table in METADATA.sorted_tables for index in table.indexes]
    return [
        *(str(statement.compile(dialect=dialect)) for statement in made),
        *(
            f"CREATE VIEW {name} AS {query.compile(dialect=dialect, compile_kwargs={'literal_binds': True})}"
            for name, query in VIEWS.items()
        ),
        "INSERT INTO position VALUES (0, 0)",
    ]
