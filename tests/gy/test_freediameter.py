"""freeDiameter as a relay between a gateway and our OCS: sessions, pushes and refusals through it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ocs.gy.client import GyClient
from ocs.gy.codec import decode
from ocs.gy.events import PeerOpened
from ocs.gy.messages import Cca, Ccr, ErrorAnswer, Rar
from ocs.gy.node import Identity
from tests.gy import octets
from tests.gy.serving import Charging, obliging, serving, until, wired
from tests.gy.test_server import rar

EXTENSIONS = Path("/usr/lib/freeDiameter")

pytestmark = pytest.mark.skipif(
    shutil.which("freeDiameterd") is None or not (EXTENSIONS / "dict_dcca_3gpp.fdx").exists(),
    reason="freeDiameter is not installed (Debian packages freediameterd, freediameter-extensions)",
)

GUIDE = Path(__file__).parents[2] / "docs" / "connect-a-pgw.md"


def configuration(port: int, ocs_port: int, folder: Path) -> str:
    """What the guide tells to write, on the loopback, with files of our own."""
    [block] = [block for block in GUIDE.read_text().split("```") if 'Identity = "dra.example"' in block]
    for said, here in (
        ("\nPort = 3868;", f'\nPort = {port};\nListenOn = "127.0.0.1";\nNo_IPv6;'),
        ('ConnectTo = "192.0.2.10"; Port = 3868;', f'ConnectTo = "127.0.0.1"; Port = {ocs_port}; TcTimer = 1;'),
        ("/etc/freeDiameter", str(folder)),
    ):
        assert said in block
        block = block.replace(said, here)
    return block


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def relay(folder: Path, ocs_port: int) -> AsyncIterator[int]:
    """A freeDiameter process between anybody of *.example and the OCS at that port; gives its own."""
    port = free_port()
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    certificate += ["-subj", "/CN=dra.example", "-days", "2", "-out", "cert.pem", "-keyout", "key.pem"]
    subprocess.run(certificate, cwd=folder, check=True, capture_output=True)
    (folder / "acl_wl.conf").write_text("ALLOW_IPSEC *.example\n")
    (folder / "relay.conf").write_text(configuration(port, ocs_port, folder))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "freeDiameterd", "-c", str(folder / "relay.conf"), stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield port
        finally:
            process.kill()
            await process.wait()


async def connected(port: int, on_push: Any) -> GyClient:
    """A client of the relay, as soon as that listens."""
    for _ in range(100):
        try:
            return await GyClient.connect(
                "127.0.0.1", port, Identity(host="pgw.example", realm="example"), on_push=on_push
            )
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError("the relay does not listen")


async def routed(pgw: GyClient, request: Ccr) -> Cca | ErrorAnswer:
    """The answer to a request, as soon as the relay has taken in our CEA: before, it knows no way (3002)."""
    for _ in range(100):
        answer = await pgw.request(request)
        if answer.result_code != 3002:
            break
        await asyncio.sleep(0.1)
    return answer


def ccr(number: int, kind: int, *more: bytes, session: str = "pgw;1;2") -> Ccr:
    message = decode(octets.charging(number, kind, *more, session=session)).message
    assert isinstance(message, Ccr)
    return message


@wired
async def test_sessions_through_the_relay(tmp_path: Path) -> None:
    opened: list[PeerOpened] = []
    ocs = Charging()
    observe = lambda host, event: opened.append(event) if isinstance(event, PeerOpened) else None  # noqa: E731
    async with serving(decide=ocs, observe=observe) as served, relay(tmp_path, served.server.port) as port:
        await until(lambda: bool(opened), 20)
        capabilities = opened[0].capabilities
        assert (capabilities.origin_host, capabilities.auth_application_id) == ("dra.example", (0xFFFFFFFF,))
        pushed: list[Any] = []
        pgw = await connected(port, lambda push: (pushed.append(push), obliging(push))[1])

        granted = await routed(pgw, ccr(0, 1, octets.mscc(200)))
        assert isinstance(granted, Cca), granted
        [mscc] = granted.multiple_services_credit_control
        assert mscc.granted_service_unit is not None
        assert (mscc.result_code, mscc.granted_service_unit.cc_total_octets) == (2001, 4_000_000)
        assert served.requests[0].route_record == ("pgw.example",)
        assert granted.origin_host == "ocs.example"

        # A push finds its gateway behind the relay.
        push = served.server.push(rar())
        assert push is not None
        served.server.flush()
        answer = await push
        assert answer is not None
        assert (answer.result_code, [type(message) for message in pushed]) == (2001, [Rar])

        # A repeat is known, whichever way it takes.
        report = ccr(1, 2, octets.mscc(200, octets.used(3_000_000)))
        first = await pgw.request(report)
        assert await pgw.request(report, retransmitted=True) == first
        assert served.taken[-1][0].retransmitted

        # What the OCS refuses comes through as it is.
        refused = await pgw.request(ccr(0, 1, octets.mscc(1), session="other"))
        assert isinstance(refused, Cca)
        elsewhere = ccr(0, 1, octets.mscc(200), session="third")
        elsewhere.destination_host = "nobody.example"
        lost = await pgw.request(elsewhere)
        assert isinstance(lost, ErrorAnswer)
        assert lost.result_code == 3002
        ended = await pgw.request(ccr(2, 3))
        assert ended.result_code == 2001
        await pgw.close()
    assert sum(edr.octets_total or 0 for edr in ocs.edrs if edr.session_id == "pgw;1;2") == 3_000_000
