"""Any order of requests, purchases, suspensions, sales, silence and crashes: an auditor judges all that comes of it.

The machine drives the engine through its door; `audit.auditor` hears the same commands, keeps books of its own and
works out every Result-Code, grant, final unit, validity, push, record and ledger line. A crash throws the engine away
and folds the list of commands again: every outcome must come again as it was.

Faults that were put into the engine once, each found by this test within its usual number of examples: a report posted
twice; an ended reservation that is not released; a grant one octet above what is free; a driver's 4012 put into the
enterprise's MSCC of the same answer; an overrun that the next purchase pays; a repeated CCR-U charged again; a slice
called the last while another session holds units; late usage without its flag; a waiting service that is not asked when
credit comes back; units of a closed session given again to a repeat; a record for the payer after a sale instead of the
one whose grant it was.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ocs.charging.commands import (
    ChangePlan,
    ChangeProfile,
    Charge,
    Command,
    Expire,
    Outcome,
    Provision,
    PushAnswered,
    SetStatus,
    TopUp,
)
from ocs.charging.engine import Engine
from ocs.gy.messages import (
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    Rar,
    RequestedAction,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.units import DAY, SECOND, instant, utc
from tests.charging.audit.auditor import Auditor
from tests.charging.audit.world import IMSIS, MB, PEERS, PLANS, SPLITS, provisioning

WORLD = provisioning()
START = instant(utc(0).replace(year=2026, month=3, day=20))
SPLIT_IDS = sorted(SPLITS)
DRIVER_SPLITS = [split.id for split in SPLITS.values() if split.payer is None]
DRIVER_PLANS = [plan.id for plan in PLANS.values() if plan.prepaid]
GROUPS = {"fleet": [1, 2], "car": [100, 200, 201, 300, 999], "web": [7, None], "tv": [7, 8]}
JUMPS = [1, 1, 9, 9, 31, 31, 61, 599, 661, 1801, 3599, 3661, 3661, 40_000, 86_401, 2 * 86_400 + 7, 9 * 86_400 + 11]

groups = st.sampled_from(["car", "car", "web", "web", "tv", "fleet"]).flatmap(
    lambda apn: st.tuples(st.just(apn), st.lists(st.sampled_from(GROUPS[apn]), unique=True, max_size=4).map(tuple))
)
octets = st.one_of(st.sampled_from([0, 1, MB, 2 * MB, 3 * MB, 4 * MB, 10 * MB, 25 * MB]), st.integers(0, 12 * MB))
wishes = st.one_of(st.just(None), st.sampled_from([0, 500_000, 2 * MB, 50 * MB]))
lines = st.lists(
    st.tuples(st.integers(0, 4), st.one_of(st.none(), octets), st.one_of(st.just("-"), wishes)), max_size=4
)
"""Which rating group of the APN, what was used, what is asked for (`-`: nothing)."""


rarely = precondition(lambda self: len(self.commands) % 4 == 3)
"""What seldom happens, so that most of a run is sessions that use what they are granted."""


class AnyOrder(RuleBasedStateMachine):
    """See above."""

    @initialize()
    def provisioned(self) -> None:
        self.engine, self.auditor = Engine("ocs", "home"), Auditor()
        self.commands: list[tuple[Command, int, Outcome]] = []
        self.now = START
        self.sessions: list[tuple[str, str, str, str]] = []
        """Session-Id, IMSI, APN, peer."""
        self.numbers: dict[str, int] = {}
        self.requests: list[Ccr] = []
        self.pushes: list[Rar | Asr] = []
        self.granted: dict[str, dict[int | None, int | None]] = {}
        """What a client holds, by session and rating group."""
        self.names = 0
        outcome = self.engine.apply(Provision(WORLD, "world"), START)
        self.commands.append((Provision(WORLD, "world"), START, outcome))
        self.auditor.provisioned(outcome, START)
        self.sound = True

    def _apply(self, command: Command) -> None:
        self.sound = False
        outcome = self.engine.apply(command, self.now)
        self.commands.append((command, self.now, outcome))
        self.pushes += outcome.pushes
        self.auditor.judge(command, self.now, outcome)
        self.sound = True
        if isinstance(outcome.answer, Cca):
            held = self.granted.setdefault(outcome.answer.session_id, {})
            for mscc in outcome.answer.multiple_services_credit_control:
                held[mscc.rating_group] = mscc.granted_service_unit and mscc.granted_service_unit.cc_total_octets

    def _ccr(
        self,
        session: tuple[str, str, str, str],
        kind: CcRequestType,
        number: int,
        services: list[object],
        action: RequestedAction | None = None,
    ) -> Ccr:
        session_id, imsi, apn, peer = session
        ccr = Ccr(
            session_id=session_id,
            origin_host=peer,
            origin_realm="visited",
            destination_realm="home",
            service_context_id="32251@3gpp.org",
            cc_request_type=kind,
            cc_request_number=number,
            event_timestamp=self.now // SECOND,
            subscription_id=(
                SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=imsi),
            ),
            multiple_services_credit_control=tuple(services),  # type: ignore[arg-type]
            requested_action=action,
        )
        if kind is CcRequestType.INITIAL or kind is CcRequestType.EVENT:
            bearer = bytes([len(self.sessions) % 3]) if kind is CcRequestType.INITIAL else None
            ps = PsInformation(called_station_id=apn, nsapi=bearer)
            ccr.service_information = ServiceInformation(ps_information=ps)
        return ccr

    def _services(self, apn: str, told: list[tuple[int, int | None, int | str | None]]) -> list[object]:
        """MSCCs of one request. The same rating group may come twice."""
        services = []
        for which, used, wish in told:
            candidates = GROUPS[apn]
            group = candidates[which % len(candidates)]
            services.append(
                MultipleServicesCreditControl(
                    rating_group=group,
                    used_service_unit=() if used is None else (UsedServiceUnit(cc_total_octets=used),),
                    requested_service_unit=(
                        None if wish == "-" else RequestedServiceUnit(cc_total_octets=wish)  # type: ignore[arg-type]
                    ),
                )
            )
        return services

    def _send(self, ccr: Ccr) -> None:
        self.requests.append(ccr)
        self._apply(Charge(ccr))

    def _next_name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    # --- what can happen ----------------------------------------------------------------------------------------------

    @rule(
        imsi=st.sampled_from([IMSIS[0], IMSIS[0], IMSIS[0], IMSIS[0], IMSIS[1], "001019999999999"]),
        where=groups,
        peer=st.sampled_from(["pgw1", "pgw1", *sorted(PEERS)]),
        wish=wishes,
        used=st.one_of(st.none(), st.none(), st.none(), octets),
    )
    def a_session_opens(
        self, imsi: str, where: tuple[str, tuple[int | None, ...]], peer: str, wish: int | None, used: int | None
    ) -> None:
        apn, wanted = where
        session = (f"{peer};{len(self.sessions)}", imsi, apn, peer)
        self.sessions.append(session)
        self.numbers[session[0]] = 1
        services = self._services(apn, [(GROUPS[apn].index(group), used, wish) for group in wanted])
        self._send(self._ccr(session, CcRequestType.INITIAL, 0, services))

    @precondition(lambda self: self.sessions)
    @rule(
        which=st.integers(0, 5),
        percent=st.sampled_from([100, 100, 50, 130, 0]),
        asks=st.sampled_from([True, True, False]),
    )
    def a_client_uses_what_it_has(self, which: int, percent: int, asks: bool) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        self._report(session, self.granted.get(session[0], {}), percent, asks)

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 5), turn=st.integers(0, 3))
    def a_client_uses_up_one_grant(self, which: int, turn: int) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        held = list(self.granted.get(session[0], {}).items())
        if held:
            self._report(session, dict([held[turn % len(held)]]), 100, True)

    @precondition(lambda self: any(isinstance(push, Rar) for push in self.pushes))
    @rule(code=st.sampled_from([2001, 2002]), percent=st.sampled_from([0, 30]))
    def a_client_obeys(self, code: int, percent: int) -> None:
        push = next(push for push in self.pushes if isinstance(push, Rar))
        self.pushes.remove(push)
        self._apply(PushAnswered(push.session_id, push.rating_group, code))
        session = next(session for session in self.sessions if session[0] == push.session_id)
        group = push.rating_group
        self._report(session, {group: self.granted.get(session[0], {}).get(group)}, percent, True)

    def _report(
        self, session: tuple[str, str, str, str], held: dict[int | None, int | None], percent: int, asks: bool
    ) -> None:
        services: list[object] = [
            MultipleServicesCreditControl(
                rating_group=group,
                used_service_unit=() if amount is None else (UsedServiceUnit(cc_total_octets=amount * percent // 100),),
                requested_service_unit=RequestedServiceUnit() if asks else None,
            )
            for group, amount in held.items()
        ]
        number = self.numbers[session[0]]
        self.numbers[session[0]] += 1
        self._send(self._ccr(session, CcRequestType.UPDATE, number, services))

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 30), told=lines, gap=st.sampled_from([0, 0, 0, 0, 1, -1]))
    def a_session_reports(self, which: int, told: list[tuple[int, int | None, int | str | None]], gap: int) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        number = max(0, self.numbers[session[0]] + gap)
        self.numbers[session[0]] = max(number + 1, self.numbers[session[0]])
        self._send(self._ccr(session, CcRequestType.UPDATE, number, self._services(session[2], told)))

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 30), told=lines)
    def a_session_ends(self, which: int, told: list[tuple[int, int | None, int | str | None]]) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        number = self.numbers[session[0]]
        self.numbers[session[0]] += 1
        services = self._services(session[2], [(group, used, "-") for group, used, _ in told])
        self._send(self._ccr(session, CcRequestType.TERMINATION, number, services))

    @precondition(lambda self: self.sessions and len(self.commands) % 4 == 3)
    @rule(which=st.integers(0, 30), told=lines)
    def a_session_opens_again(self, which: int, told: list[tuple[int, int | None, int | str | None]]) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        self._send(self._ccr(session, CcRequestType.INITIAL, which % 3, self._services(session[2], told)))

    @rarely
    @rule(told=lines, ends=st.booleans(), which=st.integers(0, 3))
    def somebody_reports_a_session_never_opened(
        self, told: list[tuple[int, int | None, int | str | None]], ends: bool, which: int
    ) -> None:
        kind = CcRequestType.TERMINATION if ends else CcRequestType.UPDATE
        session = (f"stray;{which}", IMSIS[0], "car", "pgw1")
        self._send(self._ccr(session, kind, which, self._services("car", told)))

    @rarely
    @rule(
        imsi=st.sampled_from(IMSIS),
        where=st.sampled_from([("web", 7), ("car", 200), ("car", 300), ("car", 999), ("fleet", 1), ("tv", 8)]),
        action=st.sampled_from(
            [RequestedAction.DIRECT_DEBITING, RequestedAction.REFUND_ACCOUNT, RequestedAction.CHECK_BALANCE]
        ),
        amount=st.sampled_from([1, MB, 5 * MB, 30 * MB]),
        which=st.integers(0, 3),
    )
    def an_event(self, imsi: str, where: tuple[str, int], action: RequestedAction, amount: int, which: int) -> None:
        mscc = MultipleServicesCreditControl(
            rating_group=where[1], requested_service_unit=RequestedServiceUnit(cc_total_octets=amount)
        )
        session = (f"event;{imsi};{which}", imsi, where[0], "pgw1")
        number = self.numbers[session[0]] = self.numbers.get(session[0], -1) + 1
        self._send(self._ccr(session, CcRequestType.EVENT, number, [mscc], action))

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 12))
    def a_request_comes_again(self, which: int) -> None:
        self._apply(Charge(self.requests[-1 - which % len(self.requests)], retransmitted=True))

    @rule(imsi=st.sampled_from(IMSIS), split=st.sampled_from(DRIVER_SPLITS), bundle=st.sampled_from(["day", "month"]))
    def a_driver_buys(self, imsi: str, split: str, bundle: str) -> None:
        self._apply(TopUp(imsi, split, bundle, self._next_name()))

    @rarely
    @rule(
        imsi=st.sampled_from(IMSIS),
        split=st.one_of(st.none(), st.sampled_from(SPLIT_IDS)),
        status=st.sampled_from(["active", "active", "active", "suspended", "active", "active", "terminated"]),
    )
    def the_operator_suspends_or_resumes(self, imsi: str, split: str | None, status: str) -> None:
        self._apply(SetStatus(imsi, split, status, "asked", self._next_name()))  # type: ignore[arg-type]

    @rarely
    @rule(imsi=st.sampled_from(IMSIS), split=st.sampled_from(DRIVER_SPLITS), plan=st.sampled_from(sorted(PLANS)))
    def a_plan_changes(self, imsi: str, split: str, plan: str) -> None:
        self._apply(ChangePlan(imsi, split, plan, self._next_name()))

    @rarely
    @rule(imsi=st.sampled_from(IMSIS), drivers=st.lists(st.sampled_from([0, 0, 0, 1]), min_size=3, max_size=3))
    def a_car_is_sold(self, imsi: str, drivers: list[int]) -> None:
        payers = {split: f"driver{driver}" for split, driver in zip(DRIVER_SPLITS, drivers, strict=True)}
        self._apply(ChangeProfile(imsi, "car", payers, {}, self._next_name()))

    @rarely
    @rule(which=st.integers(0, 10))
    def an_operator_clicks_twice(self, which: int) -> None:
        clicked = [c for c, *_ in self.commands if isinstance(c, TopUp | SetStatus | ChangePlan | ChangeProfile)]
        if clicked:
            self._apply(clicked[-1 - which % len(clicked)])

    @rule(seconds=st.sampled_from(JUMPS), noticed=st.booleans())
    def time_passes(self, seconds: int, noticed: bool) -> None:
        self.now += seconds * SECOND
        if noticed:
            self._apply(Expire())

    @precondition(lambda self: self.pushes)
    @rule(which=st.integers(0, 5), code=st.sampled_from([2001, 2002, 5002, 5012, None]))
    def a_client_answers_a_push(self, which: int, code: int | None) -> None:
        push = self.pushes.pop(-1 - which % len(self.pushes))
        group = push.rating_group if isinstance(push, Rar) else None
        self._apply(PushAnswered(push.session_id, group, code))

    @rarely
    @rule()
    def the_process_dies(self) -> None:
        self.engine = Engine("ocs", "home")
        for command, now, outcome in self.commands:
            again = self.engine.apply(command, now)
            assert again == outcome, f"{command} came out otherwise when folded again"

    @invariant()
    def there_is_always_a_deadline_while_units_are_reserved(self) -> None:
        if any(bucket.reserved for bucket in self.auditor.names.values()):
            assert self.engine.next_deadline() is not None

    def teardown(self) -> None:
        """Every reservation ends, and every session is forgotten."""
        if not getattr(self, "sound", False):
            return
        self.now += 90 * DAY
        self._apply(Expire())
        assert not any(bucket.reserved for bucket in self.auditor.names.values())
        assert not self.engine.state.sessions


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    report_multiple_bugs=False,
)
