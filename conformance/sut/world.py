"""The world in which our own OCS is tested: accounts, plans, profiles and subscribers by role, as data."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from pathlib import Path

from ruamel.yaml import YAML

from conformance.sut.ics import Claims, Service, Subscriber, Subscribers

RICH_OCTETS = 10**15
POOL_OCTETS = 6_000_000
_NEWCOMER = 900_000
"""IMSIs from here on are issued by the orders of hook provision."""
PREPAID_OCTETS = 10_000_000

HOW_MANY = {
    "prepaid": 90, "final_unit": 5, "redirect": 6, "restrict": 2, "short": 5, "split": 18, "shared": 20, "rated": 2,
    "pooled": 3, "newcomer": 5,
}  # fmt: skip
"""Subscribers of the roles that serve one case each, or one case together."""


def _plan(plan_id: str, volume: int, slice_octets: int, **more: object) -> dict[str, object]:
    quota = {"slice": slice_octets, "least_slice": 100_000, "validity": 3600}
    quota.update(more.pop("quota", {}))  # type: ignore[call-overload]
    return {
        "id": plan_id,
        "kind": "prepaid_individual",
        "free_quota": {"id": f"{plan_id}-free", "volume": volume, "valid": "28 days"},
        "bundles": [{"id": "more", "volume": PREPAID_OCTETS, "valid": "28 days", "price": 1}],
        "quota": quota,
        **more,
    }


PLANS: list[dict[str, object]] = [
    {
        "id": "fleet",
        "kind": "postpaid_individual",
        "included": 5_000_000,
        "recurring": 1,
        "overage": {"price": 0.02, "per": "1 MB", "block": "1 kB"},
        "sms": 0.05,
        "voice": {"price": 0.06, "per": "1 min", "block": "1 s", "slice": "5 min", "threshold": "30 s",
                  "consumption_time": "10 s"},
    },
    {
        "id": "pool",
        "kind": "postpaid_fixed_pool",
        "included": POOL_OCTETS,
        "recurring": 1,
        "overage": {"price": 0.02, "per": "1 MB", "block": "1 kB"},
    },
    _plan("rich", RICH_OCTETS, 10_000_000),
    _plan("prepaid", PREPAID_OCTETS, 4_000_000),
    _plan("final_unit", PREPAID_OCTETS, 4_000_000, end_signal="final_unit"),
    _plan("redirect", PREPAID_OCTETS, 4_000_000, end_signal="final_unit", final_unit_action="redirect",
          redirect_to="http://topup.example/", on_exhaustion="block_rg", quota={"validity": 2, "grace": 2}),
    _plan("restrict", PREPAID_OCTETS, 4_000_000, end_signal="final_unit", final_unit_action="restrict",
          restrict_to=["permit out ip from 192.0.2.1 to any"], on_exhaustion="block_rg"),
    _plan("short", PREPAID_OCTETS, 4_000_000, quota={"validity": 2, "grace": 1}),
    _plan("rated", PREPAID_OCTETS, 4_000_000,
          quota={"holding_time": 30, "threshold": 400_000, "triggers": ["CHANGE_IN_RAT"]}),
]  # fmt: skip


def _profile(name: str, *splits: dict[str, object]) -> dict[str, object]:
    return {"id": name, "splits": list(splits)}


def _consumer(plan: str, apn: str = "wifi", groups: tuple[int, ...] = (200, 201)) -> dict[str, object]:
    return {"id": "wifi", "party": "b2c", "apn": apn, "rating_groups": list(groups), "plan": plan}


_FLEET: dict[str, object] = {"id": "fleet", "party": "b2b", "payer": "acme", "apn": "fleet.acme", "plan": "fleet"}
_CABIN: dict[str, object] = {
    "id": "cabin",
    "party": "b2b",
    "payer": "acme",
    "apn": "car",
    "rating_groups": [100, 101],
    "plan": "fleet",
}

_ROLES = ("rich", "prepaid", "final_unit", "redirect", "restrict", "short", "rated")

PROFILES: list[dict[str, object]] = [
    *(_profile(role, _FLEET, _consumer(role)) for role in _ROLES),
    _profile("shared", _CABIN, _consumer("prepaid", "car")),
    _profile("moved", {**_CABIN, "rating_groups": [100, 101, 201]}, _consumer("prepaid", "car", (200,))),
    _profile("pool", {**_FLEET, "plan": "pool"}),
]

ALTERATIONS: dict[str, tuple[str | None, dict[str, str]]] = {
    "group_to_enterprise": ("moved", {"wifi": "driver"}),
    "new_owner": ("shared", {"wifi": "buyer"}),
    "no_profile": (None, {}),
}
"""The profile that a SIM gets, and who pays for its splits, by the names of `conformance.cases.alterations`."""


class Issued:
    """IMSIs, ICCIDs and MSISDNs in order."""

    def __init__(self) -> None:
        self.sims: list[dict[str, object]] = []

    def sim(self, **fields: object) -> tuple[str, str]:
        """The next SIM; its IMSI and MSISDN."""
        number = len(self.sims) + 1
        imsi, msisdn = f"00101{number:010d}", f"4917{number:09d}"
        payers = {"payers": {"wifi": "driver"}} if fields.get("profile") not in (None, "pool") else {}
        self.sims.append(
            {"imsi": imsi, "iccid": _iccid(number), "msisdn": msisdn, "account": "acme", **payers, **fields}
        )
        return imsi, msisdn


def _iccid(number: int) -> str:
    """89 and so on, with its Luhn digit."""
    digits = f"8999901{number:011d}"
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def world() -> tuple[dict[str, object], Subscribers]:
    """The provisioning file of our OCS, and the same subscribers by role."""
    issued = Issued()

    def consumer(role: str, balance: int) -> Subscriber:
        imsi, msisdn = issued.sim(profile=role)
        return Subscriber(
            imsi=imsi, msisdn=msisdn, apn="wifi", rating_groups=(200, 201), balance_octets=balance, split="wifi"
        )

    def both(profile: str, apn: str, groups: tuple[int, ...], consumer_apn: str) -> Subscriber:
        imsi, msisdn = issued.sim(profile=profile)
        part = Service(apn=consumer_apn, rating_groups=(200, 201), balance_octets=PREPAID_OCTETS, split="wifi")
        enterprise = "fleet" if profile != "shared" else "cabin"
        return Subscriber(
            imsi=imsi, msisdn=msisdn, apn=apn, rating_groups=groups, balance_octets=5_000_000, split=enterprise,
            consumer=part,
        )  # fmt: skip

    by_role: dict[str, tuple[Subscriber, ...]] = {
        "rich": (consumer("rich", RICH_OCTETS), consumer("rich", RICH_OCTETS))
    }
    for role in ("prepaid", "final_unit", "redirect", "restrict", "short", "rated"):
        by_role[role] = tuple(consumer(role, PREPAID_OCTETS) for _ in range(HOW_MANY[role]))
    by_role["split"] = tuple(both("prepaid", "fleet.acme", (100, 101), "wifi") for _ in range(HOW_MANY["split"]))
    by_role["shared"] = tuple(both("shared", "car", (100, 101), "car") for _ in range(HOW_MANY["shared"]))
    imsi, msisdn = issued.sim(profile="prepaid")
    fleet = Subscriber(imsi=imsi, msisdn=msisdn, apn="fleet.acme", rating_groups=(100, 101), balance_octets=5_000_000)
    by_role["postpaid"] = (fleet,)
    by_role["voice"] = (fleet.model_copy(update={"context": "32260@3gpp.org", "balance_octets": None}),)
    by_role["messages"] = (fleet.model_copy(update={"context": "32274@3gpp.org", "balance_octets": None}),)
    newcomers = [(str(sim["imsi"]), str(sim["msisdn"])) for sim in _newcomers()]
    by_role["newcomer"] = tuple(
        Subscriber(imsi=imsi, msisdn=msisdn, apn="wifi", rating_groups=(200, 201), balance_octets=PREPAID_OCTETS)
        for imsi, msisdn in newcomers
    )
    pooled = [issued.sim(profile="pool") for _ in range(HOW_MANY["pooled"])]
    by_role["pooled"] = tuple(
        Subscriber(imsi=imsi, msisdn=msisdn, apn="fleet.acme", rating_groups=(100, 101), balance_octets=_pool_octets())
        for imsi, msisdn in pooled
    )
    imsi, msisdn = issued.sim(plan="fleet")
    by_role["ordinary"] = (Subscriber(imsi=imsi, msisdn=msisdn, apn="internet", rating_groups=(1, 2)),)
    by_role["barred"] = (consumer("rich", RICH_OCTETS),)
    provisioning: dict[str, object] = {
        "accounts": [
            {"id": "acme", "kind": "company", "name": "ACME Cars"},
            {"id": "driver", "kind": "customer"},
            {"id": "buyer", "kind": "customer"},
        ],
        "operator": {"time_zone": "UTC"},
        "plans": PLANS,
        "profiles": PROFILES,
        "sims": issued.sims,
    }
    return provisioning, Subscribers(**by_role)


CLAIMS = Claims(
    rating_group_absent="granted",
    unknown_apn_codes=(4010,),
    overrun="recorded",
    reservation_grace_seconds=1.0,
    mpc_imsi="999000000000001",
)


EDR_COLUMNS = {
    "session_id": "session_id",
    "request_number": "cc_request_number",
    "imsi": "physical_imsi",
    "virtual_imsi": "mpc_imsi",
    "virtual_iccid": "mpc_iccid",
    "rating_group": "rating_group",
    "apn": "apn",
    "octets": "octets_total",
    "plan": "plan_id",
    "subscription": "subscription_id",
    "payer": "account_id",
    "reason": "reporting_reason",
    "overrun": "octets_overrun",
}


def _pool_octets() -> int:
    """What the pool includes in the cycle that runs: it begins today, and so has its part of the month."""
    today = datetime.now(UTC)
    days = monthrange(today.year, today.month)[1]
    return POOL_OCTETS * (days - today.day + 1) // days


def orders() -> dict[str, dict[str, object]]:
    """The orders of hook provision (`conformance.cases.provisioning`) by name and IMSI, for `splitsim provision`."""
    prepaid = next(plan for plan in PLANS if plan["id"] == "prepaid")
    fleet = PLANS[0]
    accounts: list[dict[str, object]] = [
        {"id": "acme", "kind": "company", "name": "ACME Cars"},
        {"id": "driver", "kind": "customer"},
    ]

    def file(what: str, splits: list[dict[str, object]], *plans: dict[str, object], **sim: object) -> dict[str, object]:
        issued = Issued()
        issued.sims = [{}] * (_NEWCOMER + HOW_MANY["newcomer"] + len(made))
        profile = f"{what}-profile"
        fields = sim or {"profile": profile}
        if not any(split["id"] == "wifi" for split in splits):
            fields = {**fields, "payers": {}}
        issued.sim(**fields)
        made[what] = {
            "accounts": accounts,
            "plans": [*plans],
            "profiles": [{"id": profile, "splits": splits}],
            "sims": issued.sims[-1:],
        }
        return made[what]

    def consumer(plan: str, *groups: int, **more: object) -> dict[str, object]:
        return {"id": "wifi", "party": "b2c", "apn": "wifi", "rating_groups": list(groups), "plan": plan, **more}

    made: dict[str, dict[str, object]] = {}
    for what, groups in (("split_catch_all", ()), ("split_one_group", (7,)), ("split_groups", (7, 8, 9))):
        file(what, [consumer("prepaid", *groups)], prepaid)
    headless = file("split_without_apn", [consumer("prepaid", 7)], prepaid)
    headless["profiles"] = [
        {"id": "split_without_apn-profile", "splits": [{"id": "wifi", "party": "b2c", "plan": "prepaid"}]}
    ]
    file("splits_that_overlap", [consumer("prepaid", 7), consumer("prepaid", 7, id="other")], prepaid)
    for kind in ("individual", "flex_pool", "fixed_pool"):
        plan: dict[str, object] = {
            "id": f"c-{kind}",
            "kind": f"postpaid_{kind}",
            "included": 5_000_000,
            "recurring": 1,
            "overage": {"price": 0.02, "per": "1 MB", "block": "1 kB"},
        }
        file(f"postpaid_{kind}_to_sim", [{**_FLEET, "plan": plan["id"]}], plan)
    file("postpaid_to_virtual_sim", [consumer("fleet", 7)], fleet)
    file("prepaid_to_virtual_sim", [consumer("prepaid", 7)], prepaid)
    file("prepaid_to_sim", [consumer("prepaid", 7)], prepaid, plan="prepaid")
    file("plan_with_apn", [consumer("c-apn", 7)], {**prepaid, "id": "c-apn", "apn": "wifi"})
    file("plan_with_rating_group", [consumer("c-rg", 7)], {**prepaid, "id": "c-rg", "rating_groups": [7]})
    for sim in _newcomers():
        made[f"newcomer{sim['imsi']}"] = {
            "accounts": accounts,
            "plans": [fleet, prepaid],
            "profiles": [profile for profile in PROFILES if profile["id"] == "prepaid"],
            "sims": [sim],
        }
    return made


def _newcomers() -> list[dict[str, object]]:
    """The SIMs of role newcomer, which are not there when the OCS begins."""
    issued = Issued()
    issued.sims = [{}] * _NEWCOMER
    for _ in range(HOW_MANY["newcomer"]):
        issued.sim(profile="prepaid")
    return issued.sims[_NEWCOMER:]


def write_provisioning(provisioning: dict[str, object], path: Path) -> None:
    """Writes the file that `splitsim serve --provision` reads."""
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(provisioning, file)
