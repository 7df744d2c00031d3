"""Which requests are refused when more come than can be served, and how (RFC 6733 7.1.3)."""

from __future__ import annotations

from ocs.gy.avp import Failure
from ocs.gy.messages import Ccr, CcRequestType, ResultCode

_THRESHOLDS = {
    CcRequestType.INITIAL: 1,
    CcRequestType.EVENT: 1,
    CcRequestType.UPDATE: 2,
}
"""By how many times `Limits.waiting` the queue has to be exceeded. Terminations, which release, are never refused."""


def is_shed(ccr: Ccr, waiting: int, waiting_max: int) -> bool:
    """Whether a request is refused while that many others wait: new sessions first, updates at twice the limit."""
    threshold = _THRESHOLDS.get(ccr.cc_request_type)
    return threshold is not None and waiting >= threshold * waiting_max


def too_busy(ccr: Ccr) -> Failure:
    """3004 if the request names this very node, so that no other can serve it; else 3002, so that others are tried.

    3004 "MUST only be used when a specific server is requested" (RFC 6733 7.1.3); requests for other hosts do not
    get as far as here.
    """
    code = ResultCode.UNABLE_TO_DELIVER if ccr.destination_host is None else ResultCode.TOO_BUSY
    return Failure(code, b"", "too many requests")
