"""What a session has answered, so that a repeated request is known and charged once (RFC 8506 5.7, RFC 6733 9.4).

A repeat has the Session-Id, CC-Request-Number, type and units of an earlier request. The last few answers of a session
are kept as they are; of all before, only number and digest: twelve octets, so that a session of any length still tells
a repeat from a number that a client uses twice.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import msgspec
from msgspec.structs import astuple

from ocs.charging.state import Answered, Session
from ocs.gy.messages import CcRequestType, MultipleServicesCreditControl

ANSWERS_KEPT = 4
"""Answers of one session kept for repeated requests; an older repeat is recognised, but answered 5012."""

_SEEDS = {kind: int(kind) for kind in CcRequestType}
_FORGOTTEN = struct.Struct(">III")
_encode = msgspec.msgpack.Encoder().encode


class Recalled(NamedTuple):
    """What is known of a CC-Request-Number."""

    answered: Answered | None
    """The answer, if this very request was answered lately."""
    forgotten: bool
    """This very request was answered, but so long ago that the answer is gone."""
    serial: int
    """How many requests had this number before, whatever their content."""


UNHEARD = Recalled(None, False, 0)


def digest_of(kind: CcRequestType, services: tuple[MultipleServicesCreditControl, ...]) -> int:
    """What tells a repeat from another request with the same number: type, services and units.

    One flat list: requested and used units have different lengths, so that it can be read one way only.
    """
    units: list[object] = []
    for mscc in services:
        units.append(mscc.rating_group)
        units.append(mscc.service_identifier)
        if mscc.requested_service_unit is not None:
            units.append(astuple(mscc.requested_service_unit))
        for used in mscc.used_service_unit:
            units.append(astuple(used))
    return zlib.crc32(_encode(units), _SEEDS[kind])


def recall(session: Session, number: int, digest: int) -> Recalled:
    """Whether `session` has seen a request with this number, and this very one."""
    if number > session.highest:
        return UNHEARD
    serial = 0
    found = None
    for answered in session.answered:
        if answered.number == number:
            if answered.digest == digest:
                found = answered
            serial = max(serial, answered.serial + 1)
    forgotten, key = session.forgotten, number.to_bytes(4, "big")
    known = False
    place = forgotten.find(key)
    while place >= 0:
        if place % _FORGOTTEN.size == 0:
            _, its_digest, its_serial = _FORGOTTEN.unpack_from(forgotten, place)
            known = known or its_digest == digest
            serial = max(serial, its_serial + 1)
        place = forgotten.find(key, place + 1)
    return Recalled(found, known and found is None, serial)


def remember(session: Session, answered: Answered) -> None:
    """Keep an answer; the oldest beyond the limit shrinks to its digest."""
    session.answered.append(answered)
    if answered.number > session.highest:
        session.highest = answered.number
    if len(session.answered) > ANSWERS_KEPT:
        oldest = session.answered.pop(0)
        if not session.forgotten:
            session.forgotten = bytearray()
        session.forgotten += _FORGOTTEN.pack(oldest.number, oldest.digest, oldest.serial)
