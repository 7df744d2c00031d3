"""The peer state machine without a network: octets in at instants that the test chooses, events and octets out."""

from __future__ import annotations

import pytest

from ocs.gy.codec import decode
from ocs.gy.events import (
    AnswerArrived,
    CapabilitiesOffered,
    PeerClosed,
    PeerOpened,
    PeerRecovered,
    PeerSuspected,
    RequestArrived,
    RequestRefused,
)
from ocs.gy.framing import frames
from ocs.gy.messages import Cca, Ccr, Cea, Cer, Dpa, Dpr, Dwa, Dwr, ErrorAnswer, Raa, Rar
from ocs.gy.node import Limits
from ocs.gy.peer import Peer
from ocs.gy.transitions import TRANSITIONS, Input, State
from tests.gy import octets
from tests.gy.line import OCS, Line, cea, cea_header, grant, opened


def test_the_table_names_methods_and_reaches_every_state() -> None:
    for action, _ in TRANSITIONS.values():
        assert callable(getattr(Peer, f"_{action}"))
    assert {after for _, after in TRANSITIONS.values()} | {State.NEW, State.SUSPECT} == set(State)


# --- capabilities -----------------------------------------------------------------------------------------------------


def test_cer_is_held_until_the_owner_admits_it() -> None:
    line = Line().hear(octets.cer(), admit=False)
    assert line.state is State.HELD
    assert [type(event) for event in line.events] == [CapabilitiesOffered]
    assert line.sent == []
    line.hear(octets.ccr(), octets.dwr(), admit=False)
    assert line.sent == []
    assert not line.peer.wants_octets
    line.peer.admit(0)
    line.hear()
    assert [type(event) for event in line.events] == [CapabilitiesOffered, PeerOpened, RequestArrived]
    assert [type(message) for message in line.sent] == [Cea, Dwa]


def test_cea_says_who_we_are_and_all_that_we_can() -> None:
    line = Line().hear(octets.cer())
    [answer], [header] = line.sent, line.headers
    assert answer == Cea(
        result_code=2001,
        origin_host="ocs.example",
        origin_realm="example",
        host_ip_address=("127.0.0.1",),
        vendor_id=0,
        product_name="splitsim",
        origin_state_id=7,
        supported_vendor_id=(10415,),
        auth_application_id=(4,),
    )
    assert (header.flags, header.hop_by_hop, header.end_to_end) == (0, 1, 1)
    assert line.peer.host == "pgw.example"


GX = octets.u32(258, 16777238)
GROUP = octets.avp(260, octets.u32(266, 10415) + octets.AUTH_APPLICATION_ID)
FOREIGN_GROUP = octets.avp(260, octets.u32(266, 4711) + octets.AUTH_APPLICATION_ID)
BARE_GROUP = octets.avp(260, octets.AUTH_APPLICATION_ID)
ACCOUNTING_4 = octets.u32(259, 4)


@pytest.mark.parametrize(
    "offered",
    [
        octets.AUTH_APPLICATION_ID,
        octets.u32(258, 0xFFFFFFFF),
        octets.u32(259, 0xFFFFFFFF),
        GROUP,
        FOREIGN_GROUP,
        BARE_GROUP,
        GX + GROUP,
        GX + octets.AUTH_APPLICATION_ID,
        octets.AUTH_APPLICATION_ID + octets.u32(299, 0),
        octets.AUTH_APPLICATION_ID + octets.u32(299, 1) + octets.u32(299, 0),
    ],
    ids=[
        "plain",
        "relay",
        "relay as accounting",
        "in a group alone",
        "in a group of another vendor",
        "in a group without Vendor-Id",
        "Gx and group",
        "Gx and plain",
        "no inband security",
        "TLS or none",
    ],
)
def test_capabilities_in_common(offered: bytes) -> None:
    line = Line().hear(octets.cer(application=offered))
    assert line.state is State.OPEN
    assert line.sent[0].result_code == 2001


BOTH = octets.avp(260, octets.u32(266, 10415) + octets.AUTH_APPLICATION_ID + octets.u32(259, 3))


@pytest.mark.parametrize(
    ("offered", "result_code", "failed_avp"),
    [
        (GX, 5010, b""),
        (b"", 5010, b""),
        (ACCOUNTING_4, 5010, b""),
        (octets.AUTH_APPLICATION_ID + octets.u32(299, 1), 5017, b""),
        (octets.avp(260, octets.u32(266, 10415)), 5005, octets.u32(258, 0) + octets.u32(259, 0)),
        (BOTH, 5009, octets.AUTH_APPLICATION_ID + octets.u32(259, 3)),
    ],
    ids=["Gx alone", "none", "only as accounting", "TLS alone", "group without application", "group with two"],
)
def test_capabilities_that_will_not_do(offered: bytes, result_code: int, failed_avp: bytes) -> None:
    line = Line().hear(octets.cer(application=offered), octets.ccr())
    [answer] = line.sent
    assert isinstance(answer, Cea)
    assert answer.result_code == result_code
    assert b"".join(failed.octets for failed in answer.failed_avp) == failed_avp
    assert line.state is State.CLOSED
    assert line.of(PeerOpened) == line.of(RequestArrived) == 0


@pytest.mark.parametrize("code", [264, 296, 257, 266, 269])
def test_cer_without_one_of_its_avps(code: int) -> None:
    line = Line().hear(octets.cer(without=code))
    [answer] = line.sent
    assert (type(answer), answer.result_code) == (Cea, 5005)
    assert int.from_bytes(answer.failed_avp[0].octets[:4]) == code
    assert line.state is State.CLOSED


def test_cer_with_the_e_bit_gets_its_answer_in_that_form() -> None:
    line = Line().hear(octets.message(octets.ORIGIN_HOST, code=257, application=0, flags=0xA0))
    assert line.sent == [
        ErrorAnswer(
            result_code=3008, origin_host="ocs.example", origin_realm="example", error_message="E bit set in a request"
        )
    ]
    assert line.headers[0].flags == 0x20
    assert line.state is State.CLOSED


@pytest.mark.parametrize("version", [1, 2])
def test_a_cer_of_another_application_is_hardly_one(version: int) -> None:
    """What nobody knows the answer of is answered in the general form (RFC 6733 7.2)."""
    for line in (Line(), opened()):
        line.hear(octets.message(octets.ORIGIN_HOST, code=257, application=9, flags=0x80, version=version))
        assert isinstance(line.sent[-1], ErrorAnswer)
        assert line.sent[-1].result_code == (3007 if version == 1 else 5011)
        assert line.headers[-1].flags == 0x20


def test_whom_the_owner_rejects_is_told_or_not() -> None:
    told = Line().hear(octets.cer(), admit=False)
    told.peer.reject(0, decode(octets.ccr(header={"code": 999})).failure)
    told.hear()
    assert (type(told.sent[0]), told.sent[0].result_code) == (ErrorAnswer, 3001)
    untold = Line().hear(octets.cer(), admit=False)
    untold.peer.reject(0, None)
    untold.hear()
    assert untold.sent == []
    assert told.state is untold.state is State.CLOSED


@pytest.mark.parametrize(
    "first",
    [
        octets.ccr(),
        octets.dwr(),
        octets.dpr(),
        cea(),
        octets.message(octets.SESSION_ID, flags=0),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        bytes(24),
    ],
    ids=["CCR", "DWR", "DPR", "CEA", "CCA", "HTTP", "TLS", "zeros"],
)
def test_what_is_not_a_cer_closes(first: bytes) -> None:
    """RFC 6733 5.6.1; nothing is answered, and nothing behind it is read."""
    line = Line().hear(first, octets.cer())
    assert line.state is State.CLOSED
    assert line.sent == []
    assert line.of(RequestArrived) == line.of(PeerOpened) == 0
    line.hear(octets.cer())
    assert line.sent == []


def test_silence_before_the_cer_closes() -> None:
    line = Line().wait(9.9)
    assert line.state is State.WAIT_CER
    assert line.wait(10.1).state is State.CLOSED
    assert "WAIT" not in (line.closed_because or "")


def test_a_second_cer_is_refused_and_the_connection_stays() -> None:
    line = opened().hear(octets.cer())
    assert [(type(message), message.result_code) for message in line.sent] == [(Cea, 5012)]
    assert line.state is State.OPEN


# --- as the one who dials ---------------------------------------------------------------------------------------------


def test_the_initiator_sends_cer_and_opens_with_cea() -> None:
    line = Line(initiator=True)
    [cer] = line.sent
    assert isinstance(cer, Cer)
    assert (cer.auth_application_id, cer.host_ip_address) == ((4,), ("127.0.0.1",))
    assert line.headers[0].flags == 0x80
    assert line.hear(cea(hop_by_hop=line.headers[0].hop_by_hop)).state is State.OPEN
    assert line.of(PeerOpened) == 1


@pytest.mark.parametrize(
    "reply",
    [
        octets.dwr(),
        octets.ccr(),
        octets.message(octets.SESSION_ID, flags=0),
        octets.cer(),
        cea(result_code=5010),
        cea(hop_by_hop=99),
        cea_header(octets.u32(268, 3010), octets.ORIGIN_HOST, octets.ORIGIN_REALM, flags=0x20),
        cea_header(octets.u32(268, 2001), octets.ORIGIN_HOST),
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
    ids=["DWR", "CCR", "CCA", "CER", "CEA 5010", "CEA to nothing", "CEA 3010", "CEA that lacks AVPs", "HTTP"],
)  # fmt: skip
def test_another_reply_than_a_good_cea_closes(reply: bytes) -> None:
    line = Line(initiator=True).hear(reply)
    assert line.state is State.CLOSED
    assert line.of(PeerOpened) == 0
    assert len(line.sent) == 1


def test_no_cea_in_time_closes() -> None:
    assert Line(initiator=True).wait(10.1).state is State.CLOSED


# --- watchdog ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), (octets.u32(278, 5),)])
def test_dwr_is_answered(more: tuple[bytes, ...]) -> None:
    line = opened().hear(octets.dwr(*more, hop_by_hop=77))
    assert line.sent == [Dwa(result_code=2001, origin_host="ocs.example", origin_realm="example", origin_state_id=7)]
    assert (line.headers[0].flags, line.headers[0].hop_by_hop, line.headers[0].end_to_end) == (0, 77, 0x22)


def test_a_bad_dwr_is_answered_with_what_is_wrong() -> None:
    line = opened().hear(octets.message(octets.ORIGIN_HOST, code=280, application=0, flags=0x80))
    assert line.sent[0].result_code == 5005
    assert line.state is State.OPEN


def test_silence_brings_a_dwr_then_suspicion_then_the_end() -> None:
    """RFC 3539 3.4.1: Tw, Tw, Tw."""
    line = opened()
    assert line.wait(29.9).sent == []
    assert [type(message) for message in line.wait(30.1).sent] == [Dwr]
    assert line.state is State.OPEN
    line.wait(60.1)
    assert line.state is State.SUSPECT
    assert line.peer.is_open
    assert line.of(PeerSuspected) == 1
    line.wait(89.9)
    assert line.state is State.SUSPECT
    line.wait(90.1)
    assert line.state is State.CLOSED
    assert len(line.sent) == 1


def test_a_dwa_in_time_keeps_it_open() -> None:
    line = opened().wait(30.1)
    line.hear(octets.base_answer(280, line.headers[0].hop_by_hop))
    line.wait(60.0)
    assert (line.state, len(line.sent)) == (State.OPEN, 1)
    line.wait(60.2)
    assert (line.state, len(line.sent)) == (State.OPEN, 2)


@pytest.mark.parametrize("message", [octets.ccr(), octets.dwr(), octets.message(flags=0), octets.cer()])
def test_a_suspect_is_good_again_with_any_message(message: bytes) -> None:
    line = opened().wait(60.1)
    assert line.state is State.SUSPECT
    assert line.hear(message).state is State.OPEN
    assert line.of(PeerRecovered) == 1
    line.wait(90.0)
    assert line.state is State.OPEN


def test_with_steady_traffic_there_is_no_watchdog() -> None:
    line = opened()
    for second in range(0, 300, 20):
        line.wait(second).hear(octets.ccr(header={"hop_by_hop": second}))
    assert line.sent == []
    assert line.of(RequestArrived) == 15


def test_a_probe_is_answered_or_ends_it() -> None:
    living = opened()
    living.peer.probe(0)
    living.hear()
    assert [type(message) for message in living.sent] == [Dwr]
    living.wait(2.0).hear(octets.base_answer(280, living.headers[0].hop_by_hop))
    assert (living.state, living.of(PeerRecovered)) == (State.OPEN, 1)
    dead = opened()
    dead.peer.probe(0)
    dead.hear()
    assert dead.wait(2.9).state is State.SUSPECT
    assert dead.wait(3.1).state is State.CLOSED


# --- disconnection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cause", "dismissed"), [(0, False), (1, True), (2, True)])
def test_dpr_is_answered_and_the_peer_closes(cause: int, dismissed: bool) -> None:
    line = opened().hear(octets.dpr(cause=cause))
    assert line.sent == [Dpa(result_code=2001, origin_host="ocs.example", origin_realm="example")]
    assert line.headers[0].hop_by_hop == 3
    assert line.state is State.CLOSING
    assert line.peer.dismissed is dismissed
    line.peer.lost(0)
    line.hear()
    assert line.closed_because == "disconnected"


def test_after_a_dpa_we_close_if_the_peer_does_not() -> None:
    line = opened().hear(octets.dpr())
    assert line.wait(4).hear(octets.dpr()).state is State.CLOSING
    assert line.wait(5.1).state is State.CLOSED


def test_stop_is_dpr_dpa_closed() -> None:
    line = opened().stop(cause=1)
    assert line.sent == [Dpr(origin_host="ocs.example", origin_realm="example", disconnect_cause=1)]
    assert line.state is State.CLOSING
    assert line.hear(octets.base_answer(282, line.headers[0].hop_by_hop)).state is State.CLOSED
    assert line.closed_because == "disconnected"


def test_stop_waits_until_requests_in_hand_have_their_answer() -> None:
    line = opened().hear(octets.ccr(header={"hop_by_hop": 1}), octets.ccr(header={"hop_by_hop": 2}))
    line.stop()
    line.hear(octets.ccr(header={"hop_by_hop": 3}))
    first, second, third = line.arrived()
    line.answer(first)
    assert line.hear(octets.base_answer(282, line.headers[0].hop_by_hop)).state is State.DRAINING
    line.answer(second)
    assert line.state is State.DRAINING
    line.answer(third)
    assert line.state is State.CLOSED
    assert [type(message) for message in line.sent] == [Dpr, Cca, Cca, Cca]
    assert [header.hop_by_hop for header in line.headers[1:]] == [1, 2, 3]


def test_stop_waits_no_longer_than_its_time() -> None:
    line = opened().hear(octets.ccr()).stop()
    line.wait(3).hear(octets.base_answer(282, line.headers[0].hop_by_hop))
    assert line.state is State.DRAINING
    assert line.wait(5.1).state is State.CLOSED
    assert opened().stop().wait(5.1).state is State.CLOSED


def test_a_dpa_to_nothing_is_no_dpa() -> None:
    line = opened().stop().hear(octets.base_answer(282, 4711))
    assert line.state is State.CLOSING
    assert opened().hear(octets.base_answer(282, 4711)).state is State.OPEN


def test_what_was_queued_leaves_before_the_dpr() -> None:
    line = opened().hear(octets.ccr())
    line.peer.answer(line.arrived()[0], grant(line.arrived()[0]))
    line.stop()
    assert [type(message) for message in line.sent] == [Cca, Dpr]


@pytest.mark.parametrize("initiator", [False, True])
def test_a_lost_transport_ends_it_in_every_state(initiator: bool) -> None:
    for line in (
        Line(initiator=initiator),
        opened(),
        opened().stop(),
        opened().hear(octets.dpr()),
        opened().wait(60.1),
    ):
        line.peer.lost(0)
        line.hear()
        assert line.state is State.CLOSED
        line.peer.lost(0)
        assert line.hear().of(PeerClosed) == 1
        assert line.peer.next_deadline() is None


# --- requests and answers ---------------------------------------------------------------------------------------------


def test_ids_p_bit_and_proxy_info_come_back() -> None:
    proxies = tuple(octets.avp(284, octets.text(280, f"{name}.example") + octets.avp(33, b"s")) for name in "ab")
    for flags, expected in ((0xC0, 0x40), (0x80, 0x00), (0xD0, 0x40), (0xCF, 0x40)):
        header = {"flags": flags, "hop_by_hop": 0xFFFFFFFF, "end_to_end": 0xDEADBEEF}
        line = opened().hear(octets.ccr(*proxies, header=header))
        octets_sent = line.peer.answer(line.arrived()[0], grant(line.arrived()[0]))
        decoded = decode(octets_sent)
        assert (decoded.header.flags, decoded.header.hop_by_hop, decoded.header.end_to_end) == (
            expected,
            0xFFFFFFFF,
            0xDEADBEEF,
        )
        assert decoded.proxy_info == proxies
        assert octets_sent.endswith(b"".join(proxies))


def test_proxy_info_comes_back_in_errors_too() -> None:
    proxy = octets.avp(284, octets.text(280, "a.example") + octets.avp(33, b"s"))
    for request in (octets.ccr(proxy, octets.avp(9999, b"")), octets.ccr(proxy, header={"application": 9})):
        line = opened()
        line.peer.receive(request, 0)
        assert line.peer.outgoing().endswith(proxy)


REALM = octets.text(283, "elsewhere")
HERE, THERE = octets.text(293, "OCS.example"), octets.text(293, "other.example")


@pytest.mark.parametrize(
    ("request_octets", "result_code"),
    [
        (octets.ccr(), None),
        (octets.ccr(_283=octets.text(283, "EXAMPLE")), None),
        (octets.ccr(HERE), None),
        (octets.ccr(HERE, _283=REALM), None),
        (octets.ccr(_283=REALM), 3003),
        (octets.ccr(THERE, _283=REALM), 3003),
        (octets.ccr(THERE), 3002),
        (octets.ccr(header={"code": 999}), 3001),
        (octets.ccr(header={"code": 275}), 3001),
        (octets.ccr(header={"application": 16777302}), 3007),
        (octets.ccr(header={"flags": 0xE0}), 3008),
        (octets.message(*octets.REQUIRED.values(), HERE, octets.u32(285, 0), code=258), 3001),
    ],
    ids=[
        "our realm",
        "our realm in capitals",
        "our host",
        "our host, another realm",
        "another realm",
        "another host and realm",
        "another host of our realm",
        "unknown command",
        "STR",
        "unknown application",
        "E bit",
        "RAR to a server",
    ],
)  # fmt: skip
def test_whom_a_request_is_for(request_octets: bytes, result_code: int | None) -> None:
    """RFC 6733 6.1.4, 7.1.3, 7.2: protocol errors have the E bit, no R, and the answer-message's grammar."""
    line = opened().hear(request_octets)
    if result_code is None:
        assert (line.sent, line.of(RequestArrived)) == ([], 1)
        return
    [answer], [header] = line.sent, line.headers
    assert isinstance(answer, ErrorAnswer)
    assert (answer.result_code, answer.session_id) == (result_code, "pgw;1;2")
    assert (answer.origin_host, answer.origin_realm) == ("ocs.example", "example")
    assert (header.flags & 0xE0, header.hop_by_hop, header.end_to_end) == (0x60, 0x11, 0x22)
    assert (line.of(RequestArrived), line.of(RequestRefused)) == (0, 1)
    assert line.state is State.OPEN


def test_each_gateway_is_read_by_its_own_profile_also_behind_a_relay() -> None:
    strange = octets.avp(456, octets.u32(432, 1) + octets.avp(7, b"what?", flags=0xC0, vendor=4711))
    tolerance = {"odd.example": frozenset({4711})}
    for peer, sender, result_code in (
        ("odd.example", "odd.example", None),
        ("dra.example", "odd.example", None),
        ("dra.example", "pgw.example", 5001),
        ("pgw.example", "pgw.example", 5001),
    ):
        line = Line(tolerance=tolerance).hear(octets.cer(host=peer))
        line.hear(octets.ccr(strange, _264=octets.text(264, sender)))
        assert line.of(RequestArrived) == (result_code is None)
        assert [message.result_code for message in line.sent[1:]] == ([result_code] if result_code else [])


def test_permanent_failures_have_the_form_of_the_command() -> None:
    """RFC 6733 7.1.5, RFC 8506 3.2: no E bit, and all that a CCA has to bear."""
    line = opened().hear(octets.ccr(octets.avp(9999, b"what?")))
    [answer], [header] = line.sent, line.headers
    assert isinstance(answer, Cca)
    assert (answer.result_code, answer.session_id, answer.auth_application_id) == (5001, "pgw;1;2", 4)
    assert (answer.cc_request_type, answer.cc_request_number) == (1, 0)
    assert answer.failed_avp[0].octets == octets.avp(9999, b"what?")
    assert header.flags == 0x40


@pytest.mark.parametrize(
    ("request_octets", "result_code"),
    [
        (octets.ccr(without=263), 5005),
        (octets.ccr(without=415), 5005),
        (octets.ccr(without=416), 5005),
        (octets.ccr(_416=octets.u32(416, 99)), 5004),
        (octets.ccr(_263=octets.avp(263, b"\xff")), 5004),
        (octets.ccr(_415=octets.avp(415, b"")), 5014),
    ],
    ids=["no Session-Id", "no number", "no type", "bad type", "bad Session-Id", "bad number"],
)
def test_where_a_cca_cannot_be_filled_in_the_answer_has_the_e_bit(request_octets: bytes, result_code: int) -> None:
    """RFC 6733 7.1.5: strict readers drop a CCA that lacks one of these."""
    line = opened().hear(request_octets)
    [answer], [header] = line.sent, line.headers
    assert isinstance(answer, ErrorAnswer)
    assert (answer.result_code, header.flags, header.hop_by_hop) == (result_code, 0x60, 0x11)
    assert len(answer.failed_avp) == 1


@pytest.mark.parametrize("result_code", [3002, 3004, 4012, 5012])
def test_the_form_follows_the_code_whatever_the_owner_hands_over(result_code: int) -> None:
    for make in (
        lambda arrived: grant(arrived, result_code),
        lambda arrived: ErrorAnswer(
            session_id="pgw;1;2", result_code=result_code, origin_host=OCS.host, origin_realm=OCS.realm
        ),
    ):
        line = opened().hear(octets.ccr())
        line.peer.answer(line.arrived()[0], make(line.arrived()[0]))
        line.hear()
        [answer], [header] = line.sent, line.headers
        assert answer.result_code == result_code
        if result_code < 4000:
            assert (type(answer), header.flags) == (ErrorAnswer, 0x60)
        else:
            assert (type(answer), header.flags) == (Cca, 0x40)
            assert (answer.cc_request_type, answer.cc_request_number) == (1, 0)


@pytest.mark.parametrize(
    "answer",
    [
        octets.message(octets.SESSION_ID, flags=0x40),
        octets.message(octets.avp(1, b"", length=3), flags=0x40),
        octets.message(flags=0x60),
        octets.message(flags=0x60, application=99, code=99),
        octets.message(flags=0, version=2),
        cea(),
    ],
    ids=["CCA", "broken CCA", "error", "error of a stranger", "version 2", "CEA"],
)
def test_answers_nobody_waits_for_are_dropped_without_a_word(answer: bytes) -> None:
    """RFC 6733 6.2.1, 7.2: never an error in reply to an answer."""
    line = opened().hear(answer)
    assert (line.sent, line.events, line.state) == ([], [], State.OPEN)


def test_a_request_and_its_answer_out_of_order() -> None:
    line = opened()
    rar = Rar(
        session_id="pgw;1;2",
        origin_host=OCS.host,
        origin_realm=OCS.realm,
        destination_realm="example",
        destination_host="pgw.example",
    )
    first, second = line.peer.send_request(rar), line.peer.send_request(rar)
    line.hear()
    assert [header.flags for header in line.headers] == [0xC0, 0xC0]
    assert len({header.end_to_end for header in line.headers}) == 2
    assert first != second
    avps = (octets.SESSION_ID, octets.u32(268, 2001), octets.ORIGIN_HOST, octets.ORIGIN_REALM)
    line.hear(octets.message(*avps, code=258, flags=0x40, hop_by_hop=second))
    line.hear(octets.message(octets.SESSION_ID, code=258, flags=0x40, hop_by_hop=first))
    good, bad = [event for event in line.events if isinstance(event, AnswerArrived)]
    assert isinstance(good.message, Raa)
    assert (good.hop_by_hop, bad.hop_by_hop) == (second, first)
    assert bad.message is None
    assert bad.failure is not None
    line.events.clear()
    line.hear(octets.message(*avps, code=258, flags=0x40, hop_by_hop=first))
    assert line.events == []


def test_an_answer_of_another_command_is_not_the_answer() -> None:
    line = opened()
    hop_by_hop = line.peer.send_request(
        Rar(session_id="s", origin_host="o", origin_realm="r", destination_realm="r", destination_host="h")
    )
    avps = (octets.SESSION_ID, octets.u32(268, 3002), octets.ORIGIN_HOST, octets.ORIGIN_REALM)
    assert line.hear(octets.message(*avps, code=272, flags=0x60, hop_by_hop=hop_by_hop)).of(AnswerArrived) == 0
    assert line.hear(octets.message(*avps, code=258, flags=0x60, hop_by_hop=hop_by_hop)).of(AnswerArrived) == 1


def test_a_repeat_keeps_its_end_to_end_id_and_has_the_t_bit() -> None:
    line = Line(initiator=True, serves=(Rar,))
    line.hear(cea(hop_by_hop=line.headers[0].hop_by_hop))
    ccr = decode(octets.ccr()).message
    assert isinstance(ccr, Ccr)
    line.peer.send_request(ccr)
    line.hear()
    line.peer.send_request(ccr, retransmitted=True, end_to_end=line.headers[-1].end_to_end)
    line.hear()
    original, repeat = line.headers[-2:]
    assert (original.flags, repeat.flags) == (0xC0, 0xD0)
    assert original.end_to_end == repeat.end_to_end
    assert original.hop_by_hop != repeat.hop_by_hop


# --- limits -----------------------------------------------------------------------------------------------------------


def test_one_reading_handles_some_messages_and_leaves_the_rest() -> None:
    line = opened(limits=Limits(octets_at_once=3_072))
    line.peer.receive(b"".join(octets.dwr(hop_by_hop=number) for number in range(8)), 0)
    assert line.peer.has_backlog
    assert not line.peer.wants_octets
    handled = []
    while True:
        handled.append(len(frames(bytearray(line.peer.outgoing()))[0]))
        if not line.peer.has_backlog:
            break
        line.peer.receive(b"", 0)
    assert handled == [3, 3, 2]
    assert line.peer.wants_octets


def test_garbage_behind_a_backlog_closes_after_it() -> None:
    line = opened(limits=Limits(octets_at_once=1_024)).hear(octets.dwr(), octets.dwr(), b"garbage!")
    assert [type(message) for message in line.sent] == [Dwa, Dwa]
    assert line.closed_because is not None
    assert "not Diameter" in line.closed_because


def test_a_peer_with_too_many_requests_in_hand_is_not_read() -> None:
    line = opened(limits=Limits(in_hand=4))
    line.hear(*[octets.ccr(header={"hop_by_hop": number}) for number in range(6)])
    assert len(line.arrived()) == line.peer.in_hand == 4
    assert not line.peer.wants_octets
    # Silence and half messages are not the peer's fault now.
    line.wait(200)
    assert (line.state, line.sent) == (State.OPEN, [])
    for arrived in line.arrived()[:2]:
        line.answer(arrived)
    line.hear()
    assert len(line.arrived()) == 6
    for arrived in line.arrived()[2:]:
        line.answer(arrived)
    assert line.peer.in_hand == 0
    assert line.peer.wants_octets


def test_a_message_has_a_time_to_become_whole() -> None:
    line = opened()
    line.wait(1).hear(octets.ccr()[:50])
    for second in range(2, 9):
        line.wait(second).hear(b"\0")
    assert line.state is State.OPEN
    assert line.wait(9.1).state is State.CLOSED
    assert "not finished" in (line.closed_because or "")


def test_a_declined_request_is_answered_at_once_and_out_of_hand() -> None:
    line = opened().hear(octets.ccr(), octets.ccr())
    first, second = line.arrived()
    line.peer.answer(first, grant(first))
    failure = decode(octets.ccr(header={"code": 999})).failure
    assert failure is not None
    line.peer.decline(second, failure)
    assert line.peer.in_hand == 0
    line.hear()
    assert [type(message) for message in line.sent] == [ErrorAnswer, Cca]
    assert line.of(RequestRefused) == 1


@pytest.mark.parametrize(
    "big",
    [
        octets.ccr(octets.avp(9999, bytes(60_000))),
        octets.ccr(octets.avp(284, octets.text(280, "a") + octets.avp(33, bytes(60_000))), header={"application": 9}),
        octets.ccr(_263=octets.avp(263, b"s" * 60_000), without=415),
    ],
    ids=["unknown AVP", "Proxy-Info", "Session-Id"],
)
def test_the_answer_to_a_great_request_may_be_greater(big: bytes) -> None:
    line = opened()
    line.peer.receive(big, 0)
    answer = line.peer.outgoing()
    assert len(answer) > 60_000
    assert int.from_bytes(answer[1:4]) == len(answer)
    assert line.state is State.OPEN


def test_every_input_in_every_state_is_safe() -> None:
    """Whatever happens whenever: a state of the table or the end, and nothing is raised."""
    happenings = {
        Input.CER: octets.cer(), Input.CEA: cea(), Input.DWR: octets.dwr(), Input.DWA: octets.base_answer(280, 1),
        Input.DPR: octets.dpr(), Input.DPA: octets.base_answer(282, 1), Input.REQUEST: octets.ccr(),
        Input.ANSWER: octets.message(flags=0), Input.BROKEN: b"GET / HTTP/1.1",
    }  # fmt: skip
    beginnings = {
        State.WAIT_CER: lambda: Line(),
        State.HELD: lambda: Line().hear(octets.cer(), admit=False),
        State.WAIT_CEA: lambda: Line(initiator=True),
        State.OPEN: opened,
        State.SUSPECT: lambda: opened().wait(60.1),
        State.CLOSING: lambda: opened().stop(),
        State.DRAINING: lambda: draining(),
        State.CLOSED: lambda: opened().hear(b"GET / HTTP/1.1"),
    }
    for state, begin in beginnings.items():
        assert begin().state is state
        for happened, message in happenings.items():
            line = begin().hear(message, admit=False)
            expected = TRANSITIONS.get((state, happened))
            if state is State.HELD:
                assert line.state in {State.HELD, State.CLOSED}
            elif expected is None:
                assert line.state is State.CLOSED
        for act in (
            lambda line: line.peer.stop(0),
            lambda line: line.peer.probe(0),
            lambda line: line.peer.admit(0),
            lambda line: line.peer.reject(0, None),
            lambda line: line.peer.lost(0),
            lambda line: line.peer.tick(10**12),
        ):
            line = begin()
            act(line)
            line.hear()
            assert line.state in set(State)


def draining() -> Line:
    line = opened().hear(octets.ccr()).stop()
    return line.hear(octets.base_answer(282, line.headers[0].hop_by_hop))
