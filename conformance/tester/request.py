"""Requests as a tester composes them: right by default, and wrong in exactly the place that a case asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from conformance.wire.avp import Tree, Value, avp
from conformance.wire.message import BASE, CCR, CER, DPR, DWR, GY, P_FLAG, R_FLAG, T_FLAG, build


@dataclass(frozen=True)
class Request:
    """A request before it has its ids; `Line.send` gives it those that are None."""

    command: int
    avps: tuple[bytes, ...]
    flags: int = R_FLAG | P_FLAG
    application: int = GY
    version: int = 1
    length: int | None = None
    hop_by_hop: int | None = None
    end_to_end: int | None = None
    extra_octets: bytes = field(default=b"", repr=False)

    def octets(self) -> bytes:
        """The message as it goes out."""
        return build(
            self.command,
            b"".join(self.avps) + self.extra_octets,
            flags=self.flags,
            application=self.application,
            hop_by_hop=self.hop_by_hop or 0,
            end_to_end=self.end_to_end or 0,
            version=self.version,
            length=self.length,
        )

    def without(self, *names: str) -> Request:
        """Without these AVPs at command level."""
        return replace(self, avps=tuple(one for one in self.avps if _name(one) not in names))

    def adding(self, *avps: bytes) -> Request:
        """With more AVPs at the end."""
        return replace(self, avps=(*self.avps, *avps))

    def setting(self, name: str, value: Value) -> Request:
        """With another value for an AVP, in its place; at the end if it was not there."""
        return self.putting(name, avp(name, value))

    def putting(self, name: str, octets: bytes) -> Request:
        """With these octets in place of an AVP; at the end if it was not there."""
        if not any(_name(one) == name for one in self.avps):
            return self.adding(octets)
        return replace(self, avps=tuple(octets if _name(one) == name else one for one in self.avps))

    def resent(self, *, retransmitted: bool = True) -> Request:
        """The same once more: T bit, same End-to-End id, a new Hop-by-Hop id (RFC 6733 3)."""
        return replace(self, flags=self.flags | T_FLAG if retransmitted else self.flags, hop_by_hop=None)


def _name(octets: bytes) -> str:
    found = Tree(octets).avps
    return found[0].name if found else ""


@dataclass(frozen=True)
class Node:
    """Who the tester is on Diameter."""

    host: str
    realm: str
    address: str = "127.0.0.1"


def cer(node: Node, *, applications: Sequence[int] = (GY,), more: Sequence[bytes] = ()) -> Request:
    """CER (RFC 6733 5.3.1)."""
    return Request(
        CER,
        (
            avp("Origin-Host", node.host),
            avp("Origin-Realm", node.realm),
            avp("Host-IP-Address", node.address),
            avp("Vendor-Id", 0),
            avp("Product-Name", "splitsim conformance"),
            avp("Supported-Vendor-Id", 10415),
            *(avp("Auth-Application-Id", application) for application in applications),
            *more,
        ),
        flags=R_FLAG,
        application=BASE,
    )


def dwr(node: Node) -> Request:
    """DWR (RFC 6733 5.5.1)."""
    return Request(
        DWR, (avp("Origin-Host", node.host), avp("Origin-Realm", node.realm)), flags=R_FLAG, application=BASE
    )


def dpr(node: Node, cause: int = 0) -> Request:
    """DPR (RFC 6733 5.4.1)."""
    return Request(
        DPR,
        (avp("Origin-Host", node.host), avp("Origin-Realm", node.realm), avp("Disconnect-Cause", cause)),
        flags=R_FLAG,
        application=BASE,
    )


ASK: int = -1
"""For `mscc(ask=)`: an empty Requested-Service-Unit, the server chooses the quota."""


def units(name: str, octets: int, *more: bytes) -> bytes:
    """A Requested- or Used-Service-Unit of total octets; ASK (-1) for an empty one."""
    return avp(name, [*([avp("CC-Total-Octets", octets)] if octets >= 0 else []), *more])


def mscc(
    rating_group: int | None,
    *,
    ask: int | None = None,
    used: int | None = None,
    in_unit_reason: int | None = None,
    reason: int | None = None,
    more: Sequence[bytes] = (),
) -> bytes:
    """A Multiple-Services-Credit-Control: `ask` and `used` in octets; None leaves the group out.

    `reason` is a Reporting-Reason on the MSCC, `in_unit_reason` one inside the Used-Service-Unit.
    """
    inner = []
    if ask is not None:
        inner.append(units("Requested-Service-Unit", ask))
    if used is not None:
        why = [] if in_unit_reason is None else [avp("Reporting-Reason", in_unit_reason)]
        inner.append(units("Used-Service-Unit", used, *why))
    if rating_group is not None:
        inner.append(avp("Rating-Group", rating_group))
    if reason is not None:
        inner.append(avp("Reporting-Reason", reason))
    return avp("Multiple-Services-Credit-Control", [*inner, *more])


INITIAL, UPDATE, TERMINATION, EVENT = 1, 2, 3, 4


def ccr(
    node: Node,
    *,
    session_id: str,
    destination_realm: str,
    destination_host: str | None,
    context: str,
    kind: int,
    number: int,
    when: int,
    subscription: Sequence[bytes],
    services: Sequence[bytes],
    information: bytes | None,
    more: Sequence[bytes] = (),
) -> Request:
    """CCR as a gateway sends it (RFC 8506 3.1, TS 32.299 6.4.2). `when`: seconds since 1970."""
    avps = [
        avp("Session-Id", session_id),
        avp("Origin-Host", node.host),
        avp("Origin-Realm", node.realm),
        avp("Destination-Realm", destination_realm),
        avp("Auth-Application-Id", GY),
        avp("Service-Context-Id", context),
        avp("CC-Request-Type", kind),
        avp("CC-Request-Number", number),
    ]
    if destination_host is not None:
        avps.append(avp("Destination-Host", destination_host))
    avps += [avp("Event-Timestamp", when), *subscription]
    if kind == TERMINATION:
        avps.append(avp("Termination-Cause", 1))
    if kind == INITIAL:
        avps.append(avp("Multiple-Services-Indicator", 1))
    avps += services
    if information is not None:
        avps.append(information)
    return Request(CCR, (*avps, *more))


def ps_information(apn: str | None, charging_id: int, more: Sequence[bytes] = ()) -> bytes:
    """Service-Information with a PS-Information (TS 32.299 7.2.158); `charging_id` is new for every session."""
    inner = [
        avp("3GPP-Charging-Id", charging_id),
        avp("3GPP-PDP-Type", 0),
        avp("PDP-Address", f"10.45.{charging_id >> 8 & 255}.{charging_id & 255}"),
        avp("SGSN-Address", "127.0.0.3"),
        avp("GGSN-Address", "127.0.0.4"),
        *([avp("Called-Station-Id", apn)] if apn is not None else []),
        avp("3GPP-Selection-Mode", "0"),
        avp("3GPP-Charging-Characteristics", "0800"),
        avp("3GPP-SGSN-MCC-MNC", "00101"),
        avp("3GPP-MS-TimeZone", b"\x40\x00"),
        avp("3GPP-User-Location-Info", bytes.fromhex("8200f110000100f11000019b01")),
        avp("3GPP-RAT-Type", b"\x06"),
        *more,
    ]
    return avp("Service-Information", [avp("PS-Information", inner)])


def subscription_id(kind: int, data: str | bytes) -> bytes:
    """Subscription-Id: kind 0 E.164, 1 IMSI, 2 SIP-URI, 3 NAI, 4 private (RFC 8506 8.47)."""
    return avp("Subscription-Id", [avp("Subscription-Id-Type", kind), avp("Subscription-Id-Data", data)])
