"""Whole runs: our engine keeps every row, a foreign OCS is found out, bad behaviour gets a clear verdict."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from conformance.bench import Bench, Run
from conformance.cases import cases
from conformance.cli import commands
from conformance.doctor import examine
from conformance.requirements import requirements
from conformance.runner import run_cases, severity
from conformance.selection import Selection, expected_seconds, fitting, load_expected
from conformance.sut.ics import HookSpec, Ics, IcsError, Subscriber, Subscribers, Sut, Timers, split_address
from conformance.sut.own import started_serve
from conformance.verdicts import Verdict

cli = CliRunner()


def test_our_engine_keeps_every_row(node: Ics) -> None:
    result = run_cases(node, Selection().chosen(), workers=8)
    assert result.trouble == ""
    bad = {
        case.case_id: (case.verdict.value, case.reason, case.findings)
        for case in result.results
        if case.verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.NON_STRICT)
    }
    assert bad == {}
    assert {row: result.complaints(row) for row in result.row_verdicts() if result.complaints(row)} == {}
    undecided = {case.case_id for case in result.results if case.verdict in (Verdict.N_A, Verdict.INCONC)}
    assert undecided <= {
        "RFC6733-5.3-8",  # peers are not restricted
        "RFC6733-2.1-4",  # no SCTP in this kernel
        "GY-CRASH-1",  # this process keeps nothing over a restart
        "RFC6733-5.4.3-1",
        "RFC6733-13-1",  # no TLS: see test_tls.py
        "RFC6733-13.1-1",
    }


PYTHON_DIAMETER = {
    "RFC6733-6.2-1/two-peers": "same Hop-by-Hop id in flight from two peers: answers cross",
    "RFC6733-3-2/zero": "header length 0: the read thread spins",
    "RFC6733-3-9/initial": "T-flag duplicate: 5012",
    "RFC6733-5.6-1": "a second connection with the same Origin-Host: both accepted",
    "RFC6733-7.1.5-1": "unknown AVP with M: 2001",
    "RFC6733-7.1.5-8/60000": "AVP length 60000: no answer",
    "RFC6733-7.1.5-7/3": "AVP length 3: no answer",
    "RFC6733-7.1.5-9/3": "bad Unsigned32 length: goes on without the AVP",
    "RFC6733-4.3.1-1/Subscription-Id-Data": "bad UTF-8: goes on without the AVP",
    "RFC6733-7.1.5-3/99": "CC-Request-Type 99: 2001",
    "RFC6733-7.1.5-5/CC-Request-Number": "AVP twice: 2001",
    "RFC6733-3-1": "version 2: 2001",
    "RFC6733-3-4": "E bit on a request: 2001",
    "RFC6733-7.1.3-3": "wrong realm: 3003 without E",
    "RFC6733-7.1.3-2": "wrong application: 3007 without E",
    "RFC6733-5.6.1-1": "CCR before CER: ignored, kept",
    "RFC6733-3-3/huge": "header length 16 MB: buffers",
}
"""What python-diameter's node is known to do, and the case that finds it."""

GOOD_THERE = (
    "RFC6733-5.3-1", "RFC6733-5.3-4", "RFC6733-5.3-5", "RFC6733-5.4-1", "RFC6733-5.5.1-1", "RFC8506-5.2-3/reference",
    "RFC6733-3-7", "RFC6733-2.1-5", "RFC8506-5.1.2-4", "RFC6733-4.1-1", "ROB-3", "RFC8506-3.1-1", "RFC6733-6.7.1-1",
    "RFC6733-6.2-6", "RFC8506-8.2-2",
)  # fmt: skip
"""What it does right, and must not be blamed for."""


def test_a_foreign_ocs_is_found_out(foreign: Ics) -> None:
    chosen = [case for case in Selection().chosen() if case.id in PYTHON_DIAMETER or case.id in GOOD_THERE]
    assert len(chosen) == len(PYTHON_DIAMETER) + len(GOOD_THERE)
    result = run_cases(foreign, chosen, workers=4)
    verdicts = {case.case_id: case.verdict for case in result.results}
    assert {name for name in PYTHON_DIAMETER if verdicts[name] is not Verdict.FAIL} == set()
    seen = {case.case_id: case.findings for case in result.results}
    assert {name: seen[name] for name in GOOD_THERE if verdicts[name] is not Verdict.PASS} == {}


ERLANG = {
    "RFC6733-5.6-1": "two connections with one Origin-Host: both stay",
    "RFC6733-6.11-1": "Vendor-Specific-Application-Id without an application: CEA 2001",
    "RFC6733-6.11-2": "Vendor-Specific-Application-Id with two: CEA 2001",
    "RFC6733-7.1.3-3": "another realm's requests are served",
    "RFC6733-7.1.3-4": "another host's requests are served",
    "RFC6733-6.2-6": "Proxy-Info is forgotten",
    "RFC8506-3.1-2": "5005 with a grant beside it",
    "RFC8506-9.2-1": "unknown subscribers are served",
}
"""What the small OCS on Erlang's diameter gets wrong, and the case that finds it."""

GOOD_ON_ERLANG = (
    "RFC6733-5.3-1", "RFC6733-5.3-2", "RFC6733-5.3-4", "RFC6733-5.3-5", "RFC6733-5.4-1", "RFC6733-5.5.1-1",
    "RFC8506-5.2-3/reference", "RFC8506-5.1.2-4", "RFC8506-8.16-1", "RFC6733-7.1.5-1", "RFC6733-7.1.5-2",
    "RFC6733-7.1.5-5/CC-Request-Number", "RFC6733-7.1.3-2", "RFC6733-3-1", "RFC6733-6.7.1-1", "RFC6733-2.1-5", "ROB-3",
)  # fmt: skip


def test_an_ocs_on_erlang_is_found_out(erlang: Ics) -> None:
    chosen = [case for case in Selection().chosen() if case.id in ERLANG or case.id in GOOD_ON_ERLANG]
    assert len(chosen) == len(ERLANG) + len(GOOD_ON_ERLANG)
    result = run_cases(erlang, chosen, workers=2)
    verdicts = {case.case_id: case.verdict for case in result.results}
    seen = {case.case_id: (case.verdict.value, case.findings) for case in result.results}
    assert {name: seen[name] for name in ERLANG if verdicts[name] is not Verdict.FAIL} == {}
    assert {name: seen[name] for name in GOOD_ON_ERLANG if verdicts[name] is not Verdict.PASS} == {}


OWN = ("GY-CRASH-1", "RFC6733-5.4.3-1", "FT-1015.006-22/new-session", "FT-1015.006-34", "ROB-3")
"""What only the OCS that is served shows: its store, its end, its commands as hooks."""


def test_our_served_ocs_and_its_hooks() -> None:
    with started_serve() as ics:
        result = run_cases(ics, [case for case in Selection().chosen() if case.id in OWN], workers=4)
    assert result.trouble == ""
    assert {case.case_id: (case.verdict, case.reason, case.findings) for case in result.results} == {
        case_id: (Verdict.PASS, "", case.findings)
        for case_id in OWN
        for case in result.results
        if case.case_id == case_id
    }


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 21))
def test_our_served_ocs_keeps_every_row(seed: int) -> None:
    with started_serve() as ics:
        result = run_cases(ics, Selection().chosen(), seed=seed)
    assert result.trouble == ""
    left = {case.case_id for case in result.results if case.verdict in (Verdict.N_A, Verdict.INCONC)}
    assert left <= {
        "RFC6733-5.3-8",  # peers are not restricted
        "RFC6733-2.1-4",  # no SCTP in this kernel
        "RFC6733-13-1",  # no TLS: see test_tls.py
        "RFC6733-13.1-1",
        *(case.id for case in cases().values() if case.seconds(ics) > ics.timers.wait_most_seconds),
    }
    bad = (Verdict.FAIL, Verdict.ERROR, Verdict.NON_STRICT)
    assert {case.case_id: (case.reason, case.findings) for case in result.results if case.verdict in bad} == {}
    assert {row: result.complaints(row) for row in result.row_verdicts() if result.complaints(row)} == {}


# --- systems that do not behave ---------------------------------------------------------------------------------------


def closes(connection: socket.socket) -> None:
    connection.recv(4096)


def stalls(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def talks_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.recv(4096)


def floods(connection: socket.socket) -> None:
    dwr = bytes.fromhex("01000014800001180000000000000001") + bytes(4)
    while True:
        connection.sendall(dwr * 100)


@contextmanager
def a_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(3)
                with contextlib.suppress(OSError):
                    behave(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def described(address: str, seconds: float = 0.3) -> Ics:
    return Ics(
        sut=Sut(address=address),
        timers=Timers(answer_seconds=seconds, quiet_seconds=0.1),
        subscribers=Subscribers(rich=(Subscriber(imsi="001010000000001", apn="internet"),)),
    )


@pytest.mark.parametrize(
    ("behave", "words", "seconds"),
    [
        (closes, "the connection was closed", 5),
        (stalls, "no answer", 0.3),
        (talks_http, "octets that are no Diameter message", 5),
        (floods, "a flood of messages", 30),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_sut_that_misbehaves(behave: Callable[[socket.socket], None], words: str, seconds: float) -> None:
    with a_server(behave) as address:
        result = run_cases(described(address, seconds), Selection(ids=("ROB-3",)).chosen())
        steps = list(examine(described(address, seconds)))
    assert not result.reachable
    assert words in result.trouble
    assert steps[1].outcome == "unreachable"
    assert words in steps[1].seen
    assert steps[1].hint


def test_a_wrong_pixit_is_told_from_a_fault(node: Ics) -> None:
    wrong = [one.model_copy(update={"balance_octets": 7_000_000}) for one in node.subscribers.prepaid[-2:]]
    subscribers = node.subscribers.model_copy(update={"prepaid": tuple(wrong)})
    ics = node.model_copy(update={"subscribers": subscribers})
    result = run_cases(ics, [cases()["RFC8506-5.4-3"]])
    (case,) = result.results
    assert (case.verdict, case.reason.split(":")[0]) == (Verdict.INCONC, "PIXIT")


class Fragile:
    """Stands before a good OCS, and lets nothing back from the moment when a gateway's octets hold `word`.

    The file `down` is there as long as that lasts; whoever removes it has restarted the OCS.
    """

    def __init__(self, target: str, word: bytes, down: Path) -> None:
        self._target, self._word, self._down = split_address(target), word, down
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            theirs = socket.create_connection(self._target)
            for source, sink in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._pass, args=(source, sink, source is theirs), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError), source, sink:
            while octets := source.recv(65_536):
                if not back and self._word in octets:
                    self._down.touch()
                if not (back and self._down.exists()):
                    sink.sendall(octets)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_the_case_that_hangs_an_sut_is_found_among_those_that_found_it_hung(node: Ics, tmp_path: Path) -> None:
    culprit, down = "RFC6733-6.7.1-1", tmp_path / "down"  # its Route-Records are this OCS's end
    fragile = Fragile(node.sut.address, b"dra1.example", down)
    ics = node.model_copy(
        update={
            "sut": node.sut.model_copy(update={"address": fragile.address}),
            "timers": node.timers.model_copy(update={"answer_seconds": 1.0}),
            "hooks": {"restart": HookSpec(command=f"rm -f {down}")},
        }
    )
    ids = (culprit, "RFC8506-5.2-3/reference", "RFC6733-5.5.1-1", "RFC6733-5.4-1", "RFC6733-6.8-1")
    result = run_cases(ics, [cases()[name] for name in ids], workers=2)
    fragile.close()
    assert result.trouble == ""
    verdicts = {case.case_id: case.verdict for case in result.results}
    assert verdicts == {name: Verdict.FAIL if name == culprit else Verdict.PASS for name in ids}
    seen = [finding.seen for case in result.results if case.case_id == culprit for finding in case.findings]
    assert any(text.startswith("SUT-HUNG") for text in seen)


def test_an_sut_that_takes_no_octets_costs_one_wait() -> None:
    """As one does that floods and never reads: each watchdog of a flood would be answered, and waited for."""
    enough = threading.Event()
    with a_server(lambda _: bool(enough.wait(10))) as address:
        bench = Bench(Run(described(address)), "x", ("ROB-3",))
        line = bench.raw_line()
        assert not line.send_octets(bytes(50_000_000))
        began = time.monotonic()
        assert not any(line.send_octets(bytes(20)) for _ in range(100))
        assert time.monotonic() - began < 20 * line.wait_seconds
        bench.close()
        enough.set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"imsi": "001019999999999"}, "is it provisioned"),
        ({"apn": "nowhere"}, "no plan or split for this APN"),
    ],
)
def test_a_subscriber_whom_the_sut_refuses_is_no_fault_of_it(node: Ics, change: dict[str, str], words: str) -> None:
    rich = node.subscribers.rich[0].model_copy(update=change)
    ics = node.model_copy(update={"subscribers": Subscribers(rich=(rich,))})
    result = run_cases(ics, Selection(ids=("RFC8506-5",)).chosen())
    assert (result.reachable, result.results) == (True, [])
    assert "PIXIT or SUT: CCR-I" in result.trouble
    assert words in result.trouble


def test_a_wrong_realm_is_told_from_a_fault(node: Ics) -> None:
    ics = node.model_copy(update={"sut": node.sut.model_copy(update={"realm": "wrong.example"})})
    result = run_cases(ics, Selection(ids=("RFC6733-6.1.4-1", "RFC6733-7.1.3-4")).chosen())
    assert {case.verdict for case in result.results} == {Verdict.INCONC}
    assert all("sut.realm is wrong.example" in case.reason for case in result.results)


# --- the commands -----------------------------------------------------------------------------------------------------


def given(ics: Ics) -> list[str]:
    rich = ics.subscribers.rich[0]
    groups = [text for group in rich.rating_groups for text in ("--rg", str(group))]
    return ["--ocs", ics.sut.address, "--imsi", rich.imsi, "--apn", rich.apn, *groups]


def test_doctor_finds_our_engine_well(node: Ics) -> None:
    done = cli.invoke(commands, ["doctor", *given(node)])
    assert done.exit_code == 0, done.output
    assert "octets granted" in done.output
    assert "FAIL" not in done.output


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (("--imsi", "001019999999999"), 1, "does not know this IMSI"),
        (("--apn", "nowhere"), 1, "no plan or split for this APN"),
        (("--ocs", "127.0.0.1:1"), 3, "is the OCS listening there"),
        (("--ocs", "nonsense"), 2, "expected HOST:PORT"),
    ],
)
def test_doctor_gives_a_hint(node: Ics, change: tuple[str, str], status: int, words: str) -> None:
    arguments = given(node)
    arguments[arguments.index(change[0]) + 1] = change[1]
    done = cli.invoke(commands, ["doctor", *arguments])
    assert done.exit_code == status, done.output
    assert words in done.output


def test_run_writes_its_report(node: Ics, tmp_path: Path) -> None:
    out = tmp_path / "out"
    some = ["--id", "RFC6733-3-5", "--id", "ROB-3", "--id", "RFC8506-5.2-3/reference", "--id", "RFC6733-3-8"]
    done = cli.invoke(commands, ["run", *given(node), *some, "--out", str(out)])
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    verdicts = {row["id"]: row["verdict"] for row in report["rows"]}
    assert verdicts["ROB-3"] == "PASS"
    assert verdicts["RFC6733-3-5"] == "INFO"
    assert verdicts["RFC6733-3-8"] == "N-A"
    assert verdicts["RFC6733-6.2-1"] == "PASS"
    assert ElementTree.parse(out / "junit.xml").getroot().tag == "testsuites"
    page = (out / "report.html").read_text()
    assert "ROB-3" in page
    assert "<td>claims.by_msisdn</td><td>yes</td>" in page
    assert "<td>N-A: needs a subscriber of role prepaid</td><td>RFC6733-3-8" in page
    assert report["pixit"]["transport"] == "TCP"


def test_a_finding_can_be_replayed(tmp_path: Path) -> None:
    """A node whose answers to an unknown M AVP are right is told that a fixed 2001 was expected: by a mutant."""
    from conformance.mutants.started import started_node

    out = tmp_path / "out"
    with started_node("unknown_m_accepted") as ics:
        done = cli.invoke(commands, ["run", *given(ics), "--id", "RFC6733-7.1.5-1", "--out", str(out)])
        assert done.exit_code == 1, done.output
        assert "verdict: fail" in done.output
        place = out / "findings" / "RFC6733-7.1.5-1"
        assert {"ticket.md", "ladder.txt", "octets.txt", "trace.pcap", "replay.py"} == {p.name for p in place.iterdir()}
        assert "5001" in (place / "ticket.md").read_text()
        again = subprocess.run([sys.executable, "-I", str(place / "replay.py")], capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "the same" in again.stdout
    gone = subprocess.run([sys.executable, "-I", str(place / "replay.py")], capture_output=True, text=True)
    assert gone.returncode == 3


def test_known_deviations_and_comparison(tmp_path: Path, node: Ics) -> None:
    from conformance.mutants.started import started_node

    expected = tmp_path / "expected.yaml"
    expected.write_text("- {id: RFC6733-7.1.5-1, reason: vendor ticket 17, until: 2999-01-01}\n")
    one, other = tmp_path / "one", tmp_path / "other"
    arguments = ["--id", "RFC6733-7.1.5-1", "--id", "ROB-3"]
    with started_node("unknown_m_accepted") as ics:
        known = cli.invoke(commands, ["run", *given(ics), *arguments, "--expected", str(expected), "--out", str(other)])
    assert known.exit_code == 0, known.output
    sound = cli.invoke(commands, ["run", *given(node), *arguments, "--expected", str(expected), "--out", str(one)])
    assert sound.exit_code == 0
    assert "take it out of the file" in sound.output
    compared = cli.invoke(commands, ["compare", str(one), str(other)])
    assert compared.exit_code == 1
    assert "RFC6733-7.1.5-1" in compared.output
    assert cli.invoke(commands, ["compare", str(one), str(one)]).exit_code == 0


def test_an_interrupted_run_says_what_was_run(node: Ics) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    chosen = Selection(ids=("RFC8506-5.2", "RFC6733-3-1")).chosen()
    result = run_cases(node, chosen, workers=1, progress=interrupt)
    assert result.trouble == f"interrupted: {len(result.results)} of {len(chosen)} cases were run"
    assert 1 <= len(result.results) < len(chosen)


def test_a_known_deviation_has_its_last_day(tmp_path: Path) -> None:
    path = tmp_path / "expected.yaml"
    path.write_text("- {id: ROB-3, reason: ticket 1, until: 2027-03-31}\n- {id: OPEN5GS-2, reason: ticket 2}\n")
    on_it, after = (load_expected(path, date(2027, 3, 31)), load_expected(path, date(2027, 4, 1)))
    assert (on_it.reasons, on_it.expired) == ({"ROB-3": "ticket 1", "OPEN5GS-2": "ticket 2"}, ())
    assert (after.reasons, after.expired) == ({"OPEN5GS-2": "ticket 2"}, ("ROB-3",))
    path.write_text("- {id: NOPE, reason: x}\n- {reason: x}\n- {id: ROB-3, reason: x, until: soon}\n")
    with pytest.raises(IcsError) as wrong:
        load_expected(path, date(2027, 3, 31))
    assert len(wrong.value.mistakes) == 3


def test_a_budget_takes_the_worst_rows_that_fit() -> None:
    every, ics = Selection().chosen(), Ics()
    taken, left = fitting(every, ics, 6.0, workers=2)
    assert 0 < expected_seconds(taken, ics, 2) <= 6.0
    assert sorted(case.id for case in taken + left) == sorted(case.id for case in every)
    assert taken[0] is every[0]
    assert [severity(case) for case in taken] == sorted(severity(case) for case in taken)
    assert all(expected_seconds([*taken, case], ics, 2) > 6.0 for case in left)
    assert fitting(every, ics, 3600.0, workers=2) == (every, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--ocs", "127.0.0.1:1"], "--imsi and --apn are needed"),
        (["run", "--area", "NOPE"], "expected one of"),
        (["run", "--side", "pgw", "--ocs", "127.0.0.1:1"], "--side is for our own"),
        (["run", "--id", "NOPE"], "no case or requirement begins with 'NOPE'"),
        (["run", "--budget", "soon"], "expected a time"),
        (["run", "no-such-file.yaml"], "cannot be read"),
        (["explain", "NOPE"], "no requirement or case"),
        (["check", "no-such-file.pcap"], "cannot be read"),
        (["compare", "a", "b"], "a:"),
        (["replay", "NOPE"], "no out/conformance"),
    ],
)
def test_bad_input_is_said_in_words(arguments: list[str], words: str) -> None:
    done = cli.invoke(commands, arguments)
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert "Traceback" not in done.output


def test_a_pixit_with_mistakes_lists_them_all(tmp_path: Path) -> None:
    path = tmp_path / "pixit.yaml"
    path.write_text("sut: {address: nowhere}\ntimers: {answer_seconds: 0}\nclaims: {tsl: true}\n")
    done = cli.invoke(commands, ["doctor", str(path)])
    assert done.exit_code == 2
    assert [line.split(": ")[0].rpartition(":")[2] for line in done.output.splitlines()] == ["1", "2", "3"]


def test_init_writes_what_doctor_reads(tmp_path: Path) -> None:
    path = tmp_path / "pixit.yaml"
    capture = Path(__file__).parent / "open5gs" / "open5gs-grant.pcap"
    done = cli.invoke(commands, ["init", str(path), "--from-pcap", str(capture)])
    assert done.exit_code == 0, done.output
    assert "001010000000001" in path.read_text()
    header, row = (tmp_path / "provision.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["apn"] == "internet"
    assert cli.invoke(commands, ["init", str(path), "--provision"]).exit_code == 0
    assert cli.invoke(commands, ["init", str(path)]).exit_code == 2
    unreachable = cli.invoke(commands, ["doctor", str(path), "--ocs", "127.0.0.1:1"])
    assert unreachable.exit_code == 3, unreachable.output


def test_explain_and_list_speak_of_every_row() -> None:
    for row in list(requirements().values())[::25]:
        done = cli.invoke(commands, ["explain", row.id])
        assert done.exit_code == 0
        assert row.then.split()[0] in done.output
    assert "367 requirements" not in cli.invoke(commands, ["list"]).output
    listed = cli.invoke(commands, ["list", "--area", "FT"])
    assert "46 requirements" in listed.output
