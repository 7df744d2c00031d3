"""Mutants of headers and AVPs: what is not looked at, or taken for something else, or does not belong there."""

from __future__ import annotations

from conformance.mutants.front import replaced
from conformance.mutants.wire_faults import on_answers, on_requests
from conformance.wire.avp import Avp, avp
from conformance.wire.message import CCR, CER, DPR, DWR, E_FLAG, HEADER, Message, build


@on_requests
def unknown_commands_dropped(request: Message) -> list[bytes]:
    """A command that is not known gets no answer."""
    return [request.octets] if request.command in (CCR, CER, DWR, DPR) else []


@on_requests
def application_of_header_ignored(request: Message) -> list[bytes]:
    """The Application-ID of the header is not looked at."""
    if request.command != CCR:
        return [request.octets]
    return [build(CCR, request.octets[HEADER:], flags=request.flags, hop_by_hop=request.hop_by_hop,
                  end_to_end=request.end_to_end, version=request.version)]  # fmt: skip


@on_requests
def application_of_avp_ignored(request: Message) -> list[bytes]:
    """Auth-Application-Id of a CCR is not looked at."""
    if request.command != CCR or request.tree.fault is not None:
        return [request.octets]
    return [
        replaced(request, lambda item: avp("Auth-Application-Id", 4) if item.name == "Auth-Application-Id" else None)
    ]


@on_requests
def identity_types_guessed(request: Message) -> list[bytes]:
    """A Subscription-Id of an unknown type is taken for an IMSI."""

    def known(item: Avp) -> bytes | None:
        if item.name != "Subscription-Id" or (item.tree.number("Subscription-Id-Type") or 0) <= 4:
            return None
        return avp(
            item.name, [avp("Subscription-Id-Type", 1), *(one.octets for one in item.tree.all("Subscription-Id-Data"))]
        )

    return [replaced(request, known) if request.tree.fault is None else request.octets]


@on_requests
def numbers_of_any_size(request: Message) -> list[bytes]:
    """A number is read from as many octets as there are."""

    def sized(item: Avp) -> bytes | None:
        odd = item.name == "CC-Request-Number" and len(item.data) != 4
        return avp(item.name, int.from_bytes(item.data, "big") & 0xFFFFFFFF) if odd else None

    return [replaced(request, sized) if request.tree.fault is None else request.octets]


@on_requests
def text_repaired(request: Message) -> list[bytes]:
    """Octets that are no UTF-8 become question marks."""

    def text(item: Avp) -> bytes | None:
        if item.name == "Subscription-Id":
            return avp(item.name, [mended if (mended := text(one)) else one.octets for one in item.tree])
        if item.name not in ("Session-Id", "Subscription-Id-Data", "Service-Context-Id"):
            return None
        return avp(item.name, item.data.decode("utf-8", "replace").replace("�", "?"))

    return [replaced(request, text) if request.tree.fault is None else request.octets]


@on_requests
def flags_not_looked_at(request: Message) -> list[bytes]:
    """The flags of a known AVP are not looked at."""

    def plain(item: Avp) -> bytes | None:
        definition = item.definition
        if definition is None or definition.vendor or item.flags & 0x80 == 0:
            return None
        return avp(item.name, item.data)

    return [replaced(request, plain) if request.tree.fault is None else request.octets]


@on_requests
def time_ends_in_2036(request: Message) -> list[bytes]:
    """Requests whose Event-Timestamp has passed the end of its 32 bits are dropped."""
    stamp = request.tree.first("Event-Timestamp")
    return [] if stamp is not None and stamp.data[:1] < b"\x80" and len(stamp.data) == 4 else [request.octets]


@on_answers
def subscriber_repeated(answer: Message, request: Message | None) -> list[bytes]:
    """The Subscription-Id of the request is repeated in the answer."""
    if answer.command != CCR or request is None:
        return [answer.octets]
    names = [item.octets for item in request.tree.all("Subscription-Id")]
    return [build(CCR, answer.octets[HEADER:] + b"".join(names), flags=answer.flags, hop_by_hop=answer.hop_by_hop,
                  end_to_end=answer.end_to_end)]  # fmt: skip


@on_answers
def vendor_zero(answer: Message, _: Message | None) -> list[bytes]:
    """Every AVP has the V bit; where there is no vendor, Vendor-Id is 0."""

    def vendored(item: Avp) -> bytes | None:
        if item.name != "Result-Code":
            return None
        size = 12 + len(item.data)
        return item.octets[:4] + bytes([item.flags | 0x80]) + size.to_bytes(3, "big") + bytes(4) + item.data

    return [replaced(answer, vendored) if answer.command == CCR else answer.octets]


@on_requests
def reserved_flags_refused(request: Message) -> list[bytes]:
    """Requests with AVPs whose reserved flags are set are dropped."""
    return [] if any(item.flags & 0x1F for item in request.tree) else [request.octets]


@on_requests
def apn_in_one_place(request: Message) -> list[bytes]:
    """Requests whose Called-Station-Id stands outside of PS-Information are dropped."""
    return [] if request.tree.first("Called-Station-Id") is not None else [request.octets]


@on_requests
def unknown_actions_debit(request: Message) -> list[bytes]:
    """A Requested-Action that is not known is a debit."""
    debit = avp("Requested-Action", 0)

    def known(item: Avp) -> bytes | None:
        return debit if item.name == "Requested-Action" and (item.number or 0) > 3 else None

    return [replaced(request, known) if request.tree.fault is None else request.octets]


@on_answers
def busy_for_the_realm(answer: Message, request: Message | None) -> list[bytes]:
    """Whoever names no Destination-Host hears that this host is too busy."""
    if answer.command != CCR or request is None or request.tree.first("Destination-Host") is not None:
        return [answer.octets]
    busy = avp("Result-Code", 3004)
    kept = [busy if item.name == "Result-Code" else item.octets for item in answer.tree
            if item.name in ("Session-Id", "Result-Code", "Origin-Host", "Origin-Realm")]  # fmt: skip
    return [build(CCR, b"".join(kept), flags=answer.flags | E_FLAG, hop_by_hop=answer.hop_by_hop,
                  end_to_end=answer.end_to_end)]  # fmt: skip


@on_answers
def virtual_sim_told(answer: Message, _: Message | None) -> list[bytes]:
    """Answers name the virtual SIM that pays."""
    if answer.command != CCR or not answer.any_grant:
        return [answer.octets]
    virtual = avp("Subscription-Id", [avp("Subscription-Id-Type", 1), avp("Subscription-Id-Data", "999990000000001")])
    return [build(CCR, answer.octets[HEADER:] + virtual, flags=answer.flags, hop_by_hop=answer.hop_by_hop,
                  end_to_end=answer.end_to_end)]  # fmt: skip
