"""What ledger lines say of deadlines that have passed: for logs and counters."""

from __future__ import annotations

from typing import NamedTuple

from ocs.records.edr import Transfer


class Passed(NamedTuple):
    """A deadline that took units back. `what`: `bucket`, `reservation`, or `session` (nothing was heard of it)."""

    what: str
    session_id: str | None
    imsi: str


def passed(transfer: Transfer) -> Passed | None:
    """The deadline that moved `transfer`; None where something else did.

    `session` is also what a client's own CCR-T gives back: only in an outcome of `Expire` is it a deadline.
    """
    if transfer.kind not in ("voided", "expired"):
        return None
    imsi = transfer.subscription_id.partition("/")[0]
    if transfer.pending_id is None:
        return Passed("bucket", None, imsi)
    cause, _, how = transfer.cause.rpartition("/")
    match how:
        case "ended":
            return Passed("reservation", cause.rsplit("/", 2)[0], imsi)
        case "closed":
            return Passed("session", cause, imsi)
    return None
