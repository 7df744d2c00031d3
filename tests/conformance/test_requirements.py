"""The catalogue of requirements: every row is decided by a case or a rule, or says why not."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import conformance
from conformance.cases import cases
from conformance.requirements import Requirement, requirements
from conformance.watch.watcher import watched_rows

DECIDED = {row for case in cases().values() for row in case.rows} | watched_rows()
ROOM = Path(conformance.__file__).parent


CATALOGUE = {
    (cells := [cell.strip() for cell in line.split("|")])[0]: tuple(cells[1:])
    for line in (Path(__file__).parent / "catalogue.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}
"""Side, level and clause of every row that was agreed, by id: written apart from the files of `requirements`."""

BEYOND = {"RFC6733-13-1", "RFC6733-13.1-1"}
"""Rows that the suite has of its own: TLS."""


def test_the_catalogue_is_whole() -> None:
    assert len(CATALOGUE) == 367
    ours = {row.id: (row.side, row.level, row.clause) for row in requirements().values() if row.id not in BEYOND}
    assert ours == CATALOGUE
    assert set(requirements()) >= BEYOND


def test_most_of_the_catalogue_is_tested() -> None:
    status = Counter(row.status for row in requirements().values())
    assert status["tested"] >= 0.85 * len(requirements())
    assert status["not yet"] == 0


@pytest.mark.parametrize("row", requirements().values(), ids=lambda row: row.id)
def test_a_row_has_a_case_or_a_reason(row: Requirement) -> None:
    assert (row.id in DECIDED) == (row.status == "tested"), f"{row.id}: {row.status}, {row.reason or 'no reason'}"


def test_cases_and_rules_name_rows_that_exist() -> None:
    assert set(requirements()) >= DECIDED


def test_every_case_says_its_stimulus() -> None:
    assert [case.id for case in cases().values() if len(case.stimulus) < 5] == []


def test_the_room_imports_no_system_under_test() -> None:
    offenders = []
    for path in ROOM.rglob("*.py"):
        if "mutants" in path.relative_to(ROOM).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            bad = [name for name in names if name.split(".")[0] in ("ocs", "sim", "scenarios")]
            bad += [name for name in names if name.startswith("conformance.mutants")]
            offenders += [f"{path.relative_to(ROOM)}: {name}" for name in bad]
    assert offenders == []
