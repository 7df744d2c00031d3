"""An independent witness of a wire run: tshark counts the same CCRs on the loopback and finds no fault in them."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.scenarios.command import splitsim

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None or shutil.which("dumpcap") is None,
    reason="needs tshark and dumpcap (Debian: tshark)",
)


def tshark(capture: Path, port: int, display_filter: str, *fields: str) -> list[list[str]]:
    """The fields of every frame that passes the filter."""
    words = ["tshark", "-r", str(capture), "-d", f"tcp.port=={port},diameter", "-Y", display_filter, "-T", "fields"]
    words += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_tshark_sees_the_ccrs_that_the_run_reports_and_no_malformed_message(small: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    capture = tmp_path / "run.pcapng"
    dumpcap = subprocess.Popen(
        ["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-B", "64", "-w", str(capture)],
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 20
        while not capture.exists() or not capture.stat().st_size:
            assert dumpcap.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.5)
        done = splitsim(
            "run", str(small), "--link", "wire", "--gy-port", str(port), "--no-report", "--out", "out", cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        time.sleep(1)
    finally:
        dumpcap.terminate()
        dumpcap.wait(20)
    reported = json.loads((tmp_path / "out" / "run.json").read_text())
    # A frame can hold several messages: count messages, not frames.
    flags = tshark(capture, port, "diameter.cmd.code == 272", "diameter.cmd.code", "diameter.flags.request")
    kinds = [
        (code, request)
        for codes, requests in flags
        for code, request in zip(codes.split(","), requests.split(","), strict=True)
    ]
    asked = sum(code == "272" and request in ("1", "True") for code, request in kinds)
    assert asked == reported["credit_control_requests"] > 500
    assert sum(code == "272" and request in ("0", "False") for code, request in kinds) == asked
    wrong = "diameter && (_ws.malformed || (_ws.expert && _ws.expert.severity >= 6291456))"
    # An RSU without content is how a client leaves the quota to the OCS (TS 32.299 6.5.2); tshark remarks on any AVP
    # without content.
    remarks = {
        message for (messages,) in tshark(capture, port, wrong, "_ws.expert.message") for message in messages.split(",")
    }
    assert remarks == {"Data is empty"}
    assert tshark(capture, port, f"({wrong}) && diameter.flags.request == 0", "frame.number") == []
    octets = sum(int(length) for (length,) in tshark(capture, port, "tcp.len > 0", "tcp.len"))
    assert octets == reported["wire_octets"]
