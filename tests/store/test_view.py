"""Billing's view of a store has what was written, in order, whichever database it is."""

from __future__ import annotations

import pytest

from ocs.address import Store
from ocs.billing.view import View
from ocs.charging.commands import Provision
from ocs.charging.engine import Engine
from ocs.records.edr import Edr, Transfer
from ocs.store import reading
from ocs.store.rows import Filling
from ocs.store.stores import open_journal
from ocs.units import SECOND
from tests.charging.player import START, Player, world


def test_the_view_has_what_was_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(world("two_apns", {}))
    outcomes = [Engine("ocs.example", "example").apply(Provision(player.provisioning, "world"), START)]
    for seconds, event in enumerate(
        ("w1 wifi I 0 | 200 ask", "w1 U 1 | 200 used 3MB ask", "topup wifi 1gb", "w1 T 2 | 200 used 9MB"), 1
    ):
        outcomes.append(player.play(event, START + seconds * SECOND))
    journal = open_journal(store)
    assert reading.last_numbers(store) == (0, 0)
    journal.fill(Filling.of(outcomes))
    journal.close()
    monkeypatch.setattr(reading, "_LARGE_PAGE", 2)
    last = reading.last_numbers(store)
    rows = (reading.rows_as_written(store, *which) for which in zip((Edr, Transfer), last, strict=True))
    with View.of_texts(*rows) as view:
        edrs = view.records(Edr, "edr")
        assert edrs == reading.edrs_as_written(store)
        assert view.records(Transfer, "transfer") == reading.transfers_as_written(store)
        assert len(edrs) > 1
        assert any(edr.bucket_parts for edr in edrs)
        assert list(view.rows("SELECT number FROM edr ORDER BY number")) == [(n,) for n in range(1, len(edrs) + 1)]
        late = view.limit(edrs=2, transfers=1, billed=1, closed=[edrs[1].cycle_id])
        assert (late, view.records(Edr, "edr")) == ([edrs[1]], [edrs[0]])
        assert len(view.records(Transfer, "transfer")) == 1
    earlier = reading.rows_as_written(store, Edr, last[0] - 1)  # what is written later is left out
    assert sum(batch.num_rows for batch in earlier) == len(edrs) - 1
