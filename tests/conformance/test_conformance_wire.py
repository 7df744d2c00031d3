"""The tester's own octets: built, walked, and read alike by python-diameter."""

from __future__ import annotations

import random
import struct

import pytest
from diameter.message.avp.avp import get_avp_dictionary_entry

from conformance.tester.request import INITIAL, Node, ccr, cer, mscc, ps_information, subscription_id
from conformance.wire.avp import M_FLAG, V_FLAG, Tree, avp, raw_avp
from conformance.wire.dictionary import DEFINITIONS, Definition
from conformance.wire.message import Message
from conformance.wire.second import disagreement

NODE = Node("pgw.example", "example")


def a_ccr() -> bytes:
    return ccr(
        NODE, session_id="pgw.example;1;2", destination_realm="ocs.example", destination_host="ocs1.ocs.example",
        context="32251@3gpp.org", kind=INITIAL, number=0, when=1_800_000_000,
        subscription=[subscription_id(1, "001010000000001")], services=[mscc(200, ask=-1, used=2**40)],
        information=ps_information("internet", 77),
    ).octets()  # fmt: skip


def test_what_is_built_can_be_walked() -> None:
    message = Message(a_ccr())
    assert message.title == "CCR-I #0 [200: used 1099511627776 asks]"
    assert message.tree.text("Service-Information", "PS-Information", "Called-Station-Id") == "internet"
    assert message.tree.fault is None


@pytest.mark.parametrize("octets", [a_ccr(), cer(NODE).octets()], ids=["CCR", "CER"])
def test_the_second_decoder_reads_the_same(octets: bytes) -> None:
    assert disagreement(Message(octets)) is None


def test_the_second_decoder_notices_a_difference() -> None:
    message = Message(a_ccr())
    message.tree.avps.pop()
    assert disagreement(message) is not None


KINDS = {
    "u32": "Unsigned32", "u64": "Unsigned64", "i32": "Integer32", "i64": "Integer64", "enum": "Integer32",
    "time": "Time", "utf8": "Utf8String", "id": "OctetString", "octets": "OctetString", "address": "Address",
    "group": "Grouped",
}  # fmt: skip
"""Our formats as python-diameter calls them; what it has as Integer32 are enumerations."""

OTHER_THERE = {
    "Result-Code": "Integer32",  # Unsigned32 by RFC 6733 7.1
    "Inband-Security-Id": "Integer32",  # Unsigned32 by RFC 6733 6.10
    "Restriction-Filter-Rule": "OctetString",  # IPFilterRule, which is text
    "3GPP-Charging-Id": "OctetString",  # TS 29.061: four octets that are a number
}
UNKNOWN_THERE = {"Subscription-Id-Extension", "Subscription-Id-E164", "Subscription-Id-IMSI"}  # RFC 8506 8.58 on


@pytest.mark.parametrize("one", DEFINITIONS, ids=lambda one: one.name)
def test_the_dictionary_agrees_with_python_diameter(one: Definition) -> None:
    theirs = get_avp_dictionary_entry(one.code, one.vendor)
    if one.name in UNKNOWN_THERE:
        assert theirs is None
        return
    assert theirs["name"].removeprefix("3GPP-") == one.name.removeprefix("3GPP-")
    kind = theirs["type"].__name__.removeprefix("Avp")
    assert kind == OTHER_THERE.get(one.name, KINDS[one.format])


def test_lengths_can_lie() -> None:
    spoiled = Tree(raw_avp(55, bytes(4), length=60_000))
    assert spoiled.avps == []
    assert spoiled.fault is not None
    assert "past the end" in spoiled.fault


def test_vendor_and_padding() -> None:
    octets = raw_avp(1, b"abcde", flags=V_FLAG | M_FLAG, vendor=10415)
    (item,) = Tree(octets).avps
    assert (item.vendor, item.data, item.padding, len(octets)) == (10415, b"abcde", b"\0\0\0", 20)


def test_time_goes_on_after_2036() -> None:
    assert avp("Event-Timestamp", 2_085_978_496)[-4:] == struct.pack(">I", 0)


def test_the_walker_survives_anything() -> None:
    rng = random.Random(7)
    octets = a_ccr()
    for _ in range(3000):
        broken = bytearray(octets)
        for _ in range(rng.randrange(1, 6)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        message = Message(bytes(broken[: rng.randrange(len(broken))]))
        assert isinstance(message.dump(), list)
        assert isinstance(message.title, str)
