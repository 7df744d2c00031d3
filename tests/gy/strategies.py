"""Hypothesis strategies for every message, read from the layouts: each field over the whole range of the wire."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, get_args

from hypothesis import strategies as st

from ocs.gy.avp import pad
from ocs.gy.framing import COMMANDS, FLAG_ERROR, Header, request_header
from ocs.gy.layout import Field, Kind, Layout, layout_of
from ocs.gy.messages import ErrorAnswer, FailedAvp, Message, Refusal

READABLE = [record for record in get_args(Message) if record is not Refusal]
"""All messages but the one that is only written."""

_addresses = st.one_of(
    st.binary(min_size=4, max_size=4).map(lambda octets: inet_ntop(AF_INET, octets)),
    st.binary(min_size=16, max_size=16).map(lambda octets: inet_ntop(AF_INET6, octets)),
)
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.UNSIGNED32: st.integers(0, 2**32 - 1),
    Kind.UNSIGNED64: st.integers(0, 2**64 - 1),
    Kind.INTEGER32: st.integers(-(2**31), 2**31 - 1),
    Kind.INTEGER64: st.integers(-(2**63), 2**63 - 1),
    # 1968-01-20T03:14:08Z to 2104-02-26T09:42:23Z: what 32 bits hold around the wrap of 2036 (RFC 6733 4.3.1).
    Kind.TIME: st.integers(-61_505_152, 4_233_462_143),
    Kind.TEXT: st.text(max_size=40),
    Kind.IDENTITY: st.text(max_size=40),
    Kind.OCTETS: st.binary(max_size=40),
    Kind.ADDRESS: _addresses,
    Kind.OPAQUE: st.binary(max_size=40).map(lambda octets: FailedAvp(octets=pad(octets))),
}


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.layout is not None:
        return record(field.layout)
    if field.kind is Kind.ENUMERATED:
        return st.sampled_from(sorted(field.members.values()))
    return _VALUES[field.kind]


def _field(field: Field) -> st.SearchStrategy[Any]:
    if field.repeated:
        return st.lists(_value(field), min_size=int(field.required), max_size=3).map(tuple)
    return _value(field) if field.required else st.none() | _value(field)


def record(layout: Layout) -> st.SearchStrategy[Any]:
    return st.builds(layout.record, **{field.name: st.deferred(lambda f=field: _field(f)) for field in layout.fields})


def messages() -> st.SearchStrategy[Message]:
    return st.one_of([record(layout_of(cls)) for cls in READABLE])


def header_of(message: Message) -> Header:
    """A header that fits the class of the message."""
    for command in COMMANDS:
        if isinstance(message, command.request):
            return request_header(type(message), 1, 2)
        if isinstance(message, command.answer):
            return Header(command.code, command.application_id, 0, 1, 2)
    assert isinstance(message, ErrorAnswer)
    return Header(272, 4, FLAG_ERROR, 1, 2)
