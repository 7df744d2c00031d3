"""What a session could not report, and why: every octet that passed is told, or has its cause."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

NO_ANSWER: Final = "no_answer"
"""Told in a request that nobody answered: the OCS may have it or not."""
NOT_SENT: Final = "not_sent"
"""Passed after such a request, before the session was given up."""
CCFH_CONTINUE: Final = "ccfh_continue"
"""Passed without credit control, because the OCS was away and Credit-Control-Failure-Handling said CONTINUE."""
NOT_APPLICABLE: Final = "4011"
"""Passed without credit control, because the OCS said so."""
RESTART: Final = "pgw_restart"
"""The gateway lost it, and the session with it."""


class Doubt(NamedTuple):
    """Octets told in a request that nobody answered: the OCS may have it or not."""

    cc_request_number: int
    rating_group: int
    cause: str
    octets: int


class Losses:
    """The books of one session. A Result-Code is a cause, too."""

    __slots__ = ("_doubtful", "_unreported")

    def __init__(self) -> None:
        self._unreported: dict[tuple[int, str], int] = defaultdict(int)
        self._doubtful: list[Doubt] = []

    @property
    def unreported(self) -> dict[tuple[int, str], int]:
        """Octets that were never reported, by (rating group, cause)."""
        return self._unreported

    @property
    def doubtful(self) -> list[Doubt]:
        """Those of them that the OCS may have got all the same, since its answer may be what was lost."""
        return self._doubtful

    def _lost(self, rating_group: int, cause: str, octets: int) -> None:
        """They have passed, and are to be in no report."""
        if octets:
            self._unreported[rating_group, cause] += octets

    def _told_in_vain(self, cc_request_number: int, rating_group: int, cause: str, octets: int) -> None:
        """Nobody waits any more for an answer to the request that told of them."""
        if octets:
            self._lost(rating_group, cause, octets)
            self._doubtful.append(Doubt(cc_request_number, rating_group, cause, octets))
