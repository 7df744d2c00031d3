"""One subscription in one cycle, read from its history: what it was sold as, who paid, from when to when.

A postpaid subscription is billed from the day on which the billing of its SIM starts, itself included. Its terms are
those in force when the cycle ends: a plan that changes, changes with a cycle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from ocs.billing.documents import Reference
from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Profile, Split
from ocs.inventory.history import Change
from ocs.inventory.lifecycle import SimState, Status
from ocs.inventory.register import Register
from ocs.rating.cycle import Cycle, local_date
from ocs.units import SECOND

Span = tuple[int, int | None]
"""From an instant up to, not including, another; None: still so."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """See above. Instants are microseconds UTC; all that lies beyond the cycle's end is not known yet."""

    last: Change
    """How the subscription stood at the end of the cycle, or at its own end."""
    plan: Plan
    profile: Profile | None
    began: int
    ended: int | None
    """When it was terminated, or its SIM retired."""
    billed_from: int | None
    """From when on it is billed; None: not yet."""
    suspended: tuple[Span, ...]
    """When it, or its SIM, was suspended."""
    has_bundle: bool
    """Whether octets are its business: while a SIM has a profile they are the splits', not the SIM's own."""

    @property
    def subscription_id(self) -> str:
        """`<imsi>/<split>/<n>`."""
        assert self.last.subscription_id is not None
        return self.last.subscription_id

    @property
    def account_id(self) -> str:
        """Who pays."""
        return self.last.account_id

    @property
    def split(self) -> Reference:
        """The split, named with its profile since split ids are unique only within it; `sim` is the SIM itself."""
        profile, split_id = self.profile, self.last.split_id or ""
        return Reference(id=f"{profile.id}/{split_id}", version=profile.version) if profile else Reference(id=split_id)

    @property
    def product(self) -> Reference:
        """The price plan."""
        return Reference(id=self.plan.id, name=self.plan.name or self.plan.id, version=self.plan.version)

    @property
    def sold_split(self) -> Split | None:
        """The split as the profile has it; None for the physical SIM itself."""
        return next((s for s in self.profile.splits if s.id == self.last.split_id), None) if self.profile else None

    def days(self, cycle: Cycle, *, until_the_end: bool = True) -> int:
        """Days of the cycle on which it is billed; `until_the_end`: also those after it left."""
        if self.billed_from is None or (self.ended is not None and self.ended <= max(cycle.start, self.billed_from)):
            return 0
        days = cycle.days_left(self.billed_from)
        if until_the_end or self.ended is None or self.ended >= cycle.end:
            return days
        return days - cycle.days_left(self.ended) + 1

    def days_suspended(self, cycle: Cycle) -> int:
        """Whole days of the cycle, among those on which it is billed, on which it was suspended from end to end."""
        if self.billed_from is None:
            return 0
        first = max(cycle.first_day, local_date(self.billed_from, cycle.zone))
        days: set[date] = set()
        for start, end in self.suspended:
            day = local_date(start - 1, cycle.zone) + timedelta(days=1)  # the first day that begins suspended
            beyond = cycle.next_day if end is None or end >= cycle.end else local_date(end, cycle.zone)
            while day < beyond:
                days.add(day)
                day += timedelta(days=1)
        return sum(first <= day < cycle.next_day for day in days)


def tenures(cycle: Cycle, history: Iterable[Change], register: Register) -> dict[str, Tenure]:
    """Every subscription that there was before the end of the cycle, by id, in the order in which they began."""
    by_subject: dict[str, list[Change]] = defaultdict(list)
    for change in sorted(history, key=lambda change: (change.at, change.change_id)):
        if change.at < cycle.end:
            by_subject[change.subscription_id or f"sim {change.imsi}"].append(change)
    profiles: dict[str, list[Span]] = defaultdict(list)
    for changes in by_subject.values():
        if changes[0].profile_id is not None:
            profiles[changes[0].imsi].append((changes[0].at, _first(changes, Status.TERMINATED.value)))
    return {
        subject: _tenure(changes, by_subject[f"sim {changes[0].imsi}"], register, cycle, profiles[changes[0].imsi])
        for subject, changes in by_subject.items()
        if changes[0].subscription_id is not None
    }


def _tenure(changes: list[Change], sim: list[Change], register: Register, cycle: Cycle, profiles: list[Span]) -> Tenure:
    last, began = changes[-1], changes[0].at
    plan = register.plan(last)
    assert plan is not None
    ends = [_first(changes, Status.TERMINATED.value), _first(sim, SimState.RETIRED.value)]
    bare = (began, None) if last.profile_id is not None else _without_profile(profiles, began, cycle)
    if bare is not None:
        began = bare[0]
        ends.append(bare[1])
    in_billing = _first(sim, SimState.IN_BILLING.value)
    return Tenure(
        last,
        plan,
        register.profile(last),
        began,
        min((at for at in ends if at is not None), default=None),
        _whole_second(max(began, in_billing)) if in_billing is not None else None,
        (*_spans(changes, Status.SUSPENDED.value), *_spans(sim, SimState.SUSPENDED.value)),
        bare is not None,
    )


def _whole_second(at: int) -> int:
    """The second in which it begins: gateways tell the time of use in whole seconds."""
    return at - at % SECOND


def _without_profile(profiles: Iterable[Span], began: int, cycle: Cycle) -> Span | None:
    """The last time before the end of the cycle in which a SIM had no profile; None if it had one all through it."""
    since: int | None = began
    bare: Span | None = None
    for start, end in sorted(profiles, key=lambda span: (span[0], span[1] is None, span[1])):
        if since is not None and start >= since:
            bare = (since, start) if start > since else bare
            since = end
        elif since is not None and (end is None or end > since):
            since = end
    if since is not None:
        return since, None
    return bare if bare is not None and bare[1] is not None and bare[1] > cycle.start else None


def _first(changes: Iterable[Change], status: str) -> int | None:
    return next((change.at for change in changes if change.status == status), None)


def _spans(changes: Iterable[Change], status: str) -> Iterator[Span]:
    since: int | None = None
    for change in changes:
        if change.status == status:
            since = change.at if since is None else since
        elif since is not None:
            yield since, change.at
            since = None
    if since is not None:
        yield since, None
