"""Failed-AVP for faults that charging finds in a well-formed request (RFC 6733 7.5)."""

from __future__ import annotations

import struct

from ocs.gy.dictionary import BY_NAME
from ocs.gy.messages import FailedAvp


def failed_avp(name: str, value: int | str) -> FailedAvp:
    """The IETF AVP `name` with the offending value: an Unsigned32 for an int, UTF-8 for text."""
    definition = BY_NAME[name]
    data = value.to_bytes(4, "big") if isinstance(value, int) else value.encode()
    header = struct.pack(">II", definition.code, (0x40 if definition.mandatory else 0) << 24 | 8 + len(data))
    return FailedAvp(octets=header + data + bytes(-len(data) % 4))
