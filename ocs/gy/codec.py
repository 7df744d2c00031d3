"""Octets <-> the messages of `messages`, driven by the tables of `layout` and the judgements of `grammar`.

`decode` never raises: what is wrong with a message comes back as a `Failure` with its Result-Code and Failed-AVP. The
first error met is the one reported (RFC 6733 7). `encode` raises ValueError for a value that the wire cannot hold,
which is a fault of the caller.

What is here is the whole truth, plain and slow. Messages whose arrangement of AVPs has been met often are read by
`shapes`, with the same result.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from ocs.gy.avp import (
    Failure,
    example,
    pad,
    read_address,
    unix_seconds,
    walk,
)
from ocs.gy.framing import COMMANDS, FLAG_ERROR, FLAG_REQUEST, HEADER_OCTETS, Header, read_header
from ocs.gy.grammar import PROXY_INFO, STRICT, FaultError, Place, Tolerance, judge
from ocs.gy.layout import Field, Kind, Layout, layout_of
from ocs.gy.messages import (
    CcRequestType,
    ErrorAnswer,
    FailedAvp,
    Message,
    MultipleServicesCreditControl,
    ResultCode,
    ServiceInformation,
)
from ocs.gy.shapes import Shapes
from ocs.gy.writing import Write, writer

_SESSION_ID: Final = 263
_ORIGIN_HOST: Final = 264
_CC_REQUEST_NUMBER: Final = 415
_CC_REQUEST_TYPE: Final = 416

_REQUESTS: Final = {(c.code, c.application_id): Shapes(layout_of(c.request)) for c in COMMANDS}
_ANSWERS: Final = {(c.code, c.application_id): Shapes(layout_of(c.answer)) for c in COMMANDS}
_ERRORS: Final = Shapes(layout_of(ErrorAnswer))
_MET: Final[dict[bytes, tuple[Shapes, tuple[int, int, int]]]] = {}
"""By flags, command code and application as they stand in the header, those of messages that could be read."""
_IDENTIFIERS: Final = struct.Struct(">II").unpack_from
_APPLICATIONS: Final = frozenset(command.application_id for command in COMMANDS)
_TOLERANT: Final = frozenset({layout_of(MultipleServicesCreditControl), layout_of(ServiceInformation)})


class Decoded(msgspec.Struct, gc=False):
    """A message as read: either `message` or `failure` is there.

    `proxy_info`: each Proxy-Info AVP whole, in order, to be echoed. Of a message that failed, `session_id` and what
    follows is what could be read of it nevertheless, for the answer to it.
    """

    header: Header
    message: Message | None = None
    proxy_info: tuple[bytes, ...] = ()
    failure: Failure | None = None
    session_id: str | None = None
    cc_request_type: CcRequestType | None = None
    cc_request_number: int | None = None
    origin_host: str | None = None


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode(octets: bytes, tolerance: Tolerance = STRICT) -> Decoded:
    """One framed message. The header is judged first, then its AVPs in order, then what is missing."""
    met = _MET.get(octets[4:12])
    if met is not None:
        read = met[0].read(octets)
        if read is not None:
            return Decoded(Header(*met[1], *_IDENTIFIERS(octets, 12)), read[0], read[1])
    header, failure = read_header(octets)
    if failure is None:
        try:
            shapes = _shapes(header)
            read = _read(octets, HEADER_OCTETS, len(octets), shapes.layout, STRICT, tolerance)
            shapes.learn(octets)
            _MET[octets[4:12]] = shapes, (header.command_code, header.application_id, header.flags)
            return Decoded(header, read[0], read[1])
        except FaultError as fault:
            failure = fault.failure
        if failure.result_code == ResultCode.MISSING_AVP and not header.request:
            refusal = _bare_refusal(octets, tolerance)
            if refusal is not None:
                return Decoded(header, refusal)
    return _salvage(octets, header, failure)


def _bare_refusal(octets: bytes, tolerance: Tolerance) -> ErrorAnswer | None:
    """An answer without the AVPs that its command requires, as an ErrorAnswer, if it says no.

    Servers that could not read a request often answer so, and without the E bit that RFC 6733 7.1.5 asks for then.
    """
    try:
        answer = _read(octets, HEADER_OCTETS, len(octets), _ERRORS.layout, STRICT, tolerance)[0]
    except FaultError:
        return None
    return answer if isinstance(answer, ErrorAnswer) and answer.result_code >= 3000 else None


def _shapes(header: Header) -> Shapes:
    key = (header.command_code, header.application_id)
    if not header.flags & FLAG_REQUEST:
        shapes = _ERRORS if header.flags & FLAG_ERROR else _ANSWERS.get(key)
    elif header.flags & FLAG_ERROR:
        raise FaultError(3008, b"", "E bit set in a request")
    else:
        shapes = _REQUESTS.get(key)
    if shapes is not None:
        return shapes
    if header.application_id not in _APPLICATIONS:
        raise FaultError(3007, b"", f"application {header.application_id}")
    raise FaultError(3001, b"", f"command {header.command_code} of application {header.application_id}")


def _read(
    octets: bytes, position: int, end: int, layout: Layout, tolerated: Tolerance, tolerance: Tolerance
) -> tuple[Any, tuple[bytes, ...]]:
    """The record between two offsets, and the Proxy-Info in it. `tolerated`: the vendors tolerated at this place."""
    fields: dict[str, Any] = {}
    proxy_info: tuple[bytes, ...] = ()
    while position < end:
        place = judge(octets, position, end, layout, tolerated)
        field = place.field
        if field is not None:
            value = _value(octets, position, place, field, tolerated, tolerance)
            if field.repeated:
                fields[field.name] = (*fields.get(field.name, ()), value)
            elif field.name not in fields:
                fields[field.name] = value
            else:
                excess = pad(octets[position : place.stop])
                raise FaultError(5009, excess, f"{field.avp.name} more than once")
        elif place.proxy_info:
            proxy_info += (octets[position : place.following],)
        position = place.following
    for field in layout.fields:
        if field.required and field.name not in fields:
            raise FaultError(5005, example(field.avp.name), f"{field.avp.name} is missing")
    return layout.record(**fields), proxy_info


def _value(octets: bytes, position: int, place: Place, field: Field, tolerated: Tolerance, tolerance: Tolerance) -> Any:
    start, stop = place.start, place.stop
    if field.layout is not None:
        below = tolerance if field.layout in _TOLERANT else tolerated
        try:
            return _read(octets, start, stop, field.layout, below, tolerance)[0]
        except FaultError as fault:
            raise fault.inside(octets[position:start]) from None
    data = octets[start:stop]
    try:
        return field.members[data] if field.kind is Kind.ENUMERATED else _READERS[field.kind](data)
    except (KeyError, ValueError):
        raise FaultError(5004, pad(octets[position:stop]), f"{field.avp.name} has an invalid value") from None


_READERS: Final[dict[Kind, Callable[[bytes], Any]]] = {
    Kind.UNSIGNED32: int.from_bytes,
    Kind.UNSIGNED64: int.from_bytes,
    Kind.INTEGER32: lambda data: int.from_bytes(data, signed=True),
    Kind.INTEGER64: lambda data: int.from_bytes(data, signed=True),
    Kind.TIME: lambda data: unix_seconds(int.from_bytes(data)),
    Kind.TEXT: bytes.decode,
    Kind.IDENTITY: bytes.decode,
    Kind.OCTETS: bytes,
    Kind.ADDRESS: read_address,
    Kind.OPAQUE: lambda data: FailedAvp(octets=pad(data)),
}


def _salvage(octets: bytes, header: Header, failure: Failure) -> Decoded:
    """What can still be read of a message that failed: enough to answer it."""
    decoded = Decoded(header, failure=failure)
    avps, _ = walk(octets[HEADER_OCTETS:])
    for avp in avps:
        if avp.vendor is not None:
            continue
        if avp.code == PROXY_INFO:
            decoded.proxy_info += (avp.encode(),)
        elif avp.code == _SESSION_ID and decoded.session_id is None:
            with contextlib.suppress(UnicodeDecodeError):
                decoded.session_id = avp.data.decode()
        elif avp.code == _ORIGIN_HOST and decoded.origin_host is None:
            with contextlib.suppress(UnicodeDecodeError):
                decoded.origin_host = avp.data.decode()
        elif avp.code == _CC_REQUEST_TYPE and decoded.cc_request_type is None:
            with contextlib.suppress(ValueError):
                decoded.cc_request_type = CcRequestType(int.from_bytes(avp.data))
        elif avp.code == _CC_REQUEST_NUMBER and decoded.cc_request_number is None and len(avp.data) == 4:
            decoded.cc_request_number = int.from_bytes(avp.data)
    return decoded


# --- encoding ---------------------------------------------------------------------------------------------------------


class _Writers(dict[type[msgspec.Struct], Write]):
    def __missing__(self, record: type[msgspec.Struct]) -> Write:
        self[record] = write = writer(layout_of(record))
        return write


_WRITERS: Final = _Writers()


def encode(message: Message, header: Header, proxy_info: Sequence[bytes] = ()) -> bytes:
    """One message with its header; the Proxy-Info AVPs of the request go last. ValueError for what does not fit."""
    try:
        body = _WRITERS[type(message)](message)
    except (struct.error, ValueError, OSError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{type(message).__name__} cannot be encoded: {error!r}") from error
    if proxy_info:
        body = b"".join((body, *proxy_info))
    return header.encode(len(body)) + body
