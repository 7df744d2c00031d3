"""A charge is a function of cumulative use: slicing never changes it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocs.catalogue.prices import UnitPrice
from ocs.rating.price import affordable, blocks, charge, tiered_charge, tiers

TIERED = UnitPrice.model_validate(
    {
        "price": "0.02",
        "per": "1 MB",
        "block": "1 kB",
        "tiers": [{"above": "10 MB", "price": "0.01"}, {"above": "1 GB", "price": "0.002"}],
    }
)


def prices() -> st.SearchStrategy[tuple[tuple[tuple[int, int], ...], int]]:
    """Prices of up to four tiers, in blocks of any size."""

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[tuple[tuple[int, int], ...], int]:
        block = draw(st.integers(1, 10**7))
        bounds = sorted(draw(st.sets(st.integers(1, 10**4), max_size=3)))
        micros = draw(st.lists(st.integers(0, 10**6), min_size=len(bounds) + 1, max_size=len(bounds) + 1))
        return tuple(zip((0, *(bound * block for bound in bounds)), micros, strict=True)), block

    return drawn()


def test_blocks_are_whole() -> None:
    assert [blocks(octets, 1_000) for octets in (0, 1, 999, 1_000, 1_001)] == [0, 1, 1, 1, 2]
    assert charge(20, 1_000, 7_300_450) == 146_020


def test_tiers_price_what_is_above_them() -> None:
    assert tiers(TIERED.steps, 9_999_999) == [9_999_999, 0, 0]
    assert tiers(TIERED.steps, 1_000_000_001) == [10_000_000, 990_000_000, 1]
    # 10 MB at 0.02, 990 MB at 0.01, one block of 1 kB at 0.002 per MB.
    assert tiered_charge(TIERED.steps, 1_000, 1_000_000_001) == 200_000 + 9_900_000 + 2


@given(st.lists(st.integers(0, 10**9), max_size=20), prices())
def test_slices_add_up(slices: list[int], priced: tuple[tuple[tuple[int, int], ...], int]) -> None:
    steps, block = priced
    used = charged = 0
    for octets in slices:
        step = tiered_charge(steps, block, used + octets) - tiered_charge(steps, block, used)
        assert step >= 0
        used, charged = used + octets, charged + step
    assert charged == tiered_charge(steps, block, sum(slices))


@given(st.integers(0, 10**11), prices())
def test_tiers_lose_no_octet(octets: int, priced: tuple[tuple[tuple[int, int], ...], int]) -> None:
    assert sum(tiers(priced[0], octets)) == octets


@given(st.integers(0, 10**10), st.integers(0, 10**9), prices())
def test_what_is_affordable_is_paid_and_one_octet_more_is_not(
    used: int, micros: int, priced: tuple[tuple[tuple[int, int], ...], int]
) -> None:
    steps, block = priced
    octets = affordable(steps, block, used, micros)

    def cost(more: int) -> int:
        return tiered_charge(steps, block, used + more) - tiered_charge(steps, block, used)

    assert cost(octets) <= micros
    assert octets > 10**15 or cost(octets + 1) > micros


def test_a_tier_that_begins_within_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of blocks"):
        UnitPrice.model_validate({"price": 1, "tiers": [{"above": 1_500, "price": 1}]})


@given(st.integers(0, 10**12))
def test_the_price_of_blocks_is_that_of_their_octets_rounded_up(octets: int) -> None:
    exact = Fraction(octets) * 20 / 1_000
    assert 0 <= charge(20, 1_000, octets) - exact < 20
