"""python-diameter (import `diameter`): reads all that we send as we mean it, and runs sessions against our server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from diameter.message import Message
from diameter.message.avp import Avp
from diameter.message.avp.avp import AvpGrouped
from diameter.message.avp.grouped import (
    MultipleServicesCreditControl,
    PsInformation,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    UsedServiceUnit,
)
from diameter.message.commands import CreditControlAnswer, CreditControlRequest, ReAuthAnswer, ReAuthRequest
from diameter.node import Node
from diameter.node.application import ThreadingApplication
from hypothesis import given, settings

from ocs.gy import messages as gy
from ocs.gy.avp import Avp as OurAvp
from ocs.gy.avp import walk
from ocs.gy.codec import decode, encode
from ocs.gy.framing import HEADER_OCTETS
from tests.gy import emitted
from tests.gy.serving import Charging, Served, avps_of, serving, wired
from tests.gy.strategies import header_of, messages
from tests.gy.test_server import rar

FAILED_AVP = 279


def theirs(avps: list[Avp]) -> list[Any]:
    """Code, vendor, M bit and payload of each; a group's AVPs instead of its payload. Failed-AVP may hold anything."""
    payloads = [
        theirs(avp.value) if isinstance(avp, AvpGrouped) and avp.code != FAILED_AVP else bytes(avp.payload)
        for avp in avps
    ]
    heads = [(avp.code, avp.vendor_id or 0, bool(avp.is_mandatory)) for avp in avps]
    return list(zip(heads, payloads, strict=True))


def ours(avps: tuple[OurAvp, ...]) -> list[Any]:
    payloads = [avp.data if avp.children is None or avp.code == FAILED_AVP else ours(avp.children) for avp in avps]
    heads = [(avp.code, avp.vendor or 0, bool(avp.flags & 0x40)) for avp in avps]
    return list(zip(heads, payloads, strict=True))


def agree(octets: bytes) -> None:
    message = Message.from_bytes(octets, plain_msg=True)
    header = decode(octets).header
    assert (message.header.command_code, message.header.application_id) == (header.command_code, header.application_id)
    assert message.header.command_flags == header.flags
    assert (message.header.hop_by_hop_identifier, message.header.end_to_end_identifier) == (
        header.hop_by_hop,
        header.end_to_end,
    )
    avps, failure = walk(octets[HEADER_OCTETS:])
    assert failure is None
    assert theirs(message.avps) == ours(avps)


@pytest.mark.parametrize("name", emitted.everything())
def test_it_reads_what_we_send(name: str) -> None:
    agree(emitted.everything()[name])


@settings(max_examples=200, deadline=None)
@given(messages())
def test_it_reads_whatever_we_can_say(message: gy.Message) -> None:
    agree(encode(message, header_of(message)))


def test_it_finds_the_values_where_we_put_them() -> None:
    octets = emitted.everything()["CCA with all that it may have"]
    answer = Message.from_bytes(octets)
    assert isinstance(answer, CreditControlAnswer)
    message = decode(octets).message
    assert isinstance(message, gy.Cca)
    assert (answer.session_id, answer.result_code) == (message.session_id, message.result_code)
    assert (answer.origin_host.decode(), answer.origin_realm.decode()) == (message.origin_host, message.origin_realm)
    assert (answer.cc_request_type, answer.cc_request_number) == (message.cc_request_type, message.cc_request_number)
    assert answer.credit_control_failure_handling == message.credit_control_failure_handling
    [mscc, _] = answer.multiple_services_credit_control
    [mine, _] = message.multiple_services_credit_control
    assert mscc.granted_service_unit.cc_total_octets == mine.granted_service_unit.cc_total_octets == 2**40 + 1  # type: ignore[union-attr]
    for name in ("rating_group", "validity_time", "result_code", "volume_quota_threshold", "quota_holding_time"):
        assert getattr(mscc, name) == getattr(mine, name)
    assert mscc.final_unit_indication.final_unit_action == mine.final_unit_indication.final_unit_action  # type: ignore[union-attr]


# --- as a client ------------------------------------------------------------------------------------------------------


class Gateway(ThreadingApplication):
    """A PGW on python-diameter; blocking."""

    def __init__(self) -> None:
        super().__init__(4, is_auth_application=True)
        self.pushed: list[str] = []

    def handle_request(self, message: Message) -> Message:
        assert isinstance(message, ReAuthRequest)
        self.pushed.append(message.session_id)
        answer = self.generate_answer(message, result_code=2001)
        assert isinstance(answer, ReAuthAnswer)
        return answer

    def ask(self, number: int, kind: int, used: int | None = None, apn: str = "wifi") -> Any:
        """A CCR for rating group 200 and its answer; units are asked for unless it is a termination."""
        ccr = CreditControlRequest()
        ccr.session_id = f"pgw.example;1;{apn}"
        ccr.origin_host = b"pgw.example"
        ccr.origin_realm = ccr.destination_realm = b"example"
        ccr.auth_application_id = 4
        ccr.service_context_id = "32251@3gpp.org"
        ccr.cc_request_type, ccr.cc_request_number = kind, number
        ccr.subscription_id = [SubscriptionId(subscription_id_type=1, subscription_id_data="001010000000001")]
        mscc = MultipleServicesCreditControl(rating_group=200)
        if kind != 3:
            mscc.requested_service_unit = RequestedServiceUnit(cc_total_octets=1_000_000)
        if used is not None:
            mscc.used_service_unit = [UsedServiceUnit(cc_total_octets=used)]
        ccr.multiple_services_credit_control = [mscc]
        ccr.service_information = ServiceInformation(ps_information=PsInformation(called_station_id=apn))
        return self.send_request(ccr, timeout=5)


@contextlib.asynccontextmanager
async def gateway(served: Served, host: str = "pgw.example") -> AsyncIterator[Gateway]:
    node = Node(host, "example", vendor_ids=[10415])
    node.wakeup_interval = 1
    peer = node.add_peer(f"aaa://ocs.example:{served.server.port}", "example", ["127.0.0.1"], is_persistent=True)
    application = Gateway()
    node.add_application(application, [peer])
    await asyncio.to_thread(node.start)
    try:
        await asyncio.to_thread(application.wait_for_ready, 5)
        yield application
    finally:
        await asyncio.to_thread(node.stop, 2)


@wired
async def test_a_session_of_it_with_our_server() -> None:
    ocs = Charging()
    async with serving(decide=ocs) as served, gateway(served) as pgw:
        granted = await asyncio.to_thread(pgw.ask, 0, 1)
        assert granted.result_code == 2001
        [mscc] = granted.multiple_services_credit_control
        assert (mscc.result_code, mscc.rating_group) == (2001, 200)
        assert mscc.granted_service_unit.cc_total_octets == 1_000_000
        assert (await asyncio.to_thread(pgw.ask, 1, 2, 3_000_000)).result_code == 2001
        push = served.server.push(rar(session_id="pgw.example;1;wifi"))
        assert push is not None
        served.server.flush()
        answer = await push
        assert answer is not None
        assert (answer.result_code, pgw.pushed) == (2001, ["pgw.example;1;wifi"])
        assert (await asyncio.to_thread(pgw.ask, 2, 3, 500_000)).result_code == 2001
        assert sum(edr.octets_total or 0 for edr in ocs.edrs) == 3_500_000
        refused = await asyncio.to_thread(pgw.ask, 0, 1, None, "nowhere")
        assert refused.result_code == 4010


def test_what_it_reads_is_what_the_server_wrote() -> None:
    """Not only values: the names of the AVPs of a grant, in order."""
    octets = emitted.everything()["CCA of the engine 0"]
    names = [avp.name for avp in avps_of(octets)]
    assert names[:7] == [
        "Session-Id",
        "Result-Code",
        "Origin-Host",
        "Origin-Realm",
        "Auth-Application-Id",
        "CC-Request-Type",
        "CC-Request-Number",
    ]
    assert [avp.name for avp in Message.from_bytes(octets, plain_msg=True).avps] == names
