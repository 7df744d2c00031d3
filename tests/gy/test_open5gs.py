"""Messages captured from a real gateway: read without loss, written to the same octets, and answered as it needs it."""

from __future__ import annotations

import pytest

from ocs.gy.avp import render, walk
from ocs.gy.codec import decode, encode
from ocs.gy.framing import HEADER_OCTETS
from ocs.gy.messages import Cca, Ccr, CcRequestType, Cea, Cer, Dpa, Dpr, Raa, Rar, ReportingReason
from ocs.gy.node import Identity
from tests.gy import captures
from tests.gy.serving import Charging, Raw, serving, wired

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


# --- served -----------------------------------------------------------------------------------------------------------

SMF_OCS = Identity(host="ocs.localdomain", realm="localdomain")


def needed(answer: bytes) -> Cca:
    """What its freeDiameter drops a CCA without."""
    names = {avp.name for avp in walk(answer[HEADER_OCTETS:])[0]}
    assert {"Session-Id", "Result-Code", "Origin-Host", "Origin-Realm", "Auth-Application-Id"} <= names
    assert {"CC-Request-Type", "CC-Request-Number"} <= names
    cca = decode(answer).message
    assert isinstance(cca, Cca)
    return cca


@pytest.mark.parametrize(
    "file", ["open5gs-grant", "open5gs-v4v6", "open5gs-validity", "open5gs-volthreshold", "open5gs-time"]
)
@wired
async def test_the_captured_session_over_tcp(file: str) -> None:
    """CER, CCR-I, CCR-U ... CCR-T as they were captured: no rating group, no total octets, no indicator."""
    said = [capture for capture in captures.ALL if capture.file == file and capture.command in ("CER", "CCR")]
    ocs = Charging(captures.FOLDER / "world.yaml", SMF_OCS)
    async with serving(decide=ocs, identity=SMF_OCS) as served, await Raw.connect(served.server.port) as smf:
        cer, *ccrs = said
        cea = await smf.ask(cer.octets)
        assert (cea.message.result_code, cea.message.origin_host) == (2001, "ocs.localdomain")
        assert len(ccrs) >= 3
        for capture in ccrs:
            await smf.send(capture.octets)
            cca = needed(await smf.message())
            asked = decode(capture.octets).message
            assert isinstance(asked, Ccr)
            assert (cca.result_code, cca.session_id) == (2001, asked.session_id)
            assert (cca.cc_request_type, cca.cc_request_number) == (asked.cc_request_type, asked.cc_request_number)
            assert cca.origin_host == "ocs.localdomain"
            if asked.multiple_services_credit_control[0].requested_service_unit is not None:
                [mscc] = cca.multiple_services_credit_control
                assert mscc.rating_group is None
                assert mscc.result_code == 2001
                assert mscc.granted_service_unit is not None
                assert mscc.granted_service_unit.cc_total_octets == 1_000_000
                assert mscc.final_unit_indication is None
        reported = sum(
            (used.cc_input_octets or 0) + (used.cc_output_octets or 0)
            for ccr in served.requests
            for mscc in ccr.multiple_services_credit_control
            for used in mscc.used_service_unit
        )
        assert sum(edr.octets_total for edr in ocs.edrs) == reported > 0


@wired
async def test_a_captured_session_through_a_relay_over_tcp() -> None:
    ocs = Charging(captures.FOLDER / "world.yaml", SMF_OCS)
    said = [c for c in captures.ALL if c.file == "open5gs-via-dra" and c.command in ("CER", "CCR")]
    async with serving(decide=ocs, identity=SMF_OCS) as served, await Raw.connect(served.server.port) as relay:
        for capture in said:
            assert (await relay.ask(capture.octets)).message.result_code == 2001
        assert {ccr.route_record for ccr in served.requests} == {("smf.localdomain",)}
