"""Processes that answer Gy, and tell how much CPU time they have used.

Each takes a pipe: it sends its port, then answers every word with its CPU seconds so far, until the word is
`stop`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from ocs.bench.loads import SLICE_OCTETS, provisioning
from ocs.charging.commands import Provision
from ocs.charging.engine import Engine
from ocs.gy.node import Identity
from ocs.gy.server import GyServer
from ocs.service import Service, spare_the_collector
from ocs.store.journal import Journal, MemoryJournal


def ocs(pipe: Connection, sims: int, journal: Callable[[], Journal] = MemoryJournal) -> None:
    """A served OCS with `sims` SIMs."""
    asyncio.run(_ocs(pipe, sims, journal))


async def _ocs(pipe: Connection, sims: int, journal: Callable[[], Journal]) -> None:
    engine = Engine("ocs.example", "example")
    server = GyServer(Identity(host="ocs.example", realm="example"))
    service = Service(engine, journal(), server, lambda: time.time_ns() // 1000)
    await server.start("127.0.0.1", 0)
    serving = asyncio.create_task(service.run())
    await service.execute(Provision(provisioning(sims), "bench"))
    spare_the_collector()
    stopped = asyncio.Event()

    def word() -> None:
        if pipe.recv() == "stop":
            stopped.set()
        else:
            pipe.send(time.process_time())

    asyncio.get_running_loop().add_reader(pipe.fileno(), word)
    pipe.send(server.port)
    await stopped.wait()
    await service.stop()
    await serving
    pipe.send(time.process_time())


def python_diameter(pipe: Connection) -> None:
    """A python-diameter node that grants every rating group a fixed slice, in its read thread, and nothing else."""
    from diameter.message.avp.grouped import GrantedServiceUnit, MultipleServicesCreditControl
    from diameter.message.commands.credit_control import CreditControlRequest
    from diameter.message.constants import APP_DIAMETER_CREDIT_CONTROL_APPLICATION
    from diameter.node import Node
    from diameter.node.application import Application

    class FixedGrants(Application):  # type: ignore[misc]
        def receive_request(self, message: Any) -> None:
            assert isinstance(message, CreditControlRequest)
            answer = self.generate_answer(message, result_code=2001)
            answer.cc_request_type = message.cc_request_type
            answer.cc_request_number = message.cc_request_number
            for asked in message.multiple_services_credit_control:
                granted = MultipleServicesCreditControl(
                    rating_group=asked.rating_group,
                    result_code=2001,
                    validity_time=3600,
                    granted_service_unit=GrantedServiceUnit(cc_total_octets=SLICE_OCTETS),
                )
                answer.multiple_services_credit_control.append(granted)
            self.send_answer(answer)

    # The node takes no port 0: let the system choose one that is free at this moment.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    node = Node("ocs.example", "example", ip_addresses=["127.0.0.1"], tcp_port=port)
    application = FixedGrants(APP_DIAMETER_CREDIT_CONTROL_APPLICATION, is_auth_application=True)
    peers = [node.add_peer(f"aaa://pgw{n}.example", "example") for n in range(4)]
    node.add_application(application, peers)
    node.start()
    pipe.send(port)
    while pipe.recv() != "stop":
        pipe.send(time.process_time())
    node.stop(force=True)
    pipe.send(time.process_time())
