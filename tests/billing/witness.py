"""A second opinion on bills: plain Python with Decimal over the EDR and ledger CSV, sharing no code with the product.

It reads what a clerk would have: the plans as they are written in the file, who joined and left when (local time), and
the two CSV files. It knows invoices and statements to the cent, and nothing else.
"""

from __future__ import annotations

import csv
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, getcontext
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

getcontext().prec = 60
SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def octets(volume: Any) -> int:
    if isinstance(volume, int):
        return volume
    number, unit = volume.split()
    return int(Decimal(number) * SIZES[unit])


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


class Witness:
    """What one cycle of a month from the first day on ought to cost."""

    def __init__(
        self,
        folder: Path,
        year_month: str,
        plans: dict[str, dict[str, Any]],
        plan_of: dict[str, str],
        payer_of: dict[str, str],
        joined: dict[str, datetime],
        left: dict[str, datetime],
        vat: Decimal = Decimal(19),
        zone: str = "Europe/Berlin",
    ) -> None:
        """`plan_of` and `payer_of`: by split; `joined` and `left`: by IMSI, in local time."""
        self.zone = ZoneInfo(zone)
        year, month = map(int, year_month.split("-"))
        self.cycle, self.first = year_month, date(year, month, 1)
        self.days = monthrange(year, month)[1]
        self.plans, self.plan_of, self.payer_of = plans, plan_of, payer_of
        self.joined, self.left, self.vat = joined, left, vat
        with (folder / "edrs.csv").open(newline="", encoding="utf-8") as file:
            self.edrs = [row for row in csv.DictReader(file) if row["cycle_id"] == year_month]
        with (folder / "transfers.csv").open(newline="", encoding="utf-8") as file:
            self.transfers = list(csv.DictReader(file))

    def invoices(self) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        """Net, VAT and gross by payer."""
        lines: dict[str, list[Decimal]] = defaultdict(list)
        for split, plan_id in self.plan_of.items():
            plan = self.plans[plan_id]
            if not plan["kind"].startswith("postpaid"):
                continue
            members = [imsi for imsi in self.joined if self._billed_days(imsi) > 0]
            if members:
                lines[self.payer_of[split]] += self._lines(plan, split, members)
        return {payer: self._with_vat(sum(amounts, Decimal(0))) for payer, amounts in lines.items()}

    def statements(self) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        """Net, VAT and gross of what drivers bought in the cycle; prices include VAT."""
        bought: dict[str, Decimal] = defaultdict(Decimal)
        for line in self.transfers:
            if line["kind"] == "credit" and self._local(line["at"]).strftime("%Y-%m") == self.cycle:
                bought[line["account_id"]] += cents(Decimal(line["price_micros"]) / 10**6)
        found = {}
        for payer, gross in bought.items():
            tax = cents(gross * self.vat / (100 + self.vat))
            found[payer] = (gross - tax, tax, gross)
        return found

    def _with_vat(self, net: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        tax = cents(net * self.vat / 100)
        return net, tax, net + tax

    def _billed_days(self, imsi: str, prorated: bool = False) -> int:
        """Days of the cycle from joining on; where leaving prorates, to the day of leaving."""
        end = self.first + timedelta(self.days)
        since, left = max(self.first, self.joined[imsi].date()), self.left.get(imsi)
        if since >= end or (left is not None and left.replace(tzinfo=None) <= self._midnight(since, imsi)):
            return 0
        until = left.date() + timedelta(1) if prorated and left is not None and left.date() < end else end
        return (until - since).days

    def _midnight(self, since: date, imsi: str) -> datetime:
        """The moment from which a SIM counts in the cycle."""
        return max(datetime.combine(since, time()), self.joined[imsi])

    def _lines(self, plan: dict[str, Any], split: str, members: list[str]) -> Iterator[Decimal]:
        """The rounded lines of one product."""
        kind, leaving = plan["kind"], plan.get("leaving", "keeps")
        recurring, included = Decimal(str(plan["recurring"])), octets(plan["included"])
        days = {imsi: self._billed_days(imsi, leaving != "keeps") for imsi in members}
        if kind == "postpaid_fixed_pool":
            begun = max(days.values())
            yield cents(recurring * begun / self.days)
            bundles = [(members, included * begun // self.days)]
        elif leaving == "peak":
            most = self._peak(members)
            yield cents(recurring * most)
            bundles = [(members, included * most)]
        else:
            groups: dict[tuple[int, int], int] = defaultdict(int)
            for imsi in members:
                groups[days[imsi], self._billed_days(imsi)] += 1
            for (share, _), count in groups.items():
                yield cents(recurring * share / self.days * count)
            volumes = {imsi: included * days[imsi] // self.days for imsi in members}
            if kind == "postpaid_flex_pool":
                bundles = [(members, sum(volumes.values()))]
            else:
                bundles = [([imsi], volumes[imsi]) for imsi in members]
        if "stack" in plan:
            use = sum(int(row["octets_total"]) for row in self._use(split, members))
            over = max(0, use - bundles[0][1])
            blocks = -(-over // octets(plan["stack"]["volume"]))
            yield cents(Decimal(str(plan["stack"]["recurring"])) * blocks)
            return
        totals: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        for sims, volume in bundles:
            for key, amount in self._over(plan, split, sims, volume).items():
                totals[key] += amount
        for amount in totals.values():
            yield cents(amount)

    def _peak(self, members: list[str]) -> int:
        present = [
            sum(
                self.joined[imsi].date() <= day and (imsi not in self.left or day <= self.left[imsi].date())
                for imsi in members
            )
            for day in (self.first + timedelta(n) for n in range(self.days))
        ]
        return max(present)

    def _use(self, split: str, sims: list[str]) -> list[dict[str, str]]:
        rows = [row for row in self.edrs if row["split_id"] == split and row["physical_imsi"] in sims]
        return sorted(rows, key=lambda row: (row["event_time"], row["edr_id"]))

    def _over(self, plan: dict[str, Any], split: str, sims: list[str], volume: int) -> dict[tuple[int, int], Decimal]:
        """What is over the bundle, in money, by price and tier: whole blocks of cumulative use."""
        counters: dict[tuple[int, str], int] = defaultdict(int)
        left = volume
        for row in self._use(split, sims):
            number = int(row["octets_total"])
            over = number
            if row["zone"] in plan.get("included_zones", [row["zone"]]):
                over = max(0, number - left)
                left -= number - over
            scope = row["session_id"] if plan.get("rounding") == "session" else ""
            counters[self._price(plan, row), scope] += over
        base = plan["overage"]
        per, block = octets(base.get("per", "1 MB")), octets(base.get("block", "1 kB"))
        amounts: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        for (number, _), used in counters.items():
            price = base if number < 0 else plan["rates"][number]
            bounds = [(0, price["price"]), *((octets(t["above"]), t["price"]) for t in price.get("tiers", ()))]
            for tier, (above, amount) in enumerate(bounds):
                until = bounds[tier + 1][0] if tier + 1 < len(bounds) else used
                inside = max(0, min(used, until) - above)
                amounts[number, tier] += Decimal(-(-inside // block)) * block * Decimal(str(amount)) / per
        return amounts

    def _price(self, plan: dict[str, Any], row: dict[str, str]) -> int:
        """The place of the rate that holds; -1: the plan's own price."""
        for number, rate in enumerate(plan.get("rates", ())):
            if "zone" in rate and rate["zone"] != row["zone"]:
                continue
            if "from" in rate:
                clock = self._local(row["event_time"], plan["time_zone"]).strftime("%H:%M")
                inside = (
                    rate["from"] <= clock < rate["to"]
                    if rate["from"] < rate["to"]
                    else clock >= rate["from"] or clock < rate["to"]
                )
                if not inside:
                    continue
            return number
        return -1

    def _local(self, text: str, zone: str | None = None) -> datetime:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(zone) if zone else self.zone)
