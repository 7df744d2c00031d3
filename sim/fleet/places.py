"""Where on the network a vehicle is: the serving node changes while it drives, and some trips cross a border.

D: a node changes every ten minutes on the way; 2 to 5 % of trips are abroad. RAT types are those of TS 29.061 16.4.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from ocs.units import SECOND
from sim.fleet.trips import Trip

HOME_PLMN: Final = "00101"
"""The test network (TS 23.003)."""
UTRAN: Final = 1
EUTRAN: Final = 6


class Place(NamedTuple):
    """What serves a vehicle from `at` on, microseconds UTC."""

    at: int
    plmn: str
    """MCC and MNC."""
    node: str
    """Address of the serving node."""
    rat_type: int


@dataclass(frozen=True, slots=True)
class Network:
    """What vehicles meet on the way."""

    home: str = HOME_PLMN
    visited: tuple[str, ...] = ()
    """Networks abroad, each as likely."""
    roaming_share: float = 0.03
    """Of the trips: one leads abroad, the next one back."""
    node_change_seconds: int = 600
    """Mean time on the way from one serving node to the next; 0: it stays."""
    weak_share: float = 0.1
    """Share of the changes of node that lead to UTRAN, where there is no E-UTRAN. D"""

    def start(self) -> Place:
        """Where every vehicle is at first."""
        return Place(0, self.home, _address(self.home, 1), EUTRAN)

    def places(self, random: Random, trips: Iterator[Trip]) -> Iterator[Place]:
        """Every change of the serving node, network or RAT, in order of time; drawn as it is asked for."""
        plmn, node, rat_type = self.home, 1, EUTRAN
        for start, end in trips:
            # Drawn for every trip, so that another share or network list moves nothing but the borders.
            leaves, border = random.random() < self.roaming_share / 2, start + int((end - start) * random.random())
            drawn = random.random()
            abroad = self.visited[int(drawn * len(self.visited))] if self.visited else self.home
            crosses = plmn != self.home or (leaves and abroad != self.home)
            at = self._next_change(random, start, end)
            while at < end or crosses:
                crossing = crosses and border <= at
                if crossing:
                    now, plmn, crosses = border, self.home if plmn != self.home else abroad, False
                else:
                    now, at = at, self._next_change(random, at, end)
                node = 1 + node % 200
                rat_type = UTRAN if random.random() < self.weak_share else EUTRAN
                yield Place(now // SECOND * SECOND, plmn, _address(plmn, node), rat_type)

    def _next_change(self, random: Random, at: int, end: int) -> int:
        if not self.node_change_seconds:
            return end
        return at + (1 + int(random.expovariate(1 / self.node_change_seconds))) * SECOND


def _address(plmn: str, node: int) -> str:
    """Of a node, in a network of its PLMN's own (RFC 1918)."""
    number = int(plmn)
    return f"10.{number // 256 % 256}.{number % 256}.{node}"
