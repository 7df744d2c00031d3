"""Octets <-> the messages of `messages`, driven by the tables of `layout`.

`decode` never raises: what is wrong with a message comes back as a `Failure` with its Result-Code and Failed-AVP. The
first error met is the one reported (RFC 6733 7). `encode` raises ValueError for a value that the wire cannot hold,
which is a fault of the caller.

How decoding is fast: all that can be decided about an AVP from its header (is it known, allowed here, of a right
length, where does its value lie) is decided once for each distinct header and kept under those eight octets as a
`_Rule`. The loop then needs one slice and one look-up for each AVP.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec.structs import astuple

from ocs.gy.avp import (
    FLAG_MANDATORY,
    FLAG_VENDOR,
    Failure,
    address_octets,
    address_text,
    example,
    header_example,
    pad,
    unix_seconds,
    walk,
    wire_seconds,
)
from ocs.gy.dictionary import AVPS, BY_CODE, NOT_IN_CCR
from ocs.gy.framing import COMMANDS, FLAG_ERROR, FLAG_REQUEST, HEADER_OCTETS, Header, read_header
from ocs.gy.layout import FIXED_OCTETS, Field, Kind, Layout, layout_of
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    ErrorAnswer,
    FailedAvp,
    Message,
    MultipleServicesCreditControl,
    ServiceInformation,
)

Tolerance = frozenset[int]
"""Vendors whose unknown AVPs are skipped, in spite of their M bit, inside Service-Information and MSCC."""

STRICT: Final[Tolerance] = frozenset()

_SESSION_ID: Final = 263
_PROXY_INFO: Final = 284
_CC_REQUEST_NUMBER: Final = 415
_CC_REQUEST_TYPE: Final = 416

_REQUEST_LAYOUTS: Final = {(c.code, c.application_id): layout_of(c.request) for c in COMMANDS}
_ANSWER_LAYOUTS: Final = {(c.code, c.application_id): layout_of(c.answer) for c in COMMANDS}
_ERROR_LAYOUT: Final = layout_of(ErrorAnswer)
_MESSAGE_LAYOUTS: Final = frozenset({_ERROR_LAYOUT, *_REQUEST_LAYOUTS.values(), *_ANSWER_LAYOUTS.values()})
_APPLICATIONS: Final = frozenset(command.application_id for command in COMMANDS)
_VENDORS: Final = frozenset(avp.vendor for avp in AVPS)
_TOLERANT: Final = frozenset({layout_of(MultipleServicesCreditControl), layout_of(ServiceInformation)})

_WORD: Final = struct.Struct(">I")
_WORDS: Final = struct.Struct(">II")
_unsigned32: Final = _WORD.unpack_from
_words: Final = _WORDS.unpack_from
_unsigned64: Final = struct.Struct(">Q").unpack_from
_integer32: Final = struct.Struct(">i").unpack_from
_integer64: Final = struct.Struct(">q").unpack_from


class Decoded(msgspec.Struct, gc=False):
    """A message as read: either `message` or `failure` is there.

    `proxy_info`: each Proxy-Info AVP whole, in order, to be echoed. Of a message that failed, `session_id`,
    `cc_request_type` and `cc_request_number` are what could be read of it nevertheless, for the answer to it.
    """

    header: Header
    message: Message | None = None
    proxy_info: tuple[bytes, ...] = ()
    failure: Failure | None = None
    session_id: str | None = None
    cc_request_type: CcRequestType | None = None
    cc_request_number: int | None = None


class _FaultError(Exception):
    """A failure on its way out of nested groups."""

    def __init__(self, code: int, failed_avp: bytes, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.failed_avp = failed_avp
        self.text = text


class _Rule(NamedTuple):
    """What to do with an AVP of one certain header. Offsets count from its first octet; `name` None: skip it."""

    name: str | None
    kind: Kind
    start: int
    stop: int
    step: int
    vendor: bytes
    repeated: bool
    detail: Any


_RULES_MAX: Final = 4_096
"""Headers remembered for each record: real peers use a few dozen; more are judged again each time."""
_RESERVED_AVP_FLAGS: Final = 0x1F
_PROXY_INFO_KEY: Final = "Proxy-Info"


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode(octets: bytes, tolerance: Tolerance = STRICT) -> Decoded:
    """One framed message. The header is judged first, then its AVPs in order, then what is missing."""
    header, failure = read_header(octets)
    if failure is None:
        try:
            layout = _layout(header)
            fields = _read(octets, HEADER_OCTETS, len(octets), layout, STRICT, tolerance)
            proxy_info = fields.pop(_PROXY_INFO_KEY, ())
            return Decoded(header, cast(Message, layout.record(**fields)), proxy_info)
        except _FaultError as fault:
            failure = Failure(fault.code, fault.failed_avp, fault.text)
    return _salvage(octets, header, failure)


def _layout(header: Header) -> Layout:
    key = (header.command_code, header.application_id)
    if not header.flags & FLAG_REQUEST:
        layout = _ERROR_LAYOUT if header.flags & FLAG_ERROR else _ANSWER_LAYOUTS.get(key)
    elif header.flags & FLAG_ERROR:
        raise _FaultError(3008, b"", "E bit set in a request")
    else:
        layout = _REQUEST_LAYOUTS.get(key)
    if layout is not None:
        return layout
    if header.application_id not in _APPLICATIONS:
        raise _FaultError(3007, b"", f"application {header.application_id}")
    raise _FaultError(3001, b"", f"command {header.command_code} of application {header.application_id}")


def _read(
    octets: bytes, position: int, end: int, layout: Layout, tolerated: Tolerance, tolerance: Tolerance
) -> dict[str, Any]:
    """The fields of one message or group between two offsets. `tolerated`: the vendors tolerated at this place."""
    fields: dict[str, Any] = {}
    rules = layout.rules
    while position < end:
        rule = rules.get(octets[position : position + 8])
        if rule is None:
            rule = _judge(octets, position, end, layout, tolerated)
        name, kind, start, stop, step, vendor, repeated, detail = rule
        stop += position
        if stop > end:
            raise _bad_length(octets, position, end)
        if vendor and octets[position + 8 : position + 12] != vendor:
            name, kind, start, stop, step, vendor, repeated, detail = _judge(octets, position, end, layout, tolerated)
            stop += position
        if name is None:
            position += step
            continue
        start += position
        try:
            value: Any
            if kind == 0:
                value = _unsigned32(octets, start)[0]
            elif kind == 1:
                below = tolerance if detail in _TOLERANT else tolerated
                inner = _read(octets, start, stop, detail, below, tolerance)
                value = detail.record(**inner)
            elif kind == 2 or kind == 6:
                value = octets[start:stop].decode()
            elif kind == 3:
                value = _unsigned64(octets, start)[0]
            elif kind == 4:
                value = detail[octets[start:stop]]
            else:
                value = _READERS[kind](octets[start:stop])
        except _FaultError as fault:
            raise _nested(octets, position, fault) from None
        except (KeyError, ValueError):
            raise _FaultError(5004, pad(octets[position:stop]), f"{name}: invalid value") from None
        if name not in fields:
            fields[name] = (value,) if repeated else value
        elif repeated:
            fields[name] += (value,)
        else:
            raise _FaultError(5009, pad(octets[position:stop]), f"{name} more than once")
        position += step
    if layout.required and not fields.keys() >= layout.required:
        raise _missing(fields, layout)
    return fields


def _address(data: bytes) -> str:
    text = address_text(data)
    if text is None:
        raise ValueError
    return text


_READERS: Final[dict[Kind, Callable[[bytes], Any]]] = {
    Kind.OCTETS: bytes,
    Kind.ADDRESS: _address,
    Kind.TIME: lambda data: unix_seconds(_unsigned32(data)[0]),
    Kind.INTEGER32: lambda data: _integer32(data)[0],
    Kind.INTEGER64: lambda data: _integer64(data)[0],
    Kind.OPAQUE: lambda data: FailedAvp(octets=pad(data)),
}


def _judge(octets: bytes, position: int, end: int, layout: Layout, tolerated: Tolerance) -> _Rule:
    """All that can be said about an AVP from its header; kept where it will be the same again."""
    if end - position < 8:
        raise _bad_length(octets, position, end)
    code, word = _words(octets, position)
    flags, length = word >> 24, word & 0xFFFFFF
    start = 12 if flags & FLAG_VENDOR else 8
    if length < start or position + length > end:
        raise _bad_length(octets, position, end)
    vendor = _unsigned32(octets, position + 8)[0] if flags & FLAG_VENDOR else 0
    whole = pad(octets[position : position + length])
    if flags & FLAG_VENDOR and vendor == 0:
        raise _FaultError(3009, whole, f"AVP {code} has the V bit and Vendor-Id 0")
    field = layout.by_code.get((code, vendor))
    step = length + -length % 4
    if field is not None:
        rule = _Rule(
            field.name,
            field.kind,
            start,
            length,
            step,
            field.vendor_octets,
            field.repeated,
            field.layout or field.members,
        )
        if FIXED_OCTETS.get(field.kind, length - start) != length - start:
            raise _bad_length(octets, position, end)
    elif BY_CODE.get((code, vendor)) is None:
        if vendor and (code, 0) in layout.by_code and vendor in _VENDORS:
            raise _FaultError(3009, whole, f"AVP {code} of the IETF has the V bit")
        if flags & FLAG_MANDATORY and vendor not in tolerated:
            raise _FaultError(5001, whole, f"unknown AVP {code} of vendor {vendor} with the M bit")
        return _Rule(None, Kind.OCTETS, start, length, step, b"", False, None)
    elif layout.record is Ccr and vendor == 0 and code in NOT_IN_CCR:
        raise _FaultError(5008, whole, f"{BY_CODE[code, 0].name} in a CCR")
    else:
        name = _PROXY_INFO_KEY if code == _PROXY_INFO and layout in _MESSAGE_LAYOUTS else None
        # Proxy-Info is kept whole, padding and all, to be echoed as it came.
        rule = _Rule(name, Kind.OCTETS, 0, step, step, octets[position + 8 : position + start], True, None)
    if not flags & _RESERVED_AVP_FLAGS and len(layout.rules) < _RULES_MAX:
        layout.rules[octets[position : position + 8]] = rule
    return rule


def _bad_length(octets: bytes, position: int, end: int) -> _FaultError:
    return _FaultError(5014, header_example(octets[position : min(end, position + 12)]), "AVP length")


def _missing(fields: dict[str, Any], layout: Layout) -> _FaultError:
    field = next(field for field in layout.fields if field.required and field.name not in fields)
    return _FaultError(5005, example(field.avp.name), f"{field.avp.name} is missing")


def _nested(octets: bytes, position: int, fault: _FaultError) -> _FaultError:
    """The fault with its AVP inside the header of the group that holds it (RFC 6733 7.5)."""
    code, word = _words(octets, position)
    start = 12 if word >> 24 & FLAG_VENDOR else 8
    header = _WORDS.pack(code, word & 0xFF000000 | start + len(fault.failed_avp))
    fault.failed_avp = header + octets[position + 8 : position + start] + fault.failed_avp
    return fault


def _salvage(octets: bytes, header: Header, failure: Failure) -> Decoded:
    """What can still be read of a message that failed: enough to answer it."""
    decoded = Decoded(header, failure=failure)
    avps, _ = walk(octets[HEADER_OCTETS:])
    for avp in avps:
        if avp.vendor is not None:
            continue
        if avp.code == _PROXY_INFO:
            decoded.proxy_info += (avp.encode(),)
        elif avp.code == _SESSION_ID and decoded.session_id is None:
            with contextlib.suppress(UnicodeDecodeError):
                decoded.session_id = avp.data.decode()
        elif avp.code == _CC_REQUEST_TYPE and decoded.cc_request_type is None:
            with contextlib.suppress(ValueError):
                decoded.cc_request_type = CcRequestType(int.from_bytes(avp.data))
        elif avp.code == _CC_REQUEST_NUMBER and decoded.cc_request_number is None and len(avp.data) == 4:
            decoded.cc_request_number = int.from_bytes(avp.data)
    return decoded


# --- encoding ---------------------------------------------------------------------------------------------------------


def encode(message: Message, header: Header, proxy_info: Sequence[bytes] = ()) -> bytes:
    """One message with its header; the Proxy-Info AVPs of the request go last. ValueError for what does not fit."""
    try:
        body = _write(message, layout_of(type(message))) + b"".join(proxy_info)
    except (struct.error, OSError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{type(message).__name__} cannot be encoded: {error!r}") from error
    return header.encode(len(body)) + body


def _write(record: msgspec.Struct, layout: Layout) -> bytes:
    parts: list[bytes] = []
    for value, (write, repeated) in zip(astuple(record), layout.plan or _plan(layout), strict=True):
        if value is None:
            continue
        if repeated:
            parts += map(write, value)
        else:
            parts.append(write(value))
    return b"".join(parts)


Writer = Callable[[Any], bytes]


def _plan(layout: Layout) -> list[tuple[Writer, bool]]:
    layout.plan = [(_writer(field), field.repeated) for field in layout.fields]
    return layout.plan


def _writer(field: Field) -> Writer:
    """The function that makes one value of a field into its AVP, padded."""
    kind, avp = field.kind, field.avp
    flags_word = (FLAG_MANDATORY * avp.mandatory | FLAG_VENDOR * bool(avp.vendor)) << 24
    vendor = field.vendor_octets
    start = 8 + len(vendor)
    pack_head = _WORDS.pack

    def around(data: bytes) -> bytes:
        size = len(data)
        return pack_head(avp.code, flags_word | start + size) + vendor + data + _PADDING[size & 3]

    if kind is Kind.ENUMERATED:
        return {member: around(data) for data, member in field.members.items()}.__getitem__
    if kind in _PACK:
        pack = _PACK[kind]
        head = pack_head(avp.code, flags_word | start + FIXED_OCTETS[kind]) + vendor
        return lambda value: head + pack(value)
    if field.layout is not None:
        layout = field.layout
        return lambda value: around(_write(value, layout))
    if kind is Kind.IDENTITY:
        return _remembering(lambda value: around(value.encode()))
    to_data = _DATA[kind]
    return lambda value: around(to_data(value))


def _remembering(write: Writer) -> Writer:
    """Host and realm names are few and come in every message."""
    return lru_cache(maxsize=1_024)(write)


_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_PACK: Final[dict[Kind, Callable[[Any], bytes]]] = {
    Kind.UNSIGNED32: _WORD.pack,
    Kind.UNSIGNED64: struct.Struct(">Q").pack,
    Kind.INTEGER32: struct.Struct(">i").pack,
    Kind.INTEGER64: struct.Struct(">q").pack,
    Kind.TIME: lambda value: _WORD.pack(wire_seconds(value)),
}
_DATA: Final[dict[Kind, Callable[[Any], bytes]]] = {
    Kind.TEXT: str.encode,
    Kind.OCTETS: bytes,
    Kind.ADDRESS: address_octets,
    Kind.OPAQUE: lambda value: value.octets,
}
