"""What is wrong with a message comes back as a value: the Result-Code and, octet for octet, the Failed-AVP."""

from __future__ import annotations

import pytest

from ocs.gy.codec import decode
from ocs.gy.framing import MESSAGE_OCTETS_MAX
from ocs.gy.messages import Ccr, ErrorAnswer
from tests.gy.octets import (
    AUTH_APPLICATION_ID,
    ORIGIN_HOST,
    ORIGIN_REALM,
    REQUIRED,
    SESSION_ID,
    M,
    V,
    avp,
    ccr,
    cer,
    dwr,
    message,
    text,
    u32,
    u64,
)

TGPP = 10415
UNKNOWN = avp(9999, b"what?", flags=M)
UNKNOWN_OF_VENDOR = avp(9999, b"what?", flags=V | M, vendor=TGPP)
OTHER_VENDOR = avp(7, b"what?", flags=V | M, vendor=4711)


def mscc(*avps: bytes) -> bytes:
    return avp(456, b"".join(avps))


def service_information(*avps: bytes) -> bytes:
    ps = avp(874, b"".join(avps), flags=V | M, vendor=TGPP)
    return avp(873, ps, flags=V | M, vendor=TGPP)


MISSING = {
    263: bytes.fromhex("00000107 40000008"),
    264: bytes.fromhex("00000108 40000009 00000000"),
    296: bytes.fromhex("00000128 40000009 00000000"),
    283: bytes.fromhex("0000011b 40000009 00000000"),
    258: bytes.fromhex("00000102 4000000c 00000000"),
    461: bytes.fromhex("000001cd 40000008"),
    416: bytes.fromhex("000001a0 4000000c 00000000"),
    415: bytes.fromhex("0000019f 4000000c 00000000"),
}
"""An example of every AVP that a CCR has to have: zeros of the least length (RFC 6733 7.1.5)."""

CASES = {
    # 5001: unknown, M bit set
    "5001 unknown": (ccr(UNKNOWN), 5001, UNKNOWN),
    "5001 of a known vendor": (ccr(UNKNOWN_OF_VENDOR), 5001, UNKNOWN_OF_VENDOR),
    "5001 of an unknown vendor": (ccr(OTHER_VENDOR), 5001, OTHER_VENDOR),
    "5001 in a group": (ccr(mscc(u32(432, 1), UNKNOWN)), 5001, mscc(UNKNOWN)),
    "5001 in a group in a group": (ccr(service_information(UNKNOWN)), 5001, service_information(UNKNOWN)),
    # 5004: a value that cannot be
    "5004 request type 0": (ccr(_416=u32(416, 0)), 5004, u32(416, 0)),
    "5004 request type 9": (ccr(_416=u32(416, 9)), 5004, u32(416, 9)),
    "5004 application id other than the header's": (ccr(_258=u32(258, 5)), 5004, u32(258, 5)),
    "5004 UTF-8 in Session-Id": (ccr(_263=avp(263, b"\xff\xfe")), 5004, avp(263, b"\xff\xfe")),
    "5004 UTF-8 in a group": (
        ccr(avp(443, u32(450, 1) + avp(444, b"\xc3"))),
        5004,
        avp(443, avp(444, b"\xc3")),
    ),
    "5004 enumeration in a group": (
        ccr(avp(443, u32(450, 99) + text(444, "001"))),
        5004,
        avp(443, u32(450, 99)),
    ),
    "5004 reporting reason three groups deep": (
        ccr(mscc(avp(446, u32(872, 77, flags=V | M, vendor=TGPP)))),
        5004,
        mscc(avp(446, u32(872, 77, flags=V | M, vendor=TGPP))),
    ),
    "5004 address of no family": (
        ccr(service_information(avp(847, b"\0\7\1\2\3\4", flags=V | M, vendor=TGPP))),
        5004,
        service_information(avp(847, b"\0\7\1\2\3\4", flags=V | M, vendor=TGPP)),
    ),
    # 5005: missing
    **{f"5005 without {code}": (ccr(without=code), 5005, MISSING[code]) for code in REQUIRED},
    "5005 in a group": (
        ccr(avp(443, u32(450, 1))),
        5005,
        avp(443, bytes.fromhex("000001bc 40000008")),
    ),
    "5005 three groups deep": (
        ccr(mscc(avp(437, avp(413, u32(425, 978))))),
        5005,
        mscc(avp(437, avp(413, bytes.fromhex("000001bd 40000008")))),
    ),
    "5005 CER without Origin-Host": (cer(without=264), 5005, MISSING[264]),
    "5005 CER without Origin-Realm": (cer(without=296), 5005, MISSING[296]),
    "5005 CER without an address": (cer(without=257), 5005, bytes.fromhex("00000101 4000000e 00000000 00000000")),
    "5005 CER without Vendor-Id": (cer(without=266), 5005, bytes.fromhex("0000010a 4000000c 00000000")),
    "5005 CER without Product-Name": (cer(without=269), 5005, bytes.fromhex("0000010d 00000008")),
    # 5008: not allowed here (RFC 8506 10.1)
    "5008 Result-Code": (ccr(u32(268, 2001)), 5008, u32(268, 2001)),
    "5008 Granted-Service-Unit": (ccr(avp(431, u64(421, 5))), 5008, avp(431, u64(421, 5))),
    "5008 Validity-Time": (ccr(u32(448, 60)), 5008, u32(448, 60)),
    # 5009: too often; the first instance in excess
    "5009 Session-Id twice": (ccr(text(263, "another")), 5009, text(263, "another")),
    "5009 number thrice": (ccr(u32(415, 1), u32(415, 2)), 5009, u32(415, 1)),
    "5009 in a group": (ccr(mscc(u32(432, 1), u32(432, 2))), 5009, mscc(u32(432, 2))),
    # 3009: flags against the definition
    "3009 V bit, Vendor-Id 0": (
        ccr(avp(268, b"\0\0\0\1", flags=V | M, vendor=0)),
        3009,
        avp(268, b"\0\0\0\1", flags=V | M, vendor=0),
    ),
    "3009 an AVP of the IETF as one of 3GPP": (
        ccr(_263=text(263, "s", flags=V | M, vendor=TGPP)),
        3009,
        text(263, "s", flags=V | M, vendor=TGPP),
    ),
    "3009 in a group": (
        ccr(mscc(u32(432, 1, flags=V | M, vendor=TGPP))),
        3009,
        mscc(u32(432, 1, flags=V | M, vendor=TGPP)),
    ),
    # 5014: lengths. The header as far as it is there, and zeros of the least length.
    "5014 length 0": (ccr(avp(432, b"\0\0\0\1", length=0)), 5014, u32(432, 0)),
    "5014 length 3": (ccr(avp(432, b"\0\0\0\1", length=3)), 5014, u32(432, 0)),
    "5014 length 4 of a text": (ccr(avp(1, b"user", length=4)), 5014, avp(1, b"")),
    "5014 V bit and length 8": (ccr(avp(9999, b"", flags=V, vendor=TGPP, length=8)), 5014, avp(9999, b"", V, TGPP)),
    "5014 length 60000": (ccr(avp(1, b"user", length=60_000)), 5014, avp(1, b"")),
    "5014 past the end by one": (ccr(avp(1, b"user", length=13)), 5014, avp(1, b"")),
    "5014 half a header": (ccr(b"\0\0\1\2"), 5014, avp(258, b"\0\0\0\0", flags=0)),
    "5014 number of 3 octets": (ccr(_415=avp(415, b"\0\0\1")), 5014, u32(415, 0)),
    "5014 number of 8 octets": (ccr(_415=avp(415, bytes(8))), 5014, u32(415, 0)),
    "5014 octets of 4 octets": (ccr(mscc(avp(446, u32(421, 5)))), 5014, mscc(avp(446, u64(421, 0)))),
    "5014 past the end of the group": (ccr(mscc(avp(432, b"\0\0\0\1", length=40))), 5014, mscc(u32(432, 0))),
    "5014 a group in a group past its end": (
        ccr(mscc(avp(446, avp(420, b"", length=99)))),
        5014,
        mscc(avp(446, u32(420, 0))),
    ),
    # the header
    "5011 version 2": (ccr(header={"version": 2}), 5011, b""),
    "5011 before all else": (ccr(UNKNOWN, header={"version": 0, "application": 9}), 5011, b""),
    "5015 length not of these octets": (ccr(header={"length": 400}), 5015, b""),
    "3001 command": (ccr(header={"code": 999}), 3001, b""),
    "3001 command of another application": (ccr(header={"code": 280}), 3001, b""),
    "3007 application": (ccr(header={"application": 16777302}), 3007, b""),
    "3007 application of accounting": (ccr(header={"application": 3, "code": 271}), 3007, b""),
    "3008 E bit in a request": (ccr(header={"flags": 0xE0}), 3008, b""),
}


@pytest.mark.parametrize(("octets", "result_code", "failed_avp"), CASES.values(), ids=CASES)
def test_failure(octets: bytes, result_code: int, failed_avp: bytes) -> None:
    # Enough times that a shape would be learnt if it could be.
    for _ in range(20):
        decoded = decode(octets)
        assert decoded.message is None
        assert decoded.failure is not None
        assert (decoded.failure.result_code, decoded.failure.failed_avp.hex()) == (result_code, failed_avp.hex())


def test_the_first_error_is_the_one_reported() -> None:
    """RFC 6733 7: one error, the first met, in the order of the AVPs; what is missing is found at the end."""
    decoded = decode(ccr(u32(432, 1), UNKNOWN, u32(268, 2001), without=415, _416=u32(416, 9)))
    assert decoded.failure is not None
    assert decoded.failure.result_code == 5004
    decoded = decode(ccr(UNKNOWN, u32(268, 2001), without=415))
    assert decoded.failure is not None
    assert decoded.failure.result_code == 5001
    decoded = decode(ccr(without=415))
    assert decoded.failure is not None
    assert decoded.failure.result_code == 5005


@pytest.mark.parametrize(
    "more",
    [
        avp(9999, b"what?", flags=0),
        avp(9999, b"what?", flags=V, vendor=4711),
        mscc(u32(432, 1), avp(9999, b"what?", flags=0)),
        service_information(avp(9999, b"what?", flags=V, vendor=TGPP)),
        avp(9999, UNKNOWN, flags=0),
        avp(9999, b"\0\0", flags=0),
        text(1, "user", flags=0),
        text(1, "user", flags=M | 0x20),
        text(1, "user", flags=M | 0x1F),
        u32(27, 3600),
    ],
    ids=[
        "unknown without M",
        "unknown of a vendor without M",
        "unknown without M in MSCC",
        "unknown without M in PS-Information",
        "unknown group without M that holds one with M",
        "unknown group without M that holds nonsense",
        "known without M",
        "known with P",
        "reserved flags",
        "known, but of no message here",
    ],
)
def test_what_may_be_there_is_no_failure(more: bytes) -> None:
    for _ in range(20):
        decoded = decode(ccr(more))
        assert decoded.failure is None
        assert isinstance(decoded.message, Ccr)


def test_reserved_bits_of_the_header_are_ignored() -> None:
    """RFC 6733 3: set by nobody, ignored by everybody; so is a missing P bit."""
    for flags in (0xCF, 0x80, 0x90):
        assert isinstance(decode(ccr(header={"flags": flags})).message, Ccr)


def test_padding_of_other_octets_and_none_at_a_groups_end() -> None:
    odd = ccr(_263=avp(263, b"pgw;1")[:-3] + b"\1\2\3")
    assert decode(odd).message == decode(ccr(_263=text(263, "pgw;1"))).message
    unpadded = avp(443, u32(450, 1) + avp(444, b"00101")[:-3])
    padded = avp(443, u32(450, 1) + avp(444, b"00101"))
    assert decode(ccr(unpadded)).message == decode(ccr(padded)).message


def test_tolerated_vendors_are_forgiven_their_m_bit_in_two_groups_only() -> None:
    tolerance = frozenset({4711})
    for forgiven in (mscc(u32(432, 1), OTHER_VENDOR), service_information(OTHER_VENDOR)):
        for _ in range(20):
            assert decode(ccr(forgiven), tolerance).failure is None
        # Nobody else profits from that.
        assert decode(ccr(forgiven)).failure is not None
    for refused in (OTHER_VENDOR, avp(443, u32(450, 1) + text(444, "1") + OTHER_VENDOR), mscc(UNKNOWN)):
        failure = decode(ccr(refused), tolerance).failure
        assert failure is not None
        assert failure.result_code == 5001


def test_what_can_be_read_of_a_failed_request_is_there_for_its_answer() -> None:
    proxy = avp(284, text(280, "relay.example") + avp(33, b"state"))
    decoded = decode(ccr(UNKNOWN, proxy, proxy))
    assert decoded.session_id == "pgw;1;2"
    assert (decoded.cc_request_type, decoded.cc_request_number) == (1, 0)
    assert decoded.proxy_info == (proxy, proxy)
    decoded = decode(ccr(_263=avp(263, b"\xff"), _416=u32(416, 9), _415=avp(415, b"\0")))
    assert (decoded.session_id, decoded.cc_request_type, decoded.cc_request_number) == (None, None, None)


@pytest.mark.parametrize("flags", [0x00, 0x40, 0x20, 0x60])
def test_an_answer_that_says_no_may_lack_what_its_command_requires(flags: int) -> None:
    """RFC 6733 7.1.5 and 7.2; many servers answer so without the E bit."""
    refusal = message(SESSION_ID, u32(268, 5012), ORIGIN_HOST, ORIGIN_REALM, flags=flags)
    assert decode(refusal).message == ErrorAnswer(
        session_id="pgw;1;2", result_code=5012, origin_host="pgw.example", origin_realm="example"
    )


def test_an_answer_that_says_yes_may_not() -> None:
    for answer in (
        message(SESSION_ID, u32(268, 2001), ORIGIN_HOST, ORIGIN_REALM, flags=0),
        message(SESSION_ID, ORIGIN_HOST, ORIGIN_REALM, AUTH_APPLICATION_ID, flags=0),
    ):
        decoded = decode(answer)
        assert decoded.message is None
        assert decoded.failure is not None
        assert decoded.failure.result_code == 5005


@pytest.mark.parametrize("octets", [b"", b"\1", ccr()[:19], dwr()[:20], bytes(20), b"\1" + bytes(30)])
def test_what_is_no_message_at_all(octets: bytes) -> None:
    decoded = decode(octets)
    assert decoded.failure is not None
    assert decoded.failure.result_code in {5011, 5015}


def test_the_greatest_message_and_the_many_avps_in_it() -> None:
    """8,000 AVPs of 8 octets: read, or refused, without being learnt as a shape."""
    octets = ccr(*[avp(9999, b"", flags=0)] * 8_000)
    assert len(octets) < MESSAGE_OCTETS_MAX
    for _ in range(9):
        assert decode(octets).failure is None
    failure = decode(ccr(avp(9999, bytes(65_000)))).failure
    assert failure is not None
    assert len(failure.failed_avp) == 65_008
