"""Worked cases as data: what a charging engineer writes down, run through the engine's door.

A case names a world (a provisioning file under `worlds/`), changes to it, and steps. A step reads

    <time> <event> -> <result> | <what else must be seen> | ...

Events: `<session> [<apn>] I|U|T|E <number> [with <option>=<value> ...] | <service>; <service> ...`, `again` (the last
request repeated, T bit set), `topup <split> <bundle>`, `suspend|resume|terminate <split|sim>`,
`raa <session> <rg> <code>`, `pass` (time passes). Options: `imsi`, `msisdn` (`none` for neither), `context`, `apn`,
`action`, `peer`, `state` (Origin-State-Id), `nsapi`, `stamp` (seconds from the start, or `none`). APN `sms` and `voice`
stand for those service contexts. A service reads `<rating group> [used V] [up V down V] [time N] [units N] [ask [V]]
[asktime N] [askunits N] [askmoney] [reason R] [si N] [before V] [after V] [unsure V]`; a `-` stands for no rating
group, `command` for units outside of any MSCC.
Results: a Result-Code (with `ccfh X`, `failed <AVP>`, `balance X`, `cost <micros>`, `units V`), `ok`, `refused`,
`none`. What else: services of the answer `<rating group> <code> [V] [<validity>s] [final|redirect|restrict]
[change <seconds from the start>] [threshold V] [holding Ns] [consumption Ns] [trigger N]` (all of them, or none are
checked; V is octets, `<n>t` seconds or `<n>u` specific units), `<split> used/reserved/remaining` in MB,
`vsim <split> <status>`, `rar <session> <rg>` and `asr <session>` (all pushes, in order),
`edr <rating group> V [late] [unattributed] [time_from_receipt] [overrun V] [cost <micros>] [cycle <id>]` (all records),
`alarm`.

Balances are read off the ledger lines, not from the engine's memory.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ocs.charging.commands import Charge, Expire, Outcome, Provision, PushAnswered, Receipt, SetStatus, TopUp
from ocs.charging.engine import Engine
from ocs.files import read_yaml
from ocs.gy.dictionary import BY_CODE
from ocs.gy.messages import (
    Cca,
    CcMoney,
    Ccr,
    CcRequestType,
    CheckBalanceResult,
    CreditControlFailureHandling,
    FinalUnitAction,
    GrantedServiceUnit,
    MultipleServicesCreditControl,
    PsInformation,
    Rar,
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
from ocs.records.edr import Edr, Transfer
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
ACTIONS = {
    FinalUnitAction.TERMINATE: "final",
    FinalUnitAction.REDIRECT: "redirect",
    FinalUnitAction.RESTRICT_ACCESS: "restrict",
}
STATUS = {"suspend": "suspended", "resume": "active", "terminate": "terminated"}


def octets(text: str) -> int:
    """`4MB`, `0.3MB`, `100kB`, `17B` or bare octets."""
    for unit, factor in (("MB", 10**6), ("kB", 10**3), ("GB", 10**9), ("B", 1)):
        if text.endswith(unit):
            return int(Decimal(text.removesuffix(unit)) * factor)
    return int(text)


def world(name: str, change: dict[str, Any] | None = None) -> Provisioning:
    """The provisioning under `worlds/`, with values at dotted paths (plans and SIMs by id) changed."""
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
        if value is None:
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
    engine: Engine = field(default_factory=lambda: Engine("ocs.example", "example"))
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
            case [session, *words]:
                if words[0] not in TYPES:
                    self.apns[session] = words.pop(0)
                kind, number, *options = words
                stated = dict(option.split("=", 1) for option in options[1:])
                sticky = self.options.setdefault(session, {})
                sticky.update((key, value) for key, value in stated.items() if key in ("peer", "context", "nsapi"))
                self.last = Charge(self.ccr(session, TYPES[kind], int(number), tail, now, sticky | stated))
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
        bare = mscc[0] if "command" in services.split() else MultipleServicesCreditControl()
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
            multiple_services_credit_control=() if "command" in services.split() else mscc,
            service_information=ServiceInformation(
                ps_information=PsInformation(
                    called_station_id=None if apn in ("none", "sms", "voice") else apn,
                    nsapi=bytes([int(nsapi)]) if nsapi else None,
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
            case "before" | "after" | "unsure":
                parts.append(UsedServiceUnit(cc_total_octets=octets(value), tariff_change_usage=TARIFF[word]))
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
        parts.insert(0, used)
    mscc.used_service_unit = tuple(parts)
    return mscc


def described(mscc: MultipleServicesCreditControl) -> str:
    """An MSCC of an answer in the words of a case."""
    words = ["-" if mscc.rating_group is None else str(mscc.rating_group), str(mscc.result_code)]
    if mscc.granted_service_unit is not None:
        granted = mscc.granted_service_unit
        words.append(units(granted))
        if granted.tariff_time_change is not None:
            words.append(f"change {granted.tariff_time_change - START // SECOND}")
    if mscc.validity_time is not None:
        words.append(f"{mscc.validity_time}s")
    if mscc.final_unit_indication is not None:
        words.append(ACTIONS[mscc.final_unit_indication.final_unit_action])
    if mscc.volume_quota_threshold is not None:
        words.append(f"threshold {mscc.volume_quota_threshold}")
    if mscc.quota_holding_time is not None:
        words.append(f"holding {mscc.quota_holding_time}s")
    if mscc.time_quota_threshold is not None:
        words.append(f"threshold {mscc.time_quota_threshold}t")
    if mscc.quota_consumption_time is not None:
        words.append(f"consumption {mscc.quota_consumption_time}s")
    if mscc.trigger is not None:
        words.extend(f"trigger {kind}" for kind in mscc.trigger.trigger_type)
    return " ".join(words)


def units(granted: GrantedServiceUnit) -> str:
    """What is granted: octets, seconds (`t`) or service-specific units (`u`)."""
    if granted.cc_time is not None:
        return f"{granted.cc_time}t"
    if granted.cc_service_specific_units is not None:
        return f"{granted.cc_service_specific_units}u"
    return str(granted.cc_total_octets)


def edr_words(edr: Edr, like: str) -> str:
    """A record in the words of a case; cost and cycle only where the case speaks of them."""
    amount = str(edr.units_used) + {"octets": "", "seconds": "t", "units": "u"}[edr.unit_type]
    words = ["-" if edr.rating_group is None else str(edr.rating_group), amount, *edr.flags.split()]
    if edr.octets_overrun:
        words.append(f"overrun {edr.octets_overrun}")
    if " cost " in like:
        words.append(f"cost {edr.amount_micros}")
    if " cycle " in like:
        words.append(f"cycle {edr.cycle_id}")
    return " ".join(words)


def exact(text: str) -> str:
    """The words of a case with every volume in octets."""
    words = text.split()
    return " ".join(str(octets(w)) if w[:1].isdigit() and w.endswith("B") else w for w in words)


def check(player: Player, outcome: Outcome, expected: str) -> Iterator[tuple[str, object, object]]:
    """(what, expected, seen) of everything that a step states."""
    result, *facts = [part.strip() for part in expected.split("|")]
    answer = outcome.answer
    match result.split():
        case ["none"]:
            yield "answer", None, answer
        case ["ok"]:
            assert isinstance(answer, Receipt)
            yield "error", None, answer.error
        case ["refused"]:
            assert isinstance(answer, Receipt)
            yield "refused", True, answer.error is not None
        case [code, *more]:
            assert isinstance(answer, Cca)
            yield "Result-Code", int(code), answer.result_code
            for word, value in zip(more[::2], more[1::2], strict=True):
                if word == "ccfh":
                    yield word, CreditControlFailureHandling[value], answer.credit_control_failure_handling
                elif word == "failed":
                    found = [int.from_bytes(avp.octets[:4], "big") for avp in answer.failed_avp]
                    yield word, value, BY_CODE[found[0], 0].name if found else None
                elif word == "balance":
                    yield word, CheckBalanceResult[value], answer.check_balance_result
                elif word == "cost":
                    cost = answer.cost_information
                    yield word, (int(value), -6), cost and (cost.unit_value.value_digits, cost.unit_value.exponent)
                elif word == "units":
                    granted = answer.granted_service_unit
                    yield word, exact(value), granted and units(granted)
                else:
                    raise AssertionError(f"no such word: {word}")
    pushes = [
        f"rar {push.session_id} {'-' if push.rating_group is None else push.rating_group}"
        if isinstance(push, Rar)
        else f"asr {push.session_id}"
        for push in outcome.pushes
    ]
    yield "pushes", [fact for fact in facts if fact.startswith(("rar ", "asr "))], pushes
    edrs = [exact(fact.removeprefix("edr ")) for fact in facts if fact.startswith("edr ")]
    if edrs:
        like = " ".join(edrs)
        yield "records", edrs, [edr_words(edr, f" {like} ") for edr in outcome.edrs]
    yield "alarm", "alarm" in facts, bool(outcome.alarms)
    for fact in facts:
        match fact.split():
            case ["rar" | "asr" | "edr" | "alarm", *_]:
                pass
            case ["vsim", split, status]:
                subscriber = player.engine.state.inventory.by_imsi[player.imsi]
                yield fact, status, subscriber.subscriptions[split].status.value
            case [split, amounts] if "/" in amounts:
                seen = player.balances.of(f"{player.imsi}/{split}/1")
                yield split, tuple(int(Decimal(part) * 10**6) for part in amounts.split("/")), seen
            case _:
                assert isinstance(answer, Cca)
                seen_services = [described(mscc) for mscc in answer.multiple_services_credit_control]
                yield "services", [exact(text) for text in fact.split(";")], seen_services


def load(path: Path) -> list[dict[str, Any]]:
    return list(read_yaml(path))


def run(case: dict[str, Any]) -> None:
    """Play a case; the first step that goes otherwise fails with its line."""
    player = Player(world(case["world"], case.get("change")))
    for line in case["steps"].splitlines():
        if not line.strip():
            continue
        event, _, expected = line.partition("->")
        time, _, event = event.strip().partition(" ")
        outcome = player.play(event.strip(), START + int(Decimal(time.removesuffix("s")) * SECOND))
        for what, wanted, seen in check(player, outcome, expected):
            assert seen == wanted, f"{case['case']}\n{line}\n{what}: expected {wanted}, seen {seen}"
