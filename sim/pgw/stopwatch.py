"""Counts the time that a service has used of a grant in seconds (TS 32.299 6.5.6, 7.2.159 and 7.2.229).

Time begins to count with the first octet after the grant. Without Quota-Consumption-Time it then goes on; with it, it
stops when nothing has passed for so long, that while included, until something passes again.
"""

from __future__ import annotations

from ocs.units import SECOND


class Stopwatch:
    """Instants and amounts are microseconds; grants and reports whole seconds."""

    __slots__ = ("_idle", "_last", "_limit", "_mark", "_running_since", "_spent")

    def __init__(self, seconds: int, threshold_seconds: int, consumption_seconds: int) -> None:
        self._limit = seconds * SECOND
        ahead = 0 < threshold_seconds < seconds
        self._mark = (seconds - threshold_seconds) * SECOND if ahead else self._limit
        self._idle = consumption_seconds * SECOND
        self._spent = 0
        """Up to where it ran last."""
        self._running_since: int | None = None
        self._last = 0

    def passed(self, now: int) -> None:
        """Something has passed up to now."""
        if self._running_since is not None and self._stops_by(now):
            self._spent += self._last + self._idle - self._running_since
            self._running_since = None
        if self._running_since is None:
            self._running_since = now
        self._last = now

    def used(self, now: int) -> int:
        """Microseconds used so far, at most what was granted."""
        if self._running_since is None:
            return self._spent
        end = self._last + self._idle if self._stops_by(now) else now
        return min(self._limit, self._spent + end - self._running_since)

    def due(self, now: int) -> bool:
        """It has come to its threshold, or its end."""
        return self.used(now) >= self._mark

    def over(self, now: int) -> bool:
        """It has come to its end."""
        return self.used(now) >= self._limit

    def next_deadline(self) -> int | None:
        """When it will be due, if nothing more passes; None: it stops before, or is not running."""
        if self._running_since is None:
            return None
        at = self._running_since + self._mark - self._spent
        return None if self._idle and at > self._last + self._idle else at

    def warned(self) -> None:
        """The threshold has been told of."""
        self._mark = self._limit

    def report(self, now: int, goes_on: bool) -> int:
        """Whole seconds to be told; what remains stays in use where it `goes_on`, or is given back."""
        used = self.used(now)
        seconds = used // SECOND
        left = self._limit - used if goes_on else 0
        self._limit = self._mark = max(0, left)
        self._spent = 0
        if self._running_since is not None:
            self._running_since = None if self._stops_by(now) else now
        return seconds

    def _stops_by(self, now: int) -> bool:
        return bool(self._idle) and now - self._last > self._idle
