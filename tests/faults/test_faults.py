"""Each fault by itself: that it happens, what the network makes of it, and that a broken OCS is found out by it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ocs.charging.commands import Charge, Command, Outcome
from ocs.charging.engine import Engine
from ocs.gy.messages import Cca, CcRequestType, CreditControlFailureHandling
from ocs.units import MINUTE, SECOND
from scenarios.evidence import Evidence
from scenarios.loading import library, load
from scenarios.runner import Link, Run, run, witness
from scenarios.schema import Faults, LinkFaults, Scenario
from sim.pgw.session import CtfSession
from tests.faults.timeline import event

BAD_DAY = load(library()["bad_day"])
CLEAN = BAD_DAY.model_copy(update={"faults": Faults(), "timeline": (), "duration": 86_400})


def scenario(*happens: dict[str, Any], link: dict[str, Any] | None = None, **faults: Any) -> Scenario:
    """One day of the bad day's cars, with these faults and no others."""
    declared = Faults(link=LinkFaults(**(link or {})), **faults)
    return CLEAN.model_copy(update={"faults": declared, "timeline": tuple(map(event, happens))})


def lived(what: Scenario, seed: int = 1) -> Evidence:
    return witness(what, seed)[0]


def findings(done: Run) -> dict[str, str]:
    """The first finding of every check that failed."""
    return {
        item.check.name(): item.judgement.findings[0].message for item in done.verdict.judged if item.judgement.findings
    }


def causes(evidence: Evidence) -> set[str]:
    return {cause for (*_, cause), octets in evidence.unreported.items() if octets}


# --- each fault happens -----------------------------------------------------------------------------------------------


def test_a_network_without_faults_repeats_nothing_and_loses_nothing() -> None:
    evidence = lived(CLEAN)
    assert evidence.faults == {}
    assert evidence.repeats == []
    assert causes(evidence) == set()


def test_lost_requests_and_answers_are_repeated_and_answered_from_the_store() -> None:
    done = run(scenario(link={"loss": 0.2}), "loss", 1)
    evidence = done.evidence
    assert findings(done) == {}
    assert evidence.faults["requests lost"] > 20
    assert evidence.faults["answers lost"] > 20
    assert evidence.faults["requests repeated"] > 20
    # What comes again is what was answered, and the answer got lost.
    assert 5 < len(evidence.repeats) <= evidence.faults["answers lost"]
    first = {(item.request.session_id, item.request.cc_request_number): item.answer for item in evidence.exchanges}
    alike = [first[item.request.session_id, item.request.cc_request_number] == item.answer for item in evidence.repeats]
    assert all(alike)
    assert causes(evidence) <= {"no_answer", "not_sent", "ccfh_continue"}


def test_doubled_requests_are_answered_twice_and_charged_once() -> None:
    done = run(scenario(link={"duplication": 0.3}), "twice", 1)
    evidence = done.evidence
    assert findings(done) == {}
    assert len(evidence.repeats) == evidence.faults["requests that arrived twice"] > 50
    assert causes(evidence) == set()


def test_delays_pass_by() -> None:
    done = run(scenario(link={"delay": 3}), "late", 1)
    evidence = done.evidence
    assert findings(done) == {}
    waits = sorted(item.at // SECOND - (item.request.event_timestamp or 0) for item in evidence.exchanges)
    assert waits[0] == 0
    assert 1 <= waits[len(waits) // 2] <= 4
    assert waits[-1] > 10
    assert evidence.faults["requests repeated"] > 5
    assert evidence.faults["answers that nobody waited for"] > 5


def test_overtaken_messages_arrive_after_their_repeat() -> None:
    done = run(scenario(link={"reordering": 0.2}), "order", 1)
    evidence = done.evidence
    assert findings(done) == {}
    assert evidence.faults["requests repeated"] > 20
    # On a connection an older request arrives after a younger one.
    youngest: dict[str, tuple[int, int]] = {}
    overtaken = 0
    for item in sorted([*evidence.exchanges, *evidence.repeats], key=lambda item: item.at):
        connection, _, number = item.request.session_id.rpartition(";")
        place = int(number), item.request.cc_request_number
        overtaken += place < youngest.get(connection, place)
        youngest[connection] = max(place, youngest.get(connection, place))
    assert overtaken > 2


def test_a_cut_lets_nothing_through() -> None:
    what = scenario(CUT)
    done = run(what, "cut", 1)
    evidence = done.evidence
    assert findings(done) == {}
    start = what.local(1, "07:30")
    assert not [item for item in evidence.exchanges if start <= item.at < start + 180 * MINUTE]
    assert evidence.faults["requests lost"] > 2
    # RFC 8506 5.7: where only the enterprise can pay, traffic goes on without credit control; a driver's does not.
    unpaid = {apn for (_, apn, _, cause), octets in evidence.unreported.items() if cause == "ccfh_continue" and octets}
    assert unpaid == {"fleet.acme"}


def test_a_restarted_gateway_leaves_ghosts_that_end_by_themselves() -> None:
    what = scenario({"day": 1, "at": "12:10", "do": "restart_pgw"})
    done = run(what, "restart", 1)
    evidence = done.evidence
    assert findings(done) == {}
    assert evidence.faults["sessions lost by a gateway's restart"] >= 5
    over = {
        item.request.session_id
        for item in evidence.exchanges
        if item.request.cc_request_type is CcRequestType.TERMINATION or item.answer.result_code != 2001  # type: ignore[union-attr]
    }
    ghosts = {item.request.session_id for item in evidence.exchanges} - over
    assert len(ghosts) == evidence.faults["sessions lost by a gateway's restart"]
    assert all(item.at <= what.local(1, "12:10") for item in evidence.exchanges if item.request.session_id in ghosts)


def test_octets_that_the_restarted_gateway_had_not_reported_are_lost_with_that_cause() -> None:
    moments = [
        {"day": 1, "at": f"{hour:02d}:{minute}", "do": "restart_pgw"} for hour in range(6, 20) for minute in (10, 40)
    ]
    done = run(scenario(*moments), "restarts", 1)
    assert findings(done) == {}
    assert causes(done.evidence) == {"pgw_restart"}


def test_a_killed_ocs_is_what_its_journal_says() -> None:
    killed = scenario({"day": 1, "at": "16:20", "do": "kill_ocs", "for": "1 s"})
    calm = scenario({"day": 1, "at": "00:01", "do": "kill_ocs", "for": "1 s"})  # before anybody drives
    ours, theirs = lived(killed), lived(calm)
    assert ours.faults["OCS killed and replayed"] == 1
    assert ours.faults.get("requests lost", 0) == 0
    assert ours.edrs == theirs.edrs
    assert ours.transfers == theirs.transfers


def test_sessions_move_to_the_standby_where_the_ocs_allows_it() -> None:
    kill = {"day": 1, "at": "08:00", "do": "kill_ocs", "for": "1 s"}
    moved = run(scenario(kill, standby=True), "moved", 1)
    assert findings(moved) == {}
    assert moved.evidence.faults["sessions moved to the other OCS"] > 5
    assert causes(moved.evidence) == set()
    sold = BAD_DAY.provisioning
    operator = sold.operator.model_copy(update={"session_failover": False})
    alone = scenario(kill, standby=True).model_copy(
        update={"provisioning": sold.model_copy(update={"operator": operator})}
    )
    stuck = run(alone, "stuck", 1)
    assert findings(stuck) == {}
    assert stuck.evidence.faults.get("sessions moved to the other OCS", 0) == 0
    assert stuck.evidence.faults["requests that could not be sent"] > 5


def test_wrong_clocks_are_not_believed_beyond_five_minutes() -> None:
    evidence = lived(scenario(clock_skew=3_600))
    heard = {(item.request.session_id, item.request.cc_request_number): item for item in evidence.exchanges}
    skews = {item.vehicle: item.request.event_timestamp - item.at // SECOND for item in evidence.exchanges}  # type: ignore[operator]
    assert len({skew for skew in skews.values() if abs(skew) > 300}) > 3
    for edr in evidence.edrs:
        item = heard[edr.session_id, edr.cc_request_number]
        assert abs(edr.event_time - item.at) <= 300 * SECOND
        assert ("time_from_receipt" in edr.flags.split()) == (abs(skews[item.vehicle]) > 300), edr.flags


# --- drawn for each car, alike on every link --------------------------------------------------------------------------


def test_a_car_has_the_same_bad_day_whoever_else_is_on_the_road() -> None:
    alone = BAD_DAY.model_copy(update={"fleet": BAD_DAY.fleet[:1]})
    crowd, few = lived(BAD_DAY), lived(alone)
    ours = [edr for edr in crowd.edrs if crowd.vehicle_of[edr.physical_imsi].startswith("code-")]
    assert ours == few.edrs


def test_a_bad_day_is_the_same_over_the_wire() -> None:
    """Of some cars in the middle of the fleet, whose identities go on from those before them."""
    memory, _ = witness(BAD_DAY, 1, first=2, last=7)
    wire, octets = witness(BAD_DAY, 1, Link.WIRE, first=2, last=7)
    assert octets
    assert wire.edrs == memory.edrs
    assert wire.transfers == memory.transfers
    assert wire.unreported == memory.unreported


# --- rules broken once, and found -------------------------------------------------------------------------------------


class ChargesRepeats(Engine):
    """Takes a request that comes again for a new one."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.seen: set[tuple[str, int]] = set()

    def apply(self, command: Command, now: int) -> Outcome:
        if not isinstance(command, Charge):
            return super().apply(command, now)
        key = (command.ccr.session_id, command.ccr.cc_request_number)
        if key not in self.seen or command.ccr.cc_request_type is CcRequestType.INITIAL:
            self.seen.add(key)
            return super().apply(command, now)
        other = msgspec.structs.replace(command.ccr, cc_request_number=key[1] + 100_000)
        outcome = super().apply(Charge(other, command.retransmitted), now)
        assert isinstance(outcome.answer, Cca)
        outcome.answer = msgspec.structs.replace(outcome.answer, cc_request_number=key[1])
        return outcome


class ForgetsReports(Engine):
    """One that comes back from the dead without what was reported in a session."""

    made = 0

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        ForgetsReports.made += 1
        self.replaying = ForgetsReports.made % 2 == 0

    def apply(self, command: Command, now: int) -> Outcome:
        lost = isinstance(command, Charge) and command.ccr.cc_request_type is not CcRequestType.INITIAL
        if self.replaying and lost and now < KILLED_AT:
            return Outcome(None, [], [], [], [], [])
        return super().apply(command, now)


KILLED_AT = CLEAN.local(1, "19:00")


class KeepsReservations(Engine):
    """Never ends a reservation by itself."""

    def apply(self, command: Command, now: int) -> Outcome:
        self.state.deadlines.clear()
        return super().apply(command, now)


class LetsDriversGoOn(Engine):
    """Tells every gateway to serve on while it is away (Credit-Control-Failure-Handling CONTINUE)."""

    def apply(self, command: Command, now: int) -> Outcome:
        outcome = super().apply(command, now)
        if isinstance(outcome.answer, Cca) and outcome.answer.credit_control_failure_handling is not None:
            outcome.answer.credit_control_failure_handling = CreditControlFailureHandling.CONTINUE
        return outcome


CUT = {"day": 1, "at": "07:30", "do": "cut", "for": "3 h"}


@pytest.mark.parametrize(
    ("engine", "what", "check"),
    [
        (ChargesRepeats, scenario(link={"duplication": 0.3}), "octets_add_up"),
        (ChargesRepeats, scenario(link={"loss": 0.2}), "charged_once"),
        (ForgetsReports, scenario({"day": 1, "at": "19:00", "do": "kill_ocs", "for": "1 s"}), "buckets_balance"),
        (KeepsReservations, scenario(link={"loss": 0.3}), "reservations_end"),
        (LetsDriversGoOn, scenario(CUT), "octets_add_up"),
    ],
)
def test_a_broken_ocs_is_found_out(engine: type[Engine], what: Scenario, check: str) -> None:
    assert check in findings(run(what, "broken", 1, engine=engine))


@pytest.mark.parametrize(
    ("forgets", "what"),
    [
        ("_doubt", scenario(link={"loss": 0.3})),
        (
            "_forgo",
            scenario({"day": 1, "at": "18:05", "do": "restart_pgw"}, {"day": 1, "at": "08:05", "do": "restart_pgw"}),
        ),
    ],
    ids=["what was told in vain", "what was not told yet"],
)
def test_a_gateway_that_keeps_no_account_of_what_it_loses_is_found_out(
    monkeypatch: pytest.MonkeyPatch, forgets: str, what: Scenario
) -> None:
    monkeypatch.setattr(CtfSession, forgets, lambda *_: None)
    assert "octets_add_up" in findings(run(what, "forgetful", 1))
