"""A small OCS on python-diameter's node, as somebody would write it in an afternoon: a fixed grant for whoever asks.

python foreign_ocs.py serve PORT PIDFILE      until it is killed
python foreign_ocs.py restart PORT PIDFILE    kills the one of PIDFILE, if any, and starts one in the background
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from diameter.message import Message
from diameter.message.avp.grouped import GrantedServiceUnit, MultipleServicesCreditControl
from diameter.message.constants import APP_DIAMETER_CREDIT_CONTROL_APPLICATION
from diameter.node import Node
from diameter.node.application import Application, SimpleThreadingApplication

HOST, REALM = "ocs.foreign.example", "foreign.example"
GATEWAYS = 1500
GRANT_OCTETS = 1_000_000


def answer(app: Application, request: Message) -> Message:
    """2001, and a million octets for every MSCC that asks."""
    cca = app.generate_answer(request, result_code=2001)
    cca.cc_request_type = request.cc_request_type
    cca.cc_request_number = request.cc_request_number
    for asked in request.multiple_services_credit_control or []:
        service = MultipleServicesCreditControl(result_code=2001)
        service.rating_group = asked.rating_group
        if asked.requested_service_unit is not None:
            service.granted_service_unit = GrantedServiceUnit(cc_total_octets=GRANT_OCTETS)
        cca.multiple_services_credit_control.append(service)
    return cca


def serve(port: int) -> None:
    node = Node(HOST, REALM, ip_addresses=["127.0.0.1"], tcp_port=port, vendor_ids=[10415])
    peers = [
        node.add_peer(f"aaa://pgw{number}.conformance.example", "conformance.example")
        for number in range(1, GATEWAYS + 1)
    ]
    app = SimpleThreadingApplication(
        APP_DIAMETER_CREDIT_CONTROL_APPLICATION, is_auth_application=True, request_handler=answer
    )
    node.add_application(app, peers, realms=[REALM])
    node.start()
    signal.pause()


def start(port: int, pid_file: Path) -> subprocess.Popen[bytes]:
    """Starts one in the background and waits until it listens."""
    process = subprocess.Popen(
        [sys.executable, __file__, "serve", str(port), str(pid_file)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    pid_file.write_text(str(process.pid))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.05)
    raise SystemExit("it does not listen")


def kill(pid_file: Path) -> None:
    """Ends the one of a PID file, if there is one, and only that."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


if __name__ == "__main__":
    what, number, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if what == "serve":
        path.write_text(str(os.getpid()))
        serve(number)
    else:
        kill(path)
        start(number, path)
