"""Capabilities exchange: whether what the peer says of itself will do (RFC 6733 5.3). What we say is in `base`."""

from __future__ import annotations

from typing import Final

from ocs.gy.avp import Failure, example, wrap
from ocs.gy.dictionary import BY_NAME
from ocs.gy.messages import APPLICATION_ID, Cea, Cer, ResultCode, VendorSpecificApplicationId

RELAY: Final = 0xFFFFFFFF
"""The application of relay agents, common with every other (RFC 6733 2.4)."""

_NO_INBAND_SECURITY: Final = 0


def judge(peer: Cer | Cea) -> Failure | None:
    """Why a connection to that peer cannot open; None if it can.

    5010 no common application, 5017 the peer insists on inband security (TLS starts before CER here, RFC 6733 13.1),
    5005 and 5009 a Vendor-Specific-Application-Id with neither or both of its applications (RFC 6733 6.11). The
    Vendor-Id of that group plays no part.
    """
    for group in peer.vendor_specific_application_id:
        if (failure := _judge_group(group)) is not None:
            return failure
    offered = {
        *peer.auth_application_id,
        *(group.auth_application_id for group in peer.vendor_specific_application_id),
    }
    relays = {*peer.acct_application_id, *offered}
    if APPLICATION_ID not in offered and RELAY not in relays:
        return Failure(ResultCode.NO_COMMON_APPLICATION, b"", "no common application")
    if peer.inband_security_id and _NO_INBAND_SECURITY not in peer.inband_security_id:
        return Failure(ResultCode.NO_COMMON_SECURITY, b"", "no inband security here")
    return None


def _judge_group(group: VendorSpecificApplicationId) -> Failure | None:
    auth, acct = group.auth_application_id, group.acct_application_id
    if auth is None and acct is None:
        candidates = example("Auth-Application-Id") + example("Acct-Application-Id")
        return Failure(ResultCode.MISSING_AVP, candidates, "Vendor-Specific-Application-Id without an application")
    if auth is not None and acct is not None:
        both = wrap(BY_NAME["Auth-Application-Id"], auth.to_bytes(4)) + wrap(
            BY_NAME["Acct-Application-Id"], acct.to_bytes(4)
        )
        text = "Vendor-Specific-Application-Id with two applications"
        return Failure(ResultCode.AVP_OCCURS_TOO_MANY_TIMES, both, text)
    return None
