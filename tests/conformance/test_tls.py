"""The tester over TLS: our served OCS that asks for certificates, and handshakes that fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import commands
from conformance.runner import run_cases
from conformance.selection import Selection
from conformance.sut.given import Options, pixit
from conformance.sut.ics import Ics
from conformance.sut.world import world, write_provisioning
from conformance.verdicts import Verdict
from tests.service.process import Served

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian package)")

cli = CliRunner()


def certificate(folder: Path, name: str, *hosts: str) -> None:
    """Self-signed, for these hosts."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ",".join(f"DNS:{host}" for host in hosts)
    more = [
        "-days",
        "2",
        "-subj",
        "/CN=x",
        "-addext",
        f"subjectAltName={names}",
        "-out",
        f"{name}.pem",
        "-keyout",
        f"{name}.key",
    ]
    subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True)


class Secured:
    """Where it is, and the options that reach it."""

    def __init__(self, folder: Path, port: int, imsi: str) -> None:
        self.given = ["--ocs", f"127.0.0.1:{port}", "--imsi", imsi, "--apn", "wifi", "--rg", "200"]
        self.ca = ["--tls-ca", str(folder / "ocs.pem")]
        self.name = ["--tls-name", "ocs.example"]
        self.mine = ["--tls-cert", str(folder / "pgw.pem"), "--tls-key", str(folder / "pgw.key")]
        self.folder = folder
        self.options = Options(
            None, f"127.0.0.1:{port}", imsi, None, "wifi", (200,), True, folder / "ocs.pem", folder / "pgw.pem",
            folder / "pgw.key", "ocs.example",
        )  # fmt: skip


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, "ocs", "ocs.example")
    certificate(folder, "pgw", *(f"pgw{n}.conformance.example" for n in range(1, 30)))
    provisioning, subscribers = world()
    sims = provisioning["sims"]
    assert isinstance(sims, list)
    write_provisioning({**provisioning, "sims": sims[:2]}, folder / "world.yaml")
    words = ("--tls-cert", "ocs.pem", "--tls-key", "ocs.key", "--tls-clients", "pgw.pem")
    served = Served(folder, "--provision", "world.yaml", *words)
    try:
        yield Secured(folder, served.port, subscribers.rich[0].imsi)
    finally:
        served.kill()
        served.process.communicate()


def test_cases_over_tls(secured: Secured) -> None:
    ids = ("ROB-3", "RFC6733-13", "RFC6733-5.3-1", "RFC6733-5.3-9", "RFC6733-2.1-5", "RFC6733-3-3")
    result = run_cases(pixit(secured.options), Selection(ids=ids).chosen(), workers=2)
    assert result.trouble == ""
    verdicts = {case.case_id: (case.verdict, case.findings) for case in result.results}
    assert verdicts.pop("RFC6733-5.3-9")[0] is Verdict.N_A
    assert set(verdicts) >= {"RFC6733-13-1", "RFC6733-13.1-1", "RFC6733-2.1-5"}
    assert {name: seen for name, seen in verdicts.items() if seen[0] is not Verdict.PASS} == {}


def test_without_tls_its_cases_are_not_applicable(node: Ics) -> None:
    result = run_cases(node, Selection(ids=("RFC6733-13",)).chosen())
    assert [case.verdict for case in result.results] == [Verdict.N_A, Verdict.N_A]


def test_plain_diameter_is_no_tls(secured: Secured, node: Ics) -> None:
    result = run_cases(pixit(secured.options).model_copy(update={"sut": node.sut}), Selection(ids=("ROB-3",)).chosen())
    assert not result.reachable
    assert "is this its TLS listener?" in result.trouble


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "or is it TLS (--tls)?"),
        (("--tls",), "give the authority that issued its certificate: --tls-ca"),
        (("ca",), "its certificate is for another name: say which with --tls-name"),
        (("ca", "name"), "the tester's certificate, or its lack"),
        (("ca", "name", "mine"), "octets granted"),
    ],
)
def test_doctor_says_why_a_handshake_fails(secured: Secured, words: tuple[str, ...], told: str) -> None:
    options = [option for word in words for option in getattr(secured, word, [word])]
    done = cli.invoke(commands, ["doctor", *secured.given, *options])
    assert done.exit_code == (0 if "mine" in words else 3), done.output
    assert told in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tls-cert", "a.pem"], "--tls-cert and --tls-key go together"),
        (["--tls-ca", "none.pem"], "none.pem: cannot be used: No such file"),
    ],
)
def test_files_that_make_no_tls(secured: Secured, words: list[str], told: str) -> None:
    done = cli.invoke(commands, ["run", *secured.given, *words])
    assert done.exit_code == 2
    assert told in done.output


def test_an_ocs_that_asks_for_no_certificate_is_found_out(secured: Secured, tmp_path: Path) -> None:
    """RFC 6733 13.1: it must. Paths of the PIXIT stand from its folder, and the finding replays over TLS."""
    file, out = secured.folder / "pixit.yaml", tmp_path / "out"
    file.write_text("tls: {authorities: ocs.pem, certificate: pgw.pem, key: pgw.key, server_name: ocs.example}\n")
    served = Served(
        tmp_path, "--tls-cert", str(secured.folder / "ocs.pem"), "--tls-key", str(secured.folder / "ocs.key")
    )
    try:
        ics = pixit(Options(file, f"127.0.0.1:{served.port}", "001010000000001", None, "internet", (1,)))
        given = ["--ocs", ics.sut.address, "--imsi", "001010000000001", "--apn", "internet"]
        done = cli.invoke(commands, ["run", str(file), *given, "--id", "RFC6733-13", "--out", str(out)])
        replay = [sys.executable, "-I", str(out / "findings" / "RFC6733-13.1-1" / "replay.py")]
        again = subprocess.run(replay, capture_output=True, text=True)
    finally:
        served.kill()
        served.process.communicate()
    assert "RFC6733-13.1-1" in done.output
    assert done.exit_code == 1, done.output
    assert again.returncode == 0, again.stdout + again.stderr
    assert "now [2001]" in again.stdout
