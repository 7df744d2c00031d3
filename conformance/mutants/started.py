"""Starts an OCS or a gateway, sound or with a fault, and describes it as a system under test."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from conformance.sut.hooks import Hooks
from conformance.sut.ics import HookName, HookSpec, Http, Ics, Sut, Timers
from conformance.sut.own import PGW, started_pgw
from conformance.sut.world import CLAIMS, EDR_COLUMNS, orders, world, write_provisioning
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


def started_gateway(mutant: str | None = None) -> AbstractContextManager[tuple[Ics, Station]]:
    """Our gateway, sound or with a fault, and the station that it dials; both end with the context."""
    return started_pgw(PGW if mutant is None else (sys.executable, "-m", "conformance.mutants.pgw_node", mutant))
