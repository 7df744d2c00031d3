"""All faults at once, over many seeds: five here, two hundred behind the marker `soak`."""

from __future__ import annotations

import pytest

from scenarios.loading import library, load
from scenarios.runner import run

BAD_DAY = load(library()["bad_day"])


def keeps_its_promises(seed: int) -> None:
    done = run(BAD_DAY, "bad_day", seed)
    broken = [
        f"{item.check.name()}: {finding.message}"
        for item in done.verdict.judged
        for finding in item.judgement.findings[:3]
    ]
    assert not broken, "\n".join([f"replay it with: splitsim run bad_day --seed {seed}", *broken])


@pytest.mark.parametrize("seed", range(1, 6))
def test_five_bad_days(seed: int) -> None:
    keeps_its_promises(seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6, 206))
def test_two_hundred_bad_days(seed: int) -> None:
    keeps_its_promises(seed)
