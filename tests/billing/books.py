"""Records for tests of billing, written as charging would write them: reports of use, purchases, ends of validity."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ocs.billing.books import Books as Records
from ocs.billing.close import CycleClose, close_cycle
from ocs.inventory.identifiers import complete_iccid
from ocs.inventory.lifecycle import SimState, Status
from ocs.inventory.provisioning import Provisioning, Sim
from ocs.inventory.register import Register
from ocs.inventory.subscribers import Inventory, Terms, Why
from ocs.rating.cycle import cycle_named, cycle_of
from ocs.records.edr import BucketPart, Edr, Transfer
from ocs.units import instant

FLEET = {
    "id": "fleet",
    "name": "Fleet 50",
    "kind": "postpaid_individual",
    "included": "50 MB",
    "recurring": "1.20",
    "overage": {"price": "0.02", "per": "1 MB", "block": "1 kB"},
}
WIFI = {
    "id": "wifi",
    "name": "Wi-Fi",
    "kind": "prepaid_individual",
    "free_quota": {"id": "trial", "volume": "10 MB", "valid": "28 days"},
    "bundles": [
        {"id": "1gb", "volume": "1 GB", "valid": "28 days", "price": "7.00"},
        {"id": "day", "volume": "200 MB", "valid": "24 h", "price": "1.99"},
    ],
}
CAR = {
    "id": "car",
    "splits": [
        {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "fleet.acme", "plan": "fleet"},
        {"id": "insurer", "party": "b2b", "payer": "safe", "apn": "box.safe", "plan": "fleet"},
        {"id": "wifi", "party": "b2c", "apn": "wifi", "rating_groups": [200], "plan": "wifi"},
    ],
}
RATING_GROUPS = {"fleet": 100, "insurer": 300, "wifi": 200, "sim": 1}
SUBSET = {"car": ("fleet", "insurer", "wifi"), "simple": ("fleet", "wifi")}


class Books:
    """An OCS's records so far. SIMs are called by number, instants written as local time of the operator."""

    def __init__(
        self,
        *,
        plans: dict[str, dict[str, Any]] | None = None,
        operator: dict[str, Any] | None = None,
        profile: str = "simple",
        accounts: list[dict[str, Any]] | None = None,
        splits: dict[str, dict[str, Any]] | None = None,
        payers: dict[int, str] | None = None,
    ) -> None:
        self.plans = {"fleet": FLEET, "wifi": WIFI}
        for name, changes in (plans or {}).items():
            merged = self.plans.get(name, {}) | changes
            self.plans[name] = {field: value for field, value in merged.items() if value is not None}
        self.operator = operator or {}
        self.profile = profile
        self.accounts = accounts or []
        self.splits = splits or {}
        self.joined: dict[str, int] = {}
        self.edrs: list[Edr] = []
        self.transfers: list[Transfer] = []
        self.left: dict[str, int] = {}
        self.late: set[str] = set()
        """EDRs that came when their cycle was closed."""
        self.drivers: dict[int, list[str]] = {}
        """Who drives each SIM's car, one after the other."""
        self.payers = payers or {}
        self.states: dict[int, dict[str, Any]] = {}
        """What differs of a SIM when it is provisioned."""
        self.moves: list[tuple[int, int, str | None, str]] = []
        """Instant, SIM, split (None: the SIM itself), status."""

    @property
    def provisioning(self) -> Provisioning:
        """Everything sold and everybody who has it."""
        splits = [split | self.splits.get(split["id"], {}) for split in CAR["splits"]]
        splits = [split for split in splits if split["id"] in SUBSET[self.profile]]
        return Provisioning.model_validate(
            {
                "operator": self.operator,
                "accounts": [
                    {"id": "acme", "kind": "company", "name": "ACME Cars"},
                    {"id": "safe", "kind": "company", "name": "Safe Insurance", "address": ["2 Low Road", "Leeds"]},
                    *({"id": f"d{int(imsi[-5:])}", "kind": "customer"} for imsi in self.joined),
                    *self.accounts,
                ],
                "plans": list(self.plans.values()),
                "profiles": [{"id": "car", "splits": splits}],
                "sims": [self._sim(imsi) for imsi in self.joined],
            }
        )

    def at(self, moment: str | int) -> int:
        """The instant of a local time such as `2026-04-11 08:00`."""
        if isinstance(moment, int):
            return moment
        zone = ZoneInfo(self.operator.get("time_zone", "Europe/Berlin"))
        return instant(datetime.fromisoformat(moment).replace(tzinfo=zone))

    def join(self, number: int, moment: str | int) -> None:
        """Provision SIM `number`; its driver gets the free quota, if the plan has one."""
        self.joined[imsi_of(number)] = self.at(moment)
        self.drivers[number] = [self.payers.get(number, f"d{number}")]
        free = self.plans["wifi"].get("free_quota")
        if free is not None:
            self._credit(number, "trial", moment, "free_quota")

    def sell(self, number: int, driver: str, moment: str | int) -> None:
        """SIM `number` gets another driver, who gets another virtual SIM."""
        self.move(number, "wifi", f"payer {driver}", moment)
        self.drivers[number].append(driver)
        if self.plans["wifi"].get("free_quota") is not None:
            self._credit(number, "trial", moment, "free_quota")

    def move(self, number: int, split: str | None, status: str, moment: str | int) -> None:
        """Put SIM `number`, or one of its splits, into another status."""
        self.moves.append((self.at(moment), number, split, status))

    @property
    def register(self) -> Inventory:
        """Prices and payers, without SIMs."""
        inventory = Inventory()
        inventory.add(self.provisioning.model_copy(update={"sims": ()}), 0)
        return inventory

    @property
    def records(self) -> Records:
        """All that billing reads."""
        provisioning = self.provisioning
        inventory = Inventory(why=Why("clerk", "example", "r"))
        steps: list[tuple[int, int, str | None, str]] = [
            *((at, int(imsi[-5:]), None, "join") for imsi, at in self.joined.items()),
            *self.moves,
        ]
        for at, number, split, status in sorted(steps, key=lambda step: step[0]):
            imsi = imsi_of(number)
            if status == "join":
                sims = tuple(sim for sim in provisioning.sims if sim.imsi == imsi)
                inventory.add(provisioning.model_copy(update={"sims": sims}), at)
            elif status.startswith("payer "):
                sim = inventory.by_imsi[imsi].as_provisioned()
                sold = sim.model_copy(update={"payers": {**sim.payers, split: status.removeprefix("payer ")}})
                inventory.rearrange(inventory.by_imsi[imsi], sold, at)
            elif status.startswith("plan "):
                subscription = inventory.by_imsi[imsi].subscriptions[str(split)]
                plan = inventory.plans[status.removeprefix("plan ")]
                inventory.set_terms(subscription, Terms(subscription.profile, subscription.split, plan), at)
            elif status == "profile none":
                sim = inventory.by_imsi[imsi].as_provisioned()
                bare = sim.model_copy(update={"profile": None, "payers": {}, "plans": {}})
                inventory.rearrange(inventory.by_imsi[imsi], bare, at)
            elif split is None:
                subscriber = inventory.by_imsi[imsi]
                inventory.move_sim(subscriber, subscriber.returns_to if status == "resumed" else SimState(status), at)
            else:
                inventory.set_status(inventory.by_imsi[imsi].subscriptions[split], Status(status), at)
        register = Register.of([provisioning])
        late = tuple(edr for edr in self.edrs if edr.edr_id in self.late)
        edrs = tuple(edr for edr in self.edrs if edr.edr_id not in self.late)
        return Records(register, tuple(inventory.noted), edrs, tuple(self.transfers), late)

    def buy(self, number: int, bundle: str, moment: str | int) -> None:
        """The driver of SIM `number` buys."""
        self._credit(number, bundle, moment, f"top-up-{len(self.transfers)}")

    def use(
        self,
        number: int,
        split: str,
        octets: int,
        moment: str | int,
        *,
        session: int = 1,
        received: str | int | None = None,
        zone: str = "home",
        nth: int | None = None,
        late: bool = False,
        cost: int | None = None,
        overrun: int = 0,
    ) -> Edr:
        """SIM `number` reports octets; the driver's come out of the buckets in order, the rest is overrun.

        `cost`: of a driver with a wallet, in micros; `overrun`: octets that it does not cover.
        """
        imsi, at = imsi_of(number), self.at(moment)
        nth = (nth or len(self.drivers[number])) if split == "wifi" else 1
        subscription = f"{imsi}/{split}/{nth}"
        session_id = f"pgw;{imsi};{split};{session}"
        edr_id = f"{session_id}/{len(self.edrs)}/{RATING_GROUPS[split]}/1"
        paid = []
        due = octets if cost is None else cost
        for bucket, left in self.left.items():
            if split == "wifi" and due and left and bucket.startswith(f"{subscription}/"):
                part = min(left, due)
                due -= part
                self.left[bucket] -= part
                paid.append(BucketPart(bucket, part))
                received_at = at if received is None else self.at(received)
                self._move("posted", number, bucket, part, received_at, edr_id, f"{edr_id}/{bucket}/posted")
        prepaid = split == "wifi"
        payer = {"fleet": "acme", "insurer": "safe", "wifi": self.drivers[number][nth - 1], "sim": "acme"}[split]
        if late:
            self.late.add(edr_id)
        return self._report(
            edr_id=edr_id,
            session_id=session_id,
            number=number,
            at=at,
            account_id=payer,
            profile_id="car" if split != "sim" else None,
            split_id=split,
            party="b2c" if prepaid else "b2b",
            apn={"fleet": "fleet.acme", "insurer": "box.safe", "wifi": "wifi", "sim": "any"}[split],
            rating_group=RATING_GROUPS[split],
            units_used=octets,
            octets_total=octets,
            octets_debited=octets - (due if cost is None else overrun) if prepaid else 0,
            octets_overrun=(due if cost is None else overrun) if prepaid else 0,
            unit_price_micros=None if cost is None else 1_000,
            bucket_parts=tuple(paid),
            plan_id="wifi" if prepaid else "fleet",
            subscription_id=subscription,
            zone=zone,
            amount_micros=(cost or 0) if prepaid else None,
        )

    def event(
        self, number: int, unit_type: str, amount: int, micros: int, moment: str | int, *, late: bool = False
    ) -> Edr:
        """SIM `number` itself sends messages (`units`) or talks (`seconds`), priced at once."""
        edr_id = f"smsc;{imsi_of(number)}/{len(self.edrs)}//1"
        if late:
            self.late.add(edr_id)
        return self._report(
            edr_id=edr_id,
            session_id=edr_id,
            number=number,
            at=self.at(moment),
            account_id="acme",
            split_id="sim",
            party="b2b",
            unit_type=unit_type,
            units_used=amount,
            plan_id="fleet",
            subscription_id=f"{imsi_of(number)}/sim/1",
            amount_micros=micros,
        )

    def refund(self, number: int, octets: int, moment: str | int) -> Edr:
        """The driver of SIM `number` gets octets back, in a bucket of their own."""
        edr = self._report(
            edr_id=f"care;{imsi_of(number)}/{len(self.edrs)}/200/1",
            session_id="care",
            number=number,
            at=self.at(moment),
            account_id=self.drivers[number][-1],
            profile_id="car",
            split_id="wifi",
            party="b2c",
            apn="wifi",
            rating_group=200,
            units_used=-octets,
            octets_total=-octets,
            octets_debited=-octets,
            plan_id="wifi",
            subscription_id=f"{imsi_of(number)}/wifi/{len(self.drivers[number])}",
            amount_micros=0,
        )
        self._open(number, "refund", octets, moment, edr.edr_id, 0)
        return edr

    def stranger(self, octets: int, moment: str | int) -> Edr:
        """A report of a session that nobody opened."""
        edr_id = f"pgw;?/{len(self.edrs)}/200/1"
        return self._report(
            edr_id=edr_id, session_id="pgw;?", number=None, at=self.at(moment), account_id="", flags="unattributed",
            apn="wifi", rating_group=200, units_used=octets, octets_total=octets,
        )  # fmt: skip

    def _report(self, number: int | None, at: int, **fields: Any) -> Edr:
        zone, day = self.operator.get("time_zone", "Europe/Berlin"), self.operator.get("cycle_day", 1)
        imsi = imsi_of(number) if number is not None else ""
        common: dict[str, Any] = dict.fromkeys(Edr.__struct_fields__)
        common |= {
            "cc_request_number": len(self.edrs),
            "record_type": "interim",
            "flags": "",
            "event_time": at,
            "usage_start": at,
            "usage_end": at,
            "physical_imsi": imsi,
            "physical_iccid": iccid_of(number) if number is not None else "",
            "rating_imsi": imsi,
            "customer_id": "acme",
            "apn": "",
            "service_context": "32251@3gpp.org",
            "unit_type": "octets",
            "octets_up": 0,
            "octets_down": 0,
            "octets_total": 0,
            "octets_debited": 0,
            "octets_overrun": 0,
            "bucket_parts": (),
            "zone": "home",
            "origin_host": "pgw",
            "currency": "EUR",
            "result_code": 2001,
            "cycle_id": cycle_of(at, zone, day).id,
        }
        edr = Edr(**(common | fields))
        self.edrs.append(edr)
        return edr

    def expire(self, number: int, bundle: str, moment: str | int) -> None:
        """The validity of the driver's `bundle` is over."""
        for bucket in [b for b in self.left if f"/{bundle}/" in b and b.startswith(f"{imsi_of(number)}/wifi/")]:
            self._move("expired", number, bucket, self.left[bucket], self.at(moment), "end", f"{bucket}/expired")
            self.left[bucket] = 0

    def reserve(self, number: int, octets: int, moment: str | int) -> None:
        """A session of the driver holds octets of the first bucket that has them, and does not report."""
        bucket = next(b for b, left in self.left.items() if left >= octets and b.startswith(imsi_of(number)))
        self._move("pending", number, bucket, octets, self.at(moment), "grant", f"{bucket}/pending")

    def close(self, cycle_id: str = "2026-04") -> CycleClose:
        """Close a cycle on these records."""
        zone, day = self.operator.get("time_zone", "Europe/Berlin"), self.operator.get("cycle_day", 1)
        cycle = cycle_named(cycle_id, zone, day)
        return close_cycle(cycle, self.records)

    def _sim(self, imsi: str) -> Sim:
        number = int(imsi[-5:])
        payers = {"wifi": self.drivers[number][0]}
        fields = {"profile": "car", "payers": payers} | self.states.get(number, {})
        return Sim.model_validate({"imsi": imsi, "iccid": iccid_of(number), "account": "acme", **fields})

    def _credit(self, number: int, bundle_id: str, moment: str | int, cause: str) -> None:
        plan = self.provisioning.plans[1]
        bundle = next(b for b in (plan.free_quota, *plan.bundles) if b is not None and b.id == bundle_id)
        driver = self.drivers[number][-1]
        price = self.register.price_micros(driver, plan, bundle) if cause != "free_quota" else 0
        self._open(number, bundle_id, bundle.units, moment, cause, price)

    def _open(self, number: int, bundle_id: str, octets: int, moment: str | int, cause: str, price: int) -> None:
        subscription = f"{imsi_of(number)}/wifi/{len(self.drivers[number])}"
        owned = sum(bucket.startswith(f"{subscription}/") for bucket in self.left)
        bucket = f"{subscription}/{bundle_id}/{owned + 1}"
        self.left[bucket] = octets
        self._move("credit", number, bucket, octets, self.at(moment), cause, f"{bucket}/credit", price)

    def _move(
        self, kind: str, number: int, bucket: str, amount: int, at: int, cause: str, transfer_id: str, price: int = 0
    ) -> None:
        subscription = "/".join(bucket.split("/")[:3])
        driver = self.drivers[number][int(subscription[-1]) - 1]
        self.transfers.append(Transfer(transfer_id, kind, bucket, subscription, driver, amount, at, cause, None, price))


def imsi_of(number: int) -> str:
    """SIM 1 is 001010000000001."""
    return f"0010100000{number:05}"


def iccid_of(number: int) -> str:
    """SIM 1 is 8999990100000000013."""
    return complete_iccid(f"89999901000{number:07}")
