"""`splitsim bench bill` measures what it says: its month closes to the same documents however it is added up."""

from __future__ import annotations

from pathlib import Path

from ocs.bench import bill
from ocs.bench.month import CYCLE, EDRS_A_SIM, Month
from ocs.billing.books import Books
from ocs.billing.close import close_cycle
from ocs.billing.documents import from_json
from ocs.billing.printing import addressed
from ocs.billing.reconcile import reconcile
from ocs.records.edr import Edr, Transfer
from ocs.records.parquet import read_parquet


def test_a_month_is_closed_with_all_its_records(tmp_path: Path) -> None:
    month = Month(20, tmp_path, company=7)
    month.write()
    edrs, transfers = read_parquet(month.edrs, Edr), read_parquet(month.transfers, Transfer)
    assert len(edrs) == 20 * EDRS_A_SIM
    close = close_cycle(CYCLE, Books(month.register(), tuple(month.history()), tuple(edrs), tuple(transfers)))
    assert reconcile(close).differences == ()
    assert {settlement.plan.id for settlement in close.settlements} == {"one-price", "by-time", "pool"}
    assert all(settlement.octets_overage for settlement in close.settlements)
    spent = bill.bill(month)
    found = [from_json(path.read_bytes()) for path in sorted((tmp_path / "documents").iterdir())]
    assert spent.documents == len(found) == 23
    assert found == [addressed(document) for document in close.documents]
    rated = (tmp_path / "rated.csv").read_text().splitlines()
    assert len(rated) == 1 + len(close.rated) == 1 + 20 * EDRS_A_SIM * 3 // 5
