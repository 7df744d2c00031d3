"""Broken OCSs are found: a sample here, all of them by the whole suite behind `soak`."""

from __future__ import annotations

import pytest

from conformance.cases import cases
from conformance.mutants.matrix import BY_NAME, MUTANTS, kill, quick_cases
from conformance.mutants.mutant import Mutant
from conformance.mutants.started import started_node
from conformance.runner import run_cases
from conformance.selection import Selection
from conformance.verdicts import Verdict

SAMPLE = {
    "double_debit": "RFC6733-3-8",
    "shared_result_code": "FT-1015.006-18/shared",
    "consumer_on_enterprise": "FT-1015.006-4",
    "enterprise_cut_with_consumer": "FT-1015.006-19",
    "total_and_parts_added": "RFC8506-8.23-1",
    "error_bit_missing": "RFC6733-7.1.3-3",
    "bad_lengths_unanswered": "RFC6733-7.1.5-8/60000",
    "reauthorisation_for_ever": "OPEN5GS-3",
    "usage_cumulative": "RFC8506-5.3-2",
    "command_level_ignored": "RFC8506-5.1.2-6",
}
"""A mutant, and one of the cases that find it."""


def test_mutants_have_names_and_faults_of_their_own() -> None:
    assert len(BY_NAME) == len(MUTANTS) >= 240
    assert len({mutant.fault for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(("name", "case_id"), SAMPLE.items(), ids=SAMPLE)
def test_a_mutant_is_found(name: str, case_id: str) -> None:
    killed = kill(BY_NAME[name], [cases()[case_id]])
    assert case_id in killed.cases


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_found_by_the_whole_suite(mutant: Mutant) -> None:
    killed = kill(mutant, quick_cases() + quick_cases("pgw"), enough=True)
    assert not killed.survived


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_whatever_the_seed(seed: int) -> None:
    with started_node() as ics:
        result = run_cases(ics, Selection().chosen(), seed=seed, workers=8)
    assert {row for row, verdict in result.row_verdicts().items() if verdict is Verdict.FAIL} == set()
