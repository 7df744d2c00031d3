"""Our own OCS as a system under test: `splitsim serve` as a process on the network, its commands as hooks."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.sut.hooks import HookFailed, Hooks
from conformance.sut.ics import HookName, HookSpec, Ics, Sut, Timers, split_address
from conformance.sut.world import ALTERATIONS, CLAIMS, EDR_COLUMNS, orders, world, write_provisioning

_START_SECONDS_MAX = 30


@contextmanager
def started_serve() -> Iterator[Ics]:
    """`splitsim serve` as a process on a store of its own, and its PIXIT; it ends with the context."""
    provisioning, subscribers = world()
    with tempfile.TemporaryDirectory(prefix="splitsim-") as name:
        folder = Path(name)
        write_provisioning(provisioning, folder / "provisioning.yaml")
        for what, order in orders().items():
            write_provisioning(order, folder / f"{what}.yaml")
        address = f"127.0.0.1:{_free_port()}"
        hooks = Hooks(_hooks(folder, address))
        try:
            hooks.call("restart")
            _await(address, folder)
            barred = subscribers.barred[0]
            hooks.call("suspend", imsi=barred.imsi, split=barred.split)
            yield Ics(
                sut=Sut(name="our own OCS", address=address),
                timers=Timers(answer_seconds=8, quiet_seconds=0.3, capabilities_seconds=12),
                claims=CLAIMS,
                subscribers=subscribers,
                hooks=_hooks(folder, address),
            )
        finally:
            with contextlib.suppress(HookFailed):
                hooks.call("kill")


def _free_port() -> int:
    """A port that nobody uses: the OCS has to come back on it after a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(address: str, folder: Path) -> None:
    """Waits until the OCS listens."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            socket.create_connection(split_address(address), timeout=1).close()
        except OSError:
            if not Path(f"/proc/{(folder / 'pid').read_text().strip()}").exists() and Path("/proc/self").exists():
                break
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("splitsim serve does not listen: " + (folder / "log").read_text(encoding="utf-8"))


def _hooks(folder: Path, address: str) -> dict[HookName, HookSpec]:
    """Its own commands, worked through a shell."""
    splitsim = shlex.join([sys.executable, "-m", "splitsim"])
    here, db = shlex.quote(str(folder)), shlex.quote(f"sqlite:///{folder}/ocs.db")
    serve = f"{splitsim} serve --provision {here}/provisioning.yaml --db {db} --gy {address}"
    end = f"kill $(cat {here}/pid) && while kill -0 $(cat {here}/pid); do sleep 0.05; done 2>/dev/null"
    provision = f"{splitsim} provision {here}/{{what}}{{imsi}}.yaml --db {db} --request-id {{id}}"
    return {
        "top_up": HookSpec(command=f"{splitsim} topup {{imsi}} more --split {{split}} --db {db}"),
        "suspend": HookSpec(command=_of_split(f"{splitsim} suspend {{imsi}} --db {db}")),
        "alter": HookSpec(command=_altering(f"{splitsim} profile {{imsi}}", f"--db {db}")),
        "resume": HookSpec(command=_of_split(f"{splitsim} resume {{imsi}} --db {db}")),
        "edrs": HookSpec(command=f"{splitsim} edrs --db {db} --session {{session_id}}", columns=EDR_COLUMNS),
        "invoices": HookSpec(command=_closing(splitsim, db)),
        "provision": HookSpec(command=provision),
        "restart": HookSpec(command=f"nohup {serve} >{here}/log 2>&1 </dev/null & echo $! >{here}/pid"),
        "kill": HookSpec(command=f"kill -9 $(cat {here}/pid)"),
        "stop": HookSpec(command=end),
    }


def _altering(profile: str, db: str) -> str:
    """The orders of hook alter (`conformance.cases.alterations`)."""
    orders = []
    for what, (name, payers) in ALTERATIONS.items():
        told = [*([name] if name else []), *(f"--payer {split}={account}" for split, account in payers.items())]
        orders.append(f"{what}) {profile} {' '.join(told)} {db} ;;")
    return f"case {{what}} in {' '.join(orders)} *) exit 2 ;; esac"


def _closing(splitsim: str, db: str) -> str:
    """Closes the cycle that runs, in a folder that is thrown away: bills as if it ended now."""
    print_rows = shlex.join([sys.executable, "-m", "conformance.sut.bills"])
    close = f"{splitsim} bill --db {db} --cycle $(date -u +%Y-%m) --early --out $out"
    return f"out=$(mktemp -d); {close} >&2 && {print_rows} $out/*; done=$?; rm -r $out; exit $done"


def _of_split(command: str) -> str:
    """With --split, unless the SIM as a whole is meant."""
    return f"split={{split}}; {command} ${{{{split:+--split $split}}}}"
