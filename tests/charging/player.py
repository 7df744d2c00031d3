"""One worked case on its way: words to commands, an engine, and the balances that its ledger lines tell."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ocs.charging.commands import (
    ChangePlan,
    ChangeProfile,
    Charge,
    Expire,
    Outcome,
    Provision,
    PushAnswered,
    Receipt,
    SetStatus,
    TopUp,
)
from ocs.charging.engine import Engine
from ocs.files import read_yaml
from ocs.gy.messages import (
    CcMoney,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    ReportingReason,
    RequestedAction,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    TariffChangeUsage,
    UnitValue,
    UsedServiceUnit,
)
from ocs.inventory.provisioning import Provisioning, checked
from ocs.records.edr import Transfer
from ocs.units import SECOND, instant, utc

HERE = Path(__file__).parent
START = instant(utc(0).replace(year=2026, month=3, day=2))
TYPES = {
    "I": CcRequestType.INITIAL,
    "U": CcRequestType.UPDATE,
    "T": CcRequestType.TERMINATION,
    "E": CcRequestType.EVENT,
}
TARIFF = {
    "before": TariffChangeUsage.UNIT_BEFORE_TARIFF_CHANGE,
    "after": TariffChangeUsage.UNIT_AFTER_TARIFF_CHANGE,
    "unsure": TariffChangeUsage.UNIT_INDETERMINATE,
}
STATUS = {"suspend": "suspended", "resume": "active", "terminate": "terminated"}
LASTING = ("peer", "context", "nsapi", "charging")
"""Options that a session keeps."""


def octets(text: str) -> int:
    """`4MB`, `0.3MB`, `100kB`, `17B` or bare octets."""
    for unit, factor in (("MB", 10**6), ("kB", 10**3), ("GB", 10**9), ("B", 1)):
        if text.endswith(unit):
            return int(Decimal(text.removesuffix(unit)) * factor)
    return int(text)


def world(name: str, change: dict[str, Any] | None = None) -> Provisioning:
    """The provisioning under `worlds/`, with values at dotted paths (plans and SIMs by id) changed or added."""
    path = HERE / "worlds" / f"{name}.yaml"
    tree = read_yaml(path)
    for dotted, value in (change or {}).items():
        node = tree
        *parents, last = dotted.split(".")
        for key in parents:
            if isinstance(node, list):
                node = node[int(key)] if key.isdigit() else next(item for item in node if item["id"] == key)
            else:
                node = node.setdefault(key, {})
        if isinstance(node, list):
            node.append(copy.deepcopy(value))
        elif value is None:
            del node[last]
        else:
            node[last] = copy.deepcopy(value)
    return checked(Provisioning.model_validate(tree), str(path), tree)


@dataclass
class Balances:
    """Used, reserved, expired and remaining octets by subscription, from ledger lines alone."""

    credited: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)

    def take(self, lines: list[Transfer]) -> None:
        for line in lines:
            to = {"credit": self.credited, "pending": self.reserved, "posted": self.used, "expired": self.expired}
            if line.kind in to:
                book = to[line.kind]
                book[line.subscription_id] = book.get(line.subscription_id, 0) + line.amount
            if line.pending_id is not None:
                self.reserved[line.subscription_id] -= line.amount

    def of(self, subscription_id: str) -> tuple[int, int, int]:
        used, reserved = self.used.get(subscription_id, 0), self.reserved.get(subscription_id, 0)
        gone = used + reserved + self.expired.get(subscription_id, 0)
        return used, reserved, self.credited.get(subscription_id, 0) - gone


@dataclass
class Player:
    """One case on its way: an engine, its ledger, the APN of each session, the last request."""

    provisioning: Provisioning
    later: Provisioning | None = None
    """What `renew` provisions: plans and profiles in higher versions."""
    engine: Engine = field(default_factory=lambda: Engine("ocs.example", "example", explaining=True))
    balances: Balances = field(default_factory=Balances)
    apns: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    last: Charge | None = None

    def __post_init__(self) -> None:
        outcome = self.engine.apply(Provision(self.provisioning, "world"), START)
        assert outcome.answer == Receipt(f"{len(self.provisioning.sims)} SIMs")
        self.balances.take(outcome.transfers)

    @property
    def imsi(self) -> str:
        return self.provisioning.sims[0].imsi

    def play(self, event: str, now: int) -> Outcome:
        head, _, tail = event.partition("|")
        match head.split():
            case ["again"]:
                assert self.last is not None
                outcome = self.engine.apply(Charge(self.last.ccr, retransmitted=True), now)
            case ["pass"]:
                outcome = self.engine.apply(Expire(), now)
            case ["topup", split, bundle]:
                outcome = self.engine.apply(TopUp(self.imsi, split, bundle, f"r{now}"), now)
            case [("suspend" | "resume" | "terminate") as verb, what]:
                split_id = None if what == "sim" else what
                command = SetStatus(self.imsi, split_id, STATUS[verb], "asked", f"r{now}")  # type: ignore[arg-type]
                outcome = self.engine.apply(command, now)
            case ["raa", session, rating_group, code]:
                group = None if rating_group == "-" else int(rating_group)
                outcome = self.engine.apply(PushAnswered(session, group, int(code)), now)
            case ["asa", session, code]:
                answered = PushAnswered(session, None, None if code == "none" else int(code))
                outcome = self.engine.apply(answered, now)
            case ["plan", split, plan]:
                outcome = self.engine.apply(ChangePlan(self.imsi, split, plan, f"r{now}"), now)
            case ["profile", name, *payers]:
                by_split = dict(payer.split("=") for payer in payers)
                profile = None if name == "none" else name
                outcome = self.engine.apply(ChangeProfile(self.imsi, profile, by_split, {}, f"r{now}"), now)
            case ["renew"]:
                assert self.later is not None
                outcome = self.engine.apply(Provision(self.later, f"r{now}"), now)
            case [session, *words]:
                if words[0] not in TYPES:
                    self.apns[session] = words.pop(0)
                kind, number, *options = words
                stated = dict(option.split("=", 1) for option in options[1:])
                sticky = self.options.setdefault(session, {})
                sticky.update((key, value) for key, value in stated.items() if key in LASTING)
                ccr = self.ccr(session, TYPES[kind], int(number), tail, now, sticky | stated)
                self.last = Charge(ccr, retransmitted="t" in stated)
                outcome = self.engine.apply(self.last, now)
            case _:
                raise AssertionError(f"no such event: {event}")
        self.balances.take(outcome.transfers)
        return outcome

    def ccr(
        self, session: str, kind: CcRequestType, number: int, services: str, now: int, options: dict[str, str]
    ) -> Ccr:
        apn = options.get("apn", self.apns[session])
        identities = {
            SubscriptionIdType.END_USER_IMSI: options.get("imsi", self.imsi if "msisdn" not in options else "none"),
            SubscriptionIdType.END_USER_E164: options.get("msisdn", "none"),
        }
        mscc = tuple(service(text) for text in services.split(";") if text.strip())
        bare = mscc[0] if mscc and "command" in services.split() else MultipleServicesCreditControl()
        stamp = options.get("stamp")
        nsapi = options.get("nsapi")
        context = {"sms": "32274@3gpp.org", "voice": "32260@3gpp.org"}.get(apn, "32251@3gpp.org")
        return Ccr(
            session_id=session,
            origin_host=options.get("peer", "pgw.example"),
            origin_realm="example",
            destination_realm="example",
            service_context_id=options.get("context", context),
            cc_request_type=kind,
            cc_request_number=number,
            origin_state_id=int(options["state"]) if "state" in options else None,
            event_timestamp=None if stamp == "none" else START // SECOND + int(stamp) if stamp else now // SECOND,
            subscription_id=tuple(
                SubscriptionId(subscription_id_type=kind, subscription_id_data=data)
                for kind, data in identities.items()
                if data != "none"
            ),
            requested_action=RequestedAction[options["action"]] if "action" in options else None,
            requested_service_unit=bare.requested_service_unit,
            used_service_unit=bare.used_service_unit,
            multiple_services_indicator=1,
            multiple_services_credit_control=mscc[bool(bare.requested_service_unit or bare.used_service_unit) :],
            service_information=ServiceInformation(
                ps_information=PsInformation(
                    called_station_id=None if apn in ("none", "sms", "voice") else apn,
                    nsapi=bytes([int(nsapi)]) if nsapi else None,
                    charging_id=int(options["charging"]) if "charging" in options else None,
                    ggsn_address=("192.0.2.1",) if "charging" in options else (),
                    sgsn_mcc_mnc=options.get("plmn"),
                    rat_type=bytes([int(options["rat"])]) if "rat" in options else None,
                )
            ),
        )


def service(text: str) -> MultipleServicesCreditControl:
    words = text.split()
    group = None if words[0] in ("-", "command") else int(words[0])
    mscc = MultipleServicesCreditControl(rating_group=group)
    used = UsedServiceUnit()
    parts = []
    place = 1
    while place < len(words):
        word, value = words[place], words[place + 1] if place + 1 < len(words) else ""
        place += 2
        match word:
            case "used":
                used.cc_total_octets = octets(value)
            case "up":
                used.cc_input_octets = octets(value)
            case "down":
                used.cc_output_octets = octets(value)
            case "time":
                used.cc_time = int(value)
            case "units":
                used.cc_service_specific_units = int(value)
            case "and":
                place -= 1
                parts.append(used)
                used = UsedServiceUnit()
            case "before" | "after" | "unsure":
                period = UsedServiceUnit(tariff_change_usage=TARIFF[word])
                if "/" in value:
                    period.cc_input_octets, period.cc_output_octets = map(octets, value.split("/"))
                else:
                    period.cc_total_octets = octets(value)
                parts.append(period)
            case "because":
                used.reporting_reason = ReportingReason[value]
            case "asktime":
                mscc.requested_service_unit = RequestedServiceUnit(cc_time=int(value))
            case "askunits":
                mscc.requested_service_unit = RequestedServiceUnit(cc_service_specific_units=int(value))
            case "askmoney":
                place -= 1
                money = CcMoney(unit_value=UnitValue(value_digits=1))
                mscc.requested_service_unit = RequestedServiceUnit(cc_money=money)
            case "reason":
                mscc.reporting_reason = (ReportingReason[value],)
            case "si":
                mscc.service_identifier = (int(value),)
            case "ask":
                wish = octets(value) if value[:1].isdigit() else None
                place -= wish is None
                mscc.requested_service_unit = RequestedServiceUnit(cc_total_octets=wish)
            case _:
                raise AssertionError(f"no such word: {word}")
    if used != UsedServiceUnit():
        parts.append(used)
    mscc.used_service_unit = tuple(parts)
    return mscc
