"""Starts the OCS of `conformance.mutants.node`, sound or with a fault, and describes it as a system under test."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.sut.hooks import Hooks
from conformance.sut.ics import HookName, HookSpec, Http, Ics, Subscriber, Subscribers, Sut, Timers
from conformance.sut.world import CLAIMS, EDR_COLUMNS, orders, world, write_provisioning
from conformance.tester.request import Node
from conformance.tester.station import Station


@contextmanager
def started_node(mutant: str | None = None, *, watchdog_seconds: float = 2.0) -> Iterator[Ics]:
    """The process and its PIXIT; it ends with the context."""
    provisioning, subscribers = world()
    with tempfile.TemporaryDirectory(prefix="splitsim-") as folder:
        path = Path(folder) / "provisioning.yaml"
        write_provisioning(provisioning, path)
        for what, order in orders().items():
            write_provisioning(order, path.with_name(f"{what}.yaml"))
        command = [sys.executable, "-m", "conformance.mutants.node", str(path), "--watchdog", str(watchdog_seconds)]
        command += ["--capabilities", "2", *(["--mutant", mutant] if mutant else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                ports = json.loads(process.stdout.readline())
                ics = Ics(
                    sut=Sut(name=mutant or "our engine", address=f"127.0.0.1:{ports['gy']}"),
                    timers=Timers(
                        answer_seconds=2, quiet_seconds=0.3, capabilities_seconds=3, watchdog_seconds=watchdog_seconds
                    ),
                    claims=CLAIMS,
                    subscribers=subscribers,
                    hooks=_hooks(f"http://127.0.0.1:{ports['http']}"),
                )
                barred = subscribers.barred[0]
                Hooks(ics.hooks).call("suspend", imsi=barred.imsi, split=barred.split)
                yield ics
            finally:
                process.kill()


def _hooks(door: str) -> dict[HookName, HookSpec]:
    def get(target: str, columns: dict[str, str] | None = None) -> HookSpec:
        return HookSpec(http=Http(method="GET", url=f"{door}{target}"), columns=columns or {})

    return {
        "top_up": get("/topup?imsi={imsi}&split={split}&bundle=more"),
        "suspend": get("/suspend?imsi={imsi}&split={split}"),
        "resume": get("/resume?imsi={imsi}&split={split}"),
        "alter": get("/alter?imsi={imsi}&what={what}"),
        "provision": get("/provision?what={what}&imsi={imsi}&id={id}"),
        "edrs": get("/edrs", EDR_COLUMNS),
        "invoices": get("/invoices"),
    }


@contextmanager
def started_gateway(mutant: str | None = None) -> Iterator[tuple[Ics, Station]]:
    """The gateway of `conformance.mutants.pgw_node`, and the station that it dials; both end with the context."""
    station = Station(Node("ocs.conformance.example", "conformance.example"))
    command = [sys.executable, "-m", "conformance.mutants.pgw_node", f"127.0.0.1:{station.port}"]
    command += ["--mutant", mutant] if mutant else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            door = f"http://127.0.0.1:{json.loads(process.stdout.readline())['http']}"
            subscriber = Subscriber(imsi="001010000000001", apn="wifi", rating_groups=(200, 201))
            yield (
                Ics(
                    sut=Sut(name=mutant or "our gateway", side="pgw", address=f"127.0.0.1:{station.port}"),
                    timers=Timers(
                        answer_seconds=2, quiet_seconds=0.4, tx_seconds=1, reconnect_seconds=4, watchdog_seconds=2,
                        capabilities_seconds=4,
                    ),
                    subscribers=Subscribers(rich=(subscriber,)),
                    hooks=_gateway_hooks(door),
                ),
                station,
            )  # fmt: skip
        finally:
            process.kill()
            station.close()


def _gateway_hooks(door: str) -> dict[HookName, HookSpec]:
    def get(target: str) -> HookSpec:
        return HookSpec(http=Http(method="GET", url=f"{door}{target}"))

    return {
        "attach": get("/attach?imsi={imsi}&apn={apn}&rating_groups={rating_groups}"),
        "use": get("/use?imsi={imsi}&rating_group={rating_group}&up={up}&down={down}"),
        "change": get("/change?imsi={imsi}&trigger={trigger}"),
        "detach": get("/detach?imsi={imsi}"),
    }
