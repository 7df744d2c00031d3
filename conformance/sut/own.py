"""Our own OCS and gateway as systems under test: `splitsim serve` and `splitsim pgw`, processes on the network.

Their hooks are their own commands, and the door of the gateway.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conformance.sut.hooks import HookFailed, Hooks
from conformance.sut.ics import (
    Claims,
    HookName,
    HookSpec,
    Http,
    Ics,
    Subscriber,
    Subscribers,
    Sut,
    Timers,
    split_address,
)
from conformance.sut.world import ALTERATIONS, CLAIMS, EDR_COLUMNS, orders, world, write_provisioning
from conformance.tester.request import Node
from conformance.tester.station import Station

_START_SECONDS_MAX = 30


PGW = (sys.executable, "-m", "splitsim", "pgw")
"""The command that starts our gateway."""


@contextmanager
def started_pgw(command: Sequence[str] = PGW) -> Iterator[tuple[Ics, Station]]:
    """`splitsim pgw` as a process that dials a station of the tester's, with its PIXIT; both end with the context."""
    station = Station(Node("ocs.conformance.example", "conformance.example"))
    second = station.add_alternate()
    dials = ("--ocs", f"127.0.0.1:{station.port}", "--alternate", f"127.0.0.1:{second.port}")
    named = ("--host", "pgw.splitsim.example", "--realm", "conformance.example")
    timed = ("--tx", "1s", "--reconnect", "1s", "--watchdog", "2s", "--retry", "1s")
    options = (*dials, *named, *timed, "--control", "127.0.0.1:0")
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            door = _door(process)
            threading.Thread(target=_read_on, args=(process,), daemon=True).start()
            subscriber = Subscriber(imsi="001010000000001", apn="wifi", rating_groups=(200, 201))
            yield (
                Ics(
                    sut=Sut(
                        name="our own gateway", side="pgw", address=f"127.0.0.1:{station.port}",
                        alternate=f"127.0.0.1:{second.port}",
                    ),
                    timers=Timers(
                        answer_seconds=2, quiet_seconds=0.4, tx_seconds=1, reconnect_seconds=4, watchdog_seconds=2,
                        capabilities_seconds=3,
                    ),
                    subscribers=Subscribers(rich=(subscriber,)),
                    claims=Claims(counts_time=True),
                    hooks=_orders(door),
                ),
                station,
            )  # fmt: skip
        finally:
            process.kill()
            station.close()


def _door(process: subprocess.Popen[str]) -> str:
    """Where the gateway takes orders."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        if line.startswith("orders on "):
            return line.removeprefix("orders on ").strip()
        seen.append(line)
    raise RuntimeError("splitsim pgw takes no orders: " + "".join(seen))


def _read_on(process: subprocess.Popen[str]) -> None:
    """What it tells is read, so that it never waits for a reader."""
    assert process.stdout is not None
    with contextlib.suppress(ValueError):
        for _ in process.stdout:
            pass


def _orders(door: str) -> dict[HookName, HookSpec]:
    """What the gateway takes at its door (`splitsim pgw --control`)."""
    orders: dict[HookName, str] = {
        "attach": "imsi={imsi}&apn={apn}&rating_groups={rating_groups}",
        "use": "imsi={imsi}&rating_group={rating_group}&up={up}&down={down}",
        "change": "imsi={imsi}&trigger={trigger}",
        "detach": "imsi={imsi}",
    }
    return {name: HookSpec(http=Http(method="GET", url=f"{door}/{name}?{told}")) for name, told in orders.items()}


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
