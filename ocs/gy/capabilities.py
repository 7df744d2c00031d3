"""Capabilities exchange: what we say of ourselves, and whether what the peer says will do (RFC 6733 5.3)."""

from __future__ import annotations

from typing import Final

from ocs.gy.avp import Failure, example, wrap
from ocs.gy.dictionary import BY_NAME
from ocs.gy.messages import APPLICATION_ID, Cea, Cer, FailedAvp, ResultCode, VendorSpecificApplicationId
from ocs.gy.node import Identity

RELAY: Final = 0xFFFFFFFF
"""The application of relay agents, common with every other (RFC 6733 2.4)."""

_NO_INBAND_SECURITY: Final = 0


def request(local: Identity) -> Cer:
    """The CER that opens a connection."""
    return Cer(
        origin_host=local.host,
        origin_realm=local.realm,
        origin_state_id=local.origin_state_id,
        host_ip_address=local.addresses,
        vendor_id=local.vendor_id,
        product_name=local.product_name,
        auth_application_id=(APPLICATION_ID,),
        supported_vendor_id=local.supported_vendor_ids,
    )


def answer(local: Identity, failure: Failure | None) -> Cea:
    """The CEA: all our applications, not only the common ones; with the failure if there is one."""
    return Cea(
        result_code=failure.result_code if failure else ResultCode.SUCCESS,
        origin_host=local.host,
        origin_realm=local.realm,
        host_ip_address=local.addresses,
        vendor_id=local.vendor_id,
        product_name=local.product_name,
        origin_state_id=local.origin_state_id,
        error_message=failure.text if failure else None,
        failed_avp=(FailedAvp(octets=failure.failed_avp),) if failure and failure.failed_avp else (),
        supported_vendor_id=local.supported_vendor_ids,
        auth_application_id=(APPLICATION_ID,),
    )


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
