"""Wireshark's tshark as a linter: nothing that we send has an error or is malformed in its eyes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ocs.gy.codec import decode
from ocs.gy.pcap import write_pcap
from tests.gy import emitted, octets

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (Debian package tshark)"
)

WARNING = 6291456
"""Errors are 8388608."""


def tshark(path: Path, display: str, *fields: str) -> list[list[str]]:
    command = ["tshark", "-r", str(path), "-n", "-d", "tcp.port==3868,diameter", "-Y", display, "-T", "fields"]
    command += ["-E", "separator=|", *[part for field in fields for part in ("-e", field)]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def complaints(path: Path, messages: list[bytes]) -> dict[int, list[tuple[int, str]]]:
    """By number of the message: severity and text of what tshark has to say."""
    write_pcap(path, [(number, False, message) for number, message in enumerate(messages)])
    rows = tshark(
        path,
        "diameter && (_ws.expert || _ws.malformed)",
        "frame.number", "_ws.expert.severity", "_ws.expert.message",
    )  # fmt: skip
    found: dict[int, list[tuple[int, str]]] = {}
    for frame, severities, text in rows:
        found[int(frame) - 1] = [(int(severity), text) for severity in severities.split(",") if severity]
    return found


def test_it_finds_nothing_wrong_with_what_we_send(tmp_path: Path) -> None:
    names, messages = zip(*emitted.everything().items(), strict=True)
    found = complaints(tmp_path / "all.pcap", list(messages))
    frames = tshark(tmp_path / "all.pcap", "diameter", "frame.number")
    assert len(frames) == len(messages) > 200
    for number, what in found.items():
        message = decode(messages[number]).message
        for severity, text in what:
            assert severity <= WARNING, (names[number], text)
            # A warning is about what was wrong in the request: its unknown command, or the AVP in Failed-AVP, which
            # may be unknown, or an example without a value (RFC 6733 7.1.5).
            if message.result_code == 3001:
                assert text.startswith("Unknown command")
            else:
                assert message.failed_avp, (names[number], text)
                assert text.startswith(("Unknown AVP", "Data is empty"))


def test_it_sees_as_many_messages_of_each_kind(tmp_path: Path) -> None:
    messages = list(emitted.everything().values())
    write_pcap(tmp_path / "all.pcap", [(number, True, message) for number, message in enumerate(messages)])
    rows = tshark(tmp_path / "all.pcap", "diameter", "diameter.cmd.code", "diameter.flags", "diameter.hopbyhopid")
    seen = [(int(code), int(flags, 0), int(hop_by_hop, 0)) for code, flags, hop_by_hop in rows]
    sent = [decode(message).header for message in messages]
    assert seen == [(header.command_code, header.flags, header.hop_by_hop) for header in sent]


@pytest.mark.parametrize(
    "broken",
    [
        octets.ccr(octets.avp(1, b"user", length=60_000)),
        octets.ccr(_415=octets.avp(415, b"\0\0\1")),
        octets.ccr(octets.avp(9999, b"what?")),
        octets.ccr(octets.avp(1, b"user1")[:-1] + b"\1"),
    ],
    ids=["length", "Unsigned32", "unknown AVP", "padding"],
)
def test_it_would_find_what_is_wrong(tmp_path: Path, broken: bytes) -> None:
    assert complaints(tmp_path / "broken.pcap", [octets.ccr(), broken]).keys() == {1}


def test_a_capture_holds_messages_longer_than_an_ip_packet(tmp_path: Path) -> None:
    long = octets.ccr(octets.avp(9999, bytes(80_000), flags=0))
    write_pcap(tmp_path / "long.pcap", [(1, True, long), (2, False, octets.dwr())])
    assert tshark(tmp_path / "long.pcap", "diameter", "diameter.length") == [[str(len(long))], [str(len(octets.dwr()))]]
