"""The cases as tests of pytest, as somebody starts them who has the package and an address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from conformance.mutants.started import started_node
from conformance.sut.ics import Ics
from conformance.taken import Taken


def pytest_of(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--pyargs", "conformance", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def given(ics: Ics) -> list[str]:
    rich = ics.subscribers.rich[0]
    return ["--ocs", ics.sut.address, "--imsi", rich.imsi, "--apn", rich.apn, "--rg", "200"]


def test_cases_are_tests_on_two_workers(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    chosen = "RFC6733-7.1.5-1 or ROB-3 or RFC6733-13-1 or RFC6733-3-2"
    with started_node("unknown_m_accepted") as ics:
        done = pytest_of(*given(ics), "-n", "2", "-q", "-rs", "-k", chosen, f"--junitxml={junit}", folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, " in done.stdout
    assert ", 1 skipped" in done.stdout
    assert "RFC6733-7.1.5-1 (MUST, RFC 6733 4.1, 7.1.5, parsing)" in done.stdout
    assert "<---- CCA-I" in done.stdout  # the ladder
    assert "RFC6733-13-1: N-A: the SUT is not reached by TLS" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    cases = {case.get("name"): case for case in ElementTree.parse(junit).iter("testcase")}
    assert [name for name, case in cases.items() if case.find("failure") is not None] == ["RFC6733-7.1.5-1"]
    properties = {one.get("name"): one.get("value") for one in cases["ROB-3"].iter("property")}
    assert properties == {"verdict": "PASS", "connection": "open", "requirements": "ROB-3"}


def test_nothing_happens_unless_an_sut_is_given(tmp_path: Path) -> None:
    assert pytest_of(folder=tmp_path).returncode == 5


def test_an_sut_that_is_not_there_is_said_first(tmp_path: Path) -> None:
    done = pytest_of("--ocs", "127.0.0.1:1", "--imsi", "001010000000001", "--apn", "internet", folder=tmp_path)
    assert done.returncode == 3
    assert "no TCP connection" in done.stderr
    wrong = pytest_of("--ocs", "nowhere", folder=tmp_path)
    assert wrong.returncode == 4
    assert "--imsi and --apn are needed" in wrong.stderr


def test_two_processes_never_take_the_same(tmp_path: Path) -> None:
    one, other = Taken(tmp_path), Taken(tmp_path)
    names = [f"prepaid-{number}" for number in range(4)]
    assert [one.take(name) for name in names[:2]] == [True, True]
    assert [other.take(name) for name in names] == [False, False, True, True]
    assert not one.take(names[0])
