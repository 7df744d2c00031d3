"""TTC: Tariff-Time-Change (RFC 8506 5.1.1, 8.20)."""

from __future__ import annotations

import time

from conformance.bench import Bench
from conformance.cases import case
from conformance.wire.avp import NTP_EPOCH_SECONDS


@case("RFC8506-5.1.1-1")
def in_the_future(bench: Bench) -> None:
    """CCR-I."""
    session = bench.session(bench.rich())
    reply = bench.success(session.initial())
    changes = [
        item.number
        for service in reply.services
        for item in service.tree.all("Granted-Service-Unit", "Tariff-Time-Change")
    ]
    if not changes:
        bench.note("no Tariff-Time-Change is sent to a client that has said nothing of it")
        return
    for change in changes:
        seconds = ((change or 0) - NTP_EPOCH_SECONDS) % 2**32
        bench.check(seconds > time.time() - 60, "a Tariff-Time-Change in the future", f"{seconds}")
