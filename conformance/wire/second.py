"""The second opinion: python-diameter reads every message too, and both readings must agree."""

from __future__ import annotations

from functools import cache
from typing import Any

from conformance.wire.avp import Avp
from conformance.wire.message import Message


@cache
def _decoder() -> Any:
    try:
        from diameter.message import Message as Decoder
    except ImportError:  # the extra `conformance` is not installed
        return None
    return Decoder


def available() -> bool:
    """Whether python-diameter is installed."""
    return _decoder() is not None


def disagreement(message: Message) -> str | None:
    """What the second decoder says otherwise; None where both read the same, or it is not installed."""
    decoder = _decoder()
    if decoder is None or message.tree.fault is not None:
        return None
    try:
        read = decoder.from_bytes(message.octets, plain_msg=True)
        theirs = [(item.code, item.vendor_id or 0, bytes(item.payload or b"")) for item in read.avps]
    except Exception as error:  # its errors have no common base
        return f"python-diameter cannot read it: {type(error).__name__}: {error}"
    ours = [_plain(item) for item in message.tree]
    if theirs != ours:
        return f"python-diameter reads other AVPs: {_names(theirs, ours)}"
    return None


def _plain(item: Avp) -> tuple[int, int, bytes]:
    return item.code, item.vendor, item.data


def _names(theirs: list[tuple[int, int, bytes]], ours: list[tuple[int, int, bytes]]) -> str:
    for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
        if one != other:
            return f"AVP {number}: {one[:2]} against {other[:2]}"
    return f"{len(theirs)} AVPs against {len(ours)}"
