"""Rules for every message, whoever sends it: octets, flags, identifiers (RFC 6733 3, 4, 6.2, 8.8)."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.watch.seen import Seen, rule
from conformance.wire.avp import V_FLAG, Avp, Tree
from conformance.wire.dictionary import BY_CODE, VENDOR_3GPP
from conformance.wire.message import CER, P_FLAG, T_FLAG, Message
from conformance.wire.second import disagreement

_NEVER_MANDATORY = {"Product-Name", "Firmware-Revision", "Error-Message", "Error-Reporting-Host"}


def everything(tree: Tree, *, into_failed: bool = False) -> Iterator[Avp]:
    """Every AVP at every depth; what a Failed-AVP holds belongs to somebody else."""
    for item in tree:
        yield item
        if item.definition is not None and item.definition.format == "group":
            if item.name == "Failed-AVP" and not into_failed:
                continue
            if item.name in ("Proxy-Info",):
                continue
            yield from everything(item.tree, into_failed=into_failed)


def always(_: Seen) -> bool:
    """Every message."""
    return True


def answer(seen: Seen) -> bool:
    """Every answer."""
    return seen.is_answer


def paired(seen: Seen) -> bool:
    """Every answer whose request is known."""
    return seen.is_answer and seen.request is not None


@rule("RFC6733-4.1-3", always)
def padding(seen: Seen) -> str | None:
    """Lengths add up and padding is zero; both decoders read the same."""
    message = seen.message
    if message.length != len(message.octets):
        return f"Message Length {message.length}, {len(message.octets)} octets"
    if message.tree.fault is not None:
        return message.tree.fault
    for item in everything(message.tree):
        if any(item.padding):
            return f"{item.name}: padding {item.padding.hex()} is not zero"
        group = item.definition is not None and item.definition.format == "group" and item.name != "Failed-AVP"
        if group and item.tree.fault is not None:
            return f"inside {item.name}: {item.tree.fault}"
    return disagreement(message)


@rule("RFC6733-4.1-4", always)
def vendors(seen: Seen) -> str | None:
    """V bit and Vendor-Id belong together."""
    for item in everything(seen.message.tree):
        if item.flags & V_FLAG and item.vendor == 0:
            return f"AVP {item.code}: V bit with Vendor-Id 0"
        if not item.flags & V_FLAG and (item.code, 0) not in BY_CODE and (item.code, VENDOR_3GPP) in BY_CODE:
            return f"{BY_CODE[item.code, VENDOR_3GPP].name} without V bit and Vendor-Id 10415"
    return None


def _has_optional(seen: Seen) -> bool:
    return any(item.name in _NEVER_MANDATORY for item in seen.message.tree)


@rule("RFC6733-10.1-1", _has_optional)
def never_mandatory(seen: Seen) -> str | None:
    """Four AVPs never have the M bit."""
    for item in seen.message.tree:
        if item.name in _NEVER_MANDATORY and item.flags & 0xC0:
            return f"{item.name} with flags {item.flags:#04x}"
    return None


@rule("RFC6733-5.3-10", lambda seen: seen.message.command == CER)
def not_proxiable(seen: Seen) -> str | None:
    """CER and CEA are never proxied."""
    return "P bit set" if seen.message.flags & P_FLAG else None


@rule("RFC6733-6.2-1", answer)
def hop_by_hop(seen: Seen) -> str | None:
    """An answer has the Hop-by-Hop id of a request."""
    return f"no request with Hop-by-Hop {seen.message.hop_by_hop:#x}" if seen.request is None else None


@rule("RFC6733-3-7", paired)
def once(seen: Seen) -> str | None:
    """A request is answered once."""
    return "a second answer to one request" if seen.answered_before else None


@rule("RFC6733-6.2-2", paired)
def end_to_end(seen: Seen) -> str | None:
    """The End-to-End id comes back."""
    assert seen.request is not None
    if seen.message.end_to_end != seen.request.end_to_end:
        return f"End-to-End {seen.message.end_to_end:#x}, the request has {seen.request.end_to_end:#x}"
    return None


@rule("RFC6733-6.2-3", paired)
def proxiable_alike(seen: Seen) -> str | None:
    """The P bit comes back."""
    assert seen.request is not None
    return "P bit differs from the request's" if (seen.message.flags ^ seen.request.flags) & P_FLAG else None


@rule("RFC6733-3-6", answer)
def not_retransmitted(seen: Seen) -> str | None:
    """No answer has the T bit."""
    return "T bit set in an answer" if seen.message.flags & T_FLAG else None


@rule("RFC6733-6.2-4", answer)
def no_destination(seen: Seen) -> str | None:
    """Answers go back by their ids, not by destination."""
    for name in ("Destination-Host", "Destination-Realm"):
        if seen.message.tree.first(name) is not None:
            return f"{name} in an answer"
    return None


def _session(message: Message) -> bytes | None:
    found = message.tree.first("Session-Id")
    if found is None:
        return None
    try:
        found.data.decode()
    except UnicodeDecodeError:
        return None
    return found.data


@rule("RFC6733-6.2-5", lambda seen: paired(seen) and seen.request is not None and _session(seen.request) is not None)
def same_session(seen: Seen) -> str | None:
    """The Session-Id comes back."""
    assert seen.request is not None
    mine, theirs = seen.message.tree.first("Session-Id"), _session(seen.request)
    if mine is None:
        return "without the Session-Id of the request"
    return f"Session-Id {mine.text}, the request has {theirs!r}" if mine.data != theirs else None


@rule("RFC6733-8.8-1", lambda seen: seen.message.tree.first("Session-Id") is not None)
def session_first(seen: Seen) -> str | None:
    """Session-Id stands first."""
    first = next(iter(seen.message.tree), None)
    return f"{first.name} before Session-Id" if first is not None and first.name != "Session-Id" else None


@rule("RFC6733-3-14", lambda seen: seen.message.is_request and not seen.message.flags & T_FLAG)
def fresh_identifiers(seen: Seen) -> str | None:
    """Identifiers are not used twice."""
    message, line = seen.message, seen.line_state
    if message.end_to_end in line.seen_end_to_end[seen.sender]:
        return f"End-to-End {message.end_to_end:#x} used before on this connection"
    if (seen.sender, message.hop_by_hop) in line.open_requests:
        return f"Hop-by-Hop {message.hop_by_hop:#x} is still waiting for its answer"
    return None
