"""Bills from a store, by the commands: closed once and for all, reconciled, explained, credited, fed."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from ocs.charging.commands import Command, Outcome, Provision, Receipt
from ocs.charging.engine import Engine
from ocs.gy.codec import encode
from ocs.gy.framing import Header
from ocs.gy.messages import APPLICATION_ID, Cca
from ocs.inventory.provisioning import Operator, Provisioning
from ocs.records.edr import Edr
from ocs.store.reading import edrs_as_written
from ocs.store.rows import Filling, Row, request_octets
from ocs.store.sqlite import SqliteJournal
from ocs.units import DAY, SECOND
from splitsim import app
from tests.charging.player import START, Player, world

APRIL = int((31 - 1) * DAY // SECOND)  # seconds from 2 March to 1 April, both UTC
ANSWER = Header(272, APPLICATION_ID, 0, 0, 0)


class Journalled(Engine):
    """An engine whose journal and tables hold all that it does."""

    def __init__(self, journal: SqliteJournal) -> None:
        super().__init__("ocs.example", "example")
        self.journal = journal
        self.first: Outcome | None = None

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        self.first = self.first or outcome
        answer = outcome.answer
        said = encode(answer, ANSWER) if isinstance(answer, Cca) else msgspec.json.encode(answer)
        self.journal.append([Row(now, type(command).__name__, request_octets(command), said)])
        self.journal.fill(Filling.of([outcome]))
        return outcome


class Store:
    """A store that an OCS has written, in virtual time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ocs.db"
        self.out = folder / "bills"
        self.journal = SqliteJournal(self.path)
        change = {"plans.fleet.sms": 0.05, "plans.fleet.activation": 2}
        engine = Journalled(self.journal)
        self.player = Player(world("two_apns", change), engine=engine)
        self.first = engine.first

    def play(self, seconds: int, event: str) -> None:
        self.player.play(event, START + seconds * SECOND)

    def late(self, seconds: int, octets: int) -> None:
        """A report of what happened at `seconds`, that comes now."""
        self.play(seconds, f"f9 fleet.acme I 0 | 1 ask {octets}B")
        self.play(seconds + 1, f"f9 T 1 | 1 used {octets}B")

    def command(self, *words: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, [*words], env={"COLUMNS": "200"})
        assert result.exit_code == status, result.output
        return result.output

    def bill(self, cycle: str, *more: str, status: int = 0) -> str:
        return self.command("bill", "--cycle", cycle, *self.where, *more, status=status)

    @property
    def where(self) -> list[str]:
        return ["--db", f"sqlite:///{self.path}", "--out", str(self.out)]

    def files(self, cycle: str) -> dict[str, bytes]:
        folder = self.out / cycle
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def documents(self, cycle: str) -> list[str]:
        return sorted(path.stem for path in (self.out / cycle / "documents").glob("*.json"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store.play(10, "f1 fleet.acme I 0 | 1 ask")
    store.play(20, "w1 wifi I 0 | 200 ask")
    store.play(30, "f1 U 1 | 1 used 57300450B ask")
    store.play(40, "w1 U 1 | 200 used 3MB ask")
    store.play(50, "m1 sms E 0 with action=DIRECT_DEBITING | - askunits 2")
    store.play(60, "topup wifi 1gb")
    store.play(70, "f1 T 2 | 1 used 0B")
    store.play(80, "w1 T 2 | 200 used 0B")
    yield store
    store.journal.close()


def test_a_cycle_is_closed_with_all_its_files(store: Store) -> None:
    assert "2 documents of 2026-03" in store.bill("2026-03")
    files = store.files("2026-03")
    assert set(files) == {
        "run.json",
        "rated.csv",
        "margin.csv",
        "reconciliation.csv",
        "reconciliation.html",
        "buckets.csv",
        "differences.csv",
        "feed/feed-2026-03-0001.csv",
        "feed/feed-2026-03-0001.csv.done",
        "documents/INV-2026-03-00001.json",
        "documents/STM-2026-03-00001.json",
    }
    rated = {row["edr_id"]: row for row in csv.DictReader(files["rated.csv"].decode().splitlines())}
    # Provisioned on 2 March: 30 of 31 days, 48,387,096 octets included.
    found = [rated["f1/1/1/1"][name] for name in ("octets_in_bundle", "octets_overage", "amount_micros")]
    assert found == ["48387096", "8913354", "178280"]


def test_closing_again_changes_nothing_whatever_came_since(store: Store) -> None:
    store.bill("2026-03")
    before = store.files("2026-03")
    store.bill("2026-03")
    store.late(90, 4_000_000)
    store.bill("2026-03")
    assert store.files("2026-03") == before


def test_what_comes_late_is_on_the_next_bill_and_only_there(store: Store) -> None:
    store.bill("2026-03")
    store.late(90, 4_000_000)
    store.play(APRIL + 100, "f2 fleet.acme I 0 | 1 ask")
    store.play(APRIL + 110, "f2 T 1 | 1 used 1MB")
    store.bill("2026-04")
    invoice = msgspec.json.decode(store.files("2026-04")["documents/INV-2026-04-00001.json"])
    lines = {line["name"]: line for line in invoice["appliedCustomerBillingRate"]}
    late = lines["fleet: data, late, of March 2026"]
    # All that March included was used: 4 MB late are 4,000 blocks.
    assert (late["octets"], late["exactAmount"]["value"]) == (4_000_000, "0.08")
    store.play(APRIL + 40 * 86_400, "f3 fleet.acme I 0 | 1 ask")
    store.play(APRIL + 40 * 86_400 + 10, "f3 T 1 | 1 used 1MB")
    store.bill("2026-05")
    may = msgspec.json.decode(store.files("2026-05")["documents/INV-2026-05-00001.json"])
    assert not any("late" in line["name"] for line in may["appliedCustomerBillingRate"])
    octets = [sum(line["octets"] for line in found["appliedCustomerBillingRate"]) for found in (invoice, may)]
    assert octets == [5_000_000, 1_000_000]


def test_who_moves_has_the_new_address_on_the_next_bill_and_the_old_one_on_those_before(store: Store) -> None:
    store.bill("2026-03")
    before = store.files("2026-03")
    (acme,) = (account for account in store.player.provisioning.accounts if account.id == "acme")
    moved = Provisioning(
        operator=Operator(vat_percent="16"), accounts=(acme.model_copy(update={"address": ("2 New Road", "Berlin")}),)
    )
    receipt = store.player.engine.apply(Provision(moved, "moved"), START + APRIL * SECOND).answer
    assert receipt == Receipt("0 SIMs")
    store.play(APRIL + 100, "f2 fleet.acme I 0 | 1 ask")
    store.play(APRIL + 110, "f2 T 1 | 1 used 1MB")
    store.bill("2026-04")
    store.bill("2026-03")
    assert store.files("2026-03") == before
    invoices = [
        msgspec.json.decode(store.files(cycle)[f"documents/INV-{cycle}-00001.json"]) for cycle in ("2026-03", "2026-04")
    ]
    assert [invoice["taxItem"][0]["taxRate"] for invoice in invoices] == ["19", "16"]
    addresses = [invoice["relatedParty"][1]["address"] for invoice in invoices]
    assert addresses[0] != addresses[1] == ["2 New Road", "Berlin"]
    other = acme.model_copy(update={"kind": "account"})
    receipt = store.player.engine.apply(Provision(Provisioning(accounts=(other,)), "x"), START + APRIL * SECOND).answer
    assert isinstance(receipt, Receipt)
    assert "account 'acme' is there as a company: it stays that" in str(receipt.error)


def test_cycles_are_closed_in_order_and_when_they_are_over(store: Store) -> None:
    assert "has not been closed: close it before 2026-04" in store.bill("2026-04", status=2)
    store.bill("2026-03")
    store.play(APRIL + 100, "f2 fleet.acme I 0 | 1 ask")
    store.play(APRIL + 110, "f2 T 1 | 1 used 1MB")
    store.bill("2026-04")
    assert "2026-04 has been closed" in store.bill("2026-02", status=2)
    assert "is not over" in store.bill("2999-01", status=2)
    assert "expected a billing cycle as YYYY-MM" in store.bill("March", status=2)
    assert not (store.out / "2999-01").exists()


def test_a_store_that_is_not_there_is_said(store: Store, tmp_path: Path) -> None:
    result = store.command(
        "bill", "--cycle", "2026-03", "--db", f"sqlite:///{tmp_path}/none.db", "--out", str(tmp_path / "o"), status=2
    )
    assert "none.db" in result
    assert "Traceback" not in result


def test_everything_that_is_wrong_is_told_at_once(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    said = store.command("bill", "--cycle", "March", "--db", "nowhere", "--out", str(file), status=2)
    assert [line.split()[0] for line in said.splitlines()] == ["--cycle:", "--db:", "--out"]
    said = store.command("bill", status=2)
    assert [line.split()[2] for line in said.splitlines()[:3]] == ["'--cycle'.", "'--db'.", "'--out'."]
    words = ["--cycle", "2026-3", "--out", str(store.out), "--request-id", "c", "--by", "", "--reason", "x"]
    said = store.command("credit", "INV-1", *words, "--amount", "much", status=2)
    for wrong in ("expected 2026-03", "says who gives it", "such as 1.20 (got 'much')", "no invoice 'INV-1'"):
        assert wrong in said


def test_reconciling_ends_with_1_on_any_difference(store: Store) -> None:
    said = store.command("reconcile", "--cycle", "2026-03", "--db", f"sqlite:///{store.path}")
    assert "2026-03: no difference" in said
    assert [row["usu"] for row in reconciled(store)] == ["57300450", "0", "3000000"]
    to = store.out / "report"
    store.command("reconcile", "--cycle", "2026-03", "--db", f"sqlite:///{store.path}", "--to", str(to))
    assert b"Everything agrees" in (to / "reconciliation.html").read_bytes()
    assert (to / "reconciliation.csv").read_text().count("\n") == 4
    # An EDR is lost: what the ledger says that it took is a difference.
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM edr_record WHERE record LIKE '%\"w1/1/200/1\"%'")
    db.close()
    said = store.command(
        "reconcile", "--cycle", "2026-03", "--db", f"sqlite:///{store.path}", "--to", str(to), status=1
    )
    assert "used of it, EDRs against ledger" in said
    assert "octets of EDRs against USU received: expected 3000000, found 0" in said
    assert (to / "differences.csv").read_text().count("\n") > 1
    assert b"Differences" in (to / "reconciliation.html").read_bytes()
    assert store.bill("2026-03", status=1)


def reconciled(store: Store) -> list[dict[str, str]]:
    to = store.out / "report"
    store.command("reconcile", "--cycle", "2026-03", "--db", f"sqlite:///{store.path}", "--to", str(to))
    return list(csv.DictReader((to / "reconciliation.csv").read_text().splitlines()))


def test_reports_stand_beside_their_records_whenever_and_however_they_come(store: Store) -> None:
    store.play(90, "again")  # a repeat is one report
    store.play(100, "w2 wifi I 0 | 200 ask")
    store.play(APRIL - 10_000, "e1 wifi E 0 with action=DIRECT_DEBITING | 200 ask 5kB")
    store.play(APRIL + 10, "w2 U 1 | 200 used 1MB ask")  # asked for in March, used in April
    rows = {row["split"]: row for row in reconciled(store)}
    assert (rows["car/wifi"]["usu"], rows["car/wifi"]["edr"]) == ("3005000", "3005000")
    with sqlite3.connect(store.path) as db:
        db.execute("DELETE FROM journal WHERE sequence = 4")  # the report of 57,300,450 octets
    db.close()
    said = store.command("reconcile", "--cycle", "2026-03", "--db", f"sqlite:///{store.path}", status=1)
    assert "octets of EDRs against USU received: expected 0, found 57300450 (f1/1/1/1" in said


def test_what_is_used_is_seen_before_the_cycle_is_closed(store: Store) -> None:
    words = ["usage", "--db", f"sqlite:///{store.path}"]
    used = {
        row["split"]: row["used"] for row in msgspec.json.decode(store.command(*words, "--json", "--cycle", "2026-03"))
    }
    assert used == {"sim": 0, "fleet": 57_300_450, "wifi": 3_000_000}
    assert "57,300,450" in store.command(*words, "--cycle", "2026-03")
    store.late(90, 4_000_000)
    assert {row["used"] for row in msgspec.json.decode(store.command(*words, "--json"))} == {0}  # of this month
    assert "--cycle: expected a billing cycle" in store.command(*words, "--cycle", "now", status=2)


def test_the_history_says_who_changed_what_when_and_why(store: Store) -> None:
    store.play(100, "suspend wifi")
    db = ("--db", f"sqlite:///{store.path}")
    rows = msgspec.json.decode(store.command("history", store.player.imsi, *db, "--json"))
    assert [(row["subject"], row["status"]) for row in rows] == [
        ("SIM 001010000000001", "in_billing"),
        ("001010000000001/sim/1", "active"),
        ("001010000000001/fleet/1", "active"),
        ("001010000000001/wifi/1", "active"),
        ("001010000000001/wifi/1", "suspended"),
    ]
    assert (rows[-1]["reason"], rows[-1]["at"]) == ("asked", "2026-03-02T00:01:40.000000Z")
    assert "suspended" in store.command("history", *db)
    assert "suspended" not in store.command("history", "001010000000009", *db)


def test_a_line_leads_to_its_records(store: Store) -> None:
    store.bill("2026-03")
    invoice = msgspec.json.decode(store.files("2026-03")["documents/INV-2026-03-00001.json"])
    by_type = {line["type"]: line["id"] for line in invoice["appliedCustomerBillingRate"]}
    over = store.command("explain-line", by_type["overage"], *store.where)
    assert "f1/1/1/1" in over
    assert "8,913,354" in over
    assert "178,280" in over
    assert "f1 1: UPDATE answered 2001, journal row 4" in over
    assert store.command("explain", "invoice-line", by_type["overage"], *store.where) == over
    assert "--out DIR" in store.command("explain", "invoice-line", "x", *store.where[:2], status=2)
    assert "m1" in store.command("explain-line", by_type["messages"], *store.where)
    assert "2 fleet" not in store.command("explain-line", by_type["recurring"], *store.where)
    bought = store.command("explain-line", "STM-2026-03-00001-2", *store.where)
    assert "1,000,000,000" in bought
    assert "no line" in store.command("explain-line", "INV-2026-03-00001-99", *store.where, status=2)
    assert "has been closed" in store.command("explain-line", "INV-2026-07-00001-1", *store.where, status=2)


def test_late_records_stand_behind_their_own_line_and_no_other(store: Store) -> None:
    store.bill("2026-03")
    store.late(90, 4_000_000)
    store.play(APRIL + 100, "f2 fleet.acme I 0 | 1 ask")
    store.play(APRIL + 110, "f2 T 1 | 1 used 51MB")
    store.bill("2026-04")
    invoice = msgspec.json.decode(store.files("2026-04")["documents/INV-2026-04-00001.json"])
    by_type = {line["type"]: line["id"] for line in invoice["appliedCustomerBillingRate"]}
    late = store.command("explain-line", by_type["adjustment"], *store.where)
    assert ("f9/1/1/1" in late, "f2/1/1/1" in late) == (True, False)
    for kind in ("usage_in_bundle", "overage"):
        said = store.command("explain-line", by_type[kind], *store.where)
        assert ("f9/1/1/1" in said, "f2/1/1/1" in said) == (False, True), kind


def test_a_credit_note_goes_out_with_the_cycle_closed_next(store: Store) -> None:
    store.bill("2026-03")
    words = ["credit", "INV-2026-03-00001", "--cycle", "2026-04", "--out", str(store.out), "--by", "ann"]
    store.command(*words, "--reason", "test", "--request-id", "c1", "--amount", "1.00")
    store.command(*words, "--reason", "test", "--request-id", "c1", "--amount", "1.00")  # once only
    # What waits for the next cycle is taken into account.
    line = ("--line", "INV-2026-03-00001-1", "--amount", "1.50")
    assert "1.50 is more than the 1.00" in store.command(*words, "--reason", "x", "--request-id", "c2", *line, status=2)
    refused = store.command(*words, "--reason", "test", "--request-id", "c2", "--amount", "99", status=2)
    assert "more than" in refused
    store.play(APRIL + 100, "f2 fleet.acme I 0 | 1 ask")
    store.play(APRIL + 110, "f2 T 1 | 1 used 1MB")
    store.bill("2026-04")
    assert store.documents("2026-04") == ["CRN-2026-04-00001", "INV-2026-04-00001", "STM-2026-04-00001"]
    note = msgspec.json.decode(store.files("2026-04")["documents/CRN-2026-04-00001.json"])
    assert (note["credits"], note["taxExcludedAmount"]["value"]) == ("INV-2026-03-00001", "-1.00")
    assert "has been closed" in store.command(*words, "--reason", "x", "--request-id", "c3", status=2)
    before = store.files("2026-04")
    store.bill("2026-04")
    assert store.files("2026-04") == before


def test_rejected_documents_are_fed_again(store: Store, tmp_path: Path) -> None:
    store.bill("2026-03")
    rejects = tmp_path / "feed-2026-03-0001.rej.csv"
    rejects.write_text("H,splitsim-billing-reject,1,feed-2026-03-0001.csv\nX,2,VAT1,no code\nT,1\n")
    said = store.command("feed-again", str(rejects), "--cycle", "2026-03", "--out", str(store.out))
    assert "INV-2026-03-00001-1" in said
    assert (store.out / "2026-03" / "feed" / "feed-2026-03-0002.csv.done").exists()
    rejects.write_text("nonsense\n")
    assert "header" in store.command(
        "feed-again", str(rejects), "--cycle", "2026-03", "--out", str(store.out), status=2
    )


def test_every_edr_of_the_store_is_on_a_bill(store: Store) -> None:
    store.bill("2026-03")
    outcome: Outcome = store.first
    assert outcome.changes
    edrs = [edr for edr in _all(store) if edr.unit_type == "octets"]
    rows = list(csv.DictReader(store.files("2026-03")["reconciliation.csv"].decode().splitlines()))
    assert sum(int(row["edr"]) for row in rows) == sum(edr.octets_total for edr in edrs) == 60_300_450


def test_the_records_are_printed_as_csv(store: Store) -> None:
    db = store.where[:2]
    rows = list(csv.DictReader(store.command("edrs", *db).splitlines()))
    assert {row["edr_id"]: int(row["octets_total"]) for row in rows} == {
        edr.edr_id: edr.octets_total for edr in _all(store)
    }
    of_one = list(csv.DictReader(store.command("edrs", *db, "--session", "w1").splitlines()))
    assert {row["session_id"] for row in of_one} == {"w1"}
    imsi = rows[0]["physical_imsi"]
    assert len(store.command("edrs", *db, "--imsi", imsi).splitlines()) == 1 + len(rows)
    assert len(store.command("edrs", *db, "--imsi", "001019999999999").splitlines()) == 1
    assert "expected sqlite:///FILE" in store.command("edrs", "--db", "nowhere", status=2)


def _all(store: Store) -> list[Edr]:
    return edrs_as_written(store.path)
