"""Every kind of message that we send, as octets: for decoders and linters that are not ours."""

from __future__ import annotations

from functools import cache
from typing import Any

from ocs.gy.codec import decode, encode
from ocs.gy.framing import request_header
from ocs.gy.layout import Field, Kind, Layout, layout_of
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, FailedAvp, Raa, Rar
from tests.gy import captures, octets
from tests.gy.line import OCS, Line, opened
from tests.gy.serving import Charging, decoded_ccr, obliging
from tests.gy.test_failures import CASES
from tests.gy.test_server import rar

_TYPICAL: dict[Kind, Any] = {
    Kind.UNSIGNED32: 2**32 - 1,
    Kind.UNSIGNED64: 2**40 + 1,
    Kind.INTEGER32: -2,
    Kind.INTEGER64: 12345,
    Kind.TIME: 1_790_000_000,
    Kind.TEXT: "text",
    Kind.IDENTITY: "host.example",
    Kind.OCTETS: b"\x06",
    Kind.ADDRESS: "2001:db8::1",
    Kind.OPAQUE: FailedAvp(octets=octets.u32(432, 5)),
}
_NAMED: dict[str, Any] = {
    # Where a reader knows more than the format.
    "result_code": 2001,
    "restriction_filter_rule": "permit in ip from 10.0.0.1 to 192.0.2.1",
    "currency_code": 978,
    "pre_emption_capability": 0,
    "pre_emption_vulnerability": 0,
    "qos_class_identifier": 9,
    "priority_level": 1,
    "trigger_type": 2,
    "cc_session_failover": 0,
    "user_equipment_info_type": 0,
    "user_equipment_info_value": b"\x53\x01\x02\x03\x04\x05\x06\x07",
    "pdp_type": 0,
    "aoc_request_type": 1,
    "multiple_services_indicator": 1,
    "termination_cause": 1,
    "sgsn_mcc_mnc": "00101",
    "ms_timezone": b"\x40\x01",
    "user_location_info": bytes.fromhex("8200f1100001 00f11000000101"),
    "exponent": -2,
}


def full(layout: Layout) -> Any:
    """A record with every field that it may have, those that repeat twice."""
    return layout.record(**{field.name: _filled(field) for field in layout.fields})


def _filled(field: Field) -> Any:
    if field.layout is not None:
        value = full(field.layout)
    elif field.name in _NAMED:
        value = _NAMED[field.name]
    elif field.kind is Kind.ENUMERATED:
        value = next(iter(field.members.values()))
    else:
        value = _TYPICAL[field.kind]
    return (value, value) if field.repeated else value


@cache
def everything() -> dict[str, bytes]:
    """The messages by name."""
    said: dict[str, bytes] = {}

    def keep(name: str, line: Line) -> None:
        for number, message in enumerate(line.octets):
            said[f"{name} {number}"] = message

    def answer(name: str, request: bytes, cca: Cca | ErrorAnswer) -> None:
        line = opened().hear(request)
        said[name] = line.peer.answer(line.arrived()[0], cca)

    # The peer layer's own.
    keep("capabilities, watchdog, disconnection", opened().hear(octets.dwr()).wait(30.1).hear(octets.dpr()))
    keep("CER", Line(initiator=True))
    keep("DPR", opened().stop(cause=2))
    for name, offered in (("Gx", octets.u32(258, 16777238)), ("TLS", octets.AUTH_APPLICATION_ID + octets.u32(299, 1))):
        keep(f"CEA to {name}", Line().hear(octets.cer(application=offered)))
    for code in (264, 296, 257, 266, 269):
        keep(f"CEA to a CER without {code}", Line().hear(octets.cer(without=code)))
    group = octets.avp(260, octets.u32(266, 10415))
    keep("CEA to an empty group", Line().hear(octets.cer(application=group)))
    keep("CEA to a CER on an open connection", opened().hear(octets.cer()))
    keep("CEA with the E bit", Line().hear(octets.message(code=257, application=0, flags=0xA0)))
    for name, (request, _, _) in CASES.items():
        if not name.startswith("5005 CER"):
            keep(f"refusal {name}", opened().hear(request))
    keep("3003", opened().hear(octets.ccr(_283=octets.text(283, "elsewhere"))))
    proxy = octets.avp(284, octets.text(280, "dra.example") + octets.avp(33, b"state"))
    keep("refusal with Proxy-Info", opened().hear(octets.ccr(proxy, octets.avp(9999, b""))))
    # The owner's.
    for code in (2001, 4010, 4011, 4012, 5002, 5012, 5030, 5031, 3002, 3004):
        cca = Cca(
            session_id="pgw;1;2",
            result_code=code,
            origin_host=OCS.host,
            origin_realm=OCS.realm,
            cc_request_type=decoded_ccr().cc_request_type,
            cc_request_number=0,
            error_message="why",
        )
        answer(f"CCA {code}", octets.ccr(proxy), cca)
    answer("CCA with all that it may have", octets.ccr(), full(layout_of(Cca)))
    for number, (request, cca) in enumerate(_charged()):
        answer(f"CCA of the engine {number}", request, cca)
    asr = Asr(
        session_id="pgw;1;2",
        origin_host=OCS.host,
        origin_realm=OCS.realm,
        destination_realm="example",
        destination_host="pgw.example",
    )
    for push in (rar(), asr, full(layout_of(Rar))):
        said[f"push {len(said)}"] = encode(push, request_header(type(push), 1, 2))
    # A gateway's.
    for ccr in (decoded_ccr(), full(layout_of(Ccr))):
        said[f"CCR {len(said)}"] = encode(ccr, request_header(Ccr, 1, 2))
    for push in (rar(), asr):
        obliged = obliging(push)
        assert isinstance(obliged, Raa | Asa)
        said[f"{type(obliged).__name__}"] = encode(obliged, request_header(type(push), 1, 2).answer())
    for capture in captures.ALL:
        if capture.command in captures.CLIENT:
            decoded = decode(capture.octets)
            assert decoded.message is not None
            said[str(capture)] = encode(decoded.message, decoded.header, decoded.proxy_info)
    return said


def _charged() -> list[tuple[bytes, Cca]]:
    """A Wi-Fi session to its end, and what else the engine says no to."""
    ocs = Charging()
    conversation = [
        octets.charging(0, 1, octets.mscc(200), session="a"),
        octets.charging(1, 2, octets.mscc(200, octets.used(4_000_000)), session="a"),
        octets.charging(2, 2, octets.mscc(200, octets.used(4_000_000)), session="a"),
        octets.charging(3, 2, octets.mscc(200, octets.used(2_000_000)), session="a"),
        octets.charging(4, 3, session="a"),
        octets.charging(0, 1, octets.mscc(200), session="b"),
        octets.charging(0, 1, octets.mscc(1), octets.mscc(2), session="c", apn="fleet.acme"),
        octets.charging(0, 1, octets.mscc(999), session="d"),
        octets.charging(0, 1, octets.mscc(1), session="e", apn="nowhere"),
        octets.charging(5, 2, octets.mscc(200), session="never seen"),
        octets.ccr(octets.mscc(1)),
    ]
    answered = []
    for request in conversation:
        message = decode(request).message
        assert isinstance(message, Ccr)
        answered.append((request, ocs.charge(message)))
    return answered
