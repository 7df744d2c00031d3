"""One door to stores of either kind, for those who do not care which."""

from __future__ import annotations

from ocs.address import Database, Store
from ocs.store.journal import Journal
from ocs.store.sqlite import SqliteJournal


def open_journal(store: Store) -> Journal:
    """The journal of `store`, made if it is not there; it is ours until it is closed.

    Raises:
        StoreInUseError: another process owns it.
        StoreError: it cannot be opened, or is no store of ours.
    """
    if isinstance(store, Database):
        from ocs.store.postgres import PostgresJournal  # only who has such a store needs its client

        return PostgresJournal(store)
    return SqliteJournal(store)
