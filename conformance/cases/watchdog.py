"""PEER: the watchdog (RFC 6733 5.5, RFC 3539 3.4)."""

from __future__ import annotations

import time

from conformance.bench import Bench
from conformance.cases import case
from conformance.sut.ics import Ics
from conformance.tester.observe import code
from conformance.tester.request import dwr
from conformance.verdicts import not_applicable
from conformance.wire.avp import avp
from conformance.wire.message import Message

JITTER_SECONDS = 2.0


@case("RFC6733-5.5.1-1")
def watchdog(bench: Bench) -> None:
    """DWR with Origin-State-Id."""
    line = bench.line
    reply = bench.expect(line.ask(dwr(line.node).adding(avp("Origin-State-Id", 1))), code(2001))
    tree = bench.answer(reply).tree
    for name in ("Origin-Host", "Origin-Realm"):
        bench.check(tree.first(name) is not None, f"DWA with {name}", "DWA without it")
    allowed = {"Result-Code", "Origin-Host", "Origin-Realm", "Error-Message", "Failed-AVP", "Origin-State-Id"}
    more = [item.name for item in tree if item.name not in allowed]
    bench.check(not more, "no AVP outside of the table of DWA", ", ".join(more))


@case("RFC6733-5.5.1-2")
def watchdog_without_state(bench: Bench) -> None:
    """DWR without Origin-State-Id."""
    bench.expect(bench.line.alive(), code(2001))


def _patience(ics: Ics, rounds: float) -> float:
    seconds = ics.timers.watchdog_seconds * rounds + JITTER_SECONDS
    if seconds > ics.timers.wait_most_seconds:
        raise not_applicable(f"takes {seconds:g} s, above timers.wait_most_seconds")
    return seconds


@case("RFC3539-3.4.1-1", seconds=lambda i: i.timers.watchdog_seconds + 2)
def idle(bench: Bench) -> None:
    """Silence on an open connection."""
    seconds = _patience(bench.ics, 1)
    line = bench.line
    began = time.monotonic()
    line.await_message(lambda _: bool(line.watchdogs), seconds)
    deadline = began + seconds
    while not line.watchdogs and time.monotonic() < deadline and not line.closed_by_peer:
        line.await_message(lambda _: False, 0.2)
    bench.check(bool(line.watchdogs), f"a DWR within {seconds:g} s", "none")


@case("RFC3539-3.4.1-2", seconds=lambda i: 3 * i.timers.watchdog_seconds + 2)
def suspect(bench: Bench) -> None:
    """A DWR that is not answered."""
    seconds = _patience(bench.ics, 3)
    line = bench.line
    line.answers_watchdog = False
    closed = line.await_close(seconds)
    bench.check(bool(line.watchdogs), "a DWR", "none")
    bench.check(closed, f"closed within {seconds:g} s", "still open")


@case("RFC3539-3.4.1-3", seconds=lambda i: i.timers.watchdog_seconds * 1.5)
def busy(bench: Bench) -> None:
    """Requests all the time."""
    tw = bench.ics.timers.watchdog_seconds
    _patience(bench.ics, 1.5)
    line = bench.line
    end = time.monotonic() + tw * 1.5
    while time.monotonic() < end:
        bench.check(isinstance(line.alive(), Message), "DWA", "none")
        time.sleep(tw / 8)
    bench.check(not line.watchdogs, "no DWR while messages come", f"{len(line.watchdogs)} DWRs")
