"""Rules that hold for every message that leaves us, over one of each kind (`emitted`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ocs.gy.avp import FLAG_MANDATORY, FLAG_VENDOR, Avp
from ocs.gy.codec import decode
from ocs.gy.messages import VENDOR_3GPP
from tests.gy import captures, emitted
from tests.gy.line import OCS
from tests.gy.serving import avps_of

CAPTURED = {str(capture) for capture in captures.ALL}
BY_NAME = {name: octets for name, octets in emitted.everything().items() if name not in CAPTURED}
ANSWERS = {name: octets for name, octets in BY_NAME.items() if not decode(octets).header.request}
OURS = {name: octets for name, octets in ANSWERS.items() if name not in {"Raa", "Asa"}}
"""What the OCS answers; the other two are a gateway's."""

ONCE = {
    "Session-Id", "Result-Code", "Origin-Host", "Origin-Realm", "Auth-Application-Id", "CC-Request-Type",
    "CC-Request-Number",
}  # fmt: skip
AT_MOST_ONCE = {
    "CC-Session-Failover", "CC-Sub-Session-Id", "Check-Balance-Result", "Cost-Information", "Acct-Multi-Session-Id",
    "Credit-Control-Failure-Handling", "Direct-Debiting-Failure-Handling", "Event-Timestamp", "Final-Unit-Indication",
    "QoS-Final-Unit-Indication", "Granted-Service-Unit", "Origin-State-Id", "Redirect-Host-Usage", "Error-Message",
    "Redirect-Max-Cache-Time", "User-Name", "Validity-Time",
}  # fmt: skip
ANY_NUMBER = {"Failed-AVP", "Multiple-Services-Credit-Control", "Proxy-Info", "Redirect-Host", "Route-Record"}
"""The CCA column of RFC 8506 10.1."""


def for_each(messages: dict[str, bytes]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Makes a rule for one message a test of all of them, which names those that break it."""

    def test_of(rule: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            broken = {}
            for name in messages:
                try:
                    rule(name)
                except AssertionError as error:
                    broken[name] = error
            assert not broken

        test.__doc__ = rule.__doc__
        return test

    return test_of


def code_of(octets: bytes) -> int:
    [result] = [avp for avp in avps_of(octets) if avp.name == "Result-Code"]
    return int.from_bytes(result.data)


def all_of(avps: tuple[Avp, ...]) -> list[Avp]:
    """The AVPs and those in their groups; what stands in Failed-AVP is not ours."""
    found = []
    for avp in avps:
        found.append(avp)
        if avp.children is not None and avp.name != "Failed-AVP":
            found += all_of(avp.children)
    return found


@for_each(BY_NAME)
def test_flags_vendor_and_padding_are_those_of_the_definition(name: str) -> None:
    """RFC 6733 4.1: M and V as defined, a Vendor-Id only with V and never 0, padding of zeros."""
    for avp in all_of(avps_of(BY_NAME[name])):
        definition = avp.definition
        assert definition is not None
        expected = FLAG_MANDATORY * definition.mandatory | FLAG_VENDOR * bool(definition.vendor)
        assert (avp.flags, avp.vendor or 0) == (expected, definition.vendor), avp.name
        assert avp.vendor in {None, VENDOR_3GPP}
        assert not avp.padding.strip(b"\0")
        assert len(avp.padding) == -len(avp.data) % 4
        if avp.name in {"Product-Name", "Firmware-Revision", "Error-Message", "Error-Reporting-Host"}:
            assert avp.flags == 0


@for_each(BY_NAME)
def test_the_header(name: str) -> None:
    """Base commands are never proxied; T and reserved bits are never set in answers; lengths are whole words."""
    octets = BY_NAME[name]
    header = decode(octets).header
    assert int.from_bytes(octets[1:4]) == len(octets)
    assert len(octets) % 4 == 0
    assert header.flags & 0x0F == 0
    if header.application_id == 0:
        assert not header.proxiable
    if not header.request:
        assert not header.retransmitted


@for_each(BY_NAME)
def test_session_id_comes_first(name: str) -> None:
    names = [avp.name for avp in avps_of(BY_NAME[name])]
    assert "Session-Id" not in names[1:]


@for_each(OURS)
def test_answers(name: str) -> None:
    """One Result-Code, our own names, no destination; 3xxx if and only if the E bit is set (RFC 6733 6.2, 7.1)."""
    octets = OURS[name]
    names = Counter(avp.name for avp in avps_of(octets))
    values = {avp.name: avp.data for avp in avps_of(octets)}
    assert names["Result-Code"] == 1
    assert not names.keys() & {"Destination-Host", "Destination-Realm"}
    if "all that it may have" not in name:
        assert (values["Origin-Host"], values["Origin-Realm"]) == (OCS.host.encode(), OCS.realm.encode())
    code, header = code_of(octets), decode(octets).header
    if 3000 <= code < 4000:
        assert header.error
    elif code < 5000:
        assert not header.error
    elif header.error:
        # A CCA that cannot be filled in, or a command that nobody knows.
        assert ONCE - names.keys() or (header.command_code, header.application_id) != (272, 4)


@for_each(OURS)
def test_a_cca_has_what_its_table_allows(name: str) -> None:
    header = decode(OURS[name]).header
    if (header.command_code, header.application_id) != (272, 4) or header.error:
        return
    names = Counter(avp.name for avp in avps_of(OURS[name]))
    assert {avp: names[avp] for avp in ONCE} == dict.fromkeys(ONCE, 1)
    assert all(names[avp] <= 1 for avp in AT_MOST_ONCE)
    assert names.keys() <= ONCE | AT_MOST_ONCE | ANY_NUMBER


@for_each(OURS)
def test_failed_avp_is_there_where_it_has_to_be(name: str) -> None:
    """RFC 6733 7.5; 5004 and the like name the AVP, 5010 and the like have none to name."""
    octets = OURS[name]
    failed = [avp for avp in avps_of(octets) if avp.name == "Failed-AVP"]
    code = code_of(octets)
    if code in {5001, 5004, 5005, 5008, 5009, 5014, 3009}:
        assert len(failed) == 1
        assert failed[0].children
    if code in {5010, 5011, 5017, 3001, 3002, 3003, 3007, 3008}:
        assert not failed


def test_there_is_one_of_each_kind() -> None:
    codes = {code_of(octets) for octets in OURS.values()}
    assert codes >= {2001, 3001, 3002, 3003, 3004, 3007, 3008, 3009, 4010, 4011, 4012, 5001, 5002, 5004, 5005, 5008}
    assert codes >= {5009, 5010, 5011, 5012, 5014, 5017, 5030, 5031}
    kinds = {(decode(octets).header.command_code, decode(octets).header.request) for octets in BY_NAME.values()}
    assert kinds >= {(code, request) for code in (257, 280, 282, 272, 258, 274) for request in (True, False)}
