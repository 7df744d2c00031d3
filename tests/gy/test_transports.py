"""Gy over IPv6, and over TLS: the handshake comes first, and a certificate has to bear the Origin-Host."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from ocs.gy.client import GyClient
from ocs.gy.messages import Cca, Rar
from ocs.gy.node import Identity
from ocs.gy.tls import client_context, server_context
from ocs.units import SECOND
from tests.gy import octets
from tests.gy.octets import ccr, cer
from tests.gy.serving import SWIFT, Raw, decoded_ccr, obliging, serving, until, wired
from tests.gy.test_server import rar

PGW = Identity(host="pgw.example", realm="example")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@wired
async def test_ipv6() -> None:
    async with serving(address="::1") as served:
        async with await Raw.connect(served.server.port, "::1") as raw:
            assert (await raw.ask(cer())).message.host_ip_address == ("::1",)
            assert (await raw.ask(ccr())).message.result_code == 2001
        client = await GyClient.connect("::1", served.server.port, PGW, on_push=obliging)
        assert isinstance(await client.request(decoded_ccr()), Cca)
        await client.close()


class Certificates(NamedTuple):
    """`authority`: whose certificates are good; the others: (certificate, key)."""

    authority: Path
    server: tuple[Path, Path]
    gateway: tuple[Path, Path]
    stranger: tuple[Path, Path]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (Debian package openssl)")
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *more: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-subj", f"/CN={name}", "-days", "2", "-out", str(certificate), "-keyout", str(key), *more]
        subprocess.run(command, check=True, capture_output=True)
        return certificate, key

    def certified(name: str, authority: tuple[Path, Path], host: str) -> tuple[Path, Path]:
        signed_by = ("-CA", str(authority[0]), "-CAkey", str(authority[1]))
        return make(name, *signed_by, "-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=CA:FALSE")

    authority, other = make("authority"), make("other")
    return Certificates(
        authority[0],
        certified("server", authority, "ocs.example"),
        certified("gateway", authority, "PGW.example"),
        certified("stranger", other, "pgw.example"),
    )


def connecting(certificates: Certificates, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    return client_context(certificates.authority, *(own or ()))


@wired
async def test_a_session_over_tls(certificates: Certificates) -> None:
    async with serving(tls=server_context(*certificates.server)) as served:
        pushed: list[Rar] = []
        client = await GyClient.connect(
            "127.0.0.1",
            served.server.port,
            PGW,
            on_push=lambda push: (pushed.append(push), obliging(push))[1],  # type: ignore[arg-type]
            tls=connecting(certificates),
            server_name="ocs.example",
        )
        answers = await asyncio.gather(*[client.request(decoded_ccr(number)) for number in range(100)])
        assert [answer.cc_request_number for answer in answers if isinstance(answer, Cca)] == list(range(100))
        served.server.push(rar())
        served.server.flush()
        await until(lambda: bool(pushed))
        await client.close()


@wired
async def test_a_client_does_not_talk_to_somebody_else(certificates: Certificates) -> None:
    async with serving(tls=server_context(*certificates.server)) as served:
        with pytest.raises(ssl.SSLCertVerificationError):
            await GyClient.connect(
                "127.0.0.1",
                served.server.port,
                PGW,
                on_push=obliging,
                tls=connecting(certificates),
                server_name="another.example",
            )
        assert served.requests == []


@wired
async def test_who_has_to_show_a_certificate(certificates: Certificates) -> None:
    """The certificate has to be a good one, and the Origin-Host has to be in it: else 3010."""
    tls = server_context(*certificates.server, certificates.authority)
    raws: list[Raw] = []
    async with serving(tls=tls) as served:

        async def connected(host: str, own: tuple[Path, Path] | None) -> Raw:
            more = {"ssl": connecting(certificates, own), "server_hostname": "ocs.example"}
            raws.append(await Raw.connect(served.server.port, **more))
            await raws[-1].send(cer(host=host))
            return raws[-1]

        good = await connected("pgw.example", certificates.gateway)
        assert (await good.receive()).message.result_code == 2001
        assert await good.alive()
        wrong = await connected("other.example", certificates.gateway)
        assert (await wrong.receive()).message.result_code == 3010
        assert await wrong.closed(1)
        for own in (None, certificates.stranger):
            with pytest.raises((OSError, EOFError)):
                await (await connected("pgw.example", own)).message()
        assert await good.alive()
        for raw in raws:
            await raw.close()
        await until(lambda: not served.server._connections)


@wired
async def test_plain_words_to_the_tls_port_and_tls_to_the_plain_port(certificates: Certificates) -> None:
    async with (
        serving(tls=server_context(*certificates.server)) as secure,
        serving() as plain,
        await Raw.opened(plain.server.port) as good,
    ):
        async with await Raw.connect(secure.server.port) as raw:
            await raw.send(cer())
            assert await raw.closed(1)
        with pytest.raises(OSError):  # noqa: PT011 - reset, or end of file under the handshake
            await Raw.connect(plain.server.port, ssl=connecting(certificates), server_hostname="ocs.example")
        # Who says nothing at all is dropped as well.
        async with await Raw.connect(secure.server.port) as silent:
            assert await silent.closed(SWIFT.capabilities / SECOND + 1)
        await until(lambda: not secure.server._connections)
        assert (await good.ask(octets.ccr())).message.result_code == 2001


@wired
async def test_stop_in_the_middle_of_a_handshake(certificates: Certificates) -> None:
    async with serving(tls=server_context(*certificates.server)) as served:
        silent = await Raw.connect(served.server.port)
        await until(lambda: bool(served.server._connections))
        async with asyncio.timeout(3):
            await served.server.stop()
        assert await silent.closed(1)
        await silent.close()


@wired
async def test_the_server_dials_over_tls(certificates: Certificates) -> None:
    identity = Identity(host="pgw.example", realm="example")
    async with (
        serving(tls=server_context(*certificates.server), identity=identity) as gateway,
        serving() as served,
    ):
        context = connecting(certificates)
        context.check_hostname = False
        served.server.dial("pgw.example", "127.0.0.1", gateway.server.port, context)
        await until(lambda: any(c.link.peer.is_open for c in served.server._connections))
    async with (
        serving(tls=server_context(*certificates.stranger), identity=identity) as gateway,
        serving() as served,
    ):
        served.server.dial("pgw.example", "127.0.0.1", gateway.server.port, connecting(certificates))
        await asyncio.sleep(0.2)
        assert not served.server._connections
        assert "pgw.example" not in served.server._peers


def test_files_that_do_not_fit_together(certificates: Certificates, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        server_context(certificates.server[0], certificates.gateway[1])
    with pytest.raises(FileNotFoundError):
        server_context(tmp_path / "none.pem", certificates.server[1])
