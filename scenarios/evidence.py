"""What a run leaves behind, in the words in which the checks ask.

Three witnesses that do not know each other: the ground truth of the data path (`Step`), what was said on Gy
(`Exchange`), and what the OCS wrote down (EDRs, ledger lines, documents). Who *ought* to pay is taken from the
scenario's own declaration, never from what the OCS decided. Instants are microseconds UTC, volumes octets.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from ocs.billing.crosscheck import Difference
from ocs.billing.documents import Document
from ocs.billing.rated import RatedRecord
from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Party, Split, normal_apn
from ocs.gy.messages import Cca, Ccr, CcRequestType, FinalUnitIndication
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.records.edr import Edr, Transfer
from ocs.units import instant, utc
from scenarios.owners import driver_of, split_of_owner
from sim.pgw.states import processed
from sim.signals import Served
from sim.truth import Step
from sim.world import Exchange, Push

PHYSICAL = "sim"
"""Stands for the split id of the physical SIM itself: messages and calls belong to no split."""


class Purchase(msgspec.Struct, frozen=True, gc=False):
    """A bundle that a driver bought (or got free with the virtual SIM)."""

    vehicle: str
    split_id: str
    bundle_id: str
    at: int
    volume: int
    valid_seconds: int
    price_micros: int


@dataclass(frozen=True, slots=True)
class Share:
    """One payer's part of one car, as the scenario declares it.

    Of a car that is sold, each owner has one: the split id of the second is `wifi/2`.
    """

    vehicle: str
    split_id: str
    party: Party
    payer: str
    plan: Plan
    until: int | None = None
    """When the owner sells the car, or the run ends; None: it is not sold."""

    @property
    def declared(self) -> str:
        """The split id, as the profile has it."""
        return self.split_id.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Ask:
    """One rating group of one exchange: what was reported and asked for, and what came back."""

    exchange: Exchange
    apn: str
    rating_group: int | None
    used: int
    asked: bool
    """Units were requested (an RSU was there)."""
    reported: bool
    """Usage was reported (a USU was there)."""
    result: int | None
    """Of the MSCC, or of the whole answer where that failed; None: not answered."""
    command_level: bool
    """The result is the whole answer's."""
    granted: int | None
    final_unit: FinalUnitIndication | None
    validity: int | None

    @property
    def vehicle(self) -> str:
        """The car."""
        return self.exchange.vehicle

    @property
    def taken(self) -> bool:
        """The OCS has taken what was reported: a client that is told otherwise tells it again."""
        answer = self.exchange.answer
        return answer is not None and processed(answer.result_code)

    @property
    def at(self) -> int:
        """When it was said."""
        return self.exchange.at


@dataclass
class Evidence:
    """All that the checks may look at."""

    provisioning: Provisioning
    sims: dict[str, Sim]
    """The SIM of each car."""
    begins: int
    ends: int
    zone: ZoneInfo
    steps: list[Step]
    exchanges: list[Exchange]
    pushes: list[Push]
    purchases: list[Purchase]
    unreported: dict[tuple[str, str, int, str], int]
    """Octets that no report covers, by (car, APN, rating group, cause): a run without faults has none."""
    edrs: list[Edr]
    transfers: list[Transfer]
    rated: list[RatedRecord]
    documents: list[Document]
    differences: list[Difference]
    """What the operator's own reconciliation found."""
    twin: Twin
    repeats: list[Exchange] = field(default_factory=list)
    """Requests that the OCS got once more: on a network that loses and doubles them."""
    faulty: bool = False
    """The scenario has the network go wrong."""
    faults: dict[str, int] = field(default_factory=dict)
    """What went wrong, in words, and how often."""
    changes: list[Change] = field(default_factory=list)
    """The history of SIMs and subscriptions, as the OCS wrote it."""
    served: list[Served] = field(default_factory=list)
    """Ground truth of messages and calls."""
    sales: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """When cars are sold that are sold, rising instants."""
    plan_changes: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    """Of cars whose B2B splits get other plans: when, which split, which plan; rising instants."""

    suspensions: dict[str, list[tuple[str | None, int, int | None]]] = field(default_factory=dict)
    """Of cars whose SIM (None) or a split of it is suspended: which, from when, until when; None: to the end."""

    def splits(self) -> Iterator[tuple[str, Sim, Split]]:
        """Every split of every car, in order of cars."""
        profiles = {profile.id: profile for profile in self.provisioning.profiles}
        for vehicle, sim in self.sims.items():
            for split in profiles[sim.profile].splits if sim.profile else ():
                yield vehicle, sim, split

    @cached_property
    def shares(self) -> dict[tuple[str, str], Share]:
        """Who pays what, by (car, split id)."""
        plans = {plan.id: plan for plan in self.provisioning.plans}
        found = {}
        for vehicle, sim, split in self.splits():
            plan, sales = plans[sim.plans.get(split.id, split.plan)], self.sales.get(vehicle, ())
            if split.payer is not None or not sales:
                payer = split.payer or sim.payers[split.id]
                found[vehicle, split.id] = Share(vehicle, split.id, split.party, payer, plan)
                continue
            for owner, until in enumerate((*sales, self.ends)):
                mine, payer = split_of_owner(split.id, owner), driver_of(vehicle, owner)
                found[vehicle, mine] = Share(vehicle, mine, split.party, payer, plan, until)
        return found

    def plan_in(self, share: Share, first_day: date) -> Plan:
        """The plan of a share in the billing cycle that begins on a day: a change rules from the next cycle on."""
        begins = instant(datetime.combine(first_day, time(), self.zone))
        plans = [
            name
            for at, split_id, name in self.plan_changes.get(share.vehicle, [])
            if split_id == share.split_id and at < begins
        ]
        return next(plan for plan in self.provisioning.plans if plan.id == [share.plan.id, *plans][-1])

    def days_suspended(self, share: Share, first_day: date, last_day: date) -> int:
        """Days, both named ones included, on which a share was suspended from midnight to midnight."""
        spans = [
            (start, end)
            for split_id, start, end in self.suspensions.get(share.vehicle, [])
            if split_id in (None, share.split_id)
        ]
        days = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
        midnights = [instant(datetime.combine(day, time(), self.zone)) for day in (*days, last_day + timedelta(days=1))]
        return sum(
            any(start <= begins and (end is None or ends <= end) for start, end in spans)
            for begins, ends in pairwise(midnights)
        )

    @cached_property
    def _owners(self) -> dict[tuple[str, str, int | None], Share]:
        data = {
            (vehicle, split.apn, rating_group): self.shares[vehicle, split.id]
            for vehicle, _, split in self.splits()
            for rating_group in split.rating_groups or (None,)
        }
        return data | {(vehicle, "", None): share for vehicle, share in self.physical.items()}

    @cached_property
    def physical(self) -> dict[str, Share]:
        """Who pays for messages and calls, by car: whoever pays for the first B2B split, by its plan."""
        found: dict[str, Share] = {}
        for share in self.shares.values():
            if share.party == "b2b" and share.vehicle not in found:
                found[share.vehicle] = replace(share, split_id=PHYSICAL)
        return found

    def owner(self, vehicle: str, apn: str, rating_group: int | None, at: int = 0) -> Share | None:
        """Whose traffic this is: the split that lists the rating group, else the catch-all of the APN.

        Of a car that is sold, whose it was up to `at`: what has passed by the sale, and is told then, is the seller's.
        """
        name = normal_apn(apn)
        share = self._owners.get((vehicle, name, rating_group)) or self._owners.get((vehicle, name, None))
        if share is None or share.until is None:
            return share
        owner = bisect_left(self.sales[vehicle], at)
        return self.shares[vehicle, split_of_owner(share.declared, owner)]

    def parties_on(self, vehicle: str, apn: str) -> frozenset[Party]:
        """Who shares the APN on this car."""
        return self._parties.get((vehicle, normal_apn(apn)), frozenset())

    @cached_property
    def _parties(self) -> dict[tuple[str, str], frozenset[Party]]:
        found: dict[tuple[str, str], set[Party]] = defaultdict(set)
        for (vehicle, apn, _), share in self._owners.items():
            found[vehicle, apn].add(share.party)
        return {key: frozenset(parties) for key, parties in found.items()}

    @cached_property
    def vehicle_of(self) -> dict[str, str]:
        """The car of each IMSI."""
        return {sim.imsi: vehicle for vehicle, sim in self.sims.items()}

    def vehicle_of_subscription(self, subscription_id: str) -> str:
        """The car of a subscription, whose id begins with the IMSI of its SIM."""
        return self.vehicle_of.get(subscription_id.split("/")[0], "")

    @cached_property
    def asks(self) -> list[Ask]:
        """Every rating group of every exchange, in the order in which they were said."""
        return [ask for exchange in self.exchanges for ask in asks_of(exchange)]

    @cached_property
    def unreported_by_share(self) -> dict[tuple[str, str], int]:
        """Octets that no report covers, by (car, split id)."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for (vehicle, apn, rating_group, _), octets in self.unreported.items():
            if share := self.owner(vehicle, apn, rating_group):
                found[vehicle, share.split_id] += octets
        return found

    @cached_property
    def steps_by_share(self) -> dict[tuple[str, str], list[Step]]:
        """Ground truth of each (car, split id), in order of time."""
        found: dict[tuple[str, str], list[Step]] = defaultdict(list)
        for step in self.steps:
            if share := self.owner(step.vehicle, step.apn, step.rating_group, step.end):
                found[step.vehicle, share.split_id].append(step)
        for steps in found.values():
            steps.sort(key=lambda step: (step.end, step.start))
        return found

    @cached_property
    def asks_by_share(self) -> dict[tuple[str, str], list[Ask]]:
        """What was said about each (car, split id), in order of time."""
        found: dict[tuple[str, str], list[Ask]] = defaultdict(list)
        for ask in self.asks:
            if share := self.owner(ask.vehicle, ask.apn, ask.rating_group, ask.at):
                found[ask.vehicle, share.split_id].append(ask)
        return found

    @cached_property
    def _session_times(self) -> dict[str, tuple[int, int]]:
        """From the first grant of a session to the exchange that ended it (or the end of the run)."""
        found: dict[str, tuple[int, int]] = {}
        for exchange in self.exchanges:
            request, answer = exchange.request, exchange.answer
            start, _ = found.get(request.session_id, (exchange.at, self.ends))
            over = request.cc_request_type == CcRequestType.TERMINATION or (
                answer is not None and answer.result_code not in (2001, 2002)
            )
            if over and found.get(request.session_id, (0, self.ends))[1] < self.ends:
                continue
            found[request.session_id] = (start, exchange.at if over else self.ends)
        return found

    def open_at(self, session_id: str, start: int, end: int) -> bool:
        """Whether the session was open from `start` to `end`."""
        opened, closed = self._session_times[session_id]
        return opened <= start and end < closed

    def consumer_shares(self) -> Iterator[Share]:
        """The drivers' parts, in order of cars."""
        return (share for share in self.shares.values() if share.party == "b2c")

    def local(self, at: int) -> str:
        """An instant in the operator's local time, for a message."""
        return local(at, self.zone)


def local(at: int, zone: ZoneInfo) -> str:
    """An instant in a time zone, for a message."""
    return utc(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


@dataclass
class Twin:
    """The same cars, seed and time without consumer service: what the enterprise's traffic must look like."""

    exchanges: list[Exchange] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)


def apn_of(request: Ccr) -> str:
    """The APN that a request names (Called-Station-Id), or an empty string."""
    information = request.service_information and request.service_information.ps_information
    return normal_apn(information.called_station_id or "") if information else ""


def asks_of(exchange: Exchange) -> Iterator[Ask]:
    """The rating groups of one exchange; those that only the answer names (unasked grants) come last."""
    answer, apn = exchange.answer, apn_of(exchange.request)
    answered = {
        mscc.rating_group: mscc for mscc in (answer.multiple_services_credit_control if isinstance(answer, Cca) else ())
    }
    refused = answer is not None and answer.result_code not in (2001, 2002)
    for mscc in exchange.request.multiple_services_credit_control:
        reply = answered.pop(mscc.rating_group, None)
        grant = reply.granted_service_unit if reply else None
        in_mscc = reply is not None and reply.result_code not in (None, 2001, 2002)
        yield Ask(
            exchange,
            apn,
            mscc.rating_group,
            used=sum(
                usu.cc_total_octets
                if usu.cc_total_octets is not None
                else (usu.cc_input_octets or 0) + (usu.cc_output_octets or 0)
                for usu in mscc.used_service_unit
            ),
            asked=mscc.requested_service_unit is not None,
            reported=bool(mscc.used_service_unit),
            result=reply.result_code if reply and in_mscc else answer.result_code if answer else None,
            command_level=refused,
            granted=grant.cc_total_octets if grant else None,
            final_unit=reply.final_unit_indication if reply else None,
            validity=reply.validity_time if reply else None,
        )
    for rating_group, reply in answered.items():
        grant = reply.granted_service_unit
        granted = grant.cc_total_octets if grant else None
        final_unit, validity = reply.final_unit_indication, reply.validity_time
        yield Ask(exchange, apn, rating_group, 0, False, False, reply.result_code, False, granted, final_unit, validity)


def is_initial(ask: Ask) -> bool:
    """The request opened its session."""
    return ask.exchange.request.cc_request_type == CcRequestType.INITIAL


def is_last(ask: Ask) -> bool:
    """The request closed its session."""
    return ask.exchange.request.cc_request_type == CcRequestType.TERMINATION
