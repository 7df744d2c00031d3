"""Cases for a gateway, put to our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import commands
from conformance.runner import run_gateway_cases
from conformance.selection import Selection
from conformance.sut.ics import save_ics
from conformance.sut.own import started_pgw
from conformance.verdicts import Verdict

SENT_AWAY = "RFC6733-5.4.3-2"
"""It waits, but nothing else shows that the gateway heeds a Disconnect-Cause."""


def _run(longest_seconds: float) -> None:
    with started_pgw() as (ics, station):
        every = Selection(side="pgw").chosen()
        chosen = [case for case in every if case.seconds(ics) <= longest_seconds or case.id == SENT_AWAY]
        assert len(chosen) >= 20
        result = run_gateway_cases(ics, station, chosen)
    assert result.trouble == ""
    bad = {
        case.case_id: (case.verdict.value, case.reason, case.findings)
        for case in result.results
        if case.verdict not in (Verdict.PASS, Verdict.INFO)
    }
    assert bad == {}
    assert {row: result.complaints(row) for row in result.row_verdicts() if result.complaints(row)} == {}


def test_our_gateway_keeps_the_quick_rows() -> None:
    _run(0.7)


@pytest.mark.soak
def test_our_gateway_keeps_every_row() -> None:
    _run(60)


def test_no_gateway_dials(tmp_path: Path) -> None:
    with started_pgw() as (ics, _):
        pass
    timers = ics.timers.model_copy(update={"reconnect_seconds": 0.3})
    save_ics(ics.model_copy(update={"timers": timers}), tmp_path / "pixit.yaml")
    done = CliRunner().invoke(commands, ["run", str(tmp_path / "pixit.yaml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 3, done.output
    assert "the gateway is not connected" in done.output
