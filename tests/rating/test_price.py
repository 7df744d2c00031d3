"""A charge is a function of cumulative use: slicing never changes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocs.rating.price import blocks, charge


def test_blocks_are_whole() -> None:
    assert [blocks(octets, 1_000) for octets in (0, 1, 999, 1_000, 1_001)] == [0, 1, 1, 1, 2]
    assert charge(20, 1_000, 7_300_450) == 146_020


@given(st.lists(st.integers(0, 10**9), max_size=20), st.integers(0, 10**6), st.integers(1, 10**7))
def test_slices_add_up(slices: list[int], micros_per_block: int, block: int) -> None:
    used = charged = 0
    for octets in slices:
        step = charge(micros_per_block, block, used + octets) - charge(micros_per_block, block, used)
        assert step >= 0
        used, charged = used + octets, charged + step
    assert charged == charge(micros_per_block, block, sum(slices))
