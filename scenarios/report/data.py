"""What the pictures show, taken from the evidence of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

from scenarios.checks.allowance import Story, stories
from scenarios.evidence import Ask, Evidence, Share, is_initial, is_last
from scenarios.report.balance import BalanceData
from scenarios.report.endings import EndingsData
from scenarios.report.splitmap import Flow, SplitMapData

BY_CAR = "the car went to rest"
BY_CODE = "4012 for the whole session"
BY_CODE_IN_MSCC = "4012 for the rating group alone"
BY_FINAL_UNITS = "final units used up"
REFUSED = "new attempt refused with 4012"
CREDIT_LIMIT_REACHED = 4012


def protagonist(evidence: Evidence) -> Story:
    """The driver whose month tells most: cut, topped up, and cut again; the first of them in order of cars."""
    told = stories(evidence)

    def returns(story: Story) -> int:
        return sum(1 for dry in story.dry if dry.end < evidence.ends)

    return max(told, key=lambda story: (min(returns(story), 3), min(len(story.cuts), 4)))


def balance_data(evidence: Evidence, story: Story) -> BalanceData:
    """One driver's balance by the ledger, over the enterprise's octets of the same car by ground truth."""
    vehicle, split_id = story.share.vehicle, story.share.split_id
    prefix = f"{evidence.sims[vehicle].imsi}/{split_id}/"
    left, balance = 0, []
    for line in evidence.transfers:
        if line.subscription_id.startswith(prefix) and line.kind in ("credit", "posted", "expired"):
            left += line.amount if line.kind == "credit" else -line.amount
            balance.append((line.at, left))
    balance.append((evidence.ends, left))
    bought = [item for item in evidence.purchases if (item.vehicle, item.split_id) == (vehicle, split_id)]
    moved, telematics = 0, [(evidence.begins, 0)]
    for share in evidence.shares.values():
        if share.vehicle == vehicle and share.party == "b2b":
            for step in evidence.steps_by_share.get((vehicle, share.split_id), []):
                moved += step.octets
                telematics.append((step.end, moved))
    telematics.append((evidence.ends, moved))
    return BalanceData(
        vehicle,
        evidence.zone,
        balance,
        story.cuts,
        [(item.at, item.bundle_id) for item in bought if item.price_micros],
        [(dry.start, dry.end) for dry in story.dry],
        telematics,
    )


def endings_data(evidence: Evidence) -> EndingsData:
    """How service ended, for each rating group of each session."""
    services: dict[tuple[str, int | None], list[Ask]] = defaultdict(list)
    for ask in evidence.asks:
        services[ask.exchange.request.session_id, ask.rating_group].append(ask)
    counts: Counter[tuple[str, str]] = Counter()
    for asks in services.values():
        owner = evidence.owner(asks[0].vehicle, asks[0].apn, asks[0].rating_group)
        for cause in _endings(asks):
            counts[cause, owner.party if owner else ""] += 1
    causes = (BY_CAR, BY_CODE, BY_CODE_IN_MSCC, BY_FINAL_UNITS, REFUSED)
    return EndingsData(
        {(cause, party): counts[cause, party] for cause in causes for party in ("b2b", "b2c")},
        frozenset({BY_CODE, BY_CODE_IN_MSCC, BY_FINAL_UNITS}),
    )


def _endings(asks: list[Ask]) -> Iterator[str]:
    """The ends of one service; in a session that stays open it can end, come back, and end again."""
    served = final = False
    for ask in asks:
        if ask.result == CREDIT_LIMIT_REACHED:
            if served:
                yield BY_CODE if ask.command_level else BY_CODE_IN_MSCC
            elif is_initial(ask):
                yield REFUSED
            served = False
        elif served and ask.reported and not ask.asked and final:
            yield BY_FINAL_UNITS
            served = False
        elif served and is_last(ask):
            yield BY_CAR
            served = False
        elif ask.granted:
            served, final = True, ask.final_unit is not None


def split_map_data(evidence: Evidence) -> SplitMapData:
    """Every way from SIMs to bills, in octets (by EDR) and in money (net, before rounding to the cent)."""
    octets: Counter[tuple[str, str]] = Counter()
    micros = _net_micros(evidence)
    for edr in evidence.edrs:
        vehicle = evidence.vehicle_of.get(edr.physical_imsi, "")
        owner = evidence.owner(vehicle, edr.apn, edr.rating_group, edr.event_time)
        if owner:
            octets[owner.vehicle, owner.split_id] += edr.octets_total
    names = _Names(evidence)
    flows: dict[tuple[str, ...], Flow] = {}
    for share in sorted(evidence.shares.values(), key=lambda share: share.party):
        key = (share.vehicle, share.split_id)
        way = names.of(share)
        so_far = flows.get(way, Flow(way, share.party, 0, 0))
        flows[way] = Flow(way, share.party, so_far.octets + octets[key], so_far.micros + micros[key])
    return SplitMapData(list(flows.values()), evidence.provisioning.operator.currency)


def _net_micros(evidence: Evidence) -> Counter[tuple[str, str]]:
    """What each (car, split id) is charged without VAT: its part of invoice lines, or its driver's purchases."""
    net: Counter[tuple[str, str]] = Counter()
    operator = evidence.provisioning.operator
    vat = Fraction(operator.vat_percent) / 100 if operator.consumer_prices_include_vat else Fraction(0)
    for item in evidence.purchases:
        net[item.vehicle, item.split_id] += int(item.price_micros / (1 + vat))
    rated = {record.edr_id: record.amount_micros for record in evidence.rated}
    for edr in evidence.edrs:
        if edr.split_id is not None:
            net[evidence.vehicle_of.get(edr.physical_imsi, ""), edr.split_id] += rated.get(edr.edr_id, 0)
    sharing: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for key, share in evidence.shares.items():
        sharing[f"{evidence.sims[share.vehicle].profile}/{share.declared}", share.plan.id].append(key)
    for document in evidence.documents:
        for line in document.applied_customer_billing_rate:
            keys = sharing[line.split.id, line.product.id]
            if line.type == "recurring":
                for key in keys:
                    net[key] += int(Fraction(line.exact_amount.value) * 1_000_000 / len(keys))
    return net


class _Names:
    """What the places of the split map are called; drivers of one group stand together."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._accounts = {account.id: account.name or account.id for account in evidence.provisioning.accounts}
        self._cars = Counter(map(_group, evidence.sims))
        self._bills = {document.customer.id: document.bill_no for document in evidence.documents}
        self._places = {
            (vehicle, split.id): f"{split.apn} / {', '.join(map(str, split.rating_groups)) or 'all others'}"
            for vehicle, _, split in evidence.splits()
        }

    def of(self, share: Share) -> tuple[str, str, str, str, str, str]:
        """The names in the order of the columns."""
        group = _group(share.vehicle)
        if share.party == "b2b":
            payer, bill = self._accounts[share.payer], f"invoice {self._bills.get(share.payer, '')}"
        else:
            payer, bill = f"drivers of {group}", f"{_many(self._cars[group], 'statement')} ({group})"
        return (
            f"{group} ({_many(self._cars[group], 'SIM')})",
            self._places[share.vehicle, share.declared],
            f"{self._evidence.sims[share.vehicle].profile}: {share.declared}",
            share.plan.name or share.plan.id,
            payer,
            bill,
        )


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _group(vehicle: str) -> str:
    return vehicle.rsplit("-", 1)[0]
