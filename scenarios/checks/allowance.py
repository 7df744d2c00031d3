"""What a driver may use, re-told from purchases alone: the check's own arithmetic, not the engine's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ocs.catalogue.plans import PrepaidIndividual
from scenarios.evidence import Evidence, Purchase, Share
from sim.truth import Step

SECOND = 1_000_000


@dataclass
class _Allowance:
    left: int
    valid: int
    ends: int | None
    """None: it waits in the queue, its validity has not begun."""


@dataclass(frozen=True)
class Dry:
    """A time with nothing left: from the last octet, or the end of validity, to the next purchase or the run's end."""

    start: int
    end: int
    used_up: bool
    """The last octet of all that had been bought went through; else time ran out."""


@dataclass
class Story:
    """The life of one driver's allowance against ground truth."""

    share: Share
    dry: list[Dry] = field(default_factory=list)
    stolen: list[tuple[Step, int]] = field(default_factory=list)
    """Steps that moved more than was left, and by how many octets."""
    used: int = 0

    @property
    def cuts(self) -> list[int]:
        """When the last octet of all that had been bought went through."""
        return [dry.start for dry in self.dry if dry.used_up]


def stories(evidence: Evidence) -> list[Story]:
    """One story for each driver's part of each car."""
    found = []
    for share in evidence.consumer_shares():
        key = (share.vehicle, share.split_id)
        purchases = [item for item in evidence.purchases if (item.vehicle, item.split_id) == key]
        found.append(_tell(share, purchases, evidence.steps_by_share.get(key, []), share.until or evidence.ends))
    return found


def _tell(share: Share, purchases: Iterable[Purchase], steps: Iterable[Step], ends: int) -> Story:
    story = Story(share)
    parallel = isinstance(share.plan, PrepaidIndividual) and share.plan.top_up_mode == "parallel"
    allowances: list[_Allowance] = []
    empty_since: int | None = None
    used_up = False
    events: list[tuple[int, int, Purchase | Step | None]] = [(item.at, 0, item) for item in purchases]
    events += [(step.end, 1, step) for step in steps]
    events.append((ends, 2, None))
    for at, _, event in sorted(events, key=lambda item: item[:2]):
        # Octets that have passed up to the very instant at which validity ends were valid.
        ran_out = _pass_time(allowances, at - 1 if isinstance(event, Step) else at)
        if ran_out is not None:
            empty_since, used_up = ran_out, False
        if isinstance(event, Step):
            story.used += event.octets
            over = _use(allowances, event.octets, at, parallel)
            if event.octets and not allowances and empty_since is None:
                empty_since, used_up = at, True
            if over:
                story.stolen.append((event, over))
            continue
        if empty_since is not None:
            story.dry.append(Dry(empty_since, at, used_up))
            empty_since = None
        if event is not None:
            starts = parallel or not allowances
            allowances.append(_Allowance(event.volume, event.valid_seconds, None))
            if starts:
                _start(allowances[-1], at)
    return story


def _use(allowances: list[_Allowance], octets: int, at: int, parallel: bool) -> int:
    """Take octets from what there is, in the plan's order; the octets that nothing covers."""
    while octets and allowances:
        first = min(allowances, key=lambda item: item.ends or 0) if parallel else allowances[0]
        taken = min(octets, first.left)
        first.left -= taken
        octets -= taken
        if not first.left:
            allowances.remove(first)
            _start_next(allowances, at)
    return octets


def _start(allowance: _Allowance, at: int) -> None:
    allowance.ends = at + allowance.valid * SECOND


def _start_next(allowances: list[_Allowance], at: int) -> None:
    if allowances and allowances[0].ends is None:
        _start(allowances[0], at)


def _pass_time(allowances: list[_Allowance], now: int) -> int | None:
    """Drop what has run out of time by `now`; the moment at which the last one did, when none is left."""
    last = None
    while True:
        over = [item for item in allowances if item.ends is not None and item.ends <= now]
        if not over:
            return last
        first = min(over, key=lambda item: item.ends or 0)
        allowances.remove(first)
        _start_next(allowances, first.ends or now)
        last = None if allowances else first.ends
