"""FAIL and PEER: the SUT stops, crashes and comes back (hooks stop, kill, restart)."""

from __future__ import annotations

import time

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.duplicates import same_answer
from conformance.tester.line import Line
from conformance.tester.observe import code, granted
from conformance.tester.request import UPDATE, cer
from conformance.verdicts import inconclusive
from conformance.wire.message import Message


def _back(bench: Bench) -> Line:
    """A connection to the SUT when it is there again."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            line = bench.raw_line()
        except OSError:
            time.sleep(0.1)
            continue
        reply = line.ask(cer(line.node))
        if isinstance(reply, Message) and reply.result_code == 2001:
            line.capabilities = reply
            bench.go_on_with(line)
            return line
        time.sleep(0.1)
    raise inconclusive("the SUT did not come back within 30 s of the restart")


def _old(line: Line) -> None:
    line.await_close(1.0)
    line.close()


@case("GY-CRASH-1", seconds=5.0, destructive=True)
def crash(bench: Bench) -> None:
    """CCR-U, kill -9, restart, the CCR-U again with the T bit."""
    bench.needs("kill", "restart")
    subscriber, balance = bench.known_balance()
    session, octets = bench.opened(subscriber)
    request = session.line.stamp(session.request(UPDATE, session.asking(used=octets)))
    first = session.send(request)
    bench.expect(first, granted(session.rating_group))
    bench.run.hooks.call("kill")
    _old(session.line)
    bench.run.hooks.call("restart")
    session.line = _back(bench)
    second = session.line.ask(request.resent())
    different = same_answer(first, second)
    bench.prefer(different is None, "the same answer again", str(different))
    session.terminate()
    bench.balance_is(subscriber, balance - octets)


@case("RFC6733-5.4.3-1", "RFC6733-8.16-1", seconds=5.0, destructive=True)
def orderly_stop(bench: Bench) -> None:
    """An orderly stop, then a restart."""
    bench.needs("stop", "restart")
    line = bench.line
    assert line.capabilities is not None
    before = line.capabilities.tree.number("Origin-State-Id")
    session, octets = bench.opened(bench.rich())
    bench.work("stop", line)
    line.await_close(bench.ics.timers.answer_seconds)
    bench.check(bool(line.disconnects), "DPR", "none: the connection just ended")
    cause = line.disconnects[0].tree.first("Disconnect-Cause")
    bench.check(cause is not None, "Disconnect-Cause", "DPR without it")
    _old(line)
    bench.run.hooks.call("restart")
    session.line = _back(bench)
    assert session.line.capabilities is not None
    after = session.line.capabilities.tree.number("Origin-State-Id")
    reply = session.update(used=octets)
    kept = code(2001).holds(reply)
    bench.note(f"sessions {'kept' if kept else 'lost'}, Origin-State-Id {before} then {after}", "RFC6733-8.16-1")
    if not kept:
        higher = (after or 0) > (before or 0) or not (before or after)
        bench.check(higher, "a higher Origin-State-Id, because sessions are lost", f"{before}, then {after}",
                    "RFC6733-8.16-1")  # fmt: skip
