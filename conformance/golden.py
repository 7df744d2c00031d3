"""The golden session: what must work before, between and after everything else."""

from __future__ import annotations

from collections.abc import Callable

from conformance.bench import Bench
from conformance.tester.observe import Reply
from conformance.wire.message import Message


def golden_session(bench: Bench) -> str | None:
    """CCR-I, CCR-U and CCR-T of a subscriber with credit, on the main connection; what went wrong, if anything."""
    session = bench.session(bench.rich())
    exchanges: tuple[tuple[str, Callable[[], Reply]], ...] = (
        ("CCR-I", session.initial),
        ("CCR-U", lambda: session.update(used=1000)),
        ("CCR-T", lambda: session.terminate(used=1000)),
    )
    for name, exchange in exchanges:
        reply = exchange()
        if not isinstance(reply, Message) or reply.result_code != 2001:
            return f"{name}: {reply.title}"
    return None
