"""A month of records for `splitsim bench bill`: cars with two payers each, as an OCS and its files would have them.

Companies have a thousand SIMs; of three companies one has an Individual plan with a single price, one with prices by
zone and time of day, one a Flex Pool. Every car has a driver with an allowance. Needs the extra `report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from ocs.catalogue.plans import Plan, PostpaidFlexPool, PostpaidIndividual, PrepaidIndividual
from ocs.catalogue.profiles import Profile, Split
from ocs.inventory.accounts import Account
from ocs.inventory.history import Change
from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.inventory.register import Register
from ocs.inventory.subscribers import Inventory
from ocs.rating.cycle import cycle_named
from ocs.records.columns import Column, Kind, columns
from ocs.records.edr import Edr, Transfer
from ocs.units import DAY

CYCLE: Final = cycle_named("2026-04", "Europe/Berlin", 1)
EDRS_A_SIM: Final = 100
_FLEET_OF_FIVE: Final = 3
"""Of five EDRs of a SIM, three are the company's and two the driver's."""
_SLICE: Final = 1_500_000
_PRICE: Final = {"price": "0.02", "per": "1 MB", "block": "1 kB"}
_ZONES: Final = {"home": ("00101",), "eu": ("262",)}
_NIGHT: Final = {"from": "22:00", "to": "06:00", "price": "0.01"}
_ABROAD: Final = {"zone": "eu", "price": "0.10", "tiers": [{"above": "2 MB", "price": "0.05"}]}
_SHARED: Final = {"version": 1, "zones": _ZONES, "included": "50 MB", "recurring": "1.20", "overage": _PRICE}
_PLANS: Final[tuple[Plan, ...]] = (
    PostpaidIndividual.model_validate({"id": "one-price", "kind": "postpaid_individual", **_SHARED}),
    PostpaidIndividual.model_validate(
        {
            "id": "by-time",
            "kind": "postpaid_individual",
            **_SHARED,
            "time_zone": "Europe/Berlin",
            "rates": [_ABROAD, _NIGHT],
        }
    ),
    PostpaidFlexPool.model_validate({"id": "pool", "kind": "postpaid_flex_pool", **_SHARED}),
    PrepaidIndividual.model_validate(
        {
            "id": "wifi",
            "kind": "prepaid_individual",
            "zones": _ZONES,
            "free_quota": {"id": "trial", "volume": "100 MB", "valid": "60 days"},
        }
    ),
)
_ADDRESS: Final = ("1 Long Road", "10115 Berlin")


@dataclass(frozen=True)
class Month:
    """The files of a month: Parquet as `ocs.records.parquet` writes it; history as a store keeps it, one to a line."""

    sims: int
    folder: Path
    company: int = 1_000
    """SIMs of a company."""

    @property
    def edrs(self) -> Path:
        """A hundred for each SIM."""
        return self.folder / "edrs.parquet"

    @property
    def transfers(self) -> Path:
        """A free quota for each driver; a reservation and a posting for each of their EDRs."""
        return self.folder / "transfers.parquet"

    @property
    def changes(self) -> Path:
        """Each SIM, and each of its subscriptions, once."""
        return self.folder / "changes.jsonl"

    def write(self) -> None:
        """Make all files."""
        inventory = Inventory()
        for sold in self.sold():
            inventory.add(sold, CYCLE.start - DAY)
        with self.changes.open("wb") as file:
            file.writelines(msgspec.json.encode(msgspec.structs.astuple(change)) + b"\n" for change in inventory.noted)
        _write(self, inventory.noted)

    def sold(self) -> Iterator[Provisioning]:
        """Everything sold, and everybody who has it: a provisioning for each company."""
        return _provisionings(self.sims, self.company)

    def register(self) -> Register:
        """What was sold to whom."""
        return Register.of(sold.model_copy(update={"sims": ()}) for sold in self.sold())

    def history(self) -> Iterator[Change]:
        """The history as the file has it."""
        with self.changes.open("rb") as file:
            for line in file:
                yield Change(*msgspec.json.decode(line))


def _provisionings(sims: int, size: int) -> Iterator[Provisioning]:
    """One for each company."""
    for number, first in enumerate(range(0, sims, size)):
        mine, plan = range(first, min(sims, first + size)), _PLANS[number % 3]
        company = f"company-{number:04}"
        splits = (
            Split(id="fleet", party="b2b", payer=company, apn="fleet", plan=plan.id),
            Split(id="wifi", party="b2c", apn="wifi", plan="wifi"),
        )
        yield Provisioning(
            accounts=(
                Account(id=company, kind="company", name=f"Company {number}", address=_ADDRESS),
                *(Account(id=_driver(n), kind="customer", name=f"Driver {n}", address=_ADDRESS) for n in mine),
            ),
            plans=(plan, _PLANS[3]),
            profiles=(Profile(id=f"car-{number}", splits=splits),),
            sims=tuple(
                Sim(
                    imsi=f"00101{n:010d}",
                    iccid=complete_iccid(f"8999901{n:011d}"),
                    account=company,
                    profile=f"car-{number}",
                    payers={"wifi": _driver(n)},
                )
                for n in mine
            ),
        )


def _driver(number: int) -> str:
    return f"driver-{number:06}"


def _write(month: Month, history: Iterable[Change]) -> None:
    """The Parquet files, by SQL: rows come in the order of time, SIMs in turn."""
    import duckdb
    import pyarrow as pa

    names = "imsi iccid subscription_id account_id customer_id profile_id split_id party plan_id mpc_imsi mpc_iccid"
    held = [change for change in history if change.subscription_id is not None and change.profile_id is not None]
    table = pa.table({name: [getattr(change, name) for change in held] for name in names.split()})
    with duckdb.connect() as db:
        db.execute("SET preserve_insertion_order = true")
        db.register("given", table)
        db.execute("CREATE TABLE held AS SELECT *, imsi[6:]::BIGINT AS sim FROM given")
        step = (CYCLE.end - CYCLE.start) // (month.sims * EDRS_A_SIM)
        db.execute(
            f"""CREATE VIEW use AS SELECT h.*, sim, turn, event_time,
                CASE WHEN h.party = 'b2b' THEN 200000 + hash(line) % 2000000 ELSE {_SLICE} END::BIGINT AS octets,
                CASE WHEN hash(line) % 10 = 0 THEN 'eu' ELSE 'home' END AS zone,
                'pgw.example;' || h.imsi || ';' || h.split_id || ';' || turn // 10 AS session_id
            FROM (
                SELECT line, line // {month.sims} AS turn, line * 7919 % {month.sims} AS sim,
                    {CYCLE.start} + line * {step} AS event_time,
                    CASE WHEN line // {month.sims} % 5 < {_FLEET_OF_FIVE} THEN 'b2b' ELSE 'b2c' END AS party
                FROM range({month.sims * EDRS_A_SIM}) AS lines(line)
            ) JOIN held AS h USING (sim, party)"""
        )
        edr_id = "session_id || '/' || turn || '/100/1'"
        bucket = "subscription_id || '/trial/1'"
        parts = f"CASE WHEN party = 'b2b' THEN [] ELSE [{{'bucket_id': {bucket}, 'amount': octets}}] END"
        written = {
            "edr_id": edr_id,
            "cc_request_number": "turn",
            "record_type": "'interim'",
            "flags": "''",
            "usage_start": "event_time",
            "usage_end": "event_time",
            "physical_imsi": "imsi",
            "physical_iccid": "iccid",
            "rating_imsi": "CASE WHEN party = 'b2b' THEN imsi ELSE mpc_imsi END",
            "profile_version": "1",
            "apn": "split_id",
            "rating_group": "100",
            "service_context": "'32251@3gpp.org'",
            "unit_type": "'octets'",
            "units_used": "octets",
            "octets_up": "octets // 5",
            "octets_down": "octets - octets // 5",
            "octets_total": "octets",
            "octets_debited": "CASE WHEN party = 'b2b' THEN 0 ELSE octets END",
            "octets_overrun": "0",
            "bucket_parts": parts,
            "granted": "octets",
            "plan_version": "1",
            "serving_plmn": "'00101'",
            "rat_type": "6",
            "charging_id": "sim",
            "ggsn_address": "'192.0.2.4'",
            "origin_host": "'pgw.example'",
            "currency": "'EUR'",
            "result_code": "2001",
            "cycle_id": f"'{CYCLE.id}'",
        }
        own = ("session_id", "event_time", "mpc_imsi", "mpc_iccid", "account_id", "customer_id", "profile_id")
        written |= {name: name for name in (*own, "split_id", "party", "plan_id", "subscription_id", "zone")}
        _copy(db, month.edrs, columns(Edr), written, "SELECT {} FROM use")
        line = {name: f'"{name}"' for name in ("transfer_id", "kind", "amount", "at", "cause", "pending_id")}
        line |= {"bucket_id": bucket, "subscription_id": "subscription_id", "account_id": "account_id"}
        line |= {"price_micros": "0"}
        moved = f"""SELECT {{}} FROM (
            SELECT *, 'credit' AS kind, 100000000 AS amount, {CYCLE.start} - {DAY} AS "at",
                'free_quota' AS cause, NULL AS pending_id, {bucket} || '/credit' AS transfer_id
            FROM held WHERE party = 'b2c'
            UNION ALL BY NAME
            SELECT *, 'pending' AS kind, octets AS amount, event_time - 60000000 AS "at", 'grant' AS cause,
                NULL AS pending_id, {edr_id} || '/pending' AS transfer_id FROM use WHERE party = 'b2c'
            UNION ALL BY NAME
            SELECT *, 'posted' AS kind, octets AS amount, event_time AS "at", {edr_id} AS cause,
                {edr_id} || '/pending' AS pending_id, {edr_id} || '/posted' AS transfer_id
            FROM use WHERE party = 'b2c'
        )"""
        _copy(db, month.transfers, columns(Transfer), line, moved)


def _copy(db: Any, path: Path, layout: tuple[Column, ...], written: dict[str, str], query: str) -> None:
    cells = []
    for column in layout:
        value = written.get(column.name, "NULL")
        if column.kind is Kind.PARTS:
            cast = f"({value})::STRUCT(bucket_id VARCHAR, amount BIGINT)[]"
        elif column.kind is Kind.INSTANT:
            cast = f"make_timestamp(({value})::BIGINT)"
        else:
            cast = f"({value})::{'BIGINT' if column.kind is Kind.COUNT else 'VARCHAR'}"
        cells.append(f'{cast} AS "{column.name}"')
    db.execute(f"COPY ({query.format(', '.join(cells))}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
