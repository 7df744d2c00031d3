"""The codec's part in C and its twin in Python: equal octets, equal refusals. (Reading: `test_shapes`.)"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings

from ocs.gy.codec import decode
from ocs.gy.fast import fast
from ocs.gy.layout import layout_of
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    FailedAvp,
    GrantedServiceUnit,
    Message,
    MultipleServicesCreditControl,
    PsInformation,
    ServiceInformation,
)
from ocs.gy.writing import Write, compiled
from tests.gy import captures
from tests.gy.strategies import messages

pytestmark = pytest.mark.skipif(fast is None, reason="the codec's part in C is not built (needs Cython and a compiler)")


def in_c(kind: type[Any]) -> Write:
    assert fast is not None
    writer: Write = fast.FastWriter(layout_of(kind))
    return writer


@settings(max_examples=200, deadline=None)
@given(messages())
def test_any_message_is_written_alike(message: Message) -> None:
    assert in_c(type(message))(message) == compiled(layout_of(type(message)))(message)


def test_captured_requests_are_written_alike() -> None:
    read = [decode(capture.octets).message for capture in captures.ALL]
    written = [(in_c(type(m))(m), compiled(layout_of(type(m)))(m)) for m in read if m is not None]
    assert len(written) > 50
    assert all(one == other for one, other in written)


def cca(**fields: Any) -> Cca:
    whole: dict[str, Any] = {
        "session_id": "a;1;2",
        "result_code": 2001,
        "origin_host": "ocs.example",
        "origin_realm": "example",
        "cc_request_type": CcRequestType.UPDATE,
        "cc_request_number": 1,
    }
    return Cca(**{**whole, **fields})


def granted(octets: Any) -> Cca:
    unit = GrantedServiceUnit(cc_total_octets=octets)
    return cca(multiple_services_credit_control=(MultipleServicesCreditControl(granted_service_unit=unit),))


WRONG = {
    "33 bits": cca(cc_request_number=2**32),
    "below zero": cca(cc_request_number=-1),
    "65 bits": granted(2**64),
    "a text for a number": cca(result_code="2001"),
    "a number for a text": cca(session_id=7),
    "nothing where something must be": cca(origin_host=None),
    "no such member": cca(cc_request_type=9),
    "a lone surrogate": cca(session_id="\ud800"),
    "no group": cca(multiple_services_credit_control=(7,)),
    "no octets": cca(failed_avp=(FailedAvp(octets=None),)),  # type: ignore[arg-type]
}
ERRORS = (ValueError, OSError, KeyError, AttributeError, TypeError)


@pytest.mark.parametrize("message", WRONG.values(), ids=WRONG)
def test_what_the_wire_cannot_hold_is_refused_by_both(message: Cca) -> None:
    for write in (in_c(Cca), compiled(layout_of(Cca))):
        with pytest.raises((struct.error, *ERRORS)):
            write(message)


@pytest.mark.parametrize("field", ["pdp_address", "sgsn_address"])
@pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4.5", "zz::1", ""])
def test_addresses_that_are_none(field: str, text: str) -> None:
    message = Ccr(
        session_id="a",
        origin_host="b",
        origin_realm="c",
        destination_realm="d",
        service_context_id="e",
        cc_request_type=CcRequestType.INITIAL,
        cc_request_number=0,
        service_information=ServiceInformation(ps_information=PsInformation(**{field: (text,)})),
    )
    for write in (in_c(Ccr), compiled(layout_of(Ccr))):
        with pytest.raises(OSError, match="illegal IP address"):
            write(message)


def test_times_that_no_era_holds() -> None:
    for at in (-(2**40), 2**40):
        unit = GrantedServiceUnit(tariff_time_change=at)
        message = cca(multiple_services_credit_control=(MultipleServicesCreditControl(granted_service_unit=unit),))
        for write in (in_c(Cca), compiled(layout_of(Cca))):
            with pytest.raises(ValueError, match="outside"):
                write(message)
