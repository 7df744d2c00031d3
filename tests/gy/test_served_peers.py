"""Who may connect to `splitsim serve`, and TLS under it, as an operator sets them on the command line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ocs.gy.client import GyClient
from ocs.gy.messages import Cca
from ocs.gy.node import Identity
from ocs.gy.tls import client_context
from tests.gy.octets import cer
from tests.gy.serving import WORLD, Raw, decoded_ccr, obliging, wired
from tests.service.process import Served, splitsim


@wired
async def test_only_known_peers(tmp_path: Path) -> None:
    provisioning = WORLD.read_text() + "peers:\n  - {origin_host: PGW.example}\n"
    (tmp_path / "world.yaml").write_text(provisioning)
    served = Served(tmp_path, "--provision", "world.yaml", "--known-peers")
    try:
        async with await Raw.connect(served.port) as stranger:
            answer = await stranger.ask(cer(host="stranger.example"))
            assert (answer.message.result_code, answer.header.flags) == (3010, 0x20)
            assert await stranger.closed(2)
        async with await Raw.opened(served.port) as known:
            assert await known.alive()
    finally:
        served.kill()
        served.process.communicate()
    assert "stranger.example is not among the peers" in served.log.read_text()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (Debian package openssl)")
@wired
async def test_tls(tmp_path: Path) -> None:
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=ocs.example", "-addext", "subjectAltName=DNS:ocs.example"]
    subprocess.run([*make, "-out", "ocs.pem", "-keyout", "ocs.key"], cwd=tmp_path, check=True, capture_output=True)
    served = Served(tmp_path, "--tls-cert", "ocs.pem", "--tls-key", "ocs.key")
    try:
        async with await Raw.connect(served.port) as plain:
            await plain.send(cer())
            assert await plain.closed(2)
        client = await GyClient.connect(
            "127.0.0.1",
            served.port,
            Identity(host="pgw.example", realm="example"),
            on_push=obliging,
            tls=client_context(tmp_path / "ocs.pem"),
            server_name="ocs.example",
        )
        assert isinstance(await client.request(decoded_ccr()), Cca)
        await client.close()
    finally:
        served.kill()
        served.process.communicate()


def test_what_does_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for words, told in (
        (("--tls-cert", "no.pem"), "--tls-cert and --tls-key go together"),
        (("--tls-clients", "no.pem"), "--tls-clients needs both"),
        (("--tls-cert", "no.pem", "--tls-key", "no.pem"), "--tls-cert, --tls-key, --tls-clients: "),
        (("--tls-cert", "none.pem", "--tls-key", "none.pem"), "No such file"),
    ):
        done = splitsim("serve", "--gy", "nowhere", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert told in done.stderr
        assert "--gy" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_guide_names_options_that_exist(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "connect-a-pgw.md").read_text()
    for command in ("serve", "pgw", "usage", "explain", "topup", "resume"):
        told = splitsim(command, "--help", cwd=tmp_path).stdout
        for line in re.findall(rf"splitsim {command}([^`]*)", guide):
            for option in re.findall(r"--[a-z][a-z-]+", line):
                assert option in told, (command, option)
