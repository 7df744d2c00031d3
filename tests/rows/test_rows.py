"""Every row of the requirement catalogue names the tests that hold it, or says why none does.

A file under `tests/rows/` answers for whole areas: for all rows that are the OCS's duty, and with `both_sides: true`
for the gateway's as well. `catalogue.txt` is the list of all rows. Tests are named by their node ids, which must exist.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(HERE.glob("*.yaml"))
CASES = {"tests/charging/test_cases.py::test_case", "tests/pgw/test_ladders.py::test_ladder"}
"""Tests with a parameter for each case of the files in the folder `cases` beside them."""


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


CONTENT = {path.stem: read(path) for path in FILES}
ROWS = [pytest.param(row, id=f"{stem}: {row['id']}") for stem, content in CONTENT.items() for row in content["rows"]]
CATALOGUE = [
    line.split()
    for line in (HERE / "catalogue.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@cache
def names_in(file: str) -> frozenset[str]:
    """Names of the tests of a file: functions, methods, and test cases that Hypothesis makes of a machine."""
    names = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            inner = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {f"{node.name}::{part.name}" for part in inner}
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(".TestCase"):
            names |= {ast.unparse(target) for target in node.targets}
    return frozenset(name for name in names if name.lower().startswith("test"))


@cache
def cases_beside(file: str) -> frozenset[str]:
    """The parameters of a test that runs the files in `cases`."""
    folder = (ROOT / file).parent / "cases"
    return frozenset(f"{path.stem}: {case['case']}" for path in folder.glob("*.yaml") for case in read(path))


def exists(node_id: str) -> bool:
    """Whether pytest would find a test by this name. Parameters are looked up where they are cases of a file."""
    test, _, parameter = node_id.removesuffix("]").partition("[")
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file() or name not in names_in(file):
        return False
    if not parameter:
        return True
    return test in CASES and parameter in cases_beside(file)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_tests_that_exist_or_a_reason(row: dict[str, Any]) -> None:
    assert set(row) in ({"id", "area", "clause", "states", "tests"}, {"id", "area", "clause", "states", "reason"})
    assert [node_id for node_id in row.get("tests", ()) if not exists(node_id)] == []
    assert row.get("tests") or len(row.get("reason", "")) > 20
    assert len(row["states"]) > 10


def test_no_row_stands_twice() -> None:
    ids = [row["id"] for content in CONTENT.values() for row in content["rows"]]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("stem", CONTENT)
def test_a_file_answers_for_all_rows_of_its_areas(stem: str) -> None:
    content = CONTENT[stem]
    told = {(row["area"], row["id"]) for row in content["rows"]}
    areas = {area for area, _ in told}
    known = {(area, name) for area, name, _ in CATALOGUE}
    duty = {
        (area, name) for area, name, side in CATALOGUE if area in areas and (side != "C" or content.get("both_sides"))
    }
    assert told - known == set(), "rows that are in no catalogue"
    assert duty - told == set(), "rows without an answer"


def test_the_list_of_rows_is_whole() -> None:
    assert len(CATALOGUE) == len({name for _, name, _ in CATALOGUE}) == 367


@pytest.mark.parametrize(
    "node_id",
    [
        "tests/charging/no_file.py::test_case",
        "tests/charging/test_cases.py::test_nothing",
        "tests/charging/test_cases.py::test_case[sessions: no such case]",
        "tests/charging/test_cases.py",
    ],
)
def test_a_test_that_is_not_there_is_missed(node_id: str) -> None:
    assert not exists(node_id)
