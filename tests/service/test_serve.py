"""`splitsim serve` as its users meet it: over TCP, by signals, by its control socket, by its store."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocs import control
from ocs.gy.client import GyClient
from ocs.gy.codec import decode
from ocs.gy.messages import (
    Asa,
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    Cea,
    ErrorAnswer,
    MultipleServicesCreditControl,
    PsInformation,
    Raa,
    Rar,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.gy.node import Identity
from tests.gy.captures import ALL
from tests.service.process import Served, splitsim

MB = 1_000_000
DEMO = Path(__file__).parents[2] / "ocs" / "demo.yaml"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The demo catalogue, with a store, for one test that ends or kills it."""
    with Served(tmp_path, "--db", "sqlite:///ocs.db") as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo catalogue, with a store, for all tests that leave it as it is; each has a SIM of its own."""
    with Served(tmp_path_factory.mktemp("shared"), "--db", "sqlite:///ocs.db") as running:
        yield running


def received(connection: socket.socket) -> bytes:
    """One Diameter message."""
    head = b""
    while len(head) < 4:
        head += connection.recv(4 - len(head))
    length = int.from_bytes(head[1:4])
    body = b""
    while len(body) < length - 4:
        body += connection.recv(length - 4 - len(body))
    return head + body


def ccr(
    kind: str, number: int, *services: tuple[int, int, bool], imsi: str = "001010000000002", apn: str = "internet"
) -> Ccr:
    """(rating group, octets used or -1, asks)."""
    return Ccr(
        session_id=f"pgw.example;{imsi};{apn}",
        origin_host="pgw.example",
        origin_realm="example",
        destination_realm="example",
        service_context_id="32251@3gpp.org",
        cc_request_type=CcRequestType("IUT".index(kind) + 1),
        cc_request_number=number,
        subscription_id=(
            SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=imsi),
        ),
        multiple_services_indicator=1,
        multiple_services_credit_control=tuple(
            MultipleServicesCreditControl(
                rating_group=rating_group,
                requested_service_unit=RequestedServiceUnit() if asks else None,
                used_service_unit=() if used < 0 else (UsedServiceUnit(cc_total_octets=used),),
            )
            for rating_group, used, asks in services
        ),
        service_information=ServiceInformation(ps_information=PsInformation(called_station_id=apn)),
    )


def exchange(port: int, *requests: Ccr) -> list[Cca]:
    """Requests one after the other on one connection, all answered by a CCA."""
    answers = exchange_any(port, *requests)
    assert all(isinstance(answer, Cca) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Cca)]


def exchange_any(port: int, *requests: Ccr) -> list[Cca | ErrorAnswer]:
    """Requests one after the other on one connection."""

    async def run() -> list[Cca | ErrorAnswer]:
        identity = Identity(host="pgw.example", realm="example")
        client = await GyClient.connect("127.0.0.1", port, identity, on_push=lambda push: accept(push))
        answers = [await client.request(request) for request in requests]
        await client.close()
        return answers

    return asyncio.run(run())


def accept(push: Rar | Asr) -> Raa | Asa:
    kind = Raa if isinstance(push, Rar) else Asa
    return kind(session_id=push.session_id, origin_host="pgw.example", origin_realm="example", result_code=2001)


def test_it_says_what_it_serves(shared: Served) -> None:
    said = "".join(shared.said)
    for word in ("001010000000001", "fleet.acme", "internet", "car.acme", "sqlite:///ocs.db", "splitsim pgw --ocs"):
        assert word in said


def test_a_captured_gateway_is_answered_as_it_needs(tmp_path: Path) -> None:
    """CER, CCR-I, CCR-U and CCR-T as Open5GS sent them: no rating group, no total octets, MSI 0."""
    # One capture is of the IMS APN; the others are of `internet`, as in the demo catalogue.
    (tmp_path / "mine.yaml").write_text(DEMO.read_text().replace("apn: fleet.acme", "apn: ims"))
    identity = ("--origin-host", "ocs.localdomain", "--origin-realm", "localdomain")
    used = 0
    with Served(tmp_path, "--provision", "mine.yaml", *identity) as running:
        files = sorted({capture.file for capture in ALL if "dra" not in capture.file})
        assert len(files) == 13
        for file in files:
            requests = [c for c in ALL if c.file == file and c.command in ("CER", "CCR")]
            with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
                for capture in requests:
                    connection.sendall(capture.octets)
                    octets = judged(capture.octets, received(connection))
                    used += octets if file != "open5gs-v4v6" else 0
        row = usage(running)["001010000000001", "wifi"]
        assert used > 10 * MB
        assert row["remaining"] + row["reserved"] == 100 * MB - used


def judged(request: bytes, octets: bytes) -> int:
    """That the answer is one that this gateway can use; the octets that the request reports."""
    asked, answer = decode(request), decode(octets)
    assert answer.failure is None
    assert answer.header.hop_by_hop == asked.header.hop_by_hop
    assert answer.header.end_to_end == asked.header.end_to_end
    if isinstance(answer.message, Cea):
        assert answer.message.result_code == 2001
        return 0
    assert isinstance(asked.message, Ccr)
    assert isinstance(answer.message, Cca)
    # freeDiameter drops a CCA without type, number or result, and the session hangs.
    assert answer.message.cc_request_type == asked.message.cc_request_type
    assert answer.message.cc_request_number == asked.message.cc_request_number
    assert answer.message.result_code == 2001
    (mscc,) = asked.message.multiple_services_credit_control
    if mscc.requested_service_unit is not None:
        (granted,) = answer.message.multiple_services_credit_control
        assert granted.rating_group is None
        assert granted.result_code == 2001
        # 2001 without CC-Total-Octets is free traffic to this gateway.
        assert granted.granted_service_unit is not None
        assert 0 < (granted.granted_service_unit.cc_total_octets or 0) <= MB
    return sum((unit.cc_input_octets or 0) + (unit.cc_output_octets or 0) for unit in mscc.used_service_unit)


def usage(served: Served) -> dict[tuple[str, str], dict[str, int]]:
    rows = control.ask(served.log.parent / served.control, "usage")
    return {(row["imsi"], row["split"]): row for row in rows}


def test_python_diameter_runs_a_session_and_reads_every_answer(shared: Served) -> None:
    from diameter.message import Message
    from diameter.message.commands import CapabilitiesExchangeAnswer, CreditControlAnswer

    from ocs.gy.codec import encode
    from ocs.gy.framing import FLAG_PROXIABLE, FLAG_REQUEST, Header

    results = []
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as connection:
        cer = next(c for c in ALL if c.command == "CER")
        connection.sendall(cer.octets)
        cea = Message.from_bytes(received(connection))
        assert isinstance(cea, CapabilitiesExchangeAnswer)
        assert cea.result_code == 2001
        session = [
            ccr("I", 0, (200, -1, True)),
            ccr("U", 1, (200, 4 * MB, True)),
            ccr("U", 2, (200, 4 * MB, True)),
            ccr("U", 3, (200, 2 * MB, True)),
            ccr("T", 4, (200, 0, False)),
        ]
        for number, request in enumerate(session):
            header = Header(272, 4, FLAG_REQUEST | FLAG_PROXIABLE, 1000 + number, 2000 + number)
            connection.sendall(encode(request, header))
            answer = Message.from_bytes(received(connection))
            assert isinstance(answer, CreditControlAnswer)
            assert answer.header.hop_by_hop_identifier == 1000 + number
            granted = [
                mscc.granted_service_unit.cc_total_octets
                for mscc in answer.multiple_services_credit_control
                if mscc.granted_service_unit
            ]
            results.append((answer.result_code, granted))
    assert results == [(2001, [4 * MB]), (2001, [4 * MB]), (2001, [2 * MB]), (4012, []), (2001, [])]


def test_a_purchase_brings_the_driver_back_and_explain_tells_why(served: Served, tmp_path: Path) -> None:
    first = exchange(served.port, ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 10 * MB, True)))
    assert [answer.result_code for answer in first] == [2001, 4012]
    bought = splitsim("topup", "001010000000002", "1gb", "--request-id", "r1", "--db", "sqlite:///ocs.db", cwd=tmp_path)
    again = splitsim("topup", "001010000000002", "1gb", "--request-id", "r1", "--db", "sqlite:///ocs.db", cwd=tmp_path)
    assert bought.returncode == again.returncode == 0
    assert bought.stdout == again.stdout
    assert usage(served)["001010000000002", "wifi"]["remaining"] == 1000 * MB
    told = splitsim("explain", "pgw.example;001010000000002;internet", "--db", "sqlite:///ocs.db", cwd=tmp_path)
    assert told.returncode == 0
    assert "allowance exhausted" in told.stdout
    assert "wifi-small" in told.stdout
    missing = splitsim("explain", "no;such", "--db", "sqlite:///ocs.db", cwd=tmp_path)
    assert (missing.returncode, missing.stderr) == (2, "no session 'no;such' in sqlite:///ocs.db\n")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark (Debian: tshark)")
def test_tshark_finds_nothing_wrong_in_a_session_from_the_journal(shared: Served, tmp_path: Path) -> None:
    exchange(
        shared.port,
        ccr("I", 0, (100, -1, True), (200, -1, True), imsi="001010000000003", apn="car.acme"),
        ccr("U", 1, (100, 3, True), (200, 10 * MB, True), imsi="001010000000003", apn="car.acme"),
        ccr("T", 2, (100, 5, False), imsi="001010000000003", apn="car.acme"),
    )
    words = ("explain", "pgw.example;001010000000003;car.acme", "--db", "sqlite:///ocs.db")
    done = splitsim(*words, "--pcap", str(tmp_path / "x.pcap"), cwd=shared.log.parent)
    assert done.returncode == 0, done.stderr
    show = ["tshark", "-r", str(tmp_path / "x.pcap"), "-d", "tcp.port==3868,diameter", "-T", "fields"]
    kinds = subprocess.run([*show, "-e", "diameter.cmd.code", "-e", "diameter.CC-Request-Type"], **TEXT)  # type: ignore[call-overload]
    assert kinds.stdout.split() == ["272", "1", "272", "1", "272", "2", "272", "2", "272", "3", "272", "3"]
    wrong = "diameter.flags.request == 0 && (_ws.malformed || _ws.expert.severity >= 6291456)"
    assert subprocess.run([*show, "-Y", wrong, "-e", "_ws.expert.message"], **TEXT).stdout == ""  # type: ignore[call-overload]


TEXT = {"capture_output": True, "text": True, "check": True, "timeout": 60}


def test_a_restart_knows_sessions_repeats_and_its_provisioning(served: Served, tmp_path: Path) -> None:
    (granted,) = exchange(served.port, ccr("I", 0, (200, -1, True)))
    assert served.stop() == 0
    with Served(tmp_path, "--db", "sqlite:///ocs.db") as again:
        repeat, following = exchange(again.port, ccr("I", 0, (200, -1, True)), ccr("U", 1, (200, 4 * MB, True)))
        assert repeat == granted
        assert following.result_code == 2001
        row = usage(again)["001010000000002", "wifi"]
        assert (row["reserved"], row["remaining"]) == (4 * MB, 2 * MB)


def test_what_is_provisioned_otherwise_is_told_and_changes_nothing(tmp_path: Path) -> None:
    text = DEMO.read_text()
    (tmp_path / "mine.yaml").write_text(text)
    words = ("--provision", "mine.yaml", "--db", "sqlite:///ocs.db")
    with Served(tmp_path, *words) as running:
        assert running.stop() == 0
    (tmp_path / "mine.yaml").write_text(text.replace('msisdn: "491700000004"', 'msisdn: "491700000009"'))
    done = splitsim("serve", "--gy", "127.0.0.1:0", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("--provision: SIM 001010000000004 is there with other content")
    more = text.replace(
        "peers:",
        '  - {imsi: "001010000000005", iccid: "899990100000000005", account: acme, plan: telematics-50}\n\npeers:',
    )
    (tmp_path / "mine.yaml").write_text(more)
    with Served(tmp_path, *words) as running:
        assert ("001010000000005", "sim") in usage(running)


def test_every_mistake_of_the_command_line_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "accounts: [{id: a, kind: nobody}]\nsims: [{imsi: x, iccid: '1', account: b}]\n"
    )
    done = splitsim("serve", "--gy", "here", "--db", "oracle://x", "--provision", "wrong.yaml", cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 5, lines
    assert lines[:2] == [
        "--db: expected sqlite:///FILE, sqlite:////PATH for an absolute path, "
        "or postgresql://USER@HOST:PORT/DATABASE (got 'oracle://x')",
        "--gy: expected HOST:PORT such as 127.0.0.1:3868 or [::1]:3868 (got 'here')",
    ]
    assert any(line.startswith("wrong.yaml:1: accounts.0.kind") for line in lines)
    assert any(line.startswith("wrong.yaml:2: sims.0.imsi") for line in lines)


def test_a_busy_port_and_a_busy_store_are_told(shared: Served) -> None:
    port = splitsim("serve", "--gy", f"127.0.0.1:{shared.port}", cwd=shared.log.parent)
    assert (port.returncode, len(port.stderr.splitlines())) == (2, 1)
    assert re.match(rf"--gy 127\.0\.0\.1:{shared.port}: .*in use", port.stderr)
    store = splitsim("serve", "--gy", "127.0.0.1:0", "--db", "sqlite:///ocs.db", cwd=shared.log.parent)
    expected = f"--db ocs.db: in use by another process (pid {shared.process.pid})\n"
    assert (store.returncode, store.stderr) == (2, expected)


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to look at" * 50)
    done = splitsim("serve", "--gy", "127.0.0.1:0", "--db", "sqlite:///text.db", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "--db text.db: file is not a database\n")
    assert (tmp_path / "text.db").read_text().startswith("not a database")


def test_garbage_on_the_socket_closes_that_connection_and_no_other(shared: Served) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as good:
        good.sendall(next(capture for capture in ALL if capture.command == "CER").octets)
        received(good)
        for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 64, b"\x16\x03\x01\x02\x00\x01" * 20):
            with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as connection:
                connection.sendall(garbage)
                assert connection.recv(1000) == b""
        (answer,) = exchange(shared.port, ccr("I", 0, (200, -1, True), imsi="001010000000001"))
        assert answer.result_code == 2001
        good.settimeout(0.1)
        with pytest.raises(TimeoutError):
            good.recv(1)


def test_a_control_socket_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = splitsim("topup", "001010000000002", "1gb", "--control", "none.control", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "none.control: no such control socket; is `splitsim serve` running?\n"
    done = splitsim("usage", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "expected --control PATH or --db URL: which OCS?\n")


def test_shutdown_by_the_control_socket(served: Served, tmp_path: Path) -> None:
    assert splitsim("shutdown", "--db", "sqlite:///ocs.db", cwd=tmp_path).returncode == 0
    until = time.monotonic() + 20
    while served.process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert served.process.poll() == 0
    assert not Path(tmp_path / "ocs.db.control").exists()


def test_a_store_is_looked_at_with_its_owner_and_without(served: Served, tmp_path: Path) -> None:
    db = ("--db", "sqlite:///ocs.db")
    assert exchange(served.port, ccr("I", 0, (200, -1, True)))[0].result_code == 2001
    for view in ("sims", "usage"):
        by_owner = splitsim(view, "--control", served.control, "--json", cwd=tmp_path)
        beside = splitsim(view, *db, "--json", cwd=tmp_path)
        assert by_owner.returncode == beside.returncode == 0
        seen = json.loads(beside.stdout)
        for row in seen:
            row.pop("used", None)  # by the EDRs of the store, which a control socket does not have
        assert json.loads(by_owner.stdout) == seen
    served.kill()
    served.process.wait(20)
    alone = splitsim("usage", *db, "--json", cwd=tmp_path)  # the socket of the killed process is still there
    assert (alone.returncode, alone.stdout) == (0, beside.stdout)
