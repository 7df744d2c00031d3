"""`conformance doctor`: the first talk with an OCS, step by step, each with a hint for what to look at if it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from conformance.bench import Bench, Run
from conformance.hints import CCR_HINTS, CER_HINTS
from conformance.pcap import write_pcap
from conformance.sut.ics import Ics
from conformance.tester.line import Line
from conformance.tester.observe import NoMessage, Reply
from conformance.tester.request import cer, dpr
from conformance.tester.secure import HandshakeFailed
from conformance.watch import watch
from conformance.wire.message import Message

Outcome = Literal["ok", "failed", "unreachable"]


@dataclass(frozen=True)
class Step:
    """One step: what was tried, how it went, what was seen, and where to look if it failed."""

    name: str
    outcome: Outcome
    seen: str
    hint: str = ""


_CLOSED: Final = (
    "many OCSs close on an unknown Origin-Host or address: add the tester to its peer table; or is it TLS (--tls)?"
)
_CLOSED_OVER_TLS: Final = (
    "so ends TLS 1.3 where the SUT does not like the tester's certificate, or its lack (--tls-cert, --tls-key); "
    "else see whether the SUT's peer table has this Origin-Host"
)


def examine(ics: Ics, pcap: Path | None = None) -> Iterator[Step]:
    """Takes the steps one by one, and stops at the first that makes the next ones pointless."""
    run = Run(ics)
    bench = Bench(run, "doctor", ("ROB-3",))
    try:
        yield from _steps(bench)
    finally:
        bench.close()
        if pcap is not None:
            write_pcap(pcap, bench.trace.records, run.address[1])
    watched = watch(bench.trace.records)
    if not watched.messages:
        return
    against = [complaint for complaint in watched.complaints if complaint.sender == "ocs"]
    if against:
        first = against[0]
        seen = f"{len(against)} remarks, the first: {first.row}: {first.title}: {first.text}"
        yield Step("rules for every message", "failed", seen, "`conformance explain ROW` says what is asked")
    else:
        yield Step("rules for every message", "ok", f"{watched.messages} messages, nothing against them")


def _steps(bench: Bench) -> Iterator[Step]:
    host, port = bench.run.address
    secured = bench.run.security is not None
    try:
        line = bench.raw_line()
    except HandshakeFailed as error:
        yield Step(f"TCP to {host}:{port}", "ok", "connected")
        yield Step("TLS", "unreachable", str(error), error.hint)
        return
    except OSError as error:
        hint = "is the OCS listening there, on TCP, and does nothing stand between? (SCTP alone will not do)"
        yield Step(f"TCP to {host}:{port}", "unreachable", str(error), hint)
        return
    yield Step(f"TCP to {host}:{port}", "ok", "connected")
    if secured:
        yield Step("TLS", "ok", line.tls_title)
    reply = line.ask(cer(line.node))
    step = _capabilities(bench, line, reply)
    yield step
    if step.outcome != "ok":
        return
    reply = line.alive()
    good = isinstance(reply, Message) and reply.result_code == 2001
    yield Step(
        "watchdog (DWR)", "ok" if good else "failed", reply.title, "" if good else "RFC 6733 5.5.1 asks for 2001"
    )
    yield from _session(bench, line)
    reply = line.ask(dpr(line.node))
    good = isinstance(reply, Message) and reply.result_code == 2001
    yield Step("disconnect (DPR)", "ok" if good else "failed", reply.title, "" if good else "RFC 6733 5.4.2")
    line.close()


def _capabilities(bench: Bench, line: Line, reply: Reply) -> Step:
    name = f"capabilities (CER as {line.node.host})"
    if isinstance(reply, NoMessage):
        hint = {
            "closed": _CLOSED_OVER_TLS if line.tls_title else _CLOSED,
            "silent": "something listens that says nothing: is it Diameter, or does it wait for TLS (--tls)?",
            "garbled": "whatever answers there does not speak Diameter",
            "flooded": "the SUT sends and sends, whatever it is asked",
        }[reply.how]
        return Step(name, "unreachable", reply.title, hint)
    if reply.result_code != 2001:
        return Step(name, "unreachable", reply.title, CER_HINTS.get(reply.result_code or 0, "look into the SUT's log"))
    line.capabilities = reply
    tree = reply.tree
    bench.run.sut_host, bench.run.sut_realm = tree.text("Origin-Host"), tree.text("Origin-Realm")
    bench.run.realm = bench.run.realm or bench.run.sut_realm
    product = tree.text("Product-Name")
    return Step(name, "ok", f"{bench.run.sut_host}, realm {bench.run.sut_realm}, product {product}")


def _session(bench: Bench, line: Line) -> Iterator[Step]:
    subscriber = bench.rich()
    session = bench.session(subscriber, line=line)
    what = f"CCR-I (IMSI {subscriber.imsi}, APN {subscriber.apn}, RG {session.rating_group})"
    reply = session.initial()
    refusal = _refusal(reply, session.rating_group)
    if refusal is not None:
        yield Step(what, "failed", reply.title, refusal)
        return
    assert isinstance(reply, Message)
    octets = reply.granted_octets
    if not octets:
        hint = (
            "success without CC-Total-Octets: Open5GS and others take that as unlimited free service"
            if not reply.any_grant
            else "the grant is not in CC-Total-Octets: is this a volume tariff?"
        )
        yield Step(what, "failed", reply.title, hint)
        return
    yield Step(what, "ok", f"{octets:,} octets granted")
    used = max(1, octets // 2)
    for name, exchange in (("CCR-U", session.update), ("CCR-T", session.terminate)):
        reply = exchange(used=used)
        refusal = _refusal(reply, session.rating_group)
        outcome: Outcome = "ok" if refusal is None else "failed"
        yield Step(f"{name} (reports {used:,} octets)", outcome, reply.title, refusal or "")
        if refusal is not None:
            return


def _refusal(reply: Reply, rating_group: int) -> str | None:
    """The hint for a reply that is no success; None for one that is."""
    if isinstance(reply, NoMessage):
        return {
            "closed": "the SUT closed the connection on this CCR: look into its log",
            "silent": "the SUT does not answer this CCR: look into its log; a gateway would now wait for Tx",
            "garbled": "the SUT answers octets that are no Diameter message",
            "flooded": "the SUT sends and sends: look into its log",
        }[reply.how]
    if reply.result_code != 2001:
        return CCR_HINTS.get(reply.result_code or 0, "look into the SUT's log")
    service = reply.service(rating_group)
    inner = service.result_code if service is not None else None
    return CCR_HINTS.get(inner, "look into the SUT's log") if inner is not None and inner != 2001 else None
