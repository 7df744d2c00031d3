"""Our AVP dictionary against python-diameter's: every difference is here, with the reason why ours is right."""

from __future__ import annotations

from typing import Any

import pytest
from diameter.message.avp import dictionary as theirs

from ocs.gy.dictionary import AVPS, BY_NAME, NOT_IN_CCR, VENDOR_3GPP2, AvpDefinition
from ocs.gy.layout import layout_of
from ocs.gy.messages import VENDOR_3GPP, PsInformation

TYPES = {
    "Unsigned32": "AvpUnsigned32",
    "Unsigned64": "AvpUnsigned64",
    "Integer32": "AvpInteger32",
    "Integer64": "AvpInteger64",
    "OctetString": "AvpOctetString",
    "Grouped": "AvpGrouped",
    "Address": "AvpAddress",
    "Time": "AvpTime",
    "UTF8String": "AvpUtf8String",
    # Formats derived from the basic ones, which python-diameter takes as those (RFC 6733 4.3.1).
    "Enumerated": "AvpInteger32",
    "DiameterIdentity": "AvpOctetString",
    "DiameterURI": "AvpUtf8String",
    "IPFilterRule": "AvpOctetString",
}

OTHER_NAMES = {
    "Acct-Multi-Session-Id": "Accounting-Multi-Session-Id",  # RFC 6733 9.8.5 has the short one
    "Reporting-Reason": "3GPP-Reporting-Reason",  # TS 32.299 7.2.175 has no prefix
}

OTHER_TYPES = {
    # RFC 6733 4.5: Unsigned32, taken there as the signed form.
    "Result-Code": "AvpInteger32",
    "Session-Binding": "AvpInteger32",
    "Authorization-Lifetime": "AvpInteger32",
    "Inband-Security-Id": "AvpInteger32",
    # TS 29.061 16.4.7 prints OctetString for four octets that hold an UINT32; what tells charging records apart.
    "3GPP-Charging-Id": "AvpOctetString",
}

M_IS_CLEAR = {
    # RFC 6733 4.5: M must not be set on these.
    "Firmware-Revision",
    "Product-Name",
    "Error-Message",
    "Error-Reporting-Host",
    # RFC 8506 8: M must not be set on the AVPs that RFC 4006 does not have.
    "User-Equipment-Info-Extension",
    "User-Equipment-Info-IMEISV",
    "User-Equipment-Info-MAC",
    "User-Equipment-Info-EUI64",
    "User-Equipment-Info-ModifiedEUI64",
    "User-Equipment-Info-IMEI",
    # RFC 7683 7, RFC 8583 7: carried on every application, so nobody may be forced to know them.
    "OC-Supported-Features",
    "OC-Feature-Vector",
    "OC-OLR",
    "OC-Sequence-Number",
    "OC-Validity-Duration",
    "OC-Report-Type",
    "OC-Reduction-Percentage",
    "SourceID",
    "Load",
    "Load-Type",
    "Load-Value",
    # TS 29.212 5.3: "V" alone in the column of must, for AVPs that came after Release 7.
    "RAT-Type",
    "Allocation-Retention-Priority",
    "APN-Aggregate-Max-Bitrate-DL",
    "APN-Aggregate-Max-Bitrate-UL",
    "Priority-Level",
    "Pre-emption-Capability",
    "Pre-emption-Vulnerability",
    "Flow-Information",
    "Flow-Direction",
    "TDF-Application-Identifier",
    "TDF-IP-Address",
    "ADC-Rule-Base-Name",
    "Presence-Reporting-Area-Identifier",
    "Presence-Reporting-Area-Information",
    "Presence-Reporting-Area-Status",
}

NOT_THERE = {
    # RFC 8506 8.58 to 8.63, missing in python-diameter 0.9.0.
    "Subscription-Id-Extension",
    "Subscription-Id-E164",
    "Subscription-Id-IMSI",
    "Subscription-Id-SIP-URI",
    "Subscription-Id-NAI",
    "Subscription-Id-Private",
}


def their(avp: AvpDefinition) -> dict[str, Any] | None:
    if avp.vendor == 0:
        return theirs.AVP_DICTIONARY.get(avp.code)
    return theirs.AVP_VENDOR_DICTIONARY[avp.vendor].get(avp.code)


@pytest.mark.parametrize("avp", AVPS, ids=lambda avp: f"{avp.name}")
def test_it_says_what_python_diameter_says(avp: AvpDefinition) -> None:
    other = their(avp)
    if avp.name in NOT_THERE:
        assert other is None
        return
    assert other is not None
    assert other["name"] == OTHER_NAMES.get(avp.name, avp.name)
    assert other["type"].__name__ == OTHER_TYPES.get(avp.name, TYPES[avp.format])
    # Where it says nothing about M it sends M set for base AVPs and takes no side for those of 3GPP.
    if "mandatory" in other:
        assert other["mandatory"] is (avp.mandatory or avp.name in M_IS_CLEAR)
    if avp.name in M_IS_CLEAR:
        assert not avp.mandatory


def test_every_listed_difference_is_one() -> None:
    assert {*OTHER_NAMES, *OTHER_TYPES, *M_IS_CLEAR, *NOT_THERE} <= set(BY_NAME)
    for name in M_IS_CLEAR:
        assert their(BY_NAME[name])["mandatory"] is True
    for name in OTHER_TYPES:
        assert OTHER_TYPES[name] != TYPES[BY_NAME[name].format]


def test_codes_and_names_are_unique() -> None:
    assert len({(avp.code, avp.vendor) for avp in AVPS}) == len(AVPS)
    assert len(BY_NAME) == len(AVPS)
    assert {avp.vendor for avp in AVPS} == {0, VENDOR_3GPP, VENDOR_3GPP2}
    assert {avp.format for avp in AVPS} <= set(TYPES)


def test_the_avps_with_0_in_the_column_of_the_ccr() -> None:
    """RFC 8506 10.1, by number."""
    assert sorted(NOT_IN_CCR) == [261, 262, 268, 279, 292, 418, 422, 423, 427, 428, 430, 431, 448, 669]


def test_a_field_is_the_avp_of_its_name_and_vendor() -> None:
    fields = {field.name: field.avp for field in layout_of(PsInformation).fields}
    assert (fields["rat_type"].code, fields["rat_type"].vendor) == (21, VENDOR_3GPP)
    assert (fields["called_station_id"].code, fields["called_station_id"].vendor) == (30, 0)
    assert (fields["charging_id"].code, fields["charging_id"].vendor) == (2, VENDOR_3GPP)
