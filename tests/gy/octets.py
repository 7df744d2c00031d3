"""Diameter octets put together by hand, with no help from `ocs.gy`, for tests of what it has to take or refuse."""

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


def u64(code: int, value: int, **more: int) -> bytes:
    return avp(code, struct.pack(">Q", value), **more)


def message(
    *avps: bytes,
    code: int = 272,
    application: int = 4,
    flags: int = 0xC0,
    version: int = 1,
    length: int | None = None,
    hop_by_hop: int = 0x11,
    end_to_end: int = 0x22,
) -> bytes:
    """A message, by default a CCR with Hop-by-Hop 0x11 and End-to-End 0x22; `length` overrides the Message Length."""
    body = b"".join(avps)
    size = 20 + len(body) if length is None else length
    return struct.pack(">IIIII", version << 24 | size, flags << 24 | code, application, hop_by_hop, end_to_end) + body


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


def ccr(*more: bytes, without: int | None = None, header: dict[str, int] | None = None, **replaced: bytes) -> bytes:
    """A CCR-I with the required AVPs and some more; `without` one by code, or one replaced (`_416=octets`)."""
    required = {code: octets for code, octets in REQUIRED.items() if code != without}
    required |= {int(key[1:]): octets for key, octets in replaced.items()}
    return message(*required.values(), *more, **(header or {}))


HOST_IP_ADDRESS = avp(257, b"\0\1\x7f\0\0\1")
VENDOR_ID = u32(266, 0)
PRODUCT_NAME = text(269, "test", flags=0)


def cer(*more: bytes, host: str = "pgw.example", without: int | None = None, application: bytes | None = None) -> bytes:
    """A CER for application 4, or with other applications; `without` one of the required AVPs by code."""
    required = {264: text(264, host), 296: ORIGIN_REALM, 257: HOST_IP_ADDRESS, 266: VENDOR_ID, 269: PRODUCT_NAME}
    required.pop(without or 0, None)
    offered = AUTH_APPLICATION_ID if application is None else application
    return message(*required.values(), offered, *more, code=257, application=0, flags=0x80, hop_by_hop=1, end_to_end=1)


def dwr(*more: bytes, host: str = "pgw.example", hop_by_hop: int = 2) -> bytes:
    return message(text(264, host), ORIGIN_REALM, *more, code=280, application=0, flags=0x80, hop_by_hop=hop_by_hop)


def dpr(*more: bytes, cause: int = 0, hop_by_hop: int = 3) -> bytes:
    avps = (ORIGIN_HOST, ORIGIN_REALM, u32(273, cause), *more)
    return message(*avps, code=282, application=0, flags=0x80, hop_by_hop=hop_by_hop)


def base_answer(code: int, hop_by_hop: int, result_code: int = 2001, host: str = "pgw.example") -> bytes:
    """A DWA or DPA."""
    avps = (u32(268, result_code), text(264, host), ORIGIN_REALM)
    return message(*avps, code=code, application=0, flags=0, hop_by_hop=hop_by_hop)


IMSI = "001010000000001"
TGPP = 10415


def mscc(rating_group: int, *more: bytes) -> bytes:
    """An MSCC that asks for units, and more."""
    return avp(456, avp(437, b"") + u32(432, rating_group) + b"".join(more))


def used(octets: int) -> bytes:
    """A USU of so many octets in total."""
    return avp(446, u64(421, octets))


def charging(number: int, kind: int, *more: bytes, session: str = "pgw;1;2", apn: str = "wifi", **header: int) -> bytes:
    """A whole CCR of a gateway: subscriber and APN besides what every CCR has."""
    imsi = avp(443, u32(450, 1) + text(444, IMSI))
    ps = avp(874, text(30, apn), flags=V | M, vendor=TGPP)
    return ccr(
        imsi,
        *more,
        avp(873, ps, flags=V | M, vendor=TGPP),
        header=header,
        _263=text(263, session),
        _416=u32(416, kind),
        _415=u32(415, number),
    )
