"""No octet of credit appears or is lost, whatever spoilt or crossing requests come over the wire."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import msgspec
import pytest

from ocs.gy.client import GyClient
from ocs.gy.codec import decode
from ocs.gy.messages import Cca, Ccr, CcRequestType
from ocs.gy.node import Identity, Timers
from ocs.units import SECOND
from tests.gy.octets import charging, dwr, mscc, used
from tests.gy.serving import SWIFT, Charging, Raw, obliging, serving, wired

FREE_QUOTA = 10_000_000


def audit(ocs: Charging) -> None:
    """Opening + credits = used + reserved + expired + remaining, and what was used is what the records say."""
    moved = Counter[str]()
    for transfer in ocs.transfers:
        moved[transfer.kind] += transfer.amount
    direct = sum(transfer.amount for transfer in ocs.transfers if transfer.kind == "posted" and not transfer.pending_id)
    reserved = moved["pending"] - (moved["posted"] - direct) - moved["voided"]
    remaining = moved["credit"] - moved["posted"] - reserved - moved["expired"]
    assert moved["credit"] == FREE_QUOTA
    assert min(reserved, remaining) >= 0
    consumer = [edr for edr in ocs.edrs if edr.split_id == "wifi"]
    assert sum(edr.octets_debited for edr in consumer) == moved["posted"]
    assert all(edr.octets_total == edr.octets_debited + edr.octets_overrun for edr in consumer)


def conversation(source: random.Random, number: int) -> list[bytes]:
    """A session of the car's Wi-Fi or telematics, sound."""
    apn, group = source.choice((("wifi", 200), ("fleet.acme", 1)))
    session = f"pgw;1;{number}"
    messages = [charging(0, 1, mscc(group), session=session, apn=apn, hop_by_hop=1)]
    for step in range(1, source.randint(2, 4)):
        report = mscc(group, used(source.randrange(300_000)))
        messages.append(charging(step, 2, report, session=session, apn=apn, hop_by_hop=1 + step))
    return [*messages, charging(9, 3, session=session, apn=apn, hop_by_hop=9)]


async def flipped(seed: int, count: int) -> None:
    """Sends that many CCRs with one to three bits flipped; each is answered, or ends its connection."""
    source = random.Random(seed)
    ocs = Charging()
    timers = Timers(message=SECOND // 20, capabilities=SECOND, closing=SECOND // 10)
    async with (
        serving(decide=ocs, timers=timers) as served,
        await Raw.opened(served.server.port, "good.example") as good,
    ):
        bad = await Raw.opened(served.server.port)
        sent = ends = 0
        while sent < count:
            for message in conversation(source, sent):
                spoilt = bytearray(message)
                for _ in range(source.randint(1, 3)):
                    spoilt[source.randrange(len(spoilt))] ^= 1 << source.randrange(8)
                sent += 1
                try:
                    await bad.send(bytes(spoilt), dwr(hop_by_hop=0xA11CE))
                    while (await bad.receive(2)).header.hop_by_hop != 0xA11CE:
                        pass
                except (EOFError, ConnectionError):
                    ends += 1
                    await bad.close()
                    bad = await Raw.opened(served.server.port)
            ocs.now += SECOND
            audit(ocs)
            assert await good.alive()
        await bad.close()
        assert 0 < ends < sent // 10
        # A golden session, as if nothing had been.
        for message in (
            charging(0, 1, mscc(1), session="golden", apn="fleet.acme"),
            charging(1, 2, mscc(1, used(1_000)), session="golden", apn="fleet.acme"),
            charging(2, 3, mscc(1, used(10)), session="golden", apn="fleet.acme"),
        ):
            assert (await good.ask(message)).message.result_code == 2001
        audit(ocs)


@pytest.mark.parametrize("seed", range(2))
@wired
async def test_bit_flips_are_answered_or_end_the_connection_and_move_no_money(seed: int) -> None:
    await flipped(seed, 1_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_bit_flips(seed: int) -> None:
    asyncio.run(flipped(seed, 10_000))


@wired
async def test_a_hundred_clients_of_one_account() -> None:
    ocs = Charging()
    async with serving(decide=ocs, timers=SWIFT) as served:

        async def client(number: int) -> None:
            source = random.Random(number)
            identity = Identity(host=f"pgw{number}.example", realm="example")
            gy = await GyClient.connect("127.0.0.1", served.server.port, identity, on_push=obliging)
            for message in conversation(source, number):
                ccr = decode(message).message
                assert isinstance(ccr, Ccr)
                ccr = msgspec.structs.replace(ccr, origin_host=identity.host)
                answer = await gy.request(ccr, retransmitted=source.random() < 0.1)
                assert isinstance(answer, Cca)
                if source.random() < 0.2:
                    assert (await gy.request(ccr, retransmitted=True)) == answer
                audit(ocs)
                if answer.result_code != 2001 and ccr.cc_request_type is CcRequestType.INITIAL:
                    break
            await gy.close()

        await asyncio.gather(*[client(number) for number in range(100)])
        audit(ocs)
        assert len({ccr.session_id for ccr in served.requests}) == 100
        assert sum(edr.octets_total for edr in ocs.edrs) > 5_000_000


def test_the_auditor_finds_what_is_wrong() -> None:
    ocs = Charging()
    for message in (charging(0, 1, mscc(200)), charging(1, 2, mscc(200, used(1_000_000)))):
        ccr = decode(message).message
        assert isinstance(ccr, Ccr)
        ocs.charge(ccr)
    audit(ocs)
    posted = next(transfer for transfer in ocs.transfers if transfer.kind == "posted")
    ocs.transfers.append(posted)
    with pytest.raises(AssertionError):
        audit(ocs)
