"""The SQLite store at its door: rows come back as the commands they were, and a folded engine is the same engine."""

import random
import sqlite3
from pathlib import Path

import msgspec
import pytest

from ocs import overview
from ocs.charging.commands import (
    ChangePlan,
    ChangeProfile,
    Charge,
    Command,
    Expire,
    Outcome,
    Provision,
    PushAnswered,
    SetStatus,
    TopUp,
)
from ocs.charging.engine import Engine
from ocs.gy.messages import CcRequestType
from ocs.inventory.provisioning import load_provisioning
from ocs.records.columns import in_order
from ocs.store.journal import StoreError
from ocs.store.reading import read_edrs, read_rows, read_transfers
from ocs.store.recovery import fold
from ocs.store.rows import Filling, Row, command_of, request_octets
from ocs.store.sqlite import SqliteJournal
from ocs.units import SECOND
from tests.service.test_serve import DEMO, MB, ccr

NOW = 1_772_400_000 * SECOND
IMSIS = ("001010000000002", "001010000000003")


def some_commands(seed: int, number: int) -> list[Command]:
    """Sessions of two cars with all that can happen to them, in an order that the seed decides."""
    chance = random.Random(seed)
    commands: list[Command] = [Provision(load_provisioning(DEMO), "demo", by="test")]
    numbers: dict[tuple[str, int], int] = {}
    ids: dict[tuple[str, int], str] = {}
    for step in range(number):
        imsi = chance.choice(IMSIS)
        apn = "internet" if imsi == IMSIS[0] else "car.acme"
        key = (imsi, chance.randrange(2))
        count = numbers.get(key, -1) + 1
        what = chance.random()
        if what < 0.75:
            kind = "I" if count == 0 else chance.choice("UUUUT")
            numbers[key] = -1 if kind == "T" else count
            groups = (200,) if apn == "internet" else (100, 200)
            services = [(group, -1 if count == 0 else chance.randrange(3 * MB), kind != "T") for group in groups]
            request = ccr(kind, count, *services, imsi=imsi, apn=apn)
            if kind == "I":
                ids[key] = f"{request.session_id};{key[1]};{step}"
            request.session_id = ids[key]
            commands.append(Charge(request, retransmitted=chance.random() < 0.1))
        elif what < 0.85:
            commands.append(TopUp(imsi, "wifi", "1gb", f"top-up {step}", by="driver", reason="cut"))
        elif what < 0.9:
            status = chance.choice(("suspended", "active"))
            commands.append(SetStatus(imsi, chance.choice(("wifi", None)), status, "test", f"status {step}"))  # type: ignore[arg-type]
        elif what < 0.95:
            commands.append(PushAnswered(ids.get(key, "unknown"), 200, chance.choice((2002, 5002, None))))
        else:
            commands.append(Expire())
    return commands


def journaled(path: Path, commands: list[Command]) -> tuple[Engine, list[Outcome]]:
    """The commands applied, journaled in batches of seven and filled into the tables now and then."""
    engine, outcomes = Engine("ocs.example", "example"), []
    journal = SqliteJournal(path)
    filled = 0
    for start in range(0, len(commands), 7):
        rows = []
        for place, command in enumerate(commands[start : start + 7], start):
            at = NOW + place * 97 * SECOND
            outcomes.append(engine.apply(command, at))
            rows.append(Row(at, type(command).__name__, request_octets(command), b""))
        journal.append(rows)
        if start % 3 == 0:
            journal.fill(Filling.of(outcomes[filled:]))
            filled = len(outcomes)
    journal.close()
    return engine, outcomes


@pytest.mark.parametrize("seed", range(8))
def test_an_engine_folded_from_its_journal_is_the_same(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ocs.db"
    commands = some_commands(seed, 120)
    engine, outcomes = journaled(path, commands)
    journal = SqliteJournal(path)
    folded = Engine("ocs.example", "example")
    assert fold(folded, journal).now == NOW + (len(commands) - 1) * 97 * SECOND
    journal.close()
    assert list(overview.sims(folded.state)) == list(overview.sims(engine.state))
    assert list(overview.usage(folded.state)) == list(overview.usage(engine.state))
    assert folded.next_deadline() == engine.next_deadline()
    # What had not been filled when the first one ended has been by the fold.
    assert read_edrs(path) == in_order(edr for outcome in outcomes for edr in outcome.edrs)
    assert read_transfers(path) == in_order(line for outcome in outcomes for line in outcome.transfers)
    after = NOW + len(commands) * 97 * SECOND
    for command in some_commands(seed + 100, 40)[1:]:
        assert folded.apply(command, after) == engine.apply(command, after)


@pytest.mark.parametrize(
    "command",
    [
        Charge(ccr("I", 0, (200, -1, True))),
        Charge(ccr("U", 1, (200, 7, True)), retransmitted=True),
        Provision(load_provisioning(DEMO), "r", by="me", reason="why"),
        TopUp("1", "wifi", "1gb", "r", by="me", reason="why"),
        SetStatus("1", None, "suspended", "why", "r", by="me"),
        ChangePlan("1", "wifi", "other", "r"),
        ChangeProfile("1", None, {"wifi": "d"}, {}, "r"),
        PushAnswered("s", None, None),
        Expire(),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_command_comes_back_from_its_row(command: Command) -> None:
    assert command_of(Row(NOW, type(command).__name__, request_octets(command), b"")) == command


def test_sql_tools_see_columns(tmp_path: Path) -> None:
    path = tmp_path / "ocs.db"
    opened, used = ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 3 * MB, True))
    journaled(path, [Provision(load_provisioning(DEMO), "demo"), Charge(opened), Charge(used)])
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT session_id, split_id, octets_total, balance_after FROM edr").fetchall()
        spent = db.execute("SELECT sum(amount) FROM transfer WHERE kind = 'posted'").fetchone()
        changes = db.execute("SELECT count(DISTINCT imsi) FROM change").fetchone()
    db.close()
    assert rows == [(used.session_id, "wifi", 3 * MB, 7 * MB)]
    assert spent == (3 * MB,)
    assert changes == (4,)


def test_a_store_has_one_owner(tmp_path: Path) -> None:
    first = SqliteJournal(tmp_path / "ocs.db")
    with pytest.raises(StoreError, match=r"ocs\.db: in use by another process \(pid \d+\)"):
        SqliteJournal(tmp_path / "ocs.db")
    first.close()
    SqliteJournal(tmp_path / "ocs.db").close()


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x" * 5000)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE mine (x)")
    other.close()
    for name, reason in (
        ("text", "file is not a database"),
        ("other.db", "no store of splitsim's"),
        ("no/x", "No such file"),
    ):
        with pytest.raises(StoreError, match=reason):
            SqliteJournal(tmp_path / name)
    with pytest.raises(StoreError):
        read_rows(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()


def test_rows_that_cannot_all_be_written_are_not_written_at_all(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "ocs.db")
    journal.append([Row(1, "Expire", b"", b"")])
    with pytest.raises(StoreError):
        journal.append([Row(2, "Expire", b"", b""), Row(3, None, b"", b"")])  # type: ignore[arg-type]
    journal.append([Row(4, "Expire", msgspec.msgpack.encode(Expire()), b"")])
    assert [(number, row.now) for number, row in journal.rows()] == [(1, 1), (2, 4)]
    journal.close()


def test_request_types_are_those_of_the_wire() -> None:
    row = Row(NOW, "Charge", request_octets(Charge(ccr("T", 3, (200, 1, False)))), b"")
    command = command_of(row)
    assert isinstance(command, Charge)
    assert command.ccr.cc_request_type is CcRequestType.TERMINATION
