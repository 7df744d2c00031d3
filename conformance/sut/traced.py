"""What a trace of the user's own gateway says for a PIXIT: subscribers, APNs, rating groups, context, realm, CCRs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from conformance.sut.ics import Subscriber
from conformance.template import captured_ccrs
from conformance.tester.trace import Record
from conformance.wire.avp import Tree
from conformance.wire.message import CCR

_APN = ("Service-Information", "PS-Information", "Called-Station-Id")


@dataclass(frozen=True)
class Traced:
    """`ccrs`: those that make a template; `realm`: the Destination-Realm of the gateway."""

    subscribers: tuple[Subscriber, ...]
    context: str | None
    realm: str | None
    ccrs: tuple[Record, ...]


def traced(records: Sequence[Record]) -> Traced:
    """Reads a capture. A subscriber for every pair of IMSI and APN; what is no IMSI or no number is passed over."""
    groups: dict[tuple[str, str], list[int]] = {}
    numbers: dict[str, str] = {}
    trees = [
        (record.message.tree, record.message.services)
        for record in records
        if record.sender == "pgw" and record.message.command == CCR
    ]
    for tree, services in trees:
        identities = {
            one.tree.number("Subscription-Id-Type"): one.tree.text("Subscription-Id-Data") or ""
            for one in tree.all("Subscription-Id")
        }
        imsi, apn = identities.get(1), tree.text(*_APN)
        if not imsi or not apn:
            continue
        numbers.setdefault(imsi, identities.get(0, ""))
        seen = groups.setdefault((imsi, apn), [])
        seen += [one.rating_group for one in services if one.rating_group is not None and one.rating_group not in seen]
    subscribers = (_subscriber(imsi, numbers[imsi], apn, seen) for (imsi, apn), seen in groups.items())
    return Traced(
        tuple(one for one in subscribers if one is not None),
        _first(trees, "Service-Context-Id"),
        _first(trees, "Destination-Realm"),
        tuple(captured_ccrs(records)),
    )


def _subscriber(imsi: str, msisdn: str, apn: str, groups: list[int]) -> Subscriber | None:
    number = msisdn if msisdn.isdigit() and 5 <= len(msisdn) <= 15 else None
    try:
        return Subscriber(imsi=imsi, msisdn=number, apn=apn, rating_groups=tuple(sorted(groups)) or (1,))
    except ValidationError:
        return None


def _first(trees: Sequence[tuple[Tree, object]], name: str) -> str | None:
    return next((text for tree, _ in trees if (text := tree.text(name))), None)
