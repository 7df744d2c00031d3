"""Whatever comes in whatever order: nothing passes without quota, every octet is told once or has its cause.

The judge beside the session keeps its own books: it knows only what was sent, what was answered and what passed.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.gy.messages import (
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    CreditControlFailureHandling,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    Rar,
    ReportingReason,
    ResultCode,
)
from ocs.units import SECOND
from sim.pgw.quota import UNLIMITED
from sim.pgw.session import Bearer, CtfSession, Settings
from tests.pgw.words import FINAL, answer

GROUPS = (100, 200, 300)
TAKEN = (2001, 4010, 4011, 4012, 5002, 5003, 5030, 5031)
"""Command-level codes after which the OCS has got what the request told."""
GOES_ON = (
    ReportingReason.THRESHOLD,
    ReportingReason.FORCED_REAUTHORISATION,
    ReportingReason.RATING_CONDITION_CHANGE,
)

group = st.sampled_from(GROUPS)
services = st.fixed_dictionaries(
    {
        "code": st.sampled_from([2001, 2001, 2001, 2001, None, 4010, 4011, 4012, 5031]),
        "octets": st.sampled_from([None, 0, 1, 10, 1000, 1000]),
        "seconds": st.sampled_from([None, None, None, None, 1, 3]),
        "consumption": st.sampled_from([None, 1]),
        "threshold": st.sampled_from([None, None, 1, 5, 400, 2000]),
        "validity": st.sampled_from([None, 0, 1, 3, 60]),
        "holding": st.sampled_from([None, 0, 2]),
        "final": st.sampled_from([None, None, None, "final", "redirect", "restrict"]),
        "change": st.sampled_from([None, None, 1, 5]),
        "trigger": st.booleans(),
    }
)
answers = st.one_of(
    st.tuples(
        st.sampled_from([2001] * 12 + [4010, 4011, 4012, 5002, 5012]), st.lists(services, min_size=3, max_size=3)
    ),
    st.sampled_from([3004, 3002, None]),
)
happenings = st.one_of(
    st.tuples(st.just("demand"), group),
    st.tuples(st.just("pass"), group, st.integers(1, 4)),
    st.tuples(st.just("pass"), group, st.integers(1, 4)),
    st.tuples(st.just("answer"), answers),
    st.tuples(st.just("answer"), answers),
    st.tuples(st.just("time"), st.sampled_from([0, 1, SECOND, 3 * SECOND, 11 * SECOND])),
    st.tuples(st.just("deadline")),
    st.tuples(st.just("rar"), st.one_of(group, st.none())),
    st.tuples(st.just("change"), st.just(1)),
    st.tuples(st.just("asr")) | st.tuples(st.just("detach")) | st.tuples(st.just("lose")),
)


class Judge:
    """A session, and the books of somebody who watches it."""

    def __init__(self, handling: CreditControlFailureHandling, asked: list[int]) -> None:
        chosen = Settings(
            origin_host="pgw.example",
            origin_realm="example",
            destination_realm="example",
            failure_handling=handling,
            retry_seconds=2,
        )
        self.session = CtfSession(chosen, "s", Bearer(imsi="001010000000001", apn="car"))
        self.now = 1000 * SECOND
        self.outstanding: Ccr | None = None
        self.number = -1
        self.passed: dict[int, int] = defaultdict(int)
        self.told: dict[int, int] = defaultdict(int)
        self.since: dict[int, int] = defaultdict(int)
        """Octets that have passed since the last report of the group was sent."""
        self.allowed: dict[int, int] = defaultdict(int)
        """How many of them have quota."""
        self.free: set[int] = set()
        self.timed: set[int] = set()
        """Those whose grant counts time alone."""
        self.continues = handling is CreditControlFailureHandling.CONTINUE
        self.session.attach(self.now, asked)

    def play(self, happening: tuple[Any, ...]) -> None:
        session = self.session
        match happening:
            case ["demand", rating_group]:
                session.demand(rating_group, self.now)
            case ["pass", rating_group, quarters]:
                self.let_pass(rating_group, quarters)
            case ["answer", reply] if self.outstanding is not None:
                self.answered(reply)
            case ["time", wait]:
                self.now += wait
            case ["deadline"]:
                self.now = max(self.now, session.next_deadline() or 0)
            case ["rar", rating_group]:
                session.on_push(Rar(**TO_US, rating_group=rating_group), self.now)
            case ["asr"]:
                session.on_push(Asr(**TO_US), self.now)
            case ["detach"]:
                session.detach(self.now)
            case ["lose"]:
                session.lose()
            case ["change", trigger]:
                session.change(trigger, Bearer(imsi="001010000000001", apn="car"), self.now)
        self.talk()

    def let_pass(self, rating_group: int, quarters: int) -> None:
        passable = self.session.passable(rating_group)
        assert passable >= 0
        if passable < UNLIMITED // 4:
            with pytest.raises(ValueError, match="had quota"):
                self.session.count(rating_group, passable + 1, 0, self.now)
            octets = passable * quarters // 4
            assert self.since[rating_group] + octets <= max(self.allowed[rating_group], self.since[rating_group])
        else:
            octets = 100 * quarters
            unlimited = rating_group in self.free | self.timed or self.continues
            assert unlimited, "no quota, and nobody said that it needs none"
        if passable:
            self.session.count(rating_group, octets // 2, octets - octets // 2, self.now)
            self.passed[rating_group] += octets
            self.since[rating_group] += octets

    def talk(self) -> None:
        session = self.session
        session.tick(self.now)
        if not self.awaited():
            self.outstanding = None
        deadline = session.next_deadline()
        assert deadline is None or deadline > self.now or self.outstanding is not None, "waits for what has come"
        request = session.next_request(self.now)
        if request is None:
            return
        assert session.next_request(self.now) is None, "one request outstanding"
        if session.repeated:
            assert request is self.outstanding
            return
        assert self.outstanding is None
        self.outstanding = request
        self.number += 1
        assert request.cc_request_number == self.number
        assert (request.cc_request_type is CcRequestType.INITIAL) == (self.number == 0)
        for mscc in request.multiple_services_credit_control:
            rating_group = mscc.rating_group
            assert rating_group is not None
            used = sum(unit.cc_total_octets or 0 for unit in mscc.used_service_unit)
            if used or mscc.used_service_unit:
                assert used == self.since[rating_group]
            reasons = {*mscc.reporting_reason, *(unit.reporting_reason for unit in mscc.used_service_unit)}
            rest = self.allowed[rating_group] - self.since[rating_group] if reasons & {*GOES_ON} else 0
            self.allowed[rating_group] = rest
            self.since[rating_group] = 0

    def answered(self, reply: Any) -> None:
        request, session = self.outstanding, self.session
        assert request is not None
        if reply is None:
            session.on_answer(None, self.now)
            return
        self.outstanding = None
        if isinstance(reply, int):
            self.judge(request, None, reply)
            session.on_answer(answer(str(reply), request), self.now)
            return
        code, details = reply
        cca = answer(str(code), request)
        assert isinstance(cca, Cca)
        if code == 2001:
            cca.multiple_services_credit_control = tuple(
                self.service(mscc, detail)
                for mscc, detail in zip(request.multiple_services_credit_control, details, strict=False)
            )
        self.judge(request, cca, code)
        session.on_answer(cca, self.now)

    def awaited(self) -> bool:
        """Whether the session would still take an answer: it gives up after Tx by itself."""
        return self.session.outstanding is not None

    def service(self, mscc: MultipleServicesCreditControl, detail: dict[str, Any]) -> MultipleServicesCreditControl:
        if mscc.requested_service_unit is None:
            return MultipleServicesCreditControl(rating_group=mscc.rating_group, result_code=2001)
        words = f"2001 | {mscc.rating_group} {detail['code'] or '-'}" + " trigger 1" * detail["trigger"]
        found = answer(words, Ccr(**BARE))
        assert isinstance(found, Cca)
        service = found.multiple_services_credit_control[0]
        if detail["code"] in (2001, None):
            if detail["octets"] is not None or detail["seconds"] is not None:
                service.quota_consumption_time = detail["consumption"]
                service.granted_service_unit = GrantedServiceUnit(
                    cc_total_octets=detail["octets"],
                    cc_time=detail["seconds"],
                    tariff_time_change=None if detail["change"] is None else self.now // SECOND + detail["change"],
                )
            if detail["final"] is not None:
                service.final_unit_indication = FINAL[detail["final"]]
            service.volume_quota_threshold = detail["threshold"]
        service.validity_time = detail["validity"]
        service.quota_holding_time = detail["holding"]
        return service

    def judge(self, request: Ccr, cca: Cca | None, code: int) -> None:
        """Book what an answer means, before the session sees it."""
        by_group = {mscc.rating_group: mscc for mscc in cca.multiple_services_credit_control} if cca else {}
        for mscc in request.multiple_services_credit_control:
            rating_group = mscc.rating_group
            assert rating_group is not None
            used = sum(unit.cc_total_octets or 0 for unit in mscc.used_service_unit)
            if code in TAKEN:
                self.told[rating_group] += used
            else:
                self.since[rating_group] += used
            service = by_group.get(rating_group)
            granted = service.granted_service_unit if service is not None else None
            self.allowed[rating_group] = granted.cc_total_octets or 0 if granted is not None else 0
            self.timed.discard(rating_group)
            if granted is not None and granted.cc_time is not None and granted.cc_total_octets is None:
                self.timed.add(rating_group)
                self.allowed[rating_group] = UNLIMITED // 2
            if service is not None and service.result_code == ResultCode.CREDIT_CONTROL_NOT_APPLICABLE:
                self.free.add(rating_group)
        if code == ResultCode.CREDIT_CONTROL_NOT_APPLICABLE:
            self.free.update(GROUPS)

    def close(self) -> None:
        """Detach, answer everything, and see that the books agree."""
        self.session.detach(self.now)
        for _ in range(4):
            self.talk()
            if self.outstanding is not None:
                self.answered((2001, []))
        assert self.session.ended
        assert self.session.next_request(self.now) is None
        assert self.session.next_deadline() is None

    def compare(self) -> None:
        lost: dict[int, int] = defaultdict(int)
        for (rating_group, _), octets in self.session.unreported.items():
            assert octets > 0
            lost[rating_group] += octets
        doubtful: dict[tuple[int, str], int] = defaultdict(int)
        for doubt in self.session.doubtful:
            doubtful[doubt.rating_group, doubt.cause] += doubt.octets
            assert 0 <= doubt.cc_request_number <= self.number
        assert all(octets <= self.session.unreported[key] for key, octets in doubtful.items())
        for rating_group in GROUPS:
            reported = self.session.reported.get(rating_group, 0)
            assert reported == self.told[rating_group]
            assert reported + lost[rating_group] <= self.passed[rating_group]
            if self.session.ended:
                assert reported + lost[rating_group] == self.passed[rating_group]
                assert self.session.passable(rating_group) == 0


TO_US = {
    "session_id": "s",
    "origin_host": "ocs.example",
    "origin_realm": "example",
    "destination_realm": "example",
    "destination_host": "pgw.example",
}
BARE: dict[str, Any] = {
    "session_id": "s",
    "origin_host": "pgw.example",
    "origin_realm": "example",
    "destination_realm": "example",
    "service_context_id": "32251@3gpp.org",
    "cc_request_type": CcRequestType.UPDATE,
    "cc_request_number": 0,
}


stories = (
    st.sampled_from(CreditControlFailureHandling),
    st.lists(group, unique=True, max_size=2),
    st.lists(happenings, max_size=60),
)


def watch(handling: CreditControlFailureHandling, asked: list[int], story: list[tuple[Any, ...]]) -> None:
    judge = Judge(handling, asked)
    judge.talk()
    for happening in story:
        judge.play(happening)
        judge.compare()
    judge.close()
    judge.compare()


@settings(max_examples=300, deadline=None)
@given(*stories)
def test_no_octet_without_quota_and_none_untold(
    handling: CreditControlFailureHandling, asked: list[int], story: list[tuple[Any, ...]]
) -> None:
    watch(handling, asked, story)


@pytest.mark.soak
@settings(max_examples=50_000, deadline=None)
@given(*stories)
def test_the_same_in_many_more_stories(
    handling: CreditControlFailureHandling, asked: list[int], story: list[tuple[Any, ...]]
) -> None:
    watch(handling, asked, story)
