"""Mutants whose fault is in codec, peer or routing."""

from __future__ import annotations

from conformance.mutants.front import Answers, Requests, in_services, install, rebuilt, replaced, without
from conformance.mutants.mutant import Mutant, fault_of
from conformance.wire.avp import M_FLAG, Avp, avp, raw_avp
from conformance.wire.dictionary import VENDOR_3GPP
from conformance.wire.message import CCR, CER, DPR, DWR, E_FLAG, HEADER, P_FLAG, T_FLAG, Message
from ocs.gy.dictionary import BY_CODE
from ocs.gy.link import Link

WIRE: list[Mutant] = []


def on_requests(change: Requests) -> Requests:
    """Registers a mutant that changes requests; its docstring is its fault."""
    WIRE.append(Mutant(change.__name__, fault_of(change), lambda: install(requests=change)))
    return change


def on_answers(change: Answers) -> Answers:
    """Registers a mutant that changes answers; its docstring is its fault."""
    WIRE.append(Mutant(change.__name__, fault_of(change), lambda: install(answers=change)))
    return change


# --- answers ----------------------------------------------------------------------------------------------------------


@on_answers
def error_bit_missing(answer: Message, _: Message | None) -> list[bytes]:
    """3xxx answers go out without the E bit."""
    return [rebuilt(answer, flags=answer.flags & ~E_FLAG)]


@on_answers
def error_bit_everywhere(answer: Message, _: Message | None) -> list[bytes]:
    """Every failure has the E bit."""
    failed = (answer.result_code or 0) >= 4000
    return [rebuilt(answer, flags=answer.flags | (E_FLAG if failed else 0))]


@on_answers
def origin_host_mirrored(answer: Message, request: Message | None) -> list[bytes]:
    """Answers copy Origin-Host of the request."""
    theirs = request.tree.text("Origin-Host") if request is not None and request.command == CCR else None
    if theirs is None:
        return [answer.octets]
    return [replaced(answer, lambda item: avp("Origin-Host", theirs) if item.name == "Origin-Host" else None)]


@on_answers
def proxy_info_lost(answer: Message, _: Message | None) -> list[bytes]:
    """Proxy-Info is not copied into answers."""
    return [without(answer, "Proxy-Info")]


@on_answers
def proxy_info_reversed(answer: Message, _: Message | None) -> list[bytes]:
    """Proxy-Info goes back in the order of a stack."""
    infos = [item.octets for item in answer.tree if item.name == "Proxy-Info"]
    return [replaced(answer, lambda item: infos.pop() if item.name == "Proxy-Info" else None)]


@on_answers
def failed_avp_missing(answer: Message, _: Message | None) -> list[bytes]:
    """Failed-AVP is never sent."""
    return [without(answer, "Failed-AVP")]


@on_answers
def session_id_lost_in_errors(answer: Message, _: Message | None) -> list[bytes]:
    """Error answers are built anew and lose the Session-Id."""
    return [without(answer, "Session-Id") if (answer.result_code or 0) >= 3000 else answer.octets]


@on_answers
def end_to_end_lost_in_errors(answer: Message, _: Message | None) -> list[bytes]:
    """Error answers are built anew and get an End-to-End id of their own."""
    return [rebuilt(answer, end_to_end=answer.end_to_end ^ 1) if (answer.result_code or 0) >= 3000 else answer.octets]


@on_answers
def t_bit_copied(answer: Message, request: Message | None) -> list[bytes]:
    """The flags of the request are copied, the T bit with them."""
    return [rebuilt(answer, flags=answer.flags | (request.flags & T_FLAG if request is not None else 0))]


@on_answers
def p_bit_always_set(answer: Message, _: Message | None) -> list[bytes]:
    """The P bit is always set in a CCA."""
    return [rebuilt(answer, flags=answer.flags | P_FLAG) if answer.command == CCR else answer.octets]


@on_answers
def request_number_not_echoed(answer: Message, _: Message | None) -> list[bytes]:
    """CC-Request-Number in a CCA is always 0."""
    zero = avp("CC-Request-Number", 0)
    return [replaced(answer, lambda item: zero if item.name == "CC-Request-Number" else None)]


@on_answers
def destination_in_answers(answer: Message, request: Message | None) -> list[bytes]:
    """Answers are addressed like requests, with Destination-Host and Destination-Realm."""
    if request is None or answer.command != CCR:
        return [answer.octets]
    back = avp("Destination-Realm", request.tree.text("Origin-Realm") or "")
    return [rebuilt(answer, [*(item.octets for item in answer.tree), back])]


@on_answers
def answers_sent_twice(answer: Message, _: Message | None) -> list[bytes]:
    """A retry of the transport sends each answer twice."""
    return [answer.octets, answer.octets] if answer.command == CCR else [answer.octets]


@on_answers
def padding_not_zero(answer: Message, _: Message | None) -> list[bytes]:
    """AVPs are padded with spaces."""
    spaces = [item.octets[: item.length] + b" " * len(item.padding) for item in answer.tree]
    return [rebuilt(answer, spaces)]


@on_answers
def m_bit_everywhere(answer: Message, _: Message | None) -> list[bytes]:
    """The M bit is set on every AVP."""
    return [rebuilt(answer, [one.octets[:4] + bytes([one.flags | M_FLAG]) + one.octets[5:] for one in answer.tree])]


@on_answers
def session_id_second(answer: Message, _: Message | None) -> list[bytes]:
    """Session-Id stands behind Result-Code."""
    octets = [item.octets for item in answer.tree]
    return [rebuilt(answer, [octets[1], octets[0], *octets[2:]]) if len(octets) > 1 else answer.octets]


@on_answers
def experimental_result(answer: Message, _: Message | None) -> list[bytes]:
    """3GPP result codes are sent as Experimental-Result."""
    code = answer.result_code or 0
    if answer.command != CCR or not 4010 <= code <= 4012:
        return [answer.octets]
    inner = [avp("Vendor-Id", 10415), avp("Experimental-Result-Code", code)]
    other = avp("Experimental-Result", inner)
    return [replaced(answer, lambda item: other if item.name == "Result-Code" else None)]


@on_answers
def watchdog_unanswered(answer: Message, _: Message | None) -> list[bytes]:
    """The watchdog is not answered."""
    return [] if answer.command == DWR else [answer.octets]


# --- requests ---------------------------------------------------------------------------------------------------------


@on_requests
def unknown_m_accepted(request: Message) -> list[bytes]:
    """Unknown AVPs are skipped, whether or not their M bit is set."""
    known = [item.octets for item in request.tree if (item.code, item.vendor) in BY_CODE]
    return [rebuilt(request, known) if request.tree.fault is None else request.octets]


@on_requests
def second_instance_ignored(request: Message) -> list[bytes]:
    """An AVP that comes twice is read once."""
    single = {"Session-Id", "CC-Request-Number", "CC-Request-Type", "Origin-Host"}
    kept, seen = [], set()
    for item in request.tree:
        if item.name not in seen or item.name not in single:
            kept.append(item.octets)
        seen.add(item.name)
    return [rebuilt(request, kept) if request.tree.fault is None else request.octets]


@on_requests
def bad_lengths_unanswered(request: Message) -> list[bytes]:
    """Messages whose AVPs cannot be read are dropped without an answer."""
    inner = any(item.tree.fault is not None for item in request.tree if item.name == "Multiple-Services-Credit-Control")
    return [] if request.tree.fault is not None or inner else [request.octets]


@on_requests
def version_ignored(request: Message) -> list[bytes]:
    """The Version is not looked at."""
    return [rebuilt(request, version=1)]


@on_requests
def error_bit_on_request_ignored(request: Message) -> list[bytes]:
    """The E bit of a request is not looked at."""
    return [rebuilt(request, flags=request.flags & ~E_FLAG)]


@on_requests
def destination_ignored(request: Message) -> list[bytes]:
    """Realm and host of a request are not looked at."""
    if request.command != CCR:
        return [request.octets]
    ours = avp("Destination-Realm", "splitsim.example")
    octets = [
        ours if item.name == "Destination-Realm" else item.octets
        for item in request.tree
        if item.name != "Destination-Host"
    ]
    return [rebuilt(request, octets) if request.tree.fault is None else request.octets]


@on_requests
def request_type_guessed(request: Message) -> list[bytes]:
    """An unknown CC-Request-Type is taken for INITIAL."""
    kind = request.tree.number("CC-Request-Type")
    if kind in (1, 2, 3, 4, None) or request.tree.fault is not None:
        return [request.octets]
    first = avp("CC-Request-Type", 1)
    return [replaced(request, lambda item: first if item.name == "CC-Request-Type" else None)]


@on_requests
def relay_refused(request: Message) -> list[bytes]:
    """A relay's CER is refused for want of application 4."""
    if request.command != CER:
        return [request.octets]
    other = avp("Auth-Application-Id", 16777238)
    relay = (0xFFFFFFFF).to_bytes(4, "big")
    return [replaced(request, lambda item: other if item.data == relay else None)]


@on_requests
def vendor_specific_application_ignored(request: Message) -> list[bytes]:
    """Vendor-Specific-Application-Id is not read."""
    return [without(request, "Vendor-Specific-Application-Id") if request.command == CER else request.octets]


@on_requests
def disconnect_ignored(request: Message) -> list[bytes]:
    """DPR is ignored."""
    return [] if request.command == DPR else [request.octets]


@on_requests
def route_record_dropped(request: Message) -> list[bytes]:
    """Requests that came through a relay (Route-Record) are dropped as loops."""
    return [] if request.tree.first("Route-Record") is not None else [request.octets]


@on_requests
def advice_of_charge_unknown(request: Message) -> list[bytes]:
    """3GPP AVPs of advice of charge are not in the dictionary."""
    odd = avp("AoC-Request-Type", 1)[:4]

    if request.tree.first("AoC-Request-Type") is None:
        return [request.octets]
    return [
        replaced(
            request,
            lambda item: (9_999_998).to_bytes(4, "big") + item.octets[4:] if item.octets[:4] == odd else None,
        )
    ]


@on_requests
def answer_avps_accepted(request: Message) -> list[bytes]:
    """AVPs that only answers hold are accepted in requests."""
    return [without(request, "Granted-Service-Unit", "Result-Code", "Validity-Time", "Failed-AVP")]


@on_requests
def missing_avps_made_up(request: Message) -> list[bytes]:
    """A missing Auth-Application-Id or Destination-Realm is made up."""
    if request.command != CCR or request.tree.fault is not None:
        return [request.octets]
    more = []
    if request.tree.first("Auth-Application-Id") is None:
        more.append(avp("Auth-Application-Id", 4))
    if request.tree.first("Destination-Realm") is None:
        more.append(avp("Destination-Realm", "splitsim.example"))
    return [rebuilt(request, [*(item.octets for item in request.tree), *more])]


@on_answers
def result_code_twice(answer: Message, _: Message | None) -> list[bytes]:
    """Result-Code is put into every answer twice."""
    return [replaced(answer, lambda item: item.octets * 2 if item.name == "Result-Code" else None)]


@on_answers
def capabilities_without_address(answer: Message, _: Message | None) -> list[bytes]:
    """CEA has no Host-IP-Address."""
    return [without(answer, "Host-IP-Address")]


@on_answers
def vendor_lost(answer: Message, _: Message | None) -> list[bytes]:
    """3GPP AVPs of a grant go out without the V bit and Vendor-Id."""

    def bare(item: Avp) -> bytes | None:
        return raw_avp(item.code, item.data) if item.vendor == VENDOR_3GPP else None

    return [in_services(answer, bare)]


@on_requests
def any_application(request: Message) -> list[bytes]:
    """Any application in a CER will do."""
    ours = avp("Auth-Application-Id", 4)
    if request.command != CER:
        return [request.octets]
    return [replaced(request, lambda item: ours if item.name == "Auth-Application-Id" else None)]


@on_requests
def unknown_optional_refused(request: Message) -> list[bytes]:
    """Unknown AVPs are refused whether or not their M bit is set."""

    def strict(item: Avp) -> bytes | None:
        known = (item.code, item.vendor) in BY_CODE
        return None if known else item.octets[:4] + bytes([item.flags | M_FLAG]) + item.octets[5:]

    return [replaced(request, strict) if request.tree.fault is None else request.octets]


@on_requests
def two_identities_at_most(request: Message) -> list[bytes]:
    """Requests with more than two Subscription-Ids are dropped."""
    return [] if len(request.tree.all("Subscription-Id")) > 2 else [request.octets]


@on_requests
def one_address_only(request: Message) -> list[bytes]:
    """Requests with two PDP-Addresses are dropped."""
    addresses = request.tree.all("Service-Information", "PS-Information", "PDP-Address")
    return [] if len(addresses) > 1 else [request.octets]


@on_requests
def destination_host_needed(request: Message) -> list[bytes]:
    """Requests without Destination-Host are left to somebody else."""
    return [] if request.command == CCR and request.tree.first("Destination-Host") is None else [request.octets]


def _answers_crossed() -> None:
    """Answers go to the connection on which their Hop-by-Hop id was seen last."""
    receive, write = Link.data_received, Link._write
    last: dict[int, Link] = {}

    def data_received(link: Link, data: bytes) -> None:
        if len(data) >= HEADER:
            buffer = bytearray(data)
            while len(buffer) >= HEADER and (length := int.from_bytes(buffer[1:4], "big")) >= HEADER:
                last[int.from_bytes(buffer[12:16], "big")] = link
                del buffer[:length]
        receive(link, data)

    def _write(link: Link, octets: bytes) -> None:
        buffer = bytearray(octets)
        while len(buffer) >= HEADER:
            length = int.from_bytes(buffer[1:4], "big")
            one = bytes(buffer[:length])
            del buffer[:length]
            message = Message(one)
            write(link if message.is_request else last.get(message.hop_by_hop, link), one)

    setattr(Link, "data_received", data_received)  # noqa: B010
    setattr(Link, "_write", _write)  # noqa: B010


def _segments_taken_for_messages() -> None:
    """What is left of a segment after its last whole message is thrown away."""
    receive = Link.data_received

    def data_received(link: Link, data: bytes) -> None:
        whole = 0
        while len(data) - whole >= HEADER:
            length = int.from_bytes(data[whole + 1 : whole + 4], "big")
            if length < HEADER or length > len(data) - whole:
                break
            whole += length
        if whole:
            receive(link, data[:whole])

    setattr(Link, "data_received", data_received)  # noqa: B010


WIRE += [
    Mutant(
        "answers_crossed", "answers are routed by Hop-by-Hop id alone, whatever connection it was on", _answers_crossed
    ),
    Mutant("segments_taken_for_messages", "a TCP segment is taken for whole messages", _segments_taken_for_messages),
]
