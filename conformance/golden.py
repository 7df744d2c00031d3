"""The golden session: what must work before, between and after everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.bench import Bench
from conformance.hints import CCR_HINTS, OF_PIXIT
from conformance.tester.observe import Reply
from conformance.wire.message import Message


@dataclass(frozen=True)
class Trouble:
    """What was wrong with a golden session. `reachable`: the SUT is there and speaks Diameter.

    `of_pixit`: it refuses the subscriber of the PIXIT, so that no case could be told from a wrong file.
    """

    text: str
    reachable: bool = True
    of_pixit: bool = False

    def __str__(self) -> str:
        return self.text


def golden_session(bench: Bench) -> Trouble | None:
    """CCR-I, CCR-U and CCR-T of a subscriber with credit, on the main connection; what went wrong, if anything."""
    session = bench.session(bench.rich())
    exchanges: tuple[tuple[str, Callable[[], Reply]], ...] = (
        ("CCR-I", session.initial),
        ("CCR-U", lambda: session.update(used=1000)),
        ("CCR-T", lambda: session.terminate(used=1000)),
    )
    for name, exchange in exchanges:
        reply = exchange()
        code = _refusal(reply, session.rating_group)
        if name == "CCR-I" and code in OF_PIXIT:
            who = f"IMSI {session.subscriber.imsi}, APN {session.service.apn}, rating group {session.rating_group}"
            return Trouble(f"PIXIT or SUT: CCR-I ({who}): {reply.title}: {CCR_HINTS[code]}", of_pixit=True)
        if not isinstance(reply, Message) or reply.result_code != 2001:
            return Trouble(f"{name}: {reply.title}")
    return None


def _refusal(reply: Reply, rating_group: int) -> int:
    """The code that refuses, at command level or in the MSCC; 2001 if none does."""
    if not isinstance(reply, Message):
        return 0
    service = reply.service(rating_group)
    inner = service.result_code if service is not None else None
    return (inner or 2001) if reply.result_code == 2001 else (reply.result_code or 0)
