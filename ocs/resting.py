"""A store that no OCS serves: who has an order owns it while that takes. The next `serve` goes on from there."""

from __future__ import annotations

import time

import msgspec

from ocs.address import Store
from ocs.charging.commands import Command, Receipt
from ocs.charging.engine import Engine
from ocs.charging.state import State
from ocs.store.journal import StoreError
from ocs.store.recovery import fold
from ocs.store.rows import Filling, Row, request_octets
from ocs.store.stores import open_journal


class Resting:
    """The OCS that a store holds, without clients: orders are journalled, and the tables filled, as in one that serves.

    Raises:
        StoreError: the store cannot be owned or written; perhaps an OCS has just started on it.
    """

    def __init__(self, store: Store) -> None:
        self._journal = open_journal(store)
        self._engine = Engine("ocs", "ocs")  # whose name it has is in answers to clients alone
        try:
            folded = fold(self._engine, self._journal)
            if folded.unfilled.rows:
                raise StoreError(f"{store}: its tables cannot be written")
        except BaseException:
            self._journal.close()
            raise
        self._now = folded.now

    @property
    def state(self) -> State:
        """What it holds."""
        return self._engine.state

    async def execute(self, command: Command) -> Receipt | None:
        """An order, durable when it returns. What it would tell clients it tells nobody: they ask when it serves again.

        Raises:
            StoreError: it was not done.
        """
        self._now = now = max(self._now, time.time_ns() // 1000)
        outcome = self._engine.apply(command, now)
        receipt = outcome.answer if isinstance(outcome.answer, Receipt) else None
        answer = msgspec.json.encode(receipt) if receipt is not None else b""
        self._journal.append([Row(now, type(command).__name__, request_octets(command), answer)])
        self._journal.fill(Filling.of([outcome]))
        return receipt

    def close(self) -> None:
        """Give the store up."""
        self._journal.close()
