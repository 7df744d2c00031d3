"""Every worked case under `cases/`: messages in, answers and balances out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charging import casebook

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted((casebook.HERE / "cases").glob("*.yaml"))
    for case in casebook.load(path)
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    casebook.run(case)
