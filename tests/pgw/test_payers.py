"""Two payers in one session: what is said of the one is the same, whatever the other does (requests and answers)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.charging.commands import Charge, Command, PushAnswered, SetStatus, TopUp
from ocs.gy.messages import Cca, MultipleServicesCreditControl, Rar
from ocs.units import SECOND
from sim.pgw.session import Bearer, CtfSession, Settings
from tests.charging.player import START, Player, world

FLEET, WIFI = 100, 200
PGW = Settings(origin_host="pgw.example", origin_realm="example", destination_realm="example", retry_seconds=30)
WORLD = {
    "exhausted by code": world("shared_apn", {"plans.wifi.free_quota.volume": "6 MB"}),
    "exhausted by final units": world("shared_apn", {"plans.wifi.end_signal": "final_unit"}),
    "redirected": world(
        "shared_apn",
        {
            "plans.wifi.end_signal": "final_unit",
            "plans.wifi.final_unit_action": "redirect",
            "plans.wifi.redirect_to": "https://topup.example/",
        },
    ),
}

Said = list[tuple[int, str, MultipleServicesCreditControl]]

moments = st.lists(
    st.tuples(
        st.integers(1, 2_000),
        st.one_of(
            st.tuples(st.just("pass"), st.sampled_from([FLEET, WIFI, WIFI]), st.integers(1, 4_000_000)),
            st.tuples(st.sampled_from(["topup", "suspend", "resume"])),
        ),
    ),
    max_size=40,
)


def told_of_fleet(story: list[tuple[int, tuple[object, ...]]], kind: str, with_wifi: bool) -> Said:
    """The MSCCs of the fleet's rating group, in both directions, with their times."""
    player = Player(WORLD[kind])
    session = CtfSession(PGW, "pgw.example;car-1;car;1", Bearer(imsi=player.imsi, apn="car"))
    said: Said = []
    now = START

    def act(command: Command) -> object:
        outcome = player.engine.apply(command, now)
        pushes = list(outcome.pushes)
        if isinstance(command, Charge):
            assert isinstance(outcome.answer, Cca)
            assert outcome.answer.result_code == 2001
            session.on_answer(outcome.answer, now)
        for push in pushes:
            reply = session.on_push(push, now)
            rating_group = push.rating_group if isinstance(push, Rar) else None
            act(PushAnswered(push.session_id, rating_group, reply.result_code))
        return outcome.answer

    def talk() -> None:
        session.tick(now)
        while (request := session.next_request(now)) is not None:
            answer = act(Charge(request))
            assert isinstance(answer, Cca)
            for way, message in (("said", request), ("told", answer)):
                for mscc in message.multiple_services_credit_control:
                    if mscc.rating_group == FLEET:
                        said.append((now, way, mscc))

    session.attach(now, [FLEET, WIFI] if with_wifi else [FLEET])
    talk()
    for wait, event in story:
        until = now + wait * SECOND
        while (due := session.next_deadline()) is not None and due <= until:
            now = due
            talk()
        now = until
        match event:
            case ["pass", int(rating_group), int(octets)]:
                if rating_group == WIFI and not with_wifi:
                    continue
                session.demand(rating_group, now)
                talk()
                octets = min(octets, session.passable(rating_group))
                session.count(rating_group, octets // 3, octets - octets // 3, now)
            case ["topup"]:
                act(TopUp(player.imsi, "wifi", "1gb", f"r{now}"))
            case [verb]:
                status = "suspended" if verb == "suspend" else "active"
                act(SetStatus(player.imsi, "wifi", status, "asked", f"r{now}"))  # type: ignore[arg-type]
        talk()
    now += 10 * SECOND
    session.detach(now)
    talk()
    assert session.ended
    return said


@settings(max_examples=60, deadline=None)
@given(moments, st.sampled_from(sorted(WORLD)))
def test_one_payer_never_notices_the_other(story: list[tuple[int, tuple[object, ...]]], kind: str) -> None:
    assert told_of_fleet(story, kind, with_wifi=True) == told_of_fleet(story, kind, with_wifi=False)
