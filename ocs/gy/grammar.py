"""What a message may hold: one AVP header after the other is judged against the layout of the record it stands in."""

from __future__ import annotations

from typing import Final, NamedTuple

from ocs.gy.avp import FLAG_MANDATORY, FLAG_VENDOR, Failure, header, header_example, pad
from ocs.gy.dictionary import AVPS, BY_CODE, NOT_IN_CCR
from ocs.gy.layout import FIXED_OCTETS, Field, Layout
from ocs.gy.messages import Ccr

Tolerance = frozenset[int]
"""Vendors whose unknown AVPs are skipped, in spite of their M bit, inside Service-Information and MSCC."""

STRICT: Final[Tolerance] = frozenset()

PROXY_INFO: Final = 284
_VENDORS: Final = frozenset(avp.vendor for avp in AVPS)


class FaultError(Exception):
    """A failure on its way out of nested groups: each puts its own header around the Failed-AVP (RFC 6733 7.5)."""

    def __init__(self, result_code: int, failed_avp: bytes, text: str) -> None:
        super().__init__(text)
        self.failure = Failure(result_code, failed_avp, text)

    def inside(self, group: bytes) -> FaultError:
        """The fault as the group sees it that starts with those octets."""
        flags = group[4]
        vendor = int.from_bytes(group[8:12]) if flags & FLAG_VENDOR else None
        inner = self.failure.failed_avp
        outer = header(int.from_bytes(group[:4]), flags, vendor, len(inner)) + inner
        return FaultError(self.failure.result_code, outer, self.failure.text)


class Place(NamedTuple):
    """Where an AVP lies: payload from `start` to `stop`, the next AVP at `following`. `field` None: not a field."""

    field: Field | None
    start: int
    stop: int
    following: int
    proxy_info: bool = False


def judge(octets: bytes, position: int, end: int, layout: Layout, tolerated: Tolerance) -> Place:
    """Judges the AVP at `position` of a record that ends at `end`, by its header alone.

    FaultError: 5014 for a length that cannot be right; 3009 for a V bit that is not in the definition; 5001 for an
    unknown AVP with the M bit; 5008 for a known one that this command excludes. Reserved AVP flags are ignored
    (RFC 6733 4.1), and an AVP that ends its group without padding is accepted.
    """
    if end - position < 8:
        raise _bad_length(octets, position, end)
    code = int.from_bytes(octets[position : position + 4])
    flags = octets[position + 4]
    length = int.from_bytes(octets[position + 5 : position + 8])
    start = position + (12 if flags & FLAG_VENDOR else 8)
    stop = position + length
    if stop < start or stop > end:
        raise _bad_length(octets, position, end)
    following = stop + -length % 4
    vendor = int.from_bytes(octets[position + 8 : start])
    field = layout.by_code.get((code, vendor))
    if flags & FLAG_VENDOR and vendor == 0:
        raise FaultError(3009, pad(octets[position:stop]), f"AVP {code} has the V bit and Vendor-Id 0")
    if field is not None:
        if FIXED_OCTETS.get(field.kind, stop - start) != stop - start:
            raise _bad_length(octets, position, end)
        return Place(field, start, stop, following)
    known = BY_CODE.get((code, vendor))
    if known is None:
        # 3GPP has no AVP of that code, but the message has a field of the IETF with it: a wrong V bit, not a stranger.
        if vendor in _VENDORS and (code, 0) in layout.by_code:
            raise FaultError(3009, pad(octets[position:stop]), f"AVP {code} of the IETF has the V bit")
        if flags & FLAG_MANDATORY and vendor not in tolerated:
            raise FaultError(5001, pad(octets[position:stop]), f"unknown AVP {code} of vendor {vendor} with the M bit")
    elif layout.record is Ccr and vendor == 0 and code in NOT_IN_CCR:
        raise FaultError(5008, pad(octets[position:stop]), f"{known.name} in a CCR")
    return Place(None, start, stop, following, code == PROXY_INFO and vendor == 0 and layout.is_message)


def _bad_length(octets: bytes, position: int, end: int) -> FaultError:
    return FaultError(5014, header_example(octets[position : min(end, position + 12)]), "AVP length")
