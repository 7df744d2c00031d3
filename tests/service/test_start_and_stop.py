"""How `splitsim serve` begins and ends: everything that will not do is told at once, and the end is in order."""

import shutil
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from ocs.gy.codec import decode, encode
from ocs.gy.framing import FLAG_PROXIABLE, FLAG_REQUEST, Header
from ocs.gy.messages import Cca, Ccr, Dpa, Dpr, Dwa, Dwr, Message, Raa, Rar
from ocs.gy.pcap import write_pcap
from tests.gy.captures import ALL
from tests.gy.test_tshark import WARNING, tshark
from tests.service.process import Served, splitsim
from tests.service.test_serve import DEMO, MB, ccr, received, usage

SECOND_SIM = '  - {imsi: "001010000000005", iccid: "%s", account: acme, plan: telematics-50}\n\npeers:'


def test_store_provisioning_and_address_are_all_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to look at" * 50)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        gy = f"127.0.0.1:{busy.getsockname()[1]}"
        done = splitsim(
            "serve", "--gy", gy, "--db", "sqlite:///text.db", "--control", "no/such/folder", cwd=tmp_path
        )  # fmt: skip
    assert done.returncode == 2
    store, address, control = done.stderr.splitlines()
    assert store == "--db text.db: file is not a database"
    assert address.startswith(f"--gy {gy}: ")
    assert control == "--control no/such/folder: No such file or directory"


def test_what_was_refused_once_may_be_put_right(tmp_path: Path) -> None:
    text, words = DEMO.read_text(), ("--provision", "mine.yaml", "--db", "sqlite:///ocs.db")
    (tmp_path / "mine.yaml").write_text(text)
    with Served(tmp_path, *words) as running:
        assert running.stop() == 0
    # Another SIM with an ICCID that is taken, which only the store knows.
    first = text.index("sims:")
    peers = text.index("peers:")
    alone = text[:first] + "sims:\n" + SECOND_SIM.removesuffix("peers:") + text[peers:]
    (tmp_path / "mine.yaml").write_text(alone % "899990100000000004")
    refused = splitsim("serve", "--gy", "127.0.0.1:0", *words, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("--provision: "), refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    (tmp_path / "mine.yaml").write_text(alone % "899990100000000005")
    with Served(tmp_path, *words) as running:
        assert ("001010000000005", "sim") in usage(running)


def test_a_control_socket_has_one_owner(tmp_path: Path) -> None:
    with Served(tmp_path, "--control", "here") as running:
        second = splitsim("serve", "--gy", "127.0.0.1:0", "--control", "here", cwd=tmp_path)
        assert (second.returncode, second.stderr) == (2, "--control here: in use by another process\n")
        assert usage(running)  # the first still has it
        running.kill()
        running.process.wait(10)
    gone = splitsim("usage", "--control", "here", cwd=tmp_path)
    assert (gone.returncode, gone.stderr) == (
        2, "here: nobody listens there any more; is `splitsim serve` running?\n",
    )  # fmt: skip
    with Served(tmp_path, "--control", "here") as again:  # what a killed process has left is no owner
        assert usage(again)


def test_plan_and_profile_by_command(tmp_path: Path) -> None:
    with Served(tmp_path) as running:
        to = ("--control", running.control)
        assert splitsim("plan", "001010000000002", "wifi", *to, cwd=tmp_path).returncode == 0
        assert usage(running)["001010000000002", "wifi"]["plan"] == "wifi"
        unknown = splitsim("plan", "001010000000002", "gold", *to, cwd=tmp_path)
        assert (unknown.returncode, len(unknown.stderr.splitlines())) == (1, 1)
        sold = splitsim("profile", "001010000000002", "two-apns", "--payer", "wifi=driver-3", *to, cwd=tmp_path)
        assert sold.returncode == 0, sold.stderr
        assert usage(running)["001010000000002", "wifi"]["payer"] == "driver-3"
        wrong = splitsim("profile", "001010000000002", "two-apns", "--payer", "wifi", *to, cwd=tmp_path)
        assert wrong.returncode == 2
        assert wrong.stderr == "--payer: expected SPLIT=..., such as wifi=driver-1 (got wifi)\n"


class Line:
    """A gateway's connection, octet by octet, with all that crosses it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.crossed: list[tuple[int, bool, bytes]] = []
        self.count = 0

    def send(self, octets: bytes) -> None:
        self.crossed.append((time.time_ns() // 1000, True, octets))
        self.socket.sendall(octets)

    def read(self) -> tuple[Message, Header]:
        octets = received(self.socket)
        self.crossed.append((time.time_ns() // 1000, False, octets))
        decoded = decode(octets)
        assert decoded.message is not None, decoded.failure
        return decoded.message, decoded.header

    def ask(self, message: Ccr | Dwr, code: int, flags: int) -> Message:
        self.count += 1
        application = 4 if code == 272 else 0
        self.send(encode(message, Header(code, application, flags | FLAG_REQUEST, self.count, self.count)))
        answer, header = self.read()
        assert (header.hop_by_hop, header.end_to_end) == (self.count, self.count)
        return answer

    def charge(self, request: Ccr) -> Cca:
        answer = self.ask(request, 272, FLAG_PROXIABLE)
        assert isinstance(answer, Cca)
        return answer


def test_a_whole_life_of_a_connection_and_tshark_finds_nothing_wrong(tmp_path: Path) -> None:
    """CER to DPA, with a cut, a purchase, the RAR that it causes, and SIGTERM while the connection is open."""
    imsi, apn = "001010000000003", "car.acme"
    with Served(tmp_path, "--db", "sqlite:///ocs.db") as running:
        line = Line(running.port)
        line.send(next(c for c in ALL if c.command == "CER").octets)
        line.read()
        opened = ccr("I", 0, (100, -1, True), (200, -1, True), imsi=imsi, apn=apn)
        assert line.charge(opened).result_code == 2001
        used = line.charge(ccr("U", 1, (200, 10 * MB, True), imsi=imsi, apn=apn))
        assert [mscc.result_code for mscc in used.multiple_services_credit_control] == [4012]
        watchdog = Dwr(origin_host="smf.localdomain", origin_realm="localdomain")
        assert isinstance(line.ask(watchdog, 280, 0), Dwa)
        bought = splitsim("topup", imsi, "1gb", "--control", running.control, cwd=tmp_path)
        assert bought.returncode == 0, bought.stderr
        push, header = line.read()
        assert isinstance(push, Rar)
        assert (push.session_id, push.rating_group) == (opened.session_id, 200)
        us = {"origin_host": "smf.localdomain", "origin_realm": "localdomain"}
        raa = Raa(session_id=push.session_id, result_code=2001, **us)
        line.send(encode(raa, Header(258, 4, FLAG_PROXIABLE, header.hop_by_hop, header.end_to_end)))
        assert line.charge(ccr("U", 2, (200, 0, True), imsi=imsi, apn=apn)).result_code == 2001
        assert line.charge(ccr("T", 3, (100, 5, False), (200, 7, False), imsi=imsi, apn=apn)).result_code == 2001
        running.process.send_signal(signal.SIGTERM)
        goodbye, header = line.read()
        assert isinstance(goodbye, Dpr)
        assert goodbye.disconnect_cause == 0  # REBOOTING: it will be back
        dpa = Dpa(result_code=2001, **us)
        line.send(encode(dpa, Header(282, 0, 0, header.hop_by_hop, header.end_to_end)))
        assert line.socket.recv(1) == b""
        line.socket.close()
        assert running.process.wait(10) == 0
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed (Debian package tshark): the capture was not looked at")
    write_pcap(tmp_path / "life.pcap", line.crossed)
    codes = tshark(tmp_path / "life.pcap", "diameter", "diameter.cmd.code")
    assert [int(code) for (code,) in codes] == [257] * 2 + [272] * 4 + [280] * 2 + [258] * 2 + [272] * 4 + [282] * 2
    ours = "diameter && ip.src == 192.0.2.2 && (_ws.malformed || _ws.expert.severity >= %d)"
    assert tshark(tmp_path / "life.pcap", ours % WARNING, "frame.number", "_ws.expert.message") == []


def test_sql_tools_see_balances_sessions_and_subscriptions(tmp_path: Path) -> None:
    with Served(tmp_path, "--db", "sqlite:///ocs.db") as running:
        line = Line(running.port)
        line.send(next(c for c in ALL if c.command == "CER").octets)
        line.read()
        line.charge(ccr("I", 0, (200, -1, True)))
        line.charge(ccr("U", 1, (200, 3 * MB, True)))
        line.socket.close()
        splitsim("suspend", "001010000000001", "--split", "wifi", "--control", running.control, cwd=tmp_path)
        assert running.stop() == 0
    with sqlite3.connect(tmp_path / "ocs.db") as db:
        balances = db.execute(
            "SELECT credited, used, reserved, expired, remaining FROM balance"
            " WHERE subscription_id = '001010000000002/wifi/1'"
        ).fetchall()
        sessions = db.execute("SELECT physical_imsi, apn, records, octets_total, ended FROM session").fetchall()
        statuses = db.execute(
            "SELECT imsi, split_id, status FROM subscription WHERE split_id = 'wifi' ORDER BY imsi"
        ).fetchall()
    db.close()
    assert balances == [(10 * MB, 3 * MB, 4 * MB, 0, 3 * MB)]
    assert sessions == [("001010000000002", "internet", 1, 3 * MB, 0)]
    assert statuses == [
        ("001010000000001", "wifi", "suspended"),
        ("001010000000002", "wifi", "active"),
        ("001010000000003", "wifi", "active"),
    ]
