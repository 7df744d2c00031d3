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
from conformance.sut.ics import HookName, HookSpec, Http, Ics, Sut, Timers
from conformance.sut.own import CLAIMS, EDR_COLUMNS, world, write_provisioning


@contextmanager
def started_node(mutant: str | None = None, *, watchdog_seconds: float = 2.0) -> Iterator[Ics]:
    """The process and its PIXIT; it ends with the context."""
    provisioning, subscribers = world()
    with tempfile.TemporaryDirectory(prefix="splitsim-") as folder:
        path = Path(folder) / "provisioning.yaml"
        write_provisioning(provisioning, path)
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
        "edrs": get("/edrs", EDR_COLUMNS),
    }
