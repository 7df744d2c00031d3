"""The Diameter header, the commands of this Gy, and messages out of a stream of octets (RFC 6733 3)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import msgspec

from ocs.gy.avp import Failure
from ocs.gy.messages import (
    APPLICATION_ID,
    Asa,
    Asr,
    Cca,
    Ccr,
    Cea,
    Cer,
    Dpa,
    Dpr,
    Dwa,
    Dwr,
    Message,
    Raa,
    Rar,
)

VERSION: Final = 1
HEADER_OCTETS: Final = 20
MESSAGE_OCTETS_MAX: Final = 65_536
"""A longer message that arrives closes the connection: a CCR with a hundred rating groups has about 20 kB."""
LENGTH_MAX: Final = 0xFFFFFC
"""What the Message Length can say. An answer may be longer than its request, whatever that was: it is not cut."""

FLAG_REQUEST: Final = 0x80
FLAG_PROXIABLE: Final = 0x40
FLAG_ERROR: Final = 0x20
FLAG_RETRANSMITTED: Final = 0x10

_HEADER: Final = struct.Struct(">5I")
_FIRST_WORD: Final = struct.Struct(">I").unpack_from


class Header(msgspec.Struct, frozen=True, gc=False):
    """The Diameter header without version and length (RFC 6733 3)."""

    command_code: int
    application_id: int
    flags: int
    hop_by_hop: int
    end_to_end: int

    @property
    def request(self) -> bool:
        """R bit."""
        return bool(self.flags & FLAG_REQUEST)

    @property
    def proxiable(self) -> bool:
        """P bit."""
        return bool(self.flags & FLAG_PROXIABLE)

    @property
    def error(self) -> bool:
        """E bit."""
        return bool(self.flags & FLAG_ERROR)

    @property
    def retransmitted(self) -> bool:
        """T bit."""
        return bool(self.flags & FLAG_RETRANSMITTED)

    def encode(self, body_octets: int) -> bytes:
        """The twenty octets in front of a body of that length; ValueError above `LENGTH_MAX`."""
        length = HEADER_OCTETS + body_octets
        if length > LENGTH_MAX:
            raise ValueError(f"a message of {length} octets, more than {LENGTH_MAX}")
        return _HEADER.pack(
            VERSION << 24 | length,
            self.flags << 24 | self.command_code,
            self.application_id,
            self.hop_by_hop,
            self.end_to_end,
        )

    def answer(self, error: bool = False) -> Header:
        """The header of the answer: ids and P bit copied, R and T cleared (RFC 6733 6.2)."""
        flags = self.flags & FLAG_PROXIABLE | FLAG_ERROR * error
        return Header(self.command_code, self.application_id, flags, self.hop_by_hop, self.end_to_end)


class Command(NamedTuple):
    """A command of this Gy. `proxiable`: the P bit of its request."""

    code: int
    application_id: int
    request: type[Message]
    answer: type[Message]
    proxiable: bool


COMMANDS: Final = (
    Command(257, 0, Cer, Cea, False),
    Command(280, 0, Dwr, Dwa, False),
    Command(282, 0, Dpr, Dpa, False),
    Command(272, APPLICATION_ID, Ccr, Cca, True),
    Command(258, APPLICATION_ID, Rar, Raa, True),
    Command(274, APPLICATION_ID, Asr, Asa, True),
)
_OF_REQUEST: Final = {command.request: command for command in COMMANDS}


def request_header(request: type[Message], hop_by_hop: int, end_to_end: int, *, retransmitted: bool = False) -> Header:
    """The header of a request of that class."""
    command = _OF_REQUEST[request]
    flags = FLAG_REQUEST | FLAG_PROXIABLE * command.proxiable | FLAG_RETRANSMITTED * retransmitted
    return Header(command.code, command.application_id, flags, hop_by_hop, end_to_end)


def is_protocol_error(result_code: int) -> bool:
    """3xxx: the answers that have the E bit (RFC 6733 7.1.3)."""
    return 3000 <= result_code < 4000


def read_header(octets: bytes) -> tuple[Header, Failure | None]:
    """The header of one framed message, and 5011 or 5015 if version or length are wrong; short input reads as zeros."""
    version_length, flags_code, application_id, hop_by_hop, end_to_end = _HEADER.unpack_from(
        octets.ljust(HEADER_OCTETS, b"\0")
    )
    header = Header(flags_code & 0xFFFFFF, application_id, flags_code >> 24, hop_by_hop, end_to_end)
    size = len(octets)
    if version_length == VERSION << 24 | size and size >= HEADER_OCTETS and not size & 3:
        return header, None
    if version_length >> 24 != VERSION:
        return header, Failure(5011, b"", f"version {version_length >> 24}")
    return header, Failure(5015, b"", f"message length {version_length & 0xFFFFFF}, {size} octets")


def frames(buffer: bytearray) -> tuple[list[bytes], Failure | None]:
    """Takes all complete messages out of the front of `buffer`; what is left is the start of the next.

    A length below the header, not a multiple of four or above `MESSAGE_OCTETS_MAX` is 5015: the stream cannot be
    followed any further and the connection has to be closed. So memory for each connection is bounded by the cap.
    """
    messages: list[bytes] = []
    position, available = 0, len(buffer)
    failure = None
    while available - position >= 4:
        length = _FIRST_WORD(buffer, position)[0] & 0xFFFFFF
        if length < HEADER_OCTETS or length & 3 or length > MESSAGE_OCTETS_MAX:
            failure = Failure(5015, b"", f"message length {length}")
            break
        if available - position < length:
            break
        messages.append(bytes(buffer[position : position + length]))
        position += length
    del buffer[:position]
    return messages, failure
