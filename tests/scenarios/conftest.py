"""A gateway worked by hand: it says to the engine what a test tells it to, and notes it as evidence."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ocs.billing.books import Books
from ocs.billing.close import close_cycle
from ocs.charging.commands import Charge, Expire, Provision, PushAnswered, TopUp
from ocs.charging.engine import Engine
from ocs.files import validate
from ocs.gy.messages import (
    Cca,
    Ccr,
    CcRequestType,
    MultipleServicesCreditControl,
    PsInformation,
    Rar,
    ReportingReason,
    RequestedServiceUnit,
    ServiceInformation,
    SubscriptionId,
    SubscriptionIdType,
    UsedServiceUnit,
)
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.inventory.register import Register
from ocs.rating.cycle import cycle_of
from ocs.records.edr import Edr, Transfer
from ocs.units import SECOND, instant
from scenarios.evidence import Evidence, Purchase, Twin
from scenarios.issue import without_consumers
from scenarios.loading import library
from sim.fleet.cars import Car
from sim.fleet.signals import Signal
from sim.pgw.bearer import Settings
from sim.signals import Core, Served
from sim.truth import Step
from sim.world import Exchange, Push

BEGINS = instant(datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Berlin")))
ENDS = instant(datetime(2026, 4, 1, tzinfo=ZoneInfo("Europe/Berlin")))
MB = 1_000_000

SOLD = {
    "accounts": [
        {"id": "acme", "kind": "company", "name": "ACME"},
        {"id": "d1", "kind": "customer"},
        {"id": "d2", "kind": "customer"},
    ],
    "plans": [
        {
            "id": "tele",
            "kind": "postpaid_individual",
            "included": "50 MB",
            "recurring": "1.20",
            "overage": {"price": "0.02", "per": "1 MB", "block": "1 kB"},
            "sms": "0.05",
            "voice": {"price": "0.06", "per": "1 min", "block": "10 s"},
        },
        *(
            {
                "id": name,
                "kind": "prepaid_individual",
                "free_quota": {"id": "trial", "volume": "10 MB", "valid": "28 days"},
                "bundles": [{"id": "1gb", "volume": "1 GB", "valid": "28 days", "price": "7.00"}],
                "quota": {"slice": "4 MB", "validity": "1 h"},
                "end_signal": signal,
                "on_exhaustion": exhausted,
            }
            for name, signal, exhausted in (
                ("code", "result_code", "end_session"),
                ("final", "final_unit", "end_session"),
                ("block", "result_code", "block_rg"),
            )
        ),
    ],
    "profiles": [
        {
            "id": "two",
            "splits": [
                {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "fleet", "plan": "tele"},
                {"id": "wifi", "party": "b2c", "apn": "wifi", "plan": "code", "rating_groups": [200]},
            ],
        },
        {
            "id": "one",
            "splits": [
                {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "car", "rating_groups": [100], "plan": "tele"},
                {"id": "wifi", "party": "b2c", "apn": "car", "rating_groups": [200], "plan": "block"},
            ],
        },
    ],
}  # fmt: skip


class Gateway:
    """Two cars: `two-001` with an APN for each payer, `one-001` with one APN for both. Instants are since BEGINS."""

    def __init__(self, wifi_plan: str = "code", engine: Engine | None = None, consumers: bool = True) -> None:
        sims = [
            {"imsi": "001010000000001", "iccid": "899990100000000001", "account": "acme", "profile": "two",
             "payers": {"wifi": "d1"}, "plans": {"wifi": wifi_plan}},
            {"imsi": "001010000000002", "iccid": "899990100000000002", "account": "acme", "profile": "one",
             "payers": {"wifi": "d2"}},
        ]  # fmt: skip
        self.sold = validate(Provisioning, {**SOLD, "sims": sims}, "test")
        self.sims = {"two-001": self.sold.sims[0], "one-001": self.sold.sims[1]}
        self.engine = engine or Engine("ocs.test", "test")
        self.numbers: dict[str, int] = {}
        self.exchanges: list[Exchange] = []
        self.steps: list[Step] = []
        self.pushes: list[Push] = []
        self.purchases: list[Purchase] = []
        self.served: list[Served] = []
        self.edrs: list[Edr] = []
        self.transfers: list[Transfer] = []
        self.changes: list[Change] = []
        self._apply(Provision(self.sold if consumers else without_consumers(self.sold), "start"), 0)
        for vehicle in self.sims if consumers else ():
            self.purchases.append(Purchase(vehicle, "wifi", "trial", BEGINS, 10 * MB, 28 * 86_400, 0))

    def say(
        self, kind: str, vehicle: str, apn: str, at: int, *services: tuple[int, int, bool], session: int = 1
    ) -> Cca:
        """One CCR of `kind` I, U or T; `services` are (rating group, octets used or -1 for no report, asks for units).

        What is reported goes through the data path in the second before.
        """
        session_id = f"pgw;{vehicle};{apn};{session}"
        number = self.numbers.get(session_id, -1) + 1
        self.numbers[session_id] = number
        for rating_group, used, _ in services:
            if used > 0:
                self.move(vehicle, apn, rating_group, at, used)
        mscc = tuple(
            MultipleServicesCreditControl(
                rating_group=rating_group,
                requested_service_unit=RequestedServiceUnit() if asks else None,
                used_service_unit=() if used < 0 else (
                    UsedServiceUnit(cc_total_octets=used, reporting_reason=ReportingReason.QUOTA_EXHAUSTED),
                ),
            )
            for rating_group, used, asks in services
        )  # fmt: skip
        request = Ccr(
            session_id=session_id,
            origin_host="pgw.test",
            origin_realm="test",
            destination_realm="test",
            service_context_id="32251@3gpp.org",
            cc_request_type=CcRequestType("IUT".index(kind) + 1),
            cc_request_number=number,
            event_timestamp=(BEGINS + at) // SECOND,
            subscription_id=(
                SubscriptionId(
                    subscription_id_type=SubscriptionIdType.END_USER_IMSI,
                    subscription_id_data=self.sims[vehicle].imsi,
                ),
            ),
            multiple_services_indicator=1,
            multiple_services_credit_control=mscc,
            service_information=ServiceInformation(ps_information=PsInformation(called_station_id=apn)),
        )
        place = len(self.exchanges)
        answer = self._apply(Charge(request), at, vehicle)
        assert isinstance(answer, Cca)
        self.exchanges.insert(place, Exchange(vehicle, BEGINS + at, request, answer))
        return answer

    def move(self, vehicle: str, apn: str, rating_group: int, at: int, octets: int) -> None:
        """Octets through the data path."""
        self.steps.append(Step(vehicle, apn, rating_group, BEGINS + at - SECOND, BEGINS + at, octets))

    def signal(self, vehicle: str, at: int, seconds: int) -> None:
        """A message (no seconds) or a call of the car's physical SIM, to its end."""
        to_come: list[tuple[int, Callable[[int], None]]] = []

        def exchange(_: str, request: Ccr) -> Cca:
            answer = self._apply(Charge(request), now - BEGINS, vehicle)
            assert isinstance(answer, Cca)
            self.exchanges.append(Exchange(vehicle, now, request, answer))
            return answer

        settings = Settings(origin_host="pgw.test", origin_realm="test", destination_realm="test")
        core = Core(settings, 0, ENDS, exchange, lambda *what: to_come.append(what), lambda: None)
        core.expect(Car(vehicle, self.sims[vehicle].imsi, None, ()), iter([Signal(BEGINS + at, seconds)]))
        while to_come:
            now, what = to_come.pop(0)
            what(now)
        self.served += core.served

    def buy(self, vehicle: str, at: int) -> None:
        """The driver buys the bundle of 1 GB."""
        self.purchases.append(Purchase(vehicle, "wifi", "1gb", BEGINS + at, 1000 * MB, 28 * 86_400, 7 * MB))
        self._apply(TopUp(self.sims[vehicle].imsi, "wifi", "1gb", f"{vehicle}/{at}"), at, vehicle)

    def _apply(self, command: object, at: int, vehicle: str = "") -> object:
        outcome = self.engine.apply(command, BEGINS + at)  # type: ignore[arg-type]
        self.edrs += outcome.edrs
        self.transfers += outcome.transfers
        self.changes += outcome.changes
        for push in outcome.pushes:
            self.pushes.append(Push(vehicle, BEGINS + at, push))
            group = push.rating_group if isinstance(push, Rar) else None
            self._apply(PushAnswered(push.session_id, group, 2002), at, vehicle)
        return outcome.answer

    def evidence(
        self, twin: "Gateway | None" = None, unreported: dict[tuple[str, str, int, str], int] | None = None
    ) -> Evidence:
        """All that was said and done, with the month closed."""
        self._apply(Expire(), ENDS - BEGINS)
        cycle = cycle_of(BEGINS, "Europe/Berlin", 1)
        records = tuple(self.changes), tuple(self.edrs), tuple(self.transfers)
        close = close_cycle(cycle, Books(Register.of([self.sold]), *records))
        return Evidence(
            provisioning=self.sold,
            sims=self.sims,
            begins=BEGINS,
            ends=ENDS,
            zone=ZoneInfo("Europe/Berlin"),
            steps=self.steps,
            exchanges=self.exchanges,
            pushes=self.pushes,
            purchases=self.purchases,
            unreported=unreported or defaultdict(int),
            edrs=self.edrs,
            transfers=self.transfers,
            rated=close.rated,
            documents=list(close.documents),
            twin=Twin(twin.exchanges, twin.pushes) if twin else Twin(self.exchanges, self.pushes),
            differences=[],
            served=self.served,
        )


@pytest.fixture
def gateway() -> type[Gateway]:
    """The class, for tests to make gateways of."""
    return Gateway


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A scenario file of three cars and ten days."""
    return small_scenario(tmp_path)


def small_scenario(folder: Path) -> Path:
    """The flagship with one car of each group, less time and allowances that end soon, as a file in `folder`."""
    text = library()["b2c_exhaustion"].read_text(encoding="utf-8")
    text = re.sub(r"vehicles: \d+", "vehicles: 1", text)
    text = text.replace("volume: 300 MB", "volume: 60 MB").replace("duration: 31 days", "duration: 10 days")
    text = re.sub(r"timeline:\n.*\n", "timeline: []\n", text)
    text = text.replace("top_up_probability: 0.7", "top_up_probability: 1").replace("delay: 6 h", "delay: 10 min")
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path
