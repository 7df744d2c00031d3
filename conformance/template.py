"""CCRs in the likeness of a captured gateway: its AVP order, vendor AVPs and PS-Information; only the rest is ours.

A template is a capture (`conformance init --from-pcap` writes one). Of each CC-Request-Type the first CCR of its first
session is taken; a type that is not there borrows from another. What identifies the session, the node, the
subscriber and the units is always the tester's, in the place where the gateway has it. So is what tells bearers apart,
3GPP-Charging-Id and PDP-Address, because cases open sessions side by side; 3GPP-NSAPI could not number so many, and is
left out. So are AVPs of that one message's way (Route-Record, Proxy-Info) or session (Origin-State-Id and such).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from conformance.pcap import CaptureError, read_capture
from conformance.tester.request import EVENT, INITIAL, TERMINATION, UPDATE, Request
from conformance.tester.trace import Record
from conformance.wire.avp import Avp, Tree, raw_avp
from conformance.wire.message import CCR, Message

_OURS: Final = frozenset({
    "Session-Id", "Origin-Host", "Origin-Realm", "Destination-Host", "Destination-Realm", "Auth-Application-Id",
    "Service-Context-Id", "CC-Request-Type", "CC-Request-Number", "Event-Timestamp", "Subscription-Id",
    "Termination-Cause", "Multiple-Services-Indicator", "Multiple-Services-Credit-Control", "Service-Information",
    "Requested-Service-Unit", "Used-Service-Unit", "User-Name", "Origin-State-Id", "Route-Record", "Proxy-Info",
    "CC-Sub-Session-Id", "CC-Correlation-Id", "Acct-Multi-Session-Id",
})  # fmt: skip
"""At command level: never copied from the capture."""
_OURS_IN_SERVICE: Final = frozenset({
    "Requested-Service-Unit", "Used-Service-Unit", "Granted-Service-Unit", "Rating-Group", "Service-Identifier",
    "Reporting-Reason", "Result-Code", "Trigger", "Tariff-Change-Usage", "G-S-U-Pool-Reference", "Validity-Time",
    "Final-Unit-Indication", "Refund-Information", "Service-Specific-Info",
})  # fmt: skip
"""The same in an MSCC."""
_ONLY_AS_CAPTURED: Final = frozenset({"Destination-Host", "Event-Timestamp"})
"""Optional AVPs that the tester sends only where the gateway does."""
_BORROWED: Final = {
    INITIAL: (UPDATE, TERMINATION),
    UPDATE: (INITIAL,),
    TERMINATION: (UPDATE, INITIAL),
    EVENT: (INITIAL,),
}


def captured_ccrs(records: Iterable[Record]) -> list[Record]:
    """The CCRs of a capture that make a template: of its first session that begins, the first of each type."""
    found: dict[int, Record] = {}
    session: str | None = None
    for record in records:
        message = record.message
        kind = message.tree.number("CC-Request-Type")
        if record.sender != "pgw" or message.command != CCR or not message.is_request or kind is None:
            continue
        if session is None and kind in (INITIAL, EVENT):
            session = message.session_id
        if message.session_id == session:
            found.setdefault(kind, record)
    return list(found.values())


def load_template(path: Path) -> Template:
    """The template in a capture.

    Raises:
        CaptureError: no capture, or no session begins in it.
    """
    ccrs = captured_ccrs(read_capture(path))
    if not ccrs:
        raise CaptureError(f"{path}: no CCR-I in it, so there is nothing to build requests from")
    return Template([record.message for record in ccrs])


class Template:
    """CCRs of a gateway, by CC-Request-Type."""

    def __init__(self, ccrs: Sequence[Message]) -> None:
        by_kind = {ccr.tree.number("CC-Request-Type"): ccr.tree for ccr in ccrs}
        self._trees = {
            kind: tree
            for kind, others in _BORROWED.items()
            if (tree := next((by_kind[one] for one in (kind, *others) if one in by_kind), None)) is not None
        }

    def shaped(self, request: Request, kind: int, more: Sequence[bytes] = ()) -> Request:
        """A CCR of ours in the gateway's likeness, and what a case adds to it: in the place of a copied AVP of that
        name, else at the end. MSCCs that cannot be read, because a case spoils them, stay.
        """
        captured = self._trees[kind]
        pattern = captured.first("Multiple-Services-Credit-Control")
        ours: list[tuple[str, bytes]] = []
        for octets in request.avps:
            (one,) = Tree(octets).avps
            if one.name == "Multiple-Services-Credit-Control" and pattern is not None:
                octets = _service(octets, pattern.tree)
            elif one.name == "Service-Information":
                octets = _information(octets, captured)
            ours.append((one.name, octets))
        ours = _identities(ours, captured)
        owned = _OURS | {"Requested-Action"} if kind == EVENT else _OURS
        avps = _merged(captured, ours, owned)
        names = {one.name for one in captured}
        left_out = _ONLY_AS_CAPTURED - names
        whole = replace(request, avps=tuple(octets for name, octets in avps if name not in left_out))
        copied = {name for name, _ in avps} - {name for name, _ in ours}
        for octets in more:
            name = next((one.name for one in Tree(octets)), "")
            whole = whole.putting(name, octets) if name in copied else whole.adding(octets)
        return whole


def _merged(captured: Tree, ours: list[tuple[str, bytes]], owned: frozenset[str]) -> list[tuple[str, bytes]]:
    """The captured run of AVPs with ours in the places of theirs; what they do not have follows at the end."""
    out: list[tuple[str, bytes]] = []
    placed: set[str] = set()
    mine = {name for name, _ in ours}
    for one in captured:
        if one.name in mine:
            if one.name not in placed:
                out += [(name, octets) for name, octets in ours if name == one.name]
                placed.add(one.name)
        elif one.name not in owned:
            out.append((one.name, one.octets))
    return out + [(name, octets) for name, octets in ours if name not in placed]


def _service(octets: bytes, pattern: Tree) -> bytes:
    """One MSCC."""
    (mscc,) = Tree(octets).avps
    if mscc.tree.fault is not None:
        return octets
    ours = [(one.name, one.octets) for one in mscc.tree]
    inner = _merged(pattern, ours, _OURS_IN_SERVICE)
    return raw_avp(mscc.code, b"".join(one for _, one in inner), flags=mscc.flags, vendor=mscc.vendor)


def _information(octets: bytes, captured: Tree) -> bytes:
    """The captured Service-Information with our APN and 3GPP-Charging-Id; ours where none was captured."""
    theirs = captured.first("Service-Information")
    packets = theirs.tree.first("PS-Information") if theirs is not None else None
    if theirs is None or packets is None:
        return octets
    ours = Tree(octets).all("Service-Information", "PS-Information")
    number = Tree(octets).number("Service-Information", "PS-Information", "3GPP-Charging-Id") or 0
    apn = [(one.name, one.octets) for group in ours for one in group.tree if one.name == "Called-Station-Id"]
    bearer = [
        (one.name, raw_avp(one.code, _of_bearer(one, number), flags=one.flags, vendor=one.vendor))
        for one in packets.tree
        if one.name in ("3GPP-Charging-Id", "PDP-Address")
    ]
    inside = b"".join(one for _, one in _merged(packets.tree, [*apn, *bearer], frozenset({"3GPP-NSAPI"})))
    group = raw_avp(packets.code, inside, flags=packets.flags, vendor=packets.vendor)
    whole = b"".join(group if one is packets else one.octets for one in theirs.tree)
    return raw_avp(theirs.code, whole, flags=theirs.flags, vendor=theirs.vendor)


def _of_bearer(one: Avp, number: int) -> bytes:
    """What tells bearers apart: the Charging-Id, and 16 bits of an address (those of the /64 in IPv6)."""
    if one.name == "3GPP-Charging-Id":
        return number.to_bytes(4, "big")
    place = 8 if one.data[:2] == b"\0\2" else 4
    return one.data[:place] + (number & 0xFFFF).to_bytes(2, "big") + one.data[place + 2 :]


def _identities(ours: list[tuple[str, bytes]], captured: Tree) -> list[tuple[str, bytes]]:
    """Our Subscription-Ids of the captured kinds, in the captured order; all of ours if none is of a captured kind."""
    kinds = [one.number for one in captured.all("Subscription-Id", "Subscription-Id-Type")]
    mine = {Tree(octets).number("Subscription-Id", "Subscription-Id-Type"): octets for name, octets in ours
            if name == "Subscription-Id"}  # fmt: skip
    chosen = [mine[kind] for kind in kinds if kind in mine]
    if not chosen:
        return ours
    first = next(place for place, (name, _) in enumerate(ours) if name == "Subscription-Id")
    rest = [(name, octets) for name, octets in ours if name != "Subscription-Id"]
    return [*rest[:first], *(("Subscription-Id", octets) for octets in chosen), *rest[first:]]
