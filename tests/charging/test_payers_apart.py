"""What drivers do, or what is done to them, never changes what the enterprise's side of the same cars sees.

Every example is lived twice: once as it is, once without the drivers. On an APN of its own the enterprise's messages
are the same in both; on a shared APN its MSCCs are, and so are its records and the RARs for its rating groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import given, settings

from ocs.charging.commands import ChangePlan, ChangeProfile, Charge, Command, Outcome, Provision, SetStatus, TopUp
from ocs.charging.engine import Engine
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    Rar,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.units import SECOND, instant, utc
from tests.charging.audit.world import IMSIS, MB, provisioning

WORLD = provisioning()
START = instant(utc(0).replace(year=2026, month=3, day=20))
OWN, SHARED, DRIVERS = "fleet", "car", "web"
GROUPS = {OWN: (1, 2), SHARED: (100, 300, 200, 201), DRIVERS: (7,)}
ENTERPRISE = {1, 2, 100, 300}
LATER = st.integers(0, 3000)

reports = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([None, 0, MB, 4 * MB, 12 * MB]), st.booleans()), max_size=4
)


@dataclass(frozen=True)
class Step:
    """One request, or something that happens to drivers (`command`)."""

    seconds: int
    apn: str = ""
    kind: CcRequestType = CcRequestType.UPDATE
    told: tuple[tuple[int, int | None, bool], ...] = ()
    command: tuple[object, ...] = ()


requests = st.builds(
    Step,
    LATER,
    st.sampled_from([OWN, SHARED, SHARED, DRIVERS]),
    st.sampled_from([CcRequestType.UPDATE] * 6 + [CcRequestType.TERMINATION]),
    reports.map(tuple),
)
happenings = st.builds(
    Step,
    LATER,
    command=st.one_of(
        st.tuples(st.just("buys"), st.sampled_from(["day", "month"])),
        st.tuples(st.sampled_from(["active", "suspended", "terminated"])),
        st.tuples(st.just("plan"), st.sampled_from(["hot", "portal", "block"])),
        st.tuples(st.just("sold"), st.sampled_from([0, 1])),
    ),
)


def lived(steps: list[Step], drivers: bool) -> tuple[list[object], list[object]]:
    """What the enterprise sees of a run: its answers and pushes, and its records."""
    engine = Engine("ocs", "home")
    engine.apply(Provision(WORLD, "world"), START)
    if drivers:
        # A plan that would end a driver's own session with the allowance.
        engine.apply(ChangePlan(IMSIS[0], "wifi", "hot", "first"), START)
    now, seen, records = START, [], []
    opened = dict.fromkeys(GROUPS, 0)
    numbers: dict[str, int] = {}
    for place, step in enumerate(steps):
        now += step.seconds * SECOND
        command: Command
        if step.command:
            if not drivers:
                continue
            command = happening(step.command, f"r{place}")
        elif step.apn == DRIVERS and not drivers:
            continue
        else:
            session_id = f"{step.apn};{opened[step.apn]}"
            number = numbers.get(session_id, 0)
            numbers[session_id] = number + 1
            kind = step.kind if number else CcRequestType.INITIAL
            if kind is CcRequestType.TERMINATION:
                opened[step.apn] += 1
            command = Charge(ccr(session_id, step, kind, number, now, drivers))
        outcome = engine.apply(command, now)
        seen += enterprise_side(outcome, step)
        records += [edr for edr in outcome.edrs if edr.party == "b2b"]
    return seen, records


def happening(command: tuple[object, ...], request_id: str) -> Command:
    match command:
        case ("buys", bundle):
            return TopUp(IMSIS[0], "wifi", bundle, request_id)  # type: ignore[arg-type]
        case ("plan", plan):
            return ChangePlan(IMSIS[0], "wifi", plan, request_id)  # type: ignore[arg-type]
        case ("sold", driver):
            return ChangeProfile(
                IMSIS[0], "car", dict.fromkeys(("wifi", "web", "tv"), f"driver{driver}"), {}, request_id
            )
        case (status,):
            return SetStatus(IMSIS[0], "wifi", status, "asked", request_id)  # type: ignore[arg-type]
    raise AssertionError(command)


def ccr(session_id: str, step: Step, kind: CcRequestType, number: int, now: int, drivers: bool) -> Ccr:
    services = []
    for which, used, asks in step.told:
        group = GROUPS[step.apn][which % len(GROUPS[step.apn])]
        if not drivers and group not in ENTERPRISE:
            continue
        services.append(
            MultipleServicesCreditControl(
                rating_group=group,
                used_service_unit=() if used is None else (UsedServiceUnit(cc_total_octets=used),),
                requested_service_unit=RequestedServiceUnit() if asks else None,
            )
        )
    return Ccr(
        session_id=session_id,
        origin_host="pgw1",
        origin_realm="visited",
        destination_realm="home",
        service_context_id="32251@3gpp.org",
        cc_request_type=kind,
        cc_request_number=number,
        event_timestamp=now // SECOND,
        subscription_id=(
            SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=IMSIS[0]),
        ),
        multiple_services_credit_control=tuple(services),
        service_information=ServiceInformation(ps_information=PsInformation(called_station_id=step.apn)),
    )


def enterprise_side(outcome: Outcome, step: Step) -> list[object]:
    seen: list[object] = []
    if isinstance(outcome.answer, Cca) and step.apn == OWN:
        seen.append(outcome.answer)
    elif isinstance(outcome.answer, Cca) and step.apn == SHARED:
        mine = [m for m in outcome.answer.multiple_services_credit_control if m.rating_group in ENTERPRISE]
        seen.append((outcome.answer.result_code, outcome.answer.credit_control_failure_handling, mine))
    seen += [push for push in outcome.pushes if not isinstance(push, Rar) or push.rating_group in ENTERPRISE]
    return seen


@given(st.lists(st.one_of(requests, requests, requests, happenings), min_size=4, max_size=25))
@settings(max_examples=250, deadline=None, derandomize=True)
def test_the_enterprise_sees_the_same_with_and_without_drivers(steps: list[Step]) -> None:
    assert lived(steps, drivers=True) == lived(steps, drivers=False)
