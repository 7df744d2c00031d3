"""decode(encode(m)) == m over all that the wire can hold; no octets make the codec raise; framing over any cut."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.gy.avp import render, unix_seconds, walk, wire_seconds
from ocs.gy.codec import decode, encode
from ocs.gy.framing import HEADER_OCTETS, MESSAGE_OCTETS_MAX, Header, frames, request_header
from ocs.gy.inbox import Inbox
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    Dwr,
    FinalUnitAction,
    FinalUnitIndication,
    GrantedServiceUnit,
    Message,
    MultipleServicesCreditControl,
)
from tests.gy import captures, octets
from tests.gy.strategies import header_of, messages


@settings(max_examples=400, deadline=None)
@given(messages())
def test_every_message_comes_back(message: Message) -> None:
    written = encode(message, header_of(message))
    assert len(written) % 4 == 0
    assert int.from_bytes(written[1:4]) == len(written)
    decoded = decode(written)
    assert decoded.failure is None
    assert decoded.message == message
    assert decoded.header == header_of(message)
    avps, failure = walk(written[HEADER_OCTETS:])
    assert failure is None
    assert not any(avp.padding.strip(b"\0") for avp in avps)


@pytest.mark.parametrize("seed", range(4))
def test_no_octets_raise_and_what_fails_can_be_answered(seed: int) -> None:
    source = random.Random(seed)
    sound = [capture.octets for capture in captures.ALL]
    failures = 0
    for _ in range(2_000):
        spoilt = captures.spoilt(source, source.choice(sound))
        decoded = decode(spoilt)
        assert (decoded.message is None) != (decoded.failure is None)
        "".join(render(walk(spoilt[HEADER_OCTETS:])[0]))
        if decoded.failure is not None:
            failures += 1
            # A Failed-AVP can always be read, whatever was wrong with the AVP in it.
            assert walk(decoded.failure.failed_avp)[1] is None
    assert failures > 500


def test_deeply_nested_groups_are_left_as_octets() -> None:
    nested = b""
    while len(nested) < 60_000:
        nested = octets.avp(279, nested)
    avps, failure = walk(nested)
    assert failure is None
    assert avps[0].encode() == nested


@given(st.integers(0, 2**32 - 1))
def test_time_counts_from_1900_and_wraps_in_2036(wire: int) -> None:
    assert wire_seconds(unix_seconds(wire)) == wire


def test_the_wrap_by_its_dates() -> None:
    assert wire_seconds(0) == 2_208_988_800
    assert wire_seconds(2_085_978_495) == 2**32 - 1
    assert wire_seconds(2_085_978_496) == 0
    assert unix_seconds(0) == 2_085_978_496


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_timestamp", 2**40),
        ("origin_state_id", -1),
        ("origin_state_id", 2**32),
        ("cc_request_type", 9),
        ("auth_application_id", 5),
        ("session_id", None),
        ("session_id", b"octets"),
    ],
)
def test_what_the_wire_cannot_hold_is_the_callers_fault(field: str, value: object) -> None:
    ccr = decode(octets.ccr()).message
    assert isinstance(ccr, Ccr)
    setattr(ccr, field, value)
    with pytest.raises(ValueError, match="cannot be encoded"):
        encode(ccr, request_header(Ccr, 1, 2))


def test_a_message_longer_than_its_length_field_can_say_is_not_written() -> None:
    ccr = decode(octets.ccr()).message
    assert isinstance(ccr, Ccr)
    ccr.user_name = "x" * 2**24
    with pytest.raises(ValueError, match="octets, more than 16777212"):
        encode(ccr, request_header(Ccr, 1, 2))


def test_an_answer_longer_than_any_request_that_is_read_is_written_whole() -> None:
    """A long request may be answered with its offending AVP, or with more groups than it had."""
    ccr = decode(octets.ccr()).message
    assert isinstance(ccr, Ccr)
    ccr.user_name = "x" * MESSAGE_OCTETS_MAX
    written = encode(ccr, request_header(Ccr, 1, 2))
    assert int.from_bytes(written[1:4]) == len(written) > MESSAGE_OCTETS_MAX
    assert decode(written).message == ccr


def test_grants_above_32_bits_are_whole() -> None:
    """RFC 8506 8.23: Unsigned64 from end to end."""
    ccr = decode(octets.ccr()).message
    assert isinstance(ccr, Ccr)
    units = GrantedServiceUnit(cc_total_octets=2**40 + 1)
    ccr.multiple_services_credit_control = (MultipleServicesCreditControl(granted_service_unit=units),)
    read = decode(encode(ccr, request_header(Ccr, 1, 2))).message
    assert isinstance(read, Ccr)
    assert read.multiple_services_credit_control[0].granted_service_unit == units
    assert read.cc_request_type is CcRequestType.INITIAL


# --- framing ----------------------------------------------------------------------------------------------------------


STREAM = [capture.octets for capture in captures.ALL[:12]]


@given(st.lists(st.integers(0, sum(map(len, STREAM))), max_size=60), st.integers(0, 60))
def test_messages_come_out_of_any_cut_of_the_stream(cuts: list[int], missing: int) -> None:
    """Also one octet at a time, all at once, and with nothing in between; an unfinished message is waited for."""
    stream = b"".join(STREAM)[: -missing or None]
    inbox, received = Inbox(), []
    for start, stop in pairwise([0, *sorted(cuts), len(stream)]):
        inbox.put(stream[start:stop], start)
        received += [inbox.take() for _ in range(len(inbox))]
    assert not inbox.broken
    assert received == (STREAM if not missing else STREAM[:-1])
    assert (inbox.begun_at is None) is (missing == 0)


def test_octet_by_octet() -> None:
    inbox, received = Inbox(), []
    for octet in b"".join(STREAM):
        inbox.put(bytes([octet]), 0)
        received += [inbox.take() for _ in range(len(inbox))]
    assert received == STREAM


def test_how_long_a_message_takes_counts_from_its_first_octet() -> None:
    sound = STREAM[0]
    inbox = Inbox()
    inbox.put(sound[:1], 100)
    inbox.put(sound[1:50], 200)
    assert inbox.begun_at == 100
    inbox.put(sound[50:] + sound[:3], 300)
    assert inbox.begun_at == 300
    inbox.put(sound[3:], 400)
    assert inbox.begun_at is None
    assert len(inbox) == 2


@pytest.mark.parametrize("length", [0, 4, 16, 19, 21, 22, 23, MESSAGE_OCTETS_MAX + 4, 0xFFFFFC])
def test_a_length_that_cannot_be_is_5015_behind_what_came_before(length: int) -> None:
    sound = encode(Dwr(origin_host="a", origin_realm="b"), request_header(Dwr, 1, 2))
    taken, failure = frames(bytearray(sound + b"\x01" + length.to_bytes(3) + bytes(16)))
    assert taken == [sound]
    assert failure is not None
    assert failure.result_code == 5015


def test_what_came_before_garbage_is_taken_first() -> None:
    inbox = Inbox()
    inbox.put(STREAM[0] + b"GET / HTTP/1.1\r\n\r\n", 0)
    assert not inbox.broken
    assert inbox.take() == STREAM[0]
    assert inbox.broken


def test_an_unknown_final_unit_action_is_terminate() -> None:
    """RFC 8506 8.35; read twice, since what has been read once is read another way."""
    final = FinalUnitIndication(final_unit_action=FinalUnitAction.RESTRICT_ACCESS)
    service = MultipleServicesCreditControl(rating_group=1, final_unit_indication=final)
    cca = Cca(
        session_id="s",
        result_code=2001,
        origin_host="ocs.example",
        origin_realm="example",
        cc_request_type=CcRequestType.UPDATE,
        cc_request_number=1,
        multiple_services_credit_control=(service,),
    )
    octets = encode(cca, Header(272, 4, 0, 1, 1))
    known = bytes.fromhex("000001c14000000c") + (2).to_bytes(4)
    assert octets.count(known) == 1
    for action, meant in ((9, 0), (1, 1), (9, 0), (2, 2)):
        read = decode(octets.replace(known, known[:8] + action.to_bytes(4))).message
        assert isinstance(read, Cca)
        indication = read.multiple_services_credit_control[0].final_unit_indication
        assert indication is not None
        assert indication.final_unit_action == meant
