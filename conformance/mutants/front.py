"""Faults of the wire: octets changed on their way into and out of the node, as a careless codec or peer would."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from conformance.wire.avp import Avp, avp
from conformance.wire.message import HEADER, Message, build
from ocs.gy.link import Link

Requests = Callable[[Message], list[bytes]]
"""What of a request reaches the node: one message, none, or several."""
Answers = Callable[[Message, Message | None], list[bytes]]
"""What of an answer leaves it; with the request, if that is known."""


def rebuilt(message: Message, avps: Iterable[bytes] | None = None, **header: int) -> bytes:
    """A message with other AVPs, or other fields of the header."""
    fields = {
        "flags": message.flags,
        "application": message.application,
        "hop_by_hop": message.hop_by_hop,
        "end_to_end": message.end_to_end,
        "version": message.version,
    }
    octets = message.octets[HEADER:] if avps is None else b"".join(avps)
    return build(message.command, octets, **{**fields, **header})


def without(message: Message, *names: str) -> bytes:
    """A message without these AVPs at the top."""
    return rebuilt(message, [item.octets for item in message.tree if item.name not in names])


def replaced(message: Message, change: Callable[[Avp], bytes | None]) -> bytes:
    """A message each of whose AVPs at the top is what `change` makes of it; None leaves it as it is."""
    return rebuilt(message, [item.octets if (new := change(item)) is None else new for item in message.tree])


def in_services(message: Message, change: Callable[[Avp], bytes | None]) -> bytes:
    """A message each of whose AVPs inside MSCCs is what `change` makes of it; b"" takes it away."""

    def service(item: Avp) -> bytes | None:
        if item.name != "Multiple-Services-Credit-Control":
            return None
        inner = [one.octets if (new := change(one)) is None else new for one in item.tree]
        return avp(item.name, inner)

    return replaced(message, service)


def install(
    *,
    requests: Requests | None = None,
    answers: Answers | None = None,
    asked: Requests | None = None,
    told: Answers | None = None,
) -> None:
    """Puts functions between the connections of this process and the node.

    `requests` are those that reach it, `answers` its own; `asked` are requests of its own, `told` the answers to them.
    """
    receive, write = Link.data_received, Link._write

    def data_received(link: Link, data: bytes) -> None:
        state = _state(link)
        state.buffer += data
        for octets in _messages(state.buffer):
            message = Message(octets)
            if message.length != len(octets):
                changed = [octets]
            elif message.is_request:
                state.requests[message.hop_by_hop] = message
                changed = [octets] if requests is None else requests(message)
            else:
                changed = [octets] if told is None else told(message, state.asked.get(message.hop_by_hop))
            for one in changed:
                receive(link, one)

    def _write(link: Link, octets: bytes) -> None:
        state = _state(link)
        out = []
        buffer = bytearray(octets)
        for one in _messages(buffer):
            message = Message(one)
            if message.is_request:
                state.asked[message.hop_by_hop] = message
                out += [one] if asked is None else asked(message)
            else:
                out += [one] if answers is None else answers(message, state.requests.get(message.hop_by_hop))
        write(link, b"".join(out) + bytes(buffer))

    setattr(Link, "data_received", data_received)  # noqa: B010 - a fault is put into the class on purpose
    setattr(Link, "_write", _write)  # noqa: B010


class _Kept:
    """What is kept of one connection."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.requests: dict[int, Message] = {}
        self.asked: dict[int, Message] = {}


_KEPT: dict[Link, _Kept] = {}


def _state(link: Link) -> _Kept:
    return _KEPT.setdefault(link, _Kept())


def _messages(buffer: bytearray) -> list[bytes]:
    """Takes whole messages out of a buffer; octets that cannot be framed are taken as they are."""
    out = []
    while len(buffer) >= 4:
        length = int.from_bytes(buffer[1:4], "big")
        if length < HEADER or length % 4 or length > 1 << 20:
            out.append(bytes(buffer))
            buffer.clear()
        elif len(buffer) < length:
            break
        else:
            out.append(bytes(buffer[:length]))
            del buffer[:length]
    return out
