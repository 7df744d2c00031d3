"""SIGKILL under load, again and again: the client's log of answers against the store.

Nothing acknowledged is lost, nothing is charged twice, a repeated request gets the same answer, and every reservation
ends. The client counts what it was told; the store is read as any SQL tool would.
"""

import asyncio
import contextlib
import random
import sqlite3
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ocs.gy.client import GyClient
from ocs.gy.codec import decode
from ocs.gy.link import fresh_identifiers
from ocs.gy.messages import (
    Asr,
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    Raa,
    Rar,
    RequestedServiceUnit,
    ResultCode,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.gy.node import Identity
from tests.gy.serving import Raw
from tests.service.process import Served
from tests.store.postgres import Postgres

SIMS = 8
PROVISIONING = """
accounts: [{id: acme, kind: company}, {id: driver, kind: customer}]
plans:
  - {id: fleet, kind: postpaid_individual, included: 50 MB, recurring: 1.20, overage: {price: 0.02}}
  - id: wifi
    kind: prepaid_individual
    free_quota: {id: big, volume: 100 GB, valid: 28 days}
    quota: {slice: 1 MB, validity: 1 h}
    on_exhaustion: block_rg
profiles:
  - id: car
    splits:
      - {id: fleet, party: b2b, payer: acme, apn: car.acme, rating_groups: [100], plan: fleet}
      - {id: wifi, party: b2c, payer: driver, apn: car.acme, rating_groups: [200], plan: wifi}
sims:
""" + "\n".join(
    f"  - {{imsi: '00101{n:010d}', iccid: '89999010000000{n:04d}', account: acme, profile: car}}" for n in range(SIMS)
)


@dataclass
class Car:
    """One SIM's sessions, one after the other; the request on its way is repeated until it is answered."""

    number: int
    chance: random.Random
    session: int = 0
    next_number: int = 0
    left: int = 0
    waiting: tuple[Ccr, int | None] | None = None
    refused: int = 0
    """Requests that had to wait for the store to come back."""
    answers: dict[tuple[str, int], tuple[int, dict[int | None, int]]] = field(default_factory=dict)
    """Result-Code and octets reported by rating group, of every answered request."""

    def request(self) -> Ccr:
        if self.left == 0:
            self.session += 1
            self.next_number, self.left = 0, self.chance.randint(4, 12)
        self.left -= 1
        number, self.next_number = self.next_number, self.next_number + 1
        kind = (
            CcRequestType.INITIAL
            if number == 0
            else CcRequestType.TERMINATION
            if self.left == 0
            else CcRequestType.UPDATE
        )
        return Ccr(
            session_id=f"pgw.example;{self.number};{self.session}",
            origin_host="pgw.example",
            origin_realm="example",
            destination_realm="example",
            service_context_id="32251@3gpp.org",
            cc_request_type=kind,
            cc_request_number=number,
            subscription_id=(
                SubscriptionId(
                    subscription_id_type=SubscriptionIdType.END_USER_IMSI,
                    subscription_id_data=f"00101{self.number:010d}",
                ),
            ),
            multiple_services_indicator=1,
            multiple_services_credit_control=tuple(
                MultipleServicesCreditControl(
                    rating_group=rating_group,
                    requested_service_unit=None if kind is CcRequestType.TERMINATION else RequestedServiceUnit(),
                    used_service_unit=()
                    if number == 0
                    else (UsedServiceUnit(cc_total_octets=self.chance.randint(1, 1_000_000)),),
                )
                for rating_group in (100, 200)
            ),
            service_information=ServiceInformation(ps_information=PsInformation(called_station_id="car.acme")),
        )

    async def drive(self, client: GyClient, until: float) -> None:
        """Requests, one at a time, until the time is over or the connection is."""
        loop = asyncio.get_running_loop()
        while loop.time() < until or self.left or self.waiting:
            repeated = self.waiting is not None
            ccr, end_to_end = self.waiting or (self.request(), IDENTIFIERS.take())
            self.waiting = (ccr, end_to_end)
            try:
                answer = await client.request(ccr, retransmitted=repeated, end_to_end=end_to_end)
            except ConnectionError:
                return
            if answer.result_code == ResultCode.UNABLE_TO_DELIVER:
                self.refused += 1
                await asyncio.sleep(0.05)
                continue
            self.waiting = None
            used = {
                mscc.rating_group: sum(unit.cc_total_octets or 0 for unit in mscc.used_service_unit)
                for mscc in ccr.multiple_services_credit_control
            }
            self.answers[ccr.session_id, ccr.cc_request_number] = (answer.result_code, used)


def _accept(push: Rar | Asr) -> Raa:
    return Raa(session_id=push.session_id, origin_host="pgw.example", origin_realm="example", result_code=2001)


async def drive(port: int, cars: list[Car], seconds: float) -> None:
    identity = Identity(host="pgw.example", realm="example")
    client = await GyClient.connect("127.0.0.1", port, identity, on_push=_accept, identifiers=IDENTIFIERS)
    until = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(car.drive(client, until) for car in cars))
    client.abort()


IDENTIFIERS = fresh_identifiers()


def kill_again_and_again(folder: Path, url: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    (folder / "cars.yaml").write_text(PROVISIONING)
    cars = [Car(number, random.Random(seed * 1000 + number)) for number in range(SIMS)]
    words = ("--provision", "cars.yaml", "--db", url)

    async def under_load(served: Served) -> None:
        driving = asyncio.create_task(drive(served.port, cars, 60))
        await asyncio.sleep(chance.uniform(0.05, 0.4))
        served.kill()
        with contextlib.suppress(ConnectionError):  # it may not have got as far as a CEA
            await driving

    for _ in range(kills):
        with Served(folder, *words) as served:
            asyncio.run(under_load(served))
    with Served(folder, *words) as served:
        asyncio.run(drive(served.port, cars, 0))
        assert served.stop() == 0
    assert sum(car.refused for car in cars) == 0
    judge(folder, url, cars)


def connection(folder: Path, url: str) -> Any:
    """As any SQL tool has it."""
    if url.startswith("postgresql:"):
        import psycopg

        return psycopg.connect(url)
    return sqlite3.connect(folder / url.removeprefix("sqlite:///"))


def judge(folder: Path, url: str, cars: list[Car]) -> None:
    """What the client was told, against what the store holds."""
    db = connection(folder, url)
    edrs = db.execute("SELECT edr_id, session_id, cc_request_number, rating_group, units_used FROM edr").fetchall()
    lines = db.execute("SELECT transfer_id, kind, bucket_id, amount, pending_id FROM transfer").fetchall()
    rows = db.execute("SELECT request, answer FROM journal WHERE kind = 'Charge' ORDER BY sequence").fetchall()
    db.close()
    told = {
        (session_id, number, rating_group): octets
        for car in cars
        for (session_id, number), (code, used) in car.answers.items()
        for rating_group, octets in used.items()
        if number > 0
    }
    assert {code for car in cars for code, _ in car.answers.values()} == {2001}
    assert len(told) > 500
    # Every acknowledged report is recorded, once, and nothing else is.
    assert len({edr[0] for edr in edrs}) == len(edrs)
    assert {tuple(edr[1:4]): edr[4] for edr in edrs} == told
    # Every octet of the driver was debited once.
    moved: Counter[str] = Counter()
    pending: Counter[str] = Counter()  # lines come in any order: PostgreSQL fills the gaps that a kill leaves
    for transfer_id, kind, _, amount, pending_id in lines:
        moved[kind] += amount
        if kind == "pending":
            pending[transfer_id] += amount
        if pending_id is not None:
            pending[pending_id] -= amount
    assert len({line[0] for line in lines}) == len(lines)
    assert moved["posted"] == sum(octets for (_, _, rating_group), octets in told.items() if rating_group == 200)
    assert set(pending.values()) <= {0}  # every session has ended, and so has every reservation
    # A repeated request got the answer that the first one had.
    answers: dict[tuple[str, int], list[Cca]] = defaultdict(list)
    repeated = 0
    for request, answer in rows:
        ccr, cca = decode(request), decode(answer)
        assert isinstance(ccr.message, Ccr)
        assert isinstance(cca.message, Cca)
        repeated += ccr.header.retransmitted
        answers[ccr.message.session_id, ccr.message.cc_request_number].append(cca.message)
    assert all(one == several[0] for several in answers.values() for one in several)
    assert repeated > 0


def test_ten_kills_lose_nothing_and_charge_nothing_twice(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, "sqlite:///ocs.db", 10, seed=1)


def test_five_kills_with_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    kill_again_and_again(tmp_path, postgres.database().url, 5, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 22))
def test_hundreds_of_kills(tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path, "sqlite:///ocs.db", 20, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_hundreds_of_kills_with_postgresql(tmp_path: Path, postgres: Postgres, seed: int) -> None:
    kill_again_and_again(tmp_path, postgres.database().url, 20, seed)


def test_a_pulled_database_loses_nothing_and_service_resumes_by_itself(tmp_path: Path, postgres: Postgres) -> None:
    (tmp_path / "cars.yaml").write_text(PROVISIONING)
    cars = [Car(number, random.Random(number)) for number in range(SIMS)]
    url = postgres.database().url

    async def with_the_database_pulled(served: Served) -> None:
        driving = asyncio.create_task(drive(served.port, cars, 60))
        await asyncio.sleep(1.5)
        await asyncio.to_thread(postgres.pull)
        try:
            refused = sum(car.refused for car in cars)
            while sum(car.refused for car in cars) < refused + SIMS:  # answered all the while
                await asyncio.sleep(0.01)
        finally:
            await asyncio.to_thread(postgres.start)
        until = len(cars[0].answers) + 20
        while len(cars[0].answers) < until:
            await asyncio.sleep(0.01)
        served.process.terminate()
        await driving

    with Served(tmp_path, "--provision", "cars.yaml", "--db", url) as served:
        asyncio.run(with_the_database_pulled(served))
        assert served.process.wait(30) == 0
    with Served(tmp_path, "--provision", "cars.yaml", "--db", url) as served:
        asyncio.run(drive(served.port, cars, 0))
        assert served.stop() == 0
    assert sum(car.refused for car in cars) > SIMS
    judge(tmp_path, url, cars)


def test_a_database_that_never_answers_freezes_nobody_and_loses_nothing(tmp_path: Path, postgres: Postgres) -> None:
    """Every process of PostgreSQL is stopped: its sockets stay open, and the system goes on accepting for it."""
    (tmp_path / "cars.yaml").write_text(PROVISIONING)
    cars = [Car(number, random.Random(100 + number)) for number in range(SIMS)]
    url = postgres.database().url
    silences: list[float] = []

    async def watch(port: int) -> None:
        """A peer that sends watchdogs, and sees how long each answer takes."""
        raw = await Raw.opened(port, "watching.example")
        async with raw:
            while True:
                began = time.monotonic()
                assert await raw.alive()
                silences.append(time.monotonic() - began)
                await asyncio.sleep(0.1)

    async def with_the_database_frozen(served: Served) -> None:
        driving = asyncio.create_task(drive(served.port, cars, 60))
        watching = asyncio.create_task(watch(served.port))
        await asyncio.sleep(1)
        postgres.freeze()
        try:
            began = time.monotonic()
            async with asyncio.timeout(30):
                while sum(car.refused for car in cars) < 3 * SIMS:  # answered all the while
                    await asyncio.sleep(0.01)
            refused_after = time.monotonic() - began
            await asyncio.sleep(4)
        finally:
            postgres.thaw()
        until = len(cars[0].answers) + 20
        while len(cars[0].answers) < until:
            await asyncio.sleep(0.01)
        watching.cancel()
        served.process.terminate()
        await driving
        assert refused_after < 12
        assert len(silences) > 5
        assert max(silences) < 10  # 3 s for the append and 2 s to connect, where the machine has no other work

    with Served(tmp_path, "--provision", "cars.yaml", "--db", url) as served:
        asyncio.run(with_the_database_frozen(served))
        assert served.process.wait(30) == 0
        assert "no answer within 3 s" in served.log.read_text()
    with Served(tmp_path, "--provision", "cars.yaml", "--db", url) as served:
        asyncio.run(drive(served.port, cars, 0))
        assert served.stop() == 0
    judge(tmp_path, url, cars)
