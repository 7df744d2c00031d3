"""What every Diameter node says: capabilities, watchdog, disconnection (RFC 6733 5.3 to 5.5). Never proxied."""

from __future__ import annotations

from ocs.gy.avp import Failure
from ocs.gy.messages import APPLICATION_ID, Cea, Cer, Dpa, Dpr, Dwa, Dwr, FailedAvp, ResultCode
from ocs.gy.node import Identity


def cer(local: Identity, address: str) -> Cer:
    """The CER that opens a connection whose end here has that address."""
    return Cer(
        origin_host=local.host,
        origin_realm=local.realm,
        origin_state_id=local.origin_state_id,
        host_ip_address=local.addresses or (address,),
        vendor_id=local.vendor_id,
        product_name=local.product_name,
        auth_application_id=(APPLICATION_ID,),
        supported_vendor_id=local.supported_vendor_ids,
    )


def cea(local: Identity, address: str, failure: Failure | None) -> Cea:
    """The CEA: all our applications, not only the common ones; with the failure if there is one."""
    return Cea(
        result_code=failure.result_code if failure else ResultCode.SUCCESS,
        origin_host=local.host,
        origin_realm=local.realm,
        host_ip_address=local.addresses or (address,),
        vendor_id=local.vendor_id,
        product_name=local.product_name,
        origin_state_id=local.origin_state_id,
        error_message=failure.text if failure else None,
        failed_avp=(FailedAvp(octets=failure.failed_avp),) if failure and failure.failed_avp else (),
        supported_vendor_id=local.supported_vendor_ids,
        auth_application_id=(APPLICATION_ID,),
    )


def dwr(local: Identity) -> Dwr:
    """The DWR that asks a silent peer for a sign of life."""
    return Dwr(origin_host=local.host, origin_realm=local.realm, origin_state_id=local.origin_state_id)


def dwa(local: Identity) -> Dwa:
    """The DWA."""
    return Dwa(
        result_code=ResultCode.SUCCESS,
        origin_host=local.host,
        origin_realm=local.realm,
        origin_state_id=local.origin_state_id,
    )


def dpr(local: Identity, cause: int) -> Dpr:
    """The DPR that ends a connection; `cause` as in RFC 6733 5.4.3."""
    return Dpr(origin_host=local.host, origin_realm=local.realm, disconnect_cause=cause)


def dpa(local: Identity) -> Dpa:
    """The DPA."""
    return Dpa(result_code=ResultCode.SUCCESS, origin_host=local.host, origin_realm=local.realm)
