"""Cases for a gateway, put to our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cases import cases
from conformance.cli import commands
from conformance.runner import run_gateway_cases
from conformance.selection import Selection
from conformance.sut.ics import save_ics
from conformance.sut.own import started_pgw
from conformance.verdicts import Finding, Verdict
from tests.conformance import foreign_gateway

WAITING = ("RFC6733-5.4.3-2", "RFC8506-8.4-2")
"""They wait, but nothing else shows that the gateway heeds a Disconnect-Cause, and that a session moves."""

NOT_OURS = {
    "RFC8506-5.1.1-5",  # it takes tariff changes
    "RFC8506-5.1.2-13",  # it knows no credit pools
    "RFC8506-5.1.2-14",
    "TS32299-7.2.229-2",  # it counts no time
    "TS32299-QCT-1",
}
"""What our gateway does not do: see `foreign_gateway`."""


def _run(longest_seconds: float, seed: int = 1) -> None:
    with started_pgw() as (ics, station):
        every = Selection(side="pgw").chosen()
        chosen = [case for case in every if case.seconds(ics) <= longest_seconds or case.id in WAITING]
        assert len(chosen) >= 20
        result = run_gateway_cases(ics, station, chosen, seed=seed)
    assert result.trouble == ""
    bad = {
        case.case_id: (case.verdict.value, case.reason, case.findings)
        for case in result.results
        if case.verdict not in (Verdict.PASS, Verdict.INFO, Verdict.N_A)
    }
    assert bad == {}
    assert {case.case_id for case in result.results if case.verdict is Verdict.N_A} <= NOT_OURS
    assert {row: result.complaints(row) for row in result.row_verdicts() if result.complaints(row)} == {}


def test_our_gateway_keeps_the_quick_rows() -> None:
    _run(0.7)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 21))
def test_our_gateway_keeps_every_row(seed: int) -> None:
    _run(60, seed)


SOUND = ("RFC8506-5.3-1", "RFC8506-5.4-1", "RFC8506-5.1.2-13", "RFC8506-5.1.2-14", "RFC8506-5.1.1-5")
TIMED = ("TS32299-7.2.229-2", "TS32299-QCT-1")

FAULTS = {
    "pools_ignored": "RFC8506-5.1.2-13",
    "everything_pooled": "RFC8506-5.1.2-14",
    "tariff_change_ignored": "RFC8506-5.1.1-5",
    "time_threshold_ignored": "TS32299-7.2.229-2",
    "cut_at_threshold": "TS32299-7.2.229-2",
    "time_runs_on": "TS32299-QCT-1",
}
"""What a gateway may get wrong with time, pools and tariff changes, and the case that finds it."""


def _verdicts(fault: str, *chosen: str) -> dict[str, tuple[Verdict, str, list[Finding]]]:
    with foreign_gateway.started(fault) as (ics, station):
        result = run_gateway_cases(ics, station, [cases()[case_id] for case_id in chosen])
    assert result.trouble == ""
    return {case.case_id: (case.verdict, case.reason, case.findings) for case in result.results}


def test_a_foreign_gateway_with_pools() -> None:
    assert {case_id: found for case_id, found in _verdicts("", *SOUND).items() if found[0] is not Verdict.PASS} == {}


@pytest.mark.soak
def test_a_foreign_gateway_that_counts_time() -> None:
    assert {case_id: found for case_id, found in _verdicts("", *TIMED).items() if found[0] is not Verdict.PASS} == {}


@pytest.mark.parametrize(
    ("fault", "case_id"),
    [
        pytest.param(fault, case_id, marks=pytest.mark.soak if case_id in TIMED else (), id=fault)
        for fault, case_id in FAULTS.items()
    ],
)
def test_a_foreign_gateway_with_a_fault_is_found_out(fault: str, case_id: str) -> None:
    assert _verdicts(fault, case_id)[case_id][0] is Verdict.FAIL


def test_no_gateway_dials(tmp_path: Path) -> None:
    with started_pgw() as (ics, _):
        pass
    timers = ics.timers.model_copy(update={"reconnect_seconds": 0.3})
    save_ics(ics.model_copy(update={"timers": timers}), tmp_path / "pixit.yaml")
    done = CliRunner().invoke(commands, ["run", str(tmp_path / "pixit.yaml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 3, done.output
    assert "the gateway is not connected" in done.output


def test_our_own_gateway_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(commands, ["run", "--side", "pgw", "--id", "RFC8506-5.3-1", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "our own gateway" in done.output
    assert (out / "report.html").exists()
