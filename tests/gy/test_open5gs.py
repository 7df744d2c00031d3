"""Every message captured from a real gateway reads without loss, and writes back to the same octets."""

from __future__ import annotations

import pytest

from ocs.gy.avp import render, walk
from ocs.gy.codec import decode, encode
from ocs.gy.framing import HEADER_OCTETS
from ocs.gy.messages import Cca, Ccr, CcRequestType, Cea, Cer, Dpa, Dpr, Raa, Rar, ReportingReason
from tests.gy import captures

CLASSES = {"CER": Cer, "CEA": Cea, "CCR": Ccr, "CCA": Cca, "DPR": Dpr, "DPA": Dpa, "RAR": Rar, "RAA": Raa}


def test_the_captures_are_there() -> None:
    assert len(captures.ALL) == 163
    assert sum(capture.command == "CCR" for capture in captures.ALL) == 50


@pytest.mark.parametrize("capture", captures.ALL, ids=str)
def test_the_tree_is_lossless_and_equals_the_dump(capture: captures.Capture) -> None:
    avps, failure = walk(capture.octets[HEADER_OCTETS:])
    assert failure is None
    assert b"".join(avp.encode() for avp in avps) == capture.octets[HEADER_OCTETS:]
    # The dump prints the one octet of NSAPI as text.
    expected = [line.replace(r"'\x05'", "0x05") for line in capture.dump]
    assert list(render(avps)) == expected


@pytest.mark.parametrize("capture", captures.ALL, ids=str)
def test_it_reads_as_a_typed_message(capture: captures.Capture) -> None:
    decoded = decode(capture.octets)
    assert decoded.failure is None
    assert type(decoded.message) is CLASSES[capture.command]


@pytest.mark.parametrize("capture", [c for c in captures.ALL if c.command in captures.CLIENT], ids=str)
def test_what_the_gateway_says_is_written_to_the_same_octets(capture: captures.Capture) -> None:
    decoded = decode(capture.octets)
    assert decoded.message is not None
    written = encode(decoded.message, decoded.header, decoded.proxy_info)
    assert written == capture.octets


def test_a_ccr_u_by_its_values() -> None:
    """CCR-U #1 of the plain session: 200,000 octets up and 800,000 down, no total, no rating group."""
    ccr = decode(captures.first("CCR-U #1").octets).message
    assert isinstance(ccr, Ccr)
    assert (ccr.session_id, ccr.cc_request_type, ccr.cc_request_number) == (
        "smf.localdomain;1795403871;2;app_gy",
        CcRequestType.UPDATE,
        1,
    )
    assert ccr.event_timestamp == 4004392673 - 2208988800
    assert [(item.subscription_id_type, item.subscription_id_data) for item in ccr.subscription_id] == [
        (1, "001010000000001"),
        (0, "491700000001"),
    ]
    [mscc] = ccr.multiple_services_credit_control
    assert mscc.rating_group is None
    [used] = mscc.used_service_unit
    assert (used.cc_input_octets, used.cc_output_octets, used.cc_total_octets) == (200_000, 800_000, None)
    assert used.reporting_reason is ReportingReason.QUOTA_EXHAUSTED
    assert ccr.service_information is not None
    ps = ccr.service_information.ps_information
    assert ps is not None
    assert (ps.called_station_id, ps.pdp_address, ps.rat_type) == ("internet", ("10.45.0.2",), b"\x06")


def test_a_ccr_through_a_relay_has_its_route() -> None:
    [ccr, *_] = [decode(c.octets).message for c in captures.ALL if c.file == "open5gs-via-dra" and c.command == "CCR"]
    assert isinstance(ccr, Ccr)
    assert ccr.route_record == ("smf.localdomain",)
