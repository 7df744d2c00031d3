"""Failed-AVP for faults that charging finds in a well-formed request (RFC 6733 7.5)."""

from __future__ import annotations

from ocs.gy.avp import wrap
from ocs.gy.dictionary import BY_NAME
from ocs.gy.messages import FailedAvp


def failed_avp(name: str, value: int | str) -> FailedAvp:
    """The AVP `name` with the offending value: an Unsigned32 for an int, UTF-8 for text."""
    return FailedAvp(octets=wrap(BY_NAME[name], value.to_bytes(4) if isinstance(value, int) else value.encode()))
