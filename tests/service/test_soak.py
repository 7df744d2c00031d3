"""`serve` under load for an hour: memory and file handles flat, and never much to fold after the last checkpoint.

`SPLITSIM_SOAK_SECONDS` says how long, an hour if it is not set.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from ocs.control import ask
from tests.service.process import Served, splitsim
from tests.service.test_kill import PROVISIONING
from tests.service.test_metrics import children, page, values

SECONDS = int(os.environ.get("SPLITSIM_SOAK_SECONDS", "3600"))
RATE = 200
MB = 1_000_000
EVERY = 50_000
"""Rows from one checkpoint to the next (`ocs.store.checkpoint`)."""


class Sample(NamedTuple):
    """Of the Gy process and the web process, in octets; and rows that a restart would have to fold."""

    gy_octets: int
    web_octets: int
    gy_handles: int
    web_handles: int
    unfolded_rows: int
    wal_octets: int


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.soak
def test_an_hour_under_load_and_all_is_flat(tmp_path: Path) -> None:
    (tmp_path / "cars.yaml").write_text(PROVISIONING)
    words = ("--provision", "cars.yaml", "--db", "sqlite:///ocs.db")
    with Served(tmp_path, *words, "--http", "127.0.0.1:0") as served:
        found = re.search(r"metrics on (http://127\.0\.0\.1:\d+)/metrics", "".join(served.said))
        assert found is not None
        load = subprocess.Popen(
            [sys.executable, "-m", "splitsim", "load", "--ocs", f"127.0.0.1:{served.port}", "--rate", str(RATE),
             "--for", f"{SECONDS}s", "--imsi", "001010000000000", "--sims", "8", "--apn", "car.acme", "--rg", "200",
             "--connections", "2", "--updates", "500", "--json"],
            cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        samples = []
        while load.poll() is None:
            (web,) = children(served.process.pid)[:1]
            seen = values(page(f"{found[1]}/metrics")[1])
            gy = served.process.pid
            samples.append(
                Sample(
                    resident(gy),
                    resident(web),
                    handles(gy),
                    handles(web),
                    int(seen["splitsim_journal_unfolded_rows"]),
                    (tmp_path / "ocs.db-wal").stat().st_size,
                )
            )
            time.sleep(SECONDS / 600)
        assert load.stdout is not None
        result = json.loads(load.stdout.read())
        load.stdout.close()
        before = ask(tmp_path / served.control, "usage")
        assert served.stop() == 0
    print(result)
    for part in quarters(samples):
        print(Sample(*(int(median(column)) for column in zip(*part, strict=True))))
    assert result["unanswered"] == result["timeouts"] == 0
    assert set(result["result_codes"]) == {"2001"}
    assert result["answered"] > 0.3 * RATE * SECONDS  # less than asked for where the machine has other work
    _, second, _, last = quarters(samples)
    for name in ("gy_octets", "web_octets"):
        then, now = (median(getattr(sample, name) for sample in part) for part in (second, last))
        assert now < 1.1 * then + 4 * MB, name
    for name in ("gy_handles", "web_handles"):
        # A checkpoint in the making and a scrape of the moment each have one or two.
        assert max(getattr(sample, name) for sample in last) <= max(getattr(sample, name) for sample in second) + 2, (
            name
        )
    assert max(sample.unfolded_rows for sample in samples) < 3 * EVERY
    assert max(sample.wal_octets for sample in samples) < 64 * MB
    began = time.monotonic()
    with Served(tmp_path, *words) as again:
        assert time.monotonic() - began < 10  # whatever the journal's length
        assert ask(tmp_path / again.control, "usage") == before
        assert splitsim("usage", "--control", again.control, cwd=tmp_path).returncode == 0
    db = sqlite3.connect(tmp_path / "ocs.db")
    rows = db.execute("SELECT count(*) FROM journal WHERE kind = 'Charge'").fetchone()[0]
    db.close()
    assert rows == result["answered"]


def quarters(samples: list[Sample]) -> list[list[Sample]]:
    part = max(1, len(samples) // 4)
    return [samples[:part], samples[part : 2 * part], samples[2 * part : 3 * part], samples[3 * part :]]
