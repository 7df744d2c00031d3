"""The SIMs and CCRs that the measurements use."""

from __future__ import annotations

from decimal import Decimal

from ocs.catalogue.plans import Bundle, PostpaidIndividual, PrepaidIndividual, Quota, UnitPrice
from ocs.catalogue.profiles import Profile, Split
from ocs.gy.messages import (
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    ReportingReason,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.provisioning import Account, Provisioning, Sim

SLICE_OCTETS = 1_000_000
FLEET, WIFI = 100, 200
"""Rating groups of the car maker and of the driver."""
_APN = "car.acme"


def provisioning(sims: int) -> Provisioning:
    """Cars with one APN for both payers: a postpaid split, and a prepaid one with an allowance that never ends."""
    quota = Quota(slice=SLICE_OCTETS)
    endless = Bundle(id="endless", volume=10**15, valid=366 * 86_400)
    price = UnitPrice(price=Decimal("0.02"))
    plans = (
        PostpaidIndividual(
            id="fleet",
            kind="postpaid_individual",
            included=50_000_000,
            recurring=Decimal("1.2"),
            overage=price,
            quota=quota,
        ),
        PrepaidIndividual(
            id="wifi", kind="prepaid_individual", free_quota=endless, quota=quota, on_exhaustion="block_rg"
        ),
    )
    splits = (
        Split(id="fleet", party="b2b", payer="acme", apn=_APN, rating_groups=(FLEET,), plan="fleet"),
        Split(id="wifi", party="b2c", payer="driver", apn=_APN, rating_groups=(WIFI,), plan="wifi"),
    )
    return Provisioning(
        accounts=(Account(id="acme", kind="company"), Account(id="driver", kind="customer")),
        plans=plans,
        profiles=(Profile(id="car", splits=splits),),
        sims=tuple(
            Sim(imsi=imsi(n), iccid=complete_iccid(f"8999901{n:011d}"), account="acme", profile="car")
            for n in range(sims)
        ),
    )


def imsi(number: int) -> str:
    """The IMSI of SIM `number` (from 0)."""
    return f"00101{number:010d}"


def ccr(kind: CcRequestType, session: int, number: int, sim: int, rating_groups: tuple[int, ...]) -> Ccr:
    """Request `number` of a session: reports a slice for each rating group (not in a CCR-I) and asks for the next."""
    initial = kind is CcRequestType.INITIAL
    used = UsedServiceUnit(reporting_reason=ReportingReason.QUOTA_EXHAUSTED, cc_total_octets=SLICE_OCTETS)
    return Ccr(
        session_id=f"pgw.example;bench;{session}",
        origin_host="pgw.example",
        origin_realm="example",
        destination_realm="example",
        service_context_id="32251@3gpp.org",
        cc_request_type=kind,
        cc_request_number=number,
        subscription_id=(
            SubscriptionId(subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=imsi(sim)),
        ),
        multiple_services_indicator=1,
        multiple_services_credit_control=tuple(
            MultipleServicesCreditControl(
                requested_service_unit=RequestedServiceUnit(),
                used_service_unit=() if initial else (used,),
                rating_group=rating_group,
            )
            for rating_group in rating_groups
        ),
        service_information=ServiceInformation(
            ps_information=PsInformation(
                charging_id=session,
                pdp_address=("10.0.0.1",),
                ggsn_address=("192.0.2.1",),
                called_station_id=_APN,
                sgsn_mcc_mnc="00101",
                rat_type=b"\x06",
            )
        ),
    )
