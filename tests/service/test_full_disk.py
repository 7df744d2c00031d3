"""A full disk under the store: nothing half written, an error answer, and service again as soon as there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.process import Served
from tests.service.test_serve import MB, ccr, exchange, exchange_any, usage


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to be root and allowed to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing_that_was_answered_and_takes_nothing_that_was_not(small_disk: Path) -> None:
    with Served(small_disk.parent, "--db", f"sqlite:///{small_disk}/ocs.db") as running:
        opened, used = exchange(running.port, ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 4 * MB, True)))
        assert (opened.result_code, used.result_code) == (2001, 2001)
        before = usage(running)["001010000000002", "wifi"]
        _fill(small_disk)
        update = ccr("U", 2, (200, 1 * MB, True))
        (refused,) = exchange_any(running.port, update)
        assert refused.result_code == 3002  # nobody said Destination-Host: another OCS could serve it
        assert usage(running)["001010000000002", "wifi"] == before
        (small_disk / "ballast").unlink()
        (granted,) = exchange(running.port, update)
        assert granted.result_code == 2001
        after = usage(running)["001010000000002", "wifi"]
        assert after["reserved"] + after["remaining"] == 5 * MB
        assert running.stop() == 0
    with Served(small_disk.parent, "--db", f"sqlite:///{small_disk}/ocs.db") as again:
        assert usage(again)["001010000000002", "wifi"] == after


def _fill(folder: Path) -> None:
    """Until not one octet more fits."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
