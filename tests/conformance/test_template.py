"""CCRs built in the likeness of a captured gateway: the capture's AVPs in its order, and only the rest is ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.bench import Bench, Run
from conformance.cli import commands
from conformance.mutants.started import started_node
from conformance.pcap import read_capture, write_pcap
from conformance.runner import run_cases
from conformance.selection import Selection
from conformance.sut.ics import Ics, load_ics
from conformance.template import Template, captured_ccrs, load_template
from conformance.tester.request import INITIAL, TERMINATION, UPDATE, Request, mscc
from conformance.verdicts import Verdict
from conformance.wire.avp import Tree, avp, raw_avp
from conformance.wire.message import CCR, Message

CAPTURES = Path(__file__).parent / "open5gs"
GRANT = CAPTURES / "open5gs-grant.pcap"


def like(ics: Ics, capture: Path) -> Ics:
    return ics.model_copy(update={"tester": ics.tester.model_copy(update={"ccr_template": capture})})


def names(tree: Tree, *, without: tuple[str, ...] = ()) -> list[str]:
    return [one.name for one in tree if one.name not in without]


@pytest.mark.parametrize("kind", [INITIAL, UPDATE, TERMINATION])
def test_a_ccr_is_the_captured_one_but_for_what_is_ours(node: Ics, kind: int) -> None:
    bench = Bench(Run(like(node, GRANT)), "x", ("ROB-3",))
    captured = {one.message.tree.number("CC-Request-Type"): one.message for one in captured_ccrs(read_capture(GRANT))}
    theirs = captured[kind].tree
    session = bench.session(bench.rich())
    ours = Message(session.request(kind, mscc(200, ask=5, used=None if kind == INITIAL else 7)).octets()).tree
    assert names(ours) == names(theirs)
    for copied in ("Requested-Action", "AoC-Request-Type"):
        assert [one.octets for one in ours.all(copied)] == [one.octets for one in theirs.all(copied)]
    assert ours.text("Session-Id") == session.session_id
    assert ours.text("Subscription-Id", "Subscription-Id-Data") == session.subscriber.imsi
    packets = "Service-Information", "PS-Information"
    bearer = "3GPP-Charging-Id", "PDP-Address", "Called-Station-Id"
    mine, captured_one = ours.first(*packets), theirs.first(*packets)
    assert mine is not None
    assert captured_one is not None
    assert names(mine.tree) == names(captured_one.tree, without=("3GPP-NSAPI",))
    assert [one.octets for one in mine.tree if one.name not in bearer] == [
        one.octets for one in captured_one.tree if one.name not in (*bearer, "3GPP-NSAPI")
    ]
    assert ours.text(*packets, "Called-Station-Id") == "wifi"
    service = ours.first("Multiple-Services-Credit-Control")
    assert service is not None
    assert "QoS-Information" in names(service.tree)
    assert (service.tree.number("Rating-Group"), service.tree.number("Requested-Service-Unit", "CC-Total-Octets")) == (
        200,
        5,
    )
    bench.close()


def test_sessions_side_by_side_are_other_bearers(node: Ics) -> None:
    bench = Bench(Run(like(node, CAPTURES / "open5gs-v4v6.pcap")), "x", ("ROB-3",))
    seen = set()
    for _ in range(3):
        tree = Message(bench.session(bench.rich()).request(INITIAL, mscc(200, ask=5)).octets()).tree
        addresses = tree.all("Service-Information", "PS-Information", "PDP-Address")
        assert [len(one.data) for one in addresses] == [6, 18]
        seen.add(tuple(one.data for one in addresses))
    assert len(seen) == 3
    bench.close()


def test_what_a_case_spoils_or_adds_stays_as_it_is() -> None:
    template = load_template(GRANT)
    spoiled = raw_avp(456, avp("Rating-Group", 1) + b"\\0\\0\\1\\xb5@\\0\\0\\3")
    request = Request(CCR, (avp("Session-Id", "a;1;2"), spoiled))
    unknown = raw_avp(99_999, b"x")
    shaped = template.shaped(request, INITIAL, [avp("Requested-Action", 3), unknown])
    assert spoiled in shaped.avps
    assert shaped.avps[-1] == unknown
    tree = Message(shaped.octets()).tree
    assert [one.number for one in tree.all("Requested-Action")] == [3]
    assert names(tree)[:2] == ["Session-Id", "Requested-Action"]


def test_a_type_that_was_not_captured_borrows() -> None:
    first = [one.message for one in captured_ccrs(read_capture(GRANT))][:1]
    shaped = Template(first).shaped(Request(CCR, (avp("Session-Id", "a;1;2"),)), TERMINATION)
    assert "AoC-Request-Type" in names(Message(shaped.octets()).tree)


CASES = (
    "ROB-3", "RFC8506-5.2-3", "RFC8506-5.4-3", "RFC8506-9.2-1", "RFC6733-3-9", "RFC6733-7.1.5", "OPEN5GS-1",
    "RFC8506-5.1.2", "FT-1015.006-4", "FT-1015.006-8",
)  # fmt: skip


def test_cases_in_the_likeness_of_open5gs() -> None:
    with started_node() as ics:
        result = run_cases(like(ics, CAPTURES / "open5gs-via-dra.pcap"), Selection(ids=CASES).chosen(), workers=4)
    assert result.trouble == ""
    passing = {Verdict.PASS, Verdict.INFO, Verdict.N_A}
    assert {
        one.case_id: (one.verdict, one.reason, one.findings) for one in result.results if one.verdict not in passing
    } == {}
    ccrs = [
        record.message
        for one in result.results
        for record in one.trace.records
        if record.sender == "pgw" and record.message.command == CCR
    ]
    assert len(ccrs) > 100
    alike = [ccr for ccr in ccrs if ccr.tree.first("AoC-Request-Type") is not None]
    assert len(alike) > 0.9 * len(ccrs)  # the rest: messages that cases spoil, and other services


def test_init_keeps_the_captured_ccrs(tmp_path: Path) -> None:
    path = tmp_path / "pixit.yaml"
    done = CliRunner().invoke(commands, ["init", str(path), "--from-pcap", str(GRANT)])
    assert done.exit_code == 0, done.output
    assert "pixit-ccr.pcap written: CCR-I #0, CCR-U #1, CCR-T #3" in done.output
    template = load_ics(path).tester.ccr_template
    assert template == tmp_path / "pixit-ccr.pcap"
    kept = [one.octets for one in read_capture(template)]
    assert kept == [one.octets for one in captured_ccrs(read_capture(GRANT))]
    path.write_text(path.read_text().replace("pixit-ccr.pcap", "none.pcap"))
    wrong = CliRunner().invoke(commands, ["doctor", str(path)])
    assert wrong.exit_code == 2
    assert "tester.ccr_template" in wrong.output


def test_init_takes_every_subscriber_of_the_trace(tmp_path: Path) -> None:
    """Two users of two APNs in one capture: with their numbers, and the realm of the gateway."""
    records = read_capture(GRANT) + [
        replace(one, line=9, octets=_of_another(one.octets)) for one in read_capture(CAPTURES / "open5gs-v4v6.pcap")
    ]
    write_pcap(tmp_path / "both.pcap", records)
    done = CliRunner().invoke(commands, ["init", str(tmp_path / "p.yaml"), "--from-pcap", str(tmp_path / "both.pcap")])
    assert done.exit_code == 0, done.output
    ics = load_ics(tmp_path / "p.yaml")
    assert [(one.imsi, one.msisdn, one.apn) for one in ics.subscribers.rich] == [
        ("001010000000001", "491700000001", "internet"),
        ("001010000000009", "491700000001", "ims.mnc001.mcc001.gprs"),
    ]
    assert ics.sut.realm == "localdomain"
    wrong = CliRunner().invoke(commands, ["init", str(tmp_path / "q.yaml"), "--imsi", "12", "--rg", "-1"])
    assert wrong.exit_code == 2
    assert sorted(line.split(":")[0] for line in wrong.output.splitlines()) == ["--imsi 12", "--rg -1"]


def _of_another(octets: bytes) -> bytes:
    return octets.replace(b"001010000000001", b"001010000000009")
