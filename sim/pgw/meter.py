"""Counts the octets of one rating group: not told yet, in a report on its way, reported.

Octets counted at an instant have passed up to it: those counted at the very instant of a tariff change belong to the
time before.
"""

from __future__ import annotations

from typing import Final

from ocs.gy.messages import ReportingReason, TariffChangeUsage, UsedServiceUnit

OF_A_UNIT_TYPE: Final = (ReportingReason.QUOTA_EXHAUSTED, ReportingReason.THRESHOLD)
"""Reasons that belong to one type of units and so stand inside Used-Service-Unit (TS 32.299 7.2.175)."""

_Counters = tuple[int, int, int, int, bool]
"""Octets up and down, octets up and down before the tariff change, and whether there was one."""


class Meter:
    """Octets are whole numbers, instants microseconds UTC. Up is from the car (RFC 8506 8.24)."""

    __slots__ = ("_changed", "_down", "_early_down", "_early_up", "_sent", "_switch_at", "_up", "reported", "used")

    def __init__(self) -> None:
        self.used = 0
        """Octets that have passed and are in no report yet."""
        self.reported = 0
        """Octets that the OCS has got."""
        self._up = self._down = self._early_up = self._early_down = 0
        """The octets of `used`, those from before a tariff change apart."""
        self._changed = False
        self._switch_at: int | None = None
        self._sent: _Counters | None = None

    def add(self, up: int, down: int, now: int) -> None:
        """Octets have passed."""
        if self._switch_at is not None and now > self._switch_at:
            self.change_tariff()
        self.used += up + down
        self._up += up
        self._down += down

    def await_tariff_change(self, at: int) -> None:
        """Keep what passes until `at` apart. All that has passed so far is from before."""
        self._switch_at = at
        self._up += self._early_up
        self._down += self._early_down
        self._early_up = self._early_down = 0
        self._changed = False

    def no_tariff_change(self, now: int) -> None:
        """None is to come; one that has come without anything passing since still divides what passed before."""
        if self._switch_at is not None and now >= self._switch_at:
            self.change_tariff()
        self._switch_at = None

    def change_tariff(self) -> None:
        """The time has come."""
        self._early_up += self._up
        self._early_down += self._down
        self._up = self._down = 0
        self._changed = True
        self._switch_at = None

    def report(self, reason: ReportingReason | None, now: int) -> tuple[UsedServiceUnit, ...]:
        """What is in no report yet; in two parts where a tariff change lies between (RFC 8506 8.27)."""
        if self._switch_at is not None and now >= self._switch_at:
            self.change_tariff()
        up, down, early_up, early_down = self._up, self._down, self._early_up, self._early_down
        self._sent = (up, down, early_up, early_down, self._changed)
        self.used = self._up = self._down = self._early_up = self._early_down = 0
        inside = reason if reason in OF_A_UNIT_TYPE else None
        if not self._changed:
            return (_used(inside, None, up, down),)
        self._changed = False
        parts = []
        if early_up or early_down or not (up or down):
            parts.append(_used(inside, TariffChangeUsage.UNIT_BEFORE_TARIFF_CHANGE, early_up, early_down))
        if up or down:
            parts.append(_used(inside, TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE, up, down))
        return tuple(parts)

    def delivered(self) -> None:
        """The OCS has got the report."""
        self.reported += self.given_up()

    def returned(self) -> None:
        """The OCS has not taken the report: what it told of is in none again."""
        if self._sent is None:
            return
        up, down, early_up, early_down, changed = self._sent
        self._sent = None
        self.used += up + down + early_up + early_down
        if self._changed and not changed:
            early_up, early_down, up, down = up, down, 0, 0
        elif changed and not self._changed:
            self._changed = True
        self._up += up
        self._down += down
        self._early_up += early_up
        self._early_down += early_down

    def given_up(self) -> int:
        """The octets of the report on its way, which is on its way no longer."""
        if self._sent is None:
            return 0
        up, down, early_up, early_down, _ = self._sent
        self._sent = None
        return up + down + early_up + early_down

    def forgone(self) -> int:
        """The octets that are in no report yet, and are to be in none."""
        used = self.used
        self.used = self._up = self._down = self._early_up = self._early_down = 0
        self._changed = False
        return used


def _used(reason: ReportingReason | None, part: TariffChangeUsage | None, up: int, down: int) -> UsedServiceUnit:
    return UsedServiceUnit(
        reporting_reason=reason,
        tariff_change_usage=part,
        cc_total_octets=up + down,
        cc_input_octets=up,
        cc_output_octets=down,
    )
