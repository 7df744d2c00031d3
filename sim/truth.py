"""Ground truth: octets that really went through the data path, whatever PGW and OCS make of them."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """Octets that went through the data path of one car between `start` and `end`, microseconds UTC."""

    vehicle: str
    apn: str
    rating_group: int
    start: int
    end: int
    octets: int


class Truth:
    """All steps; those of one car and rating group in the order in which they ended."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def passed(self, vehicle: str, apn: str, rating_group: int, start: int, end: int, octets: int) -> None:
        """`octets` have passed."""
        self.steps.append(Step(vehicle, apn, rating_group, start, end, octets))
