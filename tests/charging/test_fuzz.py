"""Spoilt requests, as octets: whatever can still be read is answered, what cannot reaches no account, nothing is left.

Sound conversations of two SIMs have bits flipped, lengths changed, AVPs cut out, doubled and torn off. Each is decoded
and, if it is a CCR still, charged. A million of them stand behind the marker `soak`.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ocs.charging.commands import Charge, Expire, Outcome, Provision
from ocs.charging.engine import Engine
from ocs.gy.codec import decode, encode
from ocs.gy.framing import request_header
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    RequestedAction,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    TariffChangeUsage,
    UsedServiceUnit,
)
from ocs.units import DAY, SECOND
from tests.charging.player import START, world
from tests.gy import captures

WORLD = world("full_car")
IMSIS = [sim.imsi for sim in WORLD.sims]
PLACES = (("car", (100, 200, 201, 300)), ("fleet.acme", (1, None)), ("internet", (7, None)))
CONTEXTS = {"sms": "32274@3gpp.org", "voice": "32260@3gpp.org"}
OF_NO_SERVICE = {5005, 5012, 5030, 5031}
"""Refusals of a request as a whole, before any of its services is looked at."""


def conversation(source: random.Random, number: int) -> list[bytes]:
    """A session from its CCR-I to its CCR-T, or an event: sound."""
    place = source.choice((*PLACES, *PLACES, ("sms", (None,)), ("voice", (None,))))
    event = place[0] == "sms"
    steps = 1 if event else source.randint(2, 5)
    messages = []
    for step in range(steps):
        last = step == steps - 1
        kind = CcRequestType.INITIAL if step == 0 else CcRequestType.TERMINATION if last else CcRequestType.UPDATE
        groups = source.sample(place[1], source.randint(1, len(place[1])))
        ccr = Ccr(
            session_id=f"pgw.example;{number}",
            origin_host="pgw.example",
            origin_realm="example",
            destination_realm="example",
            service_context_id=CONTEXTS.get(place[0], "32251@3gpp.org"),
            cc_request_type=CcRequestType.EVENT if event else kind,
            cc_request_number=step,
            event_timestamp=START // SECOND,
            subscription_id=(
                SubscriptionId(
                    subscription_id_type=SubscriptionIdType.END_USER_IMSI, subscription_id_data=source.choice(IMSIS)
                ),
            ),
            requested_action=source.choice(list(RequestedAction)) if event else None,
            multiple_services_credit_control=tuple(service(source, group, step, last) for group in groups),
            service_information=ServiceInformation(
                ps_information=PsInformation(called_station_id=place[0], nsapi=bytes([source.randrange(4)]))
            ),
        )
        messages.append(encode(ccr, request_header(Ccr, number, step)))
    return messages


def service(source: random.Random, group: int | None, step: int, last: bool) -> MultipleServicesCreditControl:
    used: tuple[UsedServiceUnit, ...] = ()
    if step:
        change = source.choice((None, None, *TariffChangeUsage))
        used = (
            UsedServiceUnit(
                cc_total_octets=source.randrange(3_000_000), cc_time=source.randrange(99), tariff_change_usage=change
            ),
            UsedServiceUnit(cc_input_octets=source.randrange(9_000), cc_output_octets=source.randrange(9_000)),
        )[: source.randint(1, 2)]
    ask = None if last else RequestedServiceUnit(cc_total_octets=source.choice((None, 100_000)))
    return MultipleServicesCreditControl(rating_group=group, used_service_unit=used, requested_service_unit=ask)


class Books:
    """What the ledger says of every bucket."""

    def __init__(self) -> None:
        self.buckets: dict[str, Counter[str]] = {}

    def take(self, outcome: Outcome) -> None:
        touched = set()
        for line in outcome.transfers:
            book = self.buckets.setdefault(line.bucket_id, Counter())
            book[line.kind] += line.amount
            book["settled"] += line.amount if line.pending_id is not None else 0
            touched.add(line.bucket_id)
        for name in touched:
            assert min(self.reserved(name), self.left(name)) >= 0, name

    def reserved(self, name: str) -> int:
        return self.buckets[name]["pending"] - self.buckets[name]["settled"]

    def left(self, name: str) -> int:
        book = self.buckets[name]
        return book["credit"] - book["posted"] - book["expired"] - self.reserved(name)


def spoil(seed: int, count: int) -> Counter[str]:
    """Charge that many spoilt requests, and say what became of them."""
    source, engine, books = random.Random(seed), Engine("ocs.example", "example"), Books()
    books.take(engine.apply(Provision(WORLD, "world"), START))
    now, number, seen = START, 0, Counter[str]()
    while seen.total() < count:
        number += 1
        for sound in conversation(source, number):
            now += source.randrange(40) * SECOND
            books.take(engine.apply(Expire(), now))
            # Some come as they are, so that there is something to spoil.
            octets = sound if source.random() < 0.3 else captures.spoilt(source, sound)
            decoded = decode(octets)
            if not isinstance(decoded.message, Ccr):
                seen["not read"] += 1
                continue
            outcome = engine.apply(Charge(decoded.message, decoded.header.retransmitted), now)
            books.take(outcome)
            answer = outcome.answer
            assert isinstance(answer, Cca)
            assert decode(encode(answer, decoded.header.answer())).message == answer
            if answer.result_code in OF_NO_SERVICE and not outcome.edrs:
                assert outcome.transfers == []
            for edr in outcome.edrs:
                assert edr.octets_debited + edr.octets_overrun in (0, edr.octets_total)
            seen[str(answer.result_code)] += 1
    books.take(engine.apply(Expire(), now + 90 * DAY))
    assert not any(books.reserved(name) for name in books.buckets)
    assert engine.state.sessions == {}
    assert engine.state.bearers == {}
    assert not any(credit.services or credit.waiting for credit in engine.state.credits.values())
    assert len(engine.state.deadlines) <= len(engine.state.credits)
    return seen


@pytest.mark.parametrize("seed", range(2))
def test_spoilt_requests_are_answered_and_leave_nothing(seed: int) -> None:
    seen = spoil(seed, 600)
    assert {"2001", "5002", "not read"} <= set(seen)
    assert seen["2001"] > 60


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_million_spoilt_requests(seed: int) -> None:
    assert spoil(seed, 50_000).total() >= 50_000
