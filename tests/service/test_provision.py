"""`splitsim provision` against a running OCS: what changes is told and done, once; what must not be is refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocs.store.sqlite import SqliteJournal
from splitsim import app
from tests.inventory.test_provisioning import EXPECTED
from tests.inventory.test_provisioning import FILE as FIFTEEN
from tests.service.process import Served
from tests.service.test_serve import ccr, exchange

DEMO = Path(__file__).parents[2] / "ocs" / "demo.yaml"
Said = Callable[..., list[str]]


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Said]:
    """Runs a command against an OCS with the demo catalogue, and gives its lines."""
    with Served(tmp_path) as served:

        def run(*words: str, status: int = 0) -> list[str]:
            result = CliRunner().invoke(app, [*words, "--control", served.control], env={"COLUMNS": "200"})
            assert result.exit_code == status, result.output
            return result.output.splitlines()

        run.port = served.port  # type: ignore[attr-defined]
        yield run


def test_a_file_is_told_as_changes_and_done_once(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    newcomer = (
        '  - {imsi: "001010000000005", iccid: "899990100000000005", account: acme, plan: telematics-50}\n\npeers:'
    )
    text = DEMO.read_text().replace("payers: {wifi: driver-2}", "payers: {wifi: driver-3}").replace("peers:", newcomer)
    file.write_text(text)
    provision = ("provision", str(file), "--by", "ann", "--reason", "test")
    changes = ["~ SIM 001010000000002: payer of wifi driver-2 -> driver-3", "+ SIM 001010000000005"]
    assert sorted(said(*provision, "--dry-run"), reverse=True) == changes
    file.write_text(text.replace("  - id: one-apn", "  - id: one-apn\n    version: 2"))
    notes = [line for line in said(*provision, "--dry-run") if line.startswith("note: ")]
    assert [line.split(":")[1] for line in notes] == [" profile 'one-apn'"]
    file.write_text(text)
    # A session is open: nobody gets another payer unaware.
    exchange(said.port, ccr("I", 0, (200, -1, True)))  # type: ignore[attr-defined]
    refused = said(*provision, status=1)
    assert "rating group 200 on APN internet is paid by driver-2, would be by driver-3" in refused[-2]
    assert refused[-1].startswith("--open-sessions settle")
    assert sorted(said(*provision, "--dry-run", "--open-sessions", "settle"), reverse=True) == changes
    done = said(*provision, "--open-sessions", "settle")
    assert done[-1].startswith("2 changes (request id ")
    assert said(*provision) == ["nothing to do"]
    assert json.loads("\n".join(said(*provision, "--json"))) == []
    payers = {(row["imsi"], row["split"]): row["payer"] for row in json.loads("\n".join(said("sims", "--json")))}
    assert payers["001010000000002", "wifi"] == "driver-3"
    assert payers["001010000000005", "sim"] == "acme"
    assert "cannot become in_testing" in said("state", "001010000000005", "in_testing", status=1)[0]
    assert said("state", "001010000000005", "retired", "--reason", "scrapped")[0].startswith("001010000000005")
    (only,) = json.loads("\n".join(said("usage", "--imsi", "001010000000005", "--json")))
    assert only["subscription_id"] == "001010000000005/sim/1"
    assert said("usage", "--imsi", "001010000000099", status=2) == ["no SIM 001010000000099"]
    assert "001010000000001" not in "\n".join(said("sims", "--imsi", "001010000000005"))
    states = {row["imsi"]: row["sim_state"] for row in json.loads("\n".join(said("sims", "--json")))}
    assert (states["001010000000004"], states["001010000000005"]) == ("in_billing", "retired")


def test_a_start_takes_the_file_that_was_provisioned_last(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    SqliteJournal(tmp_path / "ocs.db").close()
    sold = DEMO.read_text().replace("payers: {wifi: driver-2}", "payers: {wifi: driver-3}")
    for text in (DEMO.read_text(), sold):
        file.write_text(text)
        result = CliRunner().invoke(app, ["provision", str(file), "--db", f"sqlite:///{tmp_path}/ocs.db"])
        assert result.exit_code == 0, result.output
    with Served(tmp_path, "--provision", "mine.yaml", "--db", "sqlite:///ocs.db") as running:
        assert running.stop() == 0


def test_a_store_that_nobody_serves_takes_orders_too(tmp_path: Path) -> None:
    db = ["--db", f"sqlite:///{tmp_path}/ocs.db"]

    def command(*words: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, [*words, *db], env={"COLUMNS": "200"})
        assert result.exit_code == status, result.output
        return result.output

    assert "is `splitsim serve` running?" in command("provision", str(DEMO), status=2)
    assert not list(tmp_path.iterdir())  # whoever mistypes a store makes none
    journal = SqliteJournal(tmp_path / "ocs.db")
    assert "in use by another process" in command("provision", str(DEMO), status=2)
    journal.close()
    assert "+ SIM 001010000000001" in command("provision", str(DEMO))
    assert command("provision", str(DEMO)) == "nothing to do\n"
    command("topup", "001010000000002", "1gb", "--request-id", "r1")
    command("topup", "001010000000002", "1gb", "--request-id", "r1")
    assert "sells no bundle" in command("topup", "001010000000002", "9gb", status=1)
    (wifi,) = (
        row for row in json.loads(command("usage", "--imsi", "001010000000002", "--json")) if row["split"] == "wifi"
    )
    assert wifi["remaining"] == 1_010_000_000
    history = json.loads(command("history", "001010000000002", "--json"))
    assert {row["request_id"].split("/")[-1] for row in history} == {"new"}


def test_a_file_with_fifteen_mistakes_tells_them_all_and_changes_nothing(said: Said) -> None:
    before = said("sims", "--json")
    lines = said("provision", str(FIFTEEN), status=2)
    assert len(lines) == len(EXPECTED) > 15
    for line, (number, field, message) in zip(lines, EXPECTED, strict=True):
        assert line.startswith(f"{FIFTEEN}:{number}: {field}: ")
        assert message in line
    assert said("sims", "--json") == before
