"""Provisioning by the file: `splitsim provision` against a running OCS with a store, both as processes.

Value: CPU seconds of client and OCS together. Baseline: what ruamel.yaml alone takes to read a file of 1,000 SIMs,
for each SIM; a ratio that stays the same from row to row is linear growth.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from ocs import control
from ocs.bench.rows import Row
from ocs.inventory.identifiers import complete_iccid

_BASELINE: Final = "ruamel_yaml_1k"
_START_SECONDS: Final = 60
_CATALOGUE: Final = """\
plans:
  - id: fleet
    kind: postpaid_individual
    included: 50 MB
    recurring: 1.20
    overage: {price: 0.02, per: 1 MB, block: 1 kB}
  - id: wifi
    kind: prepaid_individual
    free_quota: {id: trial, volume: 300 MB, valid: 28 days}
    bundles: [{id: 1gb, volume: 1 GB, valid: 28 days, price: 7.00}]
profiles:
  - id: car
    splits:
      - {id: fleet, party: b2b, payer: acme, apn: fleet.acme, rating_groups: [100], plan: fleet}
      - {id: wifi, party: b2c, apn: wifi, rating_groups: [200], plan: wifi}
accounts:
  - {id: acme, kind: company, name: ACME}
"""


def measure(sizes: tuple[int, ...]) -> Iterator[Row]:
    """A row for each number of SIMs, and one more for the same file again."""
    text = provisioning_file(1_000)
    started = time.process_time()
    YAML(typ="safe", pure=True).load(text)
    baseline = time.process_time() - started
    yield Row(_BASELINE, baseline, "CPU s", _BASELINE, 1.0)
    for sims in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from _provisioned(Path(folder), sims, baseline / 1_000)


def provisioning_file(sims: int) -> str:
    """A catalogue, and cars with a driver each, one a line."""
    lines = [_CATALOGUE.rstrip()]
    lines += [f"  - {{id: driver-{number:06}, kind: customer}}" for number in range(sims)]
    lines.append("sims:")
    for number in range(sims):
        iccid = complete_iccid(f"8999901{number:011}")
        lines.append(
            f'  - {{imsi: "00101{number:010}", iccid: "{iccid}", msisdn: "4915{number:09}", account: acme, '
            f"profile: car, payers: {{wifi: driver-{number:06}}}}}"
        )
    return "\n".join(lines) + "\n"


def _provisioned(folder: Path, sims: int, baseline: float) -> Iterator[Row]:
    (folder / "catalogue.yaml").write_text(_CATALOGUE, encoding="utf-8")
    (folder / "sims.yaml").write_text(provisioning_file(sims), encoding="utf-8")
    words = ["--provision", "catalogue.yaml", "--db", "sqlite:///ocs.db", "--gy", "127.0.0.1:0", "--log-level", "error"]
    server = subprocess.Popen(_splitsim("serve", *words), cwd=folder, stdout=subprocess.DEVNULL)
    try:
        _wait_for(folder / "ocs.db.control")
        for name in (f"provision_{sims // 1_000}k", f"provision_{sims // 1_000}k_again"):
            before = _cpu_of(server.pid) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            client = subprocess.Popen(
                _splitsim("provision", "sims.yaml", "--db", "sqlite:///ocs.db"), cwd=folder, stdout=subprocess.DEVNULL
            )
            _, status, used = os.wait4(client.pid, 0)
            client.returncode = os.waitstatus_to_exitcode(status)
            if client.returncode:
                raise RuntimeError(f"splitsim provision ended with {client.returncode}")
            cpu = _cpu_of(server.pid) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            more: dict[str, float | str] = {
                "ocs MB": _most_memory_of(server.pid) / 1024,
                "client MB": used.ru_maxrss / 1024,
            }
            yield Row(name, cpu, "CPU s", _BASELINE, cpu / sims / baseline, more)
    finally:
        server.terminate()
        server.wait()


def _splitsim(*words: str) -> list[str]:
    return [sys.executable, "-m", "splitsim", *words]


def _wait_for(path: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not control.listens(path):
        if time.monotonic() > until:
            raise RuntimeError(f"nobody listens at {path}")
        time.sleep(0.1)


def _cpu_of(pid: int) -> float:
    """User and system seconds of a process so far (proc(5))."""
    cells = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")


def _most_memory_of(pid: int) -> int:
    """Kilobytes of memory that a process has had at most."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])
