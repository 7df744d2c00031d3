"""Every ladder under `cases/`: what happens at the gateway, and all that it then says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pgw import ladder

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted((ladder.HERE / "cases").glob("*.yaml"))
    for case in ladder.load(path)
]


@pytest.mark.parametrize("case", CASES)
def test_ladder(case: dict[str, Any]) -> None:
    ladder.run(case)
