"""Diameter octets put together by hand, with as little help from `ocs.gy` as can be, for tests of what it must refuse."""

from __future__ import annotations

import struct

V, M = 0x80, 0x40


def avp(code: int, payload: bytes, flags: int = M, vendor: int | None = None, length: int | None = None) -> bytes:
    """An AVP, padded; `length` overrides the AVP Length field."""
    head = 8 if vendor is None else 12
    size = head + len(payload) if length is None else length
    octets = struct.pack(">II", code, flags << 24 | size)
    if vendor is not None:
        octets += struct.pack(">I", vendor)
    return octets + payload + bytes(-len(payload) % 4)


def u32(code: int, value: int, **more: int) -> bytes:
    return avp(code, struct.pack(">I", value), **more)


def text(code: int, value: str, **more: int) -> bytes:
    return avp(code, value.encode(), **more)


def message(*avps: bytes, code: int = 272, application: int = 4, flags: int = 0xC0, version: int = 1) -> bytes:
    """A message, by default a CCR with Hop-by-Hop 0x11 and End-to-End 0x22."""
    body = b"".join(avps)
    return struct.pack(">IIIII", version << 24 | 20 + len(body), flags << 24 | code, application, 0x11, 0x22) + body


SESSION_ID = text(263, "pgw;1;2")
ORIGIN_HOST = text(264, "pgw.example")
ORIGIN_REALM = text(296, "example")
DESTINATION_REALM = text(283, "example")
AUTH_APPLICATION_ID = u32(258, 4)
SERVICE_CONTEXT_ID = text(461, "32251@3gpp.org")
CC_REQUEST_TYPE = u32(416, 1)
CC_REQUEST_NUMBER = u32(415, 0)

REQUIRED = {
    263: SESSION_ID,
    264: ORIGIN_HOST,
    296: ORIGIN_REALM,
    283: DESTINATION_REALM,
    258: AUTH_APPLICATION_ID,
    461: SERVICE_CONTEXT_ID,
    416: CC_REQUEST_TYPE,
    415: CC_REQUEST_NUMBER,
}
"""The AVPs that every CCR has, by code (RFC 8506 3.1)."""


def ccr(*more: bytes, without: int | None = None, **replaced: bytes) -> bytes:
    """A CCR-I with the required AVPs and some more; `without` one by code, or one replaced (`_416=octets`)."""
    required = {code: octets for code, octets in REQUIRED.items() if code != without}
    required |= {int(key[1:]): octets for key, octets in replaced.items()}
    return message(*required.values(), *more)
