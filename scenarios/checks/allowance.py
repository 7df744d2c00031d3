"""What a driver may use, re-told from purchases alone: the check's own arithmetic, not the engine's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ocs.catalogue.plans import PrepaidIndividual
from scenarios.evidence import Evidence, Purchase, Share, Step

SECOND = 1_000_000


@dataclass
class _Allowance:
    left: int
    valid: int
    ends: int | None
    """None: it waits in the queue, its validity has not begun."""


@dataclass
class Story:
    """The life of one driver's allowance against ground truth."""

    share: Share
    cuts: list[int] = field(default_factory=list)
    """When the last octet of all that had been bought went through (or the last allowance ran out of time)."""
    stolen: list[tuple[Step, int]] = field(default_factory=list)
    """Steps that moved more than was left, and by how many octets."""
    used: int = 0
    left: int = 0
    dry: list[tuple[int, int]] = field(default_factory=list)
    """From each cut to the next purchase, or to the end of the run."""


def stories(evidence: Evidence) -> list[Story]:
    """One story for each driver's part of each car."""
    found = []
    for share in evidence.consumer_shares():
        key = (share.vehicle, share.split_id)
        purchases = [item for item in evidence.purchases if (item.vehicle, item.split_id) == key]
        found.append(_tell(share, purchases, evidence.steps_by_share.get(key, []), evidence.ends))
    return found


def _tell(share: Share, purchases: Iterable[Purchase], steps: Iterable[Step], ends: int) -> Story:
    story = Story(share)
    plan = share.plan
    parallel = isinstance(plan, PrepaidIndividual) and plan.top_up_mode == "parallel"
    allowances: list[_Allowance] = []
    dry_since: int | None = None
    events: list[tuple[int, int, Purchase | Step]] = [(item.at, 0, item) for item in purchases]
    events += [(step.end, 1, step) for step in steps]
    events.append((ends, 2, Step(share.vehicle, "", 0, ends, ends, 0)))
    for at, _, event in sorted(events, key=lambda item: item[:2]):
        ran_out = _pass_time(allowances, at)
        if ran_out is not None and dry_since is None:
            dry_since = ran_out
        if isinstance(event, Purchase):
            waits = bool(allowances) and not parallel
            allowances.append(
                _Allowance(event.volume, event.valid_seconds, None if waits else at + event.valid_seconds * SECOND)
            )
            if dry_since is not None:
                story.cuts.append(dry_since)
                story.dry.append((dry_since, at))
                dry_since = None
            continue
        wanted = event.octets
        story.used += wanted
        while wanted and allowances:
            first = min(allowances, key=lambda item: item.ends or 0) if parallel else allowances[0]
            taken = min(wanted, first.left)
            first.left -= taken
            wanted -= taken
            if not first.left:
                allowances.remove(first)
                _start_next(allowances, at)
                if not allowances:
                    dry_since = at
        if wanted:
            story.stolen.append((event, wanted))
    if dry_since is not None:
        story.cuts.append(dry_since)
        story.dry.append((dry_since, ends))
    story.left = sum(item.left for item in allowances)
    return story


def _start_next(allowances: list[_Allowance], at: int) -> None:
    if allowances and allowances[0].ends is None:
        allowances[0].ends = at + allowances[0].valid * SECOND


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
