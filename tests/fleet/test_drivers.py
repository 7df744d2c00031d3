"""Drivers who weigh price against worth: who buys what, when, and who gives up."""

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocs.units import DAY, SECOND
from sim.fleet.drivers import Driver, Habits, Offer, Taste, Willing, Wish
from sim.fleet.streams import stream

GB = 10**9
MONTH = 28 * 86_400
SMALL = Offer("1gb", GB, MONTH, 7_000_000)
LARGE = Offer("5gb", 5 * GB, MONTH, 20_000_000)
DAY_PASS = Offer("day", GB // 4, 86_400, 3_000_000)
OFFERS = (DAY_PASS, SMALL, LARGE)


def driver(number: int = 0, taste: Taste | None = None) -> Willing:
    found = (taste or Taste(OFFERS, 300_000_000)).driver(stream(1, str(number)), 0)
    assert isinstance(found, Willing)
    return found


def of_worth(micros: int, free_octets: int = 300_000_000, offers: tuple[Offer, ...] = OFFERS) -> Willing:
    return driver(0, Taste(offers, free_octets, worth_micros=micros, worth_sigma=0.0))


def choice(who: Driver, now: int) -> str | None:
    wish = who.cut(now)
    return wish.bundle_id if wish is not None else None


def test_worth_is_anchored_on_offers_that_were_made() -> None:
    worths = [driver(number).worth_micros for number in range(4000)]
    assert mean(worth >= 20_000_000 for worth in worths) == pytest.approx(0.15, abs=0.02)
    assert mean(worth >= 7_000_000 for worth in worths) == pytest.approx(0.5, abs=0.03)
    assert mean(driver(number).patience for number in range(4000)) == pytest.approx(4, abs=0.2)


def test_the_bundle_follows_from_use_and_worth() -> None:
    # 300 MB in 10 days: 840 MB in 28.
    assert choice(of_worth(6_000_000), 10 * DAY) is None
    assert choice(of_worth(8_000_000), 10 * DAY) == "1gb"
    assert choice(of_worth(30_000_000), 10 * DAY) == "1gb"
    # 300 MB in 2 days: 4.2 GB in 28.
    assert choice(of_worth(30_000_000), 2 * DAY) == "5gb"
    assert choice(of_worth(8_000_000), 2 * DAY) is None


def test_who_has_never_had_an_allowance_guesses_what_they_need() -> None:
    def first(expected: int) -> str | None:
        return choice(driver(0, Taste(OFFERS, 0, expected, 30_000_000, 0.0)), DAY)

    assert first(GB) == "1gb"
    assert first(6 * GB) == "5gb"
    assert first(100 * GB) is None


def test_a_bundle_that_expires_unused_is_worth_no_more_than_what_is_used_of_it() -> None:
    assert choice(of_worth(15_000_000, offers=(DAY_PASS,)), 10 * DAY) is None
    assert choice(of_worth(16_000_000, offers=(DAY_PASS,)), 10 * DAY) == "day"
    assert choice(of_worth(16_000_000, offers=(DAY_PASS, SMALL)), 10 * DAY) == "1gb"


def test_nobody_buys_without_end_what_was_bought_counts_for_28_days() -> None:
    who = of_worth(15_000_000)
    assert choice(who, 4 * DAY) == "1gb"
    who.bought("1gb", 4 * DAY)
    assert choice(who, 16 * DAY) is None
    assert choice(who, 31 * DAY) is None
    assert choice(who, 33 * DAY) == "1gb"


def test_who_waits_for_a_purchase_orders_no_second_one() -> None:
    who = of_worth(20_000_000)
    assert who.cut(10 * DAY) is not None
    assert who.cut(10 * DAY + SECOND) is None


def test_the_closer_a_price_is_to_its_worth_the_longer_drivers_hesitate() -> None:
    def wait(micros: int) -> float:
        taste = Taste((SMALL,), 300_000_000, worth_micros=micros, worth_sigma=0.0)
        wishes = [driver(number, taste).cut(10 * DAY) for number in range(300)]
        assert all(wish is not None and wish.at > 10 * DAY and wish.at % SECOND == 0 for wish in wishes)
        return mean(wish.at - 10 * DAY for wish in wishes if wish is not None) / SECOND

    assert wait(7_100_000) == pytest.approx(3_600, rel=0.15)
    assert wait(70_000_000) == pytest.approx(360, rel=0.15)


def test_cuts_wear_patience_out() -> None:
    who = of_worth(1_000_000)  # Too little to buy anything: Wi-Fi fails day after day.
    days = 0
    while who.stays:
        assert who.cut((10 + days) * DAY) is None
        days += 1
    assert days == who.patience + 1
    assert who.cut(200 * DAY) is None


def test_cuts_of_long_ago_are_forgiven() -> None:
    who = of_worth(1_000_000)
    for week in range(60):
        who.cut((1 + 29 * week) * DAY)
    assert who.stays


@given(st.integers(0, 500), st.integers(1, 40), st.floats(0.05, 30), st.floats(1, 4))
def test_a_dearer_catalogue_never_makes_a_driver_spend_more_worth_than_they_have(
    number: int, days: int, euros: float, dearer: float
) -> None:
    """Who buys at a price would have bought something at a lower one; and nobody pays more than all is worth."""
    cheap = (Offer("a", GB, MONTH, int(euros * 1e6)), Offer("b", 3 * GB, MONTH, int(euros * 2e6)))
    dear = tuple(
        offer.__class__(offer.bundle_id, offer.octets, MONTH, int(offer.price_micros * dearer)) for offer in cheap
    )
    at_dear, at_cheap = driver(number, Taste(dear, GB // 3)), driver(number, Taste(cheap, GB // 3))
    wish = at_dear.cut(days * DAY)
    if wish is not None:
        paid = next(offer.price_micros for offer in dear if offer.bundle_id == wish.bundle_id)
        assert paid <= at_dear.worth_micros
        assert at_cheap.cut(days * DAY) is not None


def test_habits_decide_once_for_a_cut() -> None:
    who = Habits(1.0, 3600, "1gb").driver(stream(1, "d"), 0)
    wish = who.cut(DAY)
    assert isinstance(wish, Wish)
    assert DAY < wish.at < 2 * DAY
    assert wish.at % SECOND == 0
    assert who.cut(DAY + SECOND) is None
    who.bought("1gb", wish.at)
    assert who.cut(wish.at + DAY) is not None
    assert who.stays


def test_habits_buy_with_their_probability() -> None:
    buyers = sum(Habits(0.7, 60, "1gb").driver(stream(1, str(n)), 0).cut(DAY) is not None for n in range(2000))
    assert buyers / 2000 == pytest.approx(0.7, abs=0.03)
    assert Habits(1.0, 60, None).driver(stream(1, "d"), 0).cut(DAY) is None
