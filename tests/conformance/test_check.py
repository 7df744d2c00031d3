"""`conformance check` on what a real gateway sent: the deviations that Open5GS is known for, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.check import audit, check_capture, check_records
from conformance.pcap import CaptureError, read_capture, write_pcap
from conformance.tester.trace import Record
from conformance.watch.watcher import rules
from conformance.wire.avp import avp
from conformance.wire.message import Message

CAPTURES = sorted((Path(__file__).parent / "open5gs").glob("*.pcap"))

ALWAYS = {
    "RFC8506-5.1.2-3",  # Multiple-Services-Indicator 0
    "RFC8506-5.2-2",  # one MSCC without Rating-Group and Service-Identifier
}
TOTAL_NEVER_REPORTED = {"RFC8506-5.3-3"}
MORE = {
    "open5gs-I-4010-mscc": set(),
    "open5gs-I-4012-cmd": set(),
    "open5gs-time": set(),  # CC-Time is granted, and CC-Time is in its reports
    "open5gs-no-gsu": {"RFC8506-5.2-1"},  # 2001 without GSU is taken as unlimited
    "open5gs-rar": TOTAL_NEVER_REPORTED | {"RFC8506-5.5-3"},  # RAA 2001, then nothing
}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_deviations_of_open5gs(path: Path) -> None:
    result = check_capture(path)
    seen = {(deviation.sender, deviation.requirement.id) for deviation in result.deviations}
    expected = ALWAYS | MORE.get(path.stem, TOTAL_NEVER_REPORTED)
    assert seen == {("pgw", row) for row in expected}


def test_octets_of_a_session_are_audited() -> None:
    (session,) = audit(read_capture(CAPTURES[5]))
    assert (CAPTURES[5].stem, session.granted_octets, session.used_octets) == ("open5gs-grant", 3_000_000, 2_500_000)
    assert session.remarks == []


def test_a_trace_survives_being_written(tmp_path: Path) -> None:
    records = read_capture(CAPTURES[5])
    write_pcap(tmp_path / "again.pcap", records)
    again = read_capture(tmp_path / "again.pcap")
    assert [(one.sender, one.octets, one.at) for one in again] == [(one.sender, one.octets, one.at) for one in records]


def test_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "no.pcap"
    path.write_bytes(b"not a capture at all")
    with pytest.raises(CaptureError, match="neither pcap nor pcapng"):
        read_capture(path)


def spoiled(number: int, change: tuple[bytes, bytes]) -> list[Record]:
    """A good capture in which one message has other octets."""
    records = read_capture(CAPTURES[5])
    old = records[number]
    records[number] = Record(old.at, old.line, old.sender, old.octets.replace(*change, 1))
    assert records[number].octets != old.octets
    return records


def flags(octets: bytes, value: int) -> bytes:
    return octets[:4] + bytes([value]) + octets[5:]


@pytest.mark.parametrize(
    ("row", "change"),
    [
        ("RFC8506-3.2-1", (avp("CC-Request-Number", 1), avp("CC-Request-Number", 2))),
        ("RFC6733-6.2-8", (b"ocs.localdomain", b"smf.localdomain")),
        ("RFC6733-7.1-1", (avp("Result-Code", 2001), avp("Result-Code", 3004))),
        ("RFC8506-9.2-3", (avp("Result-Code", 2001), avp("Result-Code", 5031))),
        ("RFC8506-9.1-3", (avp("Result-Code", 2001), avp("Result-Code", 4012))),
        ("RFC8506-10.1-1", (avp("Result-Code", 2001), avp("Requested-Action", 2001))),
        ("RFC6733-6.2-7", (avp("Result-Code", 2001), avp("Requested-Action", 2001))),
        ("RFC6733-6.2-5", (b";2;app_gy", b";3;app_gy")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_spoiled_answer_is_found(row: str, change: tuple[bytes, bytes]) -> None:
    number = 5
    records = spoiled(number, change)
    assert Message(records[number].octets).title.startswith("CCA-U #"), [record.message.title for record in records]
    seen = {(deviation.sender, deviation.requirement.id) for deviation in check_records(records).deviations}
    assert ("ocs", row) in seen


def test_too_busy_needs_a_destination_host() -> None:
    records = spoiled(3, (avp("Result-Code", 2001), avp("Result-Code", 3004)))
    assert records[2].message.tree.first("Destination-Host") is None
    assert "RFC6733-7.1.3-5" in {deviation.requirement.id for deviation in check_records(records).deviations}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("RFC6733-6.2-3", 0x00),  # P bit lost
        ("RFC6733-3-6", 0x50),  # T bit in an answer
        ("RFC6733-7.1-1", 0x60),  # E bit beside 2001
    ],
)
def test_spoiled_flags_are_found(row: str, value: int) -> None:
    records = read_capture(CAPTURES[5])
    old = records[5]
    records[5] = Record(old.at, old.line, old.sender, flags(old.octets, value))
    assert row in {deviation.requirement.id for deviation in check_records(records).deviations}


def test_identifiers_are_watched() -> None:
    records = read_capture(CAPTURES[5])
    old = records[5]
    for start, row in ((12, "RFC6733-6.2-1"), (16, "RFC6733-6.2-2")):
        octets = old.octets[:start] + b"\1\2\3\4" + old.octets[start + 4 :]
        changed = [*records[:5], Record(old.at, old.line, old.sender, octets), *records[6:]]
        assert row in {deviation.requirement.id for deviation in check_records(changed).deviations}


def test_a_second_answer_and_a_different_one_are_found() -> None:
    records = read_capture(CAPTURES[5])
    request, answer = records[4], records[5]
    again = flags(request.octets[:12] + b"\7\7\7\7" + request.octets[16:], 0xD0)
    other = answer.octets[:12] + b"\7\7\7\7" + answer.octets[16:]
    other = other.replace(avp("Result-Code", 2001), avp("Result-Code", 5012), 1)
    repeated = [
        *records[:6],
        Record(answer.at, 1, "pgw", again),
        Record(answer.at, 1, "ocs", other),
        Record(answer.at, 1, "ocs", answer.octets),
        *records[6:],
    ]
    rows = {deviation.requirement.id for deviation in check_records(repeated).deviations if deviation.sender == "ocs"}
    assert {"RFC6733-3-9", "RFC6733-3-7"} <= rows


def test_every_rule_is_there_once_or_has_a_case_of_its_own() -> None:
    names = [rule.fault.__name__ for rule in rules()]
    assert len(set(names)) == len(names)
