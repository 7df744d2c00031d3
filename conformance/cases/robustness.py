"""ROB: what no clause spells out: many connections, broken octets, many clients on one account."""

from __future__ import annotations

import socket

from conformance.bench import Bench
from conformance.cases import case
from conformance.golden import golden_session
from conformance.tester.observe import code
from conformance.tester.request import INITIAL
from conformance.wire.message import Message

CONNECTIONS = 200
FLIPS = 300


@case("ROB-1", destructive=True, seconds=0.5)
def many_connections(bench: Bench) -> None:
    """200 connections on which nothing is said."""
    line = bench.line
    crowd = []
    try:
        for _ in range(CONNECTIONS):
            crowd.append(socket.create_connection(bench.run.address, timeout=bench.ics.timers.answer_seconds))
    except OSError:
        bench.note(f"no more than {len(crowd)} connections are taken")
    bench.check(isinstance(line.alive(), Message), "the first connection is served", "no DWA")
    bench.success(bench.session(bench.rich()).initial())
    for one in crowd:
        one.close()
    bench.check(isinstance(line.alive(), Message), "and also when they have gone", "no DWA")


@case("ROB-2", destructive=True, seconds=3.0)
def flipped_bits(bench: Bench) -> None:
    """300 CCR-I with some of their bits flipped."""
    subscriber, balance = bench.known_balance()
    line = bench.line
    for _ in range(FLIPS):
        if line.closed_by_peer:
            line = bench.open_line()
        session = bench.session(subscriber, line=line)
        octets = bytearray(line.stamp(session.request(INITIAL, session.asking())).octets())
        places = [
            *range(4, 12),
            *range(20, len(octets)),
        ]  # with the ids of another request nobody could tell them apart
        for _ in range(bench.rng.randrange(1, 4)):
            octets[bench.rng.choice(places)] ^= 1 << bench.rng.randrange(8)
        line.send_octets(bytes(octets))
    bench.check(line.closed_by_peer or isinstance(line.alive(), Message), "DWA, or the connection closed", "silence")
    for message in line.unclaimed:
        if not message.is_request and message.result_code == 2001 and (name := message.tree.text("Session-Id")):
            session = bench.session(subscriber, line=bench.open_line() if line.closed_by_peer else line)
            session.session_id, session.number = name, 1_000_000
            session.terminate()
    bench.check(bench.free_octets(subscriber) <= balance, "no credit out of nothing", "more than the balance")


@case("ROB-3")
def golden(bench: Bench) -> None:
    """A watchdog and a golden session."""
    bench.expect(bench.line.alive(), code(2001))
    trouble = golden_session(bench)
    bench.check(trouble is None, "a session from CCR-I to CCR-T, all 2001", str(trouble))


@case("ROB-4", seconds=1.5)
def conservation(bench: Bench) -> None:
    """20 clients on one account, in seeded disorder."""
    subscriber, balance = bench.known_balance()
    sessions = [bench.session(subscriber) for _ in range(20)]
    held = dict.fromkeys(range(20), 0)
    debited = 0
    for _ in range(120):
        number = bench.rng.randrange(20)
        session = sessions[number]
        if not session.is_open:
            reply = session.initial(ask=bench.rng.randrange(50_000, 400_000))
            held[number] = reply.granted_octets if isinstance(reply, Message) else 0
        elif bench.rng.random() < 0.25:
            used = held[number] // 2
            session.terminate(used=used)
            debited, held[number] = debited + used, 0
            sessions[number] = bench.session(subscriber)
        else:
            used = held[number]
            reply = session.update(session.asking(ask=bench.rng.randrange(50_000, 400_000), used=used))
            debited += used
            held[number] = reply.granted_octets if isinstance(reply, Message) else 0
        spoken_for = debited + sum(held.values())
        bench.check(spoken_for <= balance, f"debited + granted within {balance} octets", f"{spoken_for}")
    for number, session in enumerate(sessions):
        if session.is_open:
            session.terminate(used=held[number])
            debited += held[number]
    bench.balance_is(subscriber, balance - debited)
