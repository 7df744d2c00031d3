"""What a driver does when Wi-Fi ends: buys some time after, does without, or gives it up.

Two kinds. `Habitual` buys after a fixed share of cuts. `Willing` has a worth for Wi-Fi and a patience for cuts, drawn
from the car's own stream, and everything else follows from price, allowance and cuts:

- 28 days of Wi-Fi without a cut are worth `worth` to the driver; a part of what they would use in that time is worth
  the square root of that part, for the first octets are worth most. What was bought in the last 28 days counts first.
- They know how fast they use octets from how long the last allowance took; without one they guess. Of the bundles on
  sale they choose the one whose worth is furthest above its price; if none is worth it, they wait until less was bought
  in the last 28 days.
- The less a bundle is worth more than its price, the longer they hesitate.
- More cuts in 28 days than their patience bears, and they stop using Wi-Fi for good. A day on which it does not work is
  another cut.

How drivers answer to prices is an assumption, nobody has published it: repeat every comparison of tariffs with half and
double the worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isqrt
from random import Random
from typing import Final, NamedTuple, Protocol

from ocs.units import DAY, SECOND

RETRY_SECONDS: Final = 600
"""How long a device that was refused waits before it asks again: a person tries, and tries once more later."""
MEMORY: Final = 28 * DAY
"""How far drivers look back."""


class Wish(NamedTuple):
    """A purchase to come."""

    at: int
    bundle_id: str


class Driver(Protocol):
    """One driver of one car. Instants are microseconds UTC and never go back."""

    stays: bool
    """Still uses Wi-Fi at all."""

    def cut(self, now: int) -> Wish | None:
        """Wi-Fi has ended, or does not work still: what the driver will buy, if anything."""

    def bought(self, bundle_id: str, now: int) -> None:
        """There is credit again, by whomever it was bought."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Drivers who buy after a share of cuts, always the same."""

    top_up_probability: float = 0.0
    """Share of cuts after which the driver buys."""
    delay_seconds: int = 3_600
    """Mean time from the cut to the purchase."""
    bundle_id: str | None = None
    """What they buy; None: they never do."""

    def driver(self, random: Random, now: int) -> Driver:
        """One of them."""
        return Habitual(random, self)


class Habitual:
    """Decides once for each cut."""

    def __init__(self, random: Random, habits: Habits) -> None:
        self.stays = True
        self._random = random
        self._habits = habits
        self._decided = False

    def cut(self, now: int) -> Wish | None:
        """See `Driver`. Asked again before a purchase, nothing is added."""
        if self._decided or self._habits.bundle_id is None:
            return None
        self._decided = True
        # Both are drawn every time, so that the same driver meets the same chances under another plan.
        buys = self._random.random() < self._habits.top_up_probability
        wait = self._random.expovariate(1 / max(1, self._habits.delay_seconds))
        return Wish(now + (1 + int(wait)) * SECOND, self._habits.bundle_id) if buys else None

    def bought(self, bundle_id: str, now: int) -> None:
        """See `Driver`: the next cut is a new one."""
        self._decided = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A bundle on sale."""

    bundle_id: str
    octets: int
    valid_seconds: int
    price_micros: int


@dataclass(frozen=True, slots=True)
class Taste:
    """Drivers who weigh price against worth."""

    offers: tuple[Offer, ...]
    """Free ones are on sale to nobody, but count as an allowance."""
    free_octets: int = 0
    """What they have at first."""
    expected_octets: int = 2_000_000_000
    """What they think they will use in 28 days, before an allowance has taught them."""
    worth_micros: int = 7_000_000
    """Median worth of 28 days of Wi-Fi. D, anchored on offers that were made: with sigma 1, 15 % of drivers would pay
    20 (Chevrolet 2017: unlimited for $20; 10 to 20 % of cars use their hotspot), half would pay 7."""
    worth_sigma: float = 1.0
    patience_cuts: float = 4.0
    """Mean number of cuts in 28 days that a driver bears; at least one. D"""
    delay_seconds: int = 3_600
    """Mean time from the cut to a purchase that is worth exactly its price. D"""

    def driver(self, random: Random, now: int) -> Driver:
        """One of them."""
        return Willing(random, self, now)


class Willing:
    """See the module. Two numbers are drawn for each driver, and one for each purchase."""

    def __init__(self, random: Random, taste: Taste, now: int) -> None:
        self.stays = True
        self.worth_micros = int(taste.worth_micros * exp(random.gauss(0.0, taste.worth_sigma)))
        self.patience = 1 + int(random.expovariate(1 / max(1e-9, taste.patience_cuts - 0.5)))
        self._random = random
        self._taste = taste
        self._has_octets, self._has_since = taste.free_octets, now
        """What was there to use, and since when."""
        self._use: tuple[int, int] | None = None
        """Octets used, and microseconds that took: by the last allowance."""
        self._bought: list[tuple[int, int]] = []
        """When, and how many octets."""
        self._cuts: list[int] = []
        self._waits = False
        """A purchase is on its way."""

    def cut(self, now: int) -> Wish | None:
        """See `Driver`."""
        if not self.stays or self._waits:
            return None
        if self._has_octets:
            self._use = self._has_octets, max(1, now - self._has_since)
            self._has_octets = 0
            self._cuts.append(now)
        elif not self._cuts or now - self._cuts[-1] >= DAY:
            self._cuts.append(now)
        self._cuts = [at for at in self._cuts if now - at < MEMORY]
        if len(self._cuts) > self.patience:
            self.stays = False
            return None
        return self._choose(now)

    def bought(self, bundle_id: str, now: int) -> None:
        """See `Driver`."""
        self._waits = False
        offer = next((offer for offer in self._taste.offers if offer.bundle_id == bundle_id), None)
        if offer is None:
            return
        if not self._has_octets:
            self._has_since = now
        self._has_octets += offer.octets
        self._bought.append((now, offer.octets))

    def _choose(self, now: int) -> Wish | None:
        """The best bundle on sale, if it is worth its price."""
        self._bought = [(at, octets) for at, octets in self._bought if now - at < MEMORY]
        had = sum(octets for _, octets in self._bought)
        best, most, worth = None, -1, 0
        for offer in self._taste.offers:
            if not offer.price_micros:
                continue
            gain = self._worth(had + self._useful(offer)) - self._worth(had)
            if gain - offer.price_micros > most:
                best, most, worth = offer, gain - offer.price_micros, gain
        if best is None:
            return None
        self._waits = True
        hesitates = self._taste.delay_seconds * best.price_micros / worth
        return Wish(now + (1 + int(self._random.expovariate(1 / max(1.0, hesitates)))) * SECOND, best.bundle_id)

    @property
    def _need(self) -> int:
        """Octets that 28 days take, at the pace of the last allowance."""
        octets, took = self._use or (self._taste.expected_octets, MEMORY)
        return max(1, octets * MEMORY // took)

    def _useful(self, offer: Offer) -> int:
        """Octets of a bundle that can be used before it expires."""
        return min(offer.octets, self._need * offer.valid_seconds * SECOND // MEMORY)

    def _worth(self, octets: int) -> int:
        """Micros that so many octets in 28 days are worth."""
        return isqrt(self.worth_micros**2 * min(octets, self._need) // self._need)
